"""`econml runs list`: what is kept in a directory, filtered, sorted, with the columns that are asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from econml_cli.commands.common import OPTIONS, RunsDirOption
from econml_cli.commands.declared import Command
from econml_cli.options.fields import option

if TYPE_CHECKING:
    from econml_cli.runs.listing import RunRow


@dataclass(frozen=True)
class Which:
    """Which of them."""

    kind: Literal["all", "run", "cross-validation", "sweep", "estimate"] = option("all", "only these", metavar="KIND")
    where: tuple[str, ...] = option(
        (),
        'only those of which this holds: "test_loss<0.1", "model=mlp", "lr!=0.001", "note~table 2"; may be repeated',
        metavar="CONDITION",
        repeated=True,
    )
    tag: tuple[str, ...] = option((), "only those with this tag; may be repeated", metavar="TAG", repeated=True)
    archived: bool = option(False, "those that `econml runs archive` has put away")
    sort: str | None = option(
        None, "sort by a column; -COLUMN or COLUMN:desc: descending (default: newest last)", metavar="NAME"
    )
    limit: int | None = option(None, "only the first N after --sort; without --sort the newest N", ge=1, metavar="N")


@dataclass(frozen=True)
class Shown:
    """What is printed of them."""

    columns: tuple[str, ...] = option(
        (), "which columns, such as run,lr,width,test_loss: those of --json, and the options of config.yaml"
    )
    format: Literal["text", "json", "csv", "markdown", "latex"] = option("text", "how it is printed", metavar="FORMAT")
    json: bool = option(False, "the same as --format json")


def list_(which: Which, shown: Shown, lookup: RunsDirOption) -> None:
    """List what is kept in a directory, newest last: runs, cross-validations, sweeps, estimates.

    econml runs list --sort test_loss --limit 5
    econml runs list --where "model=mlp" --where "val_loss<0.1" --columns run,lr,width,test_loss
    econml runs list --tag paper --format latex
    """
    from econml_cli.runs import directory, kinds, listing

    place = Path(lookup.runs_dir) / (directory.ARCHIVE if which.archived else "")
    wanted = tuple(kinds.MARKS) if which.kind == "all" else (which.kind,)
    there = listing.describe(place, wanted)
    conditions = [*which.where, *(f"tags={tag}" for tag in which.tag)]
    rows = listing.ordered(listing.where(there, conditions), which.sort, which.limit)
    if not there:
        what = "nothing" if which.kind == "all" else f"no {which.kind}"
        typer.echo(f"There is {what} in {place}/ yet; make a run with `econml fit mlp`.", err=True)
    elif not rows:
        typer.echo(f"None of the {len(there):,} in {place}/ is asked for.", err=True)
    _print(rows, [listing.column(name, there) for name in shown.columns], "json" if shown.json else shown.format)


def _print(rows: "Sequence[RunRow]", names: list[str], form: str) -> None:
    """The rows, all columns or those of these names."""
    from econml_cli.output import terminal
    from econml_cli.runs import listing

    def values(row: "RunRow") -> dict[str, Any]:
        return {name: listing.value(row, name) for name in names} if names else row.to_json()

    if form == "json":
        terminal.print_json([values(row) for row in rows])
    elif form == "csv":
        from econml_cli.output.tables import csv_lines

        flat = [{name: _flat(each) for name, each in values(row).items()} for row in rows]
        print(csv_lines(flat, names or listing.COLUMNS))  # noqa: T201
    elif form != "text":
        from econml_cli.output.tables import RENDERERS

        print(RENDERERS[form](_grid(rows, names or _NARROW), None))  # noqa: T201
    elif rows and names:
        grid = _grid(rows, names)
        left = [name for name, side in zip(names, grid.align, strict=True) if side == "l"]
        terminal.show(terminal.columns(grid.headers, grid.rows, left))
    elif rows:
        from econml_cli.inspection import text

        terminal.show(text.run_table(rows))


#: the columns of a table for a paper
_NARROW = ["name", "model", "problem", "epochs", "test_loss"]


def _grid(rows: "Sequence[RunRow]", names: Sequence[str]) -> Any:
    from econml_cli.output.tables import Grid
    from econml_cli.output.terminal import number
    from econml_cli.runs import listing

    values = [[_flat(listing.value(row, name)) for name in names] for row in rows]
    cells = tuple(tuple(number(each) for each in line) for line in values)
    text = [any(isinstance(line[i], str) for line in values) for i in range(len(names))]
    return Grid(tuple(names), cells, align="".join("l" if left else "r" for left in text))


def _flat(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else value


COMMAND = Command("econml runs list", list_, (("Which", Which), ("Output", Shown), (OPTIONS, RunsDirOption)))
