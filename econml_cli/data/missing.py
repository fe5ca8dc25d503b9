"""Which rows of a table can be used: not those with missing values; and no infinite value in any that is used."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from econml_cli.data import columns, dates, expression, rows, transforms
from econml_cli.data.expression import Node
from econml_cli.data.transforms import Learnt
from econml_cli.errors import DataError, plural

if TYPE_CHECKING:
    import pandas as pd


#: what a row with a missing value gets; "indicate": of the features something is filled in (`fills`), other rows go
Rule = Literal["error", "drop", "indicate"]


def missing_by(
    factors: Mapping[str, Node],
    frame: "pd.DataFrame",
    learnt: Learnt,
    train: np.ndarray | None,
    where: str,
    also: Mapping[str, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """Where values are missing: {column, or lag(...) for the rows it reaches beyond the table: [n] bool}.

    `learnt`, `train` as `learnt`, `rows` in `transforms.evaluate`. Only what is missing somewhere is named. `also` is
    what is missing for other reasons; of a row that goes anyway nothing is asked, such as that the log of its wage be a
    number.

    Raises:
        DataError: an infinite value, or one that a formula makes of values that are there, such as log(-1).
    """
    n = len(frame)
    read = dict.fromkeys(column for node in factors.values() for column in expression.columns(node))
    absent = gaps_of(read, frame)
    gone = any_of([*absent.values(), *({} if also is None else also).values()], n)
    computed = {
        name: node
        for name, node in factors.items()
        if columns.of_labels(node, frame) is None and not expression.is_column(node)
    }
    values = {}
    for name, node in computed.items():
        values[name] = transforms.evaluate(node, frame, dict(learnt), None if train is None else train & ~gone)
        if expression.shifts(node):  # before any value is judged: the rows that it reaches beyond the table go too
            nowhere = np.isnan(values[name].reshape(n, -1)).any(axis=1)
            absent[name] = nowhere & ~any_of([absent[c] for c in expression.columns(node) if c in absent], n)
            gone = gone | absent[name]
    for name in read:
        if not dates.are(frame[name]) and columns.kind(frame[name], name) == "numbers":
            stored = columns.as_stored(frame[name])
            numbers = columns.as_numbers(frame[name], name) if stored is None else stored
            _refuse_infinite(numbers, gone, f"column '{name}'", where)
            if any(expression.is_column(node) and name in expression.columns(node) for node in factors.values()):
                _refuse_large(numbers, gone, f"column '{name}'", where)
    for name, value in values.items():
        _refuse_infinite(value, gone, name, where, (frame, factors[name]))
        gaps = np.isnan(value.reshape(n, -1)).any(axis=1) & ~gone
        if gaps.any():
            held = _held(frame, factors[name], gaps)
            raise DataError(
                f"{where}: {name} is not a number in {rows.first_of(gaps, where)}{held} "
                "(a log or root of a negative number?); leave such rows out, or change the formula."
            )
    return {name: gaps for name, gaps in absent.items() if gaps.any()}


def computed(factors: Mapping[str, Node], frame: "pd.DataFrame", learnt: Learnt) -> dict[str, np.ndarray]:
    """The values [n] or [n, k] of the factors that are numbers."""
    return {
        name: transforms.evaluate(node, frame, learnt, None)
        for name, node in factors.items()
        if columns.of_labels(node, frame) is None
    }


def columns_missing(factors: Mapping[str, Node], frame: "pd.DataFrame", where: str) -> dict[str, np.ndarray]:
    """Where the columns that some factors read are missing: {column: [n] bool}, of those that are anywhere.

    Raises:
        DataError: the table lacks a column.
    """
    read = dict.fromkeys(column for node in factors.values() for column in expression.columns(node))
    columns.require(read, frame, where)
    return gaps_of(read, frame)


def gaps_of(names: Iterable[str], frame: "pd.DataFrame") -> dict[str, np.ndarray]:
    """Where columns are missing: {column: [n] bool}, of those that are anywhere."""
    absent = ((name, frame[name].isna().to_numpy(dtype=bool)) for name in names)
    return {name: gaps for name, gaps in absent if gaps.any()}


def any_of(masks: Sequence[np.ndarray], n: int) -> np.ndarray:
    """Where any of some masks [n] is true."""
    found = np.zeros(n, dtype=bool)
    for mask in masks:
        found |= mask
    return found


def keep(
    absent: Mapping[str, np.ndarray], n: int, missing: Rule, where: str, also: str = "", *, part: bool = False
) -> np.ndarray:
    """The rows without missing values, [n] bool. `also` is what else can be done about them, for an error; of a `part`
    of a table none may be left.

    Raises:
        DataError: there are missing values and `missing` is "error" (names columns and counts), or no row is left.
    """
    if not absent:
        return np.ones(n, dtype=bool)
    counts = ", ".join(f"{name} ({int(gaps.sum()):,})" for name, gaps in list(absent.items())[:20])
    counts += f" and {len(absent) - 20} more" if len(absent) > 20 else ""
    first = rows.number(int(np.any([*absent.values()], axis=0).argmax()), where)
    if missing == "error":
        raise DataError(
            f"{where} has missing values, of {plural(n, 'row')}: {counts}, the first in row {first:,}; leave those "
            f"rows out: --missing drop{also}."
        )
    kept: np.ndarray = ~any_of([*absent.values()], n)
    if not kept.any() and not part:
        raise DataError(
            f"{where} has no row without a missing value, of {plural(n, 'row')}: {counts}; use fewer features."
        )
    return kept


def _refuse_infinite(
    values: np.ndarray, gone: np.ndarray, what: str, where: str, made_of: "tuple[pd.DataFrame, Node] | None" = None
) -> None:
    if values.dtype.kind != "f":
        return
    infinite = np.isinf(values).reshape(len(values), -1).any(axis=1) & ~gone
    if infinite.any():
        held = "" if made_of is None else _held(*made_of, infinite)
        raise DataError(
            f"{where}: {what} is infinite in {rows.first_of(infinite, where)}{held} (the log of 0, a division by 0?); "
            "leave such rows out, or change the formula."
        )


def _refuse_large(values: np.ndarray, gone: np.ndarray, what: str, where: str) -> None:
    if values.dtype.kind == "f" and values.dtype.itemsize <= 4:  # none is as large
        return
    large = (np.abs(values) >= columns.LARGEST) & ~gone
    if large.any():
        raise DataError(
            f"{where}: {what} is {values[large.argmax()]:g} in {rows.first_of(large, where)}, whose square is beyond "
            f"any number of a computer; measure it in other units (below {columns.LARGEST:g})."
        )


def _held(frame: "pd.DataFrame", node: Node, which: np.ndarray) -> str:
    """What the columns that an expression reads hold in the first of some rows [n] bool: ", where wage is 0"."""
    row = int(which.argmax())
    held = [f"{name} is {columns.level_name(frame[name].iloc[row])}" for name in expression.columns(node)]
    return f", where {' and '.join(held[:3])}"
