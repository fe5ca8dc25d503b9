"""Panels of an economic model: its policy, its Euler residuals, and its responses to shocks."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from econml_cli.evaluation import words
from econml_cli.evaluation.drawing import panels
from econml_cli.evaluation.samples import computed, predicted, predictor
from econml_cli.evaluation.simulation import responses
from econml_cli.models.base import Model
from econml_cli.output import figure_style
from econml_cli.output.figure_style import TRUE
from econml_cli.problems.base import Batch, Equations, HasTruth, Problem, ReadsStates, Shocked
from econml_cli.problems.economies import verdicts
from econml_cli.problems.economies.simulation import at
from econml_cli.problems.economies.visited import moves
from econml_cli.problems.words import output_names, words_of
from econml_cli.training.precision import to_device

#: inputs up to which a policy is drawn over the first of them, at values of the second, and up to which that is all
FEW, TWO = 10, 2
#: where on the sample the lines of the second state are
AT = (0.1, 0.5, 0.9)
#: a truth that varies by less, as a share, is the same in every state
CONSTANT = 1e-5
#: points of a line, outputs whose policies are drawn, shocks and series whose responses are
LINE, OUTPUTS, SHOCKS, SERIES = 100, 4, 2, 5
#: values of a state between which its units are interpolated
FINE = 1001
#: periods of a response
HORIZON = 40

Panel = Callable[[Any], None]


def panels_of(problem: Problem, model: Model, batch: Batch, dtype: str, split: str) -> Sequence[Panel]:
    """A panel for each output (at most `OUTPUTS`), one of the residuals, one for each shock (at most `SHOCKS`).

    Of a model of few states a policy is a line over the first, at the 10 %, 50 % and 90 % points of the second in the
    sample, the others at their medians; in the economy's own units where it says which (`problems.base.ReadsStates`).
    Of more than two it also stands against the truth, or over their mean. The exact policy is beside it where known.
    """
    x = np.asarray(batch.x)
    shown: list[Panel] = []
    if x.ndim != 2 or x.shape[1] > TWO:
        shown.append(functools.partial(_of_many, problem, model, batch, dtype))
    if x.ndim == 2 and x.shape[1] <= FEW:
        shown += _lines(problem, model, x, dtype)
    return *shown, functools.partial(_euler, problem, model, batch, dtype, split), *_responses(problem, model)


def _lines(problem: Problem, model: Model, x: np.ndarray, dtype: str) -> list[Panel]:
    several = x.shape[1] > 1
    first = np.linspace(x[:, 0].min(), x[:, 0].max(), LINE)
    grids = []
    for value in _values(problem, x) if several else (None,):
        grid = np.tile(np.median(x, axis=0), (LINE, 1)).astype(x.dtype)
        grid[:, 0] = first
        if value is not None:
            grid[:, 1] = value
        grids.append(grid)
    predict = predictor(problem, model, dtype)
    policies = [predict(grid) for grid in grids]
    exact = [_exact(problem, grid, dtype) for grid in grids]
    names = output_names(_target(problem), policies[0].shape[1])

    def panel(i: int, axis: Any) -> None:
        for k, (grid, policy, right) in enumerate(zip(grids, policies, exact, strict=True)):
            own = _in_units(problem, grid)
            at, *others = own.values()
            label = f"{list(own)[1]} = {_short(others[0][0])}" if several else "fitted"
            axis.plot(at, policy[:, i], label=label, **figure_style.look(k))
            if right is not None:
                last = k == len(grids) - 1
                look: dict[str, Any] = {"color": TRUE, "linewidth": 0.7, "linestyle": (0, (2, 2))}
                axis.plot(at, right[:, i], label="exact" if last else None, **look)
        axis.set_xlabel(words.named(problem, next(iter(own))))
        axis.set_ylabel(figure_style.folded(words.named(problem, names[i]), letters=30))
        axis.set_title("Policy" + ", other states at their medians" * (x.shape[1] > 2))
        _not_enlarged(axis)
        figure_style.key(axis, columns=2)

    return [functools.partial(panel, i) for i in range(min(len(names), OUTPUTS))]


def _values(problem: Problem, x: np.ndarray) -> list[float]:
    """Where on the second state lines are: its quantiles in the sample, round in the units that it is told in."""
    fine = np.tile(np.median(x, axis=0), (FINE, 1)).astype(x.dtype)
    fine[:, 1] = np.linspace(x[:, 1].min(), x[:, 1].max(), FINE)
    told = list(_in_units(problem, fine).values())[1].astype(np.float64)
    if not np.all(np.diff(told) > 0):
        return [float(value) for value in np.quantile(x[:, 1], AT)]
    low, middle, high = np.interp(np.quantile(x[:, 1], AT), fine[:, 1], told)
    unit = 10.0 ** np.floor(np.log10(high - low) - 1)
    return [float(np.interp(round(value / unit) * unit, told, fine[:, 1])) for value in (low, middle, high)]


def _short(value: float) -> str:
    """A round number as it is written: without what float32 has added to it."""
    return f"{round(float(value), 6) + 0.0:.3g}" if abs(value) < 1e6 else f"{value:.3g}"


def _not_enlarged(axis: Any) -> None:
    """A line that is flat but for rounding is drawn flat."""
    low, high = axis.get_ylim()
    size = max(abs(low), abs(high))
    if high - low < 1e-2 * size:
        middle = (low + high) / 2
        axis.set_ylim(middle - 0.01 * size, middle + 0.01 * size)


def _in_units(problem: Problem, x: np.ndarray) -> dict[str, np.ndarray]:
    """The numbers of states by name, in the economy's own units where it says so."""
    if isinstance(problem, ReadsStates):
        return {name: np.asarray(values) for name, values in problem.in_units(x).items()}
    features = [str(name) for name in problem.describe().get("features") or []]
    names = features if len(features) == x.shape[1] else [f"x{k + 1}" for k in range(x.shape[1])]
    return {name: x[:, k] for k, name in enumerate(names)}


def _target(problem: Problem) -> str:
    found = problem.describe().get("target")
    return found if isinstance(found, str) else "policy"


def _exact(problem: Problem, x: np.ndarray, dtype: str) -> np.ndarray | None:
    """The exact policy, [n, dout]; None where it is not known."""
    if not isinstance(problem, HasTruth):
        return None
    found = problem.truth(to_device(Batch(x, None), dtype).x)
    return None if found is None else np.asarray(found, np.float64)


def _of_many(problem: Problem, model: Model, batch: Batch, dtype: str, axis: Any) -> None:
    """The policy of a model of many states: against the truth, or over the mean of its states."""
    x, target = np.asarray(batch.x), words.named(problem, _target(problem))
    policy, truth = predicted(problem, model, batch.x, dtype), _exact(problem, batch.x, dtype)
    if truth is not None and np.any(np.ptp(truth, axis=0) > CONSTANT * np.abs(truth).max(axis=0)):
        panels.diagonal(axis, truth, policy)
        axis.set(xlabel=f"{target}, exact", ylabel=f"{target}, fitted")
        axis.set_title("Policy against the truth")
        figure_style.key(axis)
        return
    where = x.reshape(len(x), -1).mean(axis=1)
    for i in range(policy.shape[1]):
        panels.cloud(axis, where, policy[:, i], color=figure_style.COLORS[i % 5], label=None if i else "fitted")
    if truth is not None:
        order = np.argsort(where)
        axis.plot(where[order], truth[order, 0], color=TRUE, linewidth=0.8, linestyle="--", label="exact")
    axis.set(xlabel="mean of the states", ylabel=target)
    axis.set_title("Policy" if truth is None else "Policy and truth")
    figure_style.key(axis)


def _euler(problem: Problem, model: Model, batch: Batch, dtype: str, split: str, axis: Any) -> None:
    """log10 |Euler residual|, free of units where the problem says how."""

    def largest(model: Model, x: Any) -> jax.Array:
        assert isinstance(problem, Equations)
        found: jax.Array = abs(problem.residual(model, at(x))).max(axis=1)
        return found

    found = computed(getattr(problem, "euler", largest), model, batch.x, dtype)
    values = np.log10(np.maximum(np.abs(np.asarray(found, np.float64)), verdicts.SMALLEST))
    panels.counts(axis, values, "log10 |Euler residual|", f"Residuals ({split})")
    finite = values[np.isfinite(values)]
    if len(finite):
        axis.axvline(finite.mean(), color=TRUE, linewidth=0.8, linestyle="--", label=f"mean {finite.mean():.2f}")
        axis.legend()


def _responses(problem: Problem, model: Model) -> Sequence[Panel]:
    """A panel for each shock that has a name: the series that move in per cent."""
    if not moves(problem) or not isinstance(problem, Shocked):
        return ()
    return [functools.partial(_response, problem, model, name) for name in list(problem.impulses)[:SHOCKS]]


def _response(problem: Shocked, model: Model, shock: str, axis: Any) -> None:
    """The response of the first series to one standard deviation of a shock, in per cent of the steady state."""
    said = words_of(problem)
    every = responses.responses(problem, None, model, shock, periods=HORIZON + 1, words=said)
    order = [name for name in said if name in every] or list(every)  # JAX sorts a dict; the words are in order
    found = {name: every[name] for name in order if every[name].unit == "per cent"}
    axis.axhline(0.0, color="0.6", linewidth=0.6)
    for i, (name, one) in enumerate(list(found.items())[:SERIES]):
        values = np.where(np.isfinite(one.values), one.values, np.nan)
        axis.plot(np.arange(len(values)), values, label=said.get(name, name), **figure_style.look(i))
    axis.set(xlabel="period", ylabel=next((one.label for one in found.values()), ""))
    axis.set_title(f"Response to one sd of {said.get(shock, shock)}")
    axis.margins(x=0)
    figure_style.key(axis, columns=2)
