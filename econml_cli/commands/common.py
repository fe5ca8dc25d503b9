"""Options that several commands have in the same words."""

from typing import Annotated

import typer

Member = Annotated[
    int | None,
    typer.Option("--member", min=0, metavar="K", help="Of an ensemble, only this member; 0 is the first."),
]
