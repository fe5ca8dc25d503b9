"""What a proposal may know: the results told so far, and the points that are being tried. Imports nothing heavy."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from econml_cli.sweeps.study.assignment import REUSES, Assignments, Entry, standing


@dataclass(frozen=True)
class History:
    """Settled trials, one for each point, those of other sweeps first, and those that others have: each has its point.

    A proposal is a function of it, of the seed and of the index. `text` is kept with each proposal, so that anybody can
    make it again: `again`.
    """

    known: tuple[Entry, ...]
    pending: tuple[Entry, ...]

    @classmethod
    def read(cls, assignments: Assignments, number: int, before: int | None) -> "History":
        """What the trial of this number may know.

        Args:
            before: results of points from this index on are not looked at, and are pending; None: all that are told.
        """
        known, pending = [], []
        for index, entries in assignments.points(assignments.fresh).items():
            last = entries[-1] if entries else None
            if last is None or last.number == number or "point" not in last.trial.user_attrs:
                continue
            if standing(entries) == "settled" and (before is None or index < before):
                known.append(next((entry for entry in entries if entry.standing == "settled"), last))
            elif last.number < number:
                pending.append(last)
        reused = {entry.trial.user_attrs.get(REUSES) for entry in known}
        before_us = [entry for entry in assignments.given(number) if entry.number not in reused]
        # one that takes the result of another sweep is known by that
        pending = [entry for entry in pending if REUSES not in entry.trial.user_attrs]
        return cls((*before_us, *known), tuple(pending))

    @classmethod
    def again(cls, assignments: Assignments, text: Mapping[str, str]) -> "History":
        """The history that `text` was made from."""
        return cls(*(tuple(assignments[n] for n in _numbers(text[key])) for key in ("known", "pending")))

    def text(self) -> dict[str, str]:
        """The numbers of the trials, such as {"known": "0-7,9", "pending": "8"}."""
        return {"known": _ranges(e.number for e in self.known), "pending": _ranges(e.number for e in self.pending)}

    def losses(self, goal: str, impute: str, running: str | None, place: int = 0) -> "Losses":
        """The points with what is to be minimised.

        Args:
            place: of the metric among several; of others than the first a trial has its value at the end only.
            impute: what a failed trial counts as: worst (of all that are known), or the best or latest value that it
                has had itself. running: the same for trials that run and have reported a value; None: they are pending.
        """
        sign = 1.0 if goal == "minimize" else -1.0
        told = [value for entry in self.known if (value := _value(entry, place)) is not None]
        worst = max((sign * value for value in told), default=0.0)
        points = [
            (entry.trial.params, worst if (v := _value(entry, place, impute, goal)) is None else sign * v)
            for entry in self.known
        ]
        waiting = []
        for entry in self.pending:
            seen = _seen(entry, running or "worst", goal)
            if running is None or (seen is None and not entry.trial.intermediate_values):
                waiting.append(entry.trial.params)
            else:
                points.append((entry.trial.params, worst if seen is None else sign * seen))
        return Losses(points, waiting)


@dataclass(frozen=True)
class Losses:
    """points: (Optuna's parameters, what is to be minimised). waiting: parameters of which no value is known."""

    points: Sequence[tuple[Mapping[str, Any], float]]
    waiting: Sequence[Mapping[str, Any]]

    def filled(self, usual: Mapping[str, Any]) -> "Losses":
        """The same, where a point has the usual values of the parameters that do not apply to it."""
        points = [({**usual, **params}, value) for params, value in self.points]
        return Losses(points, [{**usual, **params} for params in self.waiting])


def _value(entry: Entry, place: int, impute: str = "worst", goal: str = "minimize") -> float | None:
    """The value of a settled trial; of a failed one what it is imputed from, None for the worst of all."""
    if entry.trial.values and entry.trial.state.name != "FAIL":
        return float(entry.trial.values[place]) if math.isfinite(entry.trial.values[place]) else None
    return _seen(entry, impute, goal) if place == 0 else None


def _seen(entry: Entry, impute: str, goal: str) -> float | None:
    """The best or latest value that a trial has had itself."""
    if impute == "worst":
        return None
    told = entry.trial.user_attrs.get("about", {}).get("seen", {})
    if impute in told:
        return float(told[impute])
    reported = [v for _, v in sorted(entry.trial.intermediate_values.items()) if math.isfinite(v)]
    if not reported:
        return None
    return float(reported[-1] if impute == "latest" else min(reported) if goal == "minimize" else max(reported))


def together(each: Sequence[Losses], weights: Sequence[float]) -> Losses:
    """Several metrics as one, by the augmented Chebyshev function of their shares of the range of each (Knowles 2006,
    ParEGO, https://doi.org/10.1109/TEVC.2005.851274): where on the Pareto front its least is depends on the weights."""
    shares = []
    for losses in each:
        values = [value for _, value in losses.points]
        low, high = min(values, default=0.0), max(values, default=0.0)
        shares.append([(value - low) / (high - low) if high > low else 0.0 for value in values])
    found = []
    for (params, _), row in zip(each[0].points, zip(*shares, strict=True), strict=True):
        parts = [weight * share for weight, share in zip(weights, row, strict=True)]
        found.append((params, max(parts) + 0.05 * sum(parts)))
    return Losses(found, each[0].waiting)


def _ranges(numbers: Iterable[int]) -> str:
    runs: list[list[int]] = []
    for n in sorted(numbers):
        if runs and runs[-1][-1] == n - 1:
            runs[-1][-1] = n
        else:
            runs.append([n, n])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def _numbers(text: str) -> list[int]:
    ends = [part.partition("-") for part in text.split(",") if part]
    return [n for a, _, b in ends for n in range(int(a), int(b or a) + 1)]
