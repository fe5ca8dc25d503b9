"""Positions and weights as a whole: each function is one compiled program, and not one for each shape of a leaf."""

from collections.abc import Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp

Tree = TypeVar("Tree")


def copied(tree: Tree) -> Tree:
    """The same arrays in buffers of their own: those of a position are donated to what it goes on with."""
    found: Tree = _copied(tree)
    return found


def of_members(tree: Tree, order: Any) -> Tree:
    """What leaves [members, ...] have of the members `order` [k], leaves [k, ...]; of one number without that axis."""
    found: Tree = _of_members(tree, order)
    return found


def stacked(trees: Sequence[Tree]) -> Tree:
    """Trees of one structure as one, whose leaves are [len(trees), ...]."""
    whole: Tree = _stacked(list(trees))
    return whole


@jax.jit
def _copied(tree: Any) -> Any:
    return jax.tree.map(jnp.copy, tree)


@jax.jit
def _of_members(tree: Any, order: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf[order], tree)


@jax.jit
def _stacked(trees: Any) -> Any:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)
