"""`econml sweep launch|agent`: register a sweep with W&B, and run W&B's agent on it."""

from typing import TYPE_CHECKING, Annotated

import typer

from econml_cli.commands.sweep.shared import File, say
from econml_cli.errors import ConfigError

if TYPE_CHECKING:
    from econml_cli.sweeps.spec.schema import Sweep

Count = Annotated[
    int | None, typer.Option("--count", min=1, metavar="N", help="The most runs of this agent (default: no end).")
]


def launch_command(
    file: File,
    project: Annotated[
        str | None, typer.Option(metavar="NAME", help="W&B project (default: WANDB_PROJECT, the file's, econml).")
    ] = None,
    entity: Annotated[str | None, typer.Option(metavar="NAME", help="W&B team or user (default: your own).")] = None,
    start: Annotated[bool, typer.Option("--start", help="Run an agent here at once.")] = False,
    count: Count = None,
) -> None:
    """Register a sweep with W&B and print its path, ENTITY/PROJECT/ID.

    `econml sweep agent $(econml sweep launch FILE)` registers a sweep and runs it, and so does --start.
    """
    from econml_cli.sweeps.spec import schema

    if count is not None and not start:
        raise ConfigError("--count is for the agent that --start starts; add --start.")
    sweep = schema.load(file)
    say(sweep.notes)
    path = register(sweep, project, entity)
    if start:
        _run_agent(path, count)


def register(sweep: "Sweep", project: str | None = None, entity: str | None = None) -> str:
    """Register a sweep: its path on stdout, its page on stderr."""
    from econml_cli.sweeps.remote import wandb_launch

    registered = wandb_launch.register(sweep, project, entity)
    say(f"W&B: {note}" for note in registered.notes)
    if registered.url:
        say([registered.url])
    typer.echo(registered.path)
    return registered.path


def agent_command(
    path: Annotated[str, typer.Argument(metavar="ENTITY/PROJECT/ID", help="What `sweep launch` printed.")],
    count: Count = None,
) -> None:
    """Run W&B's agent: it asks W&B for points of the sweep and fits them, one after another.

    Ctrl-C lets the run end, a second one terminates it. Any number of agents, anywhere, can share a sweep.
    """
    from econml_cli.sweeps.remote import wandb_launch

    _run_agent(wandb_launch.look_up(path).path, count)


def _run_agent(path: str, count: int | None) -> None:
    from econml_cli.sweeps.remote import wandb_launch

    if wandb_launch.run_agent(path, count):
        raise typer.Exit(130)
