"""A sweep whose runs W&B's agents have made, as results: from what wandb keeps on this disk, or asked of the server."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from econml_cli.errors import RunError, suggest
from econml_cli.sweeps.remote import wandb_launch
from econml_cli.sweeps.spec.identity import METRIC
from econml_cli.sweeps.study.trials import Goal, Results, State, Trial
from econml_cli.tracking import wandb_file

#: ENTITY/PROJECT/ID
_PATH = re.compile(r"[\w.-]+/[\w.-]+/[\w-]+")
#: what W&B calls how a run stands -> what we do; others have failed
_STATES: Mapping[str, State] = {"finished": "complete", "running": "running", "pending": "waiting"}


@dataclass(frozen=True)
class _Run:
    """One run of W&B's; `place` is its directory, or its path on the server."""

    place: str
    state: str
    config: Mapping[str, Any]
    summary: Mapping[str, Any]
    started: str | None = None
    steps: int | None = None
    seconds: float | None = None
    sweep: str | None = None
    given: Sequence[str] = field(default_factory=tuple)


def is_path(name: str) -> bool:
    """Whether a text is ENTITY/PROJECT/ID, as `sweep launch` prints it."""
    return _PATH.fullmatch(name) is not None


def is_directory(path: Path) -> bool:
    """Whether wandb keeps runs in a directory (`wandb`, the one above it, or `wandb/sweep-ID`)."""
    return path.is_dir() and any(_files(path))


def _files(path: Path) -> Iterator[Path]:
    """The files of the runs: of `sweep-ID`, which holds the parameters that the agent gave them, the runs beside it."""
    if path.name.startswith("sweep-"):
        runs = {file.stem.removeprefix("config-") for file in path.glob("config-*.yaml")}
        yield from (file for file in path.parent.glob("*run-*/run-*.wandb") if file.stem.removeprefix("run-") in runs)
        return
    for home in (path, path / "wandb", path / ".wandb"):
        yield from home.glob("*run-*/run-*.wandb")


def on_disk(path: Path, metric: str | None, goal: str | None) -> Results:
    """The runs of the one sweep in a directory.

    Args:
        metric, goal: what they are ranked by, which wandb does not keep there; None: val_loss, minimize.

    Raises:
        RunError: runs of several sweeps, or none has the metric.
    """
    found = [_read(file) for file in sorted(set(_files(path)))]
    sweeps = sorted({run.sweep for run in found if run.sweep})
    if len(sweeps) > 1:
        there = ", ".join(str(path / f"sweep-{sweep}") for sweep in sweeps)
        raise RunError(f"{path} has runs of several sweeps; show one of {there}.")
    # runs outside a sweep may lie beside it
    runs = [run for run in found if run.sweep == sweeps[0]] if sweeps else found
    return _results(sweeps[0] if sweeps else path.absolute().name, "runs of W&B's", runs, metric, goal)


def _read(file: Path) -> _Run:
    kept = wandb_file.WandbFile(file)
    kept.read()
    code = kept.exit_code
    state = "running" if code is None else "finished" if code == 0 else f"exit code {code}"
    home, number = file.parent.parent, file.stem.removeprefix("run-")
    given = home / f"sweep-{kept.sweep}" / f"config-{number}.yaml"
    steps = [row["_step"] for row in kept.history if "_step" in row]
    seconds = wandb_file.number(kept.summary.get("_runtime"))
    return _Run(
        str(file.parent), state, kept.config, kept.summary, kept.started, len(steps) or None, seconds, kept.sweep,
        tuple(_given(given)),
    )  # fmt: skip


def _given(path: Path) -> list[str]:
    """The names of the parameters that W&B's agent gave a run."""
    from econml_cli.storage import limited_yaml

    try:
        document = limited_yaml.load(limited_yaml.read_text(path))
    except (OSError, ValueError):
        return []
    return [str(name) for name in document if name != "wandb_version"] if isinstance(document, dict) else []


def online(path: str, metric: str | None, goal: str | None) -> Results:
    """The runs of a sweep on W&B's server, by ENTITY/PROJECT/ID.

    Raises:
        RunError: as `wandb_launch.look_up`; WANDB_MODE is offline; none has the metric.
    """
    answer = wandb_launch.runs_of(path)
    about = answer["config"].get("metric") or {}
    runs = [_Run(**{**run, "given": tuple(answer["config"].get("parameters") or ())}) for run in answer["runs"]]
    method = f"{answer['config'].get('method', 'a sweep')} by W&B"
    return _results(path.split("/")[-1], method, runs, metric or about.get("name"), goal or about.get("goal"))


def _results(name: str, method: str, runs: Sequence[_Run], metric: str | None, goal: str | None) -> Results:
    metric = str(metric or METRIC["name"])
    ordered = sorted(runs, key=lambda run: (run.started or "", run.place))
    measured = {key for run in ordered for key in run.summary if not key.startswith("_")}
    if ordered and metric not in measured:
        there = ", ".join(sorted(measured)) or "nothing"
        raise RunError(
            f"No run of {name} has logged {metric}{suggest(metric, measured)} They have {there}; say which: --metric."
        )
    names = [key for key in dict.fromkeys(k for run in ordered for k in (run.given or run.config)) if key != "_wandb"]
    trials = tuple(_trial(i, run, names, metric) for i, run in enumerate(ordered))
    varied = tuple(key for key in names if len({repr(trial.params.get(key)) for trial in trials}) > 1)
    return Results(
        name, method, metric, cast(Goal, goal or METRIC["goal"]), varied, len(trials), trials
    )  # fmt: skip


def _trial(number: int, run: _Run, names: Sequence[str], metric: str) -> Trial:
    numbers = {k: v for k in run.summary if (v := wandb_file.number(run.summary[k])) is not None and k[0] != "_"}
    state, reason = _STATES.get(run.state, "failed"), None
    value = numbers.get(metric) if state == "complete" else None
    if state == "complete" and value is None:
        state, reason = "failed", f"it has no finite {metric}"
    elif state == "failed":
        reason = run.state
    return Trial(
        number, number, state, {name: run.config[name] for name in names if name in run.config}, value, reason,
        run.steps, run.seconds if run.seconds is None or math.isfinite(run.seconds) else None, numbers,
        started=run.started, origin=run.place,
    )  # fmt: skip
