"""`econml fit --folds K` for Python: `found = econml_cli.cross_validate("mlp", data=df, target="y", folds=5)`."""

import dataclasses
import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from econml_cli.errors import ConfigError, RunError
from econml_cli.python import api, frames
from econml_cli.python.interruptible import StopSignal, interruptible
from econml_cli.python.wording import in_python, speaking_python
from econml_cli.runs import directory as runs
from econml_cli.runs import folds as directories
from econml_cli.runs import health

if TYPE_CHECKING:
    from typing import Unpack

    from econml_cli.evaluation.cross_validation import CrossValidation
    from econml_cli.python.fit_options import FitOptions, ModelName

PathLike = str | os.PathLike[str]


@overload
def cross_validate(
    model: "ModelName | None" = None,
    *,
    data: frames.Data,
    out: PathLike | None = None,
    name: str | None = None,
    runs_dir: PathLike = "runs",
    force: bool = False,
    bootstrap: int = 1000,
    bootstrap_seed: int = 0,
    **options: "Unpack[FitOptions]",
) -> "CrossValidation": ...
@overload
def cross_validate(
    model: str | None = None,
    *,
    data: frames.Data,
    out: PathLike | None = None,
    name: str | None = None,
    runs_dir: PathLike = "runs",
    force: bool = False,
    bootstrap: int = 1000,
    bootstrap_seed: int = 0,
    **options: Any,
) -> "CrossValidation": ...
@speaking_python()
def cross_validate(
    model: str | None = None,
    *,
    data: frames.Data,
    out: PathLike | None = None,
    name: str | None = None,
    runs_dir: PathLike = "runs",
    force: bool = False,
    bootstrap: int = 1000,
    bootstrap_seed: int = 0,
    **options: Any,
) -> "CrossValidation":
    """Fit a model once a fold, each time tested on rows that it has not seen, and keep all of it in a directory.

    Args:
        model, data, out, name, runs_dir, force, options: as of `econml_cli.fit`; among the options is `folds` (5).
        bootstrap: replications of the intervals of the pooled metrics. bootstrap_seed: their seed.

    Returns:
        The folds, each metric over them with its interval, and the metrics of all out-of-fold predictions together;
        `print(found.render())`. The predictions are in `found.path`/predictions.csv, the runs in fold1 to foldK.

    Warns:
        FitWarning: a fold diverged, or could not be fitted.

    Raises:
        As `econml_cli.fit`. KeyboardInterrupt: what is finished is kept, for `load_cross_validation`.
    """
    if data is None:
        raise ConfigError("data must be a path or a pandas DataFrame, got None.")
    asked: dict[str, Any] = {"data": api.named(data), "folds": 5, **options}
    command = api.said("cross_validate", model, asked)
    config = api.resolve(model, **asked)
    table = config.problem_options
    if not getattr(table, "folds", 0) or table.fold:
        raise ConfigError("A cross-validation has folds=2 or more, and no fold; one fit is econml_cli.fit.")
    if "test_fraction" in options:
        raise ConfigError("Each fold is the test split in turn: leave out test_fraction.")
    path = Path(out) if out is not None else Path(runs_dir) / (name or runs.new_name(config.model, config.problem))
    directories.check_free(path, force)
    naming: AbstractContextManager[None] = nullcontext()
    if frames.is_frame(data):
        kept = frames.keep(data, path.parent)
        config = dataclasses.replace(config, problem_options=dataclasses.replace(table, data=str(kept)))
        naming = frames.called_dataframe(kept)

    def work(stop_signal: StopSignal) -> Any:
        from econml_cli.training import cross_validate as training

        return training.fit_folds(config, path, force=force, command=command, stop_signal=stop_signal)

    with naming:
        return _evaluated(interruptible(work, _saved), bootstrap, bootstrap_seed)


@speaking_python()
def load_cross_validation(
    run: PathLike, *, runs_dir: PathLike = "runs", bootstrap: int = 1000, bootstrap_seed: int = 0
) -> "CrossValidation":
    """A cross-validation that is in a directory, by its path or its name in `runs_dir`, evaluated anew; what has not
    ended of an interrupted one is finished first.

    Raises:
        RunError: there is none, or it is damaged.
    """
    found = directories.found(os.fspath(run), Path(runs_dir))
    if found is None:
        raise RunError(f"There is no cross-validation {os.fspath(run)!r} here or in {os.fspath(runs_dir)}/.")

    def work(stop_signal: StopSignal) -> Any:
        from econml_cli.training import cross_validate as training

        return training.resume_folds(found, stop_signal=stop_signal)

    return _evaluated(interruptible(work, _saved), bootstrap, bootstrap_seed)


def _evaluated(made: Any, bootstrap: int, bootstrap_seed: int) -> "CrossValidation":
    from econml_cli.evaluation.cross_validation import cross_validation

    found = cross_validation(made, bootstrap=bootstrap, bootstrap_seed=bootstrap_seed)
    if (error := found.error()) is not None:
        health.warn(in_python(str(error)).replace("econml_cli.load(", "econml_cli.load_cross_validation(")
                    .replace(").resume()", ")"), stacklevel=5)  # fmt: skip
    return found


def _saved(made: Any) -> str:
    path = str(made.path)
    if not made.unfinished():
        return f"All folds had ended; they are in {path}."
    return f"Folds that have ended are kept; continue with econml_cli.load_cross_validation({path!r})."
