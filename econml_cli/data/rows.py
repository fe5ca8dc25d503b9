"""Rows as a person finds them in a file: counted from 1, and the header, where there is one, is row 1."""

import numpy as np

from econml_cli.data import files
from econml_cli.errors import plural


def number(position: int, where: str) -> int:
    """The row of the file `where` that holds the observation at a position (from 0).

    In text and in a sheet of Excel the first line is the header; a file with types has none.
    """
    return position + (2 if files.has_header(where) else 1)


def first_of(which: np.ndarray, where: str) -> str:
    """How many rows [n] bool there are, and which the first of them is in the file `where`."""
    count, row = int(which.sum()), number(int(which.argmax()), where)
    if count == 1:
        return f"row {row:,} of the file"
    return f"{plural(count, 'row')}, the first of them row {row:,} of the file"
