"""What survives a kill: files written atomically (temp file, fsync, rename), JSON without NaN, locks of a process.

And what a stranger has laid there does no harm: only regular files are read and replaced, links are not followed.
"""

import contextlib
import errno
import json
import os
import secrets
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, overload

from econml_cli.errors import RunError
from econml_cli.storage import json_shape

#: bytes of a JSON document, or of another text that is read whole
MOST_BYTES = 100_000_000
#: how often a lock is asked for, and seconds in between: somebody may only be looking whether it is held
LOCK_ATTEMPTS, LOCK_PAUSE = 10, 0.02
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)


def write_text(path: Path, text: str, *, private: bool = False) -> None:
    """Write a file so that a kill at any instant leaves the old one or the new one, whole.

    Args:
        private: nobody else may read it, whatever the umask and the file that was there.

    Raises:
        RunError: as `replacing`.
    """
    with replacing(path, private=private) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes atomically, as `write_text`."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_unseen(path: Path, data: bytes) -> None:
    """Write a new file into a directory that nobody sees before it is whole, and on the disk (`directories.making`)."""
    path.write_bytes(data)


def sync(directory: Path) -> None:
    """Make a rename in a directory survive a power cut, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def replacing(path: Path, *, private: bool = False) -> Iterator[Path]:
    """A file beside `path`, of its suffix, for somebody else to write: on leaving the context it takes the place of
    `path`, whole and with the mode of what was there; if anything is raised it is gone and `path` as it was.

    Its name cannot be foreseen, and it is new: nobody can have laid a link there.

    Raises:
        RunError: `path` is there and no regular file.
    """
    there = _mode(path)
    mode = 0o600 if private else there
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}.tmp{path.suffix[:50]}")
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | _NOFOLLOW
    os.close(os.open(temporary, flags, 0o666 if mode is None else 0o600))
    try:
        yield temporary
        with temporary.open("rb+") as file:
            if mode is not None and hasattr(os, "fchmod"):
                os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        temporary.replace(path)
        sync(path.absolute().parent)
    finally:
        temporary.unlink(missing_ok=True)


def _mode(path: Path) -> int | None:
    """The permissions of the file that is there; None where there is none."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise RunError(f"{path} is {_kind(found.st_mode)} and no file, so it is left alone; name another.")
    return stat.S_IMODE(found.st_mode)


def _kind(mode: int) -> str:
    tests = {"a link": stat.S_ISLNK, "a directory": stat.S_ISDIR, "a pipe": stat.S_ISFIFO, "a socket": stat.S_ISSOCK}
    return next((name for name, holds in tests.items() if holds(mode)), "a device")


def refuse_links(directory: Path, names: tuple[str, ...]) -> None:
    """Refuse a directory of ours in which one of these is a link: what it leads to is not ours to change.

    Raises:
        RunError: names it.
    """
    for name in names:
        if (path := directory / name).is_symlink():
            raise RunError(f"{path} is a link, which econml never makes in a run, so nothing is written through it.")


def append_text(path: Path, text: str, *, sync: bool) -> None:
    """Append to a file. The system has the text when this returns; with `sync` the disk has it too.

    Raises:
        OSError: the disk refuses, or it is a link.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _NOFOLLOW, 0o666)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        if sync:
            os.fsync(file.fileno())


@contextlib.contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A regular file to be read: a pipe would be waited for for ever, a device read without end.

    Raises:
        OSError: it cannot be read. ValueError: it is no regular file.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise ValueError(f"it is {_kind(mode)}")
        yield file


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """The contents of a regular file.

    Raises:
        OSError, ValueError: as `opened`, or it is larger than `most`.
    """
    with opened(path) as file:
        if (size := os.fstat(file.fileno()).st_size) > most:
            raise ValueError(f"it has {size:,} bytes, more than {most:,}")
        return file.read(most)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON document atomically; NaN and infinities become null, as JSON has no word for them."""
    write_text(path, json.dumps(finite(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


@overload
def finite(value: Mapping[str, Any]) -> dict[str, Any]: ...
@overload
def finite(value: Any) -> Any: ...
def finite(value: Any) -> Any:
    """A JSON value with every NaN and infinity replaced by None, and NumPy scalars by Python's."""
    if isinstance(value, Mapping):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        value = value.item()
    if isinstance(value, float) and not (value == value and abs(value) != float("inf")):
        return None
    return value


def read_json(path: Path, *, absent: str, remedy: str, shape: json_shape.Shape | None = None) -> dict[str, Any]:
    """Read a JSON object.

    Args:
        shape: what must be in it (`json_shape`).

    Raises:
        RunError: there is no such file (`absent` is what it says), or it cannot be read or is not of this shape: says
            the key and what was expected (`remedy`: what to do).
    """
    try:
        document = json_shape.loads(read_bytes(path))
        json_shape.check(document, shape or {})
        return dict(document)
    except FileNotFoundError:
        raise RunError(absent) from None
    except (OSError, ValueError, RecursionError) as error:
        said = getattr(error, "strerror", None) or error
        raise RunError(f"{path} cannot be read ({said}); {remedy}.") from None


@contextlib.contextmanager
def exclusive(path: Path, taken: str, *, shared: bool = False) -> Iterator[None]:
    """Inside the context this process alone holds the lock file, which the system drops with the process.

    Args:
        shared: others that ask for it shared may hold it too.

    Raises:
        RunError: another process holds it (`taken` is what it says).
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | _NOFOLLOW, 0o666)
    with os.fdopen(descriptor, "a") as file:
        for attempt in range(LOCK_ATTEMPTS):
            try:
                fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if attempt == LOCK_ATTEMPTS - 1:
                    raise RunError(taken) from None
                time.sleep(LOCK_PAUSE)
            except OSError:  # some network file systems know no locks
                break
        yield


def held(path: Path, *, shared: bool = False) -> bool | None:
    """Whether a process, here or on another machine, holds a lock file; None where the system knows no locks.

    Args:
        shared: whether those count, too, that share it with others.
    """
    try:
        import fcntl

        descriptor = os.open(path, os.O_RDONLY | _NOFOLLOW | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return False
    except (ImportError, OSError):
        return None
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if shared else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:
        return True if error.errno == errno.EACCES else None
    finally:
        os.close(descriptor)
    return False
