"""Intervals around predictions: across the seeds of an ensemble, or by split conformal prediction."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import numpy as np

from econml_cli.errors import ConfigError
from econml_cli.evaluation.opened import Members, OpenedRun
from econml_cli.evaluation.samples import predicted, without_weights
from econml_cli.models.base import Model
from econml_cli.problems import losses
from econml_cli.runs.directory import Run

#: the level of an interval where none is asked for, in percent
LEVEL = 95.0


@dataclass(frozen=True)
class Asked:
    """Which intervals predictions get: at `level` percent, by split conformal prediction or across members."""

    level: float = LEVEL
    conformal: bool = False


@dataclass(frozen=True)
class Spread:
    """What stands beside a prediction [n, dout]: standard deviation across members (None without them), low, high."""

    sd: np.ndarray | None
    low: np.ndarray
    high: np.ndarray


def across(yhat: Sequence[np.ndarray], level: float) -> Spread:
    """Standard deviation and central `level` percent quantiles of the members' predictions, each [n, dout].

    They say how far the fits of several seeds lie apart, not how far the outcome does: noise in y is not in them.
    """
    stacked = np.stack(yhat).astype(np.float64)
    tail = (1 - level / 100) / 2
    low, high = np.quantile(stacked, [tail, 1 - tail], axis=0)
    return Spread(_sd(stacked), low, high)


def _sd(stacked: np.ndarray) -> np.ndarray | None:
    return stacked.std(axis=0, ddof=1) if len(stacked) > 1 else None


def of_normal(distribution: np.ndarray, level: float) -> dict[str, np.ndarray]:
    """`lo` and `hi`: the central `level` percent interval of an outcome, given mean and standard deviation [n, 2]."""
    from scipy.special import ndtri

    mean, sd = distribution[:, 0].astype(np.float64), distribution[:, 1].astype(np.float64)
    wide = float(ndtri(0.5 + level / 200)) * sd
    return {"lo": mean - wide, "hi": mean + wide}


@dataclass(frozen=True)
class Conformal:
    """Split conformal prediction: a new outcome lies within `radius` [dout] of its prediction with at least the
    probability asked for, if it is exchangeable with the `n` outcomes of the validation split; with groups, if its
    group, which was not seen, is exchangeable with theirs. Of a predicted mean and standard deviation the radius is a
    number of the latter, so that intervals are wide where the model says so, and cover whether it is right or not.

    Source: Lei, G'Sell, Rinaldo, Tibshirani and Wasserman (2018), JASA 113, algorithm 2, and section 5.2 for residuals
    over what is predicted of their size; for groups, Lee, Barber and Willett (2023), Distribution-free inference with
    hierarchical data, arXiv:2306.06342.
    """

    radius: np.ndarray
    n: int

    def around(self, yhat: np.ndarray, members: Sequence[np.ndarray]) -> Spread:
        """The interval around predictions [n, dout], and the standard deviation across members."""
        return Spread(_sd(np.stack(members).astype(np.float64)), yhat - self.radius, yhat + self.radius)

    def of_normal(self, distribution: np.ndarray) -> dict[str, np.ndarray]:
        """`lo` and `hi`, given mean and standard deviation [n, 2]."""
        mean, sd = distribution[:, 0].astype(np.float64), distribution[:, 1].astype(np.float64)
        return {"lo": mean - self.radius[0] * sd, "hi": mean + self.radius[0] * sd}


def calibrate(run: OpenedRun, models: Sequence[Model], level: float) -> Conformal:
    """The radius that the residuals of the validation split give, over their predicted standard deviations where a
    model predicts these; of several models for their averaged prediction.

    Call it inside `precision(...)`.

    Raises:
        ConfigError: the run predicts no number, or has too few validation rows for the level.
        DataError, RunError: its data are gone or have changed.
    """
    samples = run.own_samples()
    without_weights(run, samples, "--conformal")
    row = losses.of(samples.problem)
    if not row.has_residuals and not row.is_normal:
        raise ConfigError(f"--conformal {_unsuited(run, row)}; leave it out.")
    batch = samples.parts.get("val")
    if batch is None:
        raise ConfigError(
            f"--conformal learns from the validation split, and {run.name} has none; fit it with --val-fraction "
            "(or --N-val)."
        )
    each = [predicted(samples.problem, model, batch.x, run.dtype) for model in models]
    yhat = np.asarray(row.averages(np.stack(each).astype(np.float64)))
    y = np.asarray(samples.problem.observed(jax.device_get(batch)), np.float64)
    if row.is_normal:
        scores = np.abs(y.reshape(-1, 1) - yhat[:, :1]) / yhat[:, 1:]
    else:
        scores = np.abs(y.reshape(yhat.shape) - yhat)
    return Conformal(radius_of(scores, level, getattr(samples.problem, "groups", {}).get("val")), len(scores))


def _unsuited(run: Run, row: losses.Loss) -> str:
    """Why predictions have no conformal intervals."""
    if not row.observed:
        return (
            f"needs residuals, and problem {run.config().problem} has no observed outcome that a prediction could miss"
        )
    return f"gives intervals around the number that a regression predicts, and {run.name} {row.target.does}"


def radius_of(scores: np.ndarray, level: float, groups: np.ndarray | None = None) -> np.ndarray:
    """The ceil((n + 1) level)-th smallest of scores [n, dout], for each output; with `groups` [n] the smallest that
    scores of the weight `level` do not exceed, where each of K groups has weight 1 / (K + 1) in equal parts.

    Raises:
        ConfigError: n, or K, is too small for it to exist.
    """
    n, share = len(scores), level / 100
    if groups is not None:
        return _of_groups(scores, level, groups)
    place = math.ceil((n + 1) * share - 1e-9)  # 20 * .95 is 19, whatever binary fractions make of it
    if place > n:
        needed = math.ceil(share / (1 - share) - 1e-9)
        raise ConfigError(
            f"--conformal at --interval {level:g} needs {needed} validation rows, and there are {n}; ask for a lower "
            "level, or fit with a larger validation split."
        )
    radius: np.ndarray = np.sort(scores, axis=0)[place - 1]
    return radius


def _of_groups(scores: np.ndarray, level: float, groups: np.ndarray) -> np.ndarray:
    _, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    k, share = len(sizes), level / 100
    if k < share * (k + 1) - 1e-9:
        needed = math.ceil(share / (1 - share) - 1e-9)
        raise ConfigError(
            f"--conformal at --interval {level:g} needs {needed} groups in the validation split, since rows of one "
            f"group are not independent, and there are {k}; ask for a lower level, or fit with a larger "
            "validation split."
        )
    weights, order = 1 / ((k + 1) * sizes[place]), np.argsort(scores, axis=0)
    within = np.cumsum(weights[order], axis=0) >= share - 1e-9
    radius: np.ndarray = np.take_along_axis(np.sort(scores, axis=0), within.argmax(axis=0)[None], axis=0)[0]
    return radius


def check_spread(run: Run, asked: Asked | None, of: Members) -> None:
    """Refuse intervals across members where there is one model.

    Raises:
        ConfigError: that is so; says why.
    """
    if asked is None or asked.conformal or len(of.models) > 1:
        return
    which, remedy = run.name, "fit with --members"
    if run.member is not None:
        which, remedy = f"member {run.member} of {run.name}", "leave out --member"
    why = f"{which} is one fit, without a spread across seeds"
    if of.total > 1:
        why = f"only one of the {of.total} members of {run.name} has not diverged: no spread across seeds"
        remedy = "fit again with a smaller --lr or with --grad-clip 1"
    raise ConfigError(f"--interval: {why}; add --conformal, or {remedy}.")


def notes(run: Run, asked: Asked | None, of: Members, normal: bool = False) -> list[str]:
    """What the columns lo and hi of predictions are, and which members those are of, in a sentence each; `normal`:
    whether mean and standard deviation of a normal distribution are predicted."""
    level, lost = asked.level if asked is not None else LEVEL, [of.left_out] if of.diverged else []
    conformal = asked is not None and asked.conformal
    if normal and not conformal and (asked is not None or len(of.models) > 1):
        several = ", a mixture over the members" * (len(of.models) > 1)
        return [f"lo, hi: {level:g} % of an outcome by the normal distribution that is predicted{several}", *lost]
    if conformal:
        scaled = ", in predicted standard deviations" * normal
        told = [f"lo, hi: {level:g} % by split conformal prediction{scaled}, from the validation split"]
        if getattr(run.config().problem_options, "group", None) is not None:
            told.append("by groups: for rows of a group that the fit has not seen")
        if run.config().trainer.patience:
            told.append("the validation split chose the epoch too (--patience), so that their level is approximate")
        return [*told, *lost]
    if of.total == 1:
        return []
    if len(of.models) == 1:
        return [f"only one of {of.total} members has not diverged: no spread across seeds"]
    counted = f"{len(of.models)} of {of.total}" if lost else str(of.total)
    return [f"lo, hi: {level:g} % across seeds, of {counted} members; the noise of an outcome is not in them", *lost]
