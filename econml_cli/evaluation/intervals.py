"""95 % intervals of metrics that are functions of means, each by the method that covers best, in NumPy float64.

How often they cover, by case and method, is measured by benchmarks/coverage.py.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from econml_cli.errors import plural
from econml_cli.evaluation.bootstrap import Units, blocks_of_counts, resampled_means, units_of
from econml_cli.evaluation.estimate import Estimate
from econml_cli.evaluation.standard_errors import critical
from econml_cli.evaluation.wilson import auc_from_one, wilson
from econml_cli.problems.metrics import Moments, Scale

#: of fewer independent units than these it is said how many: the interval of a loss covers, and is long
FEW = 8
#: fewer have none, nor has one whose end is further from 0 (from 1, of an R2) than so many times the value
LEAST, FAR = 3, 100.0
#: with fewer of the scarcer class an area under a curve says how many: its interval covers, and is long
FEW_OF_CLASS = 10
#: fewer units have Student's quantiles: those of their bootstrap are too far out to be known
ENOUGH = 30
#: between which ends the metrics of a scale lie
ENDS: dict[Scale, tuple[float, float]] = {
    "positive": (0.0, math.inf), "below one": (-math.inf, 1.0), "share": (0.0, 1.0), "area": (0.0, 1.0),
}  # fmt: skip
#: beyond this share of the variance in one unit the sample says too little of the tail
ALONE = 0.6
#: up to so many units the end towards large losses is taken further out by these shares, see `_beyond`
SHORT = 200
LESS: dict[Scale, float] = {"positive": 0.7, "below one": 0.6}
#: the same of Student's quantiles
FURTHER = 0.8


class Interval(NamedTuple):
    """Both ends, NaN where there is none, and why it covers less often than it says; "" where it covers."""

    low: float
    high: float
    caveat: str = ""


@dataclass(frozen=True)
class _Link:
    """A monotone function onto the real line, its derivative, and its inverse."""

    to: Callable[[Any], Any]
    slope: Callable[[Any], Any]
    back: Callable[[Any], Any]


_IDENTITY = _Link(lambda v: v, np.ones_like, lambda u: u)
_LINKS: dict[Scale, _Link] = {
    "positive": _Link(np.log, lambda v: 1 / v, np.exp),
    # of -log(1 - R2), so that it rises with R2
    "below one": _Link(lambda v: -np.log1p(-v), lambda v: 1 / (1 - v), lambda u: -np.expm1(-u)),
    "area": _Link(lambda v: np.log(v / (1 - v)), lambda v: 1 / (v * (1 - v)), lambda u: 1 / (1 + np.exp(-u))),
}


def intervals(
    moments: Moments, *, replications: int, seed: int, groups: np.ndarray | None = None, level: float = 0.95
) -> dict[str, Interval]:
    """The interval of every metric by name; {} for no replications.

    Of means of losses, and of what is made of them (rmse, mae, log_loss, r2): the studentised bootstrap, on the log
    scale where the metric is positive, on that of log(1 - r2) for r2; of few observations or groups Student's on that
    scale. Of an AUC: DeLong's variance on the logit scale with Student's t; of shares, such as accuracy: Wilson's.
    Observations are taken as independent, or, with `groups` [n], those of different groups; a single one has no
    interval (NaN). Nor have two a mean of losses, or few whose interval would say nothing: "too few clusters: 2".

    Source: Hall (1988), Annals of Statistics 16, 927-953; Efron and Tibshirani (1993), section 12.5; DeLong, DeLong and
    Clarke-Pearson (1988), Biometrics 44, 837-845; Obuchowski (1997), Biometrics 53, 567-578, for its clusters; Wilson
    (1927), JASA 22, 209-212, with the effective sample size of Korn and Graubard (1998), Survey Methodology 24,
    193-201.
    """
    if replications == 0:
        return {}
    summed = None if moments.sizes is None else Units(moments.columns, moments.sizes)
    units, values = summed or units_of(moments.columns, groups), moments.values()
    if len(units.sizes) == 1:
        return dict.fromkeys(values, Interval(math.nan, math.nan))
    slopes = _gradients(moments, units.means[None], units)
    own = {name: _spread(units, slope, units.means[None], None)[0] for name, slope in slopes.items()}
    by_bootstrap = [name for name in values if moments.scales.get(name) not in ("share", "area")]
    drawn = _replications(moments, units, replications, seed, by_bootstrap)
    tail = (1 - level) / 2
    found = {}
    for name, value in values.items():
        scale = moments.scales.get(name)
        if (scale, value) in (("positive", 0.0), ("below one", 1.0)):  # exact, and at the end of what there is
            found[name] = Interval(value, value)
        elif not (math.isfinite(value) and math.isfinite(own[name])):
            found[name] = Interval(math.nan, math.nan)
        elif scale == "share":
            found[name] = Interval(*wilson(value, own[name], len(units.sizes), level))
        elif scale == "area":
            found[name] = _area(moments, name, value, own[name], groups, level)
        else:
            low, high = _studentised(value, own[name], *drawn[name], scale, tail, len(units.sizes))
            if len(units.sizes) < ENOUGH and _says_nothing(value, low, high, scale, len(units.sizes)):
                found[name] = Interval(math.nan, math.nan, f"too {_so_few(len(units.sizes), groups is not None)}")
            else:
                found[name] = Interval(low, high, _caveat(units, slopes[name], groups is not None))
    return found


def _says_nothing(value: float, low: float, high: float, scale: Scale | None, n: int) -> bool:
    """Whether an interval from n units is no more than that there are too few of them."""
    if n < LEAST:
        return low < high
    return (scale == "positive" and high > FAR * value) or (scale == "below one" and 1 - low > FAR * (1 - value))


def with_intervals(
    moments: Moments, *, replications: int, seed: int, groups: np.ndarray | None = None
) -> dict[str, Estimate]:
    """The metrics by name, each with its interval; without one for no replications."""
    found = intervals(moments, replications=replications, seed=seed, groups=groups)
    own = {name: Estimate(value) for name, value in moments.values().items()}
    return {name: own[name].within(*found[name]) if name in found else own[name] for name in own}


def told(names: Iterable[str], replications: int) -> str:
    """By which methods the intervals of these metrics are made, as words that follow "95 % intervals: "."""
    by_rest = f"studentised bootstrap of {replications:,} replications"
    by_name = {"auc": "DeLong's for AUC", "accuracy": "Wilson's for accuracy"}
    there = set(names)
    own = [method for name, method in by_name.items() if name in there]
    if any(name.startswith("below_") for name in there):
        own.append("Wilson's for shares below a quantile")
    return f"{', '.join(own)}, the {by_rest} for all else" if own else by_rest


def of_units(units: Units, *, replications: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Standard errors by the bootstrap, times sqrt(G / (G - 1)) for G units, and the lower and upper ends of Student's
    intervals of G - 1 degrees of freedom, of means over what is independent of each other, each [k]; NaN of one."""
    n = len(units.sizes)
    drawn = resampled_means(units, replications, seed)
    errors = drawn.std(axis=0, ddof=1) * math.sqrt(n / max(n - 1, 1))
    half = critical(max(n - 1.0, 1.0)) * errors
    return errors, units.means - half, units.means + half


def _studentised(
    value: float, error: float, drawn: np.ndarray, errors: np.ndarray, scale: Scale | None, tail: float, n: int
) -> tuple[float, float]:
    """The interval whose ends are quantiles of (drawn - value) / its standard error on the metric's own scale, or,
    of fewer than ENOUGH units, Student's, and never beyond Student's with two degrees of freedom; on no scale it is
    symmetric."""
    if error == 0:
        return value, value
    link = _IDENTITY if scale is None else _LINKS[scale]
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        if not np.isfinite(link.to(np.float64(value))):
            link, scale = _IDENTITY, None
        at, slope = link.to(np.float64(value)), link.slope(np.float64(value))
        t = (link.to(drawn) - at) / (link.slope(drawn) * errors)
        near, far = _quantiles(t[np.isfinite(t)], scale, tail, n)
        return float(link.back(at - near * slope * error)), float(link.back(at - far * slope * error))


def _quantiles(t: np.ndarray, scale: Scale | None, tail: float, n: int) -> tuple[float, float]:
    """The upper and the lower quantile of studentised values, which give the lower and the upper end; on the side of
    large losses (the lower end of an R2) as `_beyond`."""
    above, below = _beyond("positive", scale, tail, n), _beyond("below one", scale, tail, n)
    if n < ENOUGH:
        from scipy.special import stdtrit  # slow to import, and only for so few

        free = max(n - 1.0, 1.0)
        return float(stdtrit(free, 1 - below)), float(stdtrit(free, above))
    if not len(t):
        return math.nan, math.nan
    if scale is None:
        wide = float(np.quantile(np.abs(t), 1 - 2 * tail))
        return wide, -wide
    far, near = np.quantile(t, [above, 1 - below])
    # a sample that is one observation and little else has samples with next to no variance
    return min(float(near), _student2(1 - below)), max(float(far), _student2(above))


def _student2(p: float) -> float:
    """The quantile of Student's distribution with two degrees of freedom, in closed form."""
    return (2 * p - 1) / math.sqrt(2 * p * (1 - p))


def _beyond(long: Scale, scale: Scale | None, tail: float, n: int) -> float:
    """The share beyond an end of the interval: `tail`, or less at the end that is `long` for the scale, up to SHORT
    units, and `tail` again in the limit. A sample has less of a long tail than its population, and its bootstrap
    samples too; LESS is what benchmarks/coverage.py covers with for normal errors and for Student's with five degrees
    alike."""
    less = LESS[long] if n >= ENOUGH else FURTHER
    return tail * (1 - less * min(1.0, math.sqrt(SHORT / n))) if scale == long else tail


def _area(moments: Moments, name: str, value: float, error: float, groups: np.ndarray | None, level: float) -> Interval:
    """DeLong's interval on the logit scale, with one degree of freedom less than the scarcer class has observations (or
    groups with one of them); of separated classes Newcombe's."""
    from scipy.special import stdtrit

    rare = moments.rare[name]
    count = int(rare.sum()) if groups is None else len(np.unique(groups[rare]))
    told = counted(count, moments.named[name] if groups is None else "group with the scarcer class")
    if value in (0.0, 1.0):
        low, high = auc_from_one(int(rare.sum()), int((~rare).sum()), level)
        return Interval(*((low, high) if value == 1 else (1 - high, 1 - low)), f"separated: {told}")
    if error == 0:  # all alike
        return Interval(value, value)
    error *= math.sqrt(count / max(count - 1, 1))
    link, wide = _LINKS["area"], float(stdtrit(max(count - 1.0, 1.0), (1 + level) / 2))
    at, slope = link.to(value), link.slope(value)
    ends = (float(link.back(at - wide * slope * error)), float(link.back(at + wide * slope * error)))
    return Interval(*ends, f"only {told}" if count < FEW_OF_CLASS else "")


def counted(count: int, noun: str) -> str:
    """(5, "positive") -> "5 positives", (2, "row of the rarest class") -> "2 rows of the rarest class"."""
    first, *rest = noun.split(" ", 1)
    return " ".join((plural(count, first), *rest))


def _caveat(units: Units, slope: np.ndarray, grouped: bool) -> str:
    """What to say of an interval of a mean that rests on little; "" where it does not."""
    if told := few(len(units.sizes), grouped):
        return told
    parts = np.square(_influence(units, slope, units.means[None])[0])
    what = "1 group" if grouped else "1 observation"
    return f"interval too short: {what} in the tail" if parts.max() > ALONE * parts.sum() > 0 else ""


def few(n: int, grouped: bool) -> str:
    """What to say of an interval from so few observations, or groups; "" of enough."""
    return f"only {n} {'groups' if grouped else 'observations'}" if n < FEW else ""


def _so_few(n: int, grouped: bool) -> str:
    return f"few {'clusters' if grouped else 'observations'}: {n}"


def _replications(
    moments: Moments, units: Units, replications: int, seed: int, names: list[str]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Each metric of so many bootstrap samples, and its standard error in each, both [replications]."""
    found: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {name: [] for name in names}
    if not names:
        return {}
    for counts in blocks_of_counts(len(units.sizes), replications, seed):
        means = (counts @ units.sums) / (counts @ units.sizes)[:, None]
        values, slopes = moments.at(means), _gradients(moments, means, units)
        for name in names:
            found[name].append((values[name], _spread(units, slopes[name], means, counts)))
    return {name: tuple(np.concatenate(part) for part in zip(*parts, strict=True)) for name, parts in found.items()}  # type: ignore[misc]


def _gradients(moments: Moments, means: np.ndarray, units: Units) -> dict[str, np.ndarray]:
    """The derivatives [B, k] of each metric in the means [B, k], by central differences far below their error."""
    step = 1e-4 * np.maximum(units.deviations, 1e-12 * np.maximum(np.abs(units.means), 1e-300))
    found: dict[str, np.ndarray] = {}
    for j, h in enumerate(step):
        move = np.zeros(means.shape[1])
        move[j] = h
        above, below = moments.at(means + move), moments.at(means - move)
        for name, high in above.items():
            found.setdefault(name, np.zeros(means.shape))[:, j] = (high - below[name]) / (2 * h)
    return found


def _influence(units: Units, slopes: np.ndarray, means: np.ndarray) -> np.ndarray:
    """By how much each unit moves the metric, [B, units], times the number of observations."""
    used = np.flatnonzero(np.any(slopes != 0, axis=0))
    at = slopes[:, used]
    moved: np.ndarray = at @ units.sums[:, used].T - (at * means[:, used]).sum(axis=1)[:, None] * units.sizes
    return moved


def _spread(units: Units, slopes: np.ndarray, means: np.ndarray, counts: np.ndarray | None) -> np.ndarray:
    """The standard errors [B] by the delta method, with G / (G - 1) for G units."""
    n = len(units.sizes)
    moved = np.square(_influence(units, slopes, means))
    if counts is None:
        total, size = moved.sum(axis=1), units.sizes.sum()
    else:
        total, size = np.einsum("bu,bu->b", moved, counts), counts @ units.sizes
    return np.asarray(np.sqrt(n / (n - 1) * total) / size)
