"""A column of a text file as its different texts, how often each occurs, and which of them are marks for missing."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from econml_cli.data import notation, text_numbers
from econml_cli.data import rows as rows_of
from econml_cli.data.asked import Asked
from econml_cli.data.raw import Raw
from econml_cli.data.schema import LISTED

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Texts:
    """The different texts of a column, without the spaces around them, how often each occurs, the code of each row, and
    `spaced`, one with spaces that stands elsewhere without them."""

    values: list[str]
    counts: np.ndarray
    codes: np.ndarray
    spaced: str | None


def column_of(raw: Raw, name: str) -> "pa.ChunkedArray":
    """A column of a text file."""
    columns: Any = raw.columns
    return columns.column(name)


def texts_of(column: "pa.ChunkedArray") -> Texts:
    """The different texts of a column, found without a Python object for each row."""
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(column.combine_chunks())
    encoded = trimmed.dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    values = encoded.dictionary.to_pylist()
    return Texts(values, np.bincount(codes, minlength=len(values)), codes, _spaced(column, len(values)))


def _spaced(column: "pa.ChunkedArray", different: int) -> str | None:
    """A text with spaces around it that stands elsewhere in a column without them, or with others; None: there is none.
    Without the spaces so many are `different`."""
    import pyarrow.compute as pc

    if different > LISTED or pc.count_distinct(column).as_py() == different:
        return None
    every: list[str] = pc.unique(column).to_pylist()
    bare = [text.strip() for text in every]
    return next(text for text, own in zip(every, bare, strict=True) if text != own and bare.count(own) > 1)


def marks_for_missing(texts: Texts, name: str, asked: Asked) -> frozenset[str] | None:
    """The marks for missing that somebody names for a column, and what else is written of those that are numbers: of -9
    also -9.0; None: nobody names any."""
    given, numbers = asked.marks(name), asked.numbers_missing(name)
    if given is None or not numbers:
        return given
    return given | {value for value in texts.values if notation.number(value, asked.mark) in numbers}


def split_marks(texts: Texts, marks: frozenset[str]) -> tuple[list[str], dict[str, int]]:
    """(values that are none of the marks, {mark: how often})."""
    there = [value for value in texts.values if value not in marks]
    missing = {v: int(n) for v, n in zip(texts.values, texts.counts, strict=True) if v in marks and n}
    return there, missing


def first_row(raw: Raw, texts: Texts, value: str) -> str:
    """Where a text first stands."""
    row = int(np.flatnonzero(texts.codes == texts.values.index(value))[0])
    return f"row {rows_of.number(row, raw.source):,} of {raw.source}"


def plain_numbers(column: "pa.ChunkedArray", name: str, asked: Asked) -> tuple[np.ndarray | None, np.ndarray | None]:
    """(the numbers of a column, 0 where there is none; which rows have none), or (None, None): it holds other texts."""
    import pyarrow as pa

    if pa.types.is_string(column.type):
        if asked.mark != "." or asked.numbers_missing(name):
            return None, None
        texts = text_numbers.Column()
        found = texts.whole(empty=True) if texts.add(column.combine_chunks()) else None
        if found is None:
            return None, None
    else:  # as `files.read` found it
        found = column.combine_chunks()
    there = found.fill_null(0) if found.null_count else found
    return there.to_numpy(zero_copy_only=False), found.is_null().to_numpy(zero_copy_only=False)
