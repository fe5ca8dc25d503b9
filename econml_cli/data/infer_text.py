"""What a column of a text file is, by how its texts are written."""

from typing import Any

import numpy as np

from econml_cli.data import column_texts, notation
from econml_cli.data.asked import Asked, Kind
from econml_cli.data.column_texts import Texts
from econml_cli.data.infer_numbers import AS_ASKED, FEW, row_number, value_range
from econml_cli.data.raw import Raw
from econml_cli.data.schema import LISTED, Column
from econml_cli.errors import DataError
from econml_cli.options import shell

#: a column of words all but this share of whose rows are numbers is told of
FEW_WORDS = 5


def of_text(raw: Raw, name: str, asked: Asked) -> Column:
    """What a column of a text file is.

    Raises:
        DataError: it is not of the kind that somebody names; the first row that is not.
    """
    if asked.kind_of(name) in (None, "number") and (fast := _plain_numbers(raw, name, asked)) is not None:
        return fast
    texts = column_texts.texts_of(column_texts.column_of(raw, name))
    given = column_texts.marks_for_missing(texts, name, asked)
    values, missing = column_texts.split_marks(texts, given or notation.MARKS | notation.WORDS)
    kind = asked.kind_of(name)
    if kind in (None, "number"):
        if not values and (set(missing) <= notation.MARKS or given is not None or kind == "number"):
            return Column(name, "empty", "it holds no values at all", missing=missing)
        written = notation.ways(values, asked.mark)
        # between semicolons a comma may be either mark
        either = asked.delimiter == ";" and asked.decimal is None and any("," in value for value in values)
        if values and written is not None and not either:
            return _numbers(raw, name, values, missing, written, asked, kind)
        if kind == "number":
            odd = next(v for v in values if notation.number(v, asked.mark, notation.WRITTEN) is None)
            raise DataError(
                f"Column '{name}' is no number (--numeric) in {column_texts.first_row(raw, texts, odd)}: {odd[:40]!r}; "
                f"say that it is missing with {shell.option('--na-values', odd[:40])}, or leave it out of --numeric."
            )
        commas = all(notation.DECIMAL_COMMA.fullmatch(v) or notation.number(v) is not None for v in values)
        if values and (commas or (written is not None and either)):
            return Column(
                name, "other", f"numbers with decimal commas, such as {values[0]!r}; read them with --decimal ,",
                count=len(values), missing=missing,
            )  # fmt: skip
    if kind is None and values and any(set(values) <= words for words in notation.SWITCHES):
        return Column(name, "boolean", "true and false", levels=("False", "True"), count=len(values), missing=missing)
    if kind in (None, "date") and (found := as_dates(raw, texts, name, values, missing, asked)) is not None:
        return found
    values, missing = column_texts.split_marks(texts, given or notation.MARKS)
    return as_words(name, values, missing, texts, kind, given is not None, raw)


def _plain_numbers(raw: Raw, name: str, asked: Asked) -> Column | None:
    """A column of nothing but numbers and empty fields, found without a look at each text."""
    numbers, absent = column_texts.plain_numbers(column_texts.column_of(raw, name), name, asked)
    if numbers is None or absent is None or absent.all():
        return None
    there = numbers[~absent] if absent.any() else numbers
    missing = {"": int(absent.sum())} if absent.any() else {}
    return row_number(raw, name, there, Column(name, "number", "numbers", missing=missing, **value_range(there)), asked)


def _numbers(
    raw: Raw, name: str, values: list[str], missing: dict[str, int], written: tuple[str, ...], asked: Asked,
    kind: Kind | None,
) -> Column:  # fmt: skip
    parsed = [notation.number(value, asked.mark, written) for value in values]
    if kind is None and all(isinstance(v, int) for v in parsed) and any(abs(v or 0) >= 2**63 for v in parsed):
        why = "whole numbers beyond 2^63, which no arithmetic is meant of"
        return Column(name, "identifier", why, count=len(values), missing=missing)
    whole = all(isinstance(v, int) and abs(v) < 2**63 for v in parsed)
    numbers = np.array(parsed, np.int64 if whole else np.float64)
    why = AS_ASKED if kind == "number" else "numbers"
    notes = []
    if written:
        why += f", written with {' and '.join(written)}"
        said = f"{values[0]!r} is read as {numbers[0]:g}"
        notes.append(f"{said}{', in percent' if 'percent' in written else ''}")
    if marked := {mark: n for mark, n in missing.items() if mark}:
        why += f"; {', '.join(f'{mark!r}' for mark in marked)} is missing"
        notes.append(f"{', '.join(f'{n:,} times {mark!r}' for mark, n in marked.items())} is read as missing")
    found = Column(
        name, "number", why, missing=missing, written=written, notes=tuple(notes), **value_range(numbers)
    )  # fmt: skip
    return found if name not in raw.nameless else row_number(raw, name, numbers, found, asked)


def as_dates(
    raw: Raw, texts: Texts, name: str, values: list[str], missing: dict[str, int], asked: Asked
) -> Column | None:
    """A column as dates, where it is one: in the format that is named, or in the only one that fits; None: it is none.

    Raises:
        DataError: it is to be one, and is not.
    """
    way = asked.date_formats().get(name)
    if way is None:
        ways = notation.dates(values)
        if not ways:
            if name in asked.date_formats() and values:
                raise DataError(
                    f"Column '{name}' is no date (--dates) in a format that is known, such as {values[0][:40]!r}; say "
                    f"which: {shell.option('--dates', f'{name}=%d/%m/%Y')}."
                )
            return None
        if len(ways) > 1:
            said = shell.option("--dates", f"{name}={ways[0]}")
            why = f"dates whose day and month cannot be told apart; say which: {said}"
            return Column(name, "other", why, count=len(values), missing=missing)
        way = ways[0]
    import pandas as pd

    found = notation.to_dates(pd.Series(values, dtype="str"), way)
    if found.isna().any():
        odd = values[int(found.isna().to_numpy().argmax())]
        raise DataError(
            f"Column '{name}' is no date written {way} in {column_texts.first_row(raw, texts, odd)}: {odd[:40]!r}; say "
            f"another format with {shell.option('--dates', f'{name}=...')}, or leave it out of --dates."
        )
    ends: dict[str, Any] = {"low": str(found.min().date()), "high": str(found.max().date())}
    return Column(name, "date", f"dates written {way}", count=len(values), missing=missing, way=way, **ends)


def as_words(
    name: str, values: list[str], missing: dict[str, int], texts: Texts, kind: Kind | None, told: bool,
    raw: Raw,
) -> Column:  # fmt: skip
    """A column of words: a category, or an identifier where nearly each row has a word of its own."""
    if not values:
        return Column(name, "empty", "it holds no values at all", missing=missing)
    rows = int(texts.counts.sum()) - sum(missing.values())
    levels = tuple(sorted(values)[:LISTED])
    about: dict[str, Any] = {"levels": levels, "count": len(values), "missing": missing}
    if kind is None and name in raw.nameless:
        return Column(name, "identifier", "it has no name in the file: row names that a program wrote", **about)
    but = "" if kind is not None or told else _numbers_but(raw, values, texts, rows)
    if kind is None and len(values) > FEW and len(values) > rows / 2:
        why = f"text with {len(values):,} different values in {rows:,} rows" + (f", {but}" if but else "")
        return Column(name, "identifier", why, **about)
    notes = []
    if words := [value for value in values if value in notation.WORDS and kind is None and not told]:
        count = {v: int(n) for v, n in zip(texts.values, texts.counts, strict=True)}
        times = ", ".join(f"{value!r} ({count[value]:,} rows)" for value in words)
        notes.append(f"{times} is read as a value; if it means missing: {shell.option('--na-values', ','.join(words))}")
    if marked := {mark: n for mark, n in missing.items() if mark}:
        notes.append(f"{', '.join(f'{n:,} times {mark!r}' for mark, n in marked.items())} is read as missing")
    if but:
        notes.append(f"read as text: {but}")
    if texts.spaced is not None and texts.spaced.strip():
        notes.append(f"spaces around a value are no part of it: {texts.spaced!r} is read as {texts.spaced.strip()!r}")
    return Column(name, "category", AS_ASKED if kind else "text", notes=tuple(notes), **about)


def _numbers_but(raw: Raw, values: list[str], texts: Texts, rows: int) -> str:
    """That a column of words is one of numbers but for a few of its `rows`, and what to type; "" where it is not."""
    numbers = {value for value in values if notation.number(value, ".") is not None}
    others = [value for value in values if value not in numbers]
    count = {v: int(n) for v, n in zip(texts.values, texts.counts, strict=True)}
    if not numbers or not others or sum(count[value] for value in others) > rows / FEW_WORDS:
        return ""
    first = f"{others[0][:40]!r} ({column_texts.first_row(raw, texts, others[0])})"
    shown = ", ".join([first, *(repr(value[:40]) for value in others[1:3])])
    return f"numbers but for {shown}; if that is missing: {shell.option('--na-values', others[0])}"
