"""What a sweep begins with: results of an earlier one that it need not make again, and points to be tried first.

Whether an earlier trial is one of this sweep's is asked of the config of its fit: its point here, where every parameter
has the value that its fit had (also a default there), must lie in the space and give the very same config.
"""

import csv
import dataclasses
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from econml_cli.errors import ConfigError, suggest
from econml_cli.options import shell
from econml_cli.options.fields import options_of
from econml_cli.options.trainer import TrackingOptions
from econml_cli.storage import disk
from econml_cli.sweeps.spec import identity, trial_config
from econml_cli.sweeps.spec.identity import METRIC
from econml_cli.sweeps.spec.schema import Sweep
from econml_cli.sweeps.spec.space import Point
from econml_cli.sweeps.spec.target import Target, constants, option_of
from econml_cli.sweeps.study import records
from econml_cli.sweeps.study.trials import Results, Trial

if TYPE_CHECKING:
    from econml_cli.sweeps.study.optuna_axes import Axis

#: options that say where a fit is logged and what it keeps: fits that differ in these alone are the same
_BESIDES = frozenset(opt.name for opt in options_of(TrackingOptions)) | {"keep", "checkpoint_every"}
#: columns of `sweep show --format csv` that are no parameters
_OTHER_COLUMNS = frozenset(
    {
        *("number", "index", "state", "epochs", "seconds", "run", "worker", "started", "finished", "reason", "origin"),
        *("mean", "standard_error", "sd", "share_passed", "q05", "q25", "q50", "q75", "q95"),
    }
)


@dataclass(frozen=True)
class Earlier:
    """A trial of another sweep, as one of this sweep.

    Attributes:
        origin: its name, such as lecture/3. point: typed, as this sweep would have it. params: as Optuna has it.
        values: of this sweep's metrics; (): it came to nothing. about: as what `Study.complete` is told.
    """

    origin: str
    point: Point
    params: Mapping[str, Any]
    values: tuple[float, ...]
    about: Mapping[str, Any]


@dataclass(frozen=True)
class Start:
    """What a sweep begins with.

    Attributes:
        points: to be tried first, in this order; what one leaves out is drawn. earlier: trials. notes: for the user.
    """

    points: tuple[Point, ...] = ()
    earlier: tuple[Earlier, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class StartFrom:
    """said: what was asked for. read: finds it, where the study has not begun with it."""

    said: tuple[str, ...]
    read: Callable[[], Start]


#: where a study is, its name there, what its sweep is called, and the directory of that
Place = tuple[str, str | None, str, Path | None]


def read(sweep: Sweep, said: Sequence[str], find: Callable[[str], Place]) -> Start:
    """What `--start-from` names: sweeps, and files of points (*.csv).

    Args:
        find: a sweep by what it is called.

    Raises:
        ConfigError: an earlier sweep has no fit of this one; a file that is no list of points of the space.
        RunError: there is no such sweep, or its study cannot be read.
    """
    from econml_cli.sweeps.study.optuna_axes import axes

    along = {axis.name: axis for axis in axes(sweep.space, sweep.method)}
    start = Start()
    for text in said:
        if text.lower().endswith(".csv"):
            if sweep.method == "grid":
                raise ConfigError(f"--start-from {text}: method grid tries every point of its space anyway.")
            start = dataclasses.replace(start, points=(*start.points, *points(sweep, Path(text), along)))
        else:
            found, notes = earlier(sweep, *find(text), along)
            start = dataclasses.replace(start, earlier=(*start.earlier, *found), notes=(*start.notes, *notes))
    return start


def points(sweep: Sweep, path: Path, along: Mapping[str, "Axis"]) -> list[Point]:
    """The points of a CSV file, a column a parameter, as `sweep sample` and `sweep show` write it with --format csv.

    Raises:
        ConfigError: a column that is no parameter, a value that the space does not have (with its line), no point.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(disk.read_bytes(path).decode("utf-8-sig"), newline="")))
    except (OSError, ValueError, csv.Error) as error:
        raise ConfigError(f"--start-from {path} cannot be read ({error}).") from None
    names = {p.name for p in sweep.space.parameters}
    columns = {name: name.removeprefix("param.") for name in (rows[0] if rows else {}) if name}
    for column, name in columns.items():
        if (
            name not in names
            and column not in _OTHER_COLUMNS
            and not column.endswith("_loss")
            and column != _metric(sweep)
        ):
            raise ConfigError(f"{path}:1: {column} is no parameter of {sweep.path}.{suggest(name, names)}")
    found = []
    for line, row in enumerate(rows, start=2):
        given = {
            name: row[column] for column, name in columns.items() if name in names and row[column] not in (None, "")
        }
        if not given:
            raise ConfigError(f"{path}:{line}: the line has no value of a parameter ({', '.join(sorted(names))}).")
        found.append(_admitted(sweep, given, along, f"{path}:{line}"))
    if not found:
        raise ConfigError(f"--start-from {path} has no points: a line of names, then a line for each point.")
    return found


def _admitted(sweep: Sweep, given: Mapping[str, str], along: Mapping[str, "Axis"], where: str) -> Point:
    """Values read from text, in the order of the space."""
    from econml_cli.storage import limited_yaml

    try:
        typed = (
            sweep.typed(dict(given))
            if sweep.target
            else {name: limited_yaml.load(text) for name, text in given.items()}
        )
    except (ConfigError, ValueError) as error:
        raise ConfigError(f"{where}: {error}") from None
    for p in sweep.space.parameters:
        if p.name not in typed:
            continue
        try:
            if p.name in along:
                along[p.name].find(typed[p.name])
            elif str(typed[p.name]) != str(sweep.typed({p.name: p.quantile(0.5)})[p.name]):
                raise ValueError(f"it is {p.quantile(0.5)} in every trial")
        except ValueError as error:
            raise ConfigError(f"{where}: {p.name} {typed[p.name]}: {error}.") from None
    return {p.name: typed[p.name] for p in sweep.space.parameters if p.name in typed}


def earlier(
    sweep: Sweep, where: str, name: str | None, called: str, directory: Path | None, along: Mapping[str, "Axis"]
) -> tuple[list[Earlier], list[str]]:
    """The trials of another study that this sweep need not make again, and what to say of the others.

    Raises:
        ConfigError: none of its trials is one that this sweep could have made. RunError: it cannot be read.
    """
    results, defined = records.read_with_definition(where, name, directory)
    wanted = identity.plain(sweep.replication and sweep.replication.to_dict())
    if defined.get("replication") != wanted:
        raise ConfigError(
            f"--start-from {called}: its points are {_fits(defined.get('replication'))}, here they are "
            f"{_fits(wanted)}; give both the same --replicate or --folds, or start from its points alone (`econml "
            f"sweep show {called} --format csv`)."
        )
    found, why, outside = list[Earlier](), dict[str, int](), 0
    settled = [trial for trial in results.trials if trial.state == "complete" or _came_to_nothing(trial)]
    for trial in settled:
        values = _values(sweep, results, trial)
        missing = [name for name, value in values.items() if value is None and trial.state != "failed"]
        reason = f"it has no {missing[0]}" if missing else None
        try:
            point = None if reason else _point(sweep, defined, trial)
        except ConfigError as error:
            reason = str(error).rstrip(".")
        if reason:
            why[reason] = why.get(reason, 0) + 1
            continue
        assert point is not None
        try:
            params = {axis: along[axis].find(point[axis]) for axis in along if axis in point}
        except (ValueError, TypeError):
            outside += 1
            continue
        told = tuple(value for value in values.values() if value is not None)
        found.append(Earlier(trial.origin or f"{called}/{trial.number}", point, params, told, _about(trial)))
    return found, _told(called, len(settled), len(found), outside, why)


def _told(called: str, settled: int, taken: int, outside: int, why: Mapping[str, int]) -> list[str]:
    most = max(why, key=lambda reason: why[reason], default=None)
    if not taken:
        said = most or (f"all {settled} lie outside the space" if outside else "none has ended")
        raise ConfigError(
            f"--start-from {called}: no trial of it is one that this sweep could have made: {said}. Its points can be "
            f"tried again: `{shell.command('sweep', 'show', called, '--format', 'csv')} > points.csv` and --start-from "
            "points.csv."
        )
    notes = [f"{taken} of {settled} trials of {called} are known from the start and not fitted again."]
    notes += [f"{outside} lie outside the space."] if outside else []
    notes += [f"{sum(why.values())} are other fits ({most})."] if most else []
    return [" ".join(notes)]


def _came_to_nothing(trial: Trial) -> bool:
    """Whether a trial failed on its own account, as it would again: it diverged, or its solution is unstable."""
    return trial.state == "failed" and (trial.reason or "").startswith(("diverged in epoch", "FAILED:"))


def _metric(sweep: Sweep) -> str:
    return str((sweep.metric or METRIC)["name"])


def _values(sweep: Sweep, results: Results, trial: Trial) -> dict[str, float | None]:
    """What the trial has of this sweep's metrics; nothing where it failed."""
    had = {**trial.metrics, results.metric: trial.value} if trial.state != "failed" else {}
    return {name: had.get(name) for name, _ in identity.objectives(sweep)}


def _point(sweep: Sweep, defined: Mapping[str, Any], trial: Trial) -> Point:
    """The trial's point as this sweep would have it.

    Raises:
        ConfigError: its fit is another one than this sweep would make of it (a clause).
    """
    if sweep.target is None or defined.get("target") is None:
        now = identity.plain([sweep.program, *sweep.command]) if sweep.target is None else None
        if defined.get("command") != now:
            raise ConfigError("it starts another program")
        if set(trial.params) != {p.name for p in sweep.space.parameters}:
            raise ConfigError(f"it has other parameters ({', '.join(trial.params)})")
        for name, value in constants(sweep.space.parameters).items():
            if trial.params[name] != identity.plain(value):
                raise ConfigError(f"{name} is {trial.params[name]} there and {value} here")
        return {p.name: trial.params[p.name] for p in sweep.space.parameters}
    aim = defined["target"]
    config = Target(aim["model"], aim["problem"], aim["fixed"]).choice(trial.params, "it").config()
    before = config.to_dict()
    raw = {p.name: before[option_of(p)] for p in sweep.space.parameters if option_of(p) in before}
    raw |= constants(sweep.space.parameters)
    # what does not apply to its model is needed by no condition
    usual = {p.name: p.quantile(0.5) for p in sweep.space.parameters}
    if missing := [name for name in sweep.space.relevant({**usual, **raw}) if name not in raw]:
        raise ConfigError(f"its fits have no {missing[0]}")
    point = sweep.space.relevant(sweep.typed(raw))
    after = trial_config.config_of(sweep, point).to_dict()
    for name in [*before, *(name for name in after if name not in before)]:
        if name not in _BESIDES and before.get(name) != after.get(name):
            raise ConfigError(f"{name} is {before.get(name)} there and {after.get(name)} here")
    return point


def _about(trial: Trial) -> dict[str, Any]:
    found = {name: getattr(trial, name) for name in ("reason", *records.ABOUT)}
    found["replicates"] = trial.replicates and dataclasses.asdict(trial.replicates)
    return identity.plain({name: value for name, value in found.items() if value is not None})  # type: ignore[no-any-return]


def _fits(replication: Mapping[str, Any] | None) -> str:
    return f"trained over {len(replication['values'])} {replication['option']}s" if replication else "one fit each"
