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
    strata: np.ndarray | None = None,
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

    `strata` [n] are numbers of classes, of which each part has its share, to one row; rows of groups have none.

    Raises:
        ConfigError: the fractions leave nothing to train on, or the folds are not possible (see also `check_folds`).
    """
    check_folds(folds, fold)
    _check_share(val_fraction, test_fraction, folds)
    if groups is None and strata is None and not folds:
        return _split_plainly(n, val_fraction, test_fraction, seed)
    units, sizes = _units(n, groups)
    order = np.random.default_rng(seed).permutation(len(sizes))
    if strata is not None and groups is None:
        order = _by_class(order, strata) if folds else _interleaved(order, strata)
    tested = units_that_fill(sizes[order], round(test_fraction * n)) if test_fraction > 0 else 0
    if folds:
        what = "rows" if groups is None else "groups"
        numbers = _folds_of(sizes[order], folds, what)
        if kept is not None and len(np.unique(numbers[np.argsort(order)][units[kept]])) < folds:
            _check_enough(len(np.unique(units[kept])), folds, f"{what} without missing values")
            own = None if groups is None else groups[kept]
            classes = None if strata is None else strata[kept]
            of = (val_fraction, test_fraction, seed, own, folds, fold, None, classes)
            parts = split_rows(int(kept.sum()), *of)
            return {split: np.flatnonzero(kept)[rows] for split, rows in parts.items()}
        after = (numbers - fold) % folds  # 0: the fold itself, 1: the one after it, ...
        order, tested = order[np.argsort(after, kind="stable")], int(np.count_nonzero(after == 0))
        if strata is not None and groups is None:  # the folds are in the order of the classes, their rows must not be
            order[tested:] = _interleaved(order[tested:], strata)
    left = sizes[order[tested:]]
    validated = units_that_fill(left, round(val_fraction * n)) if val_fraction > 0 else 0
    side = np.zeros(len(sizes), dtype=np.int8)  # the place in SPLITS: of as many rows as there may be, words are large
    side[order[:tested]] = SPLITS.index("test")
    side[order[tested : tested + validated]] = SPLITS.index("val")
    return {split: np.flatnonzero(side[units] == i) for i, split in enumerate(SPLITS)}


def _split_plainly(n: int, val_fraction: float, test_fraction: float, seed: int) -> dict[str, np.ndarray]:
    """`split_rows` of rows that are units of their own, with no more than the order in memory beside the result."""
    side = _sides(n, val_fraction, test_fraction, seed)
    return {split: np.flatnonzero(side == i) for i, split in enumerate(SPLITS)}


def sides_of(n: int, val_fraction: float, test_fraction: float, seed: int) -> np.ndarray:
    """Which of `SPLITS` each row is in, int8 [n]: the same parts as `split_rows` makes of rows without groups, strata
    and folds, of a byte a row.

    Raises:
        ConfigError: the fractions leave nothing to train on.
    """
    _check_share(val_fraction, test_fraction, 0)
    return _sides(n, val_fraction, test_fraction, seed)


def _sides(n: int, val_fraction: float, test_fraction: float, seed: int) -> np.ndarray:
    # the order of Generator.permutation(n), which is of 64 bits
    order = np.arange(n, dtype=np.int32 if n < 2**31 else np.int64)
    np.random.default_rng(seed).shuffle(order)
    tested = min(max(round(test_fraction * n), 1), n) if test_fraction > 0 else 0
    validated = min(max(round(val_fraction * n), 1), n - tested) if val_fraction > 0 else 0
    side = np.zeros(n, dtype=np.int8)  # the place in SPLITS
    side[order[:tested]] = SPLITS.index("test")
    side[order[tested : tested + validated]] = SPLITS.index("val")
    return side


def split_in_time(time: np.ndarray, val_fraction: float, test_fraction: float, gap: int = 0) -> dict[str, np.ndarray]:
    """Part rows by `time` [n]: the latest are for testing, those before them for validation, the earliest for training:
    {split: positions in increasing order}. Rows of one time are never parted; those of the `gap` times before the test
    are in no split.

    Raises:
        ConfigError: the fractions leave nothing to train on.
    """
    _check_share(val_fraction, test_fraction, 0)
    _, units = np.unique(time, return_inverse=True)
    sizes, n = np.bincount(units), len(time)
    backwards = sizes[::-1]
    tested = units_that_fill(backwards, round(test_fraction * n)) if test_fraction > 0 else 0
    out = tested + gap if tested else 0
    left = backwards[out:]
    validated = units_that_fill(left, round(val_fraction * n)) if val_fraction > 0 else 0
    if out + validated >= len(sizes):
        lower = "--val-fraction, --test-fraction" + (" or --gap" if gap else "")
        raise ConfigError(f"--time has too few different values for its splits; lower {lower}.")
    since = len(sizes) - 1 - units  # 0: the latest
    parts = {
        "train": since >= out + validated,
        "val": (since >= out) & (since < out + validated),
        "test": since < tested,
    }
    return {split: np.flatnonzero(part) for split, part in parts.items()}


def _check_share(val_fraction: float, test_fraction: float, folds: int) -> None:
    if val_fraction + (1 / folds if folds else test_fraction) < 1:
        return
    given, remedy = f"--test-fraction {test_fraction:g}", "their sum must be below 1"
    if folds:
        given, remedy = f"--folds {folds}", "lower the one, or use more of the others"
    raise ConfigError(f"--val-fraction {val_fraction:g} and {given} leave no rows to train on; {remedy}.")


def _by_class(order: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """The rows of an order class by class: dealt to folds in turn, each class is spread over all of them."""
    return order[np.argsort(strata[order], kind="stable")]


def _interleaved(order: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """The rows of an order so that any first of them hold each class in its share, to about one row."""
    classes = strata[order]
    _, number, count = np.unique(classes, return_inverse=True, return_counts=True)
    rank = np.empty(len(order))
    for i in range(len(count)):
        own = np.flatnonzero(number == i)
        rank[own] = (np.arange(len(own)) + 0.5) / len(own)
    return order[np.argsort(rank, kind="stable")]


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


def units_that_fill(sizes: np.ndarray, rows: int) -> int:
    """How many units, taken in this order, it takes to hold that many rows; at least one."""
    return int(np.searchsorted(np.cumsum(sizes), max(rows, 1))) + 1
