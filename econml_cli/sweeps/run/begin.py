"""A sweep as it is to be run: read from its file, with what was asked for, begun in its directory or gone on with."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from econml_cli.errors import ConfigError
from econml_cli.sweeps.run import open_directory, programs
from econml_cli.sweeps.run.directory import SweepDirectory, slug
from econml_cli.sweeps.spec import replicating, schema, trial_config
from econml_cli.sweeps.spec.schema import Sweep
from econml_cli.sweeps.study import warm_start
from econml_cli.sweeps.study.warm_start import Start, StartFrom


@dataclass(frozen=True)
class Asked:
    """What was asked for; None: as before, or as the file says.

    Attributes:
        command: the words to start in the place of the file's own. named: they were typed by the user.
        replicate, folds, aggregate: as of `replicating.apply`. sampler: of method bayes.
        out: the sweep's directory; None: its name in `runs_dir`.
        seed, storage, study, resume: as of `open_directory`. line: the command line, for the record.
        start_from: sweeps and files of points to begin with. tell: called with what there is to say of these.
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
    start_from: Sequence[str] = ()
    tell: Callable[[Sequence[str]], object] = lambda notes: None


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
    path = Path(asked.out) if asked.out else Path(asked.runs_dir) / slug(sweep.name)
    start = _starting(sweep, asked, new=not SweepDirectory(path).exists())
    directory, begun = open_directory.open_directory(
        sweep,
        path,
        asked.seed,
        asked.storage,
        asked.study,
        asked.resume,
        asked.line,
    )
    sweep = trial_config.under(sweep, begun.environment)
    if sweep.replication is None and begun.replication is not None:
        sweep = replicating.with_replication(sweep, begun.replication)
    return sweep, directory, dataclasses.replace(begun, start=start)


def load(file: Path, asked: Asked) -> Sweep:
    """The file's sweep.

    Raises:
        ConfigError: as `schema.load`.
    """
    return schema.load(file, asked.command)


def _starting(sweep: Sweep, asked: Asked, new: bool) -> StartFrom | None:
    """What the sweep begins with: read now where it is new, so that a mistake leaves nothing behind."""
    if not asked.start_from:
        return None

    def read() -> Start:
        runs_dir = Path(asked.runs_dir)
        start = warm_start.read(sweep, asked.start_from, lambda name: open_directory.study_of(name, runs_dir))
        asked.tell(start.notes)
        return start

    found = read() if new else None
    return StartFrom(tuple(asked.start_from), read if found is None else lambda: found)
