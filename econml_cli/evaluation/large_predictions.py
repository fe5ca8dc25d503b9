"""Predictions beside the rows of a large Parquet file, which is read and written a block of rows at a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from econml_cli.data import beside, files
from econml_cli.data.convert import convert
from econml_cli.data.files import Raw
from econml_cli.data.schema import Schema
from econml_cli.data.split import SPLITS
from econml_cli.data.table_files import check_output, refusals
from econml_cli.errors import DataError, plural
from econml_cli.evaluation import large_files
from econml_cli.evaluation.opened import OpenedRun, open_run
from econml_cli.evaluation.predictions import Say, adds
from econml_cli.problems.tabular import Tabular
from econml_cli.runs.directory import Run
from econml_cli.storage import disk
from econml_cli.training.run.provenance import own_file

if TYPE_CHECKING:
    import pyarrow as pa

#: rows of a block
ROWS = 2**18


def suits(run: Run, data: str | None) -> bool:
    """Whether the file of `data` (None: that of the fit) is predicted so: Parquet, of many rows or of a
    run that was streamed."""
    path = data if data is not None else own_file(run, run.config())
    if path is None or (data is None and not large_files.is_streamed(run.config())):
        return False
    return large_files.is_large(run, path) and large_files.by_row(run) is not None


def predict(run: Run, data: str | None, out: Path, *, step: int | None, say: Say) -> int:
    """Write a file with predictions beside its columns, as `predictions.predict_file`, or of the data of the fit (None)
    as `predict_own_file`; how many rows it has.

    Raises:
        DataError: the file cannot be read or lacks a column, or the disk refuses. As `predict_file` otherwise.
    """
    from pyarrow import parquet

    check_output(out, reads=data)
    with open_run(run, step=step) as opened:
        path = data if data is not None else str(own_file(run, opened.config()))
        problem = large_files.by_row(opened)
        assert problem is not None
        source, make = files.find(path), adds(opened, problem, False, None, say)
        side = _sides(opened) if data is None else None
        lost = _Lost()
        with refusals(out), disk.replacing(out) as temporary:
            for reasons in (False, True):
                writer: Any = None
                try:
                    for table in _tables(problem, path, source, make, side, reasons, lost):
                        writer = writer or parquet.ParquetWriter(temporary, table.schema)
                        writer.write_table(table)
                finally:
                    if writer is not None:
                        writer.close()
                if reasons or not lost.rows:
                    break
                lost = _Lost()  # a reason is missing in what was written: once more, with that column
    if lost.rows:
        verb = "have" if lost.rows > 1 else "has"
        say(f"{plural(lost.rows, 'row')} {verb} no prediction; the column 'reason' says why (the first: {lost.first})")
    return lost.total


class _Lost:
    """How many rows there were, how many of them have no prediction, and why the first has none."""

    def __init__(self) -> None:
        self.total, self.rows, self.first = 0, 0, ""

    def add(self, reasons: np.ndarray) -> None:
        """Take the reasons of a block, "" where there is a prediction."""
        gone = np.flatnonzero(reasons != "")
        self.total += len(reasons)
        self.rows += len(gone)
        if len(gone) and not self.first:
            self.first = str(reasons[gone[0]])


def _sides(run: OpenedRun) -> Any:
    """Which split each row of the file of a streamed fit is in; read a part at a time."""
    own = run.own_samples().problem
    assert isinstance(own, Tabular)
    rows: Any = own.file_rows  # of a table that is streamed
    return rows.side


def _tables(
    problem: Tabular, path: str, source: Path, make: Any, side: Any, reasons: bool, lost: _Lost
) -> "Iterator[pa.Table]":
    """The blocks of a file with their new columns."""
    import pyarrow as pa
    from pyarrow import parquet

    own = problem.learnt
    assert own.schema is not None
    place = 0
    with parquet.ParquetFile(source, pre_buffer=False) as file:
        columns, about = tuple(files.column_names(path)), file.schema_arrow.metadata
        for batch in _batches(file, path):
            table = pa.Table.from_batches([batch]).replace_schema_metadata(about)
            added, why = _added(problem, table, columns, path, own.schema, make)
            lost.add(why)
            if lost.rows and not reasons:
                return  # it begins again, with that column
            if reasons:
                added["reason"] = why
            if side is not None:
                added["split"] = np.asarray(SPLITS)[side[place : place + len(table)]]
            if not place:
                beside.taken(added, path, columns)
            for name, values in added.items():
                table = table.append_column(name, pa.array(values, from_pandas=True))
            place += len(table)
            yield table


def _batches(file: Any, path: str) -> Iterator[Any]:
    batches = file.iter_batches(ROWS)
    while True:
        try:
            batch = next(batches, None)
        except OSError as error:  # pyarrow's own, of a damaged file
            raise DataError(f"{path} cannot be read ({str(error).splitlines()[0]}).") from error
        if batch is None:
            return
        yield batch


def _added(
    problem: Tabular, table: "pa.Table", columns: tuple[str, ...], path: str, known: Schema, make: Any
) -> tuple[dict[str, Any], np.ndarray]:
    """(the new columns of a block, why each row has no prediction)."""
    own = problem.learnt
    there = [name for name in columns if name in known]
    frame, wrong = convert(Raw(columns, table.select(there), False, source=path), known)
    why = own.reasons(frame, path, wrong)
    rows = why == ""
    found = make(own.inputs(frame, rows, path)[rows]) if rows.any() else {}
    if not rows.all():
        found = {name: _spread(values, rows) for name, values in (found or make(np.zeros((1, problem.din)))).items()}
    return found, why


def _spread(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Values of the `rows` [n] bool that have one, among all of them."""
    numbers = np.issubdtype(values.dtype, np.number)
    out = np.full(len(rows), np.nan) if numbers else np.full(len(rows), None, dtype=object)
    out[rows] = values if rows.any() else []
    return out
