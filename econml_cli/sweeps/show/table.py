"""The trials of a sweep as a table: its columns, its order, its forms."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from econml_cli.errors import ConfigError, suggest
from econml_cli.output.tables import RENDERERS, Grid, csv_lines
from econml_cli.storage import disk
from econml_cli.sweeps.study.trials import Results, Trial

#: what the commands print for whom: text to a reader, the others to programs and papers
FORMATS = ("text", "json", "csv", "markdown", "latex")
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
    others = dict.fromkeys(name for trial in results.trials for name in trial.metrics if name != results.metric)
    return (
        *map(field, _FIXED[:3]),
        *varied(results),
        *map(parameter, constants),
        metric(results),
        *(Column(name, lambda trial, name=name: disk.finite(trial.metrics.get(name))) for name in others),  # type: ignore[misc]
        *map(field, _FIXED[3:]),
    )


def narrow(results: Results) -> tuple[Column, ...]:
    """The columns that a paper shows."""
    trial = Column("trial", lambda trial: trial.number)
    return (trial, *varied(results), metric(results), field("epochs"), field("seconds"), field("state"))


def ordered(results: Results, sort: str | None) -> tuple[Trial, ...]:
    """The trials, best first; or by a column of `whole`: "NAME", "-NAME" or "NAME:desc" (descending), "NAME:asc".

    Trials without a value come last.

    Raises:
        ConfigError: there is no such column; suggests the nearest.
    """
    if sort is None:
        ranked = results.ranked()
        numbers = {trial.number for trial in ranked}
        rest = [trial for trial in results.trials if trial.number not in numbers]
        return (*ranked, *sorted(rest, key=lambda trial: (_AFTER.index(trial.state), trial.number)))
    bare, _, direction = sort.removeprefix("-").partition(":")
    descending = sort.startswith("-") or direction == "desc"
    known = {column.name: column for column in whole(results)}
    name = {**_ALIASES, "value": results.metric}.get(bare, bare)
    name = name if name in known else name.replace("-", "_")
    if name not in known or direction not in ("", "asc", "desc"):
        near = suggest(bare, known) if name not in known else " NAME, -NAME and NAME:desc are understood."
        raise ConfigError(f"--sort {sort}: there is no column '{bare if name not in known else sort}'.{near}")
    of = known[name].of
    there = [trial for trial in results.trials if of(trial) is not None]
    there.sort(key=lambda trial: _key(of(trial)), reverse=descending)
    return (*there, *(trial for trial in results.trials if of(trial) is None))


def _key(value: Any) -> tuple[bool, float, str]:
    """Numbers before text, so that a parameter with both can be sorted."""
    text = not isinstance(value, int | float)
    return text, 0.0 if text else value, str(value) if text else ""


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
        columns = whole(results)
        rows = [{column.name: column.of(trial) for column in columns} for trial in trials]
        return csv_lines(rows, [column.name for column in columns])
    return RENDERERS[form](grid(results, trials), None)


def grid(results: Results, trials: Sequence[Trial]) -> Grid:
    """The columns of `narrow`: text flush left, numbers flush right."""
    columns = narrow(results)
    rows = tuple(tuple(cell(column.of(trial)) for column in columns) for trial in trials)
    align = "".join("l" if textual(column, trials) else "r" for column in columns)
    return Grid(tuple(column.name for column in columns), rows, align=align)


def textual(column: Column, trials: Sequence[Trial]) -> bool:
    """Whether a column holds text, which reads from the left."""
    return any(isinstance(column.of(trial), str | bool) for trial in trials)
