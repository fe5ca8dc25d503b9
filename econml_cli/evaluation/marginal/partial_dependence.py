"""Partial dependence: the mean prediction as one column takes each of its values, the others as they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from econml_cli.errors import ConfigError, suggest
from econml_cli.evaluation import words
from econml_cli.evaluation.answer import Answer
from econml_cli.evaluation.drawing import panels
from econml_cli.evaluation.estimate import Estimate
from econml_cli.evaluation.marginal import averages
from econml_cli.evaluation.marginal.columns import Rows, Sample, sample
from econml_cli.evaluation.opened import open_run
from econml_cli.models.base import Model
from econml_cli.output import figure_files, figure_style
from econml_cli.output.tables import Grid, cell, flat, interval
from econml_cli.problems.means import mean
from econml_cli.runs import caveats
from econml_cli.runs.directory import Run

#: values up to which a column of numbers is taken at each of them
FEW = 20
#: lines of a table of text, of which csv and json have all
LINES = 11
#: the range of a grid, as quantiles of the column
ENDS = (0.01, 0.99)


@dataclass(frozen=True)
class Point:
    """The mean prediction of one output where the column has this value in every row."""

    value: float | int | str
    output: str
    estimate: Estimate


@dataclass(frozen=True)
class PartialDependence(Answer):
    """The partial dependence of each output of a fitted run on one column, over the `n` rows of a `split`.

    `deciles` are those of a continuous column, and say where the rows are. `labels` are the words that the file has for
    its columns.
    """

    run: str
    model: str
    problem: str
    column: str
    split: str
    n: int
    members: int
    points: tuple[Point, ...]
    deciles: tuple[float, ...]
    bootstrap: int
    bootstrap_seed: int
    notes: tuple[str, ...]
    labels: Mapping[str, str] = field(default_factory=dict)

    def of(self, output: str) -> list[Point]:
        """The points of one output."""
        return [point for point in self.points if point.output == output]

    @property
    def outputs(self) -> list[str]:
        return list(dict.fromkeys(point.output for point in self.points))

    def grids(self) -> list[Grid]:
        """A table for each output; of a long grid every so many points."""
        return [self._grid(output) for output in self.outputs]

    def _grid(self, output: str) -> Grid:
        points = self.of(output)
        shown = range(len(points)) if len(points) <= FEW else panels.some(len(points), LINES)
        errors = any(point.estimate.standard_error is not None for point in points)
        rows = []
        for point in (points[i] for i in shown):
            mean = point.estimate
            own = (cell(mean.standard_error), interval(mean.low, mean.high)) if errors else ()
            rows.append((cell(point.value), cell(mean.value), *own))
        band = "95 % given fit" if self.members == 1 else "95 % interval"
        headers = (self.column, "mean", *(("s.e.", band) if errors else ()))
        some = f"; {len(shown)} of {len(points)} points" if len(shown) < len(points) else ""
        where = f"{self.n:,} rows of {self.split}{some}"
        return Grid(headers, tuple(rows), f"Partial dependence of {output} on {self.column} ({where})")

    def to_dict(self) -> dict[str, Any]:
        """JSON values; `points` has all values of the column, for each output."""
        names = ("run", "model", "problem", "column", "split", "n", "members", "bootstrap", "bootstrap_seed")
        found: dict[str, Any] = {name: getattr(self, name) for name in names}
        found["points"] = [
            {"value": point.value, "output": point.output, "mean": point.estimate.to_json()} for point in self.points
        ]
        return found | {"deciles": list(self.deciles), "notes": list(self.notes)}

    def rows(self) -> list[dict[str, Any]]:
        """A flat dict a point: run, column, value, output, mean, mean_standard_error, mean_low, mean_high."""
        head = {"run": self.run, "split": self.split, "n": self.n, "column": self.column}
        return [
            head | {"value": point.value, "output": point.output} | flat({"mean": point.estimate.to_json()})
            for point in self.points
        ]

    def plot(self, width: figure_style.Width | None = None) -> Any:
        """The curve with its band, as a `matplotlib.figure.Figure`."""
        return figure([self], width)


def partial_dependences(
    run: Run,
    columns: Sequence[str],
    *,
    points: int = 50,
    bootstrap: int = 1000,
    bootstrap_seed: int = 0,
    step: int | None = None,
    models: Sequence[Model] | None = None,
    split: str = "train",
    data: str | None = None,
    missing: str | None = None,
    changes: Mapping[str, Any] | None = None,
    sheet: str | None = None,
) -> list[PartialDependence]:
    """For each of some columns the mean over rows of the prediction with the column at each of its values, in the units
    of the file.

    A column is moved as the file has it and encoded again, so all that a formula makes of it moves. Numbers take
    `points` values from their 1 % to their 99 % quantile, or each of their values where there are at most 20; labels
    take each of their levels. Bands are 95 % pointwise, over rows given the fitted model (and over the members of an
    ensemble), as in `averages.averages`. Where columns depend on each other, the mean is also over combinations that
    do not occur. The other arguments are those of `effects.effects`.

    Raises:
        ConfigError: the model reads no such column. As `effects.effects` otherwise.

    Source: Friedman (2001), Annals of Statistics 29, section 8.2.
    """
    if points < 2:
        raise ConfigError(f"A partial dependence needs at least 2 points, got {points}.")
    with open_run(run, step=step, data=data, missing=missing, changes=changes, sheet=sheet) as opened:
        config = opened.config()
        members = opened.members().models if models is None else tuple(models)
        here = sample(opened, members[0], split=split)
        for column in columns:
            _check(here.rows, column, run.name)
        at = averages.predictions(here.problem, members, opened.dtype)
        without = caveats.sentences({"no_information": opened.summary().get("no_information")})
        return [
            PartialDependence(
                run=run.name, model=config.model, problem=config.problem, column=column, split=here.split, n=here.n,
                members=len(members), points=_points(here, column, points, at, bootstrap, bootstrap_seed),
                deciles=_deciles(here.rows, column), bootstrap=bootstrap, bootstrap_seed=bootstrap_seed,
                notes=(*here.notes, *without), labels=words.labels_of(opened),
            )
            for column in columns
        ]  # fmt: skip


def _points(
    here: Sample, column: str, points: int, at: Sequence[averages.OfRows], bootstrap: int, seed: int
) -> tuple[Point, ...]:
    grid = _grid_of(here.rows, column, points)
    together, by_member = [], []
    for value in grid:
        x = here.rows.placed(column, value)
        found = [np.asarray(one(x), np.float64) for one in at]
        together.append(np.mean(found, axis=0))
        by_member.append(np.stack([mean(one, here.w) for one in found]))
    rows, groups, w = here.observations(np.concatenate(together, axis=1))
    means = averages.averages(
        rows,
        np.concatenate(by_member, axis=1),
        replications=bootstrap,
        seed=seed,
        groups=groups,
        w=w,
    )
    labelled = here.rows.levels(column) is not None
    lost = {value for value in grid if labelled and not here.rows.informed(column, value)}
    cells = [(value, output) for value in grid for output in here.outputs]
    return tuple(
        Point(*where, Estimate(np.nan) if where[0] in lost else mean) for where, mean in zip(cells, means, strict=True)
    )


def _check(rows: Rows, column: str, run: str) -> None:
    if column not in rows.names:
        near = suggest(column, rows.names)
        few = ", ".join(rows.names[:10]) + (", ..." if len(rows.names) > 10 else "")
        raise ConfigError(f"--column {column}: {run} reads no column '{column}'.{near or f' It reads {few}.'}")


def _grid_of(rows: Rows, column: str, points: int) -> list[Any]:
    levels = rows.levels(column)
    if levels is not None:
        return levels
    numbers = rows.values(column)
    values = np.unique(numbers)
    if len(values) > FEW:
        low, high = np.quantile(numbers, ENDS)
        values = np.linspace(low, high, points)
    return [int(value) if (values == np.round(values)).all() else float(value) for value in values]


def _deciles(rows: Rows, column: str) -> tuple[float, ...]:
    if rows.levels(column) is not None:
        return ()
    return tuple(map(float, np.quantile(rows.values(column), np.arange(1, 10) / 10)))


@figure_style.styled
def figure(parts: Sequence[PartialDependence], width: figure_style.Width | None = None) -> Any:
    """One panel a column, in one `matplotlib.figure.Figure`: the mean, its 95 % band, and a rug at the column's
    deciles."""
    keys = 3 if any(part.deciles for part in parts) else 1
    drawn, axes = figure_style.panels(len(parts), width, keys=keys + len(parts[0].outputs) - 1)
    figure_style.describe(drawn, f"{parts[0].run}: {parts[0].model} on {parts[0].problem}, partial dependence")
    for axis, part in zip(axes, parts, strict=True):
        _panel(axis, part)
    figure_files.as_written(drawn)
    return drawn


def _panel(axis: Any, part: PartialDependence) -> None:
    several = len(part.outputs) > 1
    for i, output in enumerate(part.outputs):
        points = part.of(output)
        means = np.array([point.estimate.value for point in points])
        ends = [(point.estimate.low, point.estimate.high) for point in points]
        low, high = np.array(ends, np.float64).T
        look, label = figure_style.look(i), words.worded(output, part.labels) if several else "mean prediction"
        if part.deciles:
            where = [point.value for point in points]
            axis.plot(where, means, marker="." if len(points) <= FEW else "", label=label, **look)
            if np.isfinite(low).any():
                figure_style.band(axis, where, low, high, look["color"], None if several else "95 % interval")
        else:
            reach = np.nan_to_num(np.vstack([means - low, high - means])).clip(min=0)
            around = "" if several or not np.isfinite(low).any() else ", 95 % interval"
            bars: dict[str, Any] = {"color": look["color"], "fmt": figure_style.MARKERS[i], "label": label + around}
            axis.errorbar([str(point.value) for point in points], means, yerr=reach, capsize=2, **bars)
            axis.margins(x=0.15)
    if part.deciles:
        figure_style.rug(axis, part.deciles, "deciles of the rows")
    probability = part.outputs[0].startswith("P(")
    meant = ("probability" if probability else "prediction") if several else words.worded(part.outputs[0], part.labels)
    axis.set_xlabel(figure_style.folded(words.worded(part.column, part.labels), axis))
    axis.set_ylabel(figure_style.folded(meant, letters=30))
    figure_style.key(axis)
