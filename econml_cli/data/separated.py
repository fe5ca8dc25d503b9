"""Separated text (.csv, .tsv), packed or not: its mark, its header, and its fields as they stand."""

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from econml_cli.data import separated_faults as faults
from econml_cli.data import text_numbers
from econml_cli.data.asked import Asked
from econml_cli.data.packed import open_bytes
from econml_cli.data.raw import Needed, Raw, first_line, named, to_read
from econml_cli.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

SEPARATORS = {".csv": ",", ".csv.gz": ",", ".csv.bz2": ",", ".tsv": "\t", ".tsv.gz": "\t"}
#: (columns -> record batches of their text, which may be asked for again; the columns) -> a table whose last row is the
#: last of the file
Take = Callable[[Callable[[Sequence[str]], Iterator["pa.RecordBatch"]], Sequence[str]], "pa.Table"]
#: whether a column of a text file may be read as plain numbers; None: none may
Plain = Callable[[str], bool] | None


def _mark(path: Path) -> str:
    """What separates the fields of a file by its ending."""
    return next(mark for ending, mark in SEPARATORS.items() if path.name.lower().endswith(ending))


def separator(path: Path) -> bytes:
    """What stands between the fields of a text file: that of its ending, where its header has any, else the other mark
    that it has most of."""
    own = _mark(path)
    with open_bytes(path) as file:
        first: bytes = file.readline()
    counts = {mark: first.count(mark.encode()) for mark in (own, ";", "\t", "|", ",")}
    return own.encode() if counts[own] else max(counts, key=lambda mark: counts[mark]).encode()


def header(path: Path, separator: str) -> tuple[list[str], int]:
    """(names as they stand in the first line that is not blank, lines that they and what is before them take).

    Raises:
        DataError: there is none. UnicodeDecodeError, OSError, EOFError: it cannot be read.
    """
    with open_bytes(path) as packed, io.TextIOWrapper(packed, "utf-8-sig", newline="") as lines:
        reader = csv.reader(lines, delimiter=separator)
        names = next((row for row in reader if row and row != [" " * len(row[0])]), None)
        if names is None:
            raise DataError(f"{path} is empty; expected a header line and rows.")
        return names, reader.line_num


def read(path: Path, needed: Needed, asked: Asked, plain: Plain = None, take: Take | None = None) -> Raw:
    """Separated text in UTF-8, with or without a byte order mark; every field as it stands, or a `plain` number."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    separator = asked.delimiter or _mark(path)
    if len(separator) != 1:
        raise DataError(f"--delimiter {separator!r} is not one character.")
    try:
        written, lines = header(path, separator)
        _check_separator(path, separator, written)
        if len(written) == 1 and written[0].startswith("#"):
            raise DataError(f"{path} begins with a comment ({written[0][:60]!r}); remove that line.")
        names, nameless = named(written, path)
        rows = faults.Rows()
        chosen = to_read(names, needed)
        if take is not None:
            table = take(lambda those: _blocks(path, _how(names, those, separator, lines, rows)), chosen)
        elif plain is None:
            with open_bytes(path) as file:
                table = arrow.read_csv(file, *_how(names, chosen, separator, lines, rows))
        else:
            table = text_numbers.read(
                lambda those: _blocks(path, _how(names, those, separator, lines, rows)), chosen, plain
            )
    except UnicodeDecodeError as error:
        raise DataError(faults.encoding_help(path, error)) from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is damaged or cut short ({first_line(error)}); copy it again.") from error
    except csv.Error as error:
        raise DataError(faults.no_table(path, separator, first_line(error))) from error
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            raise DataError(f"{path} has a header but no rows.") from None
        if (found := faults.undecodable(path)) is not None:
            raise DataError(faults.encoding_help(path, found)) from None
        if rows.odd is not None:
            raise DataError(faults.row_help(path, separator, *rows.odd, len(names))) from None
        raise DataError(faults.no_table(path, separator, first_line(error))) from error
    if len(table) and faults.unclosed(table, path):
        raise DataError(faults.no_table(path, separator, "a quote is never closed"))
    return Raw(tuple(names), table, True, nameless=nameless)


def in_blocks(path: Path, needed: Needed, asked: Asked, take: Take) -> Raw:
    """Read separated text a block of rows at a time: what `take` makes of it is given back in place of its columns.

    Raises:
        DataError: as `read`. OSError: the system cannot read it.
    """
    return read(path, needed, asked, take=take)


def _how(
    names: Sequence[str], chosen: Sequence[str], separator: str, lines: int, rows: "faults.Rows"
) -> tuple[Any, ...]:
    """pyarrow's options to read some columns of separated text behind so many lines, every field as text."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    kinds = dict.fromkeys(names, pa.string())
    return (
        arrow.ReadOptions(column_names=list(names), skip_rows=lines, block_size=1 << 24),
        arrow.ParseOptions(delimiter=separator, newlines_in_values=True, invalid_row_handler=rows),
        arrow.ConvertOptions(column_types=kinds, include_columns=list(chosen), strings_can_be_null=False),
    )


def _blocks(path: Path, how: tuple[Any, ...]) -> Iterator["pa.RecordBatch"]:
    """The blocks of a file of separated text."""
    from pyarrow import csv as arrow

    with open_bytes(path) as file:
        yield from arrow.open_csv(file, *how)


def _check_separator(path: Path, separator: str, names: Sequence[str]) -> None:
    """Refuse a file whose one name holds what seems to be its separator."""
    other = next((mark for mark in ";\t|," if mark != separator and mark in names[0]), None)
    if len(names) > 1 or other is None:
        return
    packed = "".join(suffix for suffix in path.suffixes[-1:] if suffix in (".gz", ".bz2"))
    right = {"\t": ".tsv", ",": ".csv"}.get(other, "") + packed
    remedy = f"rename it {right}" if right in SEPARATORS else f"read it with --delimiter '{other}'"
    raise DataError(f"{path} seems to be separated by {other!r}, not {separator!r}; {remedy}.")
