"""The embedded engine: run a sweep here, without an account or a network.

Trials come from a study in batches, are trained by an executor, and what comes of them is told to the study at once, so
that a kill at any instant loses no more than the trials that were under way.
"""

import contextlib
import dataclasses
import math
import os
import platform
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from econml_cli.runs import resuming
from econml_cli.runs.directory import SWEEP
from econml_cli.sweeps.run.batches import BATCH, Batches, target_reached
from econml_cli.sweeps.run.directory import SweepDirectory
from econml_cli.sweeps.run.executor import Executor, Pool
from econml_cli.sweeps.run.plan import Plan, Watcher
from econml_cli.sweeps.run.programs import Programs
from econml_cli.sweeps.run.replicated import Replicated
from econml_cli.sweeps.spec.identity import METRIC, objectives
from econml_cli.sweeps.spec.replication import Replication
from econml_cli.sweeps.spec.schema import Sweep
from econml_cli.sweeps.study.study import Study
from econml_cli.sweeps.study.trials import Results

#: what a stop for lack of time is told as, where a signal has its number
TIME_IS_UP = 0


@dataclass(frozen=True)
class Outcome:
    """How a sweep stands when the engine stops.

    Attributes:
        signal: what stopped it early (0: --timeout), if anything did. reached: a trial is as good as `metric.target`.
    """

    results: Results
    signal: int | None
    reached: bool = False


def run(
    sweep: Sweep,
    directory: SweepDirectory,
    plan: Plan,
    *,
    watcher: Watcher | None = None,
    logged: Callable[[Path], None] = lambda run: None,
    stop_signal: Callable[[], int | None] = lambda: None,
    again: str = "the same call",
) -> Outcome:
    """Run a sweep until every point is tried, or something stops it.

    Args:
        directory: made before; this process holds its lock, unless plan.storage is given.
        logged: called with the directory of each run that is complete.
        stop_signal: asked all the time; a number stops the sweep after the running chunk, saved and resumable.
        again: what goes on with it, to be said where nothing can be written any more.

    Raises:
        ConfigError: another sweep was begun there. RunError, CheckpointError: nothing can be written any more.
    """
    with resuming.told(directory.path, SWEEP, again):
        return _run(sweep, directory, plan, watcher or Watcher(), logged, stop_signal)


def _run(
    sweep: Sweep,
    directory: SweepDirectory,
    plan: Plan,
    watcher: Watcher,
    logged: Callable[[Path], None],
    stop_signal: Callable[[], int | None],
) -> Outcome:
    study = Study.open(
        sweep,
        plan.storage or str(directory.journal),
        name=plan.study,
        seed=plan.seed,
        count=plan.count,
        batch=BATCH,
        alone=plan.storage is None,
        worker=f"{platform.node()}:{os.getpid()}",
        sampler=plan.sampler,
        start=plan.start,
    )
    if plan.retry_failed:
        study.retry_failed()
    watcher.begin(study)
    end = math.inf if plan.timeout is None else time.monotonic() + plan.timeout

    def stopped() -> int | None:
        signal = stop_signal()
        return signal if signal is not None else TIME_IS_UP if time.monotonic() > end else None

    with _heartbeat(study), _executor(sweep, plan, stopped) as single:
        executor = single if sweep.replication is None else _replicated(sweep, sweep.replication, single)
        Batches(sweep, directory, plan, study, executor, watcher, logged, stopped).run_all()
    results = dataclasses.replace(study.results(), directory=directory.path)
    left = any(trial.state in ("running", "waiting") for trial in results.trials)
    return Outcome(results, stopped() if left else None, target_reached(sweep, results))


def _replicated(sweep: Sweep, replication: Replication, single: Executor) -> Executor:
    metric = sweep.own_metric or METRIC
    return Replicated(single, replication, metric["name"], metric.get("goal", METRIC["goal"]))


@contextlib.contextmanager
def _executor(sweep: Sweep, plan: Plan, stopped: Callable[[], int | None]) -> Iterator[Executor]:
    """Whoever trains, told when to stop."""
    if sweep.target is None:
        others = [name for name, _ in objectives(sweep)[1:]]
        with Programs((sweep.own_metric or METRIC)["name"], plan.jobs or 1, stopped, others) as programs:
            yield programs
        return
    if plan.engine != "process":
        from econml_cli.training import compilation_cache
        from econml_cli.training.many.scheduler import Fits

        compilation_cache.enable()
        with Fits(plan.engine, stopped, plan.jobs, plan.devices) as fits:
            yield fits
        return
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
def _heartbeat(study: Study) -> Iterator[None]:
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
