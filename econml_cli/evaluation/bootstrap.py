"""The percentile bootstrap over observations, for functions of means."""

import numpy as np

from econml_cli.output import working
from econml_cli.problems.metrics import Moments

#: units that are resampled: the observations, or, beyond so many of them, as many equal groups
MAX_UNITS = 20_000
#: draws held at once
BLOCK = 2_000_000


def intervals(
    moments: Moments, *, replications: int, seed: int, groups: np.ndarray | None = None, level: float = 0.95
) -> dict[str, tuple[float, float]]:
    """The central `level` percentile bootstrap interval of every metric: {name: (low, high)}; {} for no replications.

    Observations are taken as independent, or, with `groups` [n], those of different groups; a single one has no
    interval (NaN). Replications in which a metric is not defined are left out.
    Source: Efron and Tibshirani (1993), An Introduction to the Bootstrap, ch. 13.
    """
    if replications == 0:
        return {}
    found = moments.at(resampled_means(moments.columns, replications, seed, groups))
    tails = [(1 - level) / 2, (1 + level) / 2]
    return {name: _quantiles(values[~np.isnan(values)], tails) for name, values in found.items()}


def _quantiles(values: np.ndarray, tails: list[float]) -> tuple[float, float]:
    low, high = np.quantile(values, tails) if len(values) else (np.nan, np.nan)
    return float(low), float(high)


def resampled_means(columns: np.ndarray, replications: int, seed: int, groups: np.ndarray | None = None) -> np.ndarray:
    """The means [replications, k] of columns [n, k] over rows (or whole groups of rows) drawn with replacement; NaN
    where there is only one to draw.

    Beyond MAX_UNITS rows, equal groups of rows are drawn instead: the mean has the same variance, sigma^2 / n, and time
    and memory no longer grow with n.
    """
    working.phase("bootstrapping")
    sums, sizes = _units(columns) if groups is None else _clusters(columns, groups)
    rng, n = np.random.default_rng(seed), len(sizes)
    if n == 1:  # every replication would be the sample itself, as if its mean had no error
        return np.full((replications, columns.shape[1]), np.nan)
    means = np.empty((replications, columns.shape[1]))
    step = max(1, BLOCK // n)
    for start in range(0, replications, step):
        block = min(step, replications - start)
        drawn = rng.integers(0, n, size=(block, n)) + n * np.arange(block)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=block * n).reshape(block, n).astype(np.float64)
        means[start : start + block] = (counts @ sums) / (counts @ sizes)[:, None]
    return means


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
