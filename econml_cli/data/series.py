"""Whether the rows of a table look like a series: in the order of the file, or sorted by a column that may be time."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from econml_cli.data import dates

if TYPE_CHECKING:
    import pandas as pd

#: the share of its steps that are the usual one, to so much of it, of a numeric column that may be time
REGULAR, TO = 0.9, 0.05
#: between which a number with a fraction may be a year
YEARS = (1500, 2500)
#: rows of which an order is told by more than chance
FEWEST = 20


def autocorrelation(values: np.ndarray) -> float:
    """The first autocorrelation of values [n] in their order; 0 of fewer than three, or of a constant."""
    centred = np.asarray(values, np.float64) - np.mean(values)
    total = float(centred @ centred)
    return float(centred[1:] @ centred[:-1]) / total if len(centred) > 2 and total > 0 else 0.0


def along(y: np.ndarray, frame: "pd.DataFrame", names: Iterable[str]) -> tuple[str, float] | None:
    """The column of a frame of n rows among these names, sorted by which values [n] have the largest first
    autocorrelation, and that; None where none may be time."""
    found = [(name, autocorrelation(y[order])) for name, order in _orders(frame, names)]
    return max(found, key=lambda one: one[1], default=None)


def _orders(frame: "pd.DataFrame", names: Iterable[str]) -> Iterator[tuple[str, np.ndarray]]:
    """(name, the rows in the order of its values) of columns without ties that may be time: dates, or evenly spaced
    numbers that `_counts_time`. An identifier is that, too; by chance no target is a series along one."""
    import pandas as pd

    for name in names if len(frame) >= FEWEST else ():
        column, dated = frame[name], dates.are(frame[name])
        if dated:
            values = dates.steps(column)
        elif pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            values = column.to_numpy(np.float64, na_value=np.nan)
        else:
            continue
        first = values[:1000]
        if len(np.unique(first)) < len(first) or not (dated or _counts_time(first)):
            continue
        order = np.argsort(values, kind="stable")
        steps = np.diff(values[order])
        if not (np.isfinite(values).all() and (steps > 0).all()):
            continue
        usual = float(np.median(steps))
        if dated or np.mean(np.abs(steps - usual) <= TO * usual) >= REGULAR:
            yield name, order


def _counts_time(values: np.ndarray) -> bool:
    """Whether they may count periods, in whole numbers or as years with a fraction (1960.25). Other evenly spaced
    numbers are the grid of an experiment, along which a target is smooth because it depends on them."""
    first, last = YEARS
    return bool(np.array_equal(values, np.rint(values)) or ((values > first) & (values < last)).all())
