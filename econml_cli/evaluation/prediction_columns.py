"""The columns that predictions make: their names, units and intervals."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from econml_cli.errors import ConfigError, plural
from econml_cli.evaluation import prediction_intervals as intervals
from econml_cli.evaluation.conformal import Conformal, calibrate
from econml_cli.evaluation.opened import Members, OpenedRun
from econml_cli.evaluation.prediction_intervals import Asked, Spread, across
from econml_cli.evaluation.samples import computer, predictor
from econml_cli.models.base import Embedding
from econml_cli.problems import losses
from econml_cli.problems.base import Problem
from econml_cli.problems.means import mean as mean_of
from econml_cli.problems.tabular import Tabular
from econml_cli.problems.targets import names_of
from econml_cli.runs import health

if TYPE_CHECKING:  # `eval` needs no pandas, and importing it takes as long as reading a run
    import pandas as pd

Say = Callable[[str], None]


def columns(problem: Problem, yhat: np.ndarray) -> dict[str, np.ndarray]:
    """The columns that predictions [n, dout] make."""
    aim, names, width = losses.of(problem).target, names_of(problem), yhat.shape[1]
    found = {name: yhat[:, i] for i, name in enumerate(aim.columns(names, width))}
    if aim.classify is None:
        return found
    return {**found, "predicted": np.asarray(names.labels(width))[aim.classify(yhat)]}


def adds(
    run: OpenedRun, problem: Problem, embed: bool, asked: Asked | None, say: Say
) -> Callable[[Any], dict[str, np.ndarray]]:
    """The function that makes the new columns {name: [n]} from the inputs x [n, ...] of some rows of a run's `problem`.

    Raises:
        ConfigError: the model has no representation to `embed`, or no interval that is `asked` for.
    """
    if not embed:
        found, row = run.members(), losses.of(problem)
        if not row.is_normal:
            intervals.check_spread(run, asked, found)
        level = intervals.level_of(asked, row)
        conformal = calibrate(run, found.models, level) if asked is not None and asked.conformal else None
        make = _predicts(run, problem, found, level if asked is not None or len(found.models) > 1 else None, conformal)
        told = intervals.notes(run, asked, found, row, conformal)
        for note in (*health.of_weights(run, found.lost, found.epoch), *told):
            say(note)
        return make
    loaded = run.loaded()
    model = loaded.model
    for note in health.of_weights(run, loaded.diverged, loaded.epoch):
        say(note)
    if not isinstance(model, Embedding):
        raise ConfigError(
            f"--embed: model {run.config().model} has no representation z = phi(x) of its own; leave it out."
        )

    embedded = computer(lambda model, x: model.embed(x), model, run.dtype)

    def represent(x: Any) -> dict[str, np.ndarray]:
        z = embedded(x)
        return {f"z_{i + 1}": column for i, column in enumerate(z.reshape(len(z), -1).T)}

    return represent


def _predicts(
    run: OpenedRun, problem: Problem, of: Members, level: float | None, conformal: Conformal | None
) -> Callable[[Any], dict[str, np.ndarray]]:
    """Of several models the averaged prediction; beside it conformal intervals, or at `level` percent (None: none)
    those of the distribution that is predicted, or across models."""
    row, models = losses.of(problem), of.models
    predict = predictor(problem, models[0], run.dtype)

    def make(x: Any) -> dict[str, np.ndarray]:
        yhat = [predict(x, model) for model in models]
        # one prediction as it is, in its own precision
        mean = yhat[0] if len(yhat) == 1 else np.asarray(row.averages(np.stack(yhat).astype(np.float64)))
        found = columns(problem, mean)
        if conformal is not None:
            low, high = conformal.ends(mean)
            if not row.has_residuals:  # one interval, of a distribution
                return {**found, "lo": low[:, 0], "hi": high[:, 0]}
            return {**found, **_beside_each(problem, mean, Spread(intervals.sd_of(yhat), low, high))}
        if row.is_normal:
            return {**found, **({} if level is None else intervals.of_normal(mean, level))}
        if len(yhat) > 1 and level is not None:
            return {**found, **_beside_each(problem, mean, across(yhat, level))}
        return found

    return make


def _beside_each(problem: Problem, yhat: np.ndarray, spread: Spread) -> dict[str, np.ndarray]:
    """`sd`, `lo`, `hi` of the one prediction, or NAME_sd, NAME_lo, NAME_hi of each."""
    names = [name for name in columns(problem, yhat) if name != "predicted"]
    parts = {"sd": spread.sd, "lo": spread.low, "hi": spread.high}
    return {
        end if len(names) == 1 and losses.of(problem).has_residuals else f"{name}_{end}": values[:, i]
        for i, name in enumerate(names)
        for end, values in parts.items()
        if values is not None
    }


def levels(run: OpenedRun, problem: Problem, added: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Predictions of log(y) as predictions of y: exp(prediction) times the mean of exp(residual) over the training
    rows, in place of a normal distribution's exp(s^2 / 2). `lo` and `hi` are exp of theirs: quantiles need no factor.

    Raises:
        ConfigError: the target is no logarithm. DataError, RunError: as `OpenedRun.own_samples`.

    Source: Duan (1983), Journal of the American Statistical Association 78, "Smearing Estimate".
    """
    if losses.of(problem).target.several:
        raise ConfigError(
            f"--retransform is of a mean, and {run.name} {losses.of(problem).target.does} of a log; leave it out."
        )
    name = next(iter(added))
    if not name.startswith("yhat_log_"):
        raise ConfigError(f"--retransform is of a target that is a log, and that of {run.name} is none; leave it out.")
    own = run.own_samples()
    train = jax.device_get(own.parts["train"])
    models = run.members().models
    predict = predictor(own.problem, models[0], run.dtype)
    yhat = np.mean([predict(train.x, model) for model in models], axis=0)
    factor = float(mean_of(np.exp(np.asarray(own.problem.observed(train) - yhat))[:, 0], train.w))
    found = {"yhat": np.exp(np.asarray(added[name], np.float64)) * factor}
    return found | {end: np.exp(added[end]) for end in ("lo", "hi") if end in added}


def unlike(problem: Problem, frame: "pd.DataFrame", say: Say) -> dict[str, np.ndarray]:
    """A column `no_information` where rows have what no training row had: the design columns that their prediction
    leaves out, "" for none. No column in a run whose training rows vary in all of them."""
    if not isinstance(problem, Tabular) or not problem.uninformative:
        return {}
    names = np.full(len(frame), "", dtype=object)
    for name, rows in problem.unlike_training(frame).items():
        names[rows] = [f"{before}, {name}" if before else name for before in names[rows]]
    if count := int(np.count_nonzero(names != "")):
        verb = "have" if count > 1 else "has"
        say(f"{plural(count, 'row')} {verb} what no training row had, which the prediction leaves out (no_information)")
    return {"no_information": names}
