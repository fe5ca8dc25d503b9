"""`econml runs`: the runs, cross-validations, sweeps and estimates of a directory, as a person keeps them."""

import typer

from econml_cli.commands.help_text import Group
from econml_cli.commands.runs import change, label, listed, shown

app = typer.Typer(
    add_completion=False, cls=Group, help="List, show, label, rename, put away and remove runs, sweeps and the like."
)

for command in (listed.COMMAND, shown.COMMAND, label.TAG, label.NOTE, *change.COMMANDS, shown.DU):
    command.add_to(app)
