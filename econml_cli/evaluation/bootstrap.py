"""Bootstrap samples of observations, or of groups of them, as means."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from econml_cli.output import working

#: units that are resampled: the observations, or, beyond so many of them, as many equal groups
MAX_UNITS = 20_000
#: draws held at once
BLOCK = 2_000_000


def resampled_means(units: "Units", replications: int, seed: int) -> np.ndarray:
    """The means [replications, k] over units drawn with replacement; NaN where there is only one to draw."""
    n, k = units.sums.shape
    if n == 1:  # every replication would be the sample itself, as if its mean had no error
        return np.full((replications, k), np.nan)
    found = [(c @ units.sums) / (c @ units.sizes)[:, None] for c in blocks_of_counts(n, replications, seed)]
    return np.concatenate(found) if found else np.empty((0, k))


def blocks_of_counts(n: int, replications: int, seed: int) -> Iterator[np.ndarray]:
    """How often each of n units is drawn in each replication, [block, n], in blocks that bound the memory."""
    working.phase("bootstrapping")
    rng = np.random.default_rng(seed)
    step = max(1, BLOCK // n)
    for start in range(0, replications, step):
        block = min(step, replications - start)
        drawn = rng.integers(0, n, size=(block, n)) + n * np.arange(block)[:, None]
        yield np.bincount(drawn.ravel(), minlength=block * n).reshape(block, n).astype(np.float64)


@dataclass(frozen=True)
class Units:
    """What is independent of each other: the sums [units, k] of columns over the rows of each, and how many these are
    (or the sums of their weights), [units]."""

    sums: np.ndarray
    sizes: np.ndarray

    @property
    def means(self) -> np.ndarray:
        """The means [k] over all rows."""
        return np.asarray(self.sums.sum(axis=0) / self.sizes.sum())

    @property
    def deviations(self) -> np.ndarray:
        """The standard errors [k] of the means."""
        apart = self.sums - self.sizes[:, None] * self.means
        return np.asarray(np.sqrt(np.square(apart).sum(axis=0)) / self.sizes.sum())


def units_of(columns: np.ndarray, groups: np.ndarray | None, w: np.ndarray | None = None) -> Units:
    """The units of rows [n, k] that are independent, or in `groups` [n]; of rows with weights w [n] the sums are of
    what is weighted, and `sizes` of the weights, without those of weight 0.

    Beyond MAX_UNITS rows, equal groups of rows are units instead: the mean has the same variance, sigma^2 / n, and time
    and memory no longer grow with n.
    """
    if w is None:
        return Units(*(_units(columns) if groups is None else _clusters(columns, groups)))
    kept, weights = np.asarray(w) > 0, np.asarray(w, np.float64)[:, None]
    found = units_of(np.hstack([columns * weights, weights])[kept], None if groups is None else groups[kept])
    return Units(found.sums[:, :-1], found.sums[:, -1])


def _clusters(columns: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums [groups, k] and sizes [groups] of the rows of each group."""
    _, place = np.unique(groups, return_inverse=True)
    sums = np.stack([np.bincount(place, weights=column) for column in columns.T], axis=1)
    return sums, np.bincount(place).astype(np.float64)


def _units(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums [units, k] and sizes [units] of what is resampled: row i belongs to group i modulo the number of groups."""
    n, k = columns.shape
    if n <= MAX_UNITS:
        return columns, np.ones(n)
    full, rest = divmod(n, MAX_UNITS)
    sums = columns[: full * MAX_UNITS].reshape(full, MAX_UNITS, k).sum(axis=0)
    sums[:rest] += columns[full * MAX_UNITS :]
    return sums, full + (np.arange(MAX_UNITS) < rest)
