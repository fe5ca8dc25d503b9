"""Which rows of a table can be used: not those with missing values; and infinite values nowhere."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np

from econml_cli.data import columns, expression, transforms
from econml_cli.data.expression import Node
from econml_cli.data.transforms import Learnt
from econml_cli.errors import DataError, plural

if TYPE_CHECKING:
    import pandas as pd


def missing_by(
    factors: Mapping[str, Node], frame: "pd.DataFrame", learnt: Learnt, rows: np.ndarray | None, where: str
) -> dict[str, np.ndarray]:
    """Where values are missing: {column, or lag(...) for the rows it reaches beyond the table: [n] bool}.

    `learnt`, `rows` as in `transforms.evaluate`. Only what is missing somewhere is named.

    Raises:
        DataError: an infinite value, or one that a formula makes of values that are there, such as log(-1).
    """
    read = dict.fromkeys(column for node in factors.values() for column in expression.columns(node))
    absent = {name: frame[name].isna().to_numpy(dtype=bool) for name in read}
    for name in read:
        if columns.kind(frame[name], name) == "numbers":
            _refuse_infinite(columns.as_numbers(frame[name], name), f"column '{name}'", where)
    if rows is not None:
        rows = rows & ~np.any([*absent.values()], axis=0)
    for name, node in factors.items():
        if columns.of_labels(node, frame) is not None or expression.is_column(node):
            continue
        value = transforms.evaluate(node, frame, learnt, rows).reshape(len(frame), -1)
        _refuse_infinite(value, name, where)
        gaps = np.isnan(value).any(axis=1) & ~np.any([absent[c] for c in expression.columns(node)], axis=0)
        if gaps.any() and not expression.uses(node, "lag"):
            raise DataError(
                f"{where}: {name} is not a number in {_rows(gaps)} (a log or root of a negative number?); leave such "
                "rows out, or change the formula."
            )
        absent[name] = gaps
    return {name: gaps for name, gaps in absent.items() if gaps.any()}


def keep(absent: Mapping[str, np.ndarray], n: int, missing: Literal["error", "drop"], where: str) -> np.ndarray:
    """The rows without missing values, [n] bool.

    Raises:
        DataError: there are missing values and `missing` is "error" (names columns and counts), or no row is left.
    """
    if not absent:
        return np.ones(n, dtype=bool)
    counts = ", ".join(f"{name} ({int(gaps.sum()):,})" for name, gaps in list(absent.items())[:20])
    counts += f" and {len(absent) - 20} more" if len(absent) > 20 else ""
    if missing == "error":
        raise DataError(
            f"{where} has missing values, of {plural(n, 'row')}: {counts}; leave those rows out: --missing drop."
        )
    kept: np.ndarray = ~np.any([*absent.values()], axis=0)
    if not kept.any():
        raise DataError(
            f"{where} has no row without a missing value, of {plural(n, 'row')}: {counts}; use fewer features."
        )
    return kept


def _refuse_infinite(values: np.ndarray, what: str, where: str) -> None:
    rows = np.isinf(values).reshape(len(values), -1).any(axis=1)
    if rows.any():
        raise DataError(
            f"{where}: {what} is infinite in {_rows(rows)} (the log of 0, a division by 0?); leave such rows out, or "
            "change the formula."
        )


def _rows(which: np.ndarray) -> str:
    """How many rows, and the first of them as a spreadsheet or a person counts: from 1, without the header."""
    count = int(which.sum())
    return f"{plural(count, 'row')}, {'the first of them ' * (count > 1)}observation {int(which.argmax()) + 1:,}"
