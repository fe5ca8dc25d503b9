"""The residual MLP."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from econml_cli.models.activations import ACTIVATIONS
from econml_cli.models.initializers import affine
from econml_cli.models.table import ResNetOptions


class ResNet(nnx.Module):
    """An affine map to `width` numbers, `depth` residual blocks, an affine output layer: [n, din] -> [n, dout].

    Nothing but the blocks is nonlinear: where they are zero, this is a linear model. Source: He, Zhang, Ren and Sun
    (2016), "Identity Mappings in Deep Residual Networks" (activation before each layer); with layers for tables, and
    dropout inside a block, as in Gorishniy, Rubachev, Khrulkov and Babenko (2021).

    Args:
        options: those of `ResNetOptions`.
    """

    def __init__(self, din: int, dout: int, *, param_dtype: Any = jnp.float32, rngs: nnx.Rngs, **options: Any):
        p = ResNetOptions(**options)
        self.depth = p.depth
        common = {"init": p.init, "param_dtype": param_dtype, "rngs": rngs}
        self.linear_in = affine(din, p.width, **common)
        for i in range(1, p.depth + 1):
            setattr(self, f"block{i}", Block(p, param_dtype, rngs))
        self.linear_out = affine(p.width, dout, **common)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Values at x [n, ...], shaped [n, dout]; an observation that is not a vector is read as one."""
        out: jax.Array = self.linear_out(self.embed(x))
        return out

    def embed(self, x: jax.Array) -> jax.Array:
        """What the last block gives at x [n, ...], [n, width]: what the output layer is affine in."""
        x = self.linear_in(x.reshape(len(x), -1))
        for i in range(1, self.depth + 1):
            x = getattr(self, f"block{i}")(x)
        return x


class Block(nnx.Module):
    """x + linear2(act(norm2(linear1(act(norm1(x)))))), [n, width] -> [n, width]; the norms only with `layer_norm`, and
    dropout before linear2 only where its rate is positive."""

    def __init__(self, p: ResNetOptions, param_dtype: Any, rngs: nnx.Rngs):
        self.activation = p.activation
        for i in (1, 2):
            setattr(self, f"linear{i}", affine(p.width, p.width, init=p.init, param_dtype=param_dtype, rngs=rngs))
            if p.layer_norm:
                setattr(self, f"norm{i}", nnx.LayerNorm(p.width, param_dtype=param_dtype, rngs=rngs))
        if p.dropout > 0:
            self.dropout = nnx.Dropout(p.dropout, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """The block at x [n, width]."""
        change = self.linear1(self._activated(1, x))
        change = self._activated(2, change)
        if hasattr(self, "dropout"):
            change = self.dropout(change)
        out: jax.Array = x + self.linear2(change)
        return out

    def _activated(self, i: int, x: jax.Array) -> jax.Array:
        x = getattr(self, f"norm{i}")(x) if hasattr(self, f"norm{i}") else x
        return ACTIVATIONS[self.activation](x)
