"""Least squares of rows that lie in a file, which needs no more of them than the triangular factor of their QR.

R of z = Q R has the singular values, the null space and (of [z, y]) the least squares of the rows themselves, and is
computed a block of rows at a time: no squares are formed, which would cost half of the digits. Source: Demmel, Grigori,
Hoemmen and Langou (2012), SIAM Journal on Scientific Computing 34, A206-A239, section 1 (sequential TSQR).
"""

from collections.abc import Iterable, Iterator

import numpy as np

from econml_cli.data.identified import null_space
from econml_cli.data.stored import Stored

#: rounding errors of the numbers in a file below which a singular value is taken for 0
ROUNDINGS = 8
#: a share of a direction that is rounding
NOISE = 1e-4


def design_blocks(x: Stored, *, constant: bool, y: Stored | None = None) -> Iterator[np.ndarray]:
    """The rows of x [n, k] a block at a time, in float64: a constant (last) where there is one, and y [n, 1] last."""
    step = x.block_rows
    for start in range(0, len(x), step):
        block = x[start : start + step]
        parts = [block, *([np.ones((len(block), 1))] if constant else [])]
        parts += [] if y is None else [y[start : start + step]]
        yield np.hstack(parts, dtype=np.float64)


def triangle(blocks: Iterable[np.ndarray]) -> np.ndarray:
    """R, of at most k rows, of blocks of rows [m, k] below each other."""
    r: np.ndarray | None = None
    for block in blocks:
        r = np.asarray(np.linalg.qr(block if r is None else np.vstack([r, block]), mode="r"))
    assert r is not None, "a sample has rows"
    return r


def squared_rows(x: Stored, y: Stored, *, constant: bool) -> tuple[np.ndarray, np.ndarray]:
    """Rows [m, k] and what is compared with them [m, dout], a few, whose sums of squares are those of all rows of x,
    with a constant (last) where there is one, and of y [n, dout]."""
    r = triangle(design_blocks(x, constant=constant, y=y))
    return r[:, : -y.shape[1]], r[:, -y.shape[1] :]


def tolerance(x: Stored) -> float:
    """The share of the largest singular value of x below which one is what rounding in the file leaves."""
    own = 0.0 if x.dtype == np.float64 else ROUNDINGS * float(np.finfo(x.dtype).eps)
    return max(own, len(x) * float(np.finfo(np.float64).eps))


def free_directions(r: np.ndarray, x: Stored) -> np.ndarray:
    """`identified.null_space` of the rows of x whose factor is r [k, k]. Shares that are rounding in the file are 0:
    a column that is not collinear with others is not found to be so."""
    found = null_space(r, tolerance(x))
    return np.where(np.abs(found) > NOISE, found, 0.0)
