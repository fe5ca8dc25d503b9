"""The directory of an export: whole or not there at all."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from econml_cli.errors import EconmlError
from econml_cli.export.formats import check_free
from econml_cli.storage import disk


@contextlib.contextmanager
def staged(out: Path, force: bool) -> Iterator[Path]:
    """A directory to write into, which becomes `out` when the context ends; after an error there is no trace of it.

    Raises:
        EconmlError: as `formats.check_free`, or the disk refuses.
    """
    check_free(out, force)
    out = out if out.name else out.absolute()  # "." has no name
    staging = out.with_name(f".{out.name}.{secrets.token_hex(4)}.new")
    try:
        staging.mkdir(parents=True)
        yield staging
        check_free(out, force)  # minutes may have passed
        _into_place(staging, out)
    except OSError as error:
        raise EconmlError(f"{out} cannot be written: {error.strerror or error}; choose another --out.") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _into_place(staging: Path, out: Path) -> None:
    """Rename a finished directory, over an earlier one if there is one."""
    for path in staging.rglob("*"):
        if path.is_file():
            with path.open("rb+") as file:
                os.fsync(file.fileno())
    old = out.with_name(f".{out.name}.{secrets.token_hex(4)}.old")
    try:
        if out.exists():
            out.rename(old)
        staging.rename(out)
        disk.sync(out.parent)
    finally:
        if old.exists() and not out.exists():
            old.rename(out)  # the export that was there is worth more than the one that could not be made
        shutil.rmtree(old, ignore_errors=True)
