"""A sign of life on stderr while a command has nothing to show yet: what it is doing, and for how long.

A command starts `Spinner`; what is below it says what begins by `phase("bootstrapping")`, which does nothing where no
spinner runs (in Python, in a pipe, in tests). Whoever writes to the terminal calls `pause` or `stop` first.
"""

import contextlib
import os
import threading
import time
from contextvars import ContextVar
from typing import Any

from econml_cli.errors import printable

#: seconds before it appears (a command that is done by then never shows one), and between two pictures
DELAY, TICK = 0.2, 0.1
#: take the line away
CLEAR = "\r\x1b[K"
_PICTURES = {True: "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", False: "|/-\\"}
_CURRENT: ContextVar["Spinner | None"] = ContextVar("spinner", default=None)


class Spinner:
    """One line on a terminal that a thread of its own redraws until something else is written there."""

    def __init__(self, stream: Any, title: str):
        """Args: stream: a terminal. title: the command."""
        self._stream, self._title, self._phase = stream, title, "starting"
        self._since, self._drawn = time.monotonic(), False
        self._lock, self._ended = threading.RLock(), threading.Event()  # a signal may come while it is held
        encoding = (getattr(stream, "encoding", None) or "").lower()
        self._pictures = _PICTURES[encoding.startswith("utf")]
        threading.Thread(target=self._run, name="spinner", daemon=True).start()

    def phase(self, name: str) -> None:
        """Say what begins."""
        self._phase = printable(name)  # it may quote a file, and goes to the terminal as it is

    def pause(self) -> None:
        """Clear the line for something that is written now; it comes back below it."""
        with self._lock:
            if self._drawn:
                self._write(CLEAR)
                self._drawn = False

    def stop(self) -> None:
        """Clear the line for good."""
        self._ended.set()
        self.pause()

    def _run(self) -> None:
        turn, wait = 0, DELAY
        while not self._ended.wait(wait):
            with self._lock:
                if self._ended.is_set():
                    return
                self._write(f"{CLEAR}{self._pictures[turn % len(self._pictures)]} {self._line()}")
                self._drawn = True
            turn, wait = turn + 1, TICK

    def _line(self) -> str:
        seconds = int(time.monotonic() - self._since)
        line = f"{self._title}: {self._phase}{f'  {seconds} s' if seconds else ''}"
        with contextlib.suppress(OSError, ValueError):  # one line, whatever the terminal's width
            columns = os.get_terminal_size(self._stream.fileno()).columns
            return line[: columns - 3] if columns > 10 else line  # some terminals do not know: 0
        return line

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # the terminal is gone
            self._stream.write(text)
            self._stream.flush()


def start(stream: Any, title: str) -> Spinner | None:
    """Show one from now on; None, and nothing shown, where the stream is no terminal that can clear a line."""
    stop()
    usable = stream.isatty() and os.environ.get("TERM") not in (None, "", "dumb")
    _CURRENT.set(Spinner(stream, title) if usable else None)
    return _CURRENT.get()


def phase(name: str) -> None:
    """Say what begins, where a spinner runs."""
    if (spinner := _CURRENT.get()) is not None:
        spinner.phase(name)


def pause() -> None:
    """Make room for a line, which ends with its own line end."""
    if (spinner := _CURRENT.get()) is not None:
        spinner.pause()


def stop() -> None:
    """Show none any more: what is written from now on is the result, or a bar of its own."""
    if (spinner := _CURRENT.get()) is not None:
        spinner.stop()
        _CURRENT.set(None)
