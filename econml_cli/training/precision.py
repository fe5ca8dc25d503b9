"""`--precision`, end to end: the dtype of data, weights and optimizer state, and of the matrix products in between."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from econml_cli.errors import DataError

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
    """A pytree of arrays on the device, floating-point leaves in the chosen precision; None stays None.

    Raises:
        DataError: a number is too large for it, and would be infinite.
    """
    dtype = jnp.dtype(name)

    def place(leaf: Any) -> jax.Array:
        is_float = np.issubdtype(leaf.dtype, np.floating)
        if is_float and isinstance(leaf, np.ndarray) and leaf.dtype.itemsize > dtype.itemsize:
            _refuse_large(leaf, name)
        if isinstance(leaf, np.ndarray):  # `jnp.asarray` would compile a program for each shape
            there: jax.Array = jax.device_put(leaf.astype(dtype, copy=False) if is_float else leaf)
            return there
        return jnp.asarray(leaf, dtype=dtype if is_float else None)

    placed: Tree = jax.tree.map(place, tree)
    return placed


def _refuse_large(leaf: np.ndarray, name: str) -> None:
    most = float(jnp.finfo(name).max)
    if not leaf.size or not np.fmax(np.fmax.reduce(leaf, axis=None), -np.fmin.reduce(leaf, axis=None)) > most:
        return
    finite = leaf[np.isfinite(leaf)]
    if (large := finite[np.abs(finite) > most]).size:
        raise DataError(
            f"The data hold {large[0]:.3g}, and the largest number of --precision {name} is {most:.2g}; leave that row "
            "out, measure in other units, or take --precision float64."
        )
