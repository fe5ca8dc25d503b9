"""The multilayer perceptron."""

import itertools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from econml_cli.models.activations import ACTIVATIONS
from econml_cli.models.initializers import affine


class MLP(nnx.Module):
    """`depth` hidden layers of `width` units, then an affine output layer: [n, din] -> [n, dout].

    The layers are linear1, linear2, ..., in the order in which the lecture's module makes them, so that the same
    `rngs` give the lecture's own initial weights at the defaults (depth 2: linear1, linear2, linear3). What follows a
    hidden layer is, in order: layer normalisation norm1, norm2, ... (Ba, Kiros and Hinton 2016), the activation, and
    dropout (Srivastava et al. 2014). The lecture's two-layer module is `width=2, depth=1, bias=False`.

    Args:
        width: units in each hidden layer, or (128, 64, 32) for layers of different widths.
        depth: number of hidden layers; None: 2 where `width` is one number, else as many as it names.
        output_activation: what the output passes through, e.g. sigmoid for a share.
        bias, output_bias: whether the hidden layers, and the output layer, have a bias.

    Raises:
        ValueError: `depth` is not the number of widths.
    """

    #: held by a module only where it is not this
    output_activation = "identity"

    def __init__(
        self,
        din: int,
        dout: int,
        width: int | Sequence[int] = 128,
        depth: int | None = None,
        *,
        activation: str = "relu",
        output_activation: str = "identity",
        bias: bool = True,
        output_bias: bool = True,
        layer_norm: bool = False,
        dropout: float = 0.0,
        init: str = "lecun_normal",
        param_dtype: Any = jnp.float32,
        rngs: nnx.Rngs,
    ):
        widths = hidden(width, depth)
        self.depth = len(widths)
        self.activation = activation
        if output_activation != MLP.output_activation:
            self.output_activation = output_activation
        for i, (fan_in, fan_out) in enumerate(itertools.pairwise([din, *widths, dout]), start=1):
            has_bias = bias if i <= self.depth else output_bias
            layer = affine(fan_in, fan_out, bias=has_bias, init=init, param_dtype=param_dtype, rngs=rngs)
            setattr(self, f"linear{i}", layer)
        # after the layers, whose weights are so the same with them and without
        if layer_norm:
            for i, units in enumerate(widths, start=1):
                setattr(self, f"norm{i}", nnx.LayerNorm(units, param_dtype=param_dtype, rngs=rngs))
        if dropout > 0:
            self.dropout = nnx.Dropout(dropout, rngs=rngs)

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
