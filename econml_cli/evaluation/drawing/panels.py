"""Panels that several figures of a run have: counts, a cloud about the 45-degree line, losses by epoch."""

from typing import Any

import numpy as np

from econml_cli.output import figure_style
from econml_cli.output.convergence import convergence, some
from econml_cli.output.figure_style import FITTED, OTHER, TRUE

__all__ = ["CLOUD", "cloud", "convergence", "counts", "date_axis", "diagonal", "some"]

#: points of a cloud beyond which a file becomes large
CLOUD = 4000
#: points of a cloud beyond which a PDF or SVG holds them as dots of a picture
SHAPES = 300


def cloud(axis: Any, x: np.ndarray, y: np.ndarray, **look: Any) -> None:
    """Points, at most `CLOUD` of them."""
    kept = some(len(x), CLOUD)
    settings = {"color": FITTED, "markersize": 3, "markeredgewidth": 0, "linestyle": "none", **look}
    axis.plot(x[kept], y[kept], "o", rasterized=len(kept) > SHAPES, **settings)


def diagonal(axis: Any, across: np.ndarray, up: np.ndarray, radius: float | None = None, label: str = "") -> None:
    """A cloud, and the line on which both are the same; within `radius` of it a band, of that label."""
    across, up = across.reshape(-1), up.reshape(-1)
    cloud(axis, across, up, alpha=0.5)
    ends = np.array([min(across.min(), up.min()), max(across.max(), up.max())])
    axis.plot(ends, ends, color=TRUE, linewidth=0.8, linestyle="--", label="45 degrees")
    if radius is not None:
        figure_style.band(axis, ends, ends - radius, ends + radius, OTHER, label)


def counts(axis: Any, values: np.ndarray, name: str, title: str) -> None:
    """A histogram of what is finite, and how many that is."""
    finite = np.asarray(values, np.float64)[np.isfinite(values)]
    axis.hist(finite, bins=int(np.clip(np.sqrt(len(finite)), 5, 50)), color=FITTED)
    lost = f" of {len(values):,}, the others are not finite" if len(finite) < len(values) else ""
    axis.set(xlabel=name, ylabel="count")
    axis.set_title(f"{title}: {len(finite):,}{lost}")
    axis.locator_params(axis="x", nbins=6)


def date_axis(axis: Any) -> None:
    """Write the dates of an x axis as shortly as they can be told apart."""
    from matplotlib.dates import HOURLY, MINUTELY, MONTHLY, SECONDLY, AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(maxticks=6)  # type: ignore[no-untyped-call]
    # Matplotlib counts by months up to five years: of so few marks its widest step is too narrow, and it warns
    for unit, widest in ((MONTHLY, 12), (HOURLY, 24), (MINUTELY, 60), (SECONDLY, 60)):
        locator.intervald[unit] = [*locator.intervald[unit], widest]
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
