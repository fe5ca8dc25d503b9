"""What a sweep has done: its trials, as every engine records them and every table shows them. Imports nothing heavy."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

State = Literal["complete", "pruned", "failed", "running", "waiting"]
Goal = Literal["minimize", "maximize"]


@dataclass(frozen=True)
class Replicates:
    """The fits of one point.

    Attributes:
        metric: what `values` are of. labels: names of the fits, which are those of their run directories.
        values: the metric of each; None where it came to nothing. passed: whether it did not, and no verdict failed.
        size: weights of the model.
    """

    metric: str
    labels: Sequence[str]
    values: Sequence[float | None]
    passed: Sequence[bool]
    size: int | None = None

    @property
    def share(self) -> float:
        """The share that passed."""
        return sum(self.passed) / len(self.passed)

    def finite(self) -> list[float]:
        """The values that there are."""
        return [value for value in self.values if value is not None]

    def sd(self) -> float | None:
        """Standard deviation (n - 1) of the values that there are; None of fewer than two."""
        there = self.finite()
        return statistics.stdev(there) if len(there) > 1 else None

    def standard_error(self) -> float | None:
        """Of the mean, as if the fits were independent: seeds are, folds share training rows."""
        sd = self.sd()
        return None if sd is None else sd / math.sqrt(len(self.finite()))

    def quantile(self, level: float, goal: str) -> float | None:
        """A quantile of all values, what came to nothing being worse than all others; None where it lies there."""
        worst = math.inf if goal == "minimize" else -math.inf
        ordered = sorted(worst if value is None else value for value in self.values)
        place = level * (len(ordered) - 1)
        below, above = ordered[math.floor(place)], ordered[math.ceil(place)]
        found = below if below == above else below + (place - math.floor(place)) * (above - below)
        return found if math.isfinite(found) else None


@dataclass(frozen=True)
class Trial:
    """One trial: a point of the space and what came of it.

    Attributes:
        number: 0, 1, ... in the order in which trials were made; names the run directory.
        index: which point of the sweep it is; a trial made again after a failure has the same index, another number.
        params: {dotted name: value}, values as the types of the options; constants of the sweep are among them.
        value: the metric, in its own sign; None where the fit did not end (or ended without it).
        reason: why it failed or was pruned, in one sentence.
        epochs, seconds: trained. metrics: train_loss, val_loss, test_loss, ... of the run's summary.
        rungs: {epoch: the metric there}, where early_terminate has compared it with others.
        run: the run directory. worker: who has it, or had it.
        started, finished: ISO 8601, UTC.
        replicates: its fits, where it is more than one.
        origin: the trial of another sweep that it is (then its index is -1), or whose result it has.
    """

    number: int
    index: int
    state: State
    params: Mapping[str, Any]
    value: float | None = None
    reason: str | None = None
    epochs: int | None = None
    seconds: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    rungs: Mapping[int, float] = field(default_factory=dict)
    run: str | None = None
    worker: str | None = None
    started: str | None = None
    finished: str | None = None
    replicates: Replicates | None = None
    origin: str | None = None


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Whether losses are nowhere above others, and somewhere below."""
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


@dataclass(frozen=True)
class Results:
    """A sweep and all its trials, by number.

    Attributes:
        name: of the sweep. directory: where its runs are; None where nobody said.
        method: bayes, random or grid. metric: what is optimised, and its goal.
        varied: the names of the parameters that are not constant, in the order of the file.
        count: how many points the sweep is to try.
        objectives: (name, goal) of each metric, the first of which is `metric`; () where there is no other.
        replication: what each point is trained over ({"option", "values", "aggregate", "fixed"}); None: one fit.
    """

    name: str
    method: str
    metric: str
    goal: Goal
    varied: tuple[str, ...]
    count: int
    trials: tuple[Trial, ...]
    directory: Path | None = None
    replication: Mapping[str, Any] | None = None
    objectives: tuple[tuple[str, Goal], ...] = ()

    def ranked(self) -> tuple[Trial, ...]:
        """The complete trials with a value, best first (equal ones by number); of several metrics the Pareto front by
        the first of them, and then the others so."""
        sign = 1 if self.goal == "minimize" else -1
        done = [trial for trial in self.trials if trial.state == "complete" and trial.value is not None]
        front = {trial.number for trial in self.front()}
        return tuple(sorted(done, key=lambda t: (t.number not in front, sign * (t.value or 0.0), t.number)))

    def losses(self, trial: Trial) -> tuple[float, ...]:
        """What is to be minimised, of each metric; () where the trial is not complete, or has not all of them."""
        had = {**trial.metrics, self.metric: trial.value}
        names = self.objectives or ((self.metric, self.goal),)
        found = [(1 if goal == "minimize" else -1, had.get(name)) for name, goal in names]
        if trial.state != "complete" or any(value is None for _, value in found):
            return ()
        return tuple(sign * value for sign, value in found if value is not None)

    def front(self) -> tuple[Trial, ...]:
        """Of several metrics the Pareto front, by the first of them: no other trial is as good in all of them and
        better in one. () where there is one metric."""
        if not self.objectives:
            return ()
        done = [(found, trial) for trial in self.trials if (found := self.losses(trial))]
        front: list[tuple[tuple[float, ...], Trial]] = []
        for mine, trial in sorted(done, key=lambda each: (each[0], each[1].number)):  # whoever is better stands before
            if not any(_beats(other, mine) for other, _ in front):
                front.append((mine, trial))
        return tuple(trial for _, trial in front)

    @property
    def own(self) -> tuple[Trial, ...]:
        """The trials without those that other sweeps have run."""
        return tuple(trial for trial in self.trials if trial.index >= 0)

    def current(self) -> tuple[Trial, ...]:
        """Of each point its last trial: earlier ones were lost with their workers, or failed and were tried again."""
        last = {trial.index: trial for trial in sorted(self.own, key=lambda trial: trial.number)}
        return tuple(last.values())

    def failures(self) -> tuple[Trial, ...]:
        """Of each point that has come to nothing so far, its last trial."""
        return tuple(trial for trial in self.current() if trial.state == "failed")

    def cut_short(self) -> Trial | None:
        """The pruned trial whose last value is better than the best complete trial's, if there is one (the best)."""
        sign, best = (1 if self.goal == "minimize" else -1), self.best()
        pruned = [t for t in self.trials if t.state == "pruned" and t.value is not None and math.isfinite(t.value)]
        first = min(pruned, key=lambda trial: (sign * (trial.value or 0.0), trial.number), default=None)
        if first is None or best is None or sign * (first.value or 0.0) >= sign * (best.value or 0.0):
            return None
        return first

    def within_one_error(self) -> tuple[Trial, ...]:
        """The trials whose mean is at most one standard error of the best trial's from it, the smallest model first
        (equal ones by value): the one-standard-error rule (Breiman, Friedman, Olshen and Stone 1984, section 3.4.3)
        takes the first. () where the metric is no mean over several fits.
        """
        best, about = self.best(), self.replication or {}
        error = best.replicates.standard_error() if best is not None and best.replicates else None
        if best is None or error is None or about.get("aggregate") != "mean":
            return ()
        near = [trial for trial in self.ranked() if abs((trial.value or 0.0) - (best.value or 0.0)) <= error]
        size = {trial.number: (trial.replicates and trial.replicates.size) or math.inf for trial in near}
        return tuple(sorted(near, key=lambda trial: size[trial.number]))  # stable: equal sizes stay ranked

    def best(self) -> Trial | None:
        """The best complete trial: the value of a pruned one is of fewer epochs."""
        return next(iter(self.ranked()), None)
