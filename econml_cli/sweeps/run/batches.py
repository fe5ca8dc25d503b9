"""Batches of trials, one after the other: taken from the study, trained by the executor from rung to rung, told."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from econml_cli.errors import ConfigError, RunError
from econml_cli.runs.directory import Run
from econml_cli.storage.steps import steps
from econml_cli.sweeps.run.directory import SweepDirectory
from econml_cli.sweeps.run.executor import Executor
from econml_cli.sweeps.run.plan import Plan, Watcher
from econml_cli.sweeps.run.programs import requested
from econml_cli.sweeps.run.replicated import REASON, REPLICATES, Parts, came_to_nothing
from econml_cli.sweeps.spec.identity import METRIC, objectives
from econml_cli.sweeps.spec.replication import SHARE
from econml_cli.sweeps.spec.schema import Sweep
from econml_cli.sweeps.spec.trial_config import config_of
from econml_cli.sweeps.study.pruner import rungs
from econml_cli.sweeps.study.study import Study
from econml_cli.sweeps.study.trials import Results, Trial
from econml_cli.training.many.requests import Event, Request

#: trials that method bayes proposes from the same results; others are taken so many at a time
BATCH, MANY = 4, 32
#: seconds between two looks at a shared study whose last trials others are running
POLL = 2.0
#: seconds between two notes of how far a trial has come
NOTE = 20.0


def target_reached(sweep: Sweep, results: Results) -> bool:
    """Whether the best trial is as good as the file's `metric.target`."""
    metric: Mapping[str, Any] = sweep.metric or METRIC
    target, best = metric.get("target"), results.best()
    if target is None or best is None or best.value is None:
        return False
    return bool(best.value <= target if results.goal == "minimize" else best.value >= target)


class Batches:
    """Runs the trials of a study; see `engine.run` for the arguments."""

    def __init__(
        self,
        sweep: Sweep,
        directory: SweepDirectory,
        plan: Plan,
        study: Study,
        executor: Executor,
        watcher: Watcher,
        logged: Callable[[Path], None],
        stopped: Callable[[], int | None],
    ):
        self._sweep, self._directory, self._plan = sweep, directory, plan
        self._study, self._executor, self._watcher, self._logged, self._stopped = (
            study,
            executor,
            watcher,
            logged,
            stopped,
        )
        metric = sweep.metric or METRIC
        self._target = metric.get("target")
        self._impute = metric.get("impute", "worst")
        self._metric, self._goal = metric["name"], metric.get("goal", METRIC["goal"])
        self._replication = sweep.replication
        self._open: dict[int, Trial] = {}
        self._paused: dict[int, Mapping[str, float]] = {}
        self._noted: dict[int, float] = {}
        self._saved: dict[int, int] = {}

    def run_all(self) -> None:
        """Until there is nothing left to do, or a stop."""
        self._drop_others()
        try:
            while self._stopped() is None and not self._reached():
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

    def _reached(self) -> bool:
        """Whether a trial, of whichever worker, is as good as `metric.target`: then no more are begun."""
        return target_reached(self._sweep, self._study.results()) if self._target is not None else False

    def _size(self) -> int:
        """How many trials to take: few where others want some too."""
        jobs = self._plan.jobs or 1
        if self._plan.storage is not None:
            # fits of a batch share a program, and threads; a program that waits here could run with another worker
            return max(jobs, BATCH) if self._sweep.target else jobs
        each = len(self._replication.values) if self._replication else 1
        share = 1 if self._plan.devices is None else self._plan.devices.count
        return max(-(-MANY * share // each), 4 * jobs)  # method bayes gives no more than a batch

    def _run(self, trials: Sequence[Trial]) -> None:
        self._open, self._saved = {trial.number: trial for trial in trials}, {}
        self._watcher.started(trials)
        self._executor.add(self._requests(trials))
        # a program cannot be paused: it is judged as its values come
        for rung in rungs(self._sweep) if self._sweep.target else ():
            self._advance(rung)
            for number in sorted(self._paused):
                value = self._paused[number].get(self._metric)
                if value is not None and self._study.report(number, rung, value):
                    self._handle(self._executor.end(number, pruned=True))
            if not self._open or self._stopped() is not None:
                break
        self._advance(None)
        for trial in list(self._open.values()) if self._stopped() is None else ():
            self._fail(trial, "its fit ended without a result, which should not be possible: please report it")

    def _advance(self, until: int | None) -> None:
        self._paused = {}
        for event in self._executor.advance(until):
            self._handle(event)

    def _requests(self, trials: Sequence[Trial]) -> Iterator[Any]:
        for trial in trials:
            home = self._directory.run(trial.number)
            try:
                if self._replication is None:
                    yield self._request(trial, home, {})
                else:
                    parts = self._replication.parts()
                    yield Parts(trial.number, tuple(self._request(trial, home / label, more) for label, more in parts))
            except ConfigError as error:
                self._fail(trial, str(error))

    def _request(self, trial: Trial, place: Path, more: Mapping[str, Any]) -> Any:
        """One fit of a trial, whose own options are `more`; or one start of its program."""
        if self._sweep.target is None:
            return requested(self._sweep, trial.number, trial.params, place, more)
        config = config_of(self._sweep, {**trial.params, **more})
        manifest = {"name": self._sweep.name, "trial": trial.number, "params": {**trial.params, **more}}
        self._take_over(trial, place, manifest)
        saved = self._saved.get(trial.number, 0)
        self._saved[trial.number] = saved + max(steps(Run(place).checkpoints), default=0)
        return Request(trial.number, config, place, manifest, self._directory.path)

    def _take_over(self, trial: Trial, place: Path, manifest: Mapping[str, Any]) -> None:
        """Go on where a killed worker has left the point, if its run is here: several workers share the directory."""
        own = self._directory.run(trial.number)
        for number in () if place.exists() else self._study.lost(trial.index):
            left = Run(self._directory.run(number) / place.relative_to(own))
            with contextlib.suppress(OSError, RunError):
                if steps(left.checkpoints) and not left.in_training():
                    place.parent.mkdir(exist_ok=True)
                    left.path.rename(place)
                    Run(place).update_manifest(sweep=dict(manifest))
                    return

    def _note(self, event: Event) -> None:
        """Let the other workers know how far a trial has come: from the first how far it was saved, then now and then.

        A worker that is killed before it is time for a second note has still come further than the one before it.
        """
        now = time.monotonic()
        if event.kind == "begun" or now - self._noted.get(event.number, -math.inf) > NOTE:
            self._study.note(event.number, max(event.epoch, self._saved.get(event.number, 0)))
            self._noted[event.number] = now

    def _handle(self, event: Event) -> None:
        """Tell the study what has happened to a trial."""
        trial = self._open[event.number]
        if event.kind in ("begun", "progress", "paused"):
            self._note(event)
        self._watcher.progress(event)
        if event.kind == "progress" and self._sweep.target is None:
            if event.epoch in rungs(self._sweep):
                value = event.metrics[self._metric]
                if self._study.report(event.number, event.epoch, value):
                    self._handle(self._executor.end(event.number, pruned=True))
        elif event.kind == "paused":
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
            "metrics": {name: value for name, value in summary.items() if self._is_metric(name)},
            "run": str(self._directory.run(number)),
            **({"replicates": summary[REPLICATES]} if REPLICATES in summary else {}),
        }
        if reason == "interrupted":
            return  # stays open, and is released
        if REASON in summary:
            self._fail(trial, summary[REASON], **about)
            return
        if why := came_to_nothing(summary):
            self._fail(trial, why, **about)
            return
        if reason == "pruned":
            self._study.prune(number, f"pruned after {summary['epochs']} epochs", **about)
            self._close(trial, None, f"pruned after {summary['epochs']} epochs")
            return
        values = [summary.get(name) for name, _ in objectives(self._sweep)]
        told = [float(value) for value in values if isinstance(value, int | float)]
        if len(told) < len(values):
            lacking = next(n for (n, _), v in zip(objectives(self._sweep), values, strict=True) if not _is_number(v))
            there = ", ".join(name for name in summary if self._is_metric(name)) or "none"
            self._fail(trial, f"it has no metric '{lacking}' (it has {there})", **about)
            return
        if not self._study.complete(number, *told, **about):  # it took so long that we were taken for dead
            self._close(trial, None, "another worker has taken it over")
            return
        self._close(trial, told[0], None)
        self._drop_others()

    def _is_metric(self, name: str) -> bool:
        """Of a fit the losses; of a program all numbers that it has logged."""
        if self._sweep.target is None:
            other = ("stop_reason", "epochs", "seconds_training", REPLICATES, REASON)
            return not name.startswith("_") and name not in other
        return name.endswith("_loss") or name == SHARE or name in dict(objectives(self._sweep))

    def _fail(self, trial: Trial, reason: str, **about: Any) -> None:
        if self._impute != "worst" and (seen := self._seen(trial)):
            about["seen"] = seen
        self._study.fail(trial.number, reason, **about)
        self._close(trial, None, reason)

    def _seen(self, trial: Trial) -> dict[str, float]:
        """The best and the latest value of the metric that a failed trial has had, for `metric.impute`."""
        try:
            rows = Run(self._directory.run(trial.number)).metrics()
        except (RunError, OSError):
            return {}
        values = [row[self._metric] for row in rows if isinstance(row.get(self._metric), int | float)]
        values = [float(value) for value in values if math.isfinite(value)]
        best = min if self._goal == "minimize" else max
        return {"best": best(values), "latest": values[-1]} if values else {}

    def _close(self, trial: Trial, value: float | None, reason: str | None) -> None:
        del self._open[trial.number]
        self._paused.pop(trial.number, None)
        if value is None and self._plan.keep != "all":
            self._directory.drop_checkpoints(trial.number)
        self._watcher.ended(trial, value, reason)
        home = self._directory.run(trial.number)
        labels = (label for label, _ in self._replication.parts()) if self._replication else (".",)
        for run in (home / label for label in labels) if self._sweep.target else ():
            if (run / "summary.json").exists():
                self._logged(run)

    def _drop_others(self) -> None:
        """Of trials that are not among the best of the study, whoever ran them, remove the checkpoints: the record
        stays."""
        if self._plan.keep == "all":
            return
        results = self._study.results()
        for trial in results.ranked()[max(self._plan.keep, len(results.front())) :]:
            self._directory.drop_checkpoints(trial.number)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)
