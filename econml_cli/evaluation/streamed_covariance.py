"""The covariance of least squares on rows that lie in a file, as of `covariances`, a block at a time."""

from dataclasses import dataclass

import numpy as np

from econml_cli.data.stored import Stored
from econml_cli.data.triangle import design_blocks, free_directions, tolerance, triangle


@dataclass(frozen=True)
class StoredRows:
    """The training rows of a fit of squared error without weights: x [n, p] and y [n, 1] in files, whether there is a
    constant, and the number of the group of each row, [n], or None."""

    x: Stored
    y: Stored
    constant: bool
    groups: np.ndarray | None = None

    @property
    def factor(self) -> np.ndarray:
        """The triangular factor of the design, whose constant is its last column."""
        return triangle(design_blocks(self.x, constant=self.constant))


@dataclass(frozen=True)
class Covariance:
    """Of weights [k, k], of what is identified; directions [k, d] in which weights can be moved without changing a
    fitted value; degrees of freedom of Student's distribution."""

    matrix: np.ndarray
    free: np.ndarray
    freedom: float


def of_stored(rows: StoredRows, w: np.ndarray, kind: str) -> Covariance | None:
    """The covariance `kind` (iid, HC1, HC3, cluster) of weights w [k] of the columns of the design, the constant last,
    in the units of y; None where there are no more rows than identified columns.

    Two passes over the files: the factor of the design, then residuals with it.
    """
    r, n = rows.factor, len(rows.x)
    _, s, vt = np.linalg.svd(r, full_matrices=False)
    kept = s > tolerance(rows.x) * s[0]
    root, rank = vt[kept].T / s[kept], int(kept.sum())
    if n <= rank:
        return None
    squares, scores = _sums(rows, w, kind, root)
    bread, free = root @ root.T, free_directions(r, rows.x)
    if kind == "iid":
        return Covariance(bread * squares / (n - rank), free, float(n - rank))
    factor, freedom = n / (n - rank) if kind == "HC1" else 1.0, float(n - rank)
    if kind == "cluster":
        clusters = len(scores)
        factor, freedom = clusters / (clusters - 1) * (n - 1) / (n - rank), clusters - 1.0
    meat = scores.T @ scores if kind == "cluster" else scores
    return Covariance(factor * bread @ meat @ bread, free, freedom)


def _sums(rows: StoredRows, w: np.ndarray, kind: str, root: np.ndarray) -> tuple[float, np.ndarray]:
    """(the sum of squared residuals, the sum over rows of their squares times z z' [k, k]; of clusters the sums of the
    scores of each, [clusters, k])."""
    k, groups, place = len(w), rows.groups if kind == "cluster" else None, 0
    squares = 0.0
    found = np.zeros((k, k)) if groups is None else np.zeros((int(groups.max()) + 1, k))
    for block in design_blocks(rows.x, constant=rows.constant, y=rows.y):
        z, y = block[:, :k], block[:, k]
        residual = y - z @ w
        squares += float(residual @ residual)
        if kind == "HC3":
            residual = residual / (1 - np.sum(np.square(z @ root), axis=1))
        scores = z * residual[:, None]
        if groups is None:
            found += scores.T @ scores if kind != "iid" else 0.0
        else:
            np.add.at(found, groups[place : place + len(z)], scores)
        place += len(z)
    return squares, found
