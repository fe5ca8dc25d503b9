"""Who trains the trials of a sweep: this process, or others that it starts."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from econml_cli.errors import RunError
from econml_cli.training.many.requests import Event, Request


class Executor(Protocol):
    """Makes fits; see `training.many.scheduler.Fits`, which is one. Entered as a context, left when all is done."""

    def add(self, requests: Iterable[Request]) -> None:
        """Take requests."""

    def advance(self, until: int | None = None) -> Iterator[Event]:
        """Train all fits to an epoch."""

    def end(self, number: int, *, signal: int | None = None, pruned: bool = False) -> Event:
        """End a paused fit where it is."""


class Pool:
    """Each fit in a process of its own, `jobs` of which train at a time.

    Each is `python -m econml_cli.sweeps.run.worker`: a line of JSON in for each request, lines out for what happens.
    A process that dies takes its fit with it, and nothing else.
    """

    def __init__(self, jobs: int):
        self._jobs = jobs
        self._waiting: deque[Request] = deque()
        self._workers: list[_Worker] = []
        self._said: queue.Queue[tuple[_Worker, dict[str, Any] | None]] = queue.Queue()
        self._stopped: int | None = None

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.close()

    def add(self, requests: Iterable[Request]) -> None:
        """As `Executor`."""
        self._waiting.extend(requests)

    def stop(self, signal: int) -> None:
        """Have every fit that is under way saved and ended after its current chunk."""
        self._stopped = signal
        for worker in list(self._workers):
            worker.say({"stop": signal})

    def advance(self, until: int | None = None) -> Iterator[Event]:
        """As `Executor`; several processes at a time.

        Raises:
            RunError: nothing can be written any more.
        """
        paused = deque(worker for worker in self._workers if worker.has)
        while True:
            while sum(w.busy for w in self._workers) < self._jobs and (
                paused or (self._waiting and self._stopped is None)
            ):
                if paused:
                    paused.popleft().start([], until)
                else:
                    self._new().start([self._waiting.popleft()], until)
            if not any(worker.busy for worker in self._workers):
                return
            worker, message = self._said.get()
            yield from self._heard(worker, message)

    def end(self, number: int, *, signal: int | None = None, pruned: bool = False) -> Event:
        """As `Executor`."""
        worker = next(worker for worker in self._workers if number in worker.has)
        worker.busy = True
        worker.say({"end": number, "signal": signal, "pruned": pruned})
        events: list[Event] = []
        while worker.busy:
            events += self._heard(*self._said.get())
        return events[-1]

    def _new(self) -> "_Worker":
        taken = {worker.place for worker in self._workers if worker.busy}
        place = next(i for i in range(self._jobs) if i not in taken)
        worker = _Worker(place, self._jobs, self._said)
        self._workers.append(worker)
        if self._stopped is not None:  # since it was decided that there shall be another
            worker.say({"stop": self._stopped})
        return worker

    def _heard(self, worker: "_Worker", message: dict[str, Any] | None) -> Iterator[Event]:
        if worker not in self._workers:  # it was let go
            return
        if message is None:  # it is gone
            worker.busy = False
            self._workers.remove(worker)
            for number in sorted(worker.has):
                yield Event(number, "failed", reason=f"its process ended ({worker.code()}); was it out of memory?")
        elif "fatal" in message:
            raise RunError(message["fatal"])
        elif "done" in message:
            worker.busy = False
            if not worker.has:
                self._workers.remove(worker)
                worker.close()
        else:
            event = Event(**message)
            if event.kind in ("ended", "failed"):
                worker.has.discard(event.number)
            yield event


class _Worker:
    """One process, and the fits that it has."""

    def __init__(self, place: int, places: int, said: "queue.Queue[Any]"):
        self.place, self.has, self.busy = place, set[int](), False
        self._speaking = threading.Lock()
        # -P: what lies in the working directory is no module
        environment = {**os.environ}
        environment.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # one GPU serves them all
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, our own module
            [sys.executable, "-P", "-m", "econml_cli.sweeps.run.worker", str(place), str(places)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        threading.Thread(target=self._read, args=(said,), daemon=True).start()

    def _read(self, said: "queue.Queue[Any]") -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said.put((self, json.loads(line)))
        self._process.wait()
        said.put((self, None))

    def start(self, requests: list[Request], until: int | None) -> None:
        """Have it add requests, and advance all that it has."""
        self.busy = True
        self.has |= {request.number for request in requests}
        self.say({"add": [_as_json(request) for request in requests], "until": until})

    def say(self, request: dict[str, Any]) -> None:
        """Send a request; that a dead process does not hear it shows elsewhere."""
        assert self._process.stdin is not None
        with self._speaking, contextlib.suppress(OSError):
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()

    def code(self) -> str:
        """How the process ended."""
        code = self._process.wait()
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def close(self) -> None:
        """Let it end: it ends when nobody can ask it for anything more."""
        try:
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._process.wait(timeout=20)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()


def _as_json(request: Request) -> dict[str, Any]:
    return {
        "number": request.number,
        "config": request.config.to_dict(),
        "directory": str(Path(request.directory)),
        "manifest": dict(request.manifest),
        "within": None if request.within is None else str(request.within),
    }


def event_as_json(event: Event) -> dict[str, Any]:
    """What `Event(**...)` takes back."""
    return asdict(event)
