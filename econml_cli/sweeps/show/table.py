"""The trials of a sweep as a table: its columns, its order, its forms."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from econml_cli.output.sorting import order
from econml_cli.output.tables import RENDERERS, Grid, csv_lines
from econml_cli.storage import disk
from econml_cli.sweeps.show import replicates
from econml_cli.sweeps.study.trials import Results, Trial

_FIXED = ("number", "index", "state", "epochs", "seconds", "run", "worker", "started", "finished", "reason")
#: other words for two of the columns
_ALIASES = {"trial": "number", "value": "metric"}
#: where trials without a metric stand: below the others, in this order
_AFTER = ("complete", "pruned", "running", "waiting", "failed")


@dataclass(frozen=True)
class Column:
    """A column: its name, and its value for a trial (None where the trial has none)."""

    name: str
    of: Callable[[Trial], Any]


def metric(results: Results) -> Column:
    """The metric in its own sign."""
    return Column(results.metric, lambda trial: disk.finite(trial.value))


def objectives(results: Results) -> tuple[Column, ...]:
    """The metrics that are to be good."""
    others = [name for name, _ in results.objectives if name != results.metric]
    return (
        metric(results),
        *(Column(name, lambda trial, name=name: disk.finite(trial.metrics.get(name))) for name in others),  # type: ignore[misc]
    )


def parameter(name: str) -> Column:
    """A parameter; one that is called like another column has "param." before its name."""
    return Column(f"param.{name}" if name in _FIXED else name, lambda trial: trial.params.get(name))


def field(name: str) -> Column:
    """A field of `Trial`."""
    return Column(name, lambda trial: getattr(trial, name))


def varied(results: Results) -> tuple[Column, ...]:
    """The parameters that are not constant."""
    return tuple(parameter(name) for name in results.varied)


def constant(results: Results) -> dict[str, Any]:
    """{name: value} of the parameters that are the same in every trial."""
    names = dict.fromkeys(name for trial in results.trials for name in trial.params if name not in results.varied)
    first = {name: next(t.params[name] for t in results.trials if name in t.params) for name in names}
    return {name: value for name, value in first.items() if all(t.params.get(name) == value for t in results.trials)}


def whole(results: Results) -> tuple[Column, ...]:
    """Every column: what a trial is, all its parameters, its metrics, where it ran."""
    constants = dict.fromkeys(name for trial in results.trials for name in trial.params if name not in results.varied)
    several = dict(results.objectives) or {results.metric: results.goal}
    others = dict.fromkeys(name for trial in results.trials for name in trial.metrics if name not in several)
    return (
        *map(field, _FIXED[:3]),
        *varied(results),
        *map(parameter, constants),
        *objectives(results),
        *(Column(name, lambda trial, name=name: disk.finite(trial.metrics.get(name))) for name in others),  # type: ignore[misc]
        *_over_fits(results),
        *map(field, _FIXED[3:]),
        *_origin(results),
    )


def _origin(results: Results) -> tuple[Column, ...]:
    """Where some trials are another sweep's: whose."""
    return (field("origin"),) if any(trial.origin for trial in results.trials) else ()


def _over_fits(results: Results) -> tuple[Column, ...]:
    """Of points of several fits: how the metric is distributed over them."""
    if results.replication is None:
        return ()
    goal = replicates.goal_of(results)
    names = ("mean", "standard_error", "sd", *(f"q{round(100 * level):02d}" for level in replicates.LEVELS))
    return tuple(
        Column(name, lambda trial, name=name: replicates.as_rows(trial, goal).get(name))  # type: ignore[misc]
        for name in names
    )


def narrow(results: Results) -> tuple[Column, ...]:
    """The columns that a paper shows."""
    trial = Column("trial", lambda trial: trial.number)
    return (
        trial,
        *varied(results),
        *objectives(results),
        field("epochs"),
        field("seconds"),
        field("state"),
        *_origin(results),
    )


def ordered(results: Results, sort: str | None) -> tuple[Trial, ...]:
    """The trials, best first; or by a column of `whole`, as `output.sorting.order` reads `sort`. Trials without a value
    come last.

    Raises:
        ConfigError: there is no such column; suggests the nearest.
    """
    if sort is None:
        ranked = results.ranked()
        numbers = {trial.number for trial in ranked}
        rest = [trial for trial in results.trials if trial.number not in numbers]
        return (*ranked, *sorted(rest, key=lambda trial: (_AFTER.index(trial.state), trial.number)))
    places = order(rows(results, results.trials), sort, aliases=_ALIASES | {"value": results.metric})
    return tuple(results.trials[place] for place in places)


def rows(results: Results, trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Every column of `whole` for each trial."""
    columns = whole(results)
    return [{column.name: column.of(trial) for column in columns} for trial in trials]


def cell(value: Any) -> str:
    """A value for a reader: four digits, no separator in what may be typed again, one line, "-" for none."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.4g}" if isinstance(value, float) else " ".join(str(value).split())


def render(results: Results, trials: Sequence[Trial], form: str) -> str:
    """The trials as "csv", one row each with every column of `whole`, numbers with all their digits, missing values
    empty; or the columns of `narrow` in a form of `output.tables.RENDERERS`, such as "markdown" or "latex"."""
    if form == "csv":
        return csv_lines(rows(results, trials), [column.name for column in whole(results)])
    return RENDERERS[form](grid(results, trials), None)


def grid(results: Results, trials: Sequence[Trial]) -> Grid:
    """The columns of `narrow`: text flush left, numbers flush right."""
    columns = narrow(results)
    cells = tuple(tuple(cell(column.of(trial)) for column in columns) for trial in trials)
    align = "".join("l" if textual(column, trials) else "r" for column in columns)
    return Grid(tuple(column.name for column in columns), cells, align=align)


def textual(column: Column, trials: Sequence[Trial]) -> bool:
    """Whether a column holds text, which reads from the left."""
    return any(isinstance(column.of(trial), str | bool) for trial in trials)
