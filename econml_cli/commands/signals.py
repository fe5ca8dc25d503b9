"""SIGINT, SIGTERM and SIGUSR1 (which Slurm sends before it preempts) ask a fit to stop; they do not break it."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

CAUGHT = [s for s in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, s)]  # Windows has no SIGUSR1


@contextmanager
def stop_signals() -> Iterator[Callable[[], int | None]]:
    """Inside the context the first such signal is only remembered; a second one acts at once, as it would have.

    Yields:
        A function that returns the number of the signal received, or None.
    """
    received: list[int] = []
    before = {number: signal.getsignal(number) for number in (getattr(signal, name) for name in CAUGHT)}

    def remember(number: int, frame: FrameType | None) -> None:
        received.append(number)
        for caught, handler in before.items():
            signal.signal(caught, handler)

    for number in before:
        signal.signal(number, remember)
    try:
        yield lambda: received[0] if received else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
