"""A directory in the place of another one, which is kept beside it until the new one is worth more."""

import contextlib
import glob
import secrets
import shutil
from pathlib import Path

from econml_cli.storage import disk


def beside(path: Path, end: str) -> Path:
    """A new name in the same directory, hidden: .NAME.TOKEN.END."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.{end}")


def aside(path: Path) -> list[Path]:
    """What has been moved aside for `path`, the oldest first."""
    pattern = f".{glob.escape(path.name)}.{'[0-9a-f]' * 8}.old"
    with contextlib.suppress(OSError):
        found = [old for old in path.absolute().parent.glob(pattern) if old.is_dir() and not old.is_symlink()]
        return sorted(found, key=lambda old: old.stat().st_mtime)
    return []


def into_place(staging: Path, path: Path) -> None:
    """Rename a finished directory to `path`; what is there is moved aside, and is back if that fails.

    Raises:
        OSError: the disk refuses.
    """
    old = beside(path, "old")
    if path.exists():
        path.rename(old)
    try:
        staging.rename(path)
    except OSError:
        if old.exists() and not path.exists():
            old.rename(path)  # what was there is worth more than what could not be made
        raise
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
        failed = beside(path, "new")
        path.rename(failed)
        shutil.rmtree(failed, ignore_errors=True)
    olds[0].rename(path)
    disk.sync(path.absolute().parent)
