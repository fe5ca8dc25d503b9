"""What the columns of a file are: decided once, at the fit, kept with the run, and the rule of every later reading."""

import dataclasses
import functools
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from econml_cli.data import notation, text_numbers
from econml_cli.data import rows as rows_of
from econml_cli.data.asked import Asked, Kind
from econml_cli.data.files import Raw
from econml_cli.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

#: words that take more different values than this, and than half of the rows, name rows
FEW = 20
#: a column of words all but this share of whose rows are numbers is told of
FEW_WORDS = 5
#: levels of a column that the schema lists
LISTED = 100
#: of a column of more numbers than this it is not counted how many different ones there are
COUNTED = 100_000
_ASKED = "as was asked for"
_ID = re.compile(r"(.*[_ .-])?(id|idno|idcode|index|row|rownum|rowid|obs|obsno|uuid|guid|pid|hhid)", re.I)


@dataclass(frozen=True)
class Column:
    """One column: its kind, how it is written, its levels or its range, what is missing of it, and why all that.

    Attributes:
        way: of a date its format in the file. written: of a number, what may stand around it (`notation.ways`).
        codes: of a category of Stata, {level: code}. count: of levels, or of different numbers (0: more than `COUNTED`
            rows have one, and they were not counted). missing: {mark: how often}.
        role: what it is for, "feature, time" where that is two things. label: what the file calls it, the variable
            label of Stata, SAS and SPSS.
    """

    name: str
    kind: Kind
    why: str
    role: str = "unused"
    levels: tuple[str, ...] = ()
    count: int = 0
    low: float | str | None = None
    high: float | str | None = None
    missing: Mapping[str, int] = field(default_factory=dict)
    written: tuple[str, ...] = ()
    way: str | None = None
    codes: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    label: str = ""


@dataclass(frozen=True)
class Schema:
    """The columns that are read of a file, in its order, how it is written, and the names of the others, `unread`."""

    columns: tuple[Column, ...]
    asked: Asked = Asked()
    unread: tuple[str, ...] = ()

    @functools.cached_property
    def _by_name(self) -> dict[str, Column]:
        return {column.name: column for column in reversed(self.columns)}

    def __getitem__(self, name: str) -> Column:
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        return tuple(column.name for column in self.columns)

    @property
    def labels(self) -> dict[str, str]:
        """What the file calls its columns, of those that have a label."""
        return {column.name: column.label for column in self.columns if column.label}

    @property
    def left_out(self) -> dict[str, str]:
        """The columns that are no automatic features: {name: why}."""
        nameless = {c.name for c in self.columns if c.kind == "empty" and c.name.startswith("Unnamed: ")}
        out = {c.name for c in self.columns if c.kind == "identifier" or c.role == "dropped"} | nameless
        return {c.name: c.why for c in self.columns if c.name in out}

    def notes(self) -> list[str]:
        """What whoever uses these columns should know, in a sentence each."""
        return [f"column '{column.name}': {note}." for column in self.columns for note in column.notes]

    def with_roles(self, roles: Mapping[str, str]) -> "Schema":
        """The same, which knows what each column is for."""
        return dataclasses.replace(
            self, columns=tuple(dataclasses.replace(c, role=roles.get(c.name, c.role)) for c in self.columns)
        )

    def of_sheet(self, sheet: str | None) -> "Schema":
        """The same for another sheet of Excel; None: for that of the fit."""
        return self if sheet is None else dataclasses.replace(self, asked=dataclasses.replace(self.asked, sheet=sheet))

    def to_json(self) -> dict[str, Any]:
        """JSON values only."""
        plain = {f.name: f.default for f in dataclasses.fields(Column) if f.default is not dataclasses.MISSING}
        columns = []
        for column in self.columns:
            given = {f.name: getattr(column, f.name) for f in dataclasses.fields(Column)}
            columns.append({
                k: list(v) if isinstance(v, tuple) else dict(v) if isinstance(v, Mapping) else v
                for k, v in given.items()
                if k not in plain or v != plain[k]
                if v != {} and v != ()
            })  # fmt: skip
        asked = {f.name: getattr(self.asked, f.name) for f in dataclasses.fields(Asked)}
        marks = {name: list(of) for name, of in asked.pop("column_missing").items()}
        said = {k: list(v) if isinstance(v, tuple) else v for k, v in asked.items() if v not in (None, ())}
        found = {"columns": columns, "asked": said | ({"column_missing": marks} if marks else {})}
        return found | ({"unread": list(self.unread)} if self.unread else {})

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> "Schema":
        """Read what `to_json` wrote.

        Raises:
            DataError: it is not that.
        """
        try:
            columns = [Column(**_tuples(column)) for column in saved["columns"]]
            asked = Asked(**_tuples(saved["asked"]))
            asked = dataclasses.replace(asked, column_missing=_tuples(asked.column_missing))
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"preprocessing.json is damaged ({error} is amiss); fit again.") from None
        unread = saved.get("unread", [])
        if not isinstance(unread, list) or not all(isinstance(name, str) for name in unread):
            raise DataError("preprocessing.json is damaged ('unread' is amiss); fit again.")
        return cls(tuple(columns), asked, tuple(unread))


def _tuples(saved: Mapping[str, Any]) -> dict[str, Any]:
    """Lists of JSON as the tuples that they were."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in saved.items()}


def decide(raw: Raw, asked: Asked, where: str) -> Schema:
    """The schema of what was read of a file.

    Raises:
        DataError, ConfigError: what is asked does not fit the file.
    """
    asked.check(raw.names, where)
    raw = dataclasses.replace(raw, source=where)
    # the others are judged by what they hold
    columns, known = [], dataclasses.replace(asked, identifiers=(), booleans=())
    for name in _read(raw):
        found = _of_text(raw, name, known) if raw.text else _of_types(raw, name, known)
        if name in asked.identifiers and found.kind in ("number", "identifier"):
            found = dataclasses.replace(found, kind="identifier", why=_ASKED)
        elif name in asked.identifiers:
            found = Column(name, "identifier", _ASKED, count=found.count, missing=found.missing)
        if name in asked.booleans and found.kind not in ("boolean", "empty"):
            raise DataError(f"Column '{name}' of {where} is a {found.kind}, not true and false, as --schema has it.")
        if name in asked.drop_columns:
            found = dataclasses.replace(found, role="dropped", why="--drop-columns")
        if title := raw.titles.get(name, "").strip():
            found = dataclasses.replace(found, label=title)
        columns.append(found)
    read = {column.name for column in columns}
    return Schema(tuple(columns), asked, tuple(name for name in raw.names if name not in read))


def _read(raw: Raw) -> list[str]:
    columns: Any = raw.columns
    return list(map(str, columns.columns if hasattr(columns, "iloc") else columns.column_names))


# -- a column of a text file


@dataclass(frozen=True)
class _Texts:
    """The different texts of a column, without the spaces around them, how often each occurs, the code of each row, and
    `spaced`, one with spaces that stands elsewhere without them."""

    values: list[str]
    counts: np.ndarray
    codes: np.ndarray
    spaced: str | None


def _text_of(raw: Raw, name: str) -> "pa.ChunkedArray":
    """A column of a text file."""
    columns: Any = raw.columns
    return columns.column(name)


def _texts(column: "pa.ChunkedArray") -> _Texts:
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(column.combine_chunks())
    encoded = trimmed.dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    values = encoded.dictionary.to_pylist()
    return _Texts(values, np.bincount(codes, minlength=len(values)), codes, _spaced(column, len(values)))


def _spaced(column: "pa.ChunkedArray", different: int) -> str | None:
    """A text with spaces around it that stands elsewhere in a column without them, or with others; None: there is none.
    Without the spaces so many are `different`."""
    import pyarrow.compute as pc

    if different > LISTED or pc.count_distinct(column).as_py() == different:
        return None
    every: list[str] = pc.unique(column).to_pylist()
    bare = [text.strip() for text in every]
    return next(text for text, own in zip(every, bare, strict=True) if text != own and bare.count(own) > 1)


def _given(texts: _Texts, name: str, asked: Asked) -> frozenset[str] | None:
    """The marks for missing that somebody names for a column, and what else is written of those that are numbers: of -9
    also -9.0; None: nobody names any."""
    given, numbers = asked.marks(name), asked.numbers_missing(name)
    if given is None or not numbers:
        return given
    return given | {value for value in texts.values if notation.number(value, asked.mark) in numbers}


def _split_marks(texts: _Texts, marks: frozenset[str]) -> tuple[list[str], dict[str, int]]:
    """(values that are none of the marks, {mark: how often})."""
    there = [value for value in texts.values if value not in marks]
    missing = {v: int(n) for v, n in zip(texts.values, texts.counts, strict=True) if v in marks and n}
    return there, missing


def _of_text(raw: Raw, name: str, asked: Asked) -> Column:
    if asked.kind_of(name) in (None, "number") and (fast := _plain_numbers(raw, name, asked)) is not None:
        return fast
    texts = _texts(_text_of(raw, name))
    given = _given(texts, name, asked)
    values, missing = _split_marks(texts, given or notation.MARKS | notation.WORDS)
    rows = int(texts.counts.sum()) - sum(missing.values())
    kind = asked.kind_of(name)
    if kind in (None, "number"):
        if not values and (set(missing) <= notation.MARKS or given is not None or kind == "number"):
            return Column(name, "empty", "it holds no values at all", missing=missing)
        written = notation.ways(values, asked.mark)
        # between semicolons a comma may be either mark
        either = asked.delimiter == ";" and asked.decimal is None and any("," in value for value in values)
        if values and written is not None and not either:
            return _numbers(raw, name, values, missing, written, asked, kind, rows)
        if kind == "number":
            odd = next(v for v in values if notation.number(v, asked.mark, notation.WRITTEN) is None)
            raise DataError(
                f"Column '{name}' is no number (--numeric) in {_first_row(raw, texts, odd)}: {odd[:40]!r}; say that it "
                f"is missing with --na-values {shlex.quote(odd[:40])}, or leave it out of --numeric."
            )
        commas = all(notation.DECIMAL_COMMA.fullmatch(v) or notation.number(v) is not None for v in values)
        if values and (commas or (written is not None and either)):
            return Column(
                name, "other", f"numbers with decimal commas, such as {values[0]!r}; read them with --decimal ,",
                count=len(values), missing=missing,
            )  # fmt: skip
    if kind is None and values and any(set(values) <= words for words in notation.SWITCHES):
        return Column(name, "boolean", "true and false", levels=("False", "True"), count=len(values), missing=missing)
    if kind in (None, "date") and (found := _dates(raw, texts, name, values, missing, asked)) is not None:
        return found
    values, missing = _split_marks(texts, given or notation.MARKS)
    return _words(name, values, missing, rows, texts, kind, given is not None, raw)


def _first_row(raw: Raw, texts: _Texts, value: str) -> str:
    """Where a text first stands."""
    row = int(np.flatnonzero(texts.codes == texts.values.index(value))[0])
    return f"row {rows_of.number(row, raw.source):,} of {raw.source}"


def _plain_numbers(raw: Raw, name: str, asked: Asked) -> Column | None:
    """A column of nothing but numbers and empty fields, found without a look at each text."""
    numbers, absent = _fast(_text_of(raw, name), name, asked)
    if numbers is None or absent is None or absent.all():
        return None
    there = numbers[~absent] if absent.any() else numbers
    missing = {"": int(absent.sum())} if absent.any() else {}
    return _row_number(raw, name, there, Column(name, "number", "numbers", missing=missing, **_range(there)), asked)


def _fast(column: "pa.ChunkedArray", name: str, asked: Asked) -> tuple[np.ndarray | None, np.ndarray | None]:
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


def plain(asked: Asked, known: Schema | None, name: str) -> bool:
    """Whether a column of a text file is looked at as text only where it is no plain number."""
    if asked.mark != "." or asked.numbers_missing(name) or asked.kind_of(name) not in (None, "number", "identifier"):
        return False
    if known is None or name not in known:
        return True
    column = known[name]
    return not column.written and (column.kind == "number" or (column.kind == "identifier" and column.low is not None))


def _range(values: np.ndarray) -> dict[str, Any]:
    import pandas as pd

    count = len(pd.unique(values)) if len(values) <= COUNTED else 0
    if not len(values):
        return {"count": count}
    low, high = values.min(), values.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        finite = values[np.isfinite(values)]
        if not len(finite):
            return {"count": count}
        low, high = finite.min(), finite.max()
    return {"low": low.item(), "high": high.item(), "count": count}


def _row_number(raw: Raw, name: str, values: np.ndarray, found: Column, asked: Asked) -> Column:
    """The column as what it is: one that has no name, or the name of an identifier, and says which row it is."""
    nameless = name in raw.nameless or name.startswith("Unnamed: ")
    if nameless and asked.kind_of(name) is None:
        why = "it has no name in the file: row numbers or names that a program wrote"
        return dataclasses.replace(found, kind="identifier", why=why)
    may = values.dtype.kind == "i" and len(values) == raw.rows > FEW and _ID.fullmatch(name)
    if may and asked.kind_of(name) is None and (found.count or len(np.unique(values))) == raw.rows:
        return dataclasses.replace(
            found, kind="identifier", why="a whole number of its own in every row, and so called"
        )
    return found


def _numbers(
    raw: Raw, name: str, values: list[str], missing: dict[str, int], written: tuple[str, ...], asked: Asked,
    kind: Kind | None, rows: int,
) -> Column:  # fmt: skip
    parsed = [notation.number(value, asked.mark, written) for value in values]
    if kind is None and all(isinstance(v, int) for v in parsed) and any(abs(v or 0) >= 2**63 for v in parsed):
        why = "whole numbers beyond 2^63, which no arithmetic is meant of"
        return Column(name, "identifier", why, count=len(values), missing=missing)
    whole = all(isinstance(v, int) and abs(v) < 2**63 for v in parsed)
    numbers = np.array(parsed, np.int64 if whole else np.float64)
    why = _ASKED if kind == "number" else "numbers"
    notes = []
    if written:
        why += f", written with {' and '.join(written)}"
        said = f"{values[0]!r} is read as {numbers[0]:g}"
        notes.append(f"{said}{', in percent' if 'percent' in written else ''}")
    if marked := {mark: n for mark, n in missing.items() if mark}:
        why += f"; {', '.join(f'{mark!r}' for mark in marked)} is missing"
        notes.append(f"{', '.join(f'{n:,} times {mark!r}' for mark, n in marked.items())} is read as missing")
    found = Column(
        name, "number", why, missing=missing, written=written, notes=tuple(notes), **_range(numbers)
    )  # fmt: skip
    return found if name not in raw.nameless else _row_number(raw, name, numbers, found, asked)


def _dates(
    raw: Raw, texts: _Texts, name: str, values: list[str], missing: dict[str, int], asked: Asked
) -> Column | None:
    way = asked.date_formats().get(name)
    if way is None:
        ways = notation.dates(values)
        if not ways:
            if name in asked.date_formats() and values:
                raise DataError(
                    f"Column '{name}' is no date (--dates) in a format that is known, such as {values[0][:40]!r}; say "
                    f"which: --dates '{name}=%d/%m/%Y'."
                )
            return None
        if len(ways) > 1:
            why = f"dates whose day and month cannot be told apart; say which: --dates '{name}={ways[0]}'"
            return Column(name, "other", why, count=len(values), missing=missing)
        way = ways[0]
    import pandas as pd

    found = notation.to_dates(pd.Series(values, dtype="str"), way)
    if found.isna().any():
        odd = values[int(found.isna().to_numpy().argmax())]
        raise DataError(
            f"Column '{name}' is no date written {way} in {_first_row(raw, texts, odd)}: {odd[:40]!r}; say another "
            f"format with --dates '{name}=...', or leave it out of --dates."
        )
    ends: dict[str, Any] = {"low": str(found.min().date()), "high": str(found.max().date())}
    return Column(name, "date", f"dates written {way}", count=len(values), missing=missing, way=way, **ends)


def _words(
    name: str, values: list[str], missing: dict[str, int], rows: int, texts: _Texts, kind: Kind | None, told: bool,
    raw: Raw,
) -> Column:  # fmt: skip
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
        notes.append(f"{times} is read as a value; if it means missing: --na-values {','.join(words)}")
    if marked := {mark: n for mark, n in missing.items() if mark}:
        notes.append(f"{', '.join(f'{n:,} times {mark!r}' for mark, n in marked.items())} is read as missing")
    if but:
        notes.append(f"read as text: {but}")
    if texts.spaced is not None and texts.spaced.strip():
        notes.append(f"spaces around a value are no part of it: {texts.spaced!r} is read as {texts.spaced.strip()!r}")
    return Column(name, "category", _ASKED if kind else "text", notes=tuple(notes), **about)


def _numbers_but(raw: Raw, values: list[str], texts: _Texts, rows: int) -> str:
    """That a column of words is one of numbers but for a few of its `rows`, and what to type; "" where it is not."""
    numbers = {value for value in values if notation.number(value, ".") is not None}
    others = [value for value in values if value not in numbers]
    count = {v: int(n) for v, n in zip(texts.values, texts.counts, strict=True)}
    if not numbers or not others or sum(count[value] for value in others) > rows / FEW_WORDS:
        return ""
    first = f"{others[0][:40]!r} ({_first_row(raw, texts, others[0])})"
    shown = ", ".join([first, *(repr(value[:40]) for value in others[1:3])])
    return f"numbers but for {shown}; if that is missing: --na-values {shlex.quote(others[0])}"


# -- a column of a file that has types


def _of_types(raw: Raw, name: str, asked: Asked) -> Column:
    column = _told(as_series(raw, name), name, asked)
    labels = raw.labels.get(name)
    if labels and asked.kind_of(name) != "number":
        return _labelled(name, column, labels, asked.kind_of(name))
    return _typed(raw, name, column, asked)


def as_series(raw: Raw, name: str) -> "pd.Series":
    """A column of a file with types as pandas has it: whole numbers with gaps are Int64, decimals are float64."""
    import pandas as pd

    if isinstance(raw.columns, pd.DataFrame):
        return raw.columns[name].reset_index(drop=True)
    import pyarrow as pa

    column = raw.columns.column(name)
    kind = column.type
    if pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        import pyarrow.compute as pc

        if getattr(kind, "tz", None) is not None:  # as the clocks of the place show it
            column = pc.local_timestamp(column)
        column = (
            column.cast(pa.timestamp("us"), safe=False)
            if not pa.types.is_date(kind)
            else column.cast(pa.timestamp("s"))
        )
    gaps = column.null_count > 0
    whole = {
        pa.int8(): pd.Int8Dtype(), pa.int16(): pd.Int16Dtype(), pa.int32(): pd.Int32Dtype(),
        pa.int64(): pd.Int64Dtype(), pa.uint8(): pd.UInt8Dtype(), pa.uint16(): pd.UInt16Dtype(),
        pa.uint32(): pd.UInt32Dtype(), pa.uint64(): pd.UInt64Dtype(), pa.bool_(): pd.BooleanDtype(),
    }  # fmt: skip
    found: pd.Series = column.to_pandas(types_mapper=whole.get if gaps else None)
    return found.reset_index(drop=True)


def _told(column: "pd.Series", name: str, asked: Asked) -> "pd.Series":
    """A column of a file with types without the numbers that are marks for missing, such as -9."""
    import pandas as pd

    types, marks = pd.api.types, asked.numbers_missing(name)
    if not marks or not types.is_numeric_dtype(column) or types.is_bool_dtype(column):
        return column
    found = column.isin(marks).to_numpy(dtype=bool)
    if not found.any():
        return column
    return (column.astype("Int64") if types.is_integer_dtype(column) else column).mask(found)


def _labelled(name: str, column: "pd.Series", labels: Mapping[Any, str], kind: Kind | None) -> Column:
    """A variable of Stata: a category where every value of it has a label, else the number that it is."""
    found = column.dropna()
    present = sorted(found.unique())
    absent = int(column.isna().sum())
    missing = {".": absent} if absent else {}
    if present and all(value in labels for value in present):
        said = [str(labels[value]) for value in present]
        twice = {label for label in said if said.count(label) > 1}
        names = [f"{s} ({v})" if s in twice else s for s, v in zip(said, present, strict=True)]
        codes = {label: int(value) for label, value in zip(names, present, strict=True)}
        why = f"every value has a label; the codes: --numeric {name}"
        about: dict[str, Any] = {"levels": tuple(names), "count": len(names)}
        return Column(name, "category", why, missing=missing, codes=codes, **about)
    some = [f"{value} = {labels[value]!r}" for value in present if value in labels]
    why = (
        f"numbers; only {', '.join(some[:3])} has a label"
        if some
        else "numbers; its labels are of no value that occurs"
    )
    return Column(name, "category" if kind else "number", why, missing=missing, **_range(found.to_numpy()))


def _typed(raw: Raw, name: str, column: "pd.Series", asked: Asked) -> Column:
    import pandas as pd

    types, kind = pd.api.types, asked.kind_of(name)
    absent = int(column.isna().sum())
    missing = {"": absent} if absent else {}
    found = column.dropna() if absent else column
    if not len(found):
        return Column(name, "empty", "it holds no values at all", missing=missing)
    if types.is_datetime64_any_dtype(column):
        ends: dict[str, Any] = {"low": str(found.min().date()), "high": str(found.max().date())}
        return Column(name, "date", f"type {column.dtype}", missing=missing, count=int(found.nunique()), **ends)
    if types.is_bool_dtype(column) and not isinstance(column.dtype, pd.CategoricalDtype):
        about: dict[str, Any] = {"levels": ("False", "True"), "count": int(found.nunique())}
        return Column(name, "boolean", f"type {column.dtype}", missing=missing, **about)
    if types.is_numeric_dtype(column) and not types.is_complex_dtype(column):
        why = _ASKED if kind == "category" else f"type {column.dtype}"
        own = Column(
            name, "category" if kind == "category" else "number", why, missing=missing, **_range(found.to_numpy())
        )
        return _row_number(raw, name, found.to_numpy(), own, asked)
    if isinstance(column.dtype, pd.CategoricalDtype):
        levels = [str(v) for v in found.cat.remove_unused_categories().cat.categories]
        about = {"levels": tuple(levels[:LISTED]), "count": len(levels)}
        return Column(name, "category", "categories of the file", missing=missing, **about)
    if not all(isinstance(value, str) for value in found.head(1000)):
        return Column(name, "other", f"type {column.dtype}, e.g. {str(found.iloc[0])[:40]!r}", missing=missing)
    return _strings(raw, name, column, asked, missing)


def _strings(raw: Raw, name: str, column: "pd.Series", asked: Asked, missing: dict[str, int]) -> Column:
    """Text in a file that has types: what is no number there is none, but what is missing is the same as in a CSV."""
    import pyarrow as pa

    array = pa.chunked_array([pa.array(column.astype(object).where(column.notna(), ""), pa.string())])
    texts = _texts(array)
    given = _given(texts, name, asked)
    values, marks = _split_marks(texts, given or notation.MARKS)
    kind = asked.kind_of(name)
    if kind in ("number", "date"):
        return _of_text(dataclasses.replace(raw, columns=pa.table({name: array}), text=True), name, asked)
    if kind is None and (dated := _dates(raw, texts, name, values, marks, asked)) is not None:
        return dated
    return _words(name, values, marks, 0, texts, kind, given is not None, raw)


# -- the columns as their kinds say


def convert(raw: Raw, schema: Schema) -> tuple["pd.DataFrame", dict[str, dict[int, str]]]:
    """(what was read as the kinds of a schema have it, {column: {row: text that is not of that kind}}).

    Numbers are int64, Int64 or float64, categories text, switches bool, dates datetime64; what is missing is missing.
    """
    import pandas as pd

    columns: dict[str, Any] = {}
    wrong: dict[str, dict[int, str]] = {}
    for name in _read(raw):
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
        values = _told(as_series(raw, name), name, asked)
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
    return _from_text(_text_of(raw, name), column, asked)


def _from_text(array: "pa.ChunkedArray", column: Column, asked: Asked) -> tuple["pd.Series", dict[int, str]]:
    import pandas as pd

    as_number = column.kind == "number" or (column.kind == "identifier" and column.low is not None)
    if as_number and not column.written:
        numbers, absent = _fast(array, column.name, asked)
        if numbers is not None and absent is not None:
            return _series(numbers, absent), {}
    texts = _texts(array)
    marks = notation.MARKS if column.kind in ("category", "identifier", "text", "other") and not as_number else (
        notation.MARKS | notation.WORDS
    )  # fmt: skip
    marks = _given(texts, column.name, asked) or marks
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


def _odd(texts: _Texts, rows: np.ndarray) -> dict[int, str]:
    """{row: its text}."""
    return {int(row): texts.values[texts.codes[row]] for row in np.flatnonzero(rows)}


def _series(numbers: np.ndarray, absent: np.ndarray) -> "pd.Series":
    import pandas as pd

    if not absent.any():
        return pd.Series(numbers)
    if numbers.dtype == np.float64:
        return pd.Series(np.where(absent, np.nan, numbers))
    return pd.Series(pd.arrays.IntegerArray(numbers, absent))
