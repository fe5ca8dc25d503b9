"""`econml sweep`: write, check and sample a W&B sweep; run it here, on many machines or by W&B's agents; show it."""

import typer

from econml_cli.commands.help_text import Group
from econml_cli.commands.sweep import run, show, slurm, wandb, write

app = typer.Typer(
    add_completion=False, cls=Group, help="Write, check, run and show hyperparameter sweeps (W&B's YAML)."
)

for command in (
    write.CREATE,
    write.CHECK,
    run.COMMAND,
    show.COMMAND,
    write.SAMPLE,
    slurm.COMMAND,
    wandb.LAUNCH,
    wandb.AGENT,
):
    command.add_to(app)
