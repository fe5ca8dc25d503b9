"""`econml sweep slurm`: an sbatch script whose workers share one sweep."""

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path

import typer

from econml_cli.commands.common import OPTIONS, path_of
from econml_cli.commands.declared import Argument, Command
from econml_cli.commands.sweep.shared import FILE, RunsDirOption, say
from econml_cli.errors import ConfigError, RunError
from econml_cli.options.fields import option
from econml_cli.storage import disk

EACH, SWEEP, OUTPUT = "Each worker", "Sweep", "Output"
FURTHER = Argument("options", "-- OPTION ...", "After --: options for `econml sweep run`.", many=True)


@dataclass(frozen=True)
class WorkersOption:
    """How many."""

    workers: int = option(4, "how many workers share the sweep", ge=1, metavar="N")


@dataclass(frozen=True)
class EachOptions:
    """What each worker is given."""

    time: str | None = option(None, "limit, such as 2:00:00 (default: the partition's)", metavar="TIME")
    cpus: int = option(1, "cores", ge=1, metavar="N")
    memory: str | None = option(None, "memory, such as 8G (default: the partition's)", metavar="SIZE")
    gpus: int = option(0, "GPUs", ge=0, metavar="N")
    partition: str | None = option(None, "partition (default: the cluster's)", metavar="NAME")
    account: str | None = option(None, "account (default: your own)", metavar="NAME")
    requeue: bool = option(
        False, "at the time limit save and ask Slurm for another turn, until the sweep is done (needs scontrol requeue)"
    )
    setup: str | None = option(
        None,
        "shell lines that make econml available, such as 'module load python; source .venv/bin/activate' (default: "
        "this econml, by its path)",
        metavar="LINES",
    )


@dataclass(frozen=True)
class SearchOptions:
    """Of the sweep."""

    storage: str | None = option(None, "where the study is (default: a journal in its directory)", metavar="URL")
    trials: int | None = option(None, "trials, over all workers", ge=1, metavar="N")
    seed: int | None = option(None, "seed", ge=0, metavar="SEED")


@dataclass(frozen=True)
class OutputOptions:
    """Where the script goes."""

    out: str | None = option(None, "write the script, replaced if it exists (default: print it)", metavar="FILE")
    submit: bool = option(False, "hand it to sbatch; print the job's number")


def slurm(
    path: str,
    further: list[str] | None,
    options: WorkersOption,
    each: EachOptions,
    search: SearchOptions,
    lookup: RunsDirOption,
    output: OutputOptions,
) -> None:
    """Print a Slurm script whose workers share one sweep, or submit it.

    The sweep's directory, and so its journal, must be on a file system that all nodes see.
    """
    from econml_cli.sweeps.remote import slurm as scripts
    from econml_cli.sweeps.run import programs
    from econml_cli.sweeps.run.directory import SweepDirectory, slug
    from econml_cli.sweeps.spec import schema
    from econml_cli.sweeps.study import databases, passwords

    if search.storage is not None:
        databases.name(search.storage)  # what is submitted is asked about from here, too
    sweep = schema.load(Path(path))
    say(sweep.notes)
    job = scripts.Job(sweep.name, options.workers, **dataclasses.asdict(each))
    if sweep.target is None and not any(word.split("=")[0] in ("--command", "--model") for word in further or ()):
        programs.check(sweep, named=False)  # now, not in each worker's log
    directory = SweepDirectory((Path(lookup.runs_dir) / slug(sweep.name)).absolute())
    arguments = [
        str(Path(path).absolute()),
        "--out",
        str(directory.path),
        "--storage",
        passwords.without_password(search.storage) if search.storage else str(directory.journal),
    ]
    arguments += [] if search.trials is None else ["--trials", str(search.trials)]
    arguments += [] if search.seed is None else ["--seed", str(search.seed)]
    arguments += passwords.masked(further or [])
    _check(arguments)
    text = scripts.script(job, arguments, Path.cwd(), ["econml", *sys.argv[1:]])
    out = path_of(output.out)
    if out is not None:
        secrets = passwords.in_lines(each.setup)
        if secrets:
            say([f"--setup sets {secrets[0]}, which is then in the script: only you may read it. A file is better."])
        _write(out, text, private=bool(secrets))
    if output.submit:
        typer.echo(scripts.submit(text, out))
    else:
        sys.stdout.write(f"{out}\n" if out is not None else text)


def _check(arguments: list[str]) -> None:
    """Say now what each worker would say of its options, hours later, in a log.

    Raises:
        ConfigError: `econml sweep run` takes no such options.
    """
    from econml_cli.commands.sweep import app, run

    command = getattr(typer.main.get_command(app), "commands", {}).get("run")
    try:
        if command is not None:
            run.COMMAND.check(command, arguments)
    except Exception as error:
        message = getattr(error, "message", None) or str(error)
        raise ConfigError(f"econml sweep run: {message}") from None


def _write(path: Path, text: str, *, private: bool) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        disk.write_text(path, text, private=private)
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error}.") from None


COMMAND = Command(
    "econml sweep slurm",
    slurm,
    (
        (OPTIONS, WorkersOption),
        (EACH, EachOptions),
        (SWEEP, SearchOptions),
        (SWEEP, RunsDirOption),
        (OUTPUT, OutputOptions),
    ),
    (FILE, FURTHER),
)
