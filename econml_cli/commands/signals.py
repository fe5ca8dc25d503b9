"""Signals that ask a fit to stop do not break it: it ends after the current chunk of epochs, saved.

SIGINT is Ctrl-C, SIGTERM what Slurm and `kill` send, SIGUSR1 and SIGUSR2 what Slurm can be asked to send before a time
limit or a preemption, SIGHUP what a terminal sends that is closed (unless `nohup` has it ignored).
"""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from econml_cli.errors import STOP_SIGNALS

CAUGHT = [name for name in STOP_SIGNALS if hasattr(signal, name)]  # Windows has fewer
#: seconds that a second signal waits for this process to notice it, where it is in compiled code
PATIENCE = 5.0


@contextmanager
def stop_signals(*, unwinding: bool = False) -> Iterator[Callable[[], int | None]]:
    """Inside the context the first such signal is only remembered; a second one acts at once, as it would have, or with
    `unwinding`, if it is Ctrl-C, as KeyboardInterrupt, so that what is open is closed (not amid an import: what a
    library makes of that is no clean end).

    A third Ctrl-C ends the process without another word. Where Python code is not reached at all, because compiled code
    runs on, a second SIGTERM ends the process after `PATIENCE`.

    Yields:
        A function that returns the number of the signal received, or None.
    """
    received: list[int] = []
    before = {number: signal.getsignal(number) for number in (getattr(signal, name) for name in CAUGHT)}
    before = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}

    def last(number: int, frame: FrameType | None) -> None:
        os._exit(130)

    def again(number: int, frame: FrameType | None) -> None:
        if unwinding and _importing(frame):
            last(number, frame)
        signal.signal(signal.SIGINT, last)
        handler = signal.default_int_handler if unwinding else before[signal.SIGINT]
        if callable(handler):
            handler(number, frame)

    def remember(number: int, frame: FrameType | None) -> None:
        received.append(number)
        for caught, handler in before.items():
            signal.signal(caught, again if caught == signal.SIGINT and callable(handler) else handler)

    for number in before:
        signal.signal(number, remember)
    try:
        with _watched(received):
            yield lambda: received[0] if received else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _importing(frame: FrameType | None) -> bool:
    """Whether Python is amid an import there."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


@contextmanager
def _watched(handled: list[int]) -> Iterator[None]:
    """Looks, from a thread, at the signals that arrive: Python hears of them only between two lines of its own code."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    over = threading.Event()

    def watch() -> None:
        arrived = 0
        while not over.is_set():
            arrived += sum(number == signal.SIGTERM for number in os.read(reader, 64))
            if arrived > 1 and not handled and not over.wait(PATIENCE) and not handled:
                os._exit(128 + signal.SIGTERM)

    previous = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    thread = threading.Thread(target=watch, name="signals", daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(previous)
        over.set()
        with contextlib.suppress(OSError):
            os.write(writer, b"\0")
        thread.join()
        os.close(reader)
        os.close(writer)


@contextmanager
def interruptible() -> Iterator[None]:
    """Inside the context Ctrl-C and SIGTERM raise KeyboardInterrupt, so that what is half done can be undone; a second
    one ends the process at once."""

    def leave(number: int, frame: FrameType | None) -> None:
        for caught in before:
            signal.signal(caught, lambda number, frame: os._exit(128 + number))
        raise KeyboardInterrupt

    before: dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
