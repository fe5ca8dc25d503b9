"""Many fits in one process, each with its own run directory: side by side where that is faster, else one after another.

Fits are handed over as orders and advanced to given epochs, all of them to the same one; what happens meanwhile comes
back as events. A sweep drives it: an order is a trial.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal

from econml_cli import checkpoint, runs
from econml_cli.errors import CheckpointError, EconmlError, RunError
from econml_cli.training import record
from econml_cli.training.fit import check_patience, continued
from econml_cli.training.precision import precision
from econml_cli.training.programs import Programs
from econml_cli.training.recording import Recording, no_sinks
from econml_cli.training.setup import Setup, Workshop
from econml_cli.training.stack import same_shape
from econml_cli.training.static import static
from econml_cli.training.trainer import Trainer
from econml_cli.training.units import Fit, Order, Single, Together, Unit, is_running

Engine = Literal["auto", "vmap", "serial"]
Kind = Literal["progress", "paused", "ended", "failed"]
#: the most fits in one program
MOST = 64
#: seconds of training that must lie ahead of a group before `auto` tries it side by side: that takes a compilation of
#: one to two seconds, and is at best 2.5 times as fast on two CPU cores
PAYS = 6.0


@dataclass(frozen=True)
class Event:
    """What happened to one fit.

    Attributes:
        kind: progress (a chunk of epochs is done), paused (it is where it was to be advanced to), ended (see `summary`)
            or failed (see `reason`, a sentence).
        epoch: epochs done. metrics: of the last of them; under early stopping val_loss is the one that would be kept.
        summary: as summary.json.
    """

    number: int
    kind: Kind
    epoch: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    summary: Mapping[str, Any] | None = None
    reason: str | None = None


class Fits:
    """The fits of a process; use it as a context. Leaving it marks what is still under way as failed."""

    def __init__(self, engine: Engine = "auto", stop_signal: Callable[[], int | None] = lambda: None):
        """`stop_signal`: asked after each chunk; a number ends all that is under way, saved and resumable."""
        self._engine, self._stop = engine, stop_signal
        self._workshop, self._programs = Workshop(), Programs()
        self._waiting: dict[int, Order] = {}
        self._units: list[Unit] = []
        self._fits: dict[int, Fit] = {}
        self._pace: dict[Any, float] = {}  # by static shape: seconds an epoch of one fit by itself
        self._pays: dict[Any, bool] = {}  # by static shape: whether side by side has proved faster

    def __enter__(self) -> "Fits":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for fit in self._fits.values():
            with contextlib.suppress(EconmlError, OSError):
                fit.close.__exit__(kind, error, trace)

    def add(self, orders: Iterable[Order]) -> None:
        """Take orders; nothing is computed before `advance`."""
        self._waiting |= {order.number: order for order in orders}

    def advance(self, until: int | None = None) -> Iterator[Event]:
        """Train all fits to an epoch (default: each to its end); those that do not end there are paused.

        Raises:
            OSError, RunError, CheckpointError: nothing can be written any more.
        """
        for unit in list(self._units):
            yield from self._advance(unit, until)
        groups: dict[Any, list[Order]] = {}
        for order in self._waiting.values():
            groups.setdefault(static(order.config), []).append(order)
        for shape, group in groups.items():
            for at in range(0, len(group), MOST):
                yield from self._advance_group(shape, group[at : at + MOST], until)
        if (signal := self._stop()) is not None:
            for number in list(self._fits):
                yield self.end(number, signal=signal)

    def end(self, number: int, *, signal: int | None = None, pruned: bool = False) -> Event:
        """End a paused fit where it is."""
        fit = self._fits[number]
        unit = next(unit for unit in self._units if fit in unit.fits)
        with precision(fit.order.config.trainer.precision):
            unit.drop(fit)
            return self._end(unit, fit, signal, pruned)

    def _end(self, unit: Unit, fit: Fit, signal: int | None = None, pruned: bool = False) -> Event:
        result = fit.recording.end(unit.carry(fit), signal, pruned=pruned)
        self._forget(fit)
        return Event(fit.order.number, "ended", result.summary["epochs"], fit.metrics, result.summary)

    def _forget(self, fit: Fit) -> None:
        del self._fits[fit.order.number]
        fit.close.close()
        self._units = [unit for unit in self._units if any(f.order.number in self._fits for f in unit.fits)]

    def _advance_group(self, shape: Any, group: Sequence[Order], until: int | None) -> Iterator[Event]:
        """Start the fits of one static shape and train them."""
        rest = list(group)
        while rest and self._stop() is None:
            together = self._together(shape, rest)
            orders, rest = (rest, []) if together else (rest[:1], rest[1:])
            fits, failed = self._start(orders)
            yield from failed
            units, failed = self._units_of(fits, together)
            yield from failed
            self._units += units
            for unit in units:
                yield from self._advance(unit, until)

    def _together(self, shape: Any, rest: Sequence[Order]) -> bool:
        if len(rest) < 2 or self._engine != "auto":
            return len(rest) > 1 and self._engine == "vmap"
        ahead = len(rest) * rest[0].config.trainer.num_epochs * self._pace.get(shape, 0.0)
        return self._pays.get(shape, ahead > PAYS)

    def _start(self, orders: Sequence[Order]) -> tuple[list[Fit], list[Event]]:
        """Draw the data, make the models and the run directories; returns the fits, and what failed."""
        fits, failed = [], []
        for order in orders:
            del self._waiting[order.number]
            try:
                with precision(order.config.trainer.precision):
                    setup = self._workshop.assemble(order.config)
                    check_patience(setup)
            except EconmlError as error:
                failed.append(Event(order.number, "failed", reason=str(error)))
                continue
            fits.append(self._record(order, setup))
        self._fits |= {fit.order.number: fit for fit in fits}
        return fits, failed

    def _record(self, order: Order, setup: Setup) -> Fit:
        """The fit with its run directory: what an interrupted attempt has left, or a new one."""
        started = time.perf_counter()
        run, done = _resumable(order), 0
        if run is None:
            more = {"sweep": dict(order.manifest)} if order.manifest else {}
            run = runs.create(order.directory, record.files(setup, None, **more), force=True)
        else:
            done = checkpoint.steps(run.checkpoints)[-1]
            (run.path / "summary.json").unlink(missing_ok=True)
            run.update_manifest(status="running", process=runs.this_process())
        with contextlib.ExitStack() as close:
            close.enter_context(runs.training_lock(run))
            program = self._programs.get(setup)
            recording = close.enter_context(Recording(run, setup, program, no_sinks, done, started))
            fit = Fit(order, setup, recording, close.pop_all())
        if done:
            rows = [row for row in run.metrics() if row["epoch"] <= done]
            fit.metrics = {name: value for name, value in rows[-1].items() if name != "epoch"} if rows else {}
            if order.config.trainer.patience and rows:
                fit.metrics["val_loss"] = min(row["val_loss"] for row in rows)
        return fit

    def _units_of(self, fits: Sequence[Fit], together: bool) -> tuple[list[Unit], list[Event]]:
        """Units for fits of one static shape, and what failed; a resumed fit has epochs behind it, and so is alone."""
        units: list[Unit] = []
        failed = []
        fresh = [fit for fit in fits if not checkpoint.steps(fit.recording.run.checkpoints)]
        stacked = fresh if together and len(fresh) > 1 and same_shape([fit.setup for fit in fresh]) else []
        if stacked:
            with precision(stacked[0].order.config.trainer.precision):
                units.append(Together(stacked, self._programs))
        for fit in fits:
            if fit in stacked:
                continue
            with precision(fit.order.config.trainer.precision):
                trainer = Trainer(fit.setup, self._programs)
                try:
                    if fit not in fresh:
                        continued(fit.recording.run, fit.setup, trainer)
                except EconmlError as error:
                    failed.append(self._fail(fit, error))
                    continue
                units.append(Single(fit, trainer))
        return units, failed

    def _advance(self, unit: Unit, until: int | None) -> Iterator[Event]:
        """Train one unit, in whose precision everything happens."""
        config = unit.fits[0].order.config
        last = config.trainer.num_epochs if until is None else min(until, config.trainer.num_epochs)
        with precision(config.trainer.precision):
            try:
                yield from self._drive(unit, last)
            except (OSError, RunError, CheckpointError):
                raise
            except Exception as error:  # what jax raises, or a model: it is of these fits, not of the others
                for fit in [fit for fit in unit.fits if fit.order.number in self._fits]:
                    yield self._fail(fit, error)
        if isinstance(unit, Together) and self._slower(unit):
            self._units.remove(unit)
            for single in unit.apart():
                self._units.append(single)
                yield from self._advance(single, until)

    def _drive(self, unit: Unit, last: int) -> Iterator[Event]:
        for chunks in unit.run(last):
            for fit, chunk in chunks:
                fit.log(chunk, unit)
                if is_running(chunk) and chunk.epoch < fit.order.config.trainer.num_epochs:
                    kind: Kind = "paused" if chunk.epoch == last else "progress"
                    yield Event(fit.order.number, kind, chunk.epoch, fit.metrics)
                else:
                    yield self._end(unit, fit)
            if self._stop() is not None or (isinstance(unit, Together) and self._slower(unit)):
                return
        if isinstance(unit, Single) and unit.seconds_per_epoch:
            self._pace[static(unit.fits[0].order.config)] = unit.seconds_per_epoch

    def _fail(self, fit: Fit, error: Exception) -> Event:
        fit.close.__exit__(type(error), error, error.__traceback__)
        self._forget(fit)
        return Event(fit.order.number, "failed", reason=_reason(error))

    def _slower(self, unit: Together) -> bool:
        """Whether side by side has proved slower than one after another; asked once a shape, by `auto`."""
        shape = static(unit.fits[0].order.config)
        running = sum(fit.order.number in self._fits for fit in unit.fits)
        if self._engine != "auto" or unit.seconds_per_epoch is None or shape not in self._pace or not running:
            return False
        if shape not in self._pays:
            self._pays[shape] = unit.seconds_per_epoch < running * self._pace[shape]
        return not self._pays[shape]


def _reason(error: Exception) -> str:
    if isinstance(error, EconmlError):
        return str(error)
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
        return "out of memory"
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"


def _resumable(order: Order) -> runs.Run | None:
    """The run that an interrupted attempt at this fit has left, if it can be continued."""
    run = runs.Run(order.directory)
    with contextlib.suppress(EconmlError):
        if run.status() in ("interrupted", "killed", "running") and run.config() == order.config:
            checkpoint.load(run.checkpoints)
            return run
    return None
