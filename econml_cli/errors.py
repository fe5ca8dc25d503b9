"""What can go wrong, and the exit code each kind of it gets.

Every message is one sentence that says what, where, and what to try: it is all that the user sees (unless `--debug`).
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches

#: control characters but tab and line feed; what sets the direction of text and can turn a word around; half characters
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Text that comes from a file, without what a terminal would obey (clear the screen, write to the clipboard)."""
    return _CONTROL.sub("", text)


#: signals that ask a fit or a sweep to save and end: Ctrl-C; `kill` and Slurm; a terminal that is closed; what Slurm
#: can be asked to send before a time limit or a preemption
STOP_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")

#: what is said where memory does not suffice
OUT_OF_MEMORY = "Out of memory; try a smaller --batch-size, a smaller model, or less data."


def out_of_memory(error: BaseException) -> bool:
    """Whether that is what went wrong, in Python or in a compiled program."""
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)


class EconmlError(Exception):
    """Something failed (exit code 1): the base of every error this package raises on purpose."""

    exit_code = 1

    def __init__(self, message: str = ""):
        super().__init__(printable(message))  # it may quote a file


class ConfigError(EconmlError):
    """What was typed is wrong (exit code 2): an option, its value, or the config file."""

    exit_code = 2


class DataError(EconmlError):
    """A data file is missing, unreadable, or holds something that cannot be fitted (exit code 1)."""


class RunError(EconmlError):
    """A run directory is missing, exists already, or cannot be read or written (exit code 1)."""


class LostError(RunError):
    """The processes of one fit have lost each other: one was killed, or a network is down (exit code 1)."""


class CheckpointError(EconmlError):
    """A checkpoint is missing, damaged, or of another model (exit code 1)."""


class DamagedError(CheckpointError):
    """A checkpoint can be read, but is not what was written (exit code 1)."""


class ShapeError(EconmlError):
    """A model and a problem do not fit each other (exit code 1)."""


class DivergedError(EconmlError):
    """The loss became non-finite (exit code 3)."""

    exit_code = 3


class SweepFailedError(EconmlError):
    """Some trials of a sweep failed; the others are there (exit code 4)."""

    exit_code = 4


class UnstableError(EconmlError):
    """A verdict on the fit of an economic model failed: its residual, its policy or its path is not that of a solution
    (exit code 5)."""

    exit_code = 5


class InterruptedFitError(EconmlError):
    """A signal stopped a fit or a sweep, which was saved (exit code 130 for SIGINT, 143 for the others)."""

    def __init__(self, message: str, signal: int | None):
        super().__init__(message)
        self.exit_code = 130 if signal == 2 else 143


def suggest(word: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the known word nearest to `word`, or "" where none is near."""
    near = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" Did you mean '{near[0]}'?" if near else ""


def plural(count: int, noun: str) -> str:
    """(1, "row") -> "1 row", (2000, "row") -> "2,000 rows", (2, "directory") -> "2 directories"."""
    many = f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else f"{noun}s"
    return f"{count:,} {noun if count == 1 else many}"
