"""Rows as a person finds them in a file: counted from 1, and the header, where there is one, is row 1."""

import functools
import re
from pathlib import Path

import numpy as np

from econml_cli.data import binary, files, packed, records, separated, typed_files
from econml_cli.errors import DataError, plural

_BLANK = re.compile(rb"(?:\A|\n)\r?\n")


def number(position: int, where: str) -> int:
    """The row of the file `where` that holds the observation at a position (from 0).

    In text and in a sheet of Excel the first line is the header, and what is blank counts, as it does in an editor; a
    file with types has none.
    """
    if not files.has_header(where):
        return position + 1
    try:
        path = files.find(where)
        state = path.stat()
        before = _header_row(path, state.st_mtime_ns, state.st_size)
        if before is not None:
            return before + 1 + position
        with packed.open_bytes(path) as file:
            return _counted(file, separated.separator(path), position)
    except (DataError, OSError, EOFError):  # a file that is gone by now
        return position + 2


@functools.lru_cache(maxsize=8)  # a file is asked for several rows
def _header_row(path: Path, changed: int, size: int) -> int | None:
    """The row of the header of a file that is as it was then; None of text in which lines are blank."""
    if files.extension(path) in typed_files.EXCEL:
        return binary.header_row(path)
    with packed.open_bytes(path) as file:
        return None if _has_blanks(file) else 1


def _has_blanks(file: "packed.Bytes") -> bool:
    """Whether a line of a file has nothing in it."""
    before = b""
    while block := file.read(records.BLOCK):
        if _BLANK.search(before + block):
            return True
        before = block[-2:] if block[-1:] in b"\r\n" else b"-"
    return False


def _counted(file: "packed.Bytes", mark: bytes, position: int) -> int:
    """The number of a record, of all records, of which the first that is not blank is the header."""
    filled = -1
    for place, (record, _) in enumerate(records.of_file(file, mark), 1):
        filled += bool(record)
        if filled == position + 1:
            return place
    return position + 2


def first_of(which: np.ndarray, where: str) -> str:
    """How many rows [n] bool there are, and which the first of them is in the file `where`."""
    count, row = int(which.sum()), number(int(which.argmax()), where)
    if count == 1:
        return f"row {row:,} of the file"
    return f"{plural(count, 'row')}, the first of them row {row:,} of the file"
