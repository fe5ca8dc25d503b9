"""What the sweep commands share: arguments, and how notes are said."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

File = Annotated[Path, typer.Argument(metavar="FILE", help="A W&B sweep in YAML.", show_default=False)]
RunsDir = Annotated[
    Path,
    typer.Option("--runs-dir", metavar="DIR", envvar="ECONML_RUNS_DIR", help="Where sweeps are looked up by name."),
]


def say(notes: Iterable[str]) -> None:
    """Notes on stderr, a line each."""
    for note in notes:
        typer.echo(f"econml sweep: {note}", err=True)
