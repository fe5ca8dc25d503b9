"""Cross-validations under `econml eval`: one is shown again, several are compared fold by fold."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from econml_cli.commands.common import check_bootstrap
from econml_cli.commands.eval.shared import BootstrapOptions, told, width
from econml_cli.errors import ConfigError
from econml_cli.runs import folds

if TYPE_CHECKING:
    from econml_cli.evaluation.comparing.folds import FoldComparison


def named(runs: Sequence[str] | None, runs_dir: Path) -> list[Path]:
    """The cross-validations that are named; [] where none is.

    Raises:
        ConfigError: single runs are named beside them.
    """
    found = [folds.found(name, runs_dir) for name in runs or ()]
    there = [path for path in found if path is not None]
    if there and len(there) < len(found):
        other = next(name for name, path in zip(runs or (), found, strict=True) if path is None)
        raise ConfigError(
            f"{there[0]} is a cross-validation, and {other} is none; name cross-validations alone, or one fold of it, "
            f"{there[0]}/fold1."
        )
    return there


def refuse_others(there: Sequence[Path], options: Sequence[Any], allowed: str) -> None:
    """Refuse options that a cross-validation has no use for. Raises ConfigError."""
    if any(each != type(each)() for each in options):
        name, verb = (there[0], "is a cross-validation") if len(there) == 1 else (f"{there[0]} and the others", "are "
                      "cross-validations")  # fmt: skip
        raise ConfigError(f"{name} {verb}: of the options, {allowed} alone go with it; name a fold, {there[0]}/fold1.")


def show(directory: Path, bootstrap: BootstrapOptions, form: str) -> None:
    """Print the table of a cross-validation again, from what it has kept."""
    check_bootstrap(bootstrap.bootstrap)
    from econml_cli.evaluation import answer
    from econml_cli.evaluation.comparing.folds import results_of
    from econml_cli.output.tables import RENDERERS, csv_lines
    from econml_cli.runs import folds_table
    from econml_cli.storage import disk

    results = results_of(directory, bootstrap.bootstrap)
    shown = results.pop("shown")
    if form == "json":
        print(answer.as_json(results))  # noqa: T201
    elif form == "csv":
        print(csv_lines([disk.finite(fold) for fold in results["fold"]]))  # noqa: T201
    else:
        print("\n\n".join(RENDERERS[form](grid, width()) for grid in folds_table.grids(results, shown)))  # noqa: T201


def compare(
    directories: Sequence[Path], baseline: str | None, stars: bool, form: str, out: str | None
) -> "FoldComparison":
    """Print, or write to a file, the differences between cross-validations; what was found."""
    from econml_cli.evaluation.comparing.folds import compare_folds

    found = compare_folds(directories, baseline=baseline, stars=stars)
    for note in found.notes:
        told(note)
    text = found.render(form, None if out else width())
    if out is None:
        print(text)  # noqa: T201
        return found
    from econml_cli.storage import disk

    disk.write_text(Path(out), text + "\n")
    told(f"written to {out}")
    return found
