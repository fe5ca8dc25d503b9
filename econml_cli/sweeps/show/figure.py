"""A sweep as a figure for a paper: the metric by trial, which parameters go with it, and the one that does most."""

import math
from typing import Any

import numpy as np

from econml_cli.output import figure_files, figure_style
from econml_cli.output.figure_style import FITTED, OTHER
from econml_cli.sweeps.show.importance import Analysis, Influence
from econml_cli.sweeps.study.trials import Results

#: parameters whose correlation can still be read
MOST = 30
#: a span, as a ratio, from which an axis is logarithmic
WIDE = 20.0


@figure_style.styled
def figure(results: Results, analysis: Analysis, width: figure_style.Width | None = None) -> Any:
    """The panels as a `matplotlib.figure.Figure`: the metric of each complete trial with the best so far; the rank
    correlation of each numeric parameter with the metric, with its 95 % interval; the metric against the parameter of
    the largest importance. What the trials do not tell has no panel."""
    parts = [_history]
    told = [one for one in analysis.influences if one.correlation is not None][:MOST]
    parts += [lambda axis, results: _correlations(axis, results, told)] if told else []
    parts += [lambda axis, results: _against(axis, results, told[0].name)] if told else []
    drawn, axes = figure_style.panels(len(parts), width, keys=2)
    figure_style.describe(drawn, f"{results.name}: {results.metric} of {len(results.trials):,} trials")
    for axis, part in zip(axes, parts, strict=True):
        part(axis, results)
    figure_files.as_written(drawn)
    return drawn


def _done(results: Results) -> list[Any]:
    """The complete trials whose metric is a number, by number."""
    return [t for t in results.trials if t.state == "complete" and t.value is not None and math.isfinite(t.value)]


def _history(axis: Any, results: Results) -> None:
    done = _done(results)
    numbers, values = np.array([t.number for t in done]), np.array([t.value for t in done], float)
    axis.plot(numbers, values, "o", color=FITTED, linestyle="none", markersize=3, alpha=0.6, label="a trial")
    best = (np.minimum if results.goal == "minimize" else np.maximum).accumulate(values)
    axis.step(numbers, best, where="post", color=OTHER, label="best so far")
    axis.set(xlabel="trial", ylabel=_words(results.metric))
    axis.set_title(f"{len(done):,} of {len(results.trials):,} trials are complete")
    _scale(axis, "y", values)
    if len(done):
        figure_style.key(axis)


def _correlations(axis: Any, results: Results, told: list[Influence]) -> None:
    lines = list(range(len(told)))
    axis.axvline(0.0, color="0.6", linewidth=0.6)
    figure_style.whiskers(axis, lines, [(one.correlation, one.low, one.high) for one in told], 0, "")
    axis.set_yticks(lines, [_words(one.name) for one in told], parse_math=False)
    axis.tick_params(axis="y", length=0)
    axis.grid(visible=False, axis="y")
    axis.set(xlim=(-1.05, 1.05), ylim=(len(told) - 0.5, -0.5))
    axis.set_xlabel("rank correlation, 95 % interval")
    axis.set_title(f"Parameters and {_words(results.metric)}")


def _against(axis: Any, results: Results, name: str) -> None:
    pairs = [(t.params[name], t.value) for t in _done(results) if isinstance(t.params.get(name), int | float)]
    x, y = np.array(pairs, float).reshape(-1, 2).T
    axis.plot(x, y, "o", color=FITTED, linestyle="none", markersize=3, alpha=0.6)
    axis.set(xlabel=_words(name), ylabel=_words(results.metric))
    axis.set_title("Most important parameter")
    _scale(axis, "x", x)
    _scale(axis, "y", y)


def _scale(axis: Any, which: Any, values: np.ndarray) -> None:
    """A logarithmic axis for numbers that span a wide range above zero."""
    if len(values) and values.min() > 0 and values.max() / values.min() > WIDE:
        figure_style.log_axis(axis, which, (float(values.min()), float(values.max())))


def _words(name: str) -> str:
    return name.replace("_", " ")
