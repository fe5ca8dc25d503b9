"""Directories that are whole or not there at all: made beside their place, then renamed into it."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from econml_cli.errors import RunError
from econml_cli.storage import disk


def check_place(path: Path) -> None:
    """Refuse a directory that cannot be made, before anything is computed.

    Raises:
        RunError: no directory on its way can be written.
    """
    parent = next(p for p in (path.absolute(), *path.absolute().parents) if p.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise RunError(f"{path} cannot be made: {parent} is not a directory that can be written; choose another --out.")


@contextlib.contextmanager
def making(path: Path, *, replace: bool = True) -> Iterator[Path]:
    """A directory to write into, which becomes `path` when the context ends; after an error there is no trace of it,
    and what was at `path` is there still.

    Args:
        replace: whether it takes the place of what is there; else only of an empty directory.

    Raises:
        RunError: the disk refuses.
    """
    path = path if path.name else path.absolute()  # "." has no name
    token = secrets.token_hex(4)
    made, old = (path.with_name(f".{path.name}.{token}.{end}") for end in ("new", "old"))
    try:
        made.mkdir(parents=True)
        yield made
        for file in made.rglob("*"):
            if file.is_file():
                with file.open("rb+") as opened:
                    os.fsync(opened.fileno())
        if replace and path.exists():
            path.rename(old)
        made.rename(path)
        disk.sync(path.parent)
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror or error}; choose another --out.") from error
    finally:
        if old.exists() and not path.exists():
            old.rename(path)  # what was there is worth more than what could not be made
        shutil.rmtree(made, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
