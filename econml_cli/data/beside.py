"""A file again with columns beside its own: of text every byte of a field as it stands, of other formats every type."""

import gzip
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np

from econml_cli.data import binary, binary_out, files, packed, records, separated, stata_file, typed_files
from econml_cli.data.asked import Asked
from econml_cli.data.convert import convert
from econml_cli.data.infer import decide
from econml_cli.data.schema import Schema
from econml_cli.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

_MARK = b"\xef\xbb\xbf"
#: rows that are written at a time
ROWS = 10_000


def same_format(source: Path, out: Path) -> bool:
    """Whether the columns of one file can stand in the other as they are."""
    here, there = (next((end for end in files.READERS if p.name.lower().endswith(end)), "") for p in (source, out))
    alike = ((".csv",), (".tsv",), (".parquet",), (".feather",), (".dta",), typed_files.EXCEL, (".sav", ".zsav"))
    return any(here.startswith(ends) and there.startswith(ends) for ends in alike)


def frame(path: Path, known: Schema | None) -> "pd.DataFrame":
    """All columns of a file: those of a schema as it says, the others as the file alone says.

    Raises:
        DataError: it cannot be read.
    """
    asked = Asked() if known is None else known.asked
    raw = files.read(path, asked=asked)
    plain = decide(raw, asked.of_file(raw.names), str(path))
    columns = tuple(known[c.name] if known is not None and c.name in known else c for c in plain.columns)
    return convert(raw, Schema(columns, asked))[0]


def names(path: Path, known: Schema | None) -> tuple[str, ...]:
    """The names of all columns of a file, of which no row is read."""
    asked = Asked() if known is None else known.asked
    return tuple(files.column_names(str(path), asked.delimiter, asked.sheet))


def write_separated(
    path: Path, file: IO[bytes], added: "pd.DataFrame", kept: np.ndarray | None, delimiter: str | None
) -> None:
    """Write a text file with columns beside its own. `added` has a row for each row `kept` [n] bool (None: all).

    Raises:
        DataError: its records are not as many as its rows.
    """
    mark = (delimiter or separated.SEPARATORS[files.extension(path)]).encode()
    beside = _written(added, mark)
    row, held = -1, list[bytes]()  # the header
    with packed.open_bytes(path) as source:
        first = source.read(len(_MARK))
        if first == _MARK:
            file.write(first)
            first = b""
        for record, end in records.of_file(source, mark, first):
            if record and (row < 0 or kept is None or kept[row]):
                new = next(beside, None)
                if new is None:
                    raise DataError(f"{path} has more records than rows; is it being written to?")
                held.append(record + mark + new + end)
            elif not record:
                held.append(end)
            row += bool(record)
            if len(held) >= ROWS:
                file.write(b"".join(held))
                held.clear()
    file.write(b"".join(held))
    if next(beside, None) is not None:
        raise DataError(f"{path} has fewer records than rows; is it being written to?")


def _written(added: "pd.DataFrame", mark: bytes) -> Iterator[bytes]:
    """The header and the rows of a table as separated text, so many at a time."""
    for start in range(0, max(len(added), 1), ROWS):
        part = added.iloc[start : start + ROWS]
        text = part.to_csv(index=False, header=start == 0, sep=mark.decode(), lineterminator="\n")
        for record, _ in records.of_bytes(text.encode(), mark):
            yield record


def write_arrow(path: Path, out: Path, added: "pd.DataFrame", kept: np.ndarray | None) -> None:
    """Write a Parquet or Feather file with columns beside its own, whose types and order are those of the file."""
    import pyarrow as pa
    from pyarrow import feather, parquet

    packed = out.suffix.lower() == ".parquet"
    table = parquet.ParquetFile(path, memory_map=True).read() if packed else feather.read_table(path)
    if kept is not None:
        table = table.filter(pa.array(kept))
    for name in added:
        table = table.append_column(str(name), pa.Array.from_pandas(added[name]))
    if packed:
        parquet.write_table(table, out)
    else:
        feather.write_feather(table, str(out))


def write(
    path: Path, out: Path, added: "pd.DataFrame", kept: np.ndarray | None, delimiter: str | None,
    sheet: str | None = None,
) -> None:  # fmt: skip
    """Write a file of the same format as `path` with columns beside its own, which are kept as they are."""
    ending = out.suffix.lower()
    if ending in (".parquet", ".feather"):
        write_arrow(path, out, added, kept)
        return
    if ending == ".dta":
        stata_file.append(path, out, added, kept)
        return
    if ending in typed_files.EXCEL:
        binary_out.append_to_sheet(path, sheet, out, added, kept)
        return
    if ending in binary.STATISTICAL:
        binary_out.append_to_spss(path, out, added, kept)
        return
    packed = ending == ".gz"
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
