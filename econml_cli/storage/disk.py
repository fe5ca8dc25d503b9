"""What survives a kill: files written atomically (temp file, fsync, rename), JSON without NaN, locks of a process."""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from econml_cli.errors import RunError


def write_text(path: Path, text: str) -> None:
    """Write a file so that a kill at any instant leaves the old one or the new one, whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def sync(directory: Path) -> None:
    """Make a rename in a directory survive a power cut, where the system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file beside `path`, of its suffix, for somebody else to write: on leaving the context it takes the place of
    `path`, whole; if anything is raised it is gone and `path` as it was."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp{path.suffix}")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        sync(path.absolute().parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON document atomically; NaN and infinities become null, as JSON has no word for them."""
    write_text(path, json.dumps(finite(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


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


def read_json(path: Path, *, absent: str, remedy: str) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        RunError: there is no such file (`absent` is what it says), or it cannot be read (`remedy`: what to do).
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(document, dict):
            raise ValueError("it is no JSON object")
        return document
    except FileNotFoundError:
        raise RunError(absent) from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read ({error}); {remedy}.") from None


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
    with path.open("a") as file:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(taken) from None
        except OSError:  # some network file systems know no locks
            pass
        yield
