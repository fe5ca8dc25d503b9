"""A column of a table as numbers or as labels: which of the two it is, and its levels."""

import ast
import math
import numbers as abc
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from econml_cli.data import dates, expression, rows
from econml_cli.data.expression import Node
from econml_cli.errors import DataError, suggest
from econml_cli.options import shell

if TYPE_CHECKING:
    import pandas as pd

MAX_LEVELS = 1000
#: rows of a column that are looked at before all of them are
FIRST = 1000

#: no value of a feature or a target is as large: its square and sums of these are numbers still
LARGEST = 1e150


def require(names: Iterable[str], frame: "pd.DataFrame | Sequence[str]", where: str) -> None:
    """Refuse columns that a table, or a list of the names of one, lacks.

    Raises:
        DataError: names the first, and the nearest there is.
    """
    have = list(map(str, getattr(frame, "columns", frame)))
    there = set(have)
    if absent := [name for name in names if name not in there]:
        raise DataError(not_there(absent[0], have, where))


def not_there(name: str, have: Sequence[str], where: str) -> str:
    """That a table lacks a column, and the nearest it has, or the first ten."""
    more = f" and {len(have) - 10:,} more" if len(have) > 10 else ""
    near = suggest(name, have) or f" It has {', '.join(have[:10])}{more}."
    return f"{where} has no column '{name}'.{near}"


def kind(column: "pd.Series", name: str) -> Literal["numbers", "labels"]:
    """What a column holds: text, categories and booleans are labels.

    Raises:
        DataError: dates, lists, complex numbers, a mixture, or nothing at all.
    """
    import pandas as pd

    types = pd.api.types
    if types.is_datetime64_any_dtype(column):
        dropped, name = shell.option("--drop-columns", name), name if name.isidentifier() else f"`{name}`"
        raise DataError(
            f"Column '{name}' holds dates, which are no feature as they stand; write year({name}), month({name}), "
            f"trend({name}) or C(quarter({name})) in a --formula, name it as --time, or {dropped}."
        )
    if isinstance(column.dtype, pd.CategoricalDtype | pd.StringDtype) or types.is_bool_dtype(column):
        return "labels"
    if types.is_numeric_dtype(column) and not types.is_complex_dtype(column):
        return "numbers"
    found = set() if types.is_complex_dtype(column) else {type(value) for value in column.dropna()}
    if found and all(issubclass(t, str | bool | np.bool_) for t in found):
        return "labels"
    if found and all(issubclass(t, abc.Real | Decimal) for t in found):
        return "numbers"
    if not len(column.dropna()):
        raise DataError(f"Column '{name}' holds no values at all; leave it out.")
    example = column.dropna().iloc[0]
    raise DataError(
        f"Column '{name}' holds neither numbers nor text (type {column.dtype}, e.g. {str(example)[:40]!r}); turn it "
        "into numbers (of a date say the year), or leave it out with --features."
    )


def of_labels(node: Node, frame: "pd.DataFrame") -> str | None:
    """The column that a factor takes as labels: x of C(x), and x itself where it holds labels; else None."""
    if expression.called(node) == "C":
        return expression.columns(node)[0]
    if not expression.is_column(node):
        return None
    name = expression.columns(node)[0]
    return name if kind(frame[name], name) == "labels" else None


def labelled(node: Node, frame: "pd.DataFrame") -> "pd.Series":
    """The values of a factor that `of_labels` takes as labels: its column, or of C(quarter(when)) that part of it."""
    name = expression.columns(node)[0]
    inner = node.args[0] if isinstance(node, ast.Call) and expression.called(node) == "C" else node
    if isinstance(inner, ast.Name):
        return frame[name]
    import pandas as pd

    values = dates.part(str(expression.called(inner)), frame[name], name)
    return pd.Series(values, index=frame.index).astype("Int64")


def as_numbers(column: "pd.Series", name: str) -> np.ndarray:
    """The column as float64 [n], NaN where it is missing; True and False are 1 and 0.

    Raises:
        DataError: it holds text.
    """
    import pandas as pd

    if kind(column, name) == "labels" and not pd.api.types.is_bool_dtype(column):
        if set(column.dropna()) <= {True, False}:  # booleans with gaps are of type object
            return np.array([np.nan if pd.isna(v) else float(v) for v in column])
        held = list(map(str, column.dropna().unique()))
        example = next((value for value in held if not _is_number(value)), "")
        raise DataError(f"Column '{name}' holds text (e.g. {example[:40]!r}) where a number is needed.")
    if isinstance(column.dtype, np.dtype) and column.dtype != object:
        return column.to_numpy(np.float64)
    return column.astype("Float64" if column.isna().any() and column.dtype != object else "float64").to_numpy(
        dtype=np.float64, na_value=np.nan
    )


def as_stored(column: "pd.Series") -> np.ndarray | None:
    """The column [n] in its own type, not copied, if it holds numbers or switches without gaps of a kind of their own
    (a gap is NaN); else None."""
    kind = column.dtype
    return (
        column.to_numpy(copy=False)
        if isinstance(kind, np.dtype) and kind.kind in "iufb" and kind.itemsize <= 8
        else None
    )


def different(column: "pd.Series", rows: np.ndarray | None = None) -> int:
    """How many different values a column has in some `rows` [n] bool (None: all), missing ones apart; of numbers whose
    first rows have more than two, how many are in those: then no more is to be known than that they are not classes."""
    stored = as_stored(column)
    if stored is not None:
        head = stored[:FIRST] if rows is None else stored[:FIRST][rows[:FIRST]]
        if (count := len(np.unique(head[~np.isnan(head)]))) > 2:
            return count
    return int((column if rows is None else column[rows]).nunique())


def zeros_and_ones(frame: "pd.DataFrame", names: Iterable[str], rows: np.ndarray | None = None) -> list[str]:
    """Those of some columns that hold zeros and ones, both of them, and nothing else but missing values; in some `rows`
    [n] bool (None: all)."""

    def only(column: "pd.Series") -> bool:
        stored = as_stored(column)
        # most columns show at once that they do not
        if stored is not None and not _zeros_and_ones(stored[:FIRST], None if rows is None else rows[:FIRST])[0]:
            return False
        if stored is not None:
            return _zeros_and_ones(stored, rows) == (True, True)
        used = column if rows is None else column[rows]
        return set(used.iloc[:FIRST].dropna().unique()) <= {0, 1} and set(used.dropna().unique()) == {0, 1}

    return [name for name in names if name in frame.columns and only(frame[name])]


def _zeros_and_ones(values: np.ndarray, rows: np.ndarray | None) -> tuple[bool, bool]:
    """(whether values [n] are 0, 1 or missing alone, whether both of them occur), in some `rows` [n] bool."""
    zero, one = values == 0, values == 1
    other = ~(zero | one)
    if values.dtype.kind == "f":
        other &= ~np.isnan(values)
    if rows is not None:
        zero, one, other = zero & rows, one & rows, other & rows
    return not other.any(), bool(zero.any() and one.any())


def level_name(value: Any) -> str:
    """One spelling for a level however the file typed it: 1, 1.0 and "1" are "1"."""
    if isinstance(value, float | np.floating | Decimal) and math.isfinite(value) and value == round(value):
        return str(round(value))
    return str(value)


def levels(column: "pd.Series", name: str) -> list[str]:
    """The levels that occur in a column: in their own order where it has one, else by size or alphabet.

    Raises:
        DataError: more than 1000 of them, or nearly all of them are numbers that something keeps from being read.
    """
    import pandas as pd

    found = column.dropna()
    if isinstance(column.dtype, pd.CategoricalDtype):
        found = found.cat.remove_unused_categories()
        values = list(found.cat.categories)
    else:
        values = list(found.unique())
        values.sort(key=level_name if len({isinstance(v, str) for v in values}) > 1 else None)
    if len(values) > MAX_LEVELS:
        embedded = shell.option("--embed", f"{name}:8")
        raise DataError(
            f"Column '{name}' has {len(values):,} levels (e.g. {level_name(values[0])!r}), more than {MAX_LEVELS:,}, "
            "the most that dummies are made of; is it an identifier, or a number written as text? Leave it out, or "
            f"clean it; or let a network learn a vector of each level ({embedded}), or model linear absorb an "
            f"effect of each (--formula 'y ~ x | {name}')."
        )
    _refuse_broken_numbers(values, name)
    return [level_name(value) for value in values]


def _refuse_broken_numbers(values: Sequence[Any], name: str) -> None:
    """A stray '.' or 'n/a', or 1,000, turns a column of numbers into text: hundreds of dummies would be wrong."""
    odd = [value for value in values if isinstance(value, str) and not _is_number(value)]
    if len(values) <= 20 or not odd:
        return
    grouped = [value for value in odd if "," in value and _is_number(value.replace(",", ""))]
    if grouped and len(odd) - len(grouped) <= len(values) / 10:
        raise DataError(
            f"Column '{name}' is numbers with thousands separators or decimal commas, such as {grouped[0]!r}, so it "
            "was read as text; save 1,000 as 1000, and 0,5 as 0.5."
        )
    if len(odd) <= len(values) / 10:
        raise DataError(
            f"Column '{name}' is numbers but for {odd[0]!r}, so it was read as text; if that is missing, say "
            f"--na-values '{odd[0]}'."
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def codes(column: "pd.Series", known: Sequence[str]) -> np.ndarray:
    """The number of each row's level in `known`, int [n]; -1 where the column is missing, -2 where the level is not
    known (`refuse_unseen`)."""
    import pandas as pd

    numbers, values = pd.factorize(column)
    place = {level: i for i, level in enumerate(known)}
    table = np.array([*(place.get(level_name(value), -2) for value in values), -1], dtype=np.int32)
    return table[numbers]


def refuse_unseen(column: "pd.Series", known: Sequence[str], name: str, used: np.ndarray, where: str) -> None:
    """Refuse levels that are not known in any of the rows `used` [n] bool of the file `where`.

    Raises:
        DataError: names the first, and the column.
    """
    unseen = (codes(column, known) == -2) & used
    if unseen.any():
        shown = ", ".join(known[:10]) + (", ..." if len(known) > 10 else "")
        level, place = level_name(column[unseen].iloc[0]), rows.first_of(unseen, where)
        raise DataError(
            f"Column '{name}' has the level '{level}' in {place} {where}, which the data of the fit lack (they have "
            f"{shown}); remove those rows, or fit again with them."
        )


def refuse_large(what: str, name: str, largest: float) -> None:
    """Refuse a column whose squares no computer can add up.

    Raises:
        DataError: names it.
    """
    if not largest < LARGEST:
        raise DataError(
            f"{what} '{name}' has values of up to {largest:.3g} in absolute value, whose squares are beyond any number "
            f"of a computer; measure it in other units (below {LARGEST:g})."
        )
