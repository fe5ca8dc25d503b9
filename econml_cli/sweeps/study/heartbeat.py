"""Who is alive among the workers that share a study: judged by what changes, on one's own clock. Imports nothing heavy.

Optuna's heartbeat is for databases and `Study.optimize` alone, and compares clocks of different machines.
"""

import threading
import time
from collections.abc import Callable, Mapping

Clock = Callable[[], float]


class Heartbeat:
    """A counter that goes up while this worker lives, at most four times in `grace` seconds; any thread may call."""

    def __init__(self, write: Callable[[int], None], grace: float, clock: Clock = time.monotonic):
        self._write = write
        self._every = grace / 4
        self._clock = clock
        self._lock = threading.Lock()
        self._count = 0
        self._last = -float("inf")

    def beat(self) -> None:
        """Say "I am alive", unless it was said just before.

        Raises:
            whatever writing raises; the next call tries again.
        """
        with self._lock:
            if self._clock() - self._last < self._every:
                return
            self._write(self._count + 1)
            self._count += 1
            self._last = self._clock()


class Watch:
    """The heartbeats of the others, as this worker has seen them."""

    def __init__(self, grace: float, clock: Clock = time.monotonic):
        self._grace = grace
        self._clock = clock
        self._seen: dict[str, tuple[int, float]] = {}

    def dead(self, worker: str, heartbeats: Mapping[str, int]) -> bool:
        """Whether the worker's heartbeat has stood still for the grace, since it was first seen or last changed."""
        now, count = self._clock(), heartbeats.get(worker, 0)
        before = self._seen.get(worker)
        if before is None or before[0] != count:
            self._seen[worker] = (count, now)
            return False
        return now - before[1] > self._grace
