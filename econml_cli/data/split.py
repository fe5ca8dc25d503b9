"""Which rows of a file are for training, validation and testing."""

from typing import Any

import numpy as np

from econml_cli.errors import ConfigError

SPLITS = ("train", "val", "test")


def split_rows(
    n: int, val_fraction: float, test_fraction: float, seed: int, groups: Any = None
) -> dict[str, np.ndarray]:
    """Part rows 0, ..., n-1 into train, val and test: {split: positions in increasing order}.

    The parts depend on nothing but n (or the groups), the fractions and the seed: not on the features, the target, or
    what is missing, so that two models of one file are tested on the same rows. The test rows do not depend on
    `val_fraction` either. A fraction of 0 gives no rows, any other at least one row (or group).

    `groups` [n] holds a value for each row: rows that share one stay on one side. Groups in random order then fill
    the test split until it has its share of rows or more, then the validation split; the others are for training.

    Raises:
        ConfigError: the fractions leave nothing to train on.
    """
    if val_fraction + test_fraction >= 1:
        raise ConfigError(
            f"--val-fraction {val_fraction:g} and --test-fraction {test_fraction:g} leave no rows to train on; "
            "their sum must be below 1."
        )
    units, sizes = _units(n, groups)
    order = np.random.default_rng(seed).permutation(len(sizes))
    side = np.full(len(sizes), "train", dtype=object)
    start = 0
    for split, fraction in (("test", test_fraction), ("val", val_fraction)):
        stop = start + _units_that_fill(sizes[order[start:]], round(fraction * n)) if fraction > 0 else start
        side[order[start:stop]] = split
        start = stop
    return {split: np.flatnonzero(side[units] == split) for split in SPLITS}


def _units(n: int, groups: Any) -> tuple[np.ndarray, np.ndarray]:
    """The group of each row, numbered from 0, and the rows of each group; without groups each row is its own."""
    if groups is None:
        return np.arange(n), np.ones(n, dtype=int)
    import pandas as pd

    units, _ = pd.factorize(pd.Series(groups), use_na_sentinel=False)
    return units, np.bincount(units)


def _units_that_fill(sizes: np.ndarray, rows: int) -> int:
    """How many units, taken in this order, it takes to hold that many rows; at least one."""
    return int(np.searchsorted(np.cumsum(sizes), max(rows, 1))) + 1
