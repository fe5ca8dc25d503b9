"""Whether probabilities are those with which things happen: predicted beside observed shares, and one number for it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from econml_cli.errors import ConfigError
from econml_cli.evaluation import words
from econml_cli.evaluation.answer import Answer
from econml_cli.evaluation.evaluation import REPORTED
from econml_cli.evaluation.opened import open_run
from econml_cli.evaluation.samples import Samples, Scored, predictor, without_weights
from econml_cli.evaluation.wilson import wilson
from econml_cli.models.base import Model
from econml_cli.output import figure_files, figure_style
from econml_cli.output.figure_style import FITTED, OTHER, TRUE
from econml_cli.output.tables import Grid, cell, interval
from econml_cli.problems import losses
from econml_cli.problems.targets import names_of
from econml_cli.runs.directory import Run

#: bins where nothing else is asked for, and the fewest observations of one
BINS, FEWEST = 10, 10
#: draws of outcomes that would happen with the predicted probabilities, and numbers that are held at once
DRAWS, HELD = 1000, 4_000_000


@dataclass(frozen=True)
class Bin:
    """Observations with probabilities from `low` to `high`: how many, their mean probability, the share of them for
    which it happened, and Wilson's 95 % interval of that share."""

    low: float
    high: float
    n: int
    predicted: float
    observed: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Calibration(Answer):
    """The calibration of a fitted classifier on one split.

    Attributes:
        of: whose probability it is, in words: of the second of two classes, or of the class that was predicted.
        error: the expected calibration error: |observed - predicted| on average over observations, by bin.
        by_chance: what it would be on average, with so many observations, if the probabilities were the right ones.
        p_value: how often it would then be as large, over `draws` draws.
        brier: the mean square of the probability less 1 where it happened, and less 0 where it did not.
    """

    run: str
    model: str
    problem: str
    split: str
    n: int
    of: str
    bins: tuple[Bin, ...]
    error: float
    by_chance: float
    p_value: float
    draws: int
    seed: int
    brier: float
    notes: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    def grids(self) -> list[Grid]:
        """The bins, then the numbers."""
        rows = tuple(
            (
                f"{cell(b.low)} to {cell(b.high)}",
                f"{b.n:,}",
                *map(cell, (b.predicted, b.observed)),
                interval(*b.interval),
            )
            for b in self.bins
        )
        headers = ("probability", "observations", "predicted", "observed", "95 % interval")
        told = (
            ("calibration error", cell(self.error)),
            ("  if calibrated", cell(self.by_chance)),
            ("  p", cell(self.p_value)),
            ("brier", cell(self.brier)),
        )
        title = f"{self.run}: {self.of}, {self.n:,} rows of {self.split}"
        return [Grid(headers, rows, title), Grid(("", ""), told)]

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        names = (
            "run",
            "model",
            "problem",
            "split",
            "n",
            "of",
            "error",
            "by_chance",
            "p_value",
            "draws",
            "seed",
            "brier",
        )
        found: dict[str, Any] = {name: getattr(self, name) for name in names}
        found["bins"] = [
            {
                "low": one.low, "high": one.high, "n": one.n, "predicted": one.predicted,
                "observed": {"value": one.observed, "low": one.interval[0], "high": one.interval[1]},
            }
            for one in self.bins
        ]  # fmt: skip
        return found | {"notes": list(self.notes)}

    def rows(self) -> list[dict[str, Any]]:
        """A flat dict a bin."""
        head = {"run": self.run, "split": self.split, "error": self.error, "p_value": self.p_value}
        return [
            head
            | {"low": b.low, "high": b.high, "n": b.n, "predicted": b.predicted, "observed": b.observed}
            | {"observed_low": b.interval[0], "observed_high": b.interval[1]}
            for b in self.bins
        ]

    def plot(self, width: figure_style.Width | None = None) -> Any:
        """The reliability diagram, as a `matplotlib.figure.Figure`."""
        return figure(self, width)


def calibration(
    run: Run,
    *,
    bins: int = BINS,
    seed: int = 0,
    step: int | None = None,
    data: str | None = None,
    missing: str | None = None,
    changes: Mapping[str, Any] | None = None,
    sheet: str | None = None,
) -> Calibration:
    """Predicted probabilities of a classifier beside the shares that were observed, on the split that `evaluate`
    reports; of an ensemble those of the averaged prediction. The bins have equal numbers of observations, as far as
    probabilities differ.

    Raises:
        ConfigError: the run predicts no probabilities of classes, its rows have weights, or `bins` is below 2. As
            `evaluate` otherwise.

    Source: Naeini, Cooper and Hauskrecht (2015), AAAI 29; Bröcker and Smith (2007), Weather and Forecasting 22, for
    what it is by chance.
    """
    if bins < 2:
        raise ConfigError(f"--bins must be at least 2, got {bins}: one bin compares two means alone.")
    with open_run(run, step=step, data=data, missing=missing, changes=changes, sheet=sheet) as opened:
        config, samples = opened.config(), opened.samples()
        row = losses.of(samples.problem)
        if not row.classifies:
            raise ConfigError(
                f"Calibration is of the probabilities of classes, and {run.name} {row.target.does}; `econml eval` "
                "--plot has its predictions beside what was observed."
            )
        without_weights(opened, samples, "calibration")
        split, models = next(name for name in REPORTED if name in samples.parts), opened.members().models
        p, y = probabilities(samples, models, split, opened.dtype)
        found = measured(p, y, bins, seed)
        return Calibration(
            run=run.name, model=config.model, problem=config.problem, split=split, n=len(p), of=meaning(samples),
            draws=DRAWS, seed=seed, notes=(*samples.notes, *_notes(samples, split)), labels=words.labels_of(opened),
            **found,
        )  # fmt: skip


def _notes(samples: Samples, split: str) -> tuple[str, ...]:
    """What the intervals rest on."""
    if split not in getattr(samples.problem, "groups", {}):
        return ()
    return ("The rows of one group depend on each other, which the intervals and p leave out: both are too small.",)


def meaning(samples: Samples) -> str:
    """Whose probability it is, in words."""
    names = names_of(samples.problem)
    if samples.problem.dout > 1:
        return f"P(the predicted class of {names.target})"
    return f"P({names.target} = {names.labels(1)[1]})"


def probabilities(samples: Samples, models: Sequence[Model], split: str, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """(the probability that is judged, whether it happened), each [n], float64. Call it inside `precision(...)`."""
    batch = samples.parts[split]
    predict = predictor(samples.problem, models[0], dtype)
    each = [predict(batch.x, model) for model in models]
    y = np.asarray(samples.problem.observed(batch)).reshape(-1).astype(int)
    averaged: np.ndarray = np.asarray(np.mean(each, axis=0, dtype=np.float64))
    return judged(averaged, y)


def of_scored(scored: Scored) -> tuple[np.ndarray, np.ndarray]:
    """The same of predictions that are there."""
    assert scored.y is not None and scored.yhat is not None
    return judged(np.asarray(scored.yhat, np.float64), np.asarray(scored.y).reshape(-1).astype(int))


def judged(yhat: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities [n, 1] or [n, classes] and class numbers [n] as (the one that is judged, whether it happened)."""
    if yhat.shape[1] == 1:
        return yhat[:, 0], (y == 1).astype(np.float64)
    likely = yhat.argmax(axis=1)
    return yhat[np.arange(len(y)), likely], (likely == y).astype(np.float64)


def measured(p: np.ndarray, y: np.ndarray, bins: int = BINS, seed: int = 0) -> dict[str, Any]:
    """{"bins", "error", "by_chance", "p_value", "brier"} of probabilities p [n] and outcomes y [n] of 0 and 1."""
    order = np.argsort(p, kind="stable")
    p, y = p[order], y[order]
    starts = _starts(p, max(1, min(bins, len(p) // FEWEST)))
    sizes = np.diff([*starts, len(p)])
    means, shares = (np.add.reduceat(values, starts) / sizes for values in (p, y))
    error = float(np.abs(shares - means) @ sizes / len(p))
    drawn = _by_chance(p, starts, seed)
    edges = [*starts[1:], len(p)]
    found = tuple(
        Bin(float(p[i]), float(p[j - 1]), int(n), float(mean), float(share), _wilson(float(share), int(n)))
        for i, j, n, mean, share in zip(starts, edges, sizes, means, shares, strict=True)
    )
    as_large = int((drawn >= error - 1e-12).sum())
    return {
        "bins": found, "error": error, "by_chance": float(drawn.mean()), "p_value": (1 + as_large) / (1 + len(drawn)),
        "brier": float(np.mean((p - y) ** 2)),
    }  # fmt: skip


def _starts(p: np.ndarray, bins: int) -> np.ndarray:
    """Where bins of the sorted p begin: equal probabilities stand in one."""
    places = np.searchsorted(p, p[(np.arange(bins) * len(p)) // bins], side="left")
    found: np.ndarray = np.unique(places)
    return found


def _by_chance(p: np.ndarray, starts: np.ndarray, seed: int) -> np.ndarray:
    """The calibration error of `DRAWS` draws of outcomes with the probabilities p, sorted."""
    rng, sizes, found = np.random.default_rng(seed), np.diff([*starts, len(p)]), list[np.ndarray]()
    means, many = np.add.reduceat(p, starts) / sizes, max(1, HELD // len(p))
    for done in range(0, DRAWS, many):
        y = (rng.random((min(many, DRAWS - done), len(p))) < p).astype(np.float64)
        shares = np.add.reduceat(y, starts, axis=1) / sizes
        found.append(np.abs(shares - means) @ sizes / len(p))
    return np.concatenate(found)


def _wilson(share: float, n: int) -> tuple[float, float]:
    return wilson(share, math.sqrt(share * (1 - share) / max(n - 1, 1)), n)


@figure_style.styled
def figure(found: Calibration, width: figure_style.Width | None = None) -> Any:
    """Observed shares with their intervals against mean probabilities, as a `matplotlib.figure.Figure`."""
    drawn, (axis,) = figure_style.panels(1, width, shape=0.9, keys=3)
    figure_style.describe(drawn, f"{found.run}: {found.model} on {found.problem}, calibration on {found.split}")
    panel(axis, found.bins, found.error, found.p_value, words.worded(found.of, found.labels))
    figure_files.as_written(drawn)
    return drawn


def panel(axis: Any, bins: Sequence[Bin], error: float, p_value: float, of: str) -> None:
    """The reliability diagram in one panel."""
    at, share = [one.predicted for one in bins], np.array([one.observed for one in bins])
    low, high = np.array([one.interval for one in bins]).T
    reach = np.vstack([share - low, high - share]).clip(min=0)
    axis.plot([0, 1], [0, 1], color=TRUE, linewidth=0.8, linestyle="--", label="calibrated")
    axis.errorbar(at, share, yerr=reach, fmt="o", capsize=2, color=FITTED, label="observed, 95 % interval")
    edges = [one.low for one in bins] + [bins[-1].high]
    axis.plot(edges, [0.04] * len(edges), "|", transform=axis.get_xaxis_transform(), color=OTHER, markersize=5,
              markeredgewidth=1.0, label="ends of the bins")  # fmt: skip
    axis.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), ylabel="observed share")
    axis.set_xlabel(figure_style.folded(f"predicted {of}", axis))
    axis.set_title(f"Calibration error {error:.2g}, p = {p_value:.2g}")
    figure_style.key(axis)
