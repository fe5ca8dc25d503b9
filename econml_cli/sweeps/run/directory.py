"""The directory of a sweep: its YAML, what it was asked for, its study, and a run directory for each trial.

runs/lecture/
  sweep.yaml      the sweep, as it was given
  sweep.json      schema version, seed, rounds, model and problem, storage, versions, command line
  study.journal   Optuna's journal of the trials (unless --storage says where else)
  0000/ 0001/ ... the run directory of each trial, by its number; with --replicate or --folds it has those of its fits
"""

import contextlib
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from econml_cli.errors import RunError, suggest
from econml_cli.options import shell
from econml_cli.runs.directory import SWEEP, WRITTEN
from econml_cli.storage import directories, disk, json_shape

SCHEMA = 1
#: what sweep.json holds, as far as anybody reads it
ABOUT: json_shape.Shape = {
    "schema?": json_shape.at_least(0),
    "study?": json_shape.TEXT,
    "seed?": json_shape.at_least(0),
    "storage?": json_shape.optional(json_shape.TEXT),
    "environment?": json_shape.Each(json_shape.TEXT, keyed=True),
    "econml?": json_shape.TEXT,
    "created?": json_shape.TEXT,
    "replication?": json_shape.optional(json_shape.OBJECT),
}


@dataclass(frozen=True)
class SweepDirectory:
    """The directory of one sweep. Nothing is read until a method is used."""

    path: Path

    @property
    def file(self) -> Path:
        return self.path / "sweep.yaml"

    @property
    def journal(self) -> Path:
        return self.path / "study.journal"

    def run(self, number: int) -> Path:
        """The run directory of a trial."""
        return self.path / f"{number:04d}"

    def drop_checkpoints(self, number: int) -> None:
        """Remove the checkpoints of a trial, of all its fits; the records stay."""
        run = self.run(number)
        for found in (run / "checkpoints", *run.glob("*/checkpoints")):
            if not run.is_symlink() and not found.parent.is_symlink():
                shutil.rmtree(found, ignore_errors=True)

    def exists(self) -> bool:
        return (self.path / SWEEP).is_file()

    def about(self) -> dict[str, Any]:
        """sweep.json.

        Raises:
            RunError: not the directory of a sweep, damaged, or written by a newer econml.
        """
        absent = f"{self.path} has no sweep.json, so it is not the directory of a sweep."
        about = disk.read_json(self.path / SWEEP, absent=absent, remedy="restore it from a copy", shape=ABOUT)
        if about.get("schema", 0) > SCHEMA:
            raise RunError(f"{self.path} was written by econml {about.get('econml')}, newer than this one: upgrade.")
        return about

    def create(self, text: str, about: Mapping[str, Any]) -> None:
        """Make it, whole from its first instant; another process that has made it meanwhile is left its own.

        Raises:
            RunError: it cannot be written, or something else is there.
        """
        try:
            with directories.making(self.path, replace=False) as made:
                disk.write_text(made / "sweep.yaml", text)
                disk.write_json(made / SWEEP, {"schema": SCHEMA, **about})
        except RunError:
            if not self.exists():
                raise

    def lock(self, shared: bool) -> contextlib.AbstractContextManager[None]:
        """Inside the context this process alone may run the sweep, or it and other workers that share its study.

        The system drops the lock with the process.

        Raises:
            RunError: another process is running it by itself, or workers share it and this one does not; or something
                in it is a link, through which a trial would be trained, or its checkpoints removed.
        """
        disk.refuse_links(self.path, ("sweep.yaml", SWEEP, "study.journal", ".lock", *_names(self.path)))
        for trial in self.path.iterdir():
            # of a trial what is a run: a program may make links of its own
            runs = (name for name in _names(trial) if (trial / name / "manifest.json").exists())
            disk.refuse_links(trial, (*WRITTEN, *runs))
        taken = (
            f"{self.path} is being run by another process; wait for it, or let several share it: add "
            f"{shell.option('--storage', self.journal)} to each."
        )
        return disk.exclusive(self.path / ".lock", taken, shared=shared)


def _names(directory: Path) -> tuple[str, ...]:
    """What is in a directory; () of a file."""
    with contextlib.suppress(OSError):
        return tuple(os.listdir(directory))  # noqa: PTH208 - of thousands of trials, without a stat of each
    return ()


def slug(name: str) -> str:
    """A name as one that a directory can have: "MLP regression, example" -> "MLP-regression-example"."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "sweep"


def list_sweeps(runs_dir: Path) -> list[SweepDirectory]:
    """The sweeps directly below a directory, the one that was changed last at the end."""
    if not runs_dir.is_dir():
        return []
    there = [SweepDirectory(p) for p in runs_dir.iterdir() if not p.name.startswith(".")]
    return sorted(
        (s for s in there if s.exists()),
        key=lambda s: (s.journal.stat().st_mtime if s.journal.exists() else s.file.stat().st_mtime, s.path.name),
    )


def find(name: str | None, runs_dir: Path) -> SweepDirectory:
    """The sweep meant by a path, by a name below `runs_dir`, or by its YAML file; None means the one changed last.

    Raises:
        RunError: there is none; suggests the nearest name.
    """
    sweeps = list_sweeps(runs_dir)
    if name is None:
        if not sweeps:
            raise RunError(f"There is no sweep in {runs_dir}/ yet; run one with `econml sweep run FILE`.")
        return sweeps[-1]
    if SweepDirectory(Path(name)).exists():
        return SweepDirectory(Path(name))
    stem = slug(_named(Path(name))) if Path(name).suffix in (".yaml", ".yml") else name
    for sweep in sweeps:
        if sweep.path.name == stem:
            return sweep
    near = suggest(stem, [sweep.path.name for sweep in sweeps])
    raise RunError(f"No sweep '{name}' here or in {runs_dir}/; run it with `econml sweep run FILE`.{near}")


def _named(file: Path) -> str:
    """What a sweep's file calls it; else the name of the file."""
    from econml_cli.storage import limited_yaml

    try:
        document = limited_yaml.load(limited_yaml.read_text(file))
    except (OSError, ValueError):
        document = None
    return str((document.get("name") if isinstance(document, dict) else None) or file.stem)
