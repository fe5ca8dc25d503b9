"""A sample in blocks of rows, so that what is measured on it needs memory for one block only."""

import math
from collections.abc import Iterator
from typing import Any

import jax

#: numbers of x in one block, and rows: hidden layers are usually wider than what they read
NUMBERS, ROWS = 2**16, 2**12


def blocks(sample: Any) -> Iterator[Any]:
    """The rows of a pytree of arrays [n, ...] in blocks; all but the last are of one size."""
    leaves = jax.tree.leaves(sample)
    n, row = int(leaves[0].shape[0]), sum(math.prod(leaf.shape[1:]) for leaf in leaves)
    step = max(1, min(ROWS, NUMBERS // max(row, 1)))
    for start in range(0, n, step):
        yield sample if n <= step else jax.tree.map(lambda leaf: leaf[start : start + step], sample)  # noqa: B023
