"""Trials of several fits each: what an executor says of the fits, told as if each trial were one."""

import contextlib
import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from econml_cli.errors import RunError
from econml_cli.runs.directory import ENDED, Run
from econml_cli.sweeps.run.executor import Executor
from econml_cli.sweeps.spec.replication import SHARE, Replication, aggregated
from econml_cli.training.many.requests import Event, Request

#: what a trial's summary says of its fits, and why it came to nothing
REPLICATES, REASON = "replicates", "came_to_nothing"


@dataclass(frozen=True)
class Parts:
    """One trial: a request for each of its fits, whose numbers are those of the fits within the trial."""

    number: int
    requests: tuple[Any, ...]


@dataclass(eq=False)
class _Trial:
    """How far the fits of one trial have come, by their place in it."""

    count: int
    begun: bool = False
    epoch: dict[int, int] = field(default_factory=dict)
    paused: dict[int, Mapping[str, float]] = field(default_factory=dict)
    over: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    interrupted: bool = False

    @property
    def settled(self) -> int:
        return len(self.over) + len(self.failed)


class Replicated:
    """An `Executor` of `Parts`, on one of single fits, which trains them side by side as it does trials.

    A trial is paused when all its fits are, and ended when all of them have. Fits that an interrupted attempt has
    brought to their end are not made again.
    """

    def __init__(self, executor: Executor, replication: Replication, metric: str, goal: str):
        self._executor, self._replication, self._metric = executor, replication, metric
        self._worst = math.inf if goal == "minimize" else -math.inf
        self._trials: dict[int, _Trial] = {}

    @property
    def _each(self) -> int:
        return len(self._replication.values)

    def add(self, requests: Iterable[Any]) -> None:
        """As `Executor`; of `Parts`."""
        fits = []
        for parts in requests:
            trial = self._trials[parts.number] = _Trial(len(parts.requests))
            for place, request in enumerate(parts.requests):
                done = _ended(request)
                if done is not None:
                    self._over(trial, place, done)
                else:
                    fits.append(dataclasses.replace(request, number=parts.number * self._each + place))
        self._executor.add(fits)

    def advance(self, until: int | None = None) -> Iterator[Event]:
        """As `Executor`."""
        for trial in self._trials.values():
            trial.paused.clear()
        for event in self._executor.advance(until):
            yield from self._heard(event)
        for number, trial in list(self._trials.items()):
            if trial.settled == trial.count:
                yield self._end(number)
            elif trial.settled + len(trial.paused) == trial.count:
                yield Event(number, "paused", until or 0, self._so_far(trial))

    def end(self, number: int, *, signal: int | None = None, pruned: bool = False) -> Event:
        """As `Executor`: all fits that have not ended."""
        trial = self._trials[number]
        for place in [p for p in range(trial.count) if p not in trial.over and p not in trial.failed]:
            event = self._executor.end(number * self._each + place, signal=signal, pruned=pruned)
            self._over(trial, place, event.summary or {})
        return self._end(number, "pruned" if pruned else "interrupted")

    def _heard(self, event: Event) -> Iterator[Event]:
        number, place = divmod(event.number, self._each)
        if (trial := self._trials.get(number)) is None:
            return
        if event.kind == "begun":
            if not trial.begun:
                trial.begun = True
                yield Event(number, "begun")
        elif event.kind in ("progress", "paused"):
            trial.epoch[place] = event.epoch
            if event.kind == "paused":
                trial.paused[place] = event.metrics
            else:
                yield Event(number, "progress", min(trial.epoch.values()), event.metrics)
        elif event.kind == "failed":
            trial.failed[place] = event.reason or "it failed"
        else:
            self._over(trial, place, event.summary or {})
        if trial.settled == trial.count and not trial.interrupted:
            yield self._end(number)

    def _over(self, trial: _Trial, place: int, summary: Mapping[str, Any]) -> None:
        """A fit has ended: well, or as one that came to nothing."""
        if summary.get("stop_reason") == "interrupted":
            trial.interrupted = True
        elif why := came_to_nothing(summary):
            trial.failed[place] = why
        else:
            trial.over[place] = summary

    def _so_far(self, trial: _Trial) -> dict[str, float]:
        """The metrics where all fits are now."""
        rows = [trial.over.get(place) or trial.paused.get(place) or {} for place in range(trial.count)]
        values = [self._value(row) for row in rows]
        return {self._metric: self._replication.of(values, [math.isfinite(value) for value in values])}

    def _value(self, row: Mapping[str, Any]) -> float:
        found = row.get(self._metric)
        there = isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found)
        return float(found) if there and found is not None else self._worst

    def _end(self, number: int, reason: str | None = None) -> Event:
        trial = self._trials.pop(number)
        summary = self._summary(trial, reason)
        return Event(number, "ended", summary["epochs"], {}, summary)

    def _summary(self, trial: _Trial, reason: str | None) -> dict[str, Any]:
        """As the summary of a fit: numbers are aggregated over the fits that have them."""
        rows = [trial.over.get(place, {}) for place in range(trial.count)]
        values, passed = [self._value(row) for row in rows], [_passed(row) for row in rows]
        how = "mean" if self._replication.aggregate == "share" else self._replication.aggregate
        names = dict.fromkeys(name for row in rows for name in row if name not in ("epochs", "seconds_training"))
        found: dict[str, Any] = {}
        for name in names:
            there = [row[name] for row in rows if _is_number(row.get(name))]
            if there and len(there) == len(trial.over):
                found[name] = aggregated(there, how)
        done = [int(row["epochs"]) for row in rows if "epochs" in row]
        seconds = sum(float(row.get("seconds_training", 0.0)) for row in rows)
        found |= {
            "epochs": max(done, default=0),
            "seconds_training": round(seconds, 3),
            "stop_reason": reason or "max_epochs",
            SHARE: sum(passed) / len(passed),
            REPLICATES: {
                "metric": self._metric,
                "labels": [self._replication.label(value) for value in self._replication.values],
                "values": [value if math.isfinite(value) else None for value in values],
                "passed": passed,
                "size": next((row["num_params"] for row in rows if "num_params" in row), None),
            },
        }
        if self._replication.aggregate != "share":
            overall = self._replication.of(values, passed)
            found[self._metric] = overall
            if not math.isfinite(overall) and reason is None:
                found[REASON] = self._reason(trial)
        elif not trial.over and reason is None and trial.count == len(trial.failed):
            # none could even be trained: the share is 0, and everybody should hear why
            found[REASON] = self._reason(trial)
        return found

    def _reason(self, trial: _Trial) -> str:
        """Why a trial has no value."""
        if not trial.failed:
            there = next(iter(trial.over.values()), {})
            names = ", ".join(name for name in there if name.endswith("_loss")) or "none"
            return f"its fits have no metric '{self._metric}' (they have {names})"
        place, why = min(trial.failed.items())
        label = self._replication.label(self._replication.values[place])
        return f"{len(trial.failed)} of its {self._replication.noun} came to nothing; {label}: {why}"


def _ended(request: Any) -> Mapping[str, Any] | None:
    """The summary of a fit that an earlier attempt at the trial has brought to its end."""
    if not isinstance(request, Request):
        return None
    run = Run(request.directory)
    with contextlib.suppress(RunError, OSError):
        there = (run.path / "manifest.json").is_file() and run.status() in (*ENDED, "diverged")
        if there and run.config() == request.config and (found := run.summary()):
            return found
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _passed(summary: Mapping[str, Any]) -> bool:
    """Whether a fit came to its end and no verdict on it failed."""
    return bool(summary) and not any(
        name.startswith("verdict_") and value == "FAILED" for name, value in summary.items()
    )


def came_to_nothing(summary: Mapping[str, Any]) -> str | None:
    """Why a fit that has ended by itself counts as failed; None where it does not."""
    if summary.get("stop_reason") == "diverged":
        return f"diverged in epoch {summary['diverged_epoch']}"
    if summary.get("verdict_stability") == "FAILED":  # its loss may be the smallest of all
        return f"FAILED: {summary.get('failed', 'stability')}"
    return None
