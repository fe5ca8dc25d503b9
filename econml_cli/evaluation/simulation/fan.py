"""The figure of a simulation: a fan chart of each series, and beside it the response to a shock."""

from typing import Any

import numpy as np

from econml_cli.evaluation.simulation.simulated import Simulated
from econml_cli.output import figure_style
from econml_cli.output.figure_style import FITTED, TRUE

#: central bands of the fan, outer first: (low, high, colour)
BANDS = ((0.05, 0.95, "#cfe1ee"), (0.25, 0.75, "#8fbcd9"))
#: a response below so many per cent is rounding, and drawn flat
FLAT = 1e-3
#: height of a panel by its width, beside a response and alone, and inches of the legend below all
BESIDE, ALONE, LEGEND = 0.42, 0.62, 0.3


@figure_style.styled
def figure(simulated: Simulated, width: figure_style.Width | None = None) -> Any:
    """A `matplotlib.figure.Figure`, a panel a series: the median and the central 50 % and 90 % of the paths by period
    (one line where there is one path), and the median under the exact policy, dashed, where it is known. Where the
    model has a shock, beside each is its response to one standard deviation of it, in per cent (`relative`)."""
    names, several = list(simulated.series), simulated.impulse is not None
    count = len(names) * (2 if several else 1)
    shape, across = (BESIDE, 2) if several else (ALONE, None)
    drawn, axes = figure_style.panels(count, width or "double", shape=shape, across=across, extra=LEGEND)
    periods, paths = simulated.shape
    about = f"{simulated.run}: {simulated.problem}, {paths:,} path{'s' * (paths > 1)} of {periods:,} periods"
    figure_style.describe(drawn, about)
    fans = axes[::2] if several else axes
    for axis, name in zip(fans, names, strict=True):
        _fan(axis, simulated, name)
    if several:
        for axis, name in zip(axes[1::2], names, strict=True):
            _response(axis, simulated, name)
    for axis in axes if not several else axes[-2:] if width != "single" else axes:
        axis.set_xlabel("period")
    _legend(drawn, fans[0])
    return drawn


def _legend(drawn: Any, axis: Any) -> None:
    """One for all panels, below them."""
    handles, labels = axis.get_legend_handles_labels()
    if len(handles) > 1:
        across = len(handles) if drawn.get_figwidth() > 5 else 2
        drawn.legend(handles, labels, loc="outside lower center", ncols=across)


def _fan(axis: Any, simulated: Simulated, name: str) -> None:
    values = _finite(simulated.series[name])
    t, several = np.arange(len(values)), values.shape[1] > 1
    if several:
        for low, high, colour in BANDS:
            ends = _across(values, [low, high])
            label = f"{high - low:.0%} of the paths"
            axis.fill_between(t, *ends, color=colour, linewidth=0, label=label)
    axis.plot(t, _across(values, [0.5])[0], color=FITTED, label="median" if several else "fitted")
    if name in simulated.truth:
        true = _across(_finite(simulated.truth[name]), [0.5])[0]
        axis.plot(t, true, color=TRUE, linewidth=0.8, linestyle="--", label="exact policy")
    word = simulated.words.get(name, name)
    axis.set_title(word)
    axis.margins(x=0)


def _response(axis: Any, simulated: Simulated, name: str) -> None:
    """The response of a series to the shock, in the units of `relative`."""
    found = simulated.relative[name]
    t, values = np.arange(len(found.values)), _finite(found.values)
    axis.axhline(0.0, color="0.6", linewidth=0.6)
    axis.plot(t, values, color=FITTED)
    if found.exact is not None:
        axis.plot(t, _finite(found.exact), color=TRUE, linewidth=0.8, linestyle="--")
    if np.abs(np.nan_to_num(values)).max() < FLAT:
        axis.set_ylim(-FLAT, FLAT)
    axis.set_title(f"{simulated.words.get(name, name)}, after one sd of {simulated.impulse}")
    axis.set_ylabel(figure_style.folded(found.label, letters=12))
    axis.margins(x=0)


def _finite(values: np.ndarray) -> np.ndarray:
    """The values, with NaN, which is not drawn, for those that are infinite."""
    return np.where(np.isfinite(values), values, np.nan)


def _across(values: np.ndarray, levels: list[float]) -> np.ndarray:
    """Quantiles over the paths that are finite, [levels, periods]; NaN in a period without any."""
    there = np.isfinite(values).any(axis=1)
    found = np.full((len(levels), len(values)), np.nan)
    found[:, there] = np.nanquantile(values[there], levels, axis=1)
    return found
