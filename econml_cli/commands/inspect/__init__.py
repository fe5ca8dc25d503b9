"""`econml inspect`: what is in a checkpoint, in an untrained model, in the runs directory, and in the registries."""

import typer

from econml_cli.commands.help_text import Group
from econml_cli.commands.inspect import checkpoint, listings
from econml_cli.commands.inspect.model import HELP, ModelCommand

__all__ = ["app"]

app = typer.Typer(
    add_completion=False,
    cls=Group,
    help="Show what is in a checkpoint, in an untrained model, in the runs directory, and in the registries.",
)


@app.command("model", cls=ModelCommand, help=HELP)
def _model() -> None:  # ModelCommand replaces it once it has seen the arguments
    raise AssertionError


for command in (checkpoint.COMMAND, *listings.COMMANDS):
    command.add_to(app)
