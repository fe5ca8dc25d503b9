"""The covariance of the coefficients of a linear model: which one, by what it is clustered, and the sandwich."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from econml_cli.data.weights import RowWeights
from econml_cli.errors import ConfigError, DataError, plural
from econml_cli.evaluation import robust_regression
from econml_cli.evaluation.opened import OpenedRun
from econml_cli.problems import losses
from econml_cli.problems.families import Family
from econml_cli.problems.tabular import Tabular
from econml_cli.runs.directory import Run

CHOICES = ("iid", "HC1", "HC3", "cluster")
#: groups of a column that can be clustered by
FEWEST = 3


def check_some_linear(vcov: str | None, runs: Sequence[Run]) -> None:
    """Refuse a covariance of coefficients where no run has any.

    Raises:
        ConfigError: names the first run.
    """
    models = [] if vcov is None else [run.config().model for run in runs]
    if models and "linear" not in models:
        raise ConfigError(
            f"--vcov {vcov} is of the coefficients of model linear, and {runs[0].name} is {models[0]}; leave it out."
        )


def column_of(vcov: str | None) -> str | None:
    """The column that is clustered by: firm of "cluster:firm"; None of the others."""
    head, colon, column = (vcov or "").partition(":")
    return column if head == CHOICES[-1] and colon else None


def _groups(problem: Tabular, column: str) -> np.ndarray:
    """The number of the group of each training row, by a column of the file of the fit.

    Raises:
        DataError: there is no such column, a value is missing, or it has too few values to cluster by.
    """
    values = problem.column(column, "train")
    if values.isna().any():
        raise DataError(f"--vcov cluster:{column}: the column has missing values among the rows of the fit.")
    codes, groups = values.factorize()
    if len(groups) < FEWEST:
        raise DataError(
            f"--vcov cluster:{column}: the column has {plural(len(groups), 'value')} among the rows of the fit, and "
            f"no variance can be told from fewer than {FEWEST} clusters; use --vcov HC1, or another column."
        )
    return np.asarray(codes)


def kind_of(run: OpenedRun, problem: Tabular, vcov: str | None) -> tuple[str, np.ndarray | None]:
    """Which covariance, the one asked for or by default, and the groups [n] of the rows of the fit, or None.

    Raises:
        ConfigError: the fit has no such one. DataError: its rows cannot be clustered so.
    """
    row, weights, groups = losses.of(problem), problem.weights, problem.groups.get("train")
    if (column := column_of(vcov)) is not None:
        vcov, groups = "cluster", _groups(problem, column)
    sampling = (weights is not None and weights.kind == "sampling") or bool(problem.class_weights)
    kind = vcov or ("cluster" if groups is not None else "HC1" if sampling or not problem.counts_whole else "iid")
    if kind not in CHOICES:
        raise ConfigError(f"vcov must be one of {', '.join(CHOICES)}, cluster:COLUMN, got {kind!r}.")
    if kind == "cluster" and groups is None:
        raise ConfigError(
            f"--vcov cluster needs the groups of the fit, and {run.name} has none; say cluster:COLUMN, or fit with "
            "--group."
        )
    if kind == "iid" and sampling:
        raise ConfigError(
            f"--vcov iid takes errors of one variance, which sampling weights are no statement about ({run.name} has "
            f"{'--class-weights' if problem.class_weights else '--weight-kind sampling'}); use --vcov HC1."
        )
    if kind == "HC3" and problem.absorbed:
        raise ConfigError(f"--vcov HC3 needs leverages, and {run.name} has absorbed fixed effects; use --vcov HC1.")
    if kind == "HC3" and not row.least_squares:
        logit = "a logit" if row.classical == "logit" else "a multinomial logit"
        classes = row.classical == "logit" or row.is_multinomial
        what = logit if classes else f"not (its loss is {row.called})"
        raise ConfigError(f"--vcov HC3 is of least squares, and {run.name} is {what}; use --vcov HC1.")
    return kind, groups


def name_of(run: OpenedRun, kind: str, vcov: str | None) -> str:
    """The name of a covariance, with the column that is clustered by: the one named, else the groups of the fit."""
    return f"{kind}:{column_of(vcov) or run.config().problem_options.group}" if kind == "cluster" else kind


class Design:
    """The rows of a fit that have a weight above 0: z [n, k], y [n], their weights, and which rows go together.

    `absorbed` parameters are estimated beside those of z; singular values below `tolerance` of the largest are 0."""

    def __init__(
        self,
        z: np.ndarray,
        y: np.ndarray,
        meaning: RowWeights | None,
        weights: np.ndarray | None,
        groups: Any,
        absorbed: int = 0,
        tolerance: float = 0.0,
    ):
        used = np.ones(len(z), dtype=bool) if weights is None else weights > 0
        self.z, self.y = z[used], y[used]
        self.weights = np.ones(len(self.z)) if weights is None else weights[used]
        #: how many observations each row stands for
        self.counts = self.weights if meaning is not None and meaning.kind == "frequency" else np.ones(len(self.z))
        self.n = float(self.counts.sum())
        self.tolerance = max(tolerance, max(self.z.shape) * float(np.finfo(np.float64).eps))
        self.rank = int(np.linalg.matrix_rank(self.z, rtol=self.tolerance))
        #: parameters: coefficients that are identified, and fixed effects that count
        self.k = self.rank + absorbed
        self.groups = None if groups is None else np.unique(np.asarray(groups)[used], return_inverse=True)[1]

    @property
    def clusters(self) -> int:
        """How many groups there are."""
        return 0 if self.groups is None else int(self.groups.max()) + 1


def covariance_with(of: Design, w: np.ndarray, kind: str, family: Family, mean: np.ndarray | None = None) -> np.ndarray:
    """The covariance of the weights w [k] of a design; of what is identified where it is singular.

    A row that stands for several counts as often as these; the weight of any other is a factor of its score. Where the
    design is what varies within levels the `mean` [n] is not that of its index, and factors for small samples are those
    of fixest whatever the family: (n - 1) / (n - k) of `iid`.
    """
    within = mean is not None
    mean = family.mean(of.z @ w) if mean is None else mean
    slope, variance = family.slope(mean), family.variance(mean)
    information = np.sqrt(of.weights * slope**2 / variance)
    u, s, vt = np.linalg.svd(information[:, None] * of.z, full_matrices=False)
    kept = s > of.tolerance * s[0]
    u, root = u[:, kept], vt[kept].T / s[kept]
    bread: np.ndarray = root @ root.T
    k, residual = int(kept.sum()) + of.k - of.rank, of.y - mean
    if kind == "iid":
        scale = float(of.weights @ (residual**2 / variance)) / (of.n - k) if family.estimates_scale else 1.0
        return bread * (scale if family.estimates_scale or not within else (of.n - 1) / (of.n - k))
    if kind == "HC3":
        residual = residual / (1 - np.sum(np.square(u), axis=1) / of.counts)
    scores = of.z * (of.weights * residual * slope / variance)[:, None]
    factor = of.n / (of.n - k) if kind == "HC1" and (family.estimates_scale or within) else 1.0
    if kind == "cluster" and of.groups is not None:
        sums = np.zeros((of.clusters, of.z.shape[1]))
        np.add.at(sums, of.groups, scores)
        scores, factor = sums, of.clusters / (of.clusters - 1) * (of.n - 1) / (of.n - k)
    else:
        scores = scores / np.sqrt(of.counts)[:, None]
    half = scores @ bread
    sandwich: np.ndarray = factor * (half.T @ half)
    return sandwich


def degrees_of_freedom(of: Design, kind: str) -> float:
    """The degrees of freedom of Student's distribution."""
    return float(of.clusters - 1 if kind == "cluster" else of.n - of.k)


def covariance_of(
    problem: Tabular, z: np.ndarray, y: np.ndarray, w: np.ndarray, family: Family
) -> tuple[np.ndarray, float | None]:
    """The covariance [k, k] of estimates w of a generalised linear model on the training rows of a problem, with their
    weights, and its degrees of freedom (None: normal): clustered where they have groups, HC1 of sampling weights and
    those of classes, else classical."""
    sample, groups = problem.sample(None, "train"), problem.groups.get("train")
    assert sample is not None  # z and y are of it
    sampling = bool(problem.class_weights) or (problem.weights is not None and problem.weights.kind == "sampling")
    kind = "cluster" if groups is not None else "HC1" if sampling else "iid"
    design = Design(z, y, problem.weights, losses.weights_in(problem, sample), groups)
    freedom = degrees_of_freedom(design, kind) if family.estimates_scale else None
    return covariance_with(design, w, kind, family), freedom


def of_robust(
    of: Design, w: np.ndarray, kind: str, row: losses.Loss, scale: float, place: int = 0
) -> np.ndarray | None:
    """The covariance under Huber's loss, or that of the quantile at a `place`; None where rows have weights that are no
    frequencies, or are too few."""
    if not np.array_equal(of.weights, of.counts):
        return None
    often = of.counts.astype(np.int64)
    z, y = np.repeat(of.z, often, axis=0), np.repeat(of.y, often)
    groups, residual = None if of.groups is None else np.repeat(of.groups, often), y - z @ w
    if row.delta is not None:
        return robust_regression.of_huber(z, residual, row.delta * scale, kind, groups)
    return robust_regression.of_quantile(z, y, residual, row.levels[place], kind, groups)
