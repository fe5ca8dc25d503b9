"""Kernel regression: ridge, and ridgeless interpolation, in the space of functions that a kernel spans."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.lax import Precision
from scipy import linalg
from scipy.spatial.distance import cdist, pdist

from econml_cli.models.least_squares import Fixed, rounded, sums_rounded
from econml_cli.models.table import KernelOptions

#: observations that a Gram matrix is made of, at most: 3.2 GB in float64
LARGEST = 20_000
#: numbers k(x, x_i) that are held at once
BLOCK = 2**24
#: observations whose distances the default length scale is the median of
SAMPLED = 1000

#: k as a function of the squared distance s in length scales; `module` is jnp or np
KERNELS: dict[str, Callable[[Any, Any], Any]] = {
    "rbf": lambda s, module: module.exp(-s / 2),
    "matern12": lambda s, module: module.exp(-root(s, module)),
    "matern32": lambda s, module: (1 + root(3 * s, module)) * module.exp(-root(3 * s, module)),
    "matern52": lambda s, module: (1 + root(5 * s, module) + 5 * s / 3) * module.exp(-root(5 * s, module)),
}


class KernelRegression(nnx.Module):
    """f(x) = sum_i alpha_i k(x, x_i) + b over the n training inputs: [n, din] -> [n, dout].

    alpha minimises ||y - b - f||^2 + ridge |f|^2 in the norm of the kernel's space: (K + ridge I) alpha = y - b. With
    ridge 0 it is the interpolant of smallest norm ("ridgeless"). With r = |x - x'| / length_scale, k is
    `rbf`: exp(-r^2 / 2), `matern12`: exp(-r), `matern32`: (1 + sqrt(3) r) exp(-sqrt(3) r),
    `matern52`: (1 + sqrt(5) r + 5 r^2 / 3) exp(-sqrt(5) r).
    Source: Rasmussen and Williams (2006), Gaussian Processes for Machine Learning, sections 2.2 and 4.2, of whose
    predictive mean this is the formula with noise variance `ridge`.

    Args:
        n: observations in the training sample, which the model keeps.
        options: those of `KernelOptions`; with `bias` b is the mean of y, the prediction far from all data, else 0.

    Raises:
        ValueError: more observations than a Gram matrix is made of.
    """

    def __init__(
        self,
        din: int,
        dout: int,
        *,
        n: int = 1,
        param_dtype: Any = jnp.float32,
        rngs: nnx.Rngs | None = None,
        **options: Any,
    ):
        p = KernelOptions(**options)
        if n > LARGEST:
            raise ValueError(
                f"{n:,} training observations need a matrix of {8e-9 * n**2:,.0f} GB, at most {LARGEST:,} fit; use "
                "fewer, or random_features with --nonlinearity cosine, which approximates the rbf kernel"
            )
        self.solver = "exact"
        self.kernel, self.has_bias, self.from_data = p.kernel, p.bias, p.length_scale is None
        self.length_scale = Fixed(jnp.asarray(1.0 if p.length_scale is None else p.length_scale, param_dtype))
        self.ridge = Fixed(jnp.asarray(p.ridge, param_dtype))
        self.inputs = Fixed(jnp.zeros((n, din), param_dtype))
        self.alpha = nnx.Param(jnp.zeros((n, dout), param_dtype))
        if p.bias:
            self.bias = nnx.Param(jnp.zeros((dout,), param_dtype))

    def __call__(self, x: jax.Array) -> jax.Array:
        """Values at x [m, ...], shaped [m, dout]; in blocks of rows, so that memory does not grow with m n."""
        x = x.reshape(len(x), -1) / self.length_scale[...]
        rows = max(BLOCK // len(self.inputs[...]), 1)
        if len(x) <= rows:
            found = self._weighted(x)
        else:
            found = jax.lax.map(lambda one: self._weighted(one[None])[0], x, batch_size=rows)
        return found + self.bias[...] if self.has_bias else found

    def adapt(self, x: Any) -> None:
        """Keep the training inputs x [n, ...], and learn the length scale from them unless it was given.

        Raises:
            ValueError: there are not n of them.
        """
        n, din = self.inputs.shape
        x = np.asarray(x).reshape(len(x), -1)
        if x.shape != (n, din):
            raise ValueError(f"the model was made for training inputs of shape [{n}, {din}], not {list(x.shape)}")
        self.inputs[...] = jnp.asarray(x, self.inputs[...].dtype)
        if self.from_data:
            self.length_scale[...] = jnp.asarray(median_distance(x), self.length_scale[...].dtype)

    def solve(self, x: Any, y: Any) -> dict[str, Any]:
        """Set alpha and b to the exact solution on y [n, dout] at the inputs x that `adapt` kept.

        Returns:
            Of K + ridge I: `condition_number` (in the 1-norm, as Cholesky's factor gives it; that of the eigenvalues
            where it is singular in float64) and `rank`. `length_scale`: the one used. `fitted`: the solution at the
            inputs, float64 [n, dout], and `fitted_error`, a bound of how wrong rounding makes it.

        Raises:
            ValueError: y has values that are not finite, or alpha cannot be kept in the model's precision.
        """
        inputs, scale, ridge = (
            np.asarray(fixed[...], np.float64) for fixed in (self.inputs, self.length_scale, self.ridge)
        )
        y = np.asarray(y, np.float64)
        if self.has_bias:
            self.bias[...] = jnp.asarray(y.mean(axis=0), self.bias[...].dtype)
            y = y - np.asarray(self.bias[...], np.float64)
        gram = KERNELS[self.kernel](cdist(inputs / scale, inputs / scale, "sqeuclidean"), np)
        gram[np.diag_indices_from(gram)] += ridge
        exact, report = solve_symmetric(gram, y)
        alpha, _ = rounded(gram, exact, y, self.alpha[...].dtype)
        self.alpha[...] = jnp.asarray(alpha)
        fitted = (gram - ridge * np.eye(len(gram))) @ exact + (np.asarray(self.bias[...]) if self.has_bias else 0.0)
        # K (K + ridge I)^-1, which takes what is left of y to what is wrong at the inputs, makes nothing longer
        left = np.linalg.norm(np.abs(y - gram @ exact) + 2 * sums_rounded(gram, exact, y), axis=0)
        # b is added last, here and by the model: of a mean of 10^8 that alone is 10^-8
        error = float(left.max() + np.finfo(np.float64).eps * np.abs(fitted).max())
        return {**report, "length_scale": float(scale), "fitted": fitted, "fitted_error": error}

    def _weighted(self, x: jax.Array) -> jax.Array:
        return jnp.matmul(self._gram(x), self.alpha[...], precision=Precision.HIGHEST)

    def _gram(self, x: jax.Array) -> jax.Array:
        # differences, not |x|^2 + |y|^2 - 2 x'y, which in float32 is far from zero between a point and itself
        inputs = self.inputs[...] / self.length_scale[...]
        gram: jax.Array = KERNELS[self.kernel](jnp.sum(jnp.square(x[:, None, :] - inputs[None, :, :]), axis=2), jnp)
        return gram


def root(s: Any, module: Any) -> Any:
    """sqrt(s) for s >= 0, with derivative 0 at 0, where autodiff would find NaN."""
    positive = s > 0
    return module.where(positive, module.sqrt(module.where(positive, s, 1.0)), 0.0)


def median_distance(x: np.ndarray) -> float:
    """The median of the distances between different points among x [n, din]; 1 where all are the same.

    Of many, a fixed random thousand stand for all. Source: Gretton, Borgwardt, Rasch, Scholkopf and Smola (2012), "A
    Kernel Two-Sample Test", section 8.
    """
    x = np.asarray(x, np.float64)
    if len(x) > SAMPLED:
        x = x[np.random.default_rng(0).choice(len(x), SAMPLED, replace=False)]
    distances = pdist(x)
    distances = distances[distances > 0]
    return float(np.median(distances)) if len(distances) else 1.0


def solve_symmetric(a: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, dict[str, float]]:
    """The solution [n, dout] of a alpha = y with a positive semidefinite [n, n], in float64.

    By Cholesky; where a is singular in float64 the least-squares solution of smallest norm, by eigenvalues.

    Returns:
        (alpha, {"condition_number": ..., "rank": ...}).

    Raises:
        ValueError: a or y has values that are not finite.
    """
    n = len(a)
    tolerance = n * np.finfo(np.float64).eps
    try:
        factor = linalg.cho_factor(a, lower=True)
        reciprocal, _ = linalg.lapack.dpocon(factor[0], np.linalg.norm(a, 1), uplo="L")
    except linalg.LinAlgError:
        reciprocal = 0.0
    if reciprocal > tolerance:
        return linalg.cho_solve(factor, y), {"condition_number": 1 / float(reciprocal), "rank": n}
    values, vectors = linalg.eigh(a)
    kept = values > tolerance * values[-1]
    alpha = vectors[:, kept] @ ((vectors[:, kept].T @ y) / values[kept, None])
    smallest = float(np.min(np.abs(values)))
    ratio = float(values[-1]) / smallest if smallest > 0 else math.inf
    return alpha, {"condition_number": ratio, "rank": int(kept.sum())}
