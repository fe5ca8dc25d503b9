"""Read columns of a Parquet file, a few columns of a row group at a time: little beside the table is in memory."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

#: numbers of a row group that are read at a time
NUMBERS = 2**21


def read(path: Path, names: Sequence[str]) -> "pa.Table":
    """Columns of a file, each in one piece: pandas can read it where it lies.

    Raises:
        OSError, pyarrow.ArrowInvalid, KeyError: it is no such file, or damaged.
    """
    import pyarrow as pa
    from pyarrow import parquet

    # not mapped: pages of the file that have been read would count as memory of the process
    with parquet.ParquetFile(path, pre_buffer=False) as file:
        rows, groups = file.metadata.num_rows, file.metadata.num_row_groups
        if not groups:
            return file.read(list(names)).select(list(names))
        schema = file.schema_arrow  # made anew whenever it is asked for
        kinds = dict(zip(schema.names, schema.types, strict=True))
        whole = _without_gaps(file, {name: kinds[name] for name in names})
        columns: dict[str, Any] = {}
        for some in _cut(names, max(1, NUMBERS * groups // max(rows, 1))):
            pieces: dict[str, Any] = {name: np.empty(rows, whole[name]) if name in whole else [] for name in some}
            place = 0
            for group in range(groups):
                table = file.read_row_group(group, columns=list(some)).select(list(some))
                for name in some:
                    if name in whole:
                        _fill(pieces[name], place, table.column(name))
                    else:
                        pieces[name] += table.column(name).chunks
                place += table.num_rows
            columns |= {name: _column(pieces.pop(name), kinds[name]) for name in some}
    pa.default_memory_pool().release_unused()
    return pa.table(columns)


def _cut(names: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), size):
        yield names[start : start + size]


def _without_gaps(file: Any, kinds: "Mapping[str, pa.DataType]") -> dict[str, np.dtype[Any]]:
    """Those of some columns {name: type} that are numbers without gaps, as the file says: {name: type}."""
    import pyarrow as pa

    metadata, schema, found = file.metadata, file.schema, dict[str, np.dtype[Any]]()
    paths = [schema.column(i).path for i in range(metadata.num_columns)]
    if len(set(paths)) < len(paths):  # a column a.b, and b in a: which is meant cannot be told
        return {}
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    for i, name in enumerate(paths):
        kind = kinds.get(name)
        if kind is None or not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            continue
        told = (group.column(i).statistics for group in groups)
        if all(one is not None and one.has_null_count and one.null_count == 0 for one in told):
            found[name] = np.dtype(kind.to_pandas_dtype())
    return found


def _fill(out: np.ndarray, place: int, column: "pa.ChunkedArray") -> None:
    """Write a column into an array, from a place on.

    Raises:
        ValueError: something is missing, of which the file says that it is not.
    """
    if column.null_count:
        raise ValueError("its statistics say that nothing is missing, which is not so")
    for chunk in column.chunks:
        out[place : place + len(chunk)] = chunk.to_numpy()
        place += len(chunk)


def _column(pieces: Any, kind: "pa.DataType") -> "pa.ChunkedArray":
    """A column of an array, or of pieces that are put together."""
    import pyarrow as pa

    if isinstance(pieces, np.ndarray):
        return pa.chunked_array([pa.Array.from_buffers(kind, len(pieces), [None, pa.py_buffer(pieces)])])
    whole = pa.chunked_array(pieces, kind)
    return whole if whole.num_chunks < 2 else pa.chunked_array([whole.combine_chunks()])
