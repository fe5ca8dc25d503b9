"""`econml sweep launch|agent`: register a sweep with W&B, and run W&B's agent on it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from econml_cli.commands.common import OPTIONS
from econml_cli.commands.declared import Argument, Command
from econml_cli.commands.sweep.shared import FILE, say
from econml_cli.errors import ConfigError
from econml_cli.options.fields import option

if TYPE_CHECKING:
    from econml_cli.sweeps.spec.schema import Sweep


@dataclass(frozen=True)
class CountOption:
    """How long an agent goes on."""

    count: int | None = option(None, "the most runs of this agent (default: no end)", ge=1, metavar="N")


@dataclass(frozen=True)
class LaunchOptions:
    """Where it is registered."""

    project: str | None = option(None, "W&B project (default: WANDB_PROJECT, the file's, econml)", metavar="NAME")
    entity: str | None = option(None, "W&B team or user (default: your own)", metavar="NAME")
    start: bool = option(False, "run an agent here at once")


def launch(path: str, options: LaunchOptions, agent: CountOption) -> None:
    """Register a sweep with W&B and print its path, ENTITY/PROJECT/ID.

    `econml sweep agent $(econml sweep launch FILE)` registers a sweep and runs it, and so does --start.
    """
    from econml_cli.sweeps.spec import schema

    if agent.count is not None and not options.start:
        raise ConfigError("--count is for the agent that --start starts; add --start.")
    sweep = schema.load(Path(path))
    say(sweep.notes)
    registered = register(sweep, options.project, options.entity)
    if options.start:
        _run_agent(registered, agent.count)


def register(sweep: "Sweep", project: str | None = None, entity: str | None = None) -> str:
    """Register a sweep: its path on stdout, its page on stderr."""
    from econml_cli.sweeps.remote import wandb_launch

    registered = wandb_launch.register(sweep, project, entity)
    say(f"W&B: {note}" for note in registered.notes)
    if registered.url:
        say([registered.url])
    typer.echo(registered.path)
    return registered.path


def agent(path: str, options: CountOption) -> None:
    """Run W&B's agent: it asks W&B for points of the sweep and fits them, one after another.

    Ctrl-C lets the run end, a second one terminates it. Any number of agents, anywhere, can share a sweep.
    """
    from econml_cli.sweeps.remote import wandb_launch

    _run_agent(wandb_launch.look_up(path).path, options.count)


def _run_agent(path: str, count: int | None) -> None:
    from econml_cli.sweeps.remote import wandb_launch

    if wandb_launch.run_agent(path, count):
        raise typer.Exit(130)


LAUNCH = Command("econml sweep launch", launch, ((OPTIONS, LaunchOptions), (OPTIONS, CountOption)), (FILE,))
AGENT = Command(
    "econml sweep agent",
    agent,
    ((OPTIONS, CountOption),),
    (Argument("path", "ENTITY/PROJECT/ID", "What `sweep launch` printed.", required=True),),
)
