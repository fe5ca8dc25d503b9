"""Removing, renaming, putting away what is kept in --runs-dir; nothing that is under way, nothing that is not ours."""

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from econml_cli.errors import RunError
from econml_cli.runs import directory, kinds
from econml_cli.runs.directory import LOCK
from econml_cli.runs.kinds import Kept
from econml_cli.storage import disk

#: the end of the name of what is being removed
_GONE = ".gone"


@dataclass(frozen=True)
class Usage:
    """Bytes that one of them takes, of its checkpoints and of all; its files."""

    kept: Kept
    bytes: int
    checkpoints: int
    files: int


def remove(found: Kept) -> None:
    """Remove it, at once as far as anybody else can see.

    Raises:
        RunError: it is under way, a part of something, not ours, where the process stands; or the disk refuses.
    """
    path = found.path
    with _taken(found, "removed"), _said(path, "removed"):
        gone = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_GONE}")
        path.rename(gone)
        disk.sync(path.absolute().parent)
    with _said(path, "removed"):
        shutil.rmtree(gone)


def remove_checkpoints(found: Kept) -> None:
    """Remove the weights, of all parts; config, losses, summary and labels stay.

    Raises:
        RunError: as `remove`.
    """
    with _taken(found, "changed"), _said(found.path, "changed"):
        for place in [found.path, *_folders(found)]:
            if (there := place / "checkpoints").is_dir() and not there.is_symlink():
                shutil.rmtree(there)
                there.mkdir()


def move(found: Kept, target: str) -> Path:
    """Give it another name (`target` without a slash), or another place; returns where it is.

    Raises:
        RunError: as `remove`, or something is there, or that is on another disk.
    """
    new = Path(target) if os.sep in target else found.path.with_name(target)
    if new.is_dir() and kinds.kind_of(new) is None and os.sep in target:
        new = new / found.path.name  # into a directory, as mv does
    return _to(found, new)


def _to(found: Kept, new: Path) -> Path:
    path = found.path
    if new.name in ("", ".", "..") or new.name.startswith("."):
        raise RunError(f"'{new.name}' is no name of a run; give one that does not begin with a full stop.")
    if new.exists() or new.is_symlink():
        raise RunError(f"{new} exists, so {path} stays where it is; choose another name.")
    if not new.absolute().parent.is_dir():
        raise RunError(f"There is no directory {new.parent}; make it first.")
    if new.absolute().is_relative_to(path.absolute()):
        raise RunError(f"{new} is inside {path}; choose another place.")
    with _taken(found, "moved"), _said(path, "moved"):
        path.rename(new)
        disk.sync(path.absolute().parent)
        disk.sync(new.absolute().parent)
    return new


def archive(found: Kept) -> Path:
    """Put it into the directory `archive` beside it, out of the lists; returns where it is.

    Raises:
        RunError: as `move`.
    """
    there = found.path.absolute().parent / directory.ARCHIVE
    if there.name == found.path.absolute().parent.name:
        raise RunError(f"{found.path} is in the archive already; --undo takes it out.")
    _refuse(found, "moved")
    with _said(found.path, "moved"):
        there.mkdir(exist_ok=True)
    return _to(found, found.path.parent / directory.ARCHIVE / found.path.name)


def take_out(found: Kept) -> Path:
    """Take it out of the archive again; returns where it is.

    Raises:
        RunError: as `move`, or it is in no archive.
    """
    if found.path.absolute().parent.name != directory.ARCHIVE:
        raise RunError(f"{found.path} is in no archive; `econml runs list --archived` lists what is.")
    return _to(found, Path(os.path.normpath(found.path.parent / ".." / found.path.name)))


def usage(found: Kept) -> Usage:
    """What it takes on the disk; links are not followed."""
    size = weights = files = 0
    for place, _, names in os.walk(found.path):
        inside = "checkpoints" in Path(place).relative_to(found.path).parts
        for name in names:
            with contextlib.suppress(OSError):  # it has just been removed
                length = (Path(place) / name).lstat().st_size
                size, files, weights = size + length, files + 1, weights + length * inside
    return Usage(found, size, weights, files)


def _folders(found: Kept) -> list[Path]:
    """The directories of its parts, and of theirs (the fits of a trial)."""
    parts = found.parts()
    return [*parts, *(p for part in parts for p in part.iterdir() if p.is_dir() and not p.is_symlink())]


def _refuse(found: Kept, done: str) -> None:
    """Say what is in the way.

    Raises:
        RunError: it says what.
    """
    path = found.path
    if path.is_symlink():
        raise RunError(f"{path} is a link, so it is left alone; name what it leads to.")
    if Path.cwd().is_relative_to(path.resolve()):
        raise RunError(f"{path} is where you are, and cannot be {done} from within; change the directory first.")
    if (whole := kinds.whole_of(path)) is not None:
        raise RunError(
            f"{path} is a part of the {whole.kind} {whole.path.name}, which would be damaged without it; name that one."
        )
    if found.kind == "run" and not ((path / "config.yaml").is_file() or (path / "checkpoints").is_dir()):
        raise RunError(
            f"{path} has a manifest.json, but neither a config.yaml nor checkpoints: it is no run of econml."
        )
    if strangers := kinds.strangers(found):
        raise RunError(f"{path} holds {strangers[0].name}, which is kept for itself; move that elsewhere first.")
    if found.under_way():
        raise RunError(f"{path} is under way: a process is working on it; wait for it, or stop it first.")


@contextlib.contextmanager
def _taken(found: Kept, done: str) -> Iterator[None]:
    """Inside the context no fit and no sweep can begin in it.

    Raises:
        RunError: as `_refuse`.
    """
    with contextlib.suppress(OSError):
        directory.recover(found.path)  # else what a killed fit had moved aside would come back later
    _refuse(found, done)
    disk.refuse_links(found.path, directory.WRITTEN)
    with disk.exclusive(found.path / LOCK, f"{found.path} is under way; wait for it, or stop it first."):
        yield


@contextlib.contextmanager
def _said(path: Path, done: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise RunError(f"{path} cannot be {done} to another disk: copy it there (cp -a), then remove it.") from None
        raise RunError(f"{path} cannot be {done}: {error.strerror or error}.") from error
