"""Initial weights by name. Initialisation is an economic assumption: see docs/architecture.md."""

import math
from collections.abc import Callable
from typing import Any

import jax
from flax import nnx


def initializers(name: str, fan_in: int) -> tuple[Callable[..., jax.Array], Callable[..., jax.Array]]:
    """(kernel_init, bias_init) for a layer with `fan_in` inputs.

    `lecun_normal` is Flax's default (zero bias); `torch_uniform` is PyTorch's for Linear: U(-1/sqrt(fan_in),
    +1/sqrt(fan_in)) for kernel and bias.
    """
    if name == "lecun_normal":
        return nnx.initializers.lecun_normal(), nnx.initializers.zeros_init()
    bound = 1.0 / math.sqrt(fan_in)

    def uniform(key: jax.Array, shape: Any, dtype: Any = None, *_: Any, **__: Any) -> jax.Array:
        return jax.random.uniform(key, shape, dtype or float, minval=-bound, maxval=bound)

    return uniform, uniform


def affine(
    fan_in: int, fan_out: int, *, bias: bool = True, init: str = "lecun_normal", param_dtype: Any, rngs: nnx.Rngs
) -> nnx.Linear:
    """The layer x W + b, [..., fan_in] -> [..., fan_out], at the initial weights that `init` names."""
    kernel_init, bias_init = initializers(init, fan_in)
    return nnx.Linear(
        fan_in, fan_out, use_bias=bias, kernel_init=kernel_init, bias_init=bias_init, param_dtype=param_dtype, rngs=rngs
    )
