"""Panels that several figures of a run have: counts, a cloud about the 45-degree line, losses by epoch."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

FITTED, OTHER, TRUE = "tab:blue", "tab:orange", "black"
#: points of a cloud, and of a line, beyond which a file becomes large
CLOUD, LINE = 4000, 2000


def diagonal(axis: Any, across: np.ndarray, up: np.ndarray) -> None:
    """A cloud, and the line on which both are the same."""
    across, up = across.reshape(-1), up.reshape(-1)
    kept = some(len(across), CLOUD)
    axis.plot(across[kept], up[kept], ".", color=FITTED, markersize=3, alpha=0.5)
    ends = [min(across.min(), up.min()), max(across.max(), up.max())]
    axis.plot(ends, ends, color=TRUE, linewidth=1, linestyle="--", label="45 degrees")
    axis.legend(frameon=False, fontsize="small")


def counts(axis: Any, values: np.ndarray, name: str, title: str) -> None:
    """A histogram of what is finite, and how many that is."""
    finite = np.asarray(values, np.float64)[np.isfinite(values)]
    axis.hist(finite, bins=int(np.clip(np.sqrt(len(finite)), 5, 50)), color=FITTED)
    lost = f" of {len(values):,}, the others are not finite" if len(finite) < len(values) else ""
    axis.set(xlabel=name, ylabel="count")
    axis.set_title(f"{title}: {len(finite):,}{lost}", fontsize="medium")
    axis.locator_params(axis="x", nbins=6)


def convergence(axis: Any, rows: Sequence[Mapping[str, Any]], epoch: int) -> None:
    """Losses by epoch, and the epoch of the weights where it is not the last."""
    axis.set_title("Convergence", fontsize="medium")
    epochs = np.array([row["epoch"] for row in rows])
    for name, colour in (("train_loss", FITTED), ("val_loss", OTHER)):
        values = np.array([np.nan if row.get(name) is None else row[name] for row in rows], np.float64)
        if not np.any(values > 0):
            continue
        kept = some(len(rows), LINE)
        look = {"marker": "o"} if len(rows) == 1 else {"linewidth": 1.2}
        axis.plot(epochs[kept], values[kept], color=colour, label=name.replace("_", " "), **look)
    if len(rows) and epoch < epochs[-1]:
        axis.axvline(epoch, color="0.5", linewidth=1, linestyle=":", label=f"epoch {epoch:,}")
    if axis.has_data():
        axis.set_yscale("log")
        axis.legend(frameon=False, fontsize="small")
    axis.set(xlabel="epoch", ylabel="loss")


def some(n: int, most: int) -> np.ndarray:
    """Places of at most so many of n, evenly spaced."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(int)) if n else np.arange(0)


def date_axis(axis: Any) -> None:
    """Write the dates of an x axis as shortly as they can be told apart."""
    from matplotlib.dates import HOURLY, MINUTELY, MONTHLY, SECONDLY, AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(maxticks=6)  # type: ignore[no-untyped-call]
    # Matplotlib counts by months up to five years: of so few marks its widest step is too narrow, and it warns
    for unit, widest in ((MONTHLY, 12), (HOURLY, 24), (MINUTELY, 60), (SECONDLY, 60)):
        locator.intervald[unit] = [*locator.intervald[unit], widest]
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
