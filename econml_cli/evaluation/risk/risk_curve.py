"""A learning curve: what it holds, its tables, and its figure."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from econml_cli.evaluation.answer import Answer
from econml_cli.evaluation.estimate import Estimate
from econml_cli.output import figure_style
from econml_cli.output.tables import Grid, cell, flat, interval

#: what the estimates of a point are called outside
NAMES = {
    "empirical": "empirical_risk",
    "population": "population_risk",
    "generalisation": "generalisation_error",
    "excess": "excess_risk",
}


@dataclass(frozen=True)
class Point:
    """What is found over the data sets of one size n: means over D with 95 % bands, and their spread.

    Attributes:
        refits: that did not diverge, and so are behind the numbers. diverged: those that did.
        empirical, population, generalisation: E_D of R_hat, of R, and of R_hat - R. excess: E_D[R] - R(f*), or None.
        empirical_quantiles, population_quantiles: of 10 % and 90 % of the data sets.
    """

    n: int
    refits: int
    diverged: int
    empirical: Estimate
    population: Estimate
    generalisation: Estimate
    excess: Estimate | None
    empirical_quantiles: tuple[float, float]
    population_quantiles: tuple[float, float]


@dataclass(frozen=True)
class LearningCurve(Answer):
    """Train and population risk of a recipe against the size of its training sample, in reported units.

    Attributes:
        over: what the population risk is taken over, "fresh draws" or "test split"; draws: how many observations.
        bayes_risk: R(f*); None where it is not known. seed: of the data sets and the weights.
    """

    run: str
    model: str
    problem: str
    over: str
    draws: int
    seed: int
    replications: int
    bayes_risk: float | None
    points: tuple[Point, ...]
    notes: tuple[str, ...] = ()

    def grids(self) -> list[Grid]:
        """Means with bands, of each risk and of their difference; the spread over data sets."""
        train = tuple((f"{p.n:,}", *_banded(p.empirical)) for p in self.points)
        population = tuple((f"{p.n:,}", *_banded(p.population), *self._excess(p)) for p in self.points)
        gaps = tuple((f"{p.n:,}", *_banded(p.generalisation)) for p in self.points)
        spread = tuple(
            (f"{p.n:,}", interval(*p.empirical_quantiles), interval(*p.population_quantiles), cell(p.diverged))
            for p in self.points
        )
        known = ("excess risk", "s.e.") if self.bayes_risk is not None else ()
        what = f"Means over {self.replications} data sets; population risk over {self.draws:,} {_noun(self.over)}"
        least = "" if self.bayes_risk is None else f", Bayes risk {cell(self.bayes_risk)}"
        return [
            Grid(
                ("n", "train risk", "95 % band"),
                train,
                f"{self.run}: learning curve of {self.model} on {self.problem}{least}\n{what}",
            ),
            Grid(("n", "population risk", "95 % band", *known), population),
            Grid(("n", "train - population", "95 % band"), gaps, "Generalisation error"),
            Grid(("n", "train risk", "population risk", "diverged"), spread, "10 % and 90 % quantiles over data sets"),
        ]

    def _excess(self, point: Point) -> tuple[str, ...]:
        return () if point.excess is None else (cell(point.excess.value), cell(point.excess.standard_error))

    def to_dict(self) -> dict[str, Any]:
        """One JSON object; `points` has one for each n."""
        names = ("run", "model", "problem", "over", "draws", "seed", "replications", "bayes_risk")
        found = {name: getattr(self, name) for name in names}
        return {**found, "points": [_json(point) for point in self.points], "notes": list(self.notes)}

    def rows(self) -> list[dict[str, Any]]:
        """One flat dict for each n."""
        head = {"run": self.run, "bayes_risk": self.bayes_risk, "replications": self.replications}
        return [{**head, **flat(_json(point))} for point in self.points]

    def plot(self, width: figure_style.Width | None = None) -> Any:
        """The risks against n with their bands, as a `matplotlib.figure.Figure`."""
        return figure(self, width)


def _noun(over: str) -> str:
    return over if over == "fresh draws" else "test rows"


def _banded(estimate: Estimate) -> tuple[str, str]:
    return cell(estimate.value), interval(estimate.low, estimate.high)


def _json(point: Point) -> dict[str, Any]:
    estimates = {name: getattr(point, name) for name in NAMES}
    quantiles = {name: getattr(point, f"{name}_quantiles") for name in ("empirical", "population")}
    return {
        "n": point.n,
        "refits": point.refits,
        "diverged": point.diverged,
        **{NAMES[name]: None if found is None else found.to_json() for name, found in estimates.items()},
        **{f"{name}_quantiles": {"q10": low, "q90": high} for name, (low, high) in quantiles.items()},
    }


@figure_style.styled
def figure(curve: LearningCurve, width: figure_style.Width | None = None) -> Any:
    """Train and population risk against n on log axes, with 95 % bands and the Bayes risk, as a
    `matplotlib.figure.Figure`. What is not positive is not drawn: a band that reaches zero ends at the axis."""
    drawn, (axis,) = figure_style.panels(1, width)
    figure_style.describe(
        drawn, f"{curve.run}: {curve.model} on {curve.problem}, {curve.replications} data sets of each n"
    )
    sizes, there = np.array([point.n for point in curve.points]), list[np.ndarray]()
    for i, (label, name) in enumerate((("train", "empirical"), ("population", "population"))):
        found = [getattr(point, name) for point in curve.points]
        mean, low, high = (_positive([getattr(e, part) for e in found]) for part in ("value", "low", "high"))
        look = {**figure_style.look(i), "marker": figure_style.MARKERS[i]}
        axis.plot(sizes, mean, label=f"{label} risk, 95 % band", **look)
        figure_style.band(
            axis, sizes, np.where(np.isfinite(low), low, np.nanmin([*mean, 1.0]) / 1e6), high, look["color"]
        )
        there += [values[np.isfinite(values)] for values in (mean, low, high)]
    if curve.bayes_risk:
        axis.axhline(curve.bayes_risk, color=figure_style.TRUE, linewidth=0.8, linestyle="--", label="Bayes risk")
        there.append(np.array([curve.bayes_risk]))
    axis.set(xlabel="observations in the training sample", ylabel="risk")
    figure_style.ticks(axis, [point.n for point in curve.points])
    every = np.concatenate(there)
    if len(every):
        least, most = float(every.min()), float(every.max())
        figure_style.log_axis(axis, "y", (least, most))
        axis.set_ylim(least / 1.25, most * 1.25)
    axis.legend()
    return drawn


def _positive(values: list[float | None]) -> np.ndarray:
    """What a log axis can show; NaN for the rest."""
    found = np.array([np.nan if value is None else value for value in values], np.float64)
    return np.where(found > 0, found, np.nan)
