"""What parts the rows of a table, at random, by groups or in time, and whether it should have been time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from econml_cli.errors import DataError
from econml_cli.problems import losses
from econml_cli.problems.lazily import np
from econml_cli.problems.loss_row import Loss
from econml_cli.problems.tabular_options import TabularOptions

if TYPE_CHECKING:
    import pandas as pd

    from econml_cli.data.formula import Formula
    from econml_cli.data.read import Table
    from econml_cli.data.target import Choose


def splits_of(p: TabularOptions, table: Table, read: Formula, row: Loss | None) -> Callable[..., dict[str, np.ndarray]]:
    """What parts the rows of a table."""
    from econml_cli.data import columns
    from econml_cli.data import split as splits
    from econml_cli.data.folds_in_time import folds_in_time

    frame = table.frame
    if p.time is not None:
        dated = table.schema[p.time].kind == "date"
        labels = not dated and columns.kind(frame[p.time], p.time) == "labels"
        values = (
            frame[p.time].to_numpy()
            if dated
            else frame[p.time].astype(str)
            if labels
            else columns.as_numbers(frame[p.time], p.time)
        )
        timed = np.flatnonzero(frame[p.time].notna())
        if not len(timed):
            raise DataError(f"Column '{p.time}' of {table.source}, the --time of the rows, holds no values at all.")
        times = np.asarray(values)[timed]
        if p.folds:
            found = folds_in_time(times, p.folds, p.fold, p.val_fraction, p.gap, p.window == "rolling")
        else:
            found = splits.split_in_time(times, p.val_fraction, p.test_fraction, p.gap)
        parts = {split: timed[rows] for split, rows in found.items()}
        return lambda kept=None: parts
    groups = None if p.group is None else frame[p.group]
    strata = None if p.stratify is False or groups is not None else _classes_of(frame, read, row)
    of = (len(frame), p.val_fraction, p.test_fraction, p.split_seed, groups, p.folds, p.fold)
    if p.folds:
        return partial(splits.split_rows, *of, strata=strata)
    drawn = splits.split_rows(*of, strata=strata)  # whatever rows are kept
    return lambda kept=None: drawn


def _classes_of(frame: pd.DataFrame, read: Formula, row: Loss | None) -> np.ndarray | None:
    """The number of the class of each row [n], -1 where it is missing; None where the target has no classes."""
    import pandas as pd

    from econml_cli.data import columns, transforms

    if read.target is None:
        return None
    node = read.factors[read.target]
    source = columns.of_labels(node, frame)
    if source is None and transforms.of_several_rows(node):
        return None
    column = frame[source] if source is not None else pd.Series(transforms.evaluate(node, frame, {}, None))
    loss = chosen(row)(columns.different(column), source is not None)
    return column.factorize()[0] if loss.classifies else None


def of_a_series(
    y: np.ndarray, usable: dict[str, np.ndarray], loss: Loss, frame: pd.DataFrame, features: Sequence[str]
) -> tuple[float | None, tuple[str, float] | None]:
    """The first autocorrelation of a numeric target in the order of the file, and along a column of the features that
    may be time, where rows were parted at random."""
    from econml_cli.data import series

    if not loss.has_residuals or not sum(len(rows) for split, rows in usable.items() if split != "train"):
        return None, None
    used = np.zeros(len(y), dtype=bool)
    for rows in usable.values():
        used[rows] = True
    values, there = (y[:, 0], frame[list(features)]) if used.all() else (y[used, 0], frame.loc[used, list(features)])
    return series.autocorrelation(values), series.along(values, there, features)


def chosen(row: Loss | None) -> Choose:
    """The loss that was asked for, else that of the target."""
    return losses.for_target if row is None else lambda values, labels: row
