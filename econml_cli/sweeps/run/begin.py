"""A sweep as it is to be run: read from its file, with what was asked for, begun in its directory or gone on with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from econml_cli.errors import ConfigError
from econml_cli.sweeps.run import open_directory, programs
from econml_cli.sweeps.run.directory import SweepDirectory, slug
from econml_cli.sweeps.spec import replicating, schema, trial_config
from econml_cli.sweeps.spec.schema import Sweep


@dataclass(frozen=True)
class Asked:
    """What was asked for; None: as before, or as the file says.

    Attributes:
        command: the words to start in the place of the file's own. named: they were typed by the user.
        replicate, folds, aggregate: as of `replicating.apply`. sampler: of method bayes.
        out: the sweep's directory; None: its name in `runs_dir`.
        seed, storage, study, resume: as of `open_directory`. line: the command line, for the record.
    """

    command: Sequence[str] | None = None
    named: bool = False
    replicate: str | None = None
    folds: int | None = None
    aggregate: str | None = None
    sampler: str | None = None
    out: str | None = None
    runs_dir: str = "runs"
    seed: int | None = None
    storage: str | None = None
    study: str | None = None
    resume: bool | None = None
    line: str = ""


def begin(sweep: Sweep, asked: Asked) -> tuple[Sweep, SweepDirectory, open_directory.Begun]:
    """The sweep with its replication and the variables that it was begun under; its directory; how it was begun.

    Args:
        sweep: as `schema.load` gives it, with the command of `asked`.

    Raises:
        ConfigError: a program that was not named, or options that contradict the file or how the sweep was begun.
        RunError: as `open_directory`.
    """
    if sweep.target is None:
        programs.check(sweep, named=asked.named)
    if asked.sampler is not None and sweep.method != "bayes":
        raise ConfigError(f"--sampler is for method bayes; {sweep.path} says method {sweep.method}.")
    sweep = replicating.apply(sweep, asked.replicate, asked.folds, asked.aggregate)
    directory, begun = open_directory.open_directory(
        sweep,
        Path(asked.out) if asked.out else Path(asked.runs_dir) / slug(sweep.name),
        asked.seed,
        asked.storage,
        asked.study,
        asked.resume,
        asked.line,
    )
    sweep = trial_config.under(sweep, begun.environment)
    if sweep.replication is None and begun.replication is not None:
        sweep = replicating.with_replication(sweep, begun.replication)
    return sweep, directory, begun


def load(file: Path, asked: Asked) -> Sweep:
    """The file's sweep.

    Raises:
        ConfigError: as `schema.load`.
    """
    return schema.load(file, asked.command)
