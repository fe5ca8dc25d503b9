"""Folds in time: which rows of a series each one tests, and which earlier ones it trains on."""

import numpy as np

from econml_cli.data.split import SPLITS, check_folds, units_that_fill
from econml_cli.errors import ConfigError, plural


def folds_in_time(
    time: np.ndarray, folds: int, fold: int, val_fraction: float = 0.0, gap: int = 0, rolling: bool = False
) -> dict[str, np.ndarray]:
    """Part rows by `time` [n] into those that fold number `fold`, 1 to K, tests, and earlier ones that it trains on:
    {split: positions in increasing order}.

    The times are cut into K + 1 blocks with about as many rows each. Fold j tests block j (from 0) and trains on all
    times before it, or, `rolling`, on as many times as the first fold does, but for the `gap` times next to the test;
    the latest of them, with the share `val_fraction` of their rows, are for validation. Block 0 is never tested.

    Raises:
        ConfigError: there are too few times, or nothing is left to train on (see also `check_folds`).

    Source: Tashman (2000), International Journal of Forecasting 16, 437-450, on rolling origins and windows.
    """
    check_folds(folds, fold)
    values, units = np.unique(time, return_inverse=True)
    sizes, count = np.bincount(units), len(values)
    if count <= folds:
        raise ConfigError(
            f"--folds {folds} in time needs {folds + 1} different values of --time, and there are {count}; take fewer."
        )
    middles = (np.cumsum(sizes) - sizes / 2) / len(units)
    block = np.minimum((middles * (folds + 1)).astype(int), folds)
    if len(np.unique(block)) <= folds:  # some times have so many rows that others have no block
        block = np.arange(count) * (folds + 1) // count
    first = int(np.flatnonzero(block == 1)[0]) - gap
    end = int(np.flatnonzero(block == fold)[0]) - gap
    begin = max(end - first, 0) if rolling else 0
    validated = 0
    if first > 0 and val_fraction > 0:
        before = sizes[begin:end][::-1]
        validated = units_that_fill(before, round(val_fraction * int(before.sum())))
    if first <= 0 or begin + validated >= end:
        raise ConfigError(
            f"--folds {folds} with --gap {gap} leaves no period to train on before fold {fold} "
            f"({plural(count, 'value')} of --time); take fewer folds, or lower --gap or --val-fraction."
        )
    at = np.arange(count)
    side = np.select(
        [block == fold, (at >= end - validated) & (at < end), (at >= begin) & (at < end - validated)],
        ["test", "val", "train"],
        default="",
    )
    return {split: np.flatnonzero(side[units] == split) for split in SPLITS}
