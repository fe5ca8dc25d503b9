"""Begin a sweep in its directory, or continue the one that is there. Imports nothing heavy."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from econml_cli.errors import ConfigError, RunError
from econml_cli.runs.directory import SWEEP
from econml_cli.sweeps.run.directory import SweepDirectory, find
from econml_cli.sweeps.spec import identity, trial_config, yaml_lines
from econml_cli.sweeps.spec.replication import Replication
from econml_cli.sweeps.spec.schema import Sweep
from econml_cli.sweeps.study import databases, pruner
from econml_cli.sweeps.study.warm_start import StartFrom
from econml_cli.version import __version__


@dataclass(frozen=True)
class Begun:
    """What a sweep's directory says of how it was begun; start: what it was asked to begin with."""

    seed: int
    study: str
    storage: str | None
    environment: Mapping[str, str]
    replication: Replication | None = None
    start: StartFrom | None = None


def open_directory(
    sweep: Sweep,
    path: Path,
    seed: int | None,
    storage: str | None,
    study: str | None,
    resume: bool | None,
    command: str,
) -> tuple[SweepDirectory, Begun]:
    """Make the directory of a sweep, or open the one that is there.

    Args:
        seed, study, storage: None means as it was begun (at first: 0, the sweep's name, its own journal).
        resume: True: it must be there; False: it must not; None: either.

    Raises:
        ConfigError: it was begun with another seed, or names a database that the user has not named. RunError: it is
            (not) there, or cannot be made.
    """
    directory = SweepDirectory(path)
    # what cannot be run here is said before a directory is made for it
    identity.check_method(sweep)
    pruner.rungs(sweep)
    there = directory.exists()
    if resume and not there:
        raise RunError(f"{path} is not the directory of a sweep, so there is nothing to continue; leave out --resume.")
    if resume is False and there:
        raise RunError(f"{path} exists; leave out --no-resume to continue it, or choose another --out.")
    if not there and path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RunError(f"{path} exists and is not the directory of a sweep; choose another --out.")
    if not there:
        directory.create(yaml_lines.read(sweep.path), _about(sweep, seed or 0, storage, study, command))
    about = directory.about()
    try:
        begun = Begun(
            int(about["seed"]),
            str(about["study"]),
            storage or kept(about["storage"], path, into=path),
            dict(about["environment"]),
            Replication.from_dict(about["replication"]) if about.get("replication") else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path / 'sweep.json'} is damaged ({error}); restore it from a copy.") from None
    if seed is not None and seed != begun.seed:
        raise ConfigError(f"{path} was begun with --seed {begun.seed}; continue it so, or choose another --out.")
    if study is not None and study != begun.study:
        raise ConfigError(f"{path} is of study '{begun.study}', not '{study}'; choose another --out.")
    return directory, begun


def kept(storage: Any, path: Path, into: Path | None = None) -> str | None:
    """The storage that the sweep.json in `path` names; an older econml wrote *** for its password.

    Raises:
        ConfigError: the user has not named it, as `databases.check` asks.
    """
    if storage is None:
        return None
    named = str(storage).replace(":***@", "@").replace("password=***", "")
    return databases.check(named, path / SWEEP, into)


def study_of(sweep: str | None, runs_dir: Path, storage: str | None = None) -> tuple[str, str | None, str, Path | None]:
    """Where the study of a sweep is, its name there, what the sweep is called, and its directory.

    Args:
        sweep: as of `directory.find`. storage: where it is, if not where its directory says.

    Raises:
        RunError: there is no such sweep. ConfigError: it names a database that the user has not named.
    """
    found = find(sweep, runs_dir)
    about = found.about()
    where = storage or kept(about.get("storage"), found.path) or str(found.journal)
    return where, about.get("study"), found.path.name, found.path


def _about(sweep: Sweep, seed: int, storage: str | None, study: str | None, command: str) -> dict[str, Any]:
    from econml_cli.sweeps.study.passwords import without_password

    return {
        "name": sweep.name,
        "study": study or sweep.name,
        "seed": seed,
        "storage": None if storage is None else without_password(storage),
        "file": str(sweep.path),
        "cwd": str(Path.cwd()),
        "command": command,
        "environment": trial_config.environment_of(sweep),
        "replication": sweep.replication and sweep.replication.to_dict(),
        "econml": __version__,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
    }
