"""An economy whose state is the time: what it begins with, and what its model reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from econml_cli.problems.lazily import jnp

if TYPE_CHECKING:
    import jax


def time_zero(problem: object, paths: int) -> jax.Array:
    """The first state of an economy whose state is the time t: 0, [paths]."""
    return jnp.zeros(paths)


def time_alone(problem: object, state: jax.Array) -> jax.Array:
    """What the model reads where the state is the time t: t, [paths, 1]."""
    return state[:, None]
