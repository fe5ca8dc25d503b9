"""Files of other programs that packages beside ours read: sheets of Excel (openpyxl), SAS and SPSS (pyreadstat)."""

import contextlib
import datetime
import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from econml_cli.errors import DataError, suggest
from econml_cli.options import shell

#: {ending: (the program, how pyreadstat calls its reader)}
STATISTICAL = {
    ".sas7bdat": ("SAS", "read_sas7bdat"), ".xpt": ("SAS", "read_xport"), ".sav": ("SPSS", "read_sav"),
    ".zsav": ("SPSS", "read_sav"), ".por": ("SPSS", "read_por"),
}  # fmt: skip


def package(name: str, extra: str, path: Path) -> Any:
    """A package that is no dependency.

    Raises:
        DataError: it is not installed; says how to get it.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise DataError(f'{path} needs the package {name}: pip install "econml-cli[{extra}]".') from None


@contextlib.contextmanager
def _sheet(path: Path, name: str | None) -> Iterator[Any]:
    """A sheet of an Excel file: that of a name, or of a number from 1, which '2' in quotes is not; without either the
    only one that holds anything.

    Raises:
        DataError: there is no such sheet, or there are several and none is named.
    """
    book = package("openpyxl", "excel", path).load_workbook(path, read_only=True, data_only=True)
    try:
        sheets = {sheet.title: sheet for sheet in book.worksheets}
        if name is None:
            filled = [title for title, sheet in sheets.items() if next(_rows(sheet), None) is not None]
            if len(filled) > 1:
                raise DataError(
                    f"{path} has the sheets {', '.join(filled)}; say which: {shell.option('--sheet', filled[0])}."
                )
            yield sheets[filled[0]] if filled else book.worksheets[0]
        elif (title := name.strip("'")) in sheets:  # no name of Excel's begins or ends with one
            yield sheets[title]
        elif name.isdecimal() and 1 <= int(name) <= len(sheets):
            yield book.worksheets[int(name) - 1]
        else:
            there = ", ".join(f"'{title}'" for title in sheets)
            raise DataError(
                f"{path} has no sheet '{title}'; it has {there}: say which with --sheet.{suggest(title, list(sheets))}"
            )
    finally:
        book.close()


def _rows(sheet: Any) -> Iterator[list[str]]:
    """The rows of a sheet that is open as text, from the first that holds anything on."""
    sheet.reset_dimensions()  # what a file says of its size is often wrong
    begun = False
    for row in sheet.iter_rows(values_only=True):
        texts = [_text(value) for value in row]
        begun = begun or any(texts)
        if begun:
            yield texts


def _text(value: Any) -> str:
    """A cell as a text file would have it: a number to its last digit, a date in ISO 8601."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))  # Excel has one type of number
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time()
        return value.date().isoformat() if midnight else value.isoformat(sep=" ", timespec="seconds")
    return str(value)


def sheet_names(path: Path, sheet: str | None) -> list[str]:
    """What stands in the header of a sheet.

    Raises:
        DataError: as `read_sheet`.
    """
    with _sheet(path, sheet) as opened:
        names = next(_rows(opened), None)
    if names is None:
        raise DataError(f"{path} is empty; expected a header line and rows.")
    return _trimmed(names)


@dataclass(frozen=True)
class Sheet:
    """What stands in a sheet of Excel, all of it text: `header`, and the `columns` below it; `row` is the number of the
    header's row, from 1, `title` the name of the sheet."""

    title: str
    row: int
    header: list[str]
    columns: list[list[str]]


def read_sheet(path: Path, sheet: str | None) -> Sheet:
    """A sheet of Excel. Formulas are not computed: what the program that wrote the file found is taken.

    Raises:
        DataError: openpyxl is not installed, there is no such sheet, several and none is named, or it is empty.
    """
    with _sheet(path, sheet) as opened:
        title, rows = opened.title, list(_rows(opened))
        before = _blank(opened)
    if not rows:
        raise DataError(f"{path} is empty; expected a header line and rows.")
    while len(rows) > 1 and not any(rows[-1]):
        rows.pop()
    width = max(len(_trimmed(row)) for row in rows)
    padded = [[*row, *[""] * width][:width] for row in rows]
    return Sheet(title, before + 1, padded[0], [[row[i] for row in padded[1:]] for i in range(width)])


def header_row(path: Path) -> int:
    """The row, from 1, in which the header of an Excel file stands; 1 where its sheets have it in different rows."""
    book = package("openpyxl", "excel", path).load_workbook(path, read_only=True, data_only=True)
    try:
        found = {_blank(sheet) for sheet in book.worksheets if next(_rows(sheet), None) is not None}
    finally:
        book.close()
    return found.pop() + 1 if len(found) == 1 else 1


def _blank(sheet: Any) -> int:
    """How many rows a sheet has before the first that holds anything."""
    for before, row in enumerate(sheet.iter_rows(values_only=True)):
        if any(_text(value) for value in row):
            return before
    return 0


def _trimmed(row: Sequence[str]) -> list[str]:
    """A row without the empty cells at its end."""
    filled = [i for i, text in enumerate(row) if text]
    return list(row[: filled[-1] + 1]) if filled else []


def statistical(
    path: Path, ending: str, needed: Callable[[Sequence[str]], Sequence[str]] | None
) -> tuple[list[str], Any, Mapping[str, Mapping[Any, str]], Mapping[str, str]]:
    """(names of all columns, DataFrame of those needed, {column: {code: label}}, {column: what it is called}) of a file
    of SAS or SPSS; values that its author declared missing are missing.

    Raises:
        DataError: pyreadstat is not installed. Whatever pyreadstat raises: it is damaged.
    """
    read = getattr(package("pyreadstat", "sas", path), STATISTICAL[ending][1])
    names = list(read(str(path), metadataonly=True)[1].column_names)
    chosen = names if needed is None else [name for name in dict.fromkeys(needed(names)) if name in names]
    frame, about = read(str(path), usecols=chosen or names[:1], dates_as_pandas_datetime=True)
    labels = {str(name): of for name, of in about.variable_value_labels.items()}
    titles = {str(name): str(title) for name, title in about.column_names_to_labels.items() if title}
    return names, frame, labels, titles


def statistical_names(path: Path, ending: str) -> list[str]:
    """The names of the columns of a file of SAS or SPSS.

    Raises:
        As `statistical`.
    """
    read = getattr(package("pyreadstat", "sas", path), STATISTICAL[ending][1])
    return list(read(str(path), metadataonly=True)[1].column_names)
