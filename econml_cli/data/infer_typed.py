"""What a column is of a file that has types: Parquet, Feather, Stata, SAS, SPSS, Excel."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from econml_cli.data import column_texts, notation
from econml_cli.data.asked import Asked, Kind
from econml_cli.data.infer_numbers import AS_ASKED, row_number, value_range
from econml_cli.data.infer_text import as_dates, as_words, of_text
from econml_cli.data.raw import Raw
from econml_cli.data.schema import LISTED, Column
from econml_cli.options import shell

if TYPE_CHECKING:
    import pandas as pd


def of_types(raw: Raw, name: str, asked: Asked) -> Column:
    """What a column is by its type in the file and, in Stata's, by the labels of its values.

    Raises:
        DataError: it is not of the kind that somebody names.
    """
    column = without_marks(as_series(raw, name), name, asked)
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


def without_marks(column: "pd.Series", name: str, asked: Asked) -> "pd.Series":
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
        why = f"every value has a label; the codes: {shell.option('--numeric', name)}"
        about: dict[str, Any] = {"levels": tuple(names), "count": len(names)}
        return Column(name, "category", why, missing=missing, codes=codes, **about)
    some = [f"{value} = {labels[value]!r}" for value in present if value in labels]
    why = (
        f"numbers; only {', '.join(some[:3])} has a label"
        if some
        else "numbers; its labels are of no value that occurs"
    )
    return Column(name, "category" if kind else "number", why, missing=missing, **value_range(found.to_numpy()))


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
        why = AS_ASKED if kind == "category" else f"type {column.dtype}"
        own = Column(
            name, "category" if kind == "category" else "number", why, missing=missing, **value_range(found.to_numpy())
        )
        return row_number(raw, name, found.to_numpy(), own, asked)
    if isinstance(column.dtype, pd.CategoricalDtype):
        levels = [str(v) for v in found.cat.remove_unused_categories().cat.categories]
        about = {"levels": tuple(levels[:LISTED]), "count": len(levels)}
        return Column(name, "category", "categories of the file", missing=missing, **about)
    if not all(isinstance(value, str) for value in found.head(1000)):
        return Column(name, "other", f"type {column.dtype}, e.g. {str(found.iloc[0])[:40]!r}", missing=missing)
    return _strings(raw, name, column, asked)


def _strings(raw: Raw, name: str, column: "pd.Series", asked: Asked) -> Column:
    """Text in a file that has types: what is no number there is none, but what is missing is the same as in a CSV."""
    import pyarrow as pa

    array = pa.chunked_array([pa.array(column.astype(object).where(column.notna(), ""), pa.string())])
    texts = column_texts.texts_of(array)
    given = column_texts.marks_for_missing(texts, name, asked)
    values, marks = column_texts.split_marks(texts, given or notation.MARKS)
    kind = asked.kind_of(name)
    if kind in ("number", "date"):
        return of_text(dataclasses.replace(raw, columns=pa.table({name: array}), text=True), name, asked)
    if kind is None and (dated := as_dates(raw, texts, name, values, marks, asked)) is not None:
        return dated
    return as_words(name, values, marks, texts, kind, given is not None, raw)
