"""The embedded engine: run a sweep here, without an account or a network.

Trials come from a study in batches, are trained by a crew, and what comes of them is told to the study at once, so that
a kill at any instant loses no more than the trials that were under way.
"""

import contextlib
import dataclasses
import math
import os
import platform
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from econml_cli.errors import ConfigError
from econml_cli.sweeps.definition import METRIC
from econml_cli.sweeps.directory import SweepDirectory
from econml_cli.sweeps.pruner import rungs
from econml_cli.sweeps.schema import Sweep
from econml_cli.sweeps.trial_config import config_of
from econml_cli.sweeps.trials import Results, Trial

if TYPE_CHECKING:
    from econml_cli.sweeps.crew import Crew
    from econml_cli.sweeps.study import Study
    from econml_cli.training.many import Event

Engine = Literal["auto", "vmap", "serial", "process"]
#: trials that method bayes proposes from the same results; others are taken so many at a time
BATCH, MANY = 8, 32
#: seconds between two looks at a shared study whose last trials others are running
POLL = 2.0
#: what a stop for lack of time is told as, where a signal has its number
TIME_IS_UP = 0


@dataclass(frozen=True)
class Plan:
    """How a sweep is to be run.

    Attributes:
        count: how many points to try; None: as before, or run_cap, or the whole grid, or 50.
        jobs: trials that train at a time; None: one for each core of a CPU (one on a GPU, or by engine process).
        timeout: seconds after which the sweep stops as if interrupted; None: never.
        keep: "all", or how many of the best trials keep their checkpoints.
        storage: where the study is, if workers share it; None: the journal in the directory, for this process alone.
        study: its name there.
    """

    seed: int
    count: int | None = None
    jobs: int | None = None
    engine: Engine = "auto"
    timeout: float | None = None
    keep: int | Literal["all"] = "all"
    retry_failed: bool = False
    storage: str | None = None
    study: str = "sweep"


class Watcher:
    """What a sweep tells while it runs; this one does not listen."""

    def begin(self, study: "Study") -> None:
        """The study is open."""

    def started(self, trials: Sequence[Trial]) -> None:
        """These trials have been taken."""

    def progress(self, event: "Event") -> None:
        """Something has happened to a trial."""

    def ended(self, trial: Trial, value: float | None, reason: str | None) -> None:
        """A trial has been told to the study: a value, or a reason why there is none."""


@dataclass(frozen=True)
class Outcome:
    """How a sweep stands when the engine stops; `signal`: what stopped it early (0: --timeout), if anything did."""

    results: Results
    signal: int | None


def run(
    sweep: Sweep,
    directory: SweepDirectory,
    plan: Plan,
    *,
    watcher: Watcher | None = None,
    logged: Callable[[int], None] = lambda number: None,
    stop_signal: Callable[[], int | None] = lambda: None,
) -> Outcome:
    """Run a sweep until every point is tried, or something stops it.

    Args:
        directory: made before; this process holds its lock, unless plan.storage is given.
        logged: called with the number of each trial whose run is complete.
        stop_signal: asked all the time; a number stops the sweep after the running chunk, saved and resumable.

    Raises:
        ConfigError: another sweep was begun there. RunError, CheckpointError, OSError: nothing can be written any more.
    """
    from econml_cli.sweeps.study import Study

    study = Study.open(
        sweep,
        plan.storage or str(directory.journal),
        name=plan.study,
        seed=plan.seed,
        count=plan.count,
        batch=BATCH,
        alone=plan.storage is None,
        worker=f"{platform.node()}:{os.getpid()}",
    )
    if plan.retry_failed:
        study.retry_failed()
    watcher = watcher or Watcher()
    watcher.begin(study)
    end = math.inf if plan.timeout is None else time.monotonic() + plan.timeout

    def stopped() -> int | None:
        signal = stop_signal()
        return signal if signal is not None else TIME_IS_UP if time.monotonic() > end else None

    with _heartbeat(study), _crew(plan, stopped) as crew:
        _Round(sweep, directory, plan, study, crew, watcher, logged, stopped).run_all()
    results = dataclasses.replace(study.results(), directory=directory.path)
    return Outcome(results, stopped() if any(t.state in ("running", "waiting") for t in results.trials) else None)


@contextlib.contextmanager
def _crew(plan: Plan, stopped: Callable[[], int | None]) -> "Iterator[Crew]":
    """Whoever trains, told when to stop."""
    if plan.engine != "process":
        from econml_cli.training import compilation_cache
        from econml_cli.training.many import Fits

        compilation_cache.enable()
        with Fits(plan.engine, stopped, plan.jobs) as fits:
            yield fits
        return
    from econml_cli.sweeps.crew import Pool

    with Pool(plan.jobs or 1) as pool, _watching(stopped, pool.stop):
        yield pool


@contextlib.contextmanager
def _watching(stopped: Callable[[], int | None], tell: Callable[[int], None]) -> Iterator[None]:
    """Passes a stop on from a thread of its own: the main one may be waiting for the other processes."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            if (signal := stopped()) is not None:
                tell(signal)
                return

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        over.set()


@contextlib.contextmanager
def _heartbeat(study: "Study") -> Iterator[None]:
    """Says that this process lives, however long a chunk or a compilation takes."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(5.0):
            with contextlib.suppress(Exception):  # the main thread meets the same trouble, and says so
                study.beat()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=10)


class _Round:
    """Batches of trials, one after the other: taken, trained from rung to rung, told."""

    def __init__(
        self,
        sweep: Sweep,
        directory: SweepDirectory,
        plan: Plan,
        study: "Study",
        crew: "Crew",
        watcher: Watcher,
        logged: Callable[[int], None],
        stopped: Callable[[], int | None],
    ):
        self._sweep, self._directory, self._plan = sweep, directory, plan
        self._study, self._crew, self._watcher, self._logged, self._stopped = study, crew, watcher, logged, stopped
        metric = sweep.metric or METRIC
        self._metric, self._goal = metric["name"], metric.get("goal", METRIC["goal"])
        self._open: dict[int, Trial] = {}
        self._paused: dict[int, Mapping[str, float]] = {}
        self._kept: list[tuple[float, int]] = []

    def run_all(self) -> None:
        """Until there is nothing left to do, or a stop."""
        self._kept = [(self._rank(t.value or 0.0), t.number) for t in self._study.results().ranked()]
        self._drop_others()
        try:
            while self._stopped() is None:
                trials = self._study.take(self._size())
                if trials:
                    self._run(trials)
                elif self._plan.storage is None or self._study.done():
                    return
                else:
                    time.sleep(POLL)  # the last trials are with other workers, who may die
        finally:
            for number in sorted(self._open):
                with contextlib.suppress(Exception):  # what stopped us says it
                    self._study.release(number)

    def _size(self) -> int:
        """How many trials to take: few where others want some too."""
        jobs = self._plan.jobs or 1
        if self._plan.storage is not None:
            return max(jobs, BATCH // 2)
        return BATCH if self._sweep.method == "bayes" else max(MANY, 4 * jobs)

    def _run(self, trials: Sequence[Trial]) -> None:
        self._open = {trial.number: trial for trial in trials}
        self._watcher.started(trials)
        self._crew.add(self._orders(trials))
        for rung in rungs(self._sweep):
            self._advance(rung)
            for number in sorted(self._paused):
                value = self._paused[number].get(self._metric)
                if value is not None and self._study.report(number, rung, value):
                    self._handle(self._crew.end(number, pruned=True))
            if not self._open or self._stopped() is not None:
                break
        self._advance(None)

    def _advance(self, until: int | None) -> None:
        self._paused = {}
        for event in self._crew.advance(until):
            self._handle(event)

    def _orders(self, trials: Sequence[Trial]) -> Iterator[Any]:
        from econml_cli.training.units import Order

        for trial in trials:
            try:
                config = config_of(self._sweep, trial.params)
            except ConfigError as error:
                self._fail(trial, str(error))
                continue
            manifest = {"name": self._sweep.name, "trial": trial.number, "params": dict(trial.params)}
            yield Order(trial.number, config, self._directory.run(trial.number), manifest)

    def _handle(self, event: "Event") -> None:
        """Tell the study what has happened to a trial."""
        trial = self._open[event.number]
        self._watcher.progress(event)
        if event.kind == "paused":
            self._paused[event.number] = event.metrics
        elif event.kind == "failed":
            self._fail(trial, event.reason or "it failed")
        elif event.kind == "ended":
            self._ended(trial, event.summary or {})

    def _ended(self, trial: Trial, summary: Mapping[str, Any]) -> None:
        number, reason = trial.number, summary["stop_reason"]
        about = {
            "epochs": summary["epochs"],
            "seconds": summary["seconds_training"],
            "metrics": {name: value for name, value in summary.items() if name.endswith("_loss")},
            "run": str(self._directory.run(number)),
        }
        if reason == "interrupted":
            return  # stays open, and is released
        if reason == "diverged":
            self._fail(trial, f"diverged in epoch {summary['diverged_epoch']}", **about)
            return
        if reason == "pruned":
            self._study.prune(number, f"pruned after {summary['epochs']} epochs", **about)
            self._close(trial, None, f"pruned after {summary['epochs']} epochs")
            return
        value = summary.get(self._metric)
        if not isinstance(value, int | float):
            there = ", ".join(name for name in summary if name.endswith("_loss"))
            self._fail(trial, f"its fit has no metric '{self._metric}' (it has {there})", **about)
            return
        if not self._study.complete(number, float(value), **about):  # it took so long that we were taken for dead
            self._close(trial, None, "another worker has taken it over")
            return
        self._close(trial, float(value), None)
        self._keep_best(number, float(value))

    def _fail(self, trial: Trial, reason: str, **about: Any) -> None:
        self._study.fail(trial.number, reason, **about)
        self._close(trial, None, reason)

    def _close(self, trial: Trial, value: float | None, reason: str | None) -> None:
        del self._open[trial.number]
        self._paused.pop(trial.number, None)
        if value is None and self._plan.keep != "all":
            shutil.rmtree(self._directory.run(trial.number) / "checkpoints", ignore_errors=True)
        self._watcher.ended(trial, value, reason)
        if (self._directory.run(trial.number) / "summary.json").exists():
            self._logged(trial.number)

    def _rank(self, value: float) -> float:
        return value if self._goal == "minimize" else -value

    def _keep_best(self, number: int, value: float) -> None:
        """Of trials that are not among the best that are to be kept, remove the checkpoints: the record stays."""
        self._kept.append((self._rank(value), number))
        self._drop_others()

    def _drop_others(self) -> None:
        if self._plan.keep == "all":
            return
        for _, worse in sorted(self._kept)[self._plan.keep :]:
            shutil.rmtree(self._directory.run(worse) / "checkpoints", ignore_errors=True)
        self._kept = sorted(self._kept)[: self._plan.keep]
