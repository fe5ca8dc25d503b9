"""Columns as separated text, to the byte as `pandas.DataFrame.to_csv(index=False)` writes them, without its import."""

import csv
import os
from collections.abc import Mapping
from typing import TextIO

import numpy as np

#: rows that are texts at a time
ROWS = 10_000


def write(columns: Mapping[str, np.ndarray], file: TextIO, mark: str = ",", end: str = os.linesep) -> None:
    """Write {name: values [n]} with a header: a number with the fewest digits that read back as it, in its own
    precision; nothing for NaN and None. `file` is to leave the ends of lines as they are (`newline=""`)."""
    writer = csv.writer(file, delimiter=mark, lineterminator=end)
    writer.writerow(columns)
    rows = len(next(iter(columns.values()), ()))
    for start in range(0, rows, ROWS):
        writer.writerows(zip(*(_texts(values[start : start + ROWS]) for values in columns.values()), strict=True))


def _texts(values: np.ndarray) -> list[object]:
    if not np.issubdtype(values.dtype, np.floating):
        return list(values.tolist())
    texts = values.astype(str).astype(object)
    texts[np.isnan(values)] = ""
    return list(texts)
