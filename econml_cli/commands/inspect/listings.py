"""`econml inspect models`, `problems`, `runs`: the registries and the runs directory, listed."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from econml_cli.commands.inspect.shared import Json, RunsDir

Template = Annotated[bool, typer.Option("--template", help="Print a file to start one of your own from.")]


def models_command(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Only this one (default: all).", show_default=False)
    ] = None,
    template: Template = False,
    json: Json = False,
) -> None:
    """List the models that can be fitted, with their options."""
    _template("model", json) if template else _list("model", name, json)


def problems_command(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Only this one (default: all).", show_default=False)
    ] = None,
    template: Template = False,
    json: Json = False,
) -> None:
    """List the problems that a model can be fitted to, with their options."""
    _template("problem", json) if template else _list("problem", name, json)


def _list(kind: Literal["model", "problem"], name: str | None, json: bool) -> None:
    from econml_cli.inspection import listings, text
    from econml_cli.output import terminal

    describe = listings.describe_models if kind == "model" else listings.describe_problems
    found = describe(name)
    terminal.print_json([entry.to_json() for entry in found]) if json else terminal.show(text.entries(found))


def _template(kind: Literal["model", "problem"], json: bool) -> None:
    from econml_cli.inspection.templates import template
    from econml_cli.output import terminal

    found = template(kind)
    terminal.print_json(found.to_json()) if json else typer.echo(found.text, nl=False)


def runs_command(runs_dir: RunsDir = Path("runs"), json: Json = False) -> None:
    """List the runs in a directory, newest last."""
    from econml_cli.inspection import text
    from econml_cli.inspection.listings import describe_runs
    from econml_cli.output import terminal

    rows = describe_runs(runs_dir)
    if json:
        terminal.print_json([row.to_json() for row in rows])
    elif rows:
        terminal.show(text.run_table(rows))
    else:
        typer.echo(f"There are no runs in {runs_dir}/ yet; make one with `econml fit mlp`.", err=True)
