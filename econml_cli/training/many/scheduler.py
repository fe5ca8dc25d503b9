"""Many fits in one process, each with its own run directory: in threads side by side, or several in one `vmap`.

Fits are handed over as orders and advanced to given epochs, all of them to the same one; what happens meanwhile comes
back as events. A sweep drives it: an order is a trial.

XLA runs a small program on one core and without Python's lock, so that threads keep all cores busy, with one compiled
program for all fits of a shape. A `vmap` needs a program for each number of members, and pays on accelerators, and on
CPUs for tiny models that are trained for long.
"""

import contextlib
import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Literal

import jax

from econml_cli.errors import CheckpointError, EconmlError, RunError
from econml_cli.training.loop.stack import same_shape
from econml_cli.training.many.groups import Fit, Single, Together, Unit, is_over
from econml_cli.training.many.prepare import Preparer, reason_of
from econml_cli.training.many.requests import Event, Kind, Order
from econml_cli.training.precision import precision
from econml_cli.training.step.compile_key import static
from econml_cli.training.step.epoch import Carry

Engine = Literal["auto", "vmap", "serial"]
#: the most fits in one program, and, where nobody says, in training at a time
MOST, MOST_JOBS = 64, 8
#: seconds of training that must lie ahead of a thread before `auto` tries a `vmap`: that takes a compilation of one to
#: two seconds, and was at best 2.5 times as fast as one fit after another on a CPU
PAYS = 6.0


def default_jobs() -> int:
    """One fit at a time for each core of a CPU; one on an accelerator."""
    if jax.default_backend() != "cpu":
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_JOBS)


class Fits:
    """The fits of a process; use it as a context. Leaving it marks what is still under way as failed."""

    def __init__(
        self, engine: Engine = "auto", stop_signal: Callable[[], int | None] = lambda: None, jobs: int | None = None
    ):
        """Nothing is computed before `advance`.

        Args:
            engine: serial trains each fit by itself, vmap those of one shape as one, auto what has proved faster.
            stop_signal: asked after each chunk, from any thread; a number ends all that is under way, resumably.
            jobs: how many programs run at a time; None means `default_jobs`.
        """
        self._engine, self._stop = engine, stop_signal
        self._jobs = jobs or default_jobs()
        self._preparer = Preparer()
        # one thread more than train: it prepares or ends a fit meanwhile
        self._threads = ThreadPoolExecutor(self._jobs + 1, "fits")
        self._training = threading.BoundedSemaphore(self._jobs)
        self._said: queue.SimpleQueue[Event | BaseException | None] = queue.SimpleQueue()
        self._until: int | None = None
        self._halted = False
        # all below belongs to whoever holds this
        self._desk = threading.Condition()
        self._waiting: deque[tuple[Hashable, Order]] = deque()  # with their static shapes, alike ones together
        self._resting: deque[Unit] = deque()
        self._units: list[Unit] = []
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

    def add(self, orders: Iterable[Order]) -> None:
        """Take orders."""
        groups: dict[Hashable, list[Order]] = {}
        for order in orders:
            groups.setdefault(static(order.config), []).append(order)
        self._waiting.extend((shape, order) for shape, group in groups.items() for order in group)

    def advance(self, until: int | None = None) -> Iterator[Event]:
        """Train all fits to an epoch (default: each to its end); those that do not end there are paused.

        Raises:
            OSError, RunError, CheckpointError: nothing can be written any more.
        """
        self._until, self._resting = until, deque(self._units)
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
        unit = next(unit for unit in self._units if fit in unit.fits)
        with precision(fit.order.config.trainer.precision):
            unit.drop(fit)
            carry = unit.carry(fit)
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
        with self._desk:
            self._halted = True
            self._desk.notify_all()

    def _next(self) -> Callable[[], None] | None:
        """The next unit to go on, or the next fits to begin, of a shape that nobody is compiling just now."""
        with self._desk:
            while not self._halted and self._stop() is None:
                if self._resting:
                    unit = self._resting.popleft()
                    return lambda: self._advance(unit)
                if not self._waiting:
                    return None
                free = next((shape for shape, _ in self._waiting if shape not in self._compiling), None)
                if free is not None:
                    return self._begin(free)
                self._desk.wait()
            return None

    def _begin(self, shape: Hashable) -> Callable[[], None]:
        alike = [order for other, order in self._waiting if other == shape]
        together = self._together(shape, alike)
        share = len(alike) if self._engine == "vmap" else -(-len(alike) // self._jobs)
        orders = alike[: min(share, MOST)] if together else alike[:1]
        taken = {order.number for order in orders}
        self._waiting = deque(each for each in self._waiting if each[1].number not in taken)
        if shape not in self._pace:
            self._compiling.add(shape)
        return lambda: self._start(shape, orders)

    def _together(self, shape: Hashable, alike: Sequence[Order]) -> bool:
        if len(alike) < 2 or self._engine != "auto":
            return len(alike) > 1 and self._engine == "vmap"
        ahead = len(alike) / self._jobs * alike[0].config.trainer.num_epochs * self._pace.get(shape, 0.0)
        return self._pays.get(shape, ahead > PAYS)

    def _start(self, shape: Hashable, orders: Sequence[Order]) -> None:
        try:
            units = self._units_of(self._prepared(orders))
        finally:
            with self._desk:
                self._compiling.discard(shape)
                self._desk.notify_all()
        for unit in units:
            self._advance(unit)

    def _prepared(self, orders: Sequence[Order]) -> list[Fit]:
        fits = []
        for order in orders:
            prepared = self._preparer.prepare(order, alone=len(orders) == 1)
            if isinstance(prepared, Fit):
                fits.append(prepared)
                with self._desk:
                    self._fits[order.number] = prepared
            else:
                self._said.put(Event(order.number, "failed", reason=prepared))
        return fits

    def _units_of(self, fits: Sequence[Fit]) -> list[Unit]:
        """Units for fits of one static shape; a resumed fit has epochs behind it, and so is alone, as is one
        that is solved."""
        fresh = [fit for fit in fits if not fit.resumed and not fit.setup.solved]
        stacked = fresh if len(fresh) > 1 and same_shape([fit.setup for fit in fresh]) else []
        units: list[Unit] = []
        if stacked:
            with precision(stacked[0].order.config.trainer.precision):
                units.append(Together(stacked, self._preparer.programs))
        units += [Single(fit) for fit in fits if fit not in stacked]
        with self._desk:
            self._units += units
        return units

    def _advance(self, unit: Unit) -> None:
        """Train one unit, and end those of its fits that are done."""
        config = unit.fits[0].order.config
        last = config.trainer.num_epochs if self._until is None else min(self._until, config.trainer.num_epochs)
        with precision(config.trainer.precision):
            try:
                with self._training:
                    done = self._drive(unit, last)
                for fit, carry in done:
                    self._said.put(self._finish(fit, carry))
            except (OSError, RunError, CheckpointError):
                raise
            except Exception as error:  # what jax raises, or a model: it is of these fits, not of the others
                for fit in [fit for fit in unit.fits if fit.order.number in self._fits]:
                    self._fail(fit, error)
        if isinstance(unit, Together) and self._slower(unit):
            self._part(unit)

    def _drive(self, unit: Unit, last: int) -> list[tuple[Fit, Carry]]:
        """Train to an epoch; the fits that ended on the way, and where."""
        done = []
        for fit in unit.fits:  # one that was killed between its last checkpoint and its summary has nothing left to do
            if fit.resumed and is_over(unit.carry(fit), fit):
                done.append((fit, unit.carry(fit)))
        for chunks in unit.run(last):
            for fit, chunk in chunks:
                fit.log(chunk, unit)
                if is_over(chunk, fit):
                    done.append((fit, unit.carry(fit)))
                else:
                    kind: Kind = "paused" if chunk.epoch == last else "progress"
                    self._said.put(Event(fit.order.number, kind, chunk.epoch, fit.metrics))
            if self._halted or self._stop() is not None or (isinstance(unit, Together) and self._slower(unit)):
                break
        if isinstance(unit, Single) and unit.seconds_per_epoch:
            self._pace[static(unit.fits[0].order.config)] = unit.seconds_per_epoch
        return done

    def _finish(self, fit: Fit, carry: Carry, signal: int | None = None, pruned: bool = False) -> Event:
        with fit.close, precision(fit.order.config.trainer.precision):
            result = fit.recording.end(carry, signal, pruned=pruned)
        self._forget(fit)
        return Event(fit.order.number, "ended", result.summary["epochs"], fit.metrics, result.summary)

    def _fail(self, fit: Fit, error: Exception) -> None:
        fit.close.__exit__(type(error), error, error.__traceback__)
        self._forget(fit)
        self._said.put(Event(fit.order.number, "failed", reason=reason_of(error)))

    def _forget(self, fit: Fit) -> None:
        with self._desk:
            del self._fits[fit.order.number]
            self._units = [unit for unit in self._units if any(f.order.number in self._fits for f in unit.fits)]

    def _slower(self, unit: Together) -> bool:
        """Whether a vmap has proved slower than one fit after another; asked once a shape, by `auto`."""
        shape = static(unit.fits[0].order.config)
        running = sum(fit.order.number in self._fits for fit in unit.fits)
        if self._engine != "auto" or unit.seconds_per_epoch is None or shape not in self._pace or not running:
            return False
        with self._desk:
            return not self._pays.setdefault(shape, unit.seconds_per_epoch < running * self._pace[shape])

    def _part(self, unit: Together) -> None:
        """Let the fits of a unit that is too slow go on by themselves, wherever there is a thread."""
        with self._desk:
            self._units.remove(unit)
            singles = unit.apart()
            self._units += singles
            self._resting.extend(singles)
            self._desk.notify_all()
