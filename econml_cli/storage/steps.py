"""The names in a directory of checkpoints. Imports nothing heavy: that there is one is asked before Orbax is loaded."""

import re
import secrets
from pathlib import Path

_STEP = re.compile(r"0|[1-9][0-9]{0,17}")


def steps(directory: Path) -> list[int]:
    """The epochs of the finished checkpoints in a directory, ascending (an unfinished one has another name).

    Links count as nothing: what they lead to is not ours.
    """
    if directory.is_symlink() or not directory.is_dir():
        return []
    names = [p.name for p in directory.iterdir() if _STEP.fullmatch(p.name) and p.is_dir() and not p.is_symlink()]
    return sorted(map(int, names))


def put_aside(directory: Path, step: int) -> Path:
    """Rename a damaged checkpoint, so that nobody takes it for one; its new place.

    Raises:
        OSError: the disk refuses.
    """
    there = directory / f".damaged-{step}-{secrets.token_hex(4)}"
    return (directory / str(step)).rename(there)
