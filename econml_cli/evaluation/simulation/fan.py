"""The figure of a simulation: a fan chart of each series, and beside it the response to a shock."""

import math
from typing import Any

import numpy as np

from econml_cli.evaluation.simulation.simulated import Simulated

#: central bands of the fan, outer first: (low, high, colour)
BANDS = ((0.05, 0.95, "#d5e4f1"), (0.25, 0.75, "#a2c4de"))
#: a response below this share of the series is rounding, and drawn flat
FLAT = 1e-5
FITTED, TRUE = "tab:blue", "black"
#: columns of panels where there is no response beside each
ACROSS = 3
WIDTH, HEIGHT, ALONE = 4.2, 2.1, 2.8


def figure(simulated: Simulated) -> Any:
    """A `matplotlib.figure.Figure`, a panel a series: the median and the central 50 % and 90 % of the paths by period
    (one line where there is one path), and the median under the exact policy, dashed, where it is known. Where the
    model has a shock, a second column has the response to one standard deviation of it."""
    from matplotlib.figure import Figure

    names = list(simulated.series)
    with_response = simulated.impulse is not None
    across = 2 if with_response else min(len(names), ACROSS)
    down = len(names) if with_response else math.ceil(len(names) / across)
    drawn = Figure(figsize=(WIDTH * across, 0.8 + (HEIGHT if with_response else ALONE) * down), layout="constrained")
    axes = drawn.subplots(down, across, squeeze=False)
    periods, paths = simulated.shape
    drawn.suptitle(f"{simulated.run}: {simulated.problem}, {paths:,} path{'s' * (paths > 1)} of {periods:,} periods")
    fans = axes[:, 0] if with_response else axes.ravel()
    for axis, name in zip(fans, names, strict=False):
        _fan(axis, simulated, name)
    if with_response:
        for axis, name in zip(axes[:, 1], names, strict=True):
            _response(axis, simulated, name)
    for axis in axes.ravel()[len(names) * (2 if with_response else 1) :]:
        axis.set_axis_off()
    for axis in axes[-1] if with_response else axes.ravel():
        axis.set_xlabel("period")
    _legend(drawn, fans[0])
    return drawn


def _legend(drawn: Any, axis: Any) -> None:
    """One for all panels, below them."""
    handles, labels = axis.get_legend_handles_labels()
    if len(handles) > 1:
        drawn.legend(handles, labels, loc="outside lower center", ncols=len(handles), frameon=False, fontsize="small")


def _fan(axis: Any, simulated: Simulated, name: str) -> None:
    values = _finite(simulated.series[name])
    t, several = np.arange(len(values)), values.shape[1] > 1
    if several:
        for low, high, colour in BANDS:
            ends = _across(values, [low, high])
            label = f"{high - low:.0%} of the paths"
            axis.fill_between(t, *ends, color=colour, linewidth=0, label=label)
    axis.plot(t, _across(values, [0.5])[0], color=FITTED, linewidth=1.5, label="median" if several else "fitted")
    if name in simulated.truth:
        true = _across(_finite(simulated.truth[name]), [0.5])[0]
        axis.plot(t, true, color=TRUE, linewidth=1, linestyle="--", label="exact policy")
    _titled(axis, name)


def _response(axis: Any, simulated: Simulated, name: str) -> None:
    values = _finite(simulated.response[name])
    axis.axhline(0.0, color="0.7", linewidth=0.8)
    axis.plot(np.arange(len(values)), values, color=FITTED, linewidth=1.5)
    if name in simulated.true_response:
        axis.plot(
            np.arange(len(values)), _finite(simulated.true_response[name]), color=TRUE, linewidth=1, linestyle="--"
        )
    level = FLAT * float(np.abs(np.nan_to_num(_finite(simulated.series[name]))).max())
    if np.abs(np.nan_to_num(values)).max() < level:
        axis.set_ylim(-level, level)
    _titled(axis, f"{name}: response to one sd of {simulated.impulse}")


def _finite(values: np.ndarray) -> np.ndarray:
    """The values, with NaN, which is not drawn, for those that are infinite."""
    return np.where(np.isfinite(values), values, np.nan)


def _across(values: np.ndarray, levels: list[float]) -> np.ndarray:
    """Quantiles over the paths that are finite, [levels, periods]; NaN in a period without any."""
    there = np.isfinite(values).any(axis=1)
    found = np.full((len(levels), len(values)), np.nan)
    found[:, there] = np.nanquantile(values[there], levels, axis=1)
    return found


def _titled(axis: Any, title: str) -> None:
    axis.set_title(title, fontsize="small", loc="left")
    axis.tick_params(labelsize="small")
    axis.ticklabel_format(axis="y", useOffset=False)
    axis.spines[["top", "right"]].set_visible(False)
    axis.margins(x=0)
