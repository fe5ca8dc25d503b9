"""Directories that are whole or not there at all: made beside their place, then renamed into it; what was there is kept
beside them until they are worth more."""

import contextlib
import os
import re
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
def making(path: Path, *, replace: bool = True, keep: bool = False) -> Iterator[Path]:
    """A directory to write into, which becomes `path` when the context ends; after an error there is no trace of it,
    and what was at `path` is there still.

    Args:
        replace: whether it takes the place of what is there; else only of an empty directory.
        keep: what it replaces stays beside it, for `drop` once there is something better, or for `give_back`.

    Raises:
        RunError: the disk refuses.
    """
    path = path if path.name else path.absolute()  # "." has no name
    made = _beside(path, "new")
    try:
        made.mkdir(parents=True)
        yield made
        for file in made.rglob("*"):
            if file.is_file():
                with file.open("rb+") as opened:
                    os.fsync(opened.fileno())
        _into_place(made, path, replace)
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror or error}; choose another --out.") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    if replace and not keep:
        drop(path)


def _beside(path: Path, end: str) -> Path:
    """A new name in the same directory, hidden: .NAME.TOKEN.END."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.{end}")


def aside(path: Path) -> list[Path]:
    """What has been moved aside for `path`, the oldest first."""
    name, parent = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}\.old"), path.absolute().parent
    with contextlib.suppress(OSError):
        # asked for each of a thousand trials that lie side by side: their names, without a stat of each
        there = [parent / other for other in os.listdir(parent) if name.fullmatch(other)]  # noqa: PTH208
        found = [old for old in there if old.is_dir() and not old.is_symlink()]
        return sorted(found, key=lambda old: old.stat().st_mtime)
    return []


def _into_place(made: Path, path: Path, replace: bool) -> None:
    """Rename a finished directory to `path`; what is there is moved aside, to `replace` it, and is back if that fails.

    Raises:
        OSError: the disk refuses.
    """
    old = _beside(path, "old")
    if replace and path.exists():
        path.rename(old)
    try:
        made.rename(path)
    finally:
        if old.exists() and not path.exists():
            old.rename(path)  # what was there is worth more than what could not be made
    disk.sync(path.absolute().parent)


def drop(path: Path) -> None:
    """Remove what has been moved aside for `path`."""
    for old in aside(path):
        shutil.rmtree(old, ignore_errors=True)


def give_back(path: Path) -> None:
    """Put back what was moved aside for `path`, in the place of what is there now; nothing where there is none.

    Raises:
        OSError: the disk refuses.
    """
    olds = aside(path)
    if not olds:
        return
    if path.exists():
        failed = _beside(path, "new")
        path.rename(failed)
        shutil.rmtree(failed, ignore_errors=True)
    olds[0].rename(path)
    disk.sync(path.absolute().parent)
