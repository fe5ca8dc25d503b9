"""Which point a trial is to try. Imports Optuna: import this module inside functions only.

No sampler of Optuna's draws the points of random and grid: a RandomSampler in every worker would repeat the draws of
the others, GridSampler can give one point to two workers. Ours are a function of the index.
"""

import hashlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from optuna import Study
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState

from econml_cli.sweeps.spec.schema import Sweep
from econml_cli.sweeps.spec.space import Point, uniform
from econml_cli.sweeps.study.optuna_axes import Axis

#: points drawn at random before TPE has something to learn from (Optuna's own default)
STARTUP = 10


@dataclass(frozen=True)
class Proposal:
    """A point: as Optuna knows it (the axes' parameters), and as the user does (typed, constants included)."""

    params: dict[str, Any]
    point: Point


@dataclass(frozen=True)
class Proposer:
    """The points of one sweep.

    Attributes:
        batch: how many trials are proposed together.
        study: where method bayes finds what is known so far.
        grid: the points of method grid, shuffled.
    """

    sweep: Sweep
    axes: tuple[Axis, ...]
    seed: int
    batch: int
    study: Study
    grid: "Remembered"

    def propose(self, trial: FrozenTrial, index: int) -> Proposal:
        """The point of an index: what `econml sweep sample` prints, or what TPE makes of the trials so far.

        Raises:
            ConfigError: a value that its option does not take.
        """
        if self.sweep.method == "grid":
            return self._placed(self.grid[index], index)
        if self.sweep.method == "bayes" and self._experience() >= max(self.batch, STARTUP):
            return self._improved(trial, index)
        return self._placed(self.sweep.space.point(self.seed, index), index)

    def _placed(self, point: Point, index: int) -> Proposal:
        """The point with the parameters that Optuna would have had to draw for it."""
        # the u of Space.point
        us = {axis.name: uniform(f"{self.seed}/{index}/{axis.name}") for axis in self.axes}
        params = {axis.name: axis.known_as(point[axis.name], us[axis.name]) for axis in self.axes}
        return Proposal(params, self.sweep.typed(point))

    def _experience(self) -> int:
        told = (TrialState.COMPLETE, TrialState.PRUNED)
        return len(self.study.get_trials(deepcopy=False, states=told))

    def _improved(self, trial: FrozenTrial, index: int) -> Proposal:
        """TPE, with a sampler for each index: the seed, the index and the history decide, nothing else does."""
        digest = hashlib.sha256(f"{self.seed}/{index}/tpe".encode()).digest()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "experimental", in some versions
            sampler = TPESampler(
                n_startup_trials=1, multivariate=True, constant_liar=True, seed=int.from_bytes(digest[:4])
            )
            several = {axis.name: axis.distribution for axis in self.axes if not axis.distribution.single()}
            found = sampler.sample_relative(self.study, trial, several)
        values = {axis.name: axis.value(found[axis.name]) for axis in self.axes if axis.name in found}
        point = {p.name: values[p.name] if p.name in values else p.quantile(0.5) for p in self.sweep.space.parameters}
        params = {axis.name: axis.known_as(point[axis.name], found.get(axis.name, 0.5)) for axis in self.axes}
        return Proposal(params, self.sweep.typed(point))


class Remembered:
    """A sequence made of an iterator, which is read only as far as somebody has asked: a grid can be enormous."""

    def __init__(self, items: Iterator[Point]):
        self._items = items
        self._read: list[Point] = []

    def __getitem__(self, index: int) -> Point:
        while len(self._read) <= index:
            self._read.append(next(self._items))
        return self._read[index]
