"""The figure of one run: what was fitted against the truth or the data, the residuals, and how training converged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from econml_cli.data import dates
from econml_cli.errors import EconmlError
from econml_cli.evaluation import calibration, words
from econml_cli.evaluation.calibration import of_scored
from econml_cli.evaluation.conformal import calibrate
from econml_cli.evaluation.drawing import panels, policies
from econml_cli.evaluation.evaluation import REPORTED
from econml_cli.evaluation.opened import OpenedRun, open_run
from econml_cli.evaluation.prediction_intervals import LEVEL
from econml_cli.evaluation.samples import Samples, Scored, predicted, scorer
from econml_cli.models.base import Model
from econml_cli.output import figure_files, figure_style
from econml_cli.output.figure_style import FITTED, OTHER, TRUE
from econml_cli.problems import losses
from econml_cli.problems.base import Batch, Equations, Problem
from econml_cli.problems.known import Known
from econml_cli.problems.linear import LinearProblem
from econml_cli.problems.tabular import Tabular
from econml_cli.problems.targets import names_of
from econml_cli.runs.directory import Run

#: points of the curve of a function of one input; lines of the longest key below a panel
GRID, KEYS = 400, 4

Panel = Callable[[Any], None]


@dataclass(frozen=True)
class _Fit:
    """A model on one split, and what panels are made of: the column of dates of its rows, its name and values [n]; the
    radius of the conformal interval at `LEVEL` percent, None where there is none; labels of columns."""

    problem: Problem
    model: Model
    dtype: str
    split: str
    batch: Batch
    dated: tuple[str, np.ndarray] | None = None
    radius: float | None = None
    labels: Mapping[str, str] | None = None

    @property
    def x(self) -> np.ndarray:
        return np.asarray(self.batch.x)

    def names(self) -> tuple[list[str], str]:
        """(features, target), in the words of the data."""
        about = self.problem.describe()
        found = [str(name) for name in about.get("features") or []]
        return [self.worded(name) for name in found], self.worded(str(about.get("target") or "y"))

    def worded(self, name: str) -> str:
        """What a column is called."""
        return words.worded(words.named(self.problem, name), self.labels or {})

    def predicted(self, x: Any) -> np.ndarray:
        """[n, dout], in the target's own units."""
        return predicted(self.problem, self.model, x, self.dtype)


@figure_style.styled
def figure(
    run: Run,
    *,
    data: str | None = None,
    missing: str | None = None,
    step: int | None = None,
    changes: Mapping[str, Any] | None = None,
    sheet: str | None = None,
    width: figure_style.Width | None = None,
) -> Any:
    """The panels of a run, as a `matplotlib.figure.Figure`.

    Of an economic model: each policy as lines over its first state at values of the second (`policies.panels_of`),
    log10 of the Euler residuals, the responses to each shock in per cent of the steady state. Of a regression: the fit,
    or predicted against observed, with the conformal interval that the validation split gives, and the residuals. Of a
    classification: observed against predicted shares with binomial intervals, and the probabilities by class. Then the
    losses by epoch. On the split that `evaluate` reports; the arguments are its own, and `width`, that of the figure
    (`figure_style.panels`).

    Raises:
        As `evaluate`.
    """
    with open_run(run, step=step, data=data, missing=missing, changes=changes, sheet=sheet) as opened:
        config, loaded, samples = opened.config(), opened.loaded(), opened.samples()
        epoch = loaded.epoch
        split = next(name for name in REPORTED if name in samples.parts)
        own = (samples.problem, loaded.model, opened.dtype, split, samples.parts[split])
        radius = _radius(opened, loaded.model, samples.problem, split)
        fit = _Fit(*own, _dated(samples, split), radius, words.labels_of(opened))
        parts: list[Panel] = [*_panels(fit), lambda axis: panels.convergence(axis, opened.metrics(), epoch)]
        drawn, axes = figure_style.panels(len(parts), width, keys=KEYS)
        said = ", ".join(f"{name}={value}" for name, value in (opened.changes or {}).items())
        about = f"{run.name}: {config.model} on {config.problem}{said and ' with ' + said}, epoch {epoch:,}"
        figure_style.describe(drawn, about)
        for axis, panel in zip(axes, parts, strict=True):
            panel(axis)
    figure_files.as_written(drawn)
    return drawn


def _radius(run: OpenedRun, model: Model, problem: Problem, split: str) -> float | None:
    """Of a regression the radius of its conformal intervals; None of the training split, which it would be too small
    for, and where there is none (no validation split, weights, several outputs, the file of the fit is gone)."""
    if split == "train" or not losses.of(problem).has_residuals or problem.dout != 1 or run.changes:
        return None
    try:
        return float(calibrate(run, [model], LEVEL).radius[0])
    except EconmlError:
        return None


def _dated(samples: Samples, split: str) -> tuple[str, np.ndarray] | None:
    """The column of dates by which the rows of a table are in time, or that a feature is made of, and its values [n];
    None where there is none."""
    problem = samples.problem
    if not isinstance(problem, Tabular) or problem.schema is None:
        return None
    found = [c for c in problem.schema.columns if c.kind == "date" and {"time", "feature"} & set(c.role.split(", "))]
    names = [c.name for c in sorted(found, key=lambda c: "time" not in c.role)]
    if samples.frame is not None:
        names = [name for name in names if name in samples.frame.columns]
    if not names:
        return None
    column = problem.column(names[0], split) if samples.frame is None else samples.frame[names[0]]
    return names[0], column.to_numpy("datetime64[s]")


def _trend(fit: _Fit) -> tuple[str, np.ndarray, Callable[[np.ndarray], np.ndarray]] | None:
    """Of a fit whose one input is trend(when): ("when", the dates [n], dates of other values of the input)."""
    if fit.dated is None or not isinstance(fit.problem, Tabular):
        return None
    name, features = fit.dated[0], fit.problem.features
    if features.names not in ([f"trend({name})"], [f"trend(`{name}`)"]):
        return None
    mean, scale = features.mean[0], features.scale[0]
    return name, dates.of_trend(fit.x.reshape(-1) * scale + mean), lambda x: dates.of_trend(x * scale + mean)


def _panels(fit: _Fit) -> Sequence[Panel]:
    """What is drawn before convergence."""
    if isinstance(fit.problem, Equations):
        return policies.panels_of(fit.problem, fit.model, fit.batch, fit.dtype, fit.split)
    scored = scorer(fit.problem, fit.model, fit.dtype)(fit.batch)
    if scored.y is None or scored.yhat is None:
        return ((lambda axis: panels.counts(axis, scored.loss, "loss of an observation", f"Losses ({fit.split})")),)
    row = losses.of(fit.problem)
    if row.classifies:
        reliable = () if scored.w is not None else ((lambda axis: _reliability(axis, fit, scored)),)
        return *reliable, (lambda axis: _probabilities(axis, fit, scored))
    one = fit.x.reshape(len(fit.x), -1).shape[1] == 1 == scored.y.shape[1] and row.has_residuals
    curve = _curve if one else _against
    return (lambda axis: curve(axis, fit, scored)), (lambda axis: _residuals(axis, fit, scored))


def _curve(axis: Any, fit: _Fit, scored: Scored) -> None:
    """A function of one input, the truth where it is known, and the observations."""
    assert scored.y is not None
    x = fit.x.reshape(-1)
    grid = np.linspace(x.min(), x.max(), GRID, dtype=x.dtype)[:, None]
    kept = panels.some(len(x), panels.CLOUD)
    features, target = fit.names()
    trend = _trend(fit)
    at, over = (x, grid[:, 0]) if trend is None else (trend[1], trend[2](grid[:, 0]))
    panels.cloud(axis, at[kept], scored.y[kept, 0], color="0.6", alpha=0.5, label=f"observed ({fit.split})")
    fitted = fit.predicted(grid)[:, 0]
    axis.plot(over, fitted, color=FITTED, linewidth=1.6, label="fitted")
    if fit.radius is not None:
        figure_style.band(axis, over, fitted - fit.radius, fitted + fit.radius, FITTED, _conformal(fit, scored))
    truth = _function(fit.problem)
    if truth is not None:
        exact = truth(grid.astype(np.float64))
        axis.plot(grid[:, 0], exact, color=TRUE, linewidth=0.8, linestyle="--", label="truth")
    standardised = "" if fit.problem.simulated else ", standardised"
    axis.set_xlabel((features[0] if features else "x") + standardised)
    axis.set_ylabel(figure_style.folded(target, letters=30))
    if trend is not None:
        axis.set_xlabel(fit.worded(trend[0]))
        panels.date_axis(axis)
    axis.set_title("Fit" + ("" if truth is None else " and truth"))
    figure_style.key(axis)


def _conformal(fit: _Fit, scored: Scored) -> str:
    """What the band about predictions is, and how often it holds what was observed."""
    assert scored.y is not None and scored.yhat is not None and fit.radius is not None
    held = np.abs(scored.y - scored.yhat) <= fit.radius * (1 + 1e-9)
    return f"{LEVEL:g} % conformal interval,\nholding {held.mean():.0%} of {len(held):,}"


def _function(problem: Problem) -> Callable[[np.ndarray], np.ndarray] | None:
    """The true f, [n, din] -> [n], where the problem knows it."""
    known = getattr(problem, "known", None)
    if isinstance(known, Known):
        return lambda x: np.asarray(known.f(x))
    if isinstance(problem, LinearProblem):
        return lambda x: x @ np.asarray(problem.theta, np.float64)
    return None


def _against(axis: Any, fit: _Fit, scored: Scored) -> None:
    """Predicted against the truth, or, where it is not known, against what was observed."""
    assert scored.y is not None and scored.yhat is not None
    truth, (_, target) = _function(fit.problem), fit.names()
    seen = "observed" if truth is None else "truth"
    if truth is None and fit.radius is not None:
        panels.diagonal(axis, scored.y, scored.yhat, fit.radius, _conformal(fit, scored))
    else:
        panels.diagonal(axis, scored.y if truth is None else truth(fit.x.astype(np.float64)), scored.yhat)
    name, done = ("feature", "reconstructed") if losses.of(fit.problem).reconstructs else (target, "predicted")
    axis.set_xlabel(figure_style.folded(f"{name}, {seen}", letters=36))
    axis.set_ylabel(figure_style.folded(f"{name}, {done}", letters=30))
    axis.set_title(f"{done.capitalize()} against {seen} ({fit.split})")
    figure_style.key(axis)


def _residuals(axis: Any, fit: _Fit, scored: Scored) -> None:
    assert scored.y is not None and scored.yhat is not None
    if fit.dated is not None and scored.y.shape[1] == 1:
        name, when = fit.dated
        panels.cloud(axis, when, (scored.y - scored.yhat)[:, 0])
        axis.axhline(0.0, color=TRUE, linewidth=0.8, linestyle="--")
        axis.set(xlabel=fit.worded(name), ylabel="observed - predicted")
        axis.set_title(f"Residuals over time ({fit.split})")
        panels.date_axis(axis)
        return
    panels.counts(axis, (scored.y - scored.yhat).reshape(-1), "observed - predicted", f"Residuals ({fit.split})")
    axis.axvline(0.0, color=TRUE, linewidth=0.8, linestyle="--")


def _reliability(axis: Any, fit: _Fit, scored: Scored) -> None:
    """Observed shares against predicted probabilities."""
    found = calibration.measured(*of_scored(scored))
    of = fit.worded(calibration.meaning(Samples(fit.problem, {})))
    calibration.panel(axis, found["bins"], found["error"], found["p_value"], of)


def _probabilities(axis: Any, fit: _Fit, scored: Scored) -> None:
    """The probability of the second class, or that of the observed one, by observed class."""
    assert scored.y is not None and scored.yhat is not None
    seen, wide = np.asarray(scored.y).reshape(-1).astype(int), scored.yhat.shape[1]
    p = scored.yhat[:, 0] if wide == 1 else scored.yhat[np.arange(len(seen)), seen]
    classes, target = names_of(fit.problem).labels(wide), fit.names()[1]
    groups = [p[seen == k] for k in range(len(classes))]
    colours = [(OTHER, FITTED, *figure_style.COLORS[2:])[k % 5] for k in range(len(classes))]
    _, _, bars = axis.hist(
        groups, bins=20, range=(0, 1), stacked=True, color=colours, label=[f"{target} = {name}" for name in classes]
    )
    for k, each in enumerate(bars):  # told apart in grey, too
        for bar in each:
            bar.set(hatch=("", "////", "....", "xxxx", "----")[k % 5], edgecolor="white", linewidth=0.3)
    probability = (
        f"predicted P({target} = {classes[1]})" if wide == 1 else "predicted probability of the class observed"
    )
    axis.set_xlabel(figure_style.folded(probability, letters=36))
    axis.set_ylabel("count")
    axis.set_title(f"Probabilities by class observed ({fit.split})")
    figure_style.key(axis, columns=2)
