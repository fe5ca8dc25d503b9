"""What the sweep commands share: arguments, and how notes are said."""

from collections.abc import Iterable
from dataclasses import dataclass

import typer

from econml_cli.commands.declared import Argument
from econml_cli.errors import printable
from econml_cli.options.fields import option

FILE = Argument("file", "FILE", "A W&B sweep in YAML.", required=True)


@dataclass(frozen=True)
class RunsDirOption:
    """Where sweeps are."""

    runs_dir: str = option("runs", "where sweeps are looked up by name", metavar="DIR")


def say(notes: Iterable[str]) -> None:
    """Notes on stderr, a line each."""
    for note in notes:
        typer.echo(f"econml sweep: {printable(note)}", err=True)
