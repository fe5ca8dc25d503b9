"""`econml sweep slurm`: an sbatch script whose workers share one sweep."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from econml_cli.commands.sweep.shared import File, RunsDir, say
from econml_cli.errors import ConfigError, RunError
from econml_cli.storage import disk

EACH, SWEEP, OUTPUT = "Each worker", "Sweep", "Output"


def slurm_command(
    file: File,
    options: Annotated[
        list[str] | None,
        typer.Argument(metavar="-- OPTION ...", help="After --: options for `econml sweep run`.", show_default=False),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="How many workers share the sweep.")] = 4,
    time: Annotated[
        str | None,
        typer.Option(metavar="TIME", rich_help_panel=EACH, help="Limit, such as 2:00:00 (default: the partition's)."),
    ] = None,
    cpus: Annotated[int, typer.Option(min=1, metavar="N", rich_help_panel=EACH, help="Cores.")] = 1,
    memory: Annotated[
        str | None,
        typer.Option(metavar="SIZE", rich_help_panel=EACH, help="Memory, such as 8G (default: the partition's)."),
    ] = None,
    gpus: Annotated[int, typer.Option(min=0, metavar="N", rich_help_panel=EACH, help="GPUs.")] = 0,
    partition: Annotated[
        str | None, typer.Option(metavar="NAME", rich_help_panel=EACH, help="Partition (default: the cluster's).")
    ] = None,
    account: Annotated[
        str | None, typer.Option(metavar="NAME", rich_help_panel=EACH, help="Account (default: your own).")
    ] = None,
    setup: Annotated[
        str | None,
        typer.Option(
            metavar="LINES",
            rich_help_panel=EACH,
            help="Shell lines that make econml available, such as 'module load python; source .venv/bin/activate' "
            "(default: this econml, by its path).",
        ),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="URL", rich_help_panel=SWEEP, help="Where the study is (default: a journal in its directory)."
        ),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, metavar="N", rich_help_panel=SWEEP, help="Trials, over all workers.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, metavar="SEED", rich_help_panel=SWEEP, help="Seed.")] = None,
    runs_dir: RunsDir = Path("runs"),
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", rich_help_panel=OUTPUT, help="Write the script, replaced if it exists (default: print it)."
        ),
    ] = None,
    submit: Annotated[
        bool, typer.Option("--submit", rich_help_panel=OUTPUT, help="Hand it to sbatch; print the job's number.")
    ] = False,
) -> None:
    """Print a Slurm script whose workers share one sweep, or submit it.

    The sweep's directory, and so its journal, must be on a file system that all nodes see.
    """
    from econml_cli.sweeps.remote import slurm
    from econml_cli.sweeps.run.directory import SweepDirectory, slug
    from econml_cli.sweeps.spec import schema

    sweep = schema.load(file)
    say(sweep.notes)
    job = slurm.Job(sweep.name, workers, time, cpus, gpus, memory, partition, account, setup)
    directory = SweepDirectory((runs_dir / slug(sweep.name)).absolute())
    arguments = [str(file.absolute()), "--out", str(directory.path), "--storage", storage or str(directory.journal)]
    arguments += [] if trials is None else ["--trials", str(trials)]
    arguments += [] if seed is None else ["--seed", str(seed)]
    arguments += options or []
    _check(arguments)
    text = slurm.script(job, arguments, Path.cwd(), ["econml", *sys.argv[1:]])
    if out is not None:
        _write(out, text)
    if submit:
        typer.echo(slurm.submit(text, out))
    else:
        sys.stdout.write(f"{out}\n" if out is not None else text)


def _check(arguments: list[str]) -> None:
    """Say now what each worker would say of its options, hours later, in a log.

    Raises:
        ConfigError: `econml sweep run` takes no such options.
    """
    from econml_cli.commands.sweep import app

    command = getattr(typer.main.get_command(app), "commands", {}).get("run")
    try:
        if command is not None:
            command.make_context("run", list(arguments))
    except Exception as error:
        message = getattr(error, "message", None) or str(error)
        raise ConfigError(f"econml sweep run: {message}") from None


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        disk.write_text(path, text)
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error}.") from None
