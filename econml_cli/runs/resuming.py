"""How to go on with a run, a cross-validation or an estimate that something has ended: the words of it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from econml_cli.errors import CheckpointError, RunError
from econml_cli.options import shell


def command(path: Path) -> str:
    """What to type."""
    return shell.command("fit", "--resume", path)


def estimate(path: Path) -> str:
    """What to type, where it is an estimate of a treatment effect."""
    return shell.command("estimate", "resume", path)


def kept(path: Path, again: str | None = None) -> str:
    """A sentence, with the space before it, to follow the one that says what has happened; `again`: what to type."""
    return f" What was saved of {path} is kept; continue with: {again or command(path)}"


def gone(path: Path, again: str | None = None) -> RunError:
    """That the directory is not where it was."""
    return RunError(
        f"{path} was moved or deleted while it was trained; put it back, and continue with: {again or command(path)}"
    )


@contextlib.contextmanager
def told(path: Path, about: str, again: str | None = None) -> Iterator[None]:
    """What keeps a directory of several fits from being written, in a sentence that says how to go on with it.

    Args:
        about: the file that is in it as long as it is there. again: what to type; None: as for a run.

    Raises:
        RunError, CheckpointError: that sentence.
    """
    try:
        yield
    except (OSError, RunError, CheckpointError) as error:
        if not (path / about).is_file():
            raise gone(path, again) from error
        if isinstance(error, OSError):
            raise RunError(f"{path} cannot be written: {error.strerror or error}.{kept(path, again)}") from error
        raise type(error)(f"{error}{kept(path, again)}") from error
