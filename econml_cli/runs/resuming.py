"""How to go on with a run, or a cross-validation, that something has ended: the words of it."""

import shlex
from pathlib import Path

from econml_cli.errors import RunError


def command(path: Path) -> str:
    """What to type."""
    return f"econml fit --resume {shlex.quote(str(path))}"


def kept(path: Path) -> str:
    """A sentence, with the space before it, to follow the one that says what has happened."""
    return f" What was saved of {path} is kept; continue with: {command(path)}"


def gone(path: Path) -> RunError:
    """That the directory is not where it was."""
    return RunError(
        f"{path} was moved or deleted while it was trained; put it back, and continue with: {command(path)}"
    )
