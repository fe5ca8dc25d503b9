"""The multilayer perceptron."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from econml_cli.models.initializers import initializers

ACTIVATIONS = {
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "gelu": jax.nn.gelu,
    "silu": jax.nn.silu,
    "sigmoid": jax.nn.sigmoid,
    "softplus": jax.nn.softplus,
    "identity": lambda x: x,
}


class MLP(nnx.Module):
    """`depth` hidden layers of `width` units, then an affine output layer: [n, din] -> [n, dout].

    The layers are linear1, linear2, ..., in the order in which the lecture's module makes them, so that the same
    `rngs` give the lecture's own initial weights at the defaults (depth 2: linear1, linear2, linear3).
    """

    def __init__(
        self,
        din: int,
        dout: int,
        width: int = 128,
        depth: int = 2,
        *,
        activation: str = "relu",
        init: str = "lecun_normal",
        param_dtype: Any = jnp.float32,
        rngs: nnx.Rngs,
    ):
        self.depth = depth
        self.activation = activation
        sizes = [din, *[width] * depth, dout]
        for i, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes), start=1):
            kernel_init, bias_init = initializers(init, fan_in)
            layer = nnx.Linear(
                fan_in, fan_out, kernel_init=kernel_init, bias_init=bias_init, param_dtype=param_dtype, rngs=rngs
            )
            setattr(self, f"linear{i}", layer)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Values at x [n, din], shaped [n, dout]."""
        sigma = ACTIVATIONS[self.activation]
        for i in range(1, self.depth + 1):
            x = sigma(getattr(self, f"linear{i}")(x))
        return getattr(self, f"linear{self.depth + 1}")(x)
