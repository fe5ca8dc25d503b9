"""The panel of losses by epoch."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from econml_cli.output import figure_style
from econml_cli.output.figure_style import FITTED, OTHER

#: points of a line beyond which a file becomes large
LINE = 2000


def convergence(axis: Any, rows: Sequence[Mapping[str, Any]], epoch: int) -> None:
    """Losses by epoch, and the epoch of the weights where it is not the last."""
    axis.set_title("Convergence")
    epochs = np.array([row["epoch"] for row in rows])
    drawn: list[np.ndarray] = []
    for i, (name, colour) in enumerate((("train_loss", FITTED), ("val_loss", OTHER))):
        values = np.array([np.nan if row.get(name) is None else row[name] for row in rows], np.float64)
        if not np.any(values > 0):
            continue
        kept = some(len(rows), LINE)
        style: dict[str, Any] = {"marker": "o"} if len(rows) == 1 else {"linestyle": figure_style.LINES[i]}
        axis.plot(epochs[kept], values[kept], color=colour, label=name.replace("_", " "), **style)
        drawn.append(values[values > 0])
    if len(rows) and epoch < epochs[-1]:
        axis.axvline(epoch, color="0.5", linewidth=0.8, linestyle=":", label=f"epoch {epoch:,}")
    if drawn:
        every = np.concatenate(drawn)
        figure_style.log_axis(axis, "y", (float(every.min()), float(every.max())))
        axis.legend()
    axis.set(xlabel="epoch", ylabel="loss")


def some(n: int, most: int) -> np.ndarray:
    """Places of at most so many of n, evenly spaced."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(int)) if n else np.arange(0)
