"""The run directory: create, find, list and read it. Every write is atomic (temp file, fsync, rename)."""

import contextlib
import datetime
import os
import platform
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from econml_cli.config import fit_config as configs
from econml_cli.errors import ConfigError, RunError, suggest
from econml_cli.options import own_code, shell
from econml_cli.problems.table import PROBLEMS
from econml_cli.runs import documents, metrics_lines, resuming
from econml_cli.storage import directories, disk, json_shape
from econml_cli.storage.steps import steps

SCHEMA = 1
#: what a directory holds that is not a run but a cross-validation: one run for each fold
CROSS_VALIDATION = "cross_validation.json"
#: and what one holds that is an estimate of a treatment effect
ESTIMATE = "estimate.json"
#: what a directory holds that is not a run but a sweep: a run, or several, for each trial
SWEEP = "sweep.json"
#: where `econml runs archive` puts things, below --runs-dir
ARCHIVE = "archive"
#: how a fit ends by itself, none of which is anything to worry about
ENDED = ("max_epochs", "early_stopping", "converged", "solved")
#: what the process that trains a run, or makes a cross-validation, holds
LOCK = ".lock"
#: what a fit writes to in a run's directory; none of it is ever a link
WRITTEN = (LOCK, "checkpoints", "config.yaml", "manifest.json", "metrics.jsonl", "summary.json")


class IsSweepError(RunError):
    """What was named as a run is a sweep; `path` is its directory."""

    def __init__(self, path: Path):
        super().__init__(
            f"{path} is a sweep, not one run; name a trial, such as {path}/0000: "
            f"`{shell.command('sweep', 'show', path)}` lists them, the best first."
        )
        self.path = path


@dataclass(frozen=True)
class Run:
    """One run directory. Nothing is read until a property or method is used.

    `member` is the one that is meant, of an ensemble; None for the whole of it, and for an ordinary run.
    """

    path: Path
    member: int | None = None

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def metrics_path(self) -> Path:
        return self.path / "metrics.jsonl"

    def manifest(self) -> dict[str, Any]:
        """manifest.json: versions, data, command line, status.

        Raises:
            RunError: not a run directory, damaged, or written by a newer econml.
        """
        manifest = self._json("manifest.json", documents.MANIFEST)
        if manifest.get("schema", 0) > SCHEMA:
            raise RunError(f"{self.path} was written by econml {manifest.get('econml')}, newer than this one: upgrade.")
        return manifest

    def status(self) -> str:
        """How the fit ended (max_epochs, early_stopping, solved, diverged, interrupted,
        failed), or "running", or "killed": no process, here or elsewhere, holds its lock any more."""
        manifest = self.manifest()
        status = str(manifest.get("status", "unknown"))
        return "killed" if status == "running" and not self.in_training() else status

    def in_training(self) -> bool:
        """Whether a process trains the run. Its lock says so; the number of a process may be of another machine, or of
        another process by now, and is asked only where the file system knows no locks."""
        held = disk.held(self.path / LOCK)
        if held is not None:
            return held
        manifest = self.manifest()
        process = manifest.get("process") or {}
        gone = process.get("host") == platform.node() and "pid" in process and not _alive(process["pid"])
        return manifest.get("status") == "running" and not gone

    def update_manifest(self, **changes: Any) -> None:
        """Change some keys of manifest.json."""
        disk.write_json(self.path / "manifest.json", {**self.manifest(), **changes})

    def of_member(self, member: int | None) -> "Run":
        """The same run, of which this member is meant.

        Raises:
            ConfigError: it has no such member.
        """
        members = 1 if member is None else self.config().trainer.members
        if member is not None and members == 1:
            raise ConfigError(f"--member {member}: {self.name} is one model, not an ensemble; leave it out.")
        if member is not None and not 0 <= member < members:
            raise ConfigError(f"--member {member}: {self.name} has the members 0 to {members - 1}.")
        return Run(self.path, member)

    def summary(self) -> dict[str, Any]:
        """summary.json: what came out; {} while the run is not finished."""
        if not (self.path / "summary.json").exists():
            return {}
        return self._json("summary.json", documents.SUMMARY)

    def preprocessing(self) -> dict[str, Any] | None:
        """preprocessing.json: what the problem learnt from its training split; None where it learns nothing."""
        if not (self.path / "preprocessing.json").exists():
            return None
        found = self._json("preprocessing.json", documents.PREPROCESSING)
        features = found.get("features", {})
        lengths = {key: len(features[key]) for key in ("names", "mean", "scale") if key in features}
        if len(set(lengths.values())) > 1:
            said = ", ".join(f"{n:,} {key}" for key, n in lengths.items())
            raise RunError(
                f"{self.path / 'preprocessing.json'} is damaged ('features' has {said}); fit again, or restore it from "
                "a copy."
            )
        return self._own_loss(found)

    def config(self) -> configs.FitConfig:
        """config.yaml, checked again against the registries.

        Raises:
            RunError: the file is missing or damaged, or an option in it is no longer known or in bounds.
        """
        path = self.path / "config.yaml"
        if not path.exists():
            raise RunError(f"{self.path} has no config.yaml, so it is not a run; `econml runs list` lists the runs.")
        try:
            values = configs.read_yaml(path)
            model, problem = str(values.pop("model")), str(values.pop("problem"))
        except KeyError as error:
            raise RunError(f"{path} does not say its {error.args[0]}; restore it from a copy, or fit again.") from None
        except ConfigError as error:
            raise self._unreadable(error) from None
        model, problem = (self._own_code(kind, name) for kind, name in (("model", model), ("problem", problem)))
        values = self._own_loss(values)
        if values.get("stop_loss") == 0:  # how an older econml wrote that there is none
            del values["stop_loss"]
        if problem in PROBLEMS:
            values = {**PROBLEMS[problem].former, **values}
        try:
            return configs.build(model, problem, [(str(path), values)])
        except ConfigError as error:
            raise self._unreadable(error) from None

    def says(self, option: str) -> bool:
        """Whether config.yaml names an option, where it can be read: an older econml may not have had it."""
        return option in configs.read_yaml(self.path / "config.yaml")

    def in_its_order(self, config: configs.FitConfig) -> configs.FitConfig:
        """A config of this run with the order that its epochs have: an econml that had no `shuffle` always sorted."""
        return config if self.says("shuffle") else config.replace_trainer(shuffle="sort")

    def _unreadable(self, error: ConfigError) -> RunError:
        says = str(error).removeprefix("--config ")
        if own_code.VARIABLE in says:  # it is not damage that a file has to be named
            return RunError(f"{self.path} cannot be read: {says}")
        return RunError(f"{self.path / 'config.yaml'} is damaged, or of another econml: {says}")

    def _own_code(self, kind: str, name: str) -> str:
        """How a model, problem or loss of the user's own is named from here."""
        if own_code.parse(name) is None:
            return name
        return own_code.find_again(name, self.manifest().get("own_code", {}).get(kind), self.path)

    def _own_loss(self, values: dict[str, Any]) -> dict[str, Any]:
        """The values with their `loss` as it is named from here, where it is one of the user's own."""
        named = values.get("loss")
        return values if named is None else {**values, "loss": self._own_code("loss", str(named))}

    def metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl; a last line torn by a kill is left out.

        Raises:
            RunError: a line is no JSON object.
        """
        found = metrics_lines.read(self.metrics_path)
        if found.damage is not None:
            line, said = found.damage
            raise RunError(f"{self.metrics_path} is damaged in line {line} ({said}); delete that line.")
        return found.rows

    def _json(self, name: str, shape: json_shape.Shape) -> dict[str, Any]:
        absent = f"{self.path} has no {name}, so it is not a run; `econml runs list` lists the runs."
        remedy = "fit again, or restore it from a copy"
        return disk.read_json(self.path / name, absent=absent, remedy=remedy, shape=shape)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # signal 0 only asks
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def this_process() -> dict[str, Any]:
    """What manifest.json says of the process that runs a fit."""
    return {"host": platform.node(), "pid": os.getpid()}


def new_name(model: str, problem: str) -> str:
    """A name that sorts by time and does not collide: mlp-linear-20261122-234913-7f3a.

    `problem` may be the name of a column: of it what no directory is called is a hyphen.
    """
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    of = re.sub(r"[^\w.+-]+", "-", own_code.label(problem))[:80]
    return f"{own_code.label(model)}-{of}-{now}-{secrets.token_hex(2)}"


def named(runs_dir: str | os.PathLike[str], name: str | None, default: str) -> Path:
    """Where a run of a name is kept: below `runs_dir`.

    Raises:
        ConfigError: the name, which may be that of somebody's config file, leads elsewhere.
    """
    if name is not None and (Path(name).is_absolute() or {"..", "."} & {*re.split(r"[/\\]", name)}):
        raise ConfigError(f"--name {name} leaves {os.fspath(runs_dir)}/; give a name, or the whole path as --out.")
    return Path(runs_dir) / (name or default)


def check_free(path: Path, force: bool) -> None:
    """Refuse a run directory that is taken or cannot be made, before anything is computed.

    A run that a fit with --force was killed over is put back first.

    Raises:
        RunError: it exists (and force is not set, or it is not a run), or no directory on its way can be written.
    """
    recover(path)
    if path.exists() and any(path.iterdir() if path.is_dir() else [path]):
        if not path.is_dir() or not (path / "manifest.json").exists():
            raise RunError(f"{path} exists and is not a run directory, so it is left alone; choose another --out.")
        if force and Run(path).in_training():
            raise RunError(f"{path} is being trained by another process; stop it first, or choose another --out.")
        if not force:
            raise RunError(f"{path} exists; add --force to replace it, or continue it with: {resuming.command(path)}")
    directories.check_place(path)


def recover(path: Path) -> None:
    """Put back the run, or the cross-validation, that a killed fit with --force had moved aside and not yet replaced.

    Raises:
        OSError: the disk refuses.
    """
    if directories.aside(path) and not disk.held(path / LOCK):
        if usable(path):
            directories.drop(path)
        else:
            directories.give_back(path)


def usable(path: Path) -> bool:
    """Whether a run, or a fold of a cross-validation, has a finished checkpoint."""
    places = [path, *path.glob("fold*")] if (path / CROSS_VALIDATION).is_file() else [path]
    return any(steps(place / "checkpoints") for place in places)


def create(
    path: Path,
    files: Mapping[str, str | bytes],
    force: bool,
    *,
    lock: contextlib.ExitStack | None = None,
    keep: bool = False,
) -> Run:
    """Make a run directory that holds `files` from its first instant (`directories.making`).

    Args:
        lock: is given the lock of training, which is held from the first instant, too (None: nobody trains it yet).
        keep: what it replaces stays beside it, for `directories.drop` once there is something better, or for
            `directories.give_back`.

    Raises:
        RunError: as `check_free`, or the disk refuses.
    """
    check_free(path, force)
    with directories.making(path, keep=keep) as made:
        (made / "checkpoints").mkdir()
        for name, contents in files.items():
            (made / name).parent.mkdir(exist_ok=True)
            disk.write_unseen(made / name, contents.encode() if isinstance(contents, str) else contents)
        with contextlib.ExitStack() as unused:
            (lock or unused).enter_context(training_lock(Run(made)))
    return Run(path)


@contextlib.contextmanager
def training_lock(run: Run) -> Iterator[None]:
    """Inside the context this process alone may train the run. The system drops the lock with the process.

    Raises:
        RunError: another process is training it, or something in it is a link.
    """
    disk.refuse_links(run.path, WRITTEN)
    taken = f"{run.path} is being trained by another process; wait for it, or stop it first."
    with disk.exclusive(run.path / LOCK, taken):
        yield


def list_runs(runs_dir: Path) -> list[Run]:
    """The runs directly below a directory, oldest first (by their manifest's time of creation)."""
    if not runs_dir.is_dir():
        return []
    found = [Run(p) for p in runs_dir.iterdir() if (p / "manifest.json").is_file() and not p.name.startswith(".")]
    return sorted(found, key=_created)


def _created(run: Run) -> tuple[str, str]:
    try:
        return str(run.manifest().get("created", "")), run.name
    except RunError:  # a damaged manifest must not hide the other runs
        return "", run.name


def find(name: str | None, runs_dir: Path) -> Run:
    """The run meant by a path, a name below `runs_dir`, or the unique start of one; None means the newest.

    Raises:
        RunError: there is none, or several start so; suggests the nearest name. IsSweepError: it is a sweep.
    """
    if name is None:
        if not (runs := list_runs(runs_dir)):
            raise RunError(
                f"There is no run in {runs_dir}/ yet; make one with `econml fit mlp`, or name its directory."
            )
        return runs[-1]
    places = places_of(name, runs_dir)
    for place in places:  # a trial is wage/0001; so no other run is read
        if (place / "manifest.json").is_file():
            return Run(place if place.name else place.absolute())  # "." has no name
        if (place / SWEEP).is_file():  # not the run whose name begins with that of the sweep
            raise IsSweepError(place)
    runs = list_runs(runs_dir)
    if (folds := next((p for p in places if (p / CROSS_VALIDATION).is_file()), None)) is not None:
        raise RunError(
            f"{folds} is a cross-validation, not one run; `{shell.command('runs', 'show', folds)}` shows its table; "
            f"name its folds: {folds}/fold1, or {folds}/fold* for all."
        )
    if (effect := next((p for p in places if (p / ESTIMATE).is_file()), None)) is not None:
        raise RunError(
            f"{effect} is an estimate of a treatment effect, not a fit; `{shell.command('eval', effect)}` shows it."
        )
    if (found := beginning_with(name, runs)) is not None:
        return found
    if places[0].exists():
        raise RunError(
            f"{places[0]} is not a run directory: it has no manifest.json; `econml runs list` lists the runs."
        )
    raise none_called(name, runs_dir, runs)


class _Named(Protocol):
    """What has a name."""

    @property
    def name(self) -> str: ...


_AnyNamed = TypeVar("_AnyNamed", bound=_Named)


def places_of(name: str, runs_dir: Path) -> tuple[Path, Path]:
    """Where a name may lie, with what a kill has left there put right: a path, and below `runs_dir`."""
    places = (Path(name), runs_dir / name)
    for place in places if name else ():
        with contextlib.suppress(OSError):
            recover(place)
    return places


def beginning_with(name: str, there: Sequence[_AnyNamed]) -> _AnyNamed | None:
    """The only one whose name begins so; None: there is none.

    Raises:
        RunError: there are several.
    """
    found = [each for each in there if each.name.startswith(name)]
    if len(found) > 1:
        raise RunError(f"'{name}' is the start of {len(found)} runs, {found[0].name} and {found[1].name} among them.")
    return found[0] if found else None


def none_called(name: str, runs_dir: Path, there: Sequence[_Named]) -> RunError:
    """That there is none of a name, with where it has been put away, or the nearest one."""
    away = runs_dir / ARCHIVE / name
    if name and away.is_dir():
        return RunError(
            f"'{name}' is in the archive; name it {ARCHIVE}/{name}, or take it back by "
            f"`{shell.command('runs', 'archive', '--undo', name)}`."
        )
    near = suggest(name, [each.name for each in there])
    return RunError(f"No run '{name}' here or in {runs_dir}/; `econml runs list` lists them.{near}")


def append_metrics(run: Run, text: str, *, sync: bool) -> None:
    """Append lines to metrics.jsonl. The system has them when this returns, so a kill loses none; with `sync` the disk
    has them too, so a power cut does not either."""
    disk.append_text(run.metrics_path, text, sync=sync)
