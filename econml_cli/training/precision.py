"""`--precision`, end to end: the dtype of data, weights and optimizer state, and of the matrix products in between."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

#: a pytree of arrays: an array, a Batch, None
Tree = TypeVar("Tree")


@contextmanager
def precision(name: str) -> Iterator[None]:
    """Compute in float32 or float64 inside this context.

    Matrix products run at full precision (on GPUs JAX would otherwise round float32 operands to TF32's 10
    bits), unless JAX_DEFAULT_MATMUL_PRECISION says otherwise.
    """
    products = os.environ.get("JAX_DEFAULT_MATMUL_PRECISION", "highest")
    with jax.enable_x64(name == "float64"), jax.default_matmul_precision(products):
        yield


def to_device(tree: Tree, name: str) -> Tree:
    """A pytree of arrays on the device, floating-point leaves in the chosen precision; None stays None."""
    dtype = jnp.dtype(name)

    def place(leaf: Any) -> jax.Array:
        is_float = np.issubdtype(leaf.dtype, np.floating)
        return jnp.asarray(leaf, dtype=dtype if is_float else None)

    placed: Tree = jax.tree.map(place, tree)
    return placed
