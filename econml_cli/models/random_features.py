"""Random features: a hidden layer that stays as it was drawn, and a model linear in it."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.lax import Precision

from econml_cli.models.least_squares import Fixed, solve_layer, weights
from econml_cli.models.table import RandomFeatureModelOptions, RandomFeaturesOptions
from econml_cli.options.fields import values_of


class RandomFeatures(nnx.Module):
    """phi(x) = p random features of x, fixed once drawn: [n, din] -> [n, p].

    `relu`: max(x W + b, 0) / sqrt(p) with W ~ N(0, 1/din); b ~ N(0, 1/din) with `bias`, else 0. Without a bias phi is
    homogeneous of degree one: of a single input it makes two different functions only.
    `cosine`: sqrt(2/p) cos(x W / length_scale + b) with W ~ N(0, 1) and b ~ U(0, 2 pi). Then E[phi(x)'phi(y)] =
    exp(-|x - y|^2 / (2 length_scale^2)), the RBF kernel. Source: Rahimi and Recht (2007), "Random Features for
    Large-Scale Kernel Machines".

    Args:
        options: those of `RandomFeaturesOptions`; `num_features` is p.

    Attributes:
        dout: p.
    """

    def __init__(self, din: int, *, param_dtype: Any = jnp.float32, rngs: nnx.Rngs, **options: Any):
        p = RandomFeaturesOptions(**options)
        self.nonlinearity, self.dout = p.nonlinearity, p.num_features
        sd = 1 / math.sqrt(din) if p.nonlinearity == "relu" else 1 / p.length_scale
        kernel = sd * jax.random.normal(rngs.params(), (din, self.dout), param_dtype)
        if p.nonlinearity == "cosine":
            shift = jax.random.uniform(rngs.params(), (self.dout,), param_dtype, maxval=2 * math.pi)
        elif p.bias:
            shift = sd * jax.random.normal(rngs.params(), (self.dout,), param_dtype)
        else:
            shift = jnp.zeros((self.dout,), param_dtype)
        self.kernel, self.bias = Fixed(kernel), Fixed(shift)

    def __call__(self, x: jax.Array) -> jax.Array:
        """phi(x) of x [n, ...], shaped [n, p]; an observation that is not a vector is read as one."""
        into = jnp.matmul(x.reshape(len(x), -1), self.kernel[...], precision=Precision.HIGHEST) + self.bias[...]
        if self.nonlinearity == "relu":
            return jnp.maximum(into, 0) / math.sqrt(self.dout)
        return math.sqrt(2 / self.dout) * jnp.cos(into)

    def design(self, x: Any) -> np.ndarray:
        """phi(x) in float64, whatever the precision of the model."""
        kernel, bias = (np.asarray(fixed[...], np.float64) for fixed in (self.kernel, self.bias))
        into = np.asarray(x, np.float64).reshape(len(x), -1) @ kernel + bias
        if self.nonlinearity == "relu":
            return np.maximum(into, 0) / math.sqrt(self.dout)
        return math.sqrt(2 / self.dout) * np.cos(into)


class RandomFeatureModel(nnx.Module):
    """f(x) = W'phi(x): [n, din] -> [n, dout], phi(x) random features; least squares, of minimum norm or with a ridge.

    W minimises ||y - phi(x) W||^2 + ridge ||W||^2, and without a ridge it is the one of smallest norm where several
    interpolate ("ridgeless"). The risk has a peak where there are as many features as observations, and falls again
    beyond: double descent. Source: Hastie, Montanari, Rosset and Tibshirani (2022), "Surprises in High-Dimensional
    Ridgeless Least Squares Interpolation".

    Args:
        n: observations in the training sample, for the weight of the ridge in a mean loss.
        options: those of `RandomFeatureModelOptions`; by gradient it is trained from W = 0.
    """

    def __init__(
        self, din: int, dout: int, *, n: int = 1, param_dtype: Any = jnp.float32, rngs: nnx.Rngs, **options: Any
    ):
        p = RandomFeatureModelOptions(**options)
        self.solver = p.solver
        self.outcomes = n * dout
        common = {"param_dtype": param_dtype, "rngs": rngs}
        self.phi = RandomFeatures(din, **common, **values_of(p, RandomFeaturesOptions))
        self.W = weights(self.phi.dout, dout, **common)
        self.ridge = Fixed(jnp.asarray(p.ridge, param_dtype))

    def __call__(self, x: jax.Array) -> jax.Array:
        """Values at x [n, ...], shaped [n, dout]."""
        out: jax.Array = self.W(self.embed(x))
        return out

    def embed(self, x: jax.Array) -> jax.Array:
        """The representation z = phi(x) of x [n, ...], [n, p]."""
        return self.phi(x)

    def solve(self, x: Any, y: Any, w: Any = None) -> dict[str, Any]:
        """Set W to the exact solution on x [n, ...] and y [n, dout].

        Returns:
            `condition_number`, `rank` and `columns` of the design phi(x), without the ridge, and `fitted`, as
            `least_squares.solve_layer`.
        """
        return solve_layer(self.W, self.phi.design(x), y, float(self.ridge[...]), w)

    def penalty(self, x: jax.Array) -> jax.Array:
        """ridge ||W||^2 over the n dout squared errors whose mean is the loss: what `solve` minimises, in that unit."""
        weighed: jax.Array = self.ridge[...] / self.outcomes * jnp.sum(jnp.square(self.W.kernel[...]))
        return weighed
