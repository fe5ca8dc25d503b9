"""Learning curves: the losses of a run by epoch, as a figure and as text for a terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from econml_cli.output import convergence, figure_style
from econml_cli.runs.directory import Run

#: the file in a run directory that `econml fit --plot` writes
FILE = "learning_curve.png"
COLOURS = {"train": figure_style.FITTED, "val": figure_style.OTHER}


@dataclass(frozen=True)
class Curves:
    """The losses of one run, in reported units.

    Attributes:
        epochs: [n]. losses: "train", "val" -> [n] float64, NaN where it was not measured or is not finite; of an
            ensemble the mean over its members.
        bands: "train", "val" -> the lowest and the highest of the members, [n] each; {} for an ordinary run.
        best: the epoch whose weights early stopping kept, else that of the lowest val loss; None without a val split.
        kept: whether those weights were kept (--patience).
        rows: the lines of metrics.jsonl that they were read from.
    """

    epochs: np.ndarray
    losses: Mapping[str, np.ndarray]
    bands: Mapping[str, tuple[np.ndarray, np.ndarray]]
    best: int | None
    kept: bool
    rows: tuple[Mapping[str, Any], ...]

    def said(self) -> str:
        """Which epoch is marked, in words; "" where none is."""
        if self.best is None:
            return ""
        lowest = "lowest mean val loss" if self.bands else "lowest val loss"
        return f"{'best weights, kept' if self.kept else lowest}: epoch {self.best:,}"


def read(run: Run) -> Curves:
    """The losses that a run has logged.

    Raises:
        RunError: metrics.jsonl is damaged.
    """
    rows, summary = tuple(run.metrics()), run.summary()
    epochs = np.array([row["epoch"] for row in rows], int)
    found = {name: _column(rows, f"{name}_loss") for name in ("train", "val")}
    losses = {name: values for name, values in found.items() if np.isfinite(values).any()}
    ends = {name: tuple(_column(rows, f"{name}_loss_{end}") for end in ("min", "max")) for name in losses}
    bands = {name: (low, high) for name, (low, high) in ends.items() if np.isfinite(low).any()}
    kept = summary.get("best_epoch")
    best = int(epochs[np.nanargmin(losses["val"])]) if kept is None and "val" in losses else kept
    return Curves(epochs, losses, bands, best, kept is not None, rows)


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> np.ndarray:
    values = np.array([np.nan if row.get(name) is None else row[name] for row in rows], np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def absent(run: Run, curves: Curves) -> str | None:
    """Why there is no curve to draw, in a sentence; None where there is one."""
    if run.status() == "solved":
        return "There is no learning curve: the model was solved exactly, in one step."
    if len(curves.epochs) < 2:
        return f"There is no learning curve: {len(curves.epochs)} epoch was logged, and a curve needs two."
    if not any(np.any(values > 0) for values in curves.losses.values()):
        return "There is no learning curve: no loss is positive, so that none has a place on a log axis."
    return None


@figure_style.styled
def figure(curves: Curves, title: str = "Learning curves", width: figure_style.Width | None = None) -> Any:
    """Train and val loss by epoch on a log axis, as a `matplotlib.figure.Figure`; a ring marks the best epoch, a band
    lies between the lowest and the highest of an ensemble. The title stands in the file's metadata."""
    drawn, (axis,) = figure_style.panels(1, width)
    figure_style.describe(drawn, title)
    convergence.convergence(axis, curves.rows, int(curves.epochs[-1]))
    kept = convergence.some(len(curves.epochs), convergence.LINE)
    for name, ends in curves.bands.items():
        low, high = (np.where(values > 0, values, np.nan)[kept] for values in ends)
        figure_style.band(axis, curves.epochs[kept], low, high, COLOURS[name])
    if curves.best is not None:
        _ring(axis, curves, curves.best)
    axis.set_title("")
    return drawn


def _ring(axis: Any, curves: Curves, best: int) -> None:
    """A ring around the val loss of that epoch, where it was logged."""
    there = np.flatnonzero(curves.epochs == best)
    if len(there) and "val" in curves.losses and curves.losses["val"][there[0]] > 0:
        look: dict[str, Any] = {"markersize": 7, "markerfacecolor": "none", "markeredgewidth": 1.2}
        value = curves.losses["val"][there[0]]
        axis.plot([best], [value], "o", color=figure_style.OTHER, label=curves.said(), **look)
        axis.legend()
