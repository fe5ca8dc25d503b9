"""Positions and weights as a whole: each function is one compiled program, and not one for each shape of a leaf."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp


@jax.jit
def copied(tree: Any) -> Any:
    """The same arrays in buffers of their own: those of a position are donated to what it goes on with."""
    return jax.tree.map(jnp.copy, tree)


@jax.jit
def of_members(tree: Any, order: Any) -> Any:
    """What leaves [members, ...] have of the members `order` [k], leaves [k, ...]; of one number without that axis."""
    return jax.tree.map(lambda leaf: leaf[order], tree)


@jax.jit
def stacked(trees: Sequence[Any]) -> Any:
    """Trees of one structure as one, whose leaves are [len(trees), ...]."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


@jax.jit
def joined(trees: Sequence[Any]) -> Any:
    """Trees of one structure, leaves [members, ...] each, as one with the members of all in their order."""
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *trees)
