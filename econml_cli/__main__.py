"""`python -m econml_cli` is `econml`, and starts here: Ctrl-C ends it cleanly before anything else is imported."""

import _signal  # type: ignore[import-not-found]  # `signal` without its import of enum: fewer Ctrl-C give a trace
import os

TYPE_CHECKING = False  # as in econml_cli/__init__.py
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn


def at_once(number: int, frame: "FrameType | None") -> None:
    """End without a word: there is nothing to save yet, and an import that is interrupted is pages of a trace."""
    os._exit(128 + number)


def program() -> "NoReturn":
    """The command as a process of its own."""
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:  # else it is ignored (`&` in a script)
        _signal.signal(_signal.SIGINT, at_once)
    from econml_cli import cli

    cli.program()


if __name__ == "__main__":
    program()
