"""A file again with columns beside its own: of text every byte of a field as it stands, of Parquet every type."""

import gzip
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np

from econml_cli.data import files, schema
from econml_cli.data.asked import Asked
from econml_cli.data.schema import Schema
from econml_cli.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

_MARK = b"\xef\xbb\xbf"


def same_format(source: Path, out: Path) -> bool:
    """Whether the columns of one file can stand in the other as they are."""
    here, there = (next((end for end in files.READERS if p.name.lower().endswith(end)), "") for p in (source, out))
    text = (".csv", ".tsv")
    return any(here.startswith(end) and there.startswith(end) for end in text) or here == there == ".parquet"


def frame(path: Path, known: Schema | None) -> "pd.DataFrame":
    """All columns of a file: those of a schema as it says, the others as the file alone says.

    Raises:
        DataError: it cannot be read.
    """
    asked = Asked() if known is None else known.asked
    raw = files.read(path, asked=asked)
    plain = schema.decide(raw, asked.of_file(raw.names), str(path))
    columns = tuple(known[c.name] if known is not None and c.name in known else c for c in plain.columns)
    return schema.convert(raw, Schema(columns, asked))[0]


def names(path: Path, known: Schema | None) -> tuple[str, ...]:
    """The names of all columns of a file."""
    return files.read(path, lambda every: every[:1], None if known is None else known.asked).names


def write_separated(
    path: Path, file: IO[bytes], added: "pd.DataFrame", kept: np.ndarray | None, delimiter: str | None
) -> None:
    """Write a text file with columns beside its own. `added` has a row for each row `kept` [n] bool (None: all).

    Raises:
        DataError: its records are not as many as its rows.
    """
    mark = (delimiter or files.SEPARATORS[files.extension(path)]).encode()
    with files.open_bytes(path) as source:
        contents = source.read()
    if contents.startswith(_MARK):
        file.write(_MARK)
        contents = contents[len(_MARK) :]
    text = added.to_csv(index=False, sep=mark.decode(), lineterminator="\n").encode()
    beside = (record for record, _ in _records(text, mark))
    row = -1  # the header
    for record, end in _records(contents, mark):
        if record and (row < 0 or kept is None or kept[row]):
            new = next(beside, None)
            if new is None:
                raise DataError(f"{path} has more records than rows; is it being written to?")
            file.write(record + mark + new + end)
        elif not record:
            file.write(end)
        row += bool(record)
    if next(beside, None) is not None:
        raise DataError(f"{path} has fewer records than rows; is it being written to?")


def _records(contents: bytes, mark: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(record, its end of line) of separated text; a line without anything is an empty record."""
    field = rb'(?:"(?:[^"]|"")*+")?[^%b\r\n]*' % re.escape(mark)
    record = re.compile(rb"(%b(?:%b%b)*)(\r\n|\n|\r|\Z)" % (field, re.escape(mark), field))
    place = 0
    while place < len(contents):
        found = record.match(contents, place)
        if found is None:  # a quote that is never closed: reading has refused it
            raise DataError("A record of the file never ends; is a quote not closed?")
        yield found[1], found[2]
        place = found.end()


def write_parquet(path: Path, out: Path, added: "pd.DataFrame", kept: np.ndarray | None) -> None:
    """Write a Parquet file with columns beside its own, whose types and order are those of the file."""
    import pyarrow as pa
    from pyarrow import parquet

    table = parquet.ParquetFile(path, memory_map=True).read()
    if kept is not None:
        table = table.filter(pa.array(kept))
    for name in added:
        table = table.append_column(str(name), pa.Array.from_pandas(added[name]))
    parquet.write_table(table, out)


def write(path: Path, out: Path, added: "pd.DataFrame", kept: np.ndarray | None, delimiter: str | None) -> None:
    """Write a file of the same format as `path` with columns beside its own: `write_separated`, `write_parquet`."""
    if out.name.lower().endswith(".parquet"):
        write_parquet(path, out, added, kept)
        return
    packed = out.name.lower().endswith(".gz")
    with out.open("wb") as plain:
        if not packed:
            write_separated(path, plain, added, kept, delimiter)
            return
        with gzip.GzipFile(fileobj=plain, mode="wb") as file:
            write_separated(path, cast("IO[bytes]", file), added, kept, delimiter)


def taken(names: Mapping[str, Any], path: str, columns: tuple[str, ...]) -> None:
    """Refuse new columns whose names the file has already.

    Raises:
        DataError: names the first.
    """
    if found := [name for name in names if name in columns]:
        raise DataError(f"{path} already has a column '{found[0]}', where the predictions would go; rename it.")
