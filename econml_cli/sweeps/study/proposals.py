"""Which point a trial is to try. Imports Optuna: import this module inside functions only.

No sampler of Optuna's draws the points of random and grid: a RandomSampler in every worker would repeat the draws of
the others, GridSampler can give one point to two workers. Ours are a function of the index; those of bayes also of the
results that the trial's history names.
"""

import hashlib
import math
import warnings
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution

from econml_cli.sweeps.spec.identity import METRIC, objectives
from econml_cli.sweeps.spec.schema import Sweep
from econml_cli.sweeps.spec.space import Point, shuffled_by, uniform
from econml_cli.sweeps.study import gp_search
from econml_cli.sweeps.study.history import History, Losses, together
from econml_cli.sweeps.study.optuna_axes import Axis

#: points of method bayes that are spread over the space before anything is learned: a Latin hypercube
STARTUP = 8


@dataclass(frozen=True)
class Proposal:
    """A point: as Optuna knows it (the axes' parameters), and as the user does (typed, constants included)."""

    params: dict[str, Any]
    point: Point


@dataclass(frozen=True)
class Proposer:
    """The points of one sweep.

    Attributes:
        sampler: of method bayes: gp, tpe, qmc, random. batch: how many trials it proposes from the same results.
        grid: the points of method grid, shuffled.
        first: points (or parts of points) that are tried first. startup: points that are spread over the space.
    """

    sweep: Sweep
    axes: tuple[Axis, ...]
    seed: int
    batch: int
    sampler: str
    grid: "Remembered"
    first: Sequence[Point] = ()
    startup: int = STARTUP
    fit: gp_search.LastFit = field(default_factory=gp_search.LastFit)

    @property
    def learns(self) -> bool:
        """Whether points depend on results."""
        return self.sweep.method == "bayes" and self.sampler in ("gp", "tpe")

    def begins(self, index: int) -> int:
        """The first index of the batch that an index belongs to; a batch knows the results before it."""
        ends = max(self.startup, len(self.first))
        return 0 if index < ends else ends + (index - ends) // self.batch * self.batch

    def ends(self, index: int) -> int:
        """The first index after that batch."""
        ends = max(self.startup, len(self.first))
        return ends if index < ends else self.begins(index) + self.batch

    def propose(self, index: int, history: History) -> Proposal:
        """The point of an index: what `econml sweep sample` prints, or what the sampler makes of the history.

        Raises:
            ConfigError: a value that its option does not take.
        """
        if self.sweep.method == "grid":
            return self._placed(self.grid[index], self._draw(index))
        if index < len(self.first):
            return self._given(index)
        if self.sweep.method != "bayes" or self.sampler == "random":
            return self._placed(self.sweep.space.point(self.seed, index), self._draw(index))
        if self.sampler == "qmc":
            return self._at(self._sobol(index))
        metric = self.sweep.metric or METRIC
        running = metric.get("impute_while_running")
        impute, running = metric.get("impute", "worst"), None if running == "false" else running
        goals = [goal for _, goal in objectives(self.sweep)]
        if len(goals) > 1:
            losses = together(
                [history.losses(goal, impute, None, i) for i, goal in enumerate(goals)], self._weights(index)
            )
        else:
            losses = history.losses(goals[0], impute, running)
        if index < self.startup or not losses.points:
            return self._at(self._spread(index))
        return self._learned(index, losses)

    def _weights(self, index: int) -> Sequence[float]:
        """Of several metrics: uniform among those that add up to one, other ones for each index."""
        draws = [-math.log(uniform(f"{self.seed}/{index}/metric {i}")) for i in range(len(self.sweep.metrics))]
        return [draw / math.fsum(draws) for draw in draws]

    def _given(self, index: int) -> Proposal:
        """A point that was asked for; what it leaves open is drawn."""
        given = self.first[index]
        point = self.sweep.space.relevant({**self.sweep.space.draw(self.seed, index), **given})
        drawn = self._placed(point, self._draw(index), given)
        found = {
            axis.name: axis.find(given[axis.name]) for axis in self.axes if axis.name in given and axis.name in point
        }
        return Proposal(drawn.params | found, drawn.point)

    def _draw(self, index: int) -> dict[str, float]:
        """The u of Space.point."""
        return {axis.name: uniform(f"{self.seed}/{index}/{axis.name}") for axis in self.axes}

    def _spread(self, index: int) -> dict[str, float]:
        """One of `STARTUP` points, of which each parameter has one in each of as many equal parts of its range."""
        within = self._draw(index)
        lap, place = divmod(index, STARTUP)
        parts = {name: shuffled_by(f"{self.seed}/{lap}/{name}", STARTUP)[place] for name in within}
        return {name: (parts[name] + within[name]) / STARTUP for name in within}

    def _sobol(self, index: int) -> dict[str, float]:
        """A point of Sobol's sequence, shifted at random."""
        from scipy.stats.qmc import Sobol

        sequence = Sobol(len(self.axes), scramble=False)
        row = (sequence.fast_forward(index) if index else sequence).random(1)[0]
        shifts = [uniform(f"{self.seed}/sobol/{axis.name}") for axis in self.axes]
        found = [float((u + shift) % 1.0) for u, shift in zip(row, shifts, strict=True)]
        return {axis.name: min(max(u, 2.0**-53), 1 - 2.0**-53) for axis, u in zip(self.axes, found, strict=True)}

    def _at(self, us: Mapping[str, float]) -> Proposal:
        """The point at quantiles."""
        point = {p.name: p.quantile(us.get(p.name, 0.5)) for p in self.sweep.space.parameters}
        return self._placed(self.sweep.space.relevant(point), us)

    def _placed(self, point: Point, us: Mapping[str, float], found: Container[str] = ()) -> Proposal:
        """The point with the parameters that Optuna would have had to draw for it; those `found` otherwise left out."""
        there = [axis for axis in self.axes if axis.name in point and axis.name not in found]
        params = {axis.name: axis.known_as(point[axis.name], us[axis.name]) for axis in there}
        return Proposal(params, self.sweep.typed(point))

    @cached_property
    def _usual(self) -> Point:
        """The middle of the space."""
        return {p.name: p.quantile(0.5) for p in self.sweep.space.parameters}

    @cached_property
    def _middle(self) -> dict[str, Any]:
        """It as Optuna's parameters: they stand for those that do not apply to a point."""
        return {axis.name: axis.known_as(self._usual[axis.name], 0.5) for axis in self.axes}

    def _settled(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Optuna's parameters of a point, the usual ones where they do not apply to it."""
        values = self._usual | {axis.name: axis.value(params[axis.name]) for axis in self.axes if axis.name in params}
        there = self.sweep.space.relevant(values)
        return {name: params[name] if name in there else self._middle[name] for name in params}

    def _learned(self, index: int, losses: Losses) -> Proposal:
        """With a sampler for each index: the seed, the index and the history decide, nothing else does."""
        if self.sweep.space.conditional:
            losses = losses.filled(self._middle)
        several = {axis.name: axis.distribution for axis in self.axes if not axis.distribution.single()}
        digest = hashlib.sha256(f"{self.seed}/{index}/{self.sampler}".encode()).digest()
        seed = int.from_bytes(digest[:4])
        if not several:  # there is one point
            found: dict[str, Any] = {}
        elif self.sampler == "gp":
            rng = np.random.default_rng(seed)
            settled = self._settled if self.sweep.space.conditional else None
            found = gp_search.propose(several, losses.points, losses.waiting, rng, self.fit, settled)
        else:
            found = _tpe(several, losses, seed)
        values = {axis.name: axis.value(found[axis.name]) for axis in self.axes if axis.name in found}
        point = {p.name: values[p.name] if p.name in values else p.quantile(0.5) for p in self.sweep.space.parameters}
        return self._placed(
            self.sweep.space.relevant(point), {axis.name: found.get(axis.name, 0.5) for axis in self.axes}
        )


def _tpe(space: Mapping[str, BaseDistribution], losses: Losses, seed: int) -> dict[str, Any]:
    """Optuna's TPE, which is shown a study of just these trials: failed ones with the value that they count as."""
    from optuna import create_study
    from optuna.samplers import TPESampler
    from optuna.trial import TrialState, create_trial

    def shown(params: Mapping[str, Any], value: float | None) -> Any:
        state = TrialState.RUNNING if value is None else TrialState.COMPLETE
        known = {name: params[name] for name in space}
        return create_trial(state=state, params=known, distributions=dict(space), value=value)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "experimental", in some versions
        sampler = TPESampler(n_startup_trials=1, multivariate=True, constant_liar=True, seed=seed)
        study = create_study(sampler=sampler)
        study.add_trials([shown(params, value) for params, value in losses.points])
        study.add_trials([shown(params, None) for params in losses.waiting])
        study.add_trial(create_trial(state=TrialState.RUNNING))  # the one that asks
        return sampler.sample_relative(study, study.get_trials(deepcopy=False)[-1], dict(space))


class Remembered:
    """A sequence made of an iterator, which is read only as far as somebody has asked: a grid can be enormous."""

    def __init__(self, items: Iterator[Point]):
        self._items = items
        self._read: list[Point] = []

    def __getitem__(self, index: int) -> Point:
        while len(self._read) <= index:
            self._read.append(next(self._items))
        return self._read[index]
