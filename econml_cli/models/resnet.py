"""The residual MLP."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from econml_cli.models.activations import ACTIVATIONS
from econml_cli.models.initializers import affine


class ResNet(nnx.Module):
    """An affine map to `width` numbers, `depth` residual blocks, an affine output layer: [n, din] -> [n, dout].

    Nothing but the blocks is nonlinear: where they are zero, this is a linear model. Source: He, Zhang, Ren and Sun
    (2016), "Identity Mappings in Deep Residual Networks" (activation before each layer); with layers for tables, and
    dropout inside a block, as in Gorishniy, Rubachev, Khrulkov and Babenko (2021).

    Args:
        width: units in each layer. depth: number of blocks, each of two layers.
    """

    def __init__(
        self,
        din: int,
        dout: int,
        *,
        width: int = 128,
        depth: int = 2,
        activation: str = "relu",
        layer_norm: bool = False,
        dropout: float = 0.0,
        init: str = "lecun_normal",
        param_dtype: Any = jnp.float32,
        rngs: nnx.Rngs,
    ):
        self.depth = depth
        common = {"init": init, "param_dtype": param_dtype, "rngs": rngs}
        self.linear_in = affine(din, width, **common)
        for i in range(1, depth + 1):
            setattr(self, f"block{i}", Block(width, activation, layer_norm, dropout, **common))
        self.linear_out = affine(width, dout, **common)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Values at x [n, ...], shaped [n, dout]; an observation that is not a vector is read as one."""
        return self.linear_out(self.embed(x))

    def embed(self, x: jax.Array) -> jax.Array:
        """What the last block gives at x [n, ...], [n, width]: what the output layer is affine in."""
        x = self.linear_in(x.reshape(len(x), -1))
        for i in range(1, self.depth + 1):
            x = getattr(self, f"block{i}")(x)
        return x


class Block(nnx.Module):
    """x + linear2(act(norm2(linear1(act(norm1(x)))))), [n, width] -> [n, width]; the norms only with `layer_norm`, and
    dropout before linear2 only where its rate is positive."""

    def __init__(
        self,
        width: int,
        activation: str,
        layer_norm: bool,
        dropout: float,
        *,
        init: str,
        param_dtype: Any,
        rngs: nnx.Rngs,
    ):
        self.activation = activation
        for i in (1, 2):
            setattr(self, f"linear{i}", affine(width, width, init=init, param_dtype=param_dtype, rngs=rngs))
            if layer_norm:
                setattr(self, f"norm{i}", nnx.LayerNorm(width, param_dtype=param_dtype, rngs=rngs))
        if dropout > 0:
            self.dropout = nnx.Dropout(dropout, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """The block at x [n, width]."""
        change = self.linear1(self._activated(1, x))
        change = self._activated(2, change)
        if hasattr(self, "dropout"):
            change = self.dropout(change)
        return x + self.linear2(change)

    def _activated(self, i: int, x: jax.Array) -> jax.Array:
        x = getattr(self, f"norm{i}")(x) if hasattr(self, f"norm{i}") else x
        return ACTIVATIONS[self.activation](x)
