"""JAX, Flax's NNX and NumPy, and our files that import them, for problems: each is imported when it is first used.

A problem has its options beside its equations, and `econml fit --help`, which reads them, must not wait for JAX. Such a
file begins with `from __future__ import annotations`, so that no type is looked up, and takes what it needs from here.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = ["base", "jax", "jnp", "known", "nnx", "np"]


class Lazy:
    """A module that is imported when something of it is asked for."""

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(import_module(self._name), attribute)


if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    import numpy as np
    from flax import nnx

    from econml_cli.problems import base, known
else:
    jax, jnp, nnx, np = map(Lazy, ("jax", "jax.numpy", "flax.nnx", "numpy"))
    base, known = map(Lazy, ("econml_cli.problems.base", "econml_cli.problems.known"))
