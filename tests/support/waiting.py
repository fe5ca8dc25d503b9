"""Waiting for what another process or thread does, and noticing what waits where it should not."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any


def wait_until(condition: Callable[[], object], seconds: float = 15.0) -> None:
    """Return as soon as the condition holds; fail when it does not hold in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:g} s"
        time.sleep(0.02)


@contextlib.contextmanager
def never_idle(seconds: float = 20.0) -> Iterator[None]:
    """Fail once so many seconds have passed in which this process did nothing: it waits. (It may take long, where the
    machine is busy.) POSIX only."""
    worked = time.process_time()

    def look(*_: Any) -> None:
        nonlocal worked
        if time.process_time() - worked < 0.1:
            raise AssertionError("it waits")
        worked = time.process_time()

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
