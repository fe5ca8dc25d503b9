"""A large file that a fit is evaluated on: encoded with what the fit learnt, a block of rows at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from econml_cli.data import expression
from econml_cli.data.blocks import Source
from econml_cli.data.convert import convert, refuse_wrong
from econml_cli.data.preprocessing import Preprocessing
from econml_cli.data.streaming import cast
from econml_cli.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Part:
    """Rows of a file, those from `start` on: which can be used, [n] bool, and of these the design x and the target y
    (None where it is not asked for)."""

    frame: "pd.DataFrame"
    start: int
    used: np.ndarray
    x: np.ndarray
    y: np.ndarray | None


def frames(source: Source, own: Preprocessing, *, need_target: bool) -> "Iterator[tuple[int, str, pd.DataFrame]]":
    """(the number of its first row, what to call it in errors, the columns that the fit reads) of each block.

    Raises:
        DataError: the file is damaged, or holds values of another kind than the fit.
    """
    assert own.schema is not None  # of a run that has none nothing is read in blocks
    aim = own.formula.target
    target = [] if aim is None or not need_target else expression.columns(own.formula.factors[aim])
    wanted = {*own.formula.feature_columns, *target}
    names, start = [name for name in source.names if name in wanted] or list(source.names[:1]), 0
    for raw in source.blocks(names):
        where = source.where if not start else f"{source.where}, from its row {start + 1:,} on (counted from there),"
        frame, wrong = convert(raw, own.schema)
        refuse_wrong(wrong, own.schema, where)
        yield start, where, frame
        start += raw.rows


def parts(source: Source, own: Preprocessing, *, need_target: bool) -> Iterator[Part]:
    """The encoded blocks of a file.

    Raises:
        DataError: as `Preprocessing.encode`.
    """
    for start, where, frame in frames(source, own, need_target=need_target):
        used, x, y = own.encode(frame, where, need_target=need_target, part=True)
        yield Part(frame, start, used, x[used], None if y is None or not need_target else y[used])


def write(source: Source, own: Preprocessing, encoded: Any, folder: Path, dtype: np.dtype[Any]) -> tuple[int, int]:
    """Write the rows that can be used into files data.x and data.y of a folder: (rows of them, outputs).

    Args:
        encoded: y as the loss takes it.

    Raises:
        DataError: as `parts`; no row can be used, or a number is too large. OSError: the disk is full.
    """
    count, outputs = 0, 0
    with (folder / "data.x").open("wb") as inputs, (folder / "data.y").open("wb") as targets:
        for part in parts(source, own, need_target=True):
            y = np.asarray(encoded(part.y))
            cast(part.x, dtype).tofile(inputs)
            cast(y, dtype).tofile(targets)
            count, outputs = count + len(y), y.shape[1]
    if not count:
        raise without_rows(source)
    return count, outputs


def without_rows(source: Source) -> DataError:
    """What is wrong with a file of which no row can be used."""
    return DataError(f"{source.where} has no row without a missing value, of {source.rows:,}; use fewer features.")
