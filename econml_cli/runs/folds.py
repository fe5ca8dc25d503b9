"""The directory of a cross-validation. Imports nothing heavy: that it is free is asked before jax is loaded."""

import contextlib
import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from econml_cli.config.fit_config import FitConfig
from econml_cli.errors import RunError
from econml_cli.runs import directory as runs
from econml_cli.runs import documents
from econml_cli.runs.directory import CROSS_VALIDATION, ENDED, Run
from econml_cli.storage import directories, disk

#: how a fold stands that --resume goes on with
UNFINISHED = ("interrupted", "killed", "running")


@dataclass(frozen=True)
class Folds:
    """A directory with CROSS_VALIDATION, config.yaml, and a run for each fold, `fold1` to `foldK`.

    Attributes:
        config: of all folds together (its `fold` is 0).
        failed: the folds that could not be fitted, and why, in a sentence each.
        signal: what stopped the fits before their end, if anything did.
    """

    path: Path
    config: FitConfig
    failed: dict[int, str]
    signal: int | None = None

    @property
    def count(self) -> int:
        return int(self.config.problem_options.folds)

    def run(self, fold: int) -> Run:
        """The run of one fold, 1 to K."""
        return Run(self.path / f"fold{fold}")

    def ended(self, fold: int) -> bool:
        """Whether a fold's fit is there and has come to its end.

        Raises:
            RunError: it is damaged.
        """
        run = self.run(fold)
        return (run.path / "manifest.json").is_file() and run.status() in (*ENDED, "diverged")

    def unfinished(self) -> list[int]:
        """The folds that a signal has stopped, or kept from beginning."""
        left = [fold for fold in range(1, self.count + 1) if fold not in self.failed]
        return [f for f in left if not self.run(f).path.exists() or self.run(f).status() in UNFINISHED]

    def note(self, status: str, **results: Any) -> None:
        """Say in CROSS_VALIDATION how far it has come, and what came out.

        Raises:
            RunError: the file is gone or damaged.
        """
        saved = about(self.path)
        disk.write_json(self.path / CROSS_VALIDATION, {**saved, "status": status, **results})


def about(directory: Path) -> dict[str, Any]:
    """What CROSS_VALIDATION says.

    Raises:
        RunError: the file is gone or damaged.
    """
    absent = f"{directory} has no {CROSS_VALIDATION} any more; fit again."
    return disk.read_json(directory / CROSS_VALIDATION, absent=absent, remedy="fit again", shape=documents.FOLDS)


def found(name: str | None, runs_dir: Path) -> Path | None:
    """The cross-validation that is meant by a path or a name below `runs_dir`; None where it is none."""
    places = [Path(name), runs_dir / name] if name else []
    for path in places:
        with contextlib.suppress(OSError):
            runs.recover(path)
    return next((path for path in places if (path / CROSS_VALIDATION).is_file()), None)


def opened(directory: Path) -> Folds:
    """A cross-validation that is there.

    Raises:
        RunError: it is damaged.
    """
    about(directory)
    config = Run(directory).config()
    if not getattr(config.problem_options, "folds", 0):
        raise RunError(f"{directory / 'config.yaml'} has no folds, so it is damaged; restore it from a copy.")
    return Folds(directory, config, {})


def check_free(directory: Path, force: bool) -> None:
    """Refuse a directory that is taken, before anything is computed.

    Raises:
        RunError: as `directory.check_free`; a cross-validation that is there is replaced with `force` only, and not
            while it is being made; nor is the directory that the process stands in.
    """
    if Path.cwd().is_relative_to(directory.resolve()):
        raise RunError(f"{directory} is where you are, and cannot be replaced from within; choose another --out.")
    runs.recover(directory)
    if not (directory / CROSS_VALIDATION).is_file():
        runs.check_free(directory, force)
    elif not force:
        raise RunError(f"{directory} exists; add --force to replace it, or choose another --out.")
    else:
        with alone(directory):
            pass


def alone(directory: Path) -> contextlib.AbstractContextManager[None]:
    """Inside the context this process alone may make the cross-validation.

    Raises:
        RunError: another process is making it.
    """
    folds = (path.name for path in directory.glob("fold*"))
    disk.refuse_links(directory, (runs.LOCK, "config.yaml", CROSS_VALIDATION, *folds))
    taken = f"{directory} is being made by another process; wait for it, or choose another --out."
    return disk.exclusive(directory / runs.LOCK, taken)


def make(directory: Path, config: FitConfig, command: str | None, lock: contextlib.ExitStack) -> Folds:
    """Make the directory, in place of what is there, which is kept beside it (`directories.making`); it holds
    CROSS_VALIDATION and config.yaml from its first instant.

    Args:
        lock: is given what `alone` holds.

    Raises:
        RunError: it cannot be written.
    """
    about = {
        "status": "running",
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
        "command": command,
        "model": config.model,
        "problem": config.problem,
        "folds": config.problem_options.folds,
    }
    with directories.making(directory, keep=True) as made:
        disk.write_json(made / CROSS_VALIDATION, about)
        disk.write_text(made / "config.yaml", config.to_yaml())
        lock.enter_context(alone(made))
    return Folds(directory, config, {})
