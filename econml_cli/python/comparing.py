"""`econml eval compare` and `econml report` for Python: several runs as one table, or as one page."""

import inspect
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from econml_cli.errors import ConfigError
from econml_cli.python import frames
from econml_cli.python.fitted_run import FittedRun
from econml_cli.python.wording import speaking_python
from econml_cli.runs import directory, folds
from econml_cli.runs.directory import Run

if TYPE_CHECKING:
    from econml_cli.evaluation.comparing.comparison import Comparison
    from econml_cli.evaluation.comparing.folds import FoldComparison
    from econml_cli.evaluation.cross_validation import CrossValidation
    from econml_cli.report.written import Written

PathLike = str | os.PathLike[str]
#: a run that is open here, or what `econml_cli.load` finds
RunLike = FittedRun | PathLike


@overload
def compare(
    *runs: RunLike,
    runs_dir: PathLike = "runs",
    baseline: str | None = None,
    data: frames.Data = None,
    missing: str | None = None,
    step: int | None = None,
    bootstrap: int = 1000,
    bootstrap_seed: int = 0,
    draws: int = 10_000,
    draw_seed: int = 0,
    dm: bool | None = None,
    horizon: int = 1,
    stars: bool = False,
    vcov: str | None = None,
) -> "Comparison": ...
@overload
def compare(*runs: "CrossValidation", baseline: str | None = None, stars: bool = False) -> "FoldComparison": ...
@speaking_python()
def compare(
    *runs: "RunLike | CrossValidation",
    runs_dir: PathLike = "runs",
    baseline: str | None = None,
    data: frames.Data = None,
    missing: str | None = None,
    step: int | None = None,
    bootstrap: int = 1000,
    bootstrap_seed: int = 0,
    draws: int = 10_000,
    draw_seed: int = 0,
    dm: bool | None = None,
    horizon: int = 1,
    stars: bool = False,
    vcov: str | None = None,
) -> "Comparison | FoldComparison":
    """Runs as columns of a regression table, with paired tests of their losses: as `econml eval compare`.

    Args:
        runs: what `fit` and `load` return, or their paths or names in `runs_dir`. Or cross-validations on the same
            folds, of `cross_validate` and `load_cross_validation`, which are compared fold by fold: of the options
            below `baseline` and `stars` alone go with them.
        baseline: the run that the others are tested against (default: the first).
        data: a file or a DataFrame to compare on instead. dm: test by Diebold and Mariano, for rows in the order of
            time; horizon: periods ahead of the forecasts. The others: as the options of the command.

    Returns:
        The comparison; `print(found.render())`, `found.render("latex")`; for a paper `econml_cli.paper_table(found)`.
    """
    from econml_cli.evaluation import covariances
    from econml_cli.evaluation.comparing.compare import compare as compared

    if not runs:
        raise ConfigError("A comparison needs runs: econml_cli.compare(ols, mlp).")
    of_runs: dict[str, Any] = {
        "missing": missing, "step": step, "bootstrap": bootstrap, "bootstrap_seed": bootstrap_seed, "draws": draws,
        "draw_seed": draw_seed, "horizon": horizon, "vcov": vcov,
    }  # fmt: skip
    if validated := _cross_validations(runs, Path(runs_dir)):
        _refuse_given({"data": data, "dm": dm, **of_runs})
        return _fold_by_fold(validated, baseline, stars)
    chosen = [_run(run, Path(runs_dir)) for run in runs if isinstance(run, FittedRun | str | os.PathLike)]
    covariances.check_some_linear(vcov, chosen)
    with frames.as_file(data) as path:
        return compared(chosen, baseline=baseline, data=path, series=dm, stars=stars, **of_runs)


@speaking_python()
def paper_table(
    found: "Comparison",
    form: Literal["table", "latex", "markdown", "html", "csv"] = "latex",
    *,
    rows: Mapping[str, str] | Sequence[str] = (),
    digits: int | None = None,
    stars: bool = False,
    caption: str = "",
    label: str = "",
) -> str:
    """A comparison as a paper prints it, coefficients above their standard errors: as `econml eval compare --paper`.

    Args:
        rows: the coefficients that are shown, in this order: names, or {name: what it is called}. digits: decimals
            (default: 3, more of small standard errors). stars: of the p-values of coefficients. caption: above the
            table ("csv" has no place for it). label: of the table in LaTeX.

    Raises:
        ConfigError: no such coefficient, or no such form.
    """
    from econml_cli.evaluation.comparing import paper

    shown = dict(rows) if isinstance(rows, Mapping) else dict.fromkeys(rows, "")
    return paper.render(found, paper.Style(shown, digits, stars, caption, label), form)


@speaking_python()
def write_report(
    *runs: RunLike,
    out: PathLike = "report.html",
    pdf: PathLike | None = None,
    title: str | None = None,
    force: bool = False,
    runs_dir: PathLike = "runs",
    bootstrap: int = 1000,
    bootstrap_seed: int = 0,
    draws: int = 10_000,
    draw_seed: int = 0,
    vcov: str | None = None,
) -> "Written":
    """Write runs as one page for a browser: as `econml report`.

    Args:
        runs: as of `compare`; none: the newest. out: the page. pdf: also print it (needs Chromium or Chrome).
        force: replace files that are no reports, too. The others: as the options of the command.

    Returns:
        `.out`, `.pdf`, and in `.failed` a sentence for each section that could not be made.

    Raises:
        ConfigError, RunError: the file cannot be written, or a run cannot be found.
    """
    from econml_cli.report.written import Numbers, write

    chosen = [_run(run, Path(runs_dir)) for run in runs] or [directory.find(None, Path(runs_dir))]
    numbers = Numbers(bootstrap=bootstrap, bootstrap_seed=bootstrap_seed, draws=draws, draw_seed=draw_seed, vcov=vcov)
    return write(chosen, Path(out), None if pdf is None else Path(pdf), numbers, title=title, force=force)


def _cross_validations(runs: "Sequence[RunLike | CrossValidation]", runs_dir: Path) -> "list[CrossValidation]":
    """The cross-validations, where it is these that are compared; [] where it is runs.

    Raises:
        ConfigError: runs are named beside them, or one is named by its path.
    """
    from econml_cli.evaluation.cross_validation import CrossValidation

    found = [run for run in runs if isinstance(run, CrossValidation)]
    for run in runs:
        named = isinstance(run, str | os.PathLike) and folds.found(os.fspath(run), runs_dir)
        if named:
            raise ConfigError(
                f"{named} is a cross-validation; open it: econml_cli.load_cross_validation({str(named)!r}) can be "
                "compared with another one on the same folds."
            )
    if found and len(found) < len(runs):
        raise ConfigError(f"{found[0].path} is a cross-validation, and not all of them are; compare these alone.")
    return found


def _refuse_given(options: Mapping[str, Any]) -> None:
    """Raises: ConfigError: an option of `compare` that goes with runs alone has another value than its default."""
    usual = inspect.signature(compare).parameters
    for name, given in options.items():
        if given is not usual[name].default and given != usual[name].default:
            raise ConfigError(f"Cross-validations are compared by what they have kept: leave out {name}.")


def _fold_by_fold(validated: "Sequence[CrossValidation]", baseline: str | None, stars: bool) -> "FoldComparison":
    from econml_cli.evaluation.comparing.folds import compare_folds

    return compare_folds([Path(one.path) for one in validated], baseline=baseline, stars=stars)


def _run(run: RunLike, runs_dir: Path) -> Run:
    return run.run if isinstance(run, FittedRun) else directory.find(os.fspath(run), runs_dir)
