"""Options and arguments that several commands have in the same words."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from econml_cli.commands.declared import Argument
from econml_cli.errors import ConfigError, plural, printable
from econml_cli.options.fields import option

if TYPE_CHECKING:
    from econml_cli.runs.directory import Run

#: replications of a bootstrap that has ends of a 95 % interval: one beyond each of them
LEAST_BOOTSTRAP = 40
#: the panel of options that are in no panel of their own
OPTIONS = "Options"

RUN = Argument("run", "RUN", "A run directory, or a name in --runs-dir (default: the newest).")
ONE_RUN = Argument("run", "RUN", "A run directory, or a name in --runs-dir.", required=True)
RUNS = Argument("runs", "RUN", "Run directories, or names in --runs-dir (default: the newest).", many=True)


@dataclass(frozen=True)
class RunsDirOption:
    """Where runs are."""

    runs_dir: str = option("runs", "where runs are looked up by name", metavar="DIR")


@dataclass(frozen=True)
class LookupOptions(RunsDirOption):
    """Where runs, and further options, are."""

    config: str | None = option(None, "read options of this command from a YAML file", metavar="FILE")


@dataclass(frozen=True)
class CheckpointOptions:
    """Which weights of a run are meant."""

    step: int | None = option(None, "use the checkpoint of this epoch (default: the best or newest)", metavar="EPOCH")
    member: int | None = option(None, "of an ensemble, only this member; 0 is the first", ge=0, metavar="K")


def say(command: str, message: str) -> None:
    """A line of a command on stderr: stdout is for its result."""
    print(f"econml {command}: {printable(message)}", file=sys.stderr)  # noqa: T201


def find_run(name: str | None, runs_dir: Path, command: str) -> "Run":
    """The run that is meant (`runs.directory.find`); where it is a sweep its best trial, which is said.

    Raises:
        RunError: there is none, or the sweep has no best trial that is one run.
    """
    from econml_cli.runs import directory

    try:
        return directory.find(name, runs_dir)
    except directory.IsSweepError as sweep:
        from econml_cli.sweeps.show.best import best_run

        run = best_run(sweep.path)
        say(command, f"{sweep.path} is a sweep; of its trials {run.path} is the best so far.")
        return run


def write_rows(frame: Any, out: str, say: Callable[[str], None]) -> None:
    """Write a table to a file, or for "-" to stdout as CSV, and say of how many rows."""
    from econml_cli.data import table_files

    if out == "-":
        frame.to_csv(sys.stdout, index=False, lineterminator="\n")
    else:
        table_files.write(frame, Path(out))
    say(f"{plural(len(frame), 'row')} written to {'stdout' if out == '-' else out}")


def path_of(name: str | None) -> Path | None:
    """A file that an option names."""
    return None if name is None else Path(name)


def check_bootstrap(replications: int) -> None:
    """Refuse a bootstrap of so few replications that its interval is none.

    Raises:
        ConfigError: it says how many there must be.
    """
    if 0 < replications < LEAST_BOOTSTRAP:
        raise ConfigError(
            f"--bootstrap {replications}: a 95 % interval needs {LEAST_BOOTSTRAP} replications or more; take more, or "
            "0 for no intervals."
        )
