"""Files of other programs that are written: a table as one, or a file again with columns beside its own."""

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from econml_cli.data import binary, stata_file

if TYPE_CHECKING:
    import pandas as pd

#: whole numbers up to here are numbers in Excel, which knows doubles alone
EXACT = 2**53
#: rows of a sheet
LARGEST = 1_048_576


def available(path: Path) -> None:
    """Refuse a file that a package which is not installed writes.

    Raises:
        DataError: says how to get it.
    """
    ending = path.suffix.lower()
    if ending == ".xlsx":
        binary.package("openpyxl", "excel", path)
    elif ending in binary.STATISTICAL:
        binary.package("pyreadstat", "sas", path)


# -- a table as a file


def write_sheet(frame: "pd.DataFrame", out: Path) -> None:
    """Write a table as the one sheet of an Excel file. Text is text: nothing of it is a formula."""
    if len(frame) >= LARGEST:
        raise ValueError(f"a sheet of Excel has {LARGEST:,} rows, too few for {len(frame):,} and a header")
    openpyxl = binary.package("openpyxl", "excel", out)
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Sheet1")

    def row(values: Sequence[Any]) -> list[Any]:
        return [_put(openpyxl.cell.WriteOnlyCell(sheet), value) for value in values]

    with _said(openpyxl.utils.exceptions.IllegalCharacterError):
        sheet.append(row([str(name) for name in frame]))
        for values in zip(*(_cells(frame[name]) for name in frame), strict=True):
            sheet.append(row(values))
    book.save(out)


def write_stata(frame: "pd.DataFrame", out: Path) -> None:
    """Write a table as a .dta (of Stata 14 and later). A column whose name Stata does not admit has it as its label."""
    names = stata_file.names([str(name) for name in frame])
    columns = {new: _for_stata(frame[old]) for new, old in zip(names, frame, strict=True)}
    import pandas as pd

    labels = {new: str(old)[:80] for new, old in zip(names, frame, strict=True) if new != str(old)}
    dates: Any = {name: _format(column) for name, column in columns.items() if column.dtype.kind == "M"}
    long = [n for n, c in columns.items() if c.dtype == object and c.map(_bytes).max() > stata_file.WIDEST]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that whole numbers became doubles, which hold them
        pd.DataFrame(columns).to_stata(
            out, write_index=False, version=118, variable_labels=labels, convert_dates=dates, convert_strl=long
        )


def _format(dates: "pd.Series") -> str:
    """Days, or to the millisecond."""
    return "td" if (dates.dropna() == dates.dropna().dt.normalize()).all() else "tc"


def _bytes(text: str) -> int:
    return len(text.encode())


def _for_stata(column: "pd.Series") -> "pd.Series":
    """A column in a type that Stata has: text for what it would round, missing text is empty."""
    import pandas as pd

    types = pd.api.types
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.rename_categories([str(level) for level in column.cat.categories])
    if types.is_bool_dtype(column):
        return column.astype("Int8")
    if types.is_datetime64_any_dtype(column):
        return column.dt.tz_localize(None) if getattr(column.dt, "tz", None) is not None else column
    if types.is_integer_dtype(column) and (column.dropna().abs() <= EXACT).all():
        return column
    if types.is_float_dtype(column):
        return column
    return column.astype(object).map(lambda value: "" if pd.isna(value) else str(value)).astype(object)


def write_spss(frame: "pd.DataFrame", out: Path) -> None:
    """Write a table as a file of SPSS. A column whose name it does not admit has it as its label."""
    spss = binary.package("pyreadstat", "sas", out)
    names = _spss_names([str(name) for name in frame])
    columns = {new: _for_stata(frame[old]) for new, old in zip(names, frame, strict=True)}
    import pandas as pd

    plain = {name: c.astype(object) if isinstance(c.dtype, pd.CategoricalDtype) else c for name, c in columns.items()}
    labels = {new: str(old) for new, old in zip(names, frame, strict=True) if new != str(old)}
    with _said(spss.ReadstatError):
        spss.write_sav(pd.DataFrame(plain), str(out), column_labels=labels, compress=_packed(out))


def _spss_names(columns: Sequence[str], taken: Sequence[str] = ()) -> list[str]:
    """Names that SPSS admits, which begin with a letter."""
    begun = [name if name[:1].isalpha() else f"v{name}" for name in columns]
    return stata_file.names(begun, taken)


@contextlib.contextmanager
def _said(*errors: type[Exception]) -> Iterator[None]:
    """What a package says of values that a format does not hold, as a ValueError."""
    try:
        yield
    except errors as error:
        raise ValueError(str(error) or "a text holds characters that the format does not have") from error


def _packed(path: Path) -> bool:
    return path.suffix.lower() == ".zsav"


# -- a file again, with columns beside its own


def append_to_sheet(path: Path, sheet: str | None, out: Path, added: "pd.DataFrame", kept: np.ndarray | None) -> None:
    """Write an Excel file with columns right of those of a sheet: cells, their formats and the other sheets are kept, a
    formula as the value that it had. `added` has a row for each row `kept` [n] bool (None: all)."""
    found = binary.read_sheet(path, sheet)
    book = binary.package("openpyxl", "excel", path).load_workbook(path, data_only=True)
    opened = book[found.title]
    if kept is not None:
        for first, count in _runs(~kept):
            opened.delete_rows(found.row + 1 + first, count)
    for place, name in enumerate(added, len(found.header) + 1):
        for row, value in enumerate([str(name), *_cells(added[name])], found.row):
            _put(opened.cell(row, place), value)
    book.save(out)


def _runs(rows: np.ndarray) -> Iterator[tuple[int, int]]:
    """(first, how many) of the rows that follow each other, the last ones first."""
    ends = np.flatnonzero(np.diff(np.concatenate([[0], rows.astype(np.int8), [0]])))
    for first, end in reversed(list(zip(ends[::2], ends[1::2], strict=True))):
        yield int(first), int(end - first)


def _cells(column: "pd.Series") -> Iterator[Any]:
    """The values of a column as cells have them."""
    import pandas as pd

    for value in column:
        if pd.isna(value):
            yield None
        elif isinstance(value, np.generic):
            yield value.item()
        elif isinstance(value, pd.Timestamp):
            yield value.tz_localize(None).to_pydatetime()
        else:
            yield value


def _put(cell: Any, value: Any) -> Any:
    """Fill a cell; text is text, also where it begins as a formula does, and so are whole numbers that Excel rounds."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > EXACT:
        value = str(value)
    if isinstance(value, float) and not np.isfinite(value):
        value = str(value)
    known = value is None or isinstance(value, str | int | float) or hasattr(value, "isoformat")
    cell.value = value if known else str(value)
    if isinstance(cell.value, str):
        cell.data_type = "s"
    return cell


def append_to_spss(path: Path, out: Path, added: "pd.DataFrame", kept: np.ndarray | None) -> None:
    """Write a file of SPSS with variables beside its own, which keep values, labels, formats and codes for missing."""
    import pandas as pd

    spss = binary.package("pyreadstat", "sas", path)
    frame, about = spss.read_sav(str(path), user_missing=True, disable_datetime_conversion=True)
    frame = frame if kept is None else frame[kept].reset_index(drop=True)
    names = _spss_names([str(name) for name in added], list(frame))
    new = pd.DataFrame({name: _for_stata(added[old]).to_numpy() for name, old in zip(names, added, strict=True)})
    labels = about.column_names_to_labels | {n: str(o) for n, o in zip(names, added, strict=True) if n != str(o)}
    with _said(spss.ReadstatError):
        spss.write_sav(
            pd.concat([frame, new], axis=1), str(out), file_label=about.file_label or "", column_labels=labels,
            compress=_packed(out), note=about.notes or None, variable_value_labels=about.variable_value_labels,
            missing_ranges=about.missing_ranges, variable_display_width=about.variable_display_width,
            variable_measure=about.variable_measure, variable_format=about.original_variable_types,
        )  # fmt: skip
