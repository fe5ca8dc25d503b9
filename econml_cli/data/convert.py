"""The columns of a file as the kinds of a schema have them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from econml_cli.data import column_texts, notation, rows
from econml_cli.data.asked import Asked
from econml_cli.data.column_texts import Texts
from econml_cli.data.infer_typed import as_series, without_marks
from econml_cli.data.raw import Raw
from econml_cli.data.schema import Column, Schema
from econml_cli.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def convert(raw: Raw, schema: Schema) -> tuple["pd.DataFrame", dict[str, dict[int, str]]]:
    """(what was read as the kinds of a schema have it, {column: {row: text that is not of that kind}}).

    Numbers are int64, Int64 or float64, categories text, switches bool, dates datetime64; what is missing is missing.
    """
    import pandas as pd

    columns: dict[str, Any] = {}
    wrong: dict[str, dict[int, str]] = {}
    for name in raw.names_read:
        if name not in schema:
            continue
        column, known = schema[name], schema.asked
        values, odd = _converted(raw, name, column, known)
        columns[name] = values
        if odd:
            wrong[name] = odd
    # not put together in blocks, which would be a copy of the table
    return pd.DataFrame(columns, index=pd.RangeIndex(raw.rows), copy=False), wrong


def _converted(raw: Raw, name: str, column: Column, asked: Asked) -> tuple["pd.Series", dict[int, str]]:
    import pandas as pd

    if not raw.text:
        values = without_marks(as_series(raw, name), name, asked)
        if column.codes and name in raw.labels:
            levels = {code: level for level, code in column.codes.items()}
            return values.map(levels).astype(pd.CategoricalDtype(list(column.codes), ordered=True)), {}
        strings = isinstance(values.dtype, pd.StringDtype) or values.dtype == object
        if not strings or column.kind == "other":
            return values, {}
        import pyarrow as pa

        if not all(isinstance(value, str) for value in values.dropna().head(1000)):
            return values, {}
        array = pa.chunked_array([pa.array(values.astype(object).where(values.notna(), ""), pa.string())])
        return _from_text(array, column, asked)
    return _from_text(column_texts.column_of(raw, name), column, asked)


def _from_text(array: "pa.ChunkedArray", column: Column, asked: Asked) -> tuple["pd.Series", dict[int, str]]:
    import pandas as pd

    as_number = column.kind == "number" or (column.kind == "identifier" and column.low is not None)
    if as_number and not column.written:
        numbers, absent = column_texts.plain_numbers(array, column.name, asked)
        if numbers is not None and absent is not None:
            return _series(numbers, absent), {}
    texts = column_texts.texts_of(array)
    marks = notation.MARKS if column.kind in ("category", "identifier", "text", "other") and not as_number else (
        notation.MARKS | notation.WORDS
    )  # fmt: skip
    marks = column_texts.marks_for_missing(texts, column.name, asked) or marks
    absent_values = np.array([value in marks for value in texts.values], dtype=bool)
    absent = absent_values[texts.codes]
    if as_number:
        parsed = [None if v in marks else notation.number(v, asked.mark, column.written) for v in texts.values]
        numbers, empty = notation.mapped(texts.codes, parsed)
        return _series(numbers, empty), _odd(texts, empty & ~absent)
    if column.kind == "boolean":
        places: list[float | int | None] = [
            None if v in marks or v.lower() not in ("true", "false") else int(v.lower() == "true") for v in texts.values
        ]
        switches, empty = notation.mapped(texts.codes, places)
        found = pd.Series(switches.astype(bool))
        return found.astype("boolean").mask(empty) if empty.any() else found, _odd(texts, empty & ~absent)
    words = pd.Series([None if v in marks else v for v in texts.values], dtype="str")
    if column.kind == "date":
        # of a fit to a file with types nothing is known of how dates are written
        found_ways = notation.dates(v for v in texts.values if v not in marks)
        way = column.way or (found_ways[0] if len(found_ways) == 1 else "ISO 8601")
        dates = notation.to_dates(words, way).to_numpy()[texts.codes]
        return pd.Series(dates), _odd(texts, np.isnat(dates) & ~absent)
    return words.take(texts.codes).reset_index(drop=True), {}


def _odd(texts: Texts, rows: np.ndarray) -> dict[int, str]:
    """{row: its text}."""
    return {int(row): texts.values[texts.codes[row]] for row in np.flatnonzero(rows)}


def _series(numbers: np.ndarray, absent: np.ndarray) -> "pd.Series":
    import pandas as pd

    if not absent.any():
        return pd.Series(numbers)
    if numbers.dtype == np.float64:
        return pd.Series(np.where(absent, np.nan, numbers))
    return pd.Series(pd.arrays.IntegerArray(numbers, absent))


def refuse_wrong(wrong: Mapping[str, Mapping[int, str]], schema: Schema, where: str) -> None:
    """Refuse values that are not of the kind that their column had in a fit, as `convert` found them.

    Raises:
        DataError: names the first, its row and what it should be.
    """
    words = {"number": "text", "boolean": "something"}
    needed = {"number": "a number", "boolean": "true or false", "date": "a date as in the fit"}
    for name, texts in wrong.items():
        row, text = next(iter(texts.items()))
        kind = "number" if schema[name].kind == "identifier" else schema[name].kind
        place = f"row {rows.number(row, where):,} of {where}: {text[:40]!r}"
        raise DataError(
            f"Column '{name}' holds {words.get(kind, 'text')} ({place}) where {needed[kind]} is needed; correct it, or "
            "leave the row out."
        )
