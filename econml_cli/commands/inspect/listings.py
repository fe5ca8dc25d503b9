"""`econml inspect models`, `problems`, `runs`: the registries and the runs directory, listed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import typer

from econml_cli.commands.common import OPTIONS, RunsDirOption
from econml_cli.commands.declared import Argument, Command
from econml_cli.commands.inspect.shared import JsonOption
from econml_cli.options.fields import option

NAME = Argument("name", "[NAME]", "Only this one (default: all).")


@dataclass(frozen=True)
class TemplateOption:
    """A file in place of the list."""

    template: bool = option(False, "print a file to start one of your own from")


def models(name: str | None, template: TemplateOption, form: JsonOption) -> None:
    """List the models that can be fitted, with their options."""
    _template("model", form.json) if template.template else _list("model", name, form.json)


def problems(name: str | None, template: TemplateOption, form: JsonOption) -> None:
    """List the problems that a model can be fitted to, with their options."""
    _template("problem", form.json) if template.template else _list("problem", name, form.json)


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


def runs(lookup: RunsDirOption, form: JsonOption) -> None:
    """List the runs in a directory, newest last."""
    from econml_cli.inspection import text
    from econml_cli.output import terminal
    from econml_cli.runs.listing import describe_runs

    rows = describe_runs(Path(lookup.runs_dir))
    if form.json:
        terminal.print_json([row.to_json() for row in rows])
    elif rows:
        terminal.show(text.run_table(rows))
    else:
        typer.echo(f"There are no runs in {Path(lookup.runs_dir)}/ yet; make one with `econml fit mlp`.", err=True)


_LISTED = ((OPTIONS, TemplateOption), (OPTIONS, JsonOption))
COMMANDS = (
    Command("econml inspect models", models, _LISTED, (NAME,)),
    Command("econml inspect problems", problems, _LISTED, (NAME,)),
    Command("econml inspect runs", runs, ((OPTIONS, RunsDirOption), (OPTIONS, JsonOption))),
)
