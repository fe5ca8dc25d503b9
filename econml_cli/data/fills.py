"""`--missing indicate`: what stands for a missing value of a feature, and a column that says that it was missing.

A number is filled with the mean of the training rows, a label with their most frequent one, a date with their median.
The columns that lag(...), lead(...) and diff(...) read are not filled: what is not there has no lag.
"""

import ast
import dataclasses
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from econml_cli.data import columns, dates, expression
from econml_cli.data.formula import Formula
from econml_cli.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

#: {column: what stands for a missing value: a number, a switch, text, of a date ISO 8601}
Fills = Mapping[str, float | int | bool | str]


def indicator(name: str) -> str:
    """The name of the column that is 1 where a column was missing, else 0."""
    return f"{name}[missing]"


def candidates(read: Formula) -> list[str]:
    """The columns of a formula's features that can be filled."""
    shifted = {c for node in read.features.values() if expression.shifts(node) for c in expression.columns(node)}
    return [name for name in read.feature_columns if name not in shifted]


def learn(read: Formula, frame: "pd.DataFrame", kept: np.ndarray, train: np.ndarray, w: np.ndarray | None) -> Fills:
    """What to fill the columns with that are missing anywhere in the rows `kept` [n] bool, of the `train` [n] bool
    among them, with weights w [n] (None: all are 1).

    Raises:
        DataError: a column has no value in any training row, or infinite ones; or the name of an indicator is taken.
    """
    labelled = {columns.of_labels(node, frame) for node in read.features.values() if not _of_dates(node, frame)}
    found: dict[str, Any] = {}
    for name in candidates(read):
        absent = frame[name].isna().to_numpy(dtype=bool)
        if not (absent & kept).any():
            continue
        rows = train & ~absent
        if not rows.any():
            raise DataError(f"Column '{name}' has no value in any training row to fill others from; leave it out.")
        if indicator(name) in frame.columns:
            raise DataError(f"The file has a column '{indicator(name)}' already, which --missing indicate would make.")
        values, weights = frame[name][rows], np.ones(int(rows.sum())) if w is None else w[rows]
        if dates.are(frame[name]):
            found[name] = str(values.sort_values().iloc[(len(values) - 1) // 2].isoformat())
        elif name in labelled:
            found[name] = _mode(values, weights, name)
        else:
            found[name] = float(np.average(columns.as_numbers(values, name), weights=weights))
            if not np.isfinite(found[name]):
                raise DataError(f"Column '{name}' has infinite values, so it has no mean to be filled with; mend them.")
    return found


def _of_dates(node: expression.Node, frame: "pd.DataFrame") -> bool:
    return any(dates.are(frame[name]) for name in expression.columns(node))


def _mode(values: "pd.Series", w: np.ndarray, name: str) -> Any:
    """The level with the largest weight; of several the first."""
    known = columns.levels(values, name)
    codes = columns.codes(values, known)
    first = int(np.bincount(codes, weights=w, minlength=len(known)).argmax())
    value = values.iloc[int(np.flatnonzero(codes == first)[0])]
    return value.item() if isinstance(value, np.generic) else value


def apply(fills: Fills, frame: "pd.DataFrame") -> "pd.DataFrame":
    """A table without the gaps of the columns that are filled, and with their indicators, float64."""
    if not fills:
        return frame
    new: dict[str, Any] = {}
    for name, value in fills.items():
        absent = frame[name].isna().to_numpy(dtype=bool)
        new[name] = _filled(frame[name], value, absent, name) if absent.any() else frame[name]
        new[indicator(name)] = absent.astype(np.float64)
    return frame.assign(**new)


def _filled(column: "pd.Series", value: Any, absent: np.ndarray, name: str) -> "pd.Series":
    import pandas as pd

    if dates.are(column):
        return column.fillna(pd.Timestamp(str(value)).tz_localize(getattr(column.dt, "tz", None)))
    if isinstance(column.dtype, pd.CategoricalDtype):
        there = value in column.cat.categories
        return (column if there else column.cat.add_categories([value])).fillna(value)
    if isinstance(value, float) and not isinstance(value, bool) and columns.kind(column, name) == "numbers":
        return pd.Series(np.where(absent, value, columns.as_numbers(column, name)), index=column.index)
    return column.astype(object).where(~absent, value).infer_objects()


def extended(read: Formula, names: Iterable[str]) -> Formula:
    """A formula with the indicators of some columns as terms of their own behind the others."""
    new = [indicator(name) for name in names]
    if not new:
        return read
    factors = {**read.factors, **{name: ast.Name(id=name) for name in new}}
    return dataclasses.replace(read, terms=(*read.terms, *((name,) for name in new)), factors=factors)


def from_json(saved: Any) -> Fills:
    """What preprocessing.json has of them.

    Raises:
        TypeError: it is not that.
    """
    if not isinstance(saved, dict) or not all(isinstance(v, float | int | bool | str) for v in saved.values()):
        raise TypeError("fills")
    return saved
