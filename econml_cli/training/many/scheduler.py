"""Many fits in one process, each with its own run directory: in threads side by side, or several in one `vmap`.

Fits are handed over as requests and advanced to given epochs, all of them to the same one; what happens meanwhile comes
back as events. A sweep drives it: a request is a trial.

XLA runs a small program on one core and without Python's lock, so that threads keep all cores busy, with one compiled
program for all fits of a shape. A `vmap` needs a program for each number of members, and pays on accelerators, and on
CPUs for tiny models that are trained for long.
"""

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Literal

import jax

from econml_cli.errors import CheckpointError, EconmlError, RunError
from econml_cli.training.cores import cores
from econml_cli.training.devices import Devices
from econml_cli.training.loop.stack import same_shape
from econml_cli.training.many.groups import Fit, Group, Single, Together, is_over
from econml_cli.training.many.prepare import Preparer, reason_of
from econml_cli.training.many.requests import Event, Kind, Request
from econml_cli.training.precision import precision
from econml_cli.training.step.carry import Carry
from econml_cli.training.step.compile_key import static

Engine = Literal["auto", "vmap", "serial"]
#: the most fits in one program (on each device), and, where nobody says, in training at a time
MOST, MOST_JOBS = 64, 8
#: seconds of training that must lie ahead of a thread before `auto` tries a `vmap`: that takes a compilation of one to
#: two seconds, and was at best 2.5 times as fast as one fit after another on a CPU
PAYS = 6.0


def default_jobs() -> int:
    """One fit at a time for each core of a CPU; one on an accelerator."""
    if jax.default_backend() != "cpu":
        return 1
    return min(cores(), MOST_JOBS)


class Fits:
    """The fits of a process; use it as a context. Leaving it marks what is still under way as failed."""

    def __init__(
        self,
        engine: Engine = "auto",
        stop_signal: Callable[[], int | None] = lambda: None,
        jobs: int | None = None,
        devices: Devices | None = None,
    ):
        """Nothing is computed before `advance`.

        Args:
            engine: serial trains each fit by itself, vmap those of one shape as one, auto what has proved faster.
            stop_signal: asked after each chunk, from any thread; a number ends all that is under way, resumably.
            jobs: how many programs run at a time; None means `default_jobs`.
            devices: several, of this process, which share the fits of a `vmap` among them, as all of one shape are then
                trained; a fit by itself (another shape, or a resumed one) is trained on one.
        """
        self._engine, self._stop = engine if devices is None else "vmap", stop_signal
        self._jobs = jobs or (default_jobs() if devices is None else 1)
        self._most = MOST * (1 if devices is None else devices.count)
        self._preparer = Preparer(devices)
        # one thread more than train: it prepares or ends a fit meanwhile
        self._threads = ThreadPoolExecutor(self._jobs + 1, "fits")
        self._training = threading.BoundedSemaphore(self._jobs)
        self._said: queue.SimpleQueue[Event | BaseException | None] = queue.SimpleQueue()
        self._until: int | None = None
        self._halted = False
        # all below belongs to whoever holds this
        self._changed = threading.Condition()
        self._waiting: deque[tuple[Hashable, Request]] = deque()  # with their static shapes, alike ones together
        self._resting: deque[Group] = deque()
        self._groups: list[Group] = []
        self._fits: dict[int, Fit] = {}
        self._compiling: set[Hashable] = set()
        self._pace: dict[Hashable, float] = {}  # by static shape: seconds an epoch of one fit by itself
        self._pays: dict[Hashable, bool] = {}  # by static shape: whether a vmap has proved faster

    def __enter__(self) -> "Fits":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._halt()
        self._threads.shutdown()
        for fit in self._fits.values():
            with contextlib.suppress(EconmlError, OSError):
                fit.close.__exit__(kind, error, trace)

    def add(self, requests: Iterable[Request]) -> None:
        """Take requests."""
        groups: dict[Hashable, list[Request]] = {}
        for request in requests:
            groups.setdefault(static(request.config), []).append(request)
        self._waiting.extend((shape, request) for shape, group in groups.items() for request in group)

    def advance(self, until: int | None = None) -> Iterator[Event]:
        """Train all fits to an epoch (default: each to its end); those that do not end there are paused.

        Raises:
            OSError, RunError, CheckpointError: nothing can be written any more.
        """
        self._until, self._resting = until, deque(self._groups)
        workers = self._jobs + 1
        for _ in range(workers):
            self._threads.submit(self._work)
        while workers:
            said = self._said.get()
            if isinstance(said, BaseException):
                raise said
            if said is None:
                workers -= 1
            else:
                yield said
        if (signal := self._stop()) is not None:
            for number in list(self._fits):
                yield self.end(number, signal=signal)

    def end(self, number: int, *, signal: int | None = None, pruned: bool = False) -> Event:
        """End a paused fit where it is."""
        fit = self._fits[number]
        group = next(group for group in self._groups if fit in group.fits)
        with precision(fit.request.config.trainer.dtype):
            group.drop(fit)
            carry = group.carry(fit)
        return self._finish(fit, carry, signal, pruned)

    # Below: what the threads do.

    def _work(self) -> None:
        """Take what is to be done until there is nothing left."""
        try:
            while (task := self._next()) is not None:
                task()
        except BaseException as error:
            self._halt()
            self._said.put(error)
        self._said.put(None)

    def _halt(self) -> None:
        with self._changed:
            self._halted = True
            self._changed.notify_all()

    def _next(self) -> Callable[[], None] | None:
        """The next group to go on, or the next fits to begin, of a shape that nobody is compiling just now."""
        with self._changed:
            while not self._halted and self._stop() is None:
                if self._resting:
                    group = self._resting.popleft()
                    return lambda: self._advance(group)
                if not self._waiting:
                    return None
                free = next((shape for shape, _ in self._waiting if shape not in self._compiling), None)
                if free is not None:
                    return self._begin(free)
                self._changed.wait()
            return None

    def _begin(self, shape: Hashable) -> Callable[[], None]:
        alike = [request for other, request in self._waiting if other == shape]
        together = self._together(shape, alike)
        share = len(alike) if self._engine == "vmap" else -(-len(alike) // self._jobs)
        requests = alike[: min(share, self._most)] if together else alike[:1]
        taken = {request.number for request in requests}
        self._waiting = deque(each for each in self._waiting if each[1].number not in taken)
        if shape not in self._pace:
            self._compiling.add(shape)
        return lambda: self._start(shape, requests)

    def _together(self, shape: Hashable, alike: Sequence[Request]) -> bool:
        if len(alike) < 2 or self._engine != "auto":
            return len(alike) > 1 and self._engine == "vmap"
        ahead = len(alike) / self._jobs * alike[0].config.trainer.num_epochs * self._pace.get(shape, 0.0)
        return self._pays.get(shape, ahead > PAYS)

    def _start(self, shape: Hashable, requests: Sequence[Request]) -> None:
        try:
            groups = self._groups_of(self._prepared(requests))
        finally:
            with self._changed:
                self._compiling.discard(shape)
                self._changed.notify_all()
        for group in groups:
            self._advance(group)

    def _prepared(self, requests: Sequence[Request]) -> list[Fit]:
        fits = []
        for request in requests:
            self._said.put(Event(request.number, "begun"))
            prepared = self._preparer.prepare(request, alone=len(requests) == 1)
            if isinstance(prepared, Fit):
                fits.append(prepared)
                with self._changed:
                    self._fits[request.number] = prepared
            else:
                self._said.put(Event(request.number, "failed", reason=prepared))
        return fits

    def _groups_of(self, fits: Sequence[Fit]) -> list[Group]:
        """Units for fits of one static shape; a resumed fit has epochs behind it, and so is alone, as is one
        that is solved."""
        fresh = [fit for fit in fits if not fit.resumed and not fit.setup.solved]
        stacked = fresh if len(fresh) > 1 and same_shape([fit.setup for fit in fresh]) else []
        groups: list[Group] = []
        if stacked:
            with precision(stacked[0].request.config.trainer.dtype):
                groups.append(Together(stacked, self._preparer.stacked))
        groups += [Single(fit) for fit in fits if fit not in stacked]
        with self._changed:
            self._groups += groups
        return groups

    def _advance(self, group: Group) -> None:
        """Train one group, and end those of its fits that are done."""
        config = group.fits[0].request.config
        last = config.trainer.num_epochs if self._until is None else min(self._until, config.trainer.num_epochs)
        with precision(config.trainer.dtype):
            try:
                with self._training:
                    done = self._drive(group, last)
                for fit, carry in done:
                    self._said.put(self._finish(fit, carry))
            except (OSError, RunError, CheckpointError):
                raise
            except Exception as error:  # what jax raises, or a model: it is of these fits, not of the others
                for fit in [fit for fit in group.fits if fit.request.number in self._fits]:
                    self._fail(fit, error)
        if isinstance(group, Together) and self._slower(group):
            self._part(group)

    def _drive(self, group: Group, last: int) -> list[tuple[Fit, Carry]]:
        """Train to an epoch; the fits that ended on the way, and where."""
        done = []
        for fit in group.fits:  # one that was killed between its last checkpoint and its summary has nothing left to do
            if fit.resumed and is_over(group.carry(fit), fit):
                done.append((fit, group.carry(fit)))
        for chunks in group.run(last):
            for fit, chunk in chunks:
                fit.log(chunk, group)
                if is_over(chunk, fit):
                    done.append((fit, group.carry(fit)))
                else:
                    kind: Kind = "paused" if chunk.epoch == last else "progress"
                    self._said.put(Event(fit.request.number, kind, chunk.epoch, fit.metrics))
            if self._halted or self._stop() is not None or (isinstance(group, Together) and self._slower(group)):
                break
        if isinstance(group, Single) and group.seconds_per_epoch:
            self._pace[static(group.fits[0].request.config)] = group.seconds_per_epoch
        return done

    def _finish(self, fit: Fit, carry: Carry, signal: int | None = None, pruned: bool = False) -> Event:
        with fit.close, precision(fit.request.config.trainer.dtype):
            result = fit.recording.end(carry, signal, pruned=pruned)
        self._forget(fit)
        return Event(fit.request.number, "ended", result.summary["epochs"], fit.metrics, result.summary)

    def _fail(self, fit: Fit, error: Exception) -> None:
        fit.close.__exit__(type(error), error, error.__traceback__)
        self._forget(fit)
        self._said.put(Event(fit.request.number, "failed", reason=reason_of(error)))

    def _forget(self, fit: Fit) -> None:
        with self._changed:
            del self._fits[fit.request.number]
            self._groups = [group for group in self._groups if any(f.request.number in self._fits for f in group.fits)]

    def _slower(self, group: Together) -> bool:
        """Whether a vmap has proved slower than one fit after another; asked once a shape, by `auto`."""
        shape = static(group.fits[0].request.config)
        running = sum(fit.request.number in self._fits for fit in group.fits)
        if self._engine != "auto" or group.seconds_per_epoch is None or shape not in self._pace or not running:
            return False
        with self._changed:
            return not self._pays.setdefault(shape, group.seconds_per_epoch < running * self._pace[shape])

    def _part(self, group: Together) -> None:
        """Let the fits of a group that is too slow go on by themselves, wherever there is a thread."""
        with self._changed:
            self._groups.remove(group)
            singles = group.apart()
            self._groups += singles
            self._resting.extend(singles)
            self._changed.notify_all()
