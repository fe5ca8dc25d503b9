"""Metrics of predictions, in NumPy float64. A loss names in its row those that suit it.

Every metric here is a smooth function of means over observations: R2, say, of the means of e^2, y and y^2. Writing each
as (columns [n, k], function of their means) gives its value, and its bootstrap by a matrix product.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import numpy as np

from econml_cli.errors import ConfigError, suggest
from econml_cli.problems.means import mean as mean_of
from econml_cli.problems.means import total
from econml_cli.problems.per_row import named

Values = dict[str, np.ndarray]
#: a number above 0 (a loss), below 1 (R2), a share of observations (accuracy), an area under a ROC curve
Scale = Literal["positive", "below one", "share", "area"]


@dataclass(frozen=True)
class Moments:
    """Metrics as functions of means: `columns` [n, k], and `statistic`, which maps means [..., k] to {name: [...]}.

    `scales` says of a metric, by name, which numbers it can be, and so how its interval is made; of one that it leaves
    out any. `rare` [n] are the observations of the scarcer class of an area, `named` what one of these is called. Where
    there are `sizes` [n], a row of the columns is the sum over so many observations.
    """

    columns: np.ndarray
    statistic: Callable[[np.ndarray], Values]
    scales: Mapping[str, Scale] = field(default_factory=dict)
    rare: Mapping[str, np.ndarray] = field(default_factory=dict)
    named: Mapping[str, str] = field(default_factory=dict)
    sizes: np.ndarray | None = None

    def values(self) -> dict[str, float]:
        """The metrics of the sample itself; NaN where one is not defined (R2 of a constant, AUC of one class)."""
        means = mean_of(self.columns) if self.sizes is None else self.columns.sum(axis=0) / self.sizes.sum()
        return {name: float(value) for name, value in self.at(means).items()}

    def at(self, means: np.ndarray) -> Values:
        """The metrics at means [..., k]."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.statistic(means)


#: (y, what is predicted of it) -> one metric or several
Metric = Callable[[np.ndarray, np.ndarray], Moments]


class Measured(Protocol):
    """What of a loss says how it is measured: names of functions of this file, or functions of its own."""

    @property
    def name(self) -> str: ...

    @property
    def metrics(self) -> "tuple[str | Metric, ...]": ...

    @property
    def is_log_loss(self) -> bool: ...


def moments(
    row: Measured,
    loss: np.ndarray,
    y: np.ndarray | None,
    yhat: np.ndarray | None,
    w: np.ndarray | None = None,
    *,
    of_yhat: bool = True,
    centre: np.ndarray | None = None,
) -> Moments:
    """The loss and all metrics of one split.

    Args:
        row: of the loss. loss: [n] loss of each observation, in the units it is reported in.
        y: as `problem.observed` gives it, and yhat: as `problem.predict` does; None where nothing is observed.
        w: weights [n] of the observations; None where all are 1.
        of_yhat: whether the loss is that of yhat; not where yhat is an average.
        centre: the mean of each output, of a split of which these are some rows; None: they are all.

    Raises:
        ConfigError: the row names a metric that is not here.
    """
    found = [mean("loss", loss)]
    if y is not None and yhat is not None:
        more = {"w": w, "centre": centre, "loss": loss if of_yhat and row.is_log_loss else None}
        found += [_measured(_metric(row, metric), y, yhat, more) for metric in row.metrics]
    return _weighted(_together(found), w)


def _metric(row: Measured, metric: "str | Metric") -> Metric:
    if not isinstance(metric, str):
        return metric
    known = _by_name()
    if metric not in known:
        raise ConfigError(
            f"Loss {row.name} is measured by '{metric}', and there is no such metric; name some of "
            f"{', '.join(known)}, or give functions (y, prediction) -> Moments.{suggest(metric, known)}"
        )
    return known[metric]


def _measured(metric: Metric, y: np.ndarray, yhat: np.ndarray, more: Mapping[str, Any]) -> Moments:
    """A metric; one that is more than means of rows (a rank) is told the weights, one that has an argument `loss` the
    log loss of each row."""
    of: Callable[..., Moments] = metric
    asked = inspect.signature(metric).parameters
    return of(y, yhat, **{name: value for name, value in more.items() if name in asked})


def _by_name() -> dict[str, Metric]:
    """The metrics of this file: its public functions of y and what is predicted of it."""
    public = {name: f for name, f in globals().items() if inspect.isfunction(f) and not name.startswith("_")}
    return {name: f for name, f in public.items() if next(iter(inspect.signature(f).parameters)) == "y"}


def _weighted(found: Moments, w: np.ndarray | None) -> Moments:
    """The metrics at weighted means; under resampling the sum of the weights varies with the rest."""
    if w is None:
        return found
    weights = np.asarray(w, np.float64)[:, None]
    columns = np.hstack([found.columns * weights, weights])
    return replace(found, columns=columns, statistic=lambda means: found.statistic(means[..., :-1] / means[..., -1:]))


def mean(name: str, values: np.ndarray) -> Moments:
    """The mean of values [n]."""
    column = np.asarray(values, np.float64).reshape(-1, 1)
    return Moments(column, lambda means: {name: means[..., 0]}, {name: "positive"} if np.all(column >= 0) else {})


def regression(y: np.ndarray, yhat: np.ndarray, centre: np.ndarray | None = None) -> Moments:
    """rmse and mae in the units of y [n, dout], and r2 = 1 - SSE / SST about the mean of each output, which is `centre`
    where these are some rows of a sample."""
    y, yhat = (np.asarray(a, np.float64).reshape(len(a), -1) for a in (y, yhat))
    # centred first: the difference of two large squares loses digits
    error, centred = y - yhat, y - (y.mean(axis=0) if centre is None else centre)
    columns = [np.square(error).mean(axis=1), np.abs(error).mean(axis=1), np.square(centred).mean(axis=1)]

    def statistic(means: np.ndarray) -> Values:
        sst = means[..., 2] - np.square(means[..., 3:]).mean(axis=-1)
        r2 = 1 - means[..., 0] / np.where(sst > 0, sst, np.nan)
        return {"rmse": np.sqrt(means[..., 0]), "mae": means[..., 1], "r2": r2}

    scales: dict[str, Scale] = {"rmse": "positive", "mae": "positive", "r2": "below one"}
    return Moments(np.column_stack([*columns, centred]), statistic, scales)


def explained(y: np.ndarray, yhat: np.ndarray) -> Moments:
    """r2: the mean over outputs of 1 - SSE / SST, so that the units of y [n, dout] do not matter; outputs that do not
    vary are left out."""
    y, yhat = (np.asarray(a, np.float64).reshape(len(a), -1) for a in (y, yhat))
    centred, k = y - y.mean(axis=0), y.shape[1]

    def statistic(means: np.ndarray) -> Values:
        sst = means[..., k : 2 * k] - np.square(means[..., 2 * k :])
        found = 1 - means[..., :k] / np.where(sst > 0, sst, np.nan)
        return {"r2": np.nansum(found, axis=-1) / np.sum(~np.isnan(found), axis=-1)}  # NaN where none varies

    return Moments(np.column_stack([np.square(y - yhat), np.square(centred), centred]), statistic, {"r2": "below one"})


def counts(y: np.ndarray, mean: np.ndarray) -> Moments:
    """d2 = 1 - deviance / deviance at the mean of y [n, 1], by the Poisson deviance of counts at `mean` [n, 1]."""
    return _deviance(y, mean, lambda y, mu: mu - y - _times_log(y, mu) + _times_log(y, y), lambda y: _times_log(y, y),
                     lambda mean, own: own - _times_log(mean, mean))  # fmt: skip


def durations(y: np.ndarray, mean: np.ndarray) -> Moments:
    """d2 = 1 - deviance / deviance at the mean of y [n, 1], by the gamma deviance of y > 0 at `mean` [n, 1]."""
    return _deviance(y, mean, lambda y, mu: y / mu - 1 - np.log(y / mu), np.log,
                     lambda mean, own: np.log(mean) - own)  # fmt: skip


def _times_log(y: np.ndarray, mu: np.ndarray) -> np.ndarray:
    from scipy.special import xlogy

    return np.asarray(xlogy(y, mu))


def _deviance(
    y: np.ndarray,
    mean: np.ndarray,
    half: Callable[[np.ndarray, np.ndarray], np.ndarray],
    own: Callable[[np.ndarray], np.ndarray],
    null: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> Moments:
    """`half` the deviance of each row; `null` that at the mean, from the mean of y and the mean of `own`(y)."""
    y, mu = (np.asarray(a, np.float64).reshape(-1) for a in (y, mean))
    with np.errstate(divide="ignore", invalid="ignore"):
        columns = np.column_stack([half(y, mu), y, own(y)])

    def statistic(means: np.ndarray) -> Values:
        there = null(means[..., 1], means[..., 2])
        return {"d2": 1 - means[..., 0] / np.where(there > 0, there, np.nan)}

    return Moments(columns, statistic, {"d2": "below one"})


def coverage(y: np.ndarray, quantiles: np.ndarray, levels: Sequence[float] = (0.5,)) -> Moments:
    """below_q10, ...: the share of y [n, 1] that is not above each quantile [n, k], which should be its level; and of
    several the share between the lowest and the highest, `between`."""
    y, found = np.asarray(y, np.float64).reshape(-1, 1), np.asarray(quantiles, np.float64)
    names = [f"below_{named(level)}" for level in levels]
    columns = (y <= found).astype(np.float64)
    if len(names) > 1:
        inside = (y > found[:, :1]) & (y <= found[:, -1:])
        names, columns = [*names, "between"], np.hstack([columns, inside])
    shares: dict[str, Scale] = dict.fromkeys(names, "share")
    return Moments(columns, lambda means: {name: means[..., i] for i, name in enumerate(names)}, shares)


#: coverages of central intervals that are reported, and probabilities at which a distribution is compared with outcomes
CENTRAL = (0.5, 0.9, 0.95)
_PROBABILITIES = np.arange(1, 10) / 10


def normal(y: np.ndarray, distribution: np.ndarray) -> Moments:
    """Of normal distributions with mean and standard deviation [n, 2]: rmse, mae and r2 of the mean; between_50,
    between_90, between_95, the share of y [n, 1] in the central intervals of these probabilities, which it should be;
    and of the probability integral transform u = F(y), which is uniform where the distribution is right: pit_mean (.5),
    pit_sd (1 / sqrt(12) = .289; less: too wide, more: too narrow) and calibration_error, the mean of |share of
    u <= p, less p| over p = .1, ..., .9.

    Source: Gneiting, Balabdaoui and Raftery (2007), Journal of the Royal Statistical Society B 69, 243-268; Kuleshov,
    Fenner and Ermon (2018), International Conference on Machine Learning, for the calibration error.
    """
    from scipy.special import ndtr

    y, found = np.asarray(y, np.float64).reshape(-1, 1), np.asarray(distribution, np.float64)
    u = ndtr((y[:, 0] - found[:, 0]) / found[:, 1])[:, None]
    inside = np.hstack([np.abs(2 * u - 1) <= level for level in CENTRAL])
    names = [f"between_{100 * level:.10g}" for level in CENTRAL]
    k = len(names)

    def statistic(means: np.ndarray) -> Values:
        shares = {name: means[..., i] for i, name in enumerate(names)}
        spread = np.sqrt(np.clip(means[..., k + 1] - np.square(means[..., k]), 0, None))
        error = np.abs(means[..., k + 2 :] - _PROBABILITIES).mean(axis=-1)
        return {**shares, "pit_mean": means[..., k], "pit_sd": spread, "calibration_error": error}

    columns = np.hstack([inside, u, np.square(u), u <= _PROBABILITIES])
    scales: dict[str, Scale] = {**dict.fromkeys(names, "share"), "calibration_error": "positive"}
    own = Moments(columns, statistic, scales)
    return _together([regression(y, found[:, :1]), own])


def binary(y: np.ndarray, p: np.ndarray, w: np.ndarray | None = None, loss: np.ndarray | None = None) -> Moments:
    """accuracy (of p >= 1/2), base_rate (accuracy of always guessing the more frequent class), log_loss and auc.

    A probability that rounds to 0 counts as the smallest one that its precision can tell from 0, so that log_loss is
    finite.

    Args:
        y: [n, 1], 0 or 1. p: [n, 1], probability of 1. w: weights [n], of ranks; None: all are 1.
        loss: the log loss of each row, [n], which has digits where p rounds to 0 or 1; None: by p.
    """
    positive, p = np.asarray(y).reshape(-1) == 1, np.asarray(p).reshape(-1)
    limits = np.finfo(p.dtype)
    floor = np.array([limits.eps / 4, limits.tiny])  # 1 - p has no digits beyond eps
    return _classes(positive.astype(int), (p >= 0.5).astype(int), np.column_stack([1 - p, p]), floor, [1], w, loss)


def multiclass(y: np.ndarray, p: np.ndarray, w: np.ndarray | None = None, loss: np.ndarray | None = None) -> Moments:
    """accuracy (of the most probable class), base_rate, log_loss, and auc: the unweighted mean of one class against the
    rest, over the classes that occur.

    Args:
        y: [n] class numbers. p: [n, classes] probabilities. w: weights [n], of ranks; None: all are 1.
        loss: as of `binary`.
    """
    y, p = np.asarray(y).reshape(-1).astype(int), np.asarray(p)
    return _classes(y, p.argmax(axis=1), p, np.full(p.shape[1], np.finfo(p.dtype).tiny), range(p.shape[1]), w, loss)


def _classes(
    y: np.ndarray,
    predicted: np.ndarray,
    p: np.ndarray,
    floor: np.ndarray,
    ranked: Sequence[int],
    w: np.ndarray | None = None,
    loss: np.ndarray | None = None,
) -> Moments:
    chosen = np.maximum(np.take_along_axis(p, y[:, None], axis=1)[:, 0].astype(np.float64), floor[y])
    shares = (y[:, None] == np.arange(p.shape[1])).astype(np.float64)
    # of the class that is the most frequent one of the sample: the largest share of each resample would be biased
    frequent = shares[:, total(shares, w).argmax()]
    own = Moments(
        np.column_stack([predicted == y, -np.log(chosen) if loss is None else loss, frequent]),
        lambda means: {"accuracy": means[..., 0], "base_rate": means[..., 2], "log_loss": means[..., 1]},
        {"accuracy": "share", "base_rate": "share", "log_loss": "positive"},
    )
    curves = [_auc(shares[:, c] == 1, p[:, c], w) for c in ranked if 0 < shares[:, c].sum() < len(y)]
    return _together([own, _average("auc", curves)])


def placements(positive: np.ndarray, score: np.ndarray, w: np.ndarray | None = None) -> np.ndarray:
    """[n]: the share (by weights w [n]; None: all are 1) of the other class that each observation is ranked on the
    right side of; ties count one half.

    Their mean over either class is the area under the ROC curve.
    Source: DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44, 837-845.
    """
    score, placed = np.asarray(score, np.float64), np.empty(len(score))
    weights = np.ones(len(score)) if w is None else np.asarray(w, np.float64)
    for own, sign in ((positive, 1.0), (~positive, -1.0)):
        order = np.argsort(sign * score[~own], kind="stable")
        others, upto = (sign * score[~own])[order], np.r_[0.0, np.cumsum(weights[~own][order])]
        sides = [upto[np.searchsorted(others, sign * score[own], side)] for side in ("left", "right")]
        placed[own] = (sides[0] + sides[1]) / 2 / (upto[-1] or 1.0)
    return placed


def auc(positive: np.ndarray, score: np.ndarray, w: np.ndarray | None = None) -> float:
    """The probability that a positive is ranked above a negative, ties one half, both drawn by weights w [n]; NaN where
    one class is missing."""
    positive = np.asarray(positive, bool)
    weights = np.ones(len(positive)) if w is None else np.asarray(w, np.float64)
    if not (weights[positive].any() and weights[~positive].any()):
        return float("nan")
    return float(np.average(placements(positive, score, w)[positive], weights=weights[positive]))


def _auc(positive: np.ndarray, score: np.ndarray, w: np.ndarray | None = None) -> Moments:
    """The AUC by its Hajek projection: exact at the sample, and to first order under resampling (as DeLong's variance),
    without ranking every bootstrap sample again."""
    placed, exact = placements(positive, score, w), auc(positive, score, w)

    def statistic(means: np.ndarray) -> Values:
        above, below, share = means[..., 0] / means[..., 2], means[..., 1] / (1 - means[..., 2]), means[..., 2]
        return {"auc": np.where((share > 0) & (share < 1), np.clip(above + below - exact, 0, 1), np.nan)}

    rare = positive if positive.sum() <= (~positive).sum() else ~positive
    return Moments(
        np.column_stack([placed * positive, placed * ~positive, positive]),
        statistic,
        {"auc": "area"},
        {"auc": rare},
        {"auc": "positive" if rare is positive else "negative"},
    )


def _average(name: str, parts: Sequence[Moments]) -> Moments:
    if not parts:
        return Moments(np.empty((1, 0)), lambda means: {name: np.full(means.shape[:-1], np.nan)})
    joined = [Moments(part.columns, lambda means, p=part, i=i: {str(i): p.statistic(means)[name]})  # type: ignore[misc]
              for i, part in enumerate(parts)]  # fmt: skip
    whole = _together(joined)
    scarcest = min(parts, key=lambda part: part.rare[name].sum())
    return replace(
        scarcest,
        columns=whole.columns,
        statistic=lambda means: {name: np.mean(list(whole.statistic(means).values()), axis=0)},
        named=scarcest.named if len(parts) == 1 else {name: "row of the rarest class"},
    )


def _together(parts: Sequence[Moments]) -> Moments:
    """Several metrics as one: their columns side by side."""
    n = max(len(part.columns) for part in parts)
    ends = np.cumsum([part.columns.shape[1] for part in parts])[:-1]
    columns = np.hstack([np.broadcast_to(part.columns, (n, part.columns.shape[1])) for part in parts])

    def statistic(means: np.ndarray) -> Values:
        found: Values = {}
        for part, own in zip(parts, np.split(means, ends, axis=-1), strict=True):
            found |= part.statistic(own)
        return found

    merged: list[dict[str, Any]] = [{}, {}, {}]
    for part in parts:
        for whole, own in zip(merged, (part.scales, part.rare, part.named), strict=True):
            whole |= own
    scales, rare, called = merged
    return Moments(columns, statistic, scales, rare, called)
