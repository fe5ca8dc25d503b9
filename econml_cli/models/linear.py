"""The affine map."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from econml_cli.models.initializers import initializers


class Linear(nnx.Module):
    """f(x) = x W + b: [n, din] -> [n, dout]; `bias=False` is the lecture's MyLinear."""

    def __init__(
        self,
        din: int,
        dout: int,
        *,
        bias: bool = True,
        init: str = "lecun_normal",
        param_dtype: Any = jnp.float32,
        rngs: nnx.Rngs,
    ):
        kernel_init, bias_init = initializers(init, din)
        self.linear = nnx.Linear(
            din, dout, use_bias=bias, kernel_init=kernel_init, bias_init=bias_init, param_dtype=param_dtype, rngs=rngs
        )

    def __call__(self, x: jax.Array) -> jax.Array:
        """Values at x [n, din], shaped [n, dout]."""
        return self.linear(x)
