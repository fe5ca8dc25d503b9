"""What is kept in a directory, a row each: read, filtered, sorted. Imports nothing heavy: listing is instant."""

import functools
import math
import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from econml_cli.config import fit_config as configs
from econml_cli.errors import ConfigError, EconmlError, RunError, suggest
from econml_cli.output import sorting
from econml_cli.runs import documents, kinds, labels, metrics_lines
from econml_cli.runs.directory import CROSS_VALIDATION, SWEEP, Run
from econml_cli.runs.estimates import EstimateDirectory
from econml_cli.runs.kinds import Kept
from econml_cli.storage import disk, json_shape

#: bytes from the end of metrics.jsonl among which its last line is
_END = 65_536
_WHERE = re.compile(r"\s*([\w.-]+?)\s*(<=|>=|!=|==|=|<|>|~)\s*(.*?)\s*")
#: other words for columns
ALIASES = {"run": "name", "train": "train_loss", "val": "val_loss", "test": "test_loss", "params": "num_params"}
ALIASES |= {"tag": "tags", "parameters": "num_params"}
_DAMAGE = (EconmlError, OSError, ValueError, TypeError, KeyError, AttributeError)


@dataclass(frozen=True)
class RunRow:
    """A run, or another thing that is kept, in a line; what is not known (yet) is None. `error` says why a damaged one
    cannot be read; `parts` counts the trials or folds that have begun."""

    name: str
    path: str
    model: str | None = None
    problem: str | None = None
    status: str | None = None
    epochs: int | None = None
    train_loss: float | None = None
    val_loss: float | None = None
    test_loss: float | None = None
    num_params: int | None = None
    seconds: float | None = None
    created: str | None = None
    error: str | None = None
    kind: str = "run"
    parts: int | None = None
    tags: tuple[str, ...] = ()
    note: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The row as JSON values."""
        return {**asdict(self), "tags": list(self.tags)}


COLUMNS = tuple(field.name for field in fields(RunRow))


def describe_runs(runs_dir: Path) -> list[RunRow]:
    """The runs directly below a directory, newest last; [] where there are none."""
    return describe(runs_dir, ("run",))


def describe(runs_dir: Path, wanted: Collection[str] = tuple(kinds.MARKS)) -> list[RunRow]:
    """What is kept directly below a directory, of these kinds, newest last."""
    rows = [row(found) for found in kinds.all_in(runs_dir) if found.kind in wanted]
    return sorted(rows, key=lambda each: (each.created or "", each.name))


def row(found: Kept) -> RunRow:
    """One of them; whatever is wrong with it, it is a row, so that one that is damaged does not hide the others."""
    try:
        return _READ[found.kind](found)
    except _DAMAGE as error:
        said = str(error) or type(error).__name__
        about = RunRow(found.name, str(found.path), status="damaged", kind=found.kind, error=said)
        return about if found.kind != "run" else _with_time(about, found.run)


def _with_time(about: RunRow, run: Run) -> RunRow:
    try:
        return RunRow(**{**vars(about), "created": run.manifest().get("created")})
    except _DAMAGE:
        return about


def _labels(found: Kept) -> dict[str, Any]:
    written = labels.read(found.path)
    return {"kind": found.kind, "tags": written.tags, "note": written.note}


def _run(found: Kept) -> RunRow:
    run = found.run
    manifest, summary = run.manifest(), run.summary()
    if not (run.path / "config.yaml").exists():
        raise RunError(f"{run.path} has no config.yaml; restore it from a copy, or fit again.")
    known: Mapping[str, Any] = summary
    if not {"model", "problem"} <= known.keys():  # which is faster than reading YAML
        known = options(str(run.path)) or configs.read_yaml(run.path / "config.yaml")
    last = last_metrics(run.metrics_path) if not summary or manifest.get("status") == "running" else {}
    done = last or summary
    losses: dict[str, Any] = {name: done.get(name) for name in ("train_loss", "val_loss", "test_loss")}
    return RunRow(
        name=run.name,
        path=str(run.path),
        model=str(known["model"]),
        problem=str(known["problem"]),
        status=_status(found, str(manifest.get("status", "unknown"))),
        epochs=last.get("epoch", summary.get("epochs")),
        **losses,
        num_params=manifest.get("num_params"),
        seconds=summary.get("seconds_total"),
        created=manifest.get("created"),
        **_labels(found),
    )


def _folds(found: Kept) -> RunRow:
    path, shape = found.path / CROSS_VALIDATION, documents.FOLDS
    about = disk.read_json(path, absent="it is gone", remedy="fit again", shape=shape)
    results = about.get("results") or {}
    losses: dict[str, Any] = {
        f"{s}_loss": (results.get(f"{s}_loss") or {}).get("value") for s in ("train", "val", "test")
    }
    return RunRow(
        name=found.name,
        path=str(found.path),
        model=about.get("model"),
        problem=about.get("problem"),
        status=_status(found, str(about.get("status", "unknown"))),
        created=about.get("created"),
        parts=len(found.parts()),
        **losses,
        **_labels(found),
    )


def _sweep(found: Kept) -> RunRow:
    shape = {"created?": json_shape.TEXT}
    about = disk.read_json(found.path / SWEEP, absent="it is gone", remedy="restore it from a copy", shape=shape)
    trials = found.parts()
    first = Run(trials[0]).summary() if trials else {}  # sweep.json says neither model nor problem
    return RunRow(
        name=found.name,
        path=str(found.path),
        model=first.get("model"),
        problem=first.get("problem"),
        status="running" if found.under_way() else "not running",
        created=about.get("created"),
        parts=len(trials),
        **_labels(found),
    )


def _estimate(found: Kept) -> RunRow:
    about = EstimateDirectory(found.path).about()
    results = about.get("results") or about["options"]
    effect = f"{results.get('treatment')} on {results.get('target')}"
    status, created = _status(found, about["status"]), about.get("created")
    model = str(results.get("model", "-"))
    return RunRow(found.name, str(found.path), model, effect, status, created=created, **_labels(found))


_READ: Mapping[str, Callable[[Kept], RunRow]] = {
    "run": _run,
    "cross-validation": _folds,
    "sweep": _sweep,
    "estimate": _estimate,
}


def _status(found: Kept, said: str) -> str:
    """A "running" that nobody runs any more was killed."""
    return "killed" if said == "running" and not found.under_way() else said


def last_metrics(path: Path) -> dict[str, Any]:
    """The last whole line of metrics.jsonl: how far a run came that has not ended, or was killed; {} of none.

    Raises:
        OSError, ValueError: it cannot be read. RunError: the line is not what a line holds.
    """
    try:
        with disk.opened(path) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _END))
            whole, _, _torn = file.read(_END).rpartition(b"\n")
    except FileNotFoundError:
        return {}
    try:
        return metrics_lines.row(whole.rpartition(b"\n")[2]) if whole else {}
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path} is damaged in its last line ({error}).") from None


def value(row: RunRow, name: str) -> Any:
    """A column of a row: a field of it, or an option of its config.yaml; None where it has none."""
    if name in COLUMNS:
        return getattr(row, name)
    return options(row.path).get(name)


@functools.lru_cache(maxsize=10_000)
def options(path: str) -> Mapping[str, Any]:
    """The options in the config.yaml of a directory, which never change; {} where it cannot be read."""
    try:
        return configs.read_yaml(Path(path) / "config.yaml")
    except _DAMAGE:
        return {}


def column(name: str, rows: Sequence[RunRow]) -> str:
    """The column that is meant: hyphens are underscores, and short words stand for some.

    Raises:
        ConfigError: no row has it; suggests the nearest.
    """
    for meant in (ALIASES.get(name, name), name.replace("-", "_")):
        if meant in COLUMNS or not rows or any(meant in options(row.path) for row in rows):
            return meant
    known = dict.fromkeys([*COLUMNS, *ALIASES, *(key for row in rows for key in options(row.path))])
    raise ConfigError(
        f"There is no column '{name}'.{suggest(name, known)} There are {', '.join(COLUMNS)}, and the options in the "
        "config.yaml of a run."
    )


def where(rows: Sequence[RunRow], conditions: Sequence[str]) -> list[RunRow]:
    """The rows that fulfil all conditions: NAME=VALUE, !=, <, <=, >, >=, and NAME~TEXT for what contains a text.

    Numbers are compared as numbers, and all else as text; a row that has no such value fulfils only !=.

    Raises:
        ConfigError: a condition is none, or there is no such column.
    """
    left = list(rows)
    for condition in conditions:
        read = _WHERE.fullmatch(condition)
        if read is None:
            raise ConfigError(
                f"--where {condition}: write NAME=VALUE, NAME<VALUE, NAME!=VALUE or NAME~TEXT, in quotes."
            )
        name, sign, wanted = read.groups()
        name = column(name, rows)
        left = [each for each in left if _fulfils(value(each, name), sign, wanted)]
    return left


def _fulfils(there: Any, sign: str, wanted: str) -> bool:
    if isinstance(there, tuple | list):  # tags
        some = [_fulfils(one, "=" if sign == "!=" else sign, wanted) for one in there]
        return not any(some) if sign == "!=" else any(some)
    if there is None:
        return sign == "!="
    if sign == "~":
        return wanted.lower() in str(there).lower()
    pair = _numbers(there, wanted) or _numbers(str(there), wanted)
    one, other = pair if pair is not None else (_text(there), wanted)
    compared = {"=": one == other, "==": one == other, "!=": one != other}
    if sign in compared:
        return compared[sign]
    return {"<": one < other, "<=": one <= other, ">": one > other, ">=": one >= other}[sign]


def _numbers(there: Any, wanted: str) -> tuple[Any, Any] | None:
    if isinstance(there, bool):
        return None
    try:
        pair = float(there), float(wanted)
    except (TypeError, ValueError):
        return None
    return None if any(map(math.isnan, pair)) else pair


def _text(there: Any) -> str:
    return str(there).lower() if isinstance(there, bool) else str(there)


def ordered(rows: Sequence[RunRow], sort: str | None, limit: int | None) -> list[RunRow]:
    """The rows by a column ("NAME", "-NAME", "NAME:desc"), and the first `limit` of them; without a column as they are,
    oldest first, and the newest `limit`.

    Raises:
        ConfigError: there is no such column.
    """
    if sort is None:
        return list(rows if limit is None else rows[max(0, len(rows) - limit) :])
    bare = sort.removeprefix("-").removesuffix(":desc").removesuffix(":asc")
    name = column(bare, rows)
    places = sorting.order([{name: _sortable(value(each, name))} for each in rows], sort.replace(bare, name), [name])
    return [rows[place] for place in places][:limit]


def _sortable(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, tuple) else value
