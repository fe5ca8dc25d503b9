"""Two cross-validations, or more, on the same folds: the differences of their metrics, paired by fold.

All is read from what the cross-validations have kept; nothing is computed again.
"""

import csv
import dataclasses
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from econml_cli.errors import ConfigError, RunError, plural
from econml_cli.evaluation.answer import Answer
from econml_cli.evaluation.cross_validation import PREDICTIONS, over_folds
from econml_cli.evaluation.estimate import Estimate
from econml_cli.evaluation.standard_errors import two_sided
from econml_cli.output.figure_style import Width
from econml_cli.output.tables import Grid, cell, interval
from econml_cli.runs import folds as kept
from econml_cli.runs import resuming
from econml_cli.runs.directory import Run
from econml_cli.storage import disk

STARS = ((0.01, "***"), (0.05, "**"), (0.10, "*"))
METHOD = (
    "Differences are paired by fold; the variance of their mean is that of Nadeau and Bengio (2003), for training "
    "samples that overlap, and Student's distribution has a degree of freedom less than there are folds."
)


@dataclass(frozen=True)
class Paired:
    """The difference of one metric to that of the baseline.

    Attributes:
        by_fold: in each fold. mean: over folds, with its standard error and 95 % interval. p_value: two-sided, of an
            expected difference of 0; NaN where all folds differ alike.
    """

    by_fold: tuple[float, ...]
    mean: Estimate
    p_value: float


@dataclass(frozen=True)
class Validated:
    """One cross-validation: its label "(1)", name, model, the metrics of the test rows of each fold, and their
    differences to those of the baseline (None: it is that)."""

    label: str
    path: str
    model: str
    loss: str
    by_fold: dict[str, tuple[float, ...]]
    against: dict[str, Paired] | None = None

    @property
    def name(self) -> str:
        return Path(self.path).name


@dataclass(frozen=True)
class FoldComparison(Answer):
    """Cross-validations side by side. `baseline` is the place of the one that the others are tested against; `folds`
    the numbers of those that all have."""

    columns: tuple[Validated, ...]
    baseline: int
    folds: tuple[int, ...]
    stars: bool = False
    notes: tuple[str, ...] = ()

    def plot(self, width: Width | None = None) -> Any:
        """The losses by fold, and their differences to the baseline's with the interval of the mean, as a
        `matplotlib.figure.Figure`.

        Raises:
            ConfigError: none has the loss of the baseline, or there are more folds or columns than can be read.
        """
        from econml_cli.evaluation.comparing import folds_figure

        return folds_figure.figure(self, width)

    def grids(self) -> list[Grid]:
        """Means over the folds; for each but the baseline its differences."""
        base = self.columns[self.baseline]
        names = list(dict.fromkeys(name for one in self.columns for name in one.by_fold))
        heads = ("", *(f"{one.label} {one.name}" for one in self.columns))
        rows = [("model", *(one.model for one in self.columns))]
        rows += [(_words(n), *(_mean(one.by_fold.get(n)) for one in self.columns)) for n in names]
        found = [Grid(heads, tuple(rows), f"Means over the same {len(self.folds)} folds")]
        for one in self.columns:
            if one.against is None:
                continue
            lines = [
                (
                    _words(name), cell(d.mean.value) + self._stars(d.p_value), cell(d.mean.standard_error),
                    interval(d.mean.low, d.mean.high), _p(d.p_value),
                )
                for name, d in one.against.items()
            ]  # fmt: skip
            title = f"{one.label} {one.name} less {base.label} {base.name}, fold by fold"
            found.append(Grid(("", "difference", "std. error", "95 % interval", "p"), tuple(lines), title))
        return found

    def _stars(self, p: float) -> str:
        return next((mark for bar, mark in STARS if self.stars and p < bar), "")

    def to_dict(self) -> dict[str, Any]:
        """One JSON object; undefined numbers are null."""
        base = self.columns[self.baseline]
        columns = [
            {
                "column": one.label, "path": one.path, "model": one.model, "loss": one.loss,
                "by_fold": {name: list(values) for name, values in one.by_fold.items()},
                "against": None if one.against is None else {name: _json(d) for name, d in one.against.items()},
            }
            for one in self.columns
        ]  # fmt: skip
        head = {"baseline": base.path, "baseline_column": base.label, "folds": list(self.folds)}
        whole: dict[str, Any] = disk.finite({**head, "columns": columns, "notes": list(self.notes)})
        return whole

    def rows(self) -> list[dict[str, Any]]:
        """A flat dict a metric of each but the baseline."""
        base = self.columns[self.baseline]
        return [
            {"run": one.path, "baseline": base.path, "metric": name, "folds": len(self.folds)}
            | {"value": _mean_of(one.by_fold[name]), "baseline_value": _mean_of(base.by_fold[name])}
            | {name: value for name, value in _json(d).items() if name != "by_fold"}
            for one in self.columns
            for name, d in (one.against or {}).items()
        ]


def compare_folds(
    directories: Sequence[Path], *, baseline: str | None = None, stars: bool = False, bootstrap: int = 1000
) -> FoldComparison:
    """Compare cross-validations of one table whose folds are the same rows.

    Args:
        directories: theirs. baseline: the name, path or label "(2)" of the one that the others are tested against
            (default: the first). bootstrap: as of `cross_validation`, where folds have ended and the table is not yet
            made.

    Raises:
        ConfigError: there are fewer than two, the baseline is none of them, or their folds are not the same rows with
            the same outcome. RunError: one is not complete, or damaged.
    """
    if len(directories) < 2:
        raise ConfigError("A comparison of cross-validations needs two; name them: `econml eval compare CV1 CV2`.")
    told = [results_of(path, bootstrap) for path in directories]
    place = _place(directories, baseline)
    for path in directories:
        _check_same(directories[place], path)
    of_fold = [{int(fold["fold"]): fold for fold in each["fold"]} for each in told]
    common = tuple(sorted(set.intersection(*(set(each) for each in of_fold))))
    if len(common) < 2:
        raise ConfigError("Fewer than two folds could be fitted in all of them, and a standard error takes two.")
    ratio = float(np.mean([of_fold[place][fold]["n_test"] / of_fold[place][fold]["n_train"] for fold in common]))
    columns = [
        Validated(f"({i + 1})", str(path), str(each["model"]), _loss_of(path), _metrics(each, folds, common))
        for i, (path, each, folds) in enumerate(zip(directories, told, of_fold, strict=True))
    ]
    base, notes = columns[place], [METHOD]
    for i, one in enumerate(columns):
        if i != place:
            columns[i] = dataclasses.replace(one, against=_against(one, base, ratio))
            if one.loss != base.loss:
                notes.append(
                    f"The losses of {one.label} ({one.loss}) and {base.label} ({base.loss}) are not of one kind."
                )
    if len(common) < max(each["folds"] for each in told):
        notes.append(f"Only the {plural(len(common), 'fold')} that all could be fitted on are compared.")
    notes += [
        f"{path}: fold {fold['fold']} diverged; its numbers are those of the last finite weights."
        for path, each in zip(directories, told, strict=True)
        for fold in each["fold"]
        if fold["status"] == "diverged"
    ]
    return FoldComparison(tuple(columns), place, common, stars, tuple(notes))


def results_of(directory: Path, bootstrap: int = 1000) -> dict[str, Any]:
    """What a cross-validation has kept of its table; made from its folds where these have ended, and it is not there.

    Raises:
        RunError: folds are missing, or it is damaged.
    """
    about = kept.about(directory)
    if isinstance(about.get("results"), Mapping):
        return {**about["results"], "shown": about.get("shown")}
    folds = kept.opened(directory)
    if left := [fold for fold in range(1, folds.count + 1) if not folds.ended(fold)]:
        raise RunError(
            f"{directory} is not complete: {plural(len(left), 'fold')} of {folds.count} "
            f"{'have' if len(left) > 1 else 'has'} not ended; go on with `{resuming.command(directory)}`."
        )
    from econml_cli.evaluation.cross_validation import cross_validation

    found = cross_validation(folds, bootstrap=bootstrap)
    return {**found.to_dict(), "shown": list(found.shown)}


def _place(directories: Sequence[Path], baseline: str | None) -> int:
    if baseline is None:
        return 0
    for i, path in enumerate(directories):
        if baseline in (f"({i + 1})", path.name, str(path)) or Path(baseline).resolve() == path.resolve():
            return i
    raise ConfigError(f"--baseline {baseline} is none of the cross-validations that are compared; name it among them.")


def _check_same(base: Path, other: Path) -> None:
    """Refuse cross-validations whose folds are other rows, or have other outcomes.

    Raises:
        ConfigError: says which row. RunError: the file of out-of-fold predictions is gone.
    """
    if base == other:
        return
    mine, theirs = _rows(other), _rows(base)
    why = None
    if len(mine) != len(theirs):
        why = f"it has {len(mine):,} rows, not {len(theirs):,}"
    for row, (one, two) in enumerate(zip(mine, theirs, strict=False)):
        if why is None and one[0] != two[0]:
            where = f"fold {one[0]}" if one[0] else "no fold"
            why = f"row {row:,} is in {where} there, in {f'fold {two[0]}' if two[0] else 'none'} here"
        elif why is None and not _same_outcome(one[1], two[1]):
            why = f"its target in row {row:,} is {one[1] or 'missing'}, not {two[1] or 'missing'}"
    if why is not None:
        raise ConfigError(
            f"The folds of {other} are not those of {base} ({why}), so that they cannot be compared; fit both with the "
            "same data, target, --folds, --split-seed and --group."
        )


def _rows(directory: Path) -> list[tuple[str, str]]:
    """(fold, target) of each row of the file, as text."""
    path = directory / PREDICTIONS
    try:
        with disk.opened(path) as raw, io.TextIOWrapper(raw, encoding="utf-8", newline="") as file:
            return [(row.get("fold") or "", row.get("target") or "") for row in csv.DictReader(file)]
    except (OSError, ValueError, csv.Error) as error:
        raise RunError(
            f"{path}, which says which rows are in which fold, cannot be read; make it again with "
            f"`{resuming.command(directory)}`."
        ) from error


def _same_outcome(one: str, two: str) -> bool:
    if one == two:
        return True
    try:
        return math.isclose(float(one), float(two), rel_tol=1e-5, abs_tol=1e-6)  # one may be in single precision
    except ValueError:
        return False


def _metrics(
    results: Mapping[str, Any], folds: Mapping[int, Mapping[str, Any]], common: Sequence[int]
) -> dict[str, tuple[float, ...]]:
    """The metrics of the test rows by fold, the loss first; those that the table of the folds shows."""
    shown = results.get("shown")
    there = [name for name in folds[common[0]] if name.startswith("test_")]
    chosen = there if shown is None else [n for n in there if n == "test_loss" or n.removeprefix("test_") in shown]
    return {name: tuple(_number(folds[fold].get(name)) for fold in common) for name in chosen}


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _loss_of(directory: Path) -> str:
    """The loss of the folds, by the manifest of the first that is there."""
    data: Mapping[str, Any] = {}
    for fold in sorted(directory.glob("fold*")):
        data = Run(fold).manifest().get("data") or {}
        break
    return str(data.get("loss") or data.get("task") or "")


def _against(one: Validated, base: Validated, ratio: float) -> dict[str, Paired]:
    """The differences of the metrics that both have; of the loss where it is the same one."""
    found = {}
    for name, values in one.by_fold.items():
        if name in base.by_fold and (name != "test_loss" or one.loss == base.loss):
            apart = np.array(values) - np.array(base.by_fold[name])
            mean = over_folds(apart, ratio)
            error = mean.standard_error or 0.0
            p = two_sided(mean.value / error, len(apart) - 1) if error > 0 else math.nan
            found[name] = Paired(tuple(apart.tolist()), mean, p)
    return found


def _words(name: str) -> str:
    return name.replace("_", " ")


def _mean_of(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _mean(values: Sequence[float] | None) -> str:
    return "-" if values is None else cell(_mean_of(values))


def _p(value: float) -> str:
    return "" if math.isnan(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _json(d: Paired) -> dict[str, Any]:
    mean = d.mean
    return {
        "difference": mean.value, "standard_error": mean.standard_error, "low": mean.low, "high": mean.high,
        "p_value": d.p_value, "by_fold": list(d.by_fold),
    }  # fmt: skip
