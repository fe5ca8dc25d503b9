"""The next point of a sweep by a Gaussian process and expected improvement. Imports Optuna's distributions.

A point is a row of [0, 1]^d, a coordinate for each parameter: a number scaled to its range (its logarithm, where Optuna
knows it so), integers and choices in as many steps as there are. Nothing here remembers anything: a proposal is a
function of what is known, what is pending and the generator.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from econml_cli.sweeps.study import gaussian_process
from econml_cli.sweeps.study.gaussian_process import Array

#: points that a process is fitted to at most: the best ones and the last ones
MOST_POINTS = 100
#: draws over the whole space, best ones that are refined, neighbours of each, scales at which they are drawn
_DRAWS, _STARTS, _NEIGHBOURS = 512, 6, 24
_SCALES = (0.2, 0.1, 0.05, 0.02, 0.01, 0.003)
#: the lowest step between two logs of improvement that is worth a longer way
_FLOOR = 1e-12


class Cube:
    """The space as [0, 1]^d.

    Attributes:
        names: the parameters, one coordinate each. groups: [features] the coordinate that each feature comes from.
    """

    def __init__(self, space: Mapping[str, BaseDistribution]):
        self.names = tuple(space)
        self._of = tuple(space.values())
        self._steps = [_steps(distribution) for distribution in self._of]
        self._order = [_order(distribution) for distribution in self._of]
        self.groups = [i for i in range(len(self._of)) for _ in range(self._width(i))]

    def _width(self, i: int) -> int:
        """Features of a coordinate: choices without an order are all equally far from each other."""
        of = self._of[i]
        return len(of.choices) if isinstance(of, CategoricalDistribution) and self._order[i] is None else 1

    def snap(self, u: Array) -> Array:
        """Rows [m, d] at the middle of the step that each coordinate is in."""
        out = np.clip(u, 0.0, 1.0)
        for i, steps in enumerate(self._steps):
            if steps:
                out[:, i] = (np.minimum(np.floor(out[:, i] * steps), steps - 1) + 0.5) / steps
        return out

    def features(self, u: Array) -> Array:
        """Snapped rows [m, d] as [m, features]."""
        columns = []
        for i, steps in enumerate(self._steps):
            if self._width(i) == 1:
                columns.append(u[:, i])
            else:
                chosen = (u[:, i] * (steps or 1)).astype(int)
                columns += [(chosen == k) / math.sqrt(2.0) for k in range(self._width(i))]
        return np.stack(columns, axis=1).astype(float)

    def neighbours(self, rows: Array, scale: float, rng: np.random.Generator) -> Array:
        """Each row [m, d] with one coordinate or more moved: numbers by about `scale`, or one step at least; choices
        without an order to any other."""
        moved = rng.random(rows.shape) < max(1.0 / rows.shape[1], 0.3)
        moved[np.arange(len(rows)), rng.integers(0, rows.shape[1], len(rows))] = True
        by: Array = np.asarray(scale * rng.standard_normal(rows.shape))
        anywhere: Array = np.asarray(rng.random(rows.shape))
        for i, steps in enumerate(self._steps):
            if steps:
                by[:, i] = np.sign(by[:, i]) * np.ceil(np.abs(by[:, i]) * steps) / steps
        to: Array = np.asarray(rows + by)
        for i in range(rows.shape[1]):
            if self._width(i) > 1:
                to[:, i] = anywhere[:, i]
        return self.snap(np.where(moved, to, rows))

    def encode(self, params: Mapping[str, Any]) -> Array:
        """Optuna's parameters as one snapped row [d]."""
        return np.array([self._coordinate(i, params[name]) for i, name in enumerate(self.names)])

    def _coordinate(self, i: int, value: Any) -> float:
        of, order, steps = self._of[i], self._order[i], self._steps[i]
        if isinstance(of, CategoricalDistribution):
            place = of.choices.index(value)
            return ((order.index(place) if order else place) + 0.5) / len(of.choices)
        if isinstance(of, IntDistribution) and steps:
            share: float = (value - of.low + 0.5) / steps
            return share
        assert isinstance(of, FloatDistribution | IntDistribution)
        if of.log:
            return (math.log(value) - math.log(of.low)) / (math.log(of.high) - math.log(of.low))
        return float(value - of.low) / float(of.high - of.low)

    def decode(self, row: Array) -> dict[str, Any]:
        """A snapped row [d] as Optuna's parameters."""
        return {name: self._value(i, float(row[i])) for i, name in enumerate(self.names)}

    def _value(self, i: int, u: float) -> Any:
        of, order, steps = self._of[i], self._order[i], self._steps[i]
        if isinstance(of, CategoricalDistribution):
            place = min(int(u * len(of.choices)), len(of.choices) - 1)
            return of.choices[order[place] if order else place]
        assert isinstance(of, FloatDistribution | IntDistribution)
        if isinstance(of, IntDistribution):
            return min(of.low + (int(u * steps) if steps else round(u * (of.high - of.low))), of.high)
        low, high = (math.log(of.low), math.log(of.high)) if of.log else (of.low, of.high)
        value = low * (1 - u) + high * u
        return min(max(math.exp(value) if of.log else value, of.low), of.high)


def _steps(of: BaseDistribution) -> int | None:
    """How many values there are, where the process must know that there is nothing between them."""
    if isinstance(of, CategoricalDistribution):
        return len(of.choices)
    if isinstance(of, IntDistribution):
        return of.high - of.low + 1 if of.high - of.low < 10**6 else None
    return None


def _order(of: BaseDistribution) -> list[int] | None:
    """The places of choices that are different numbers, by size: 64, 128, 256 are a scale; None for others."""
    if not isinstance(of, CategoricalDistribution) or not all(
        isinstance(c, int | float) and not isinstance(c, bool) for c in of.choices
    ):
        return None
    return sorted(range(len(of.choices)), key=lambda place: of.choices[place])  # type: ignore[arg-type,return-value]


class LastFit:
    """The process that was fitted last: the proposals of a batch are made from the same results."""

    def __init__(self) -> None:
        self._key: tuple[bytes, bytes] | None = None
        self._process: gaussian_process.Process | None = None

    def __call__(self, x: Array, y: Array, groups: Sequence[int]) -> gaussian_process.Process:
        """As `gaussian_process.fit`, of which it is a copy where the arguments are the last ones."""
        key = (x.tobytes(), y.tobytes())
        if self._process is None or key != self._key:
            self._key, self._process = key, gaussian_process.fit(x, y, groups)
        return self._process


def propose(
    space: Mapping[str, BaseDistribution],
    known: Sequence[tuple[Mapping[str, Any], float]],
    pending: Sequence[Mapping[str, Any]],
    rng: np.random.Generator,
    fit: Callable[[Array, Array, Sequence[int]], gaussian_process.Process] = gaussian_process.fit,
    settled: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """The point whose expected improvement is largest, as Optuna's parameters.

    Args:
        space: none of it of a single value. known: at least one (point, value to minimise, finite).
        pending: points that are being tried; the process believes of each what it predicts.
        fit: `gaussian_process.fit`, or what does the same in less time.
        settled: the same for points that are one, as they differ in parameters that do not apply; None: all differ.
    """
    cube = Cube(space)
    values = np.array([value for _, value in known], float)
    chosen = _kept(values)
    rows = np.stack([cube.encode(known[i][0]) for i in chosen])
    y = _standardised(warp(values[chosen]))
    process = fit(cube.features(rows), y, cube.groups)
    tried = rows
    if pending:
        waiting = np.stack([cube.encode(point) for point in pending[-MOST_POINTS:]])
        x = cube.features(waiting)
        process = process.with_points(x, process.predict(x)[0])
        tried = np.vstack([rows, waiting])
    mean, _ = process.predict(cube.features(tried))

    def one(rows: Array) -> Array:
        return rows if settled is None else np.stack([cube.encode(settled(cube.decode(row))) for row in rows])

    return cube.decode(_search(cube, process, tried, mean, rng, one))


def _kept(values: Array) -> Any:
    """Which points a process is fitted to, ascending: all; of too many the best half and the last half."""
    if len(values) <= MOST_POINTS:
        return np.arange(len(values))
    last = np.arange(len(values) - MOST_POINTS // 2, len(values))
    earlier = np.argsort(values[: last[0]], kind="stable")[: MOST_POINTS // 2]
    return np.sort(np.concatenate([earlier, last]))


def warp(values: Array) -> Array:
    """log(1 + (v - best) / (median - best)): linear among the good values, so that one that is bad beyond measure (or
    a failure told as the worst) does not hide the differences between them."""
    best = values.min()
    with np.errstate(over="ignore", invalid="ignore"):
        above = np.nan_to_num(values - best, posinf=np.finfo(float).max)
        scale = np.median(above) or above.mean()
        return np.log1p(above / scale) if 0 < scale < math.inf else np.zeros_like(values)


def _standardised(values: Array) -> Array:
    spread = values.std()
    return (values - values.mean()) / spread if spread > _FLOOR else np.zeros_like(values)


def _search(
    cube: Cube,
    process: gaussian_process.Process,
    tried: Array,
    mean: Array,
    rng: np.random.Generator,
    one: Callable[[Array], Array],
) -> Array:
    """The row [d] of the largest expected improvement: draws, then neighbours of the best, closer and closer."""
    best = float(mean.min())

    def score(rows: Array) -> Array:
        found = gaussian_process.log_improvement(*process.predict(cube.features(rows)), best)
        # a point that is known or pending is worth a second trial only where there is no other
        again = np.any(np.all(np.abs(rows[:, None, :] - tried[None, :, :]) < _FLOOR, axis=2), axis=1)
        return np.where(again, -np.inf, found)

    good = tried[np.argsort(mean, kind="stable")[:_STARTS]]
    rows = np.vstack([one(cube.snap(rng.random((_DRAWS, len(cube.names))))), good])
    scores = score(rows)
    # neighbours of the best points that are known are drawn too, though these themselves are no candidates
    starts = np.vstack([rows[np.argsort(-scores, kind="stable")[:_STARTS]], good])
    for scale in _SCALES:
        near = one(cube.neighbours(np.repeat(starts, _NEIGHBOURS, axis=0), scale, rng))
        rows, scores = np.vstack([rows, near]), np.concatenate([scores, score(near)])
        starts = rows[np.argsort(-scores, kind="stable")[:_STARTS]]
    return np.asarray(rows[int(np.argmax(scores))])
