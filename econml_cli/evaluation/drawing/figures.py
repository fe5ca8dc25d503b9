"""The figure of one run: what was fitted against the truth or the data, the residuals, and how training converged."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from econml_cli.data import dates
from econml_cli.evaluation.drawing import panels
from econml_cli.evaluation.evaluation import REPORTED
from econml_cli.evaluation.opened import open_run
from econml_cli.evaluation.samples import Samples, Scored, computed, predicted, scorer
from econml_cli.models.base import Model
from econml_cli.problems import losses
from econml_cli.problems.base import Batch, Equations, HasTruth, Problem
from econml_cli.problems.economies import verdicts
from econml_cli.problems.economies.simulation import at
from econml_cli.problems.known import Known
from econml_cli.problems.linear import LinearProblem
from econml_cli.problems.tabular import Tabular
from econml_cli.problems.targets import names_of
from econml_cli.runs.directory import Run
from econml_cli.training.precision import to_device

#: inputs up to which the first is the axis of a policy; beyond (many firms), it is their mean
FEW = 10
#: a truth that varies by less, as a share, is the same in every state
CONSTANT = 1e-5
#: points of the curve of a function of one input, and of a policy; outputs whose policies are drawn
GRID, LINE, OUTPUTS = 400, 100, 4

Panel = Callable[[Any], None]


@dataclass(frozen=True)
class _Fit:
    """A model on one split: inputs x [n, ...], the names of features and target, and what panels are made of. `dated`
    is a column of dates, and its values [n], of rows that have one."""

    problem: Problem
    model: Model
    dtype: str
    split: str
    batch: Batch
    dated: tuple[str, np.ndarray] | None = None

    @property
    def x(self) -> np.ndarray:
        return np.asarray(self.batch.x)

    def names(self) -> tuple[list[str], str]:
        """(features, target), as the problem describes them."""
        about = self.problem.describe()
        return list(about.get("features") or []), str(about.get("target") or "y")

    def predicted(self, x: Any) -> np.ndarray:
        """[n, dout], in the target's own units."""
        return predicted(self.problem, self.model, x, self.dtype)


def figure(
    run: Run,
    *,
    data: str | None = None,
    missing: str | None = None,
    step: int | None = None,
    changes: Mapping[str, Any] | None = None,
    sheet: str | None = None,
) -> Any:
    """Three panels of a run, as a `matplotlib.figure.Figure`.

    Of an economic model: the policy against the truth, log10 of the Euler residuals, the losses by epoch; where it has
    a few states also each policy over the first of them at three values of the second (see `_lines`). Of another
    problem: the fit against the truth or the observations, the residuals, the losses by epoch. On the split that
    `evaluate` reports; the arguments are its own.

    Raises:
        As `evaluate`.
    """
    from matplotlib.figure import Figure

    with open_run(run, step=step, data=data, missing=missing, changes=changes, sheet=sheet) as opened:
        config, loaded, samples = opened.config(), opened.loaded(), opened.samples()
        epoch = loaded.epoch
        split = next(name for name in REPORTED if name in samples.parts)
        own = (samples.problem, loaded.model, opened.dtype, split, samples.parts[split])
        fit = _Fit(*own, dated=_dated(samples, split))
        parts: list[Callable[[Any], None]] = [
            *_panels(fit),
            lambda axis: panels.convergence(axis, opened.metrics(), epoch),
            *_lines(fit),
        ]
        drawn = Figure(figsize=(4.3 * len(parts), 3.6), layout="constrained")
        said = ", ".join(f"{name}={value}" for name, value in (opened.changes or {}).items())
        drawn.suptitle(f"{run.name}: {config.model} on {config.problem}{said and ' with ' + said}, epoch {epoch:,}")
        for axis, panel in zip(drawn.subplots(1, len(parts), squeeze=False)[0], parts, strict=True):
            panel(axis)
            axis.tick_params(labelsize="small")
            axis.spines[["top", "right"]].set_visible(False)
    return drawn


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
        return (lambda axis: _policy(axis, fit)), (lambda axis: _euler(axis, fit))
    scored = scorer(fit.problem, fit.model, fit.dtype)(fit.batch)
    if scored.y is None or scored.yhat is None:
        return ((lambda axis: panels.counts(axis, scored.loss, "loss of an observation", f"Losses ({fit.split})")),)
    row = losses.of(fit.problem)
    if row.classifies:
        return (lambda axis: _probabilities(axis, fit, scored)), (lambda axis: _surprise(axis, fit, scored))
    one = fit.x.reshape(len(fit.x), -1).shape[1] == 1 == scored.y.shape[1] and row.has_residuals
    curve = _curve if one else _against
    return (lambda axis: curve(axis, fit, scored)), (lambda axis: _residuals(axis, fit, scored))


def _policy(axis: Any, fit: _Fit) -> None:
    """The policy over the state where there is one or the truth is constant, else against the truth."""
    x, policy, truth = fit.x.reshape(len(fit.x), -1), fit.predicted(fit.batch.x), _truth(fit)
    _, target = fit.names()
    if x.shape[1] == 1 or truth is None or np.all(np.ptp(truth, axis=0) <= CONSTANT * np.abs(truth).max(axis=0)):
        return _over_state(axis, fit, x, policy, truth)
    panels.diagonal(axis, truth, policy)
    axis.set(xlabel=f"{target}, exact", ylabel=f"{target}, fitted")
    axis.set_title("Policy against the truth", fontsize="medium")


def _over_state(axis: Any, fit: _Fit, x: np.ndarray, policy: np.ndarray, truth: np.ndarray | None) -> None:
    """Each policy over the one state; over the first of a few, a point a sampled state; over the mean of many."""
    by_first, (features, target) = x.shape[1] <= FEW, fit.names()
    where = x[:, 0] if by_first else x.mean(axis=1)
    order, kept = np.argsort(where), panels.some(len(where), panels.CLOUD)
    for i in range(policy.shape[1]):
        look = {"color": f"C{i}", "label": None if i else "fitted"}
        if x.shape[1] == 1:
            axis.plot(where[order], policy[order, i], linewidth=1.8, **look)
        else:
            axis.plot(where[kept], policy[kept, i], ".", markersize=2.5, **look)
        if truth is not None:
            dashed = {"color": panels.TRUE, "linewidth": 1, "linestyle": "--"}
            axis.plot(where[order], truth[order, i], label=None if i else "exact", **dashed)
    axis.set(xlabel=(features[0] if features else "x") if by_first else "mean of the states", ylabel=target)
    axis.ticklabel_format(useOffset=False)
    others = by_first and x.shape[1] > 1
    title = ("Policy" if truth is None else "Policy and truth") + ", at sampled values of the other states" * others
    axis.set_title(title, fontsize="small" if others else "medium")
    axis.legend(frameon=False, fontsize="small")


def _lines(fit: _Fit) -> Sequence[Panel]:
    """A panel for each output (at most `OUTPUTS`) of an economic model with a few states: the policy over the first
    state, at the 10 %, 50 % and 90 % points of the second in the sample, the others at their medians."""
    x = fit.x
    if not isinstance(fit.problem, Equations) or x.ndim != 2 or not 2 <= x.shape[1] <= FEW:
        return ()
    first = np.linspace(x[:, 0].min(), x[:, 0].max(), LINE)
    grids = []
    for value in np.quantile(x[:, 1], [0.1, 0.5, 0.9]):
        grid = np.tile(np.median(x, axis=0), (LINE, 1)).astype(x.dtype)
        grid[:, 0], grid[:, 1] = first, value
        grids.append(grid)
    policies = [fit.predicted(grid) for grid in grids]
    truth = fit.problem.truth if isinstance(fit.problem, HasTruth) else None
    exact = [None if truth is None else truth(to_device(Batch(grid, None), fit.dtype).x) for grid in grids]

    def panel(i: int, axis: Any) -> None:
        features, target = fit.names()
        names = features if len(features) == x.shape[1] else [f"x{k + 1}" for k in range(x.shape[1])]
        for k, (grid, policy, right) in enumerate(zip(grids, policies, exact, strict=True)):
            axis.plot(first, policy[:, i], color=f"C{k}", linewidth=1.6, label=f"{names[1]} = {grid[0, 1]:.3g}")
            if right is not None:
                axis.plot(first, np.asarray(right)[:, i], color=panels.TRUE, linewidth=0.8, linestyle="--")
        axis.set(xlabel=names[0], ylabel=target if policies[0].shape[1] == 1 else f"{target}, {i + 1}")
        axis.set_title("Policy by state" + ", others at their medians" * (x.shape[1] > 2), fontsize="medium")
        axis.ticklabel_format(useOffset=False)
        axis.legend(frameon=False, fontsize="small")

    return [functools.partial(panel, i) for i in range(min(policies[0].shape[1], OUTPUTS))]


def _truth(fit: _Fit) -> np.ndarray | None:
    """The exact policy, [n, dout]; None where it is not known."""
    if not isinstance(fit.problem, HasTruth):
        return None
    found = fit.problem.truth(to_device(fit.batch, fit.dtype).x)
    return None if found is None else np.asarray(found, np.float64)


def _euler(axis: Any, fit: _Fit) -> None:
    """log10 |Euler residual|, free of units where the problem says how."""

    def largest(model: Model, x: Any) -> jax.Array:
        assert isinstance(fit.problem, Equations)
        found: jax.Array = abs(fit.problem.residual(model, at(x))).max(axis=1)
        return found

    found = computed(getattr(fit.problem, "euler", largest), fit.model, fit.batch.x, fit.dtype)
    values = np.log10(np.maximum(np.abs(np.asarray(found, np.float64)), verdicts.SMALLEST))
    panels.counts(axis, values, "log10 |Euler residual|", f"Residuals ({fit.split})")
    finite = values[np.isfinite(values)]
    if len(finite):
        axis.axvline(finite.mean(), color=panels.TRUE, linewidth=1, linestyle="--", label=f"mean {finite.mean():.2f}")
        axis.legend(frameon=False, fontsize="small")


def _curve(axis: Any, fit: _Fit, scored: Scored) -> None:
    """A function of one input, the truth where it is known, and the observations."""
    assert scored.y is not None
    x = fit.x.reshape(-1)
    grid = np.linspace(x.min(), x.max(), GRID, dtype=x.dtype)[:, None]
    kept = panels.some(len(x), panels.CLOUD)
    features, target = fit.names()
    trend = _trend(fit)
    at, over = (x, grid[:, 0]) if trend is None else (trend[1], trend[2](grid[:, 0]))
    axis.plot(at[kept], scored.y[kept, 0], ".", color="0.7", markersize=3, label=f"observed ({fit.split})")
    axis.plot(over, fit.predicted(grid)[:, 0], color=panels.FITTED, linewidth=1.8, label="fitted")
    truth = _function(fit.problem)
    if truth is not None:
        axis.plot(
            grid[:, 0], truth(grid.astype(np.float64)), color=panels.TRUE, linewidth=1, linestyle="--", label="truth"
        )
    standardised = "" if fit.problem.simulated else ", standardised"
    axis.set(xlabel=(features[0] if features else "x") + standardised, ylabel=target)
    if trend is not None:
        axis.set_xlabel(trend[0])
        panels.date_axis(axis)
    axis.set_title("Fit" + ("" if truth is None else " and truth"), fontsize="medium")
    axis.legend(frameon=False, fontsize="small")


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
    panels.diagonal(axis, scored.y if truth is None else truth(fit.x.astype(np.float64)), scored.yhat)
    name, done = ("feature", "reconstructed") if losses.of(fit.problem).reconstructs else (target, "predicted")
    axis.set(xlabel=f"{name}, {seen}", ylabel=f"{name}, {done}")
    axis.set_title(f"{done.capitalize()} against {seen} ({fit.split})", fontsize="medium")


def _residuals(axis: Any, fit: _Fit, scored: Scored) -> None:
    assert scored.y is not None and scored.yhat is not None
    if fit.dated is not None and scored.y.shape[1] == 1:
        name, when = fit.dated
        kept = panels.some(len(when), panels.CLOUD)
        axis.plot(when[kept], (scored.y - scored.yhat)[kept, 0], ".", color=panels.FITTED, markersize=3)
        axis.axhline(0.0, color=panels.TRUE, linewidth=1, linestyle="--")
        axis.set(xlabel=name, ylabel="observed - predicted")
        axis.set_title(f"Residuals over time ({fit.split})", fontsize="medium")
        panels.date_axis(axis)
        return
    panels.counts(axis, (scored.y - scored.yhat).reshape(-1), "observed - predicted", f"Residuals ({fit.split})")
    axis.axvline(0.0, color=panels.TRUE, linewidth=1, linestyle="--")


def _probabilities(axis: Any, fit: _Fit, scored: Scored) -> None:
    """The probability of the second class, or that of the observed one, by observed class."""
    assert scored.y is not None and scored.yhat is not None
    seen, width = np.asarray(scored.y).reshape(-1).astype(int), scored.yhat.shape[1]
    p = scored.yhat[:, 0] if width == 1 else scored.yhat[np.arange(len(seen)), seen]
    classes = names_of(fit.problem).labels(width)
    groups = [p[seen == k] for k in range(len(classes))]
    axis.hist(groups, bins=20, range=(0, 1), stacked=True, label=[f"observed {name}" for name in classes])
    axis.set(
        xlabel=f"probability of {classes[1]}" if width == 1 else "probability of the class observed", ylabel="count"
    )
    axis.set_title(f"Predicted probabilities ({fit.split})", fontsize="medium")
    axis.legend(frameon=False, fontsize="small")


def _surprise(axis: Any, fit: _Fit, scored: Scored) -> None:
    panels.counts(axis, scored.loss, "- log probability of what was observed", f"Losses ({fit.split})")
