"""`econml sweep run` for Python: `trials = econml_cli.sweep("sweep.yaml", trials=30)`."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from econml_cli.errors import ConfigError
from econml_cli.options import own_code
from econml_cli.python.interruptible import StopSignal, interruptible
from econml_cli.python.wording import speaking_python
from econml_cli.storage import disk

if TYPE_CHECKING:
    import pandas as pd

    from econml_cli.sweeps.study.trials import Results

PathLike = str | os.PathLike[str]


@speaking_python()
def sweep(
    file: "PathLike | Mapping[str, Any]",
    *,
    trials: int | None = None,
    seed: int | None = None,
    replicate: str | None = None,
    folds: int | None = None,
    aggregate: str | None = None,
    sampler: str | None = None,
    start_from: "PathLike | Sequence[PathLike]" = (),
    jobs: int | None = None,
    engine: Literal["auto", "vmap", "serial", "process"] = "auto",
    timeout: float | None = None,
    storage: str | None = None,
    out: PathLike | None = None,
    runs_dir: PathLike = "runs",
    keep: int | Literal["all"] = "all",
    retry_failed: bool = False,
    source: PathLike | Sequence[PathLike] = (),
) -> "pd.DataFrame":
    """Run a W&B sweep here, as `econml sweep run` does, or go on with one that was interrupted: the same call again.

    Args:
        file: the YAML file, or what would be in it as a mapping, which is kept as RUNS_DIR/NAME.yaml (it needs a name).
        trials, seed, replicate, folds, aggregate, sampler, jobs, engine, storage, out, runs_dir, retry_failed: as the
            options of the command. start_from: one or several, of sweeps and files of points, as --start-from.
        timeout: seconds after which it stops as if interrupted. keep: of how many of the best trials the checkpoints
            are kept.
        source: Python files of yours, with models or as the sweep's program, that it may run (`econml --source`).

    Returns:
        One row a trial, best first: its point, its metric and the columns of `econml sweep show --format csv`.
        `.attrs` has the sweep's `directory`, `metric`, `goal` and the number of the `best` trial.

    Raises:
        ConfigError: the file, or how it was begun. RunError: the directory. KeyboardInterrupt: trials under way are
            saved. A trial that fails raises nothing: its row has the reason.
    """
    from econml_cli.sweeps.run import begin
    from econml_cli.sweeps.run import engine as engines
    from econml_cli.sweeps.run.plan import Plan
    from econml_cli.sweeps.study import databases

    own_code.name_sources(*_paths(source))
    if storage is not None:
        databases.name(storage)
    asked = begin.Asked(
        replicate=replicate, folds=folds, aggregate=aggregate, sampler=sampler, seed=seed, storage=storage,
        out=None if out is None else os.fspath(out), runs_dir=os.fspath(runs_dir), line="econml_cli.sweep",
        start_from=_paths(start_from),
    )  # fmt: skip
    path = _kept(file, Path(runs_dir)) if isinstance(file, Mapping) else Path(file)
    found, directory, begun = begin.begin(begin.load(path, asked), asked)
    plan = Plan(
        seed=begun.seed, count=trials, jobs=jobs, engine=engine, timeout=timeout, keep=keep, retry_failed=retry_failed,
        storage=begun.storage, study=begun.study, sampler=sampler, start=begun.start,
    )  # fmt: skip

    def work(stop_signal: StopSignal) -> Any:
        return engines.run(found, directory, plan, stop_signal=stop_signal)

    with directory.lock(shared=begun.storage is not None):
        outcome = interruptible(work, lambda done: "Trials under way are saved; the same call goes on with the sweep.")
    return frame(outcome.results)


@speaking_python()
def load_sweep(
    sweep: PathLike | None = None, *, runs_dir: PathLike = "runs", storage: str | None = None
) -> "pd.DataFrame":
    """The trials of a sweep that is there, or under way, as `econml_cli.sweep` returns them; nothing is computed.

    Args:
        sweep: its directory, its name in `runs_dir`, or its YAML file (default: the one changed last). storage: where
            the study is kept (default: where the sweep's directory says).

    Raises:
        RunError: there is no such sweep.
    """
    return frame(_read(sweep, runs_dir, storage))


@speaking_python()
def importance(
    sweep: PathLike | None = None, *, runs_dir: PathLike = "runs", storage: str | None = None
) -> "pd.DataFrame":
    """Which parameters of a sweep matter, as `econml sweep show` says: a row each, the most important first.

    Args:
        sweep, runs_dir, storage: as of `load_sweep`.

    Returns:
        Columns: name; importance, its share of that of all; correlation with the metric (Spearman's) with `low` and
        `high` of its 95 % interval, and the trials it rests on. `.attrs["rung"]` is the epoch at which trials of a
        sweep that pruned some are compared.
    """
    import pandas as pd

    from econml_cli.sweeps.show.importance import Influence, analyse

    found = analyse(_read(sweep, runs_dir, storage))
    made = pd.DataFrame(
        [dataclasses.asdict(one) for one in found.influences], columns=[f.name for f in dataclasses.fields(Influence)]
    )
    made.attrs = {"trials": found.complete, "rung": found.rung}
    return made


def _read(sweep: PathLike | None, runs_dir: PathLike, storage: str | None) -> "Results":
    from econml_cli.sweeps.run.open_directory import study_of
    from econml_cli.sweeps.study import databases, study

    if storage is not None:
        databases.name(storage)
    where, name, _, directory = study_of(None if sweep is None else os.fspath(sweep), Path(runs_dir), storage)
    return study.read(where, name, directory)


def frame(results: "Results") -> "pd.DataFrame":
    """The trials of a sweep, best first."""
    import pandas as pd

    from econml_cli.sweeps.show import table

    rows = table.rows(results, table.ordered(results, None))
    made = pd.DataFrame(rows, columns=[column.name for column in table.whole(results)])
    best = results.best()
    made.attrs = {
        "directory": None if results.directory is None else str(results.directory),
        "metric": results.metric,
        "goal": results.goal,
        "best": None if best is None else best.number,
    }
    return made


def _paths(given: "PathLike | Sequence[PathLike]") -> list[str]:
    """One path, or several, as text."""
    return [os.fspath(each) for each in ([given] if isinstance(given, str | os.PathLike) else given)]


def _kept(document: Mapping[str, Any], folder: Path) -> Path:
    """A sweep given as a mapping, as a file."""
    import yaml

    from econml_cli.sweeps.run.directory import slug

    name = document.get("name")
    if not isinstance(name, str) or not name.strip():
        raise ConfigError("A sweep that is given as a mapping needs a `name`, for its directory and its file.")
    path = folder / f"{slug(name)}.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    disk.write_text(path, yaml.safe_dump(_plain(document), sort_keys=False, allow_unicode=True))
    return path


def _plain(value: Any) -> Any:
    """Mappings, tuples and NumPy's numbers as YAML has them."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | range):
        return [_plain(each) for each in value]
    return value.item() if hasattr(value, "item") else value
