"""Nonlinearities by name: what `--activation` and `--output-activation` choose from."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

#: each of them element by element
ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "gelu": jax.nn.gelu,
    "silu": jax.nn.silu,
    "sigmoid": jax.nn.sigmoid,
    "softplus": jax.nn.softplus,
    "identity": lambda x: x,
}
