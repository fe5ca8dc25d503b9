"""Which rows of a file are for training, validation and testing."""

import heapq
from typing import Any

import numpy as np

from econml_cli.errors import ConfigError

SPLITS = ("train", "val", "test")


def split_rows(
    n: int,
    val_fraction: float,
    test_fraction: float,
    seed: int,
    groups: Any = None,
    folds: int = 0,
    fold: int = 0,
    kept: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Part rows 0, ..., n-1 into train, val and test: {split: positions in increasing order}.

    The parts depend on nothing but n (or the groups), the fractions and the seed: not on the features, the target, or
    (with one exception below) what is missing, so that two models of one file are tested on the same rows. The test
    rows do not depend on `val_fraction` either. A fraction of 0 gives no rows, any other at least one row (or group).

    `groups` [n] holds a value for each row: rows that share one stay on one side. Groups in random order then fill
    the test split until it has its share of rows or more, then the validation split; the others are for training.

    With `folds` K the test rows are fold number `fold`, 1 to K, and `test_fraction` is not looked at. Each row is in
    one fold; without groups their sizes differ by one at most, with groups by no more than the largest group has rows.
    The validation rows are taken from the folds after it, the first after the last, so that no row is always among
    them. If a fold has none of the rows that are `kept` [n] bool, all folds are drawn from these alone: each fold has
    something to test.

    Raises:
        ConfigError: the fractions leave nothing to train on, or the folds are not possible (see also `check_folds`).
    """
    check_folds(folds, fold)
    share = 1 / folds if folds else test_fraction
    if val_fraction + share >= 1:
        given, remedy = f"--test-fraction {test_fraction:g}", "their sum must be below 1"
        if folds:
            given, remedy = f"--folds {folds}", "lower the one, or use more of the others"
        raise ConfigError(f"--val-fraction {val_fraction:g} and {given} leave no rows to train on; {remedy}.")
    units, sizes = _units(n, groups)
    order = np.random.default_rng(seed).permutation(len(sizes))
    tested = _units_that_fill(sizes[order], round(test_fraction * n)) if test_fraction > 0 else 0
    if folds:
        what = "rows" if groups is None else "groups"
        numbers = _folds_of(sizes[order], folds, what)
        if kept is not None and len(np.unique(numbers[np.argsort(order)][units[kept]])) < folds:
            _check_enough(len(np.unique(units[kept])), folds, f"{what} without missing values")
            own = None if groups is None else groups[kept]
            parts = split_rows(int(kept.sum()), val_fraction, test_fraction, seed, own, folds, fold)
            return {split: np.flatnonzero(kept)[rows] for split, rows in parts.items()}
        after = (numbers - fold) % folds  # 0: the fold itself, 1: the one after it, ...
        order, tested = order[np.argsort(after, kind="stable")], int(np.count_nonzero(after == 0))
    left = sizes[order[tested:]]
    validated = _units_that_fill(left, round(val_fraction * n)) if val_fraction > 0 else 0
    side = np.full(len(sizes), "train", dtype=object)
    side[order[:tested]] = "test"
    side[order[tested : tested + validated]] = "val"
    return {split: np.flatnonzero(side[units] == split) for split in SPLITS}


def check_folds(folds: int, fold: int) -> None:
    """Refuse --folds and --fold that name no fold.

    Raises:
        ConfigError: one fold, a fold that is not there, or all of them, which are as many fits.
    """
    if folds == 1:
        raise ConfigError("--folds 1 leaves no rows to train on; use 2 or more, or 0 for one split.")
    if fold and not folds:
        raise ConfigError(f"--fold {fold} needs --folds: say in how many folds the rows are parted, such as --folds 5.")
    if fold > folds:
        raise ConfigError(f"--fold {fold} is not one of --folds {folds}; the folds are numbered from 1.")
    if folds and not fold:
        raise ConfigError(
            f"--folds {folds} without --fold is {folds} fits, which only `econml fit` makes; name one: --fold 1."
        )


def _folds_of(sizes: np.ndarray, folds: int, what: str) -> np.ndarray:
    """The fold, 1 to `folds`, of each unit, taken in this order: each goes to the fold that has fewest rows so far."""
    _check_enough(len(sizes), folds, what)
    filled = [(0, fold) for fold in range(1, folds + 1)]
    numbers = np.empty(len(sizes), dtype=int)
    for unit, size in enumerate(sizes.tolist()):
        rows, numbers[unit] = filled[0]
        heapq.heapreplace(filled, (rows + size, int(numbers[unit])))
    return numbers


def _check_enough(units: int, folds: int, what: str) -> None:
    if units < folds:
        raise ConfigError(f"--folds {folds} needs as many {what}, and there are {units:,}; use fewer folds.")


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
