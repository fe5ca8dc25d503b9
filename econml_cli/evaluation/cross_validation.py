"""What a cross-validation is worth: each fold on the rows that it has not seen, and all of these rows together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from econml_cli.data import table_files
from econml_cli.errors import DivergedError, EconmlError, RunError
from econml_cli.evaluation import predictions, standard_errors
from econml_cli.evaluation.answer import Answer
from econml_cli.evaluation.estimate import Estimate
from econml_cli.evaluation.intervals import ENDS, FEW_OF_CLASS, counted, with_intervals
from econml_cli.evaluation.opened import open_run
from econml_cli.evaluation.samples import Scored, as_counted, scorer, size
from econml_cli.output.tables import Grid
from econml_cli.problems import losses, metrics
from econml_cli.problems.metrics import Moments
from econml_cli.problems.tabular import Tabular
from econml_cli.runs import folds_table, resuming
from econml_cli.runs.directory import Run
from econml_cli.runs.folds import Folds
from econml_cli.storage import disk

if TYPE_CHECKING:  # importing it takes as long as reading a run
    import pandas as pd

#: the file of the out-of-fold predictions, in the directory of the cross-validation
PREDICTIONS = "predictions.csv"
_SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Fold:
    """One fold: its run, how that ended, observations by split, and metrics (test_loss, test_r2, ...) as `econml eval`
    gives them."""

    number: int
    run: str
    status: str
    epoch: int
    n: dict[str, int]
    metrics: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """One flat JSON object; undefined numbers are null."""
        head = {"fold": self.number, "run": self.run, "status": self.status, "epoch": self.epoch}
        return disk.finite(head | {f"n_{split}": n for split, n in self.n.items()} | self.metrics)


@dataclass(frozen=True)
class CrossValidation(Answer):
    """The folds, and what they say together.

    Attributes:
        count: how many folds there are; `folds` are those that could be fitted, `failed` why the others could not.
        over: of each metric the mean over folds, as `over_folds`.
        sd: its standard deviation over folds. The training samples of two folds overlap, so that no estimate of the
            variance of the mean is unbiased. Source: Bengio and Grandvalet (2004), Journal of Machine Learning Research
            5, 1089-1105.
        pooled: metrics of the out-of-fold predictions of all rows together, with intervals as those of `evaluate`.
        shown: the metrics that the table of the folds has beside the losses.
    """

    path: str
    model: str
    problem: str
    task: str
    count: int
    folds: tuple[Fold, ...]
    failed: dict[int, str]
    over: dict[str, Estimate]
    sd: dict[str, float]
    pooled: dict[str, Estimate]
    shown: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def diverged(self) -> list[int]:
        """The folds that diverged; their numbers are those of the last finite weights."""
        return [fold.number for fold in self.folds if fold.status == "diverged"]

    def error(self) -> EconmlError | None:
        """What went otherwise than planned, if anything did: a fold that could not be fitted, or diverged."""
        if self.failed:
            fold, reason = next(iter(self.failed.items()))
            others = f" (and {len(self.failed) - 1} more)" if len(self.failed) > 1 else ""
            return RunError(
                f"Fold {fold}{others} could not be fitted: {reason} The other folds are kept in {self.path}; try it "
                f"again with: {resuming.command(Path(self.path))}"
            )
        if self.diverged:
            numbers = ", ".join(map(str, self.diverged))
            return DivergedError(
                f"The loss or a weight became non-finite in fold {numbers} of {self.path}; its numbers are of the last "
                "finite weights. Try a smaller --lr, --grad-clip 1, or --schedule warmup_cosine."
            )
        return None

    @property
    def rows_predicted(self) -> int:
        return sum(fold.n["test"] for fold in self.folds)

    def grids(self) -> list[Grid]:
        """The folds; means over them; the out-of-fold predictions."""
        return folds_table.grids(self.to_dict(), self.shown)

    def to_dict(self) -> dict[str, Any]:
        """One JSON object: the folds, each metric over them, and `pooled`; undefined numbers are null."""
        over = {name: _json(estimate) | {"sd": self.sd[name]} for name, estimate in self.over.items()}
        head = {name: getattr(self, name) for name in ("path", "model", "problem", "task")}
        found = head | {
            "folds": self.count,
            "fold": [fold.to_dict() for fold in self.folds],
            "failed": self.failed,
            **over,
            "pooled": {name: _json(estimate) for name, estimate in self.pooled.items()},
            "predictions": f"{self.path}/{PREDICTIONS}",
        }
        return dict(disk.finite(found))

    def rows(self) -> list[dict[str, Any]]:
        """One flat dict a fold, all digits."""
        return [fold.to_dict() for fold in self.folds]


def cross_validation(folds: Folds, *, bootstrap: int = 1000, bootstrap_seed: int = 0) -> CrossValidation:
    """Evaluate the folds that have been fitted; write PREDICTIONS, and the results into CROSS_VALIDATION.

    PREDICTIONS has every row of the data file once, in its order: `row` (from 0), the `fold` whose test rows it is
    among, the `target` in the units of `predict`, and the prediction by that fold, which has not seen the row, in the
    columns of `predict`. Rows that --missing drops are in no fold: they, and those of a fold that failed, have empty
    cells.

    Args:
        bootstrap: replications of the intervals of the pooled metrics; 0: no intervals. bootstrap_seed: their seed.

    Raises:
        RunError: no fold could be fitted. RunError, CheckpointError, DataError: a run, or the data file, is damaged.
    """
    found = [_fold(folds.run(fold), fold) for fold in range(1, folds.count + 1) if fold not in folds.failed]
    if not found:
        raise RunError(f"No fold of {folds.path} could be fitted: {next(iter(folds.failed.values()), 'there is none')}")
    names = found[0].fold.metrics
    columns = {name: np.array([each.fold.metrics.get(name, np.nan) for each in found]) for name in names}
    row = losses.of(found[0].problem)
    result = CrossValidation(
        path=str(folds.path), model=folds.config.model, problem=folds.config.problem,
        task=str(row.task), count=folds.count, shown=row.shown,
        folds=tuple(each.fold for each in found), failed=dict(folds.failed),
        over={name: _over(name, values, found) for name, values in columns.items()},
        sd={name: float(np.std(values, ddof=1)) if len(values) > 1 else np.nan for name, values in columns.items()},
        pooled=_pooled(found, bootstrap, bootstrap_seed),
    )  # fmt: skip
    table_files.write(_out_of_fold(found), folds.path / PREDICTIONS)
    folds.note("failed" if folds.failed else "complete", results=result.to_dict(), shown=list(result.shown))
    return result


@dataclass(frozen=True)
class _Found:
    """A fold with its test rows: where they stand in the file, and what is predicted for them."""

    fold: Fold
    problem: Tabular
    scored: Scored
    measured: dict[str, Moments]

    @property
    def rows(self) -> np.ndarray:
        return np.asarray(self.problem.file_rows["test"])


def _fold(run: Run, number: int) -> _Found:
    with open_run(run) as opened:
        loaded, samples = opened.loaded(), opened.own_samples()
        problem = samples.problem
        assert isinstance(problem, Tabular)  # no other has folds
        score = scorer(samples.problem, loaded.model, opened.dtype)
        scored = {split: score(batch) for split, batch in samples.parts.items()}
        meant = {split: as_counted(samples.problem, [part], None)[0][0] for split, part in scored.items()}
    row, values = losses.of(samples.problem), dict[str, float]()
    measured = {split: metrics.moments(row, p.loss, p.y, p.yhat, p.w) for split, p in meant.items()}
    for split, moments in measured.items():
        values |= {f"{split}_{name}": value for name, value in moments.values().items()}
    sizes = dict.fromkeys(_SPLITS, 0) | {split: size(batch) for split, batch in samples.parts.items()}
    fold = Fold(number, str(run.path), opened.status(), loaded.epoch, sizes, values)
    return _Found(fold, problem, scored["test"], measured)


def over_folds(values: np.ndarray, ratio: float) -> Estimate:
    """The mean over K folds [K], with Student's interval of K - 1 degrees of freedom.

    The variance of the mean is (1/K + ratio) times that of the folds, where `ratio` is the size of the test sample over
    that of the training sample: the training samples of two folds overlap, and s^2 / K is too small.

    Source: Nadeau and Bengio (2003), Machine Learning 52, 239-281.
    """
    own = standard_errors.standard_error(values)
    return standard_errors.around(float(np.mean(values)), own * math.sqrt(1 + len(values) * ratio), len(values) - 1)


def _over(column: str, values: np.ndarray, found: Sequence[_Found]) -> Estimate:
    """The mean over folds of the metric of a column such as "test_auc", whose interval holds no number that the metric
    cannot be, and says of how few observations of a class a fold has its area."""
    split, _, name = column.partition("_")
    own = [each.measured[split] for each in found if split in each.measured]
    mean = over_folds(values, _ratio(found))
    if mean.low is None or mean.high is None or not own:
        return mean
    low, high = ENDS[own[0].scales[name]] if name in own[0].scales else (-math.inf, math.inf)
    rare = [int(moments.rare[name].sum()) for moments in own if name in moments.rare]
    few = f"only {counted(min(rare), own[0].named[name])} in a fold" if rare and min(rare) < FEW_OF_CLASS else ""
    return mean.within(max(mean.low, low), min(mean.high, high), few)


def _ratio(found: Sequence[_Found]) -> float:
    """The size of a test sample over that of its training sample, the mean over folds."""
    return float(np.mean([each.fold.n["test"] / each.fold.n["train"] for each in found]))


def _pooled(found: Sequence[_Found], replications: int, seed: int) -> dict[str, Estimate]:
    """The metrics of all test rows together, as if one model had predicted them."""
    counted = [as_counted(each.problem, [each.scored], each.problem.groups.get("test")) for each in found]
    scored, groups = [each[0][0] for each in counted], [each[1] for each in counted if each[1] is not None]
    loss, y, yhat = (np.concatenate([getattr(each, name) for each in scored]) for name in ("loss", "y", "yhat"))
    weights = [each.w for each in scored if each.w is not None]
    w = np.concatenate(weights) if weights else None
    moments = metrics.moments(losses.of(found[0].problem), loss, y, yhat, w)
    together = np.concatenate(groups) if groups else None
    return with_intervals(moments, replications=replications, seed=seed, groups=together)


def _out_of_fold(found: Sequence[_Found]) -> "pd.DataFrame":
    import pandas as pd

    parts = []
    for each in found:
        yhat = each.scored.yhat
        assert yhat is not None  # a table always says what it compares
        columns = {"fold": np.full(len(yhat), each.fold.number)} | _target(each.problem)
        parts.append(pd.DataFrame(columns | predictions.columns(each.problem, yhat), index=each.rows))
    rows = pd.RangeIndex(found[0].problem.describe()["rows"], name="row")
    whole = pd.concat(parts)
    # dtypes that keep integers and booleans as they are where some are missing
    nullable = {name: {"i": "Int64", "b": "boolean"}.get(kind.kind, kind) for name, kind in whole.dtypes.items()}
    return whole.astype(nullable).reindex(rows).reset_index()


def _target(problem: Tabular) -> dict[str, np.ndarray]:
    """The target of the test rows, in float64; classes by name. A reconstruction has none."""
    row = losses.of(problem)
    if row.reconstructs:
        return {}
    test = problem.sample(None, "test")
    assert test is not None
    y = np.asarray(problem.observed(test)).reshape(-1)
    return {"target": np.asarray(problem.classes)[y.astype(int)] if row.classifies else y}


def _json(estimate: Estimate) -> dict[str, Any]:
    names = ("value", "standard_error", "low", "high", "caveat")
    return {name: getattr(estimate, name) for name in names if getattr(estimate, name) is not None}
