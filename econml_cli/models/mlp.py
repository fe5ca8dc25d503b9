"""The multilayer perceptron."""

import itertools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from econml_cli.models.activations import ACTIVATIONS
from econml_cli.models.initializers import affine
from econml_cli.models.table import MLPOptions


class MLP(nnx.Module):
    """`depth` hidden layers of `width` units, then an affine output layer: [n, din] -> [n, dout].

    The layers are linear1, linear2, ..., in the order in which the lecture's module makes them, so that the same
    `rngs` give the lecture's own initial weights at the defaults (depth 2: linear1, linear2, linear3). What follows a
    hidden layer is, in order: layer normalisation norm1, norm2, ... (Ba, Kiros and Hinton 2016), the activation, and
    dropout (Srivastava et al. 2014). The lecture's two-layer module is `width=2, depth=1, bias=False`.

    Args:
        sizes: width and depth by position: `MLP(din, dout, 64, 3, rngs=rngs)`, `MLP(din, dout, (128, 64), rngs=rngs)`.
        options: those of `MLPOptions`.

    Raises:
        ValueError: `depth` is not the number of widths.
    """

    #: held by a module only where it is not this
    output_activation = "identity"

    def __init__(
        self, din: int, dout: int, *sizes: Any, param_dtype: Any = jnp.float32, rngs: nnx.Rngs, **options: Any
    ):
        p = MLPOptions(*sizes, **options)
        widths = hidden(p.width, p.depth)
        self.depth = len(widths)
        self.activation = p.activation
        if p.output_activation != MLP.output_activation:
            self.output_activation = p.output_activation
        for i, (fan_in, fan_out) in enumerate(itertools.pairwise([din, *widths, dout]), start=1):
            bias = p.bias if i <= self.depth else p.output_bias
            layer = affine(fan_in, fan_out, bias=bias, init=p.init, param_dtype=param_dtype, rngs=rngs)
            setattr(self, f"linear{i}", layer)
        # after the layers, whose weights are so the same with them and without
        if p.layer_norm:
            for i, units in enumerate(widths, start=1):
                setattr(self, f"norm{i}", nnx.LayerNorm(units, param_dtype=param_dtype, rngs=rngs))
        if p.dropout > 0:
            self.dropout = nnx.Dropout(p.dropout, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Values at x [n, ...], shaped [n, dout]; an observation that is not a vector is read as one."""
        out = getattr(self, f"linear{self.depth + 1}")(self.embed(x))
        return ACTIVATIONS[self.output_activation](out)

    def embed(self, x: jax.Array) -> jax.Array:
        """The last hidden layer at x [n, ...], [n, its width]: what the output layer is affine in."""
        x = x.reshape(len(x), -1)
        for i in range(1, self.depth + 1):
            x = getattr(self, f"linear{i}")(x)
            if hasattr(self, f"norm{i}"):
                x = getattr(self, f"norm{i}")(x)
            x = ACTIVATIONS[self.activation](x)
            if hasattr(self, "dropout"):
                x = self.dropout(x)
        return x


def hidden(width: int | Sequence[int], depth: int | None) -> tuple[int, ...]:
    """The width of each hidden layer: (64, None) -> (64, 64), (64, 3) -> (64, 64, 64), ((128, 64), None) -> (128, 64).

    Raises:
        ValueError: `depth` is not the number of widths.
    """
    widths = (width,) if isinstance(width, int) else tuple(width)
    if len(widths) == 1:
        return widths * (2 if depth is None else depth)
    if depth not in (None, len(widths)):
        named = ",".join(map(str, widths))
        raise ValueError(f"--width {named} names {len(widths)} hidden layers, but --depth is {depth}; leave one out")
    return widths
