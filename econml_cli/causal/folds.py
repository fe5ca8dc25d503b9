"""The folds of cross-fitting: of rows, or of whole clusters."""

import numpy as np

from econml_cli.errors import DataError

#: fewer clusters than this are refused: a variance that is estimated from their sums says nothing
LEAST_CLUSTERS = 5


def folds_of(
    n: int, folds: int, seed: tuple[int, int], clusters: np.ndarray | None = None, strata: np.ndarray | None = None
) -> np.ndarray:
    """The fold of each row, [n], from 0. They depend on the numbers of rows and clusters, the strata and the seed.

    Args:
        seed: of the estimate, and the repeat. clusters: the cluster of each row, [n], from 0; none is parted.
        strata: classes [n] of which each fold has its share (without clusters).
    """
    units = n if clusters is None else int(clusters.max()) + 1
    order = np.random.default_rng(seed).permutation(units)
    if strata is not None and clusters is None:
        order = order[np.argsort(strata[order], kind="stable")]
    dealt = np.empty(units, dtype=int)
    dealt[order] = np.arange(units) % folds
    return dealt if clusters is None else dealt[clusters]


def held_out(rows: np.ndarray, fraction: float, seed: int, clusters: np.ndarray | None) -> np.ndarray:
    """Which of the training rows [k] are kept for early stopping, [k] bool: that share of them, or of clusters."""
    units = np.arange(len(rows)) if clusters is None else np.unique(clusters[rows], return_inverse=True)[1]
    count = int(units.max()) + 1
    chosen = np.zeros(count, dtype=bool)
    chosen[np.random.default_rng(seed).permutation(count)[: max(1, round(fraction * count))]] = True
    found: np.ndarray = chosen[units]
    return found


def check_clusters(clusters: np.ndarray, column: str, folds: int) -> None:
    """Refuse clusters that are too few.

    Raises:
        DataError: it says how many there are.
    """
    count, least = int(clusters.max()) + 1, max(folds, LEAST_CLUSTERS)
    if count < least:
        raise DataError(
            f"--cluster {column} has {count} different values, and whole clusters in {folds} folds with a "
            f"cluster-robust variance need {least} or more; choose another column, or leave --cluster out."
        )
