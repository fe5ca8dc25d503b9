"""Why a file of separated text cannot be read: where it goes wrong, and what to do about it."""

import io
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from econml_cli.data import records
from econml_cli.data.packed import open_bytes

if TYPE_CHECKING:
    import pyarrow as pa


class Rows:
    """Keeps (number of values, text) of the first row that has not one value for each name."""

    odd: tuple[int, str] | None = None

    def __call__(self, row: Any) -> str:
        self.odd = self.odd or (row.actual_columns, row.text or "")
        return "error"


def row_help(path: Path, separator: str, values: int, text: str, expected: int) -> str:
    """Which row, of this text, has so many values where so many are expected, and what may mend it."""
    row = _row_of(path, separator, text)
    counts = f"{values} for {expected} ({row}: {text[:60]!r})"
    if values < expected and text.count('"') % 2:
        return no_table(path, separator, f"a quote that opens in {row} is never closed ({text[:60]!r})")
    if values > expected:
        return (
            f"{path} is not a table: it has rows with more values than the header has names, {counts}; name every "
            "column, and quote values that hold the separator."
        )
    return (
        f"{path} is not a table: it has rows with fewer values than the header has names, {counts}; write a separator "
        "for every value that is missing."
    )


def _row_of(path: Path, separator: str, text: str) -> str:
    """Which record of a file a text is, counted from 1."""
    line = text.split("\n")[0].rstrip("\r")
    with open_bytes(path) as file:
        found = records.of_file(file, separator.encode())
        lines = (record.decode(errors="replace").split("\n")[0].rstrip("\r") for record, _ in found)
        place = next((i for i, own in enumerate(lines, 1) if own == line), None)
    return "a row" if place is None else f"row {place:,}"


def no_table(path: Path, separator: str, why: str) -> str:
    """That a file is no table of values with this between them, in a sentence."""
    return f"{path} is not a table separated by {separator!r}: {why}; quote values that hold the separator."


def unclosed(table: "pa.Table", path: Path) -> bool:
    """Whether the last value swallowed the end of the file, as it does behind a quote that is never closed."""
    last = table.column(table.num_columns - 1)[-1].as_py()
    if not isinstance(last, str) or not last.endswith("\n"):
        return False
    with open_bytes(path) as file:
        return not file.read().rstrip().endswith(b'"')


def undecodable(path: Path) -> UnicodeDecodeError | None:
    """Where a file stops being UTF-8."""
    try:
        with open_bytes(path) as packed, io.TextIOWrapper(packed, "utf-8") as text:
            while text.read(1 << 20):
                pass
    except UnicodeDecodeError as error:
        return error
    return None


def encoding_help(path: Path, error: UnicodeDecodeError) -> str:
    """Say which encoding a file that is not UTF-8 probably has, and how to convert it."""
    with open_bytes(path) as file:
        start = file.read(4096)
    if start[:4] == b"PK\x03\x04":
        return f"{path} is no text but an archive, as .xlsx of Excel is; give it the ending of what it is."
    encoding = "UTF-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in start else "WINDOWS-1252"
    name = shlex.quote(path.name.removesuffix(".gz"))
    byte = error.object[error.start]
    return (
        f"{path} is not UTF-8 (byte 0x{byte:02x}{_line_of(path)}), perhaps {encoding}; convert it with "
        f"`iconv -f {encoding} -t UTF-8 {name} > utf8-{name.strip(chr(39))}`."
    )


def _line_of(path: Path) -> str:
    """The first line of a file that is not UTF-8, as " in line 3"; "" where no line is by itself."""
    with open_bytes(path) as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return f" in line {number:,}"
    return ""
