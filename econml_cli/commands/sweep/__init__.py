"""`econml sweep`: write, check and sample a W&B sweep; run it here, on many machines or by W&B's agents; show it."""

import typer

from econml_cli.commands.sweep import run, show, slurm, wandb, write

app = typer.Typer(help="Write, check, run and show hyperparameter sweeps (W&B's YAML).", no_args_is_help=True)

app.command("create")(write.create_command)
app.command("check")(write.check_command)
app.command("run")(run.run_command)
app.command("show")(show.show_command)
app.command("sample")(write.sample_command)
app.command("slurm")(slurm.slurm_command)
app.command("launch")(wandb.launch_command)
app.command("agent")(wandb.agent_command)
