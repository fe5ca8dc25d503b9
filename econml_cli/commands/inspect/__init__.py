"""`econml inspect`: what is in a checkpoint, an untrained model, a data file, the runs directory, the registries."""

import typer

from econml_cli.commands.help_text import Group
from econml_cli.commands.inspect import checkpoint, data, listings
from econml_cli.commands.inspect.model import HELP, ModelCommand

__all__ = ["app"]

app = typer.Typer(
    add_completion=False,
    cls=Group,
    help="Show what is in a checkpoint, an untrained model, a data file, the runs directory, and the registries.",
)


@app.command("model", cls=ModelCommand, help=HELP)
def _model() -> None:  # ModelCommand replaces it once it has seen the arguments
    raise AssertionError


for command in (checkpoint.COMMAND, data.COMMAND, *listings.COMMANDS):
    command.add_to(app)
