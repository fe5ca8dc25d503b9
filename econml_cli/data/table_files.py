"""Tables that are written to a file in the format of its extension."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from econml_cli.data import binary_out
from econml_cli.errors import ConfigError, DataError
from econml_cli.storage import disk

if TYPE_CHECKING:
    import pandas as pd

WRITERS = {
    ".csv": lambda frame, path: frame.to_csv(path, index=False),
    ".csv.gz": lambda frame, path: frame.to_csv(path, index=False, compression="gzip"),
    ".tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    ".parquet": lambda frame, path: frame.to_parquet(path, index=False),
    ".feather": lambda frame, path: frame.reset_index(drop=True).to_feather(path),
    ".dta": binary_out.write_stata,
    ".xlsx": binary_out.write_sheet,
    **dict.fromkeys((".sav", ".zsav"), binary_out.write_spss),
}


def check_output(path: Path, reads: str | None = None) -> None:
    """Refuse a file that cannot be written, before anything is computed; `reads` is the file that rows come from.

    Raises:
        ConfigError: its extension is none that can be written, its directory does not exist, or it is the input.
        DataError: a package that writes it is not installed.
    """
    if _extension(path) is None:
        raise ConfigError(f"{path} must end in one of {', '.join(WRITERS)}.")
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ConfigError(f"{path} cannot be written: {path.parent} is not a directory, or the name is one.")
    if reads is not None and Path(reads).resolve() == path.resolve():
        raise ConfigError(f"{path} is the file that is read; write the predictions to another one.")
    binary_out.available(path)


def _extension(path: Path) -> str | None:
    return next((end for end in sorted(WRITERS, key=len, reverse=True) if path.name.lower().endswith(end)), None)


def write(frame: "pd.DataFrame", path: Path) -> None:
    """Write a table by its extension, atomically: the old file or the whole new one is there, whenever it is killed.

    Raises:
        ConfigError: as `check_output`. DataError: the disk refuses, or a column does not fit the format.
    """
    check_output(path)
    extension = _extension(path)
    assert extension is not None  # check_output saw to it
    with refusals(path), disk.replacing(path) as temporary:
        WRITERS[extension](frame, temporary)


@contextlib.contextmanager
def refusals(path: Path) -> Iterator[None]:
    """What a disk, or a format, refuses, in a sentence."""
    try:
        yield
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path} could not be written: {str(error).splitlines()[0].rstrip('.')}.") from error
