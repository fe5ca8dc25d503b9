"""`econml inspect`: what is in a checkpoint, in an untrained model, in the runs directory, and in the registries."""

import typer

from econml_cli.commands.inspect.checkpoint import checkpoint_command
from econml_cli.commands.inspect.listings import models_command, problems_command, runs_command
from econml_cli.commands.inspect.model import HELP, ModelCommand

__all__ = ["app", "checkpoint_command", "models_command", "problems_command", "runs_command"]

app = typer.Typer(
    help="Show what is in a checkpoint, in an untrained model, in the runs directory, and in the registries.",
    no_args_is_help=True,
)


@app.command("model", cls=ModelCommand, help=HELP)
def _model() -> None:  # ModelCommand replaces it once it has seen the arguments
    raise AssertionError


app.command("checkpoint")(checkpoint_command)
app.command("models")(models_command)
app.command("problems")(problems_command)
app.command("runs")(runs_command)
