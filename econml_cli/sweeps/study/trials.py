"""What a sweep has done: its trials, as every engine records them and every table shows them. Imports nothing heavy."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

State = Literal["complete", "pruned", "failed", "running", "waiting"]
Goal = Literal["minimize", "maximize"]


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


@dataclass(frozen=True)
class Results:
    """A sweep and all its trials, by number.

    Attributes:
        name: of the sweep. directory: where its runs are; None where nobody said.
        method: bayes, random or grid. metric: what is optimised, and its goal.
        varied: the names of the parameters that are not constant, in the order of the file.
        count: how many points the sweep is to try.
    """

    name: str
    method: str
    metric: str
    goal: Goal
    varied: tuple[str, ...]
    count: int
    trials: tuple[Trial, ...]
    directory: Path | None = None

    def ranked(self) -> tuple[Trial, ...]:
        """The complete trials with a value, best first (equal ones by number)."""
        sign = 1 if self.goal == "minimize" else -1
        done = [trial for trial in self.trials if trial.state == "complete" and trial.value is not None]
        return tuple(sorted(done, key=lambda trial: (sign * (trial.value or 0.0), trial.number)))

    def current(self) -> tuple[Trial, ...]:
        """Of each point its last trial: earlier ones were lost with their workers, or failed and were tried again."""
        last = {trial.index: trial for trial in sorted(self.trials, key=lambda trial: trial.number)}
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

    def best(self) -> Trial | None:
        """The best complete trial: the value of a pruned one is of fewer epochs."""
        return next(iter(self.ranked()), None)
