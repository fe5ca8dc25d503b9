"""A DataFrame where a file is read: it becomes a Parquet file, which keeps every value and type."""

import contextlib
import hashlib
import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

from econml_cli.errors import ConfigError, DataError
from econml_cli.storage import disk

if TYPE_CHECKING:
    import pandas as pd

#: the directory, beside the runs, of the DataFrames that they were fitted to
FOLDER = "data"

Data: TypeAlias = "str | os.PathLike[str] | pd.DataFrame | None"


def is_frame(data: object) -> "TypeGuard[pd.DataFrame]":
    """Whether it is a DataFrame (without importing pandas where it is not)."""
    return hasattr(data, "to_parquet") and hasattr(data, "iloc")


def path_of(data: str | os.PathLike[str]) -> str:
    """A path as text.

    Raises:
        ConfigError: it is neither a path nor a DataFrame.
    """
    try:
        return os.fspath(data)
    except TypeError:
        raise ConfigError(f"data must be a path or a pandas DataFrame, got {type(data).__name__}.") from None


def keep(frame: "pd.DataFrame", beside: Path) -> Path:
    """Write a DataFrame to data/SHA256.parquet in the directory `beside`, unless it is there already; its index is not
    written.

    The name is the first 16 digits of the SHA-256 of the contents, so that a file once written never changes and fits
    to the same rows share it.

    Raises:
        DataError: it cannot be written as Parquet.
    """
    contents = _parquet(frame)
    path = beside / FOLDER / f"{hashlib.sha256(contents).hexdigest()[:16]}.parquet"
    if not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with disk.replacing(path) as temporary:
                temporary.write_bytes(contents)
        except OSError as error:
            raise DataError(f"{path} cannot be written: {error.strerror or error}; choose another runs_dir.") from error
    return path


@contextlib.contextmanager
def as_file(data: Any) -> Iterator[str | None]:
    """The name of a file with these rows: of a DataFrame a temporary one, of a path its own; None stays None.

    Raises:
        DataError: the DataFrame cannot be written as Parquet. In the context, an error that names the temporary file
            says "the DataFrame" instead.
    """
    if not is_frame(data):
        yield None if data is None else path_of(data)
        return
    with tempfile.TemporaryDirectory(prefix="econml-") as directory:
        path = Path(directory) / "DataFrame.parquet"
        path.write_bytes(_parquet(data))
        with called_dataframe(path):
            yield str(path)


@contextlib.contextmanager
def called_dataframe(path: Path) -> Iterator[None]:
    """In the context, a ConfigError or a DataError that names the file of a DataFrame says "the DataFrame" instead."""
    try:
        yield
    except (ConfigError, DataError) as error:
        raise type(error)(str(error).replace(str(path), "the DataFrame")) from error


def _parquet(frame: "pd.DataFrame") -> bytes:
    """The rows as Parquet; names of columns as text, as in a file."""
    if len(frame) == 0:
        raise DataError("The DataFrame has no rows.")
    buffer = io.BytesIO()
    try:
        frame.set_axis(frame.columns.map(str), axis="columns").to_parquet(buffer, index=False)
    except (ValueError, TypeError, ArithmeticError, NotImplementedError) as error:  # pyarrow's errors are of these
        said = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise DataError(f"The DataFrame cannot be written as Parquet: {said}; give each column one type.") from error
    return buffer.getvalue()


def beside(frame: "pd.DataFrame", found: "pd.DataFrame") -> "pd.DataFrame":
    """The rows of a DataFrame as they are, with the columns that were `found` for those that are numbered in its index.

    Columns of `frame` keep their names, types and index.
    """
    added = found[[name for name in found.columns if name not in set(frame.columns.map(str))]]
    rows = frame.iloc[found.index.to_numpy()]
    return rows.assign(**{name: added[name].to_numpy() for name in added.columns})
