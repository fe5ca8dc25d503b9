"""Split conformal prediction: intervals that cover a new outcome whatever the model is, from the validation split."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import numpy as np

from econml_cli.errors import ConfigError
from econml_cli.evaluation.opened import OpenedRun
from econml_cli.evaluation.samples import Samples, predictor, without_weights
from econml_cli.evaluation.standard_errors import groups_of, independent, standard_error
from econml_cli.evaluation.wilson import wilson
from econml_cli.models.base import Model
from econml_cli.problems import losses
from econml_cli.problems.loss_row import Loss
from econml_cli.runs.directory import Run


@dataclass(frozen=True)
class Held:
    """The share of the outcomes of the test split that lie in their intervals, with a 95 % interval of its own."""

    share: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Conformal:
    """Split conformal prediction: a new outcome has a score of at most `radius` [dout] with at least the probability
    asked for, if it is exchangeable with the `n` outcomes of the validation split; with groups, if its group, which was
    not seen, is exchangeable with theirs. `held` says how often that was so in the test split, None without one.

    The score of a predicted number is the absolute residual; of a predicted mean and standard deviation the residual
    over the latter; of quantiles how far the outcome is outside of the outermost two, negative inside. Intervals are
    thereby wide where the model says so, and cover whether it is right or not.

    Source: Lei, G'Sell, Rinaldo, Tibshirani and Wasserman (2018), JASA 113, algorithm 2, and section 5.2 for residuals
    over what is predicted of their size; for quantiles Romano, Patterson and Candes (2019), Conformalized quantile
    regression, NeurIPS 32, algorithm 1; for groups, Lee, Barber and Willett (2023), Distribution-free inference with
    hierarchical data, arXiv:2306.06342.
    """

    radius: np.ndarray
    n: int
    row: Loss
    held: Held | None = None

    def ends(self, yhat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The ends of the intervals at predictions [n, dout]: [n, dout] of numbers, [n, 1] of a distribution."""
        yhat = np.asarray(yhat, np.float64)
        if self.row.is_normal:
            return yhat[:, :1] - self.radius * yhat[:, 1:], yhat[:, :1] + self.radius * yhat[:, 1:]
        if not self.row.has_residuals:
            low, high = yhat[:, :1] - self.radius, yhat[:, -1:] + self.radius
            middle = (low + high) / 2  # quantiles nearer to each other than twice a negative radius: not crossed
            return np.minimum(low, middle), np.maximum(high, middle)
        return yhat - self.radius, yhat + self.radius


def scores_of(row: Loss, yhat: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The scores, [n, dout] or [n, 1], of outcomes y at predictions [n, dout], as `Conformal` has them."""
    if row.is_normal:
        return np.asarray(np.abs(y.reshape(-1, 1) - yhat[:, :1]) / yhat[:, 1:])
    if not row.has_residuals:
        outcome = y.reshape(-1, 1)
        return np.asarray(np.maximum(yhat[:, :1] - outcome, outcome - yhat[:, -1:]))
    return np.asarray(np.abs(y.reshape(yhat.shape) - yhat))


def suits(row: Loss) -> bool:
    """Whether what is predicted can have such an interval."""
    return row.has_residuals or row.is_normal or len(row.levels) > 1


def calibrate(run: OpenedRun, models: Sequence[Model], level: float) -> Conformal:
    """The radius that the scores of the validation split give; of several models those of their averaged prediction.

    Call it inside `precision(...)`.

    Raises:
        ConfigError: the run predicts no number, or has too few validation rows for the level.
        DataError, RunError: its data are gone or have changed.
    """
    samples = run.own_samples()
    without_weights(run, samples, "--conformal")
    row = losses.of(samples.problem)
    if not suits(row):
        raise ConfigError(f"--conformal {_unsuited(run, row)}; leave it out.")
    if "val" not in samples.parts:
        raise ConfigError(
            f"--conformal learns from the validation split, and {run.name} has none; fit it with --val-fraction "
            "(or --N-val)."
        )
    scores = _scores(samples, models, "val", run.dtype)
    radius = radius_of(scores, level, getattr(samples.problem, "groups", {}).get("val"))
    return Conformal(radius, len(scores), row, _held(samples, models, radius, run.dtype))


def _scores(samples: Samples, models: Sequence[Model], split: str, dtype: str) -> np.ndarray:
    """The scores of the rows of a split, [n, dout]."""
    row, batch = losses.of(samples.problem), samples.parts[split]
    predict = predictor(samples.problem, models[0], dtype)
    each = [predict(batch.x, model) for model in models]
    yhat = np.asarray(row.averages(np.stack(each).astype(np.float64)))
    return scores_of(row, yhat, np.asarray(samples.problem.observed(jax.device_get(batch)), np.float64))


def _held(samples: Samples, models: Sequence[Model], radius: np.ndarray, dtype: str) -> Held | None:
    """How many outcomes of the test split, which nothing was learnt from, have a score of at most the radius."""
    if "test" not in samples.parts:
        return None
    inside = np.mean(_scores(samples, models, "test", dtype) <= radius, axis=1)
    groups = groups_of(samples.problem, "test", len(inside))
    share, units = float(np.mean(inside)), independent(len(inside), groups)
    if units < 2:
        return Held(share, 0.0, 1.0, len(inside))
    return Held(share, *wilson(share, standard_error(inside, groups), units), len(inside))


def _unsuited(run: Run, row: Loss) -> str:
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
