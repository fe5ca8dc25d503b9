"""The coefficients of a linear model in the units of its file, with standard errors: classical, robust, clustered."""

import copy
import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from flax import nnx

from econml_cli.data.identified import moved, null_space
from econml_cli.data.stored import is_stored
from econml_cli.errors import EconmlError
from econml_cli.evaluation import equations
from econml_cli.evaluation.covariances import Design, covariance_with, degrees_of_freedom, kind_of, name_of, of_robust
from econml_cli.evaluation.opened import OpenedRun
from econml_cli.evaluation.standard_errors import critical, two_sided
from econml_cli.evaluation.streamed_covariance import StoredRows, of_stored
from econml_cli.models import absorbed_poisson
from econml_cli.models.absorbed_poisson import COLLINEAR
from econml_cli.models.base import Model
from econml_cli.models.linear import Linear
from econml_cli.problems import losses, tabular_units
from econml_cli.problems.base import Batch, Problem
from econml_cli.problems.families import GAUSSIAN, Family
from econml_cli.problems.per_row import named
from econml_cli.problems.tabular import Tabular
from econml_cli.runs import caveats

INTERCEPT = "Intercept"
TOO_FEW = "standard errors under this loss need more rows, and rows that all weigh the same (or frequencies)"


@dataclass(frozen=True)
class Weights:
    """The weights of a linear model of standardised inputs, of the outcome in its own units, as an estimate.

    Attributes:
        logit: whether the outcome is the log odds of a class. w: of the constant (first) and of the inputs, [1 + p];
            without a constant the first is 0. covariance: of them, [1 + p, 1 + p]; 0 of what is not there. vcov: which.
        free: directions [1 + p, d] in which w can be moved without changing a fitted value. freedom: of Student's
            distribution; None: the normal one. within: of counts with fixed effects, what their errors are of.
    """

    logit: bool
    w: np.ndarray
    covariance: np.ndarray
    vcov: str
    free: np.ndarray
    freedom: float | None
    within: "WithinLevels | None" = None

    def critical(self) -> float:
        """The 97.5 % quantile of its distribution."""
        return critical(self.freedom)


@dataclass(frozen=True)
class Coefficients:
    """Coefficients by name, in the units of the file.

    Attributes:
        values: NaN where there is no estimate. errors: standard errors, {} where there are none; see `why`.
        vcov: which ones they are. freedom: as of `Weights`. converged: whether the fit has come to its end.
        absorbed: how many levels each fixed effect has, {} where there is none.
        equations: {equation: what it is of}, in words, of a model that has several; names begin with it.
        explained: what a single equation is of, in words, where that is not the target itself; else "".
    """

    values: dict[str, float]
    errors: dict[str, float] = field(default_factory=dict)
    vcov: str | None = None
    freedom: float | None = None
    converged: bool = True
    why: str | None = None
    absorbed: dict[str, int] = field(default_factory=dict)
    equations: dict[str, str] = field(default_factory=dict)
    explained: str = ""

    def parts(self) -> list[tuple[str, dict[str, str]]]:
        """Of each equation what it is of, and its coefficients {name: column}; ("", all of them) where there is one."""
        if not self.equations:
            return [("", {name: name for name in self.values})]
        names, size = list(self.values), len(self.values) // len(self.equations)
        return [  # by place: a class may be called as another one begins
            (words, {name: name[len(f"{label}: ") :] for name in names[i * size : (i + 1) * size]})
            for i, (label, words) in enumerate(self.equations.items())
        ]

    def statistic(self, name: str) -> float:
        """The coefficient over its standard error; NaN where either is not there, or the error is 0."""
        error = self.errors.get(name, float("nan"))
        return self.values[name] / error if error > 0 else float("nan")

    def p_value(self, name: str) -> float:
        """The two-sided p-value of the coefficient being 0."""
        return two_sided(self.statistic(name), self.freedom)


def coefficients(run: OpenedRun, problem: Problem, model: Model, vcov: str | None = None) -> Coefficients | None:
    """Those of the linear model of a run; None for other models and problems. Of several equations (`Several`) those of
    each, named "equation: column".

    Standard errors are of the rows of the fit, whatever it is evaluated on: there are none of a run whose data file is
    gone or has changed, nor of a fit that has not converged.

    Args:
        problem: as of its samples. vcov: None: "cluster" where the fit has groups, "HC1" where its weights are of
            sampling or of classes, or its counts are no whole numbers, else "iid".

    Raises:
        ConfigError: there is no such standard error of this fit. DataError: its rows cannot be clustered so.
    """
    if run.config().model != "linear" or not isinstance(model, Linear) or not isinstance(problem, Tabular):
        return None
    linear = model.linear
    if linear.kernel.shape[1] > 1:
        row = losses.of(problem)
        several = row.is_multinomial or row.is_normal or bool(row.levels)
        return _of_several(run, problem, linear, vcov) if several else None
    kernel = np.asarray(linear.kernel[...], np.float64)[:, 0]
    bias = 0.0 if linear.bias is None else float(np.asarray(linear.bias[...], np.float64)[0])
    values, summary = problem.unstandardise(kernel, bias), run.summary()
    none = caveats.unidentified(summary)
    converged = not summary.get("not_converged")
    estimates = {name: np.nan if name in none else b for name, b in values.items()}
    found = Coefficients(
        estimates,
        converged=converged,
        absorbed=problem.fixed_effects,
        explained=tabular_units.explained(problem.learnt, losses.of(problem)),
    )
    if not converged:
        return found
    estimate, why = weights_of(run, problem, model, vcov)
    if estimate is None:
        return dataclasses.replace(found, why=why)
    rows = _in_units(problem)
    variances = np.einsum("ij,jk,ik->i", rows, estimate.covariance, rows)
    free = moved(estimate.free, rows)
    errors = np.where(free | np.isnan(list(found.values.values())), np.nan, np.sqrt(np.clip(variances, 0, None)))
    return dataclasses.replace(
        found,
        values={name: np.nan if lost else b for (name, b), lost in zip(found.values.items(), free, strict=True)},
        errors=dict(zip(values, errors.tolist(), strict=True)),
        vcov=estimate.vcov, freedom=estimate.freedom,
    )  # fmt: skip


def _in_units(problem: Tabular) -> np.ndarray:
    """What makes coefficients in the units of the file of the weights of the constant and of standardised inputs,
    [1 + p or p, 1 + p]."""
    scale, mean = np.asarray(problem.features.scale), np.asarray(problem.features.mean)
    if problem.fits_constant:
        return np.eye(0 if problem.absorbed else 1, 1 + len(scale))
    rows = np.column_stack([np.zeros(len(scale)), np.diag(1 / scale)])
    return np.vstack([np.r_[1.0, -mean / scale], rows]) if problem.constant and not problem.absorbed else rows


@dataclass(frozen=True)
class Several:
    """The weights of a linear model of several equations (classes, quantiles, a mean and a log variance).

    Attributes:
        labels: {equation: what it is of}, in words. w: of the constant (first) and of the standardised inputs, [1 + p,
            m], of an outcome in its own units; without a constant the first is 0.
        covariances: of those of each equation, [m, 1 + p, 1 + p]; None where there is none, and `why`. vcov: which.
        whole: of those of all equations together, those of the first one first, [m (1 + p), m (1 + p)]; None of
            quantiles.
        free: as of `Weights`.
    """

    labels: dict[str, str]
    w: np.ndarray
    covariances: np.ndarray | None = None
    whole: np.ndarray | None = None
    vcov: str | None = None
    free: np.ndarray | None = None
    why: str | None = None


def several_of(run: OpenedRun, problem: Tabular, linear: nnx.Linear, vcov: str | None) -> Several:
    """The equations of a linear model that has more than one. Those of classes are log odds against the first class.

    The covariances are those of statsmodels' MNLogit, of QuantReg for each quantile, and of the maximum likelihood of a
    normal distribution (the inverse Hessian; `HC1` the sandwich, `cluster` that of sums over groups).

    Raises:
        ConfigError, DataError: as `coefficients`.
    """
    row = losses.of(problem)
    found = _equations(problem, linear)
    constant = linear.bias is not None
    problem, why = with_rows(run, problem)
    sample = problem.sample(None, "train")
    if why := why or _without_errors(run) or ("not converged" if run.summary().get("not_converged") else ""):
        return dataclasses.replace(found, why=why)
    assert sample is not None
    kind, groups = kind_of(run, problem, vcov)
    x = np.asarray(sample.x, np.float64)[:, : len(problem.features.names)]
    z = np.column_stack([np.ones(len(x)), x]) if constant else x
    y = np.asarray(sample.y, np.float64).reshape(len(x))
    if not row.classifies:
        y = y * problem.target_scale + problem.target_mean
    design = Design(z, y, problem.weights, losses.weights_in(problem, sample), groups)
    m, w = found.w.shape[1], found.w if constant else found.w[1:]
    if design.n <= design.rank * m:
        return dataclasses.replace(found, why="there are no more rows than coefficients")
    groups = design.groups if kind == "cluster" else None
    whole: np.ndarray | None = None
    if row.levels:
        each = [of_robust(design, w[:, j], kind, row, problem.target_scale, j) for j in range(m)]
        if any(one is None for one in each):
            return dataclasses.replace(found, why=TOO_FEW)
        blocks = np.stack([one for one in each if one is not None])
    else:
        rows = (equations.of_classes if row.classifies else equations.of_normal)(design.z, design.y, w)
        whole = equations.covariance(design.z, rows, design.weights, design.counts, robust=kind == "HC1", groups=groups)
        k = len(w)
        if not constant:  # the place of one that is not there
            apart = np.pad(whole.reshape(m, k, m, k), ((0, 0), (1, 0), (0, 0), (1, 0)))
            whole, k = apart.reshape(m * (1 + k), m * (1 + k)), 1 + k
        blocks = np.stack([whole[j * k : (j + 1) * k, j * k : (j + 1) * k] for j in range(m)])
    free = null_space(design.z)
    if not constant:  # the same
        blocks = np.pad(blocks, ((0, 0), (1, 0), (1, 0))) if row.levels else blocks
        free = np.pad(free, ((1, 0), (0, 0)))
    return dataclasses.replace(found, covariances=blocks, whole=whole, vcov=name_of(run, kind, vcov), free=free)


def _equations(problem: Tabular, linear: nnx.Linear) -> Several:
    """The equations without standard errors."""
    row, kernel = losses.of(problem), np.asarray(linear.kernel[...], np.float64)[: len(problem.features.names)]
    bias = np.zeros(kernel.shape[1]) if linear.bias is None else np.asarray(linear.bias[...], np.float64)
    w, constant = np.vstack([bias, kernel]), float(linear.bias is not None)
    scale, mean, target = problem.target_scale, problem.target_mean, problem.describe()["target"]
    if row.classifies:
        classes = list(problem.classes or [])
        labels = {str(c): f"log odds of {c} against {classes[0]}" for c in classes[1:]}
        return Several(labels, w[:, 1:] - w[:, :1])
    if row.is_normal:
        shift = np.zeros_like(w)
        shift[0] = mean * constant, 2 * np.log(scale) * constant
        labels = {"mean": f"mean of {target}", "log variance": f"log variance of {target}"}
        return Several(labels, w * np.array([scale, 1.0]) + shift)
    shift = np.zeros_like(w)
    shift[0] = mean * constant
    return Several({named(q): f"{named(q)} of {target}" for q in row.levels}, w * scale + shift)


def _of_several(run: OpenedRun, problem: Tabular, linear: nnx.Linear, vcov: str | None) -> Coefficients:
    """The coefficients of a linear model of several equations, named "equation: column"."""
    estimate = several_of(run, problem, linear, vcov)
    columns, rows, none = list(problem.unstandardise(estimate.w[1:, 0], 0.0)), _in_units(problem), set[str]()
    none |= set(caveats.unidentified(run.summary()))
    free = np.zeros(len(rows), dtype=bool) if estimate.free is None else moved(estimate.free, rows)
    values, errors = dict[str, float](), dict[str, float]()
    for j, label in enumerate(estimate.labels):
        for column, b, lost in zip(columns, (rows @ estimate.w[:, j]).tolist(), free, strict=True):
            values[f"{label}: {column}"] = np.nan if lost or column in none else b
        if estimate.covariances is not None:
            variances = np.einsum("ij,jk,ik->i", rows, estimate.covariances[j], rows)
            found = np.where(free, np.nan, np.sqrt(np.clip(variances, 0, None))).tolist()
            errors |= {f"{label}: {c}": np.nan if c in none else e for c, e in zip(columns, found, strict=True)}
    return Coefficients(
        values, errors, estimate.vcov, converged=not run.summary().get("not_converged"), why=estimate.why,
        equations=estimate.labels,
    )  # fmt: skip


def with_rows(run: OpenedRun, problem: Tabular) -> tuple[Tabular, str]:
    """The problem of a run with the rows of its fit, also where the run is evaluated on others; or the one given, and
    why it has none."""
    if problem.sample(None, "train") is not None:
        return problem, ""
    try:
        own = run.own_samples().problem
    except EconmlError:  # the file is gone, or has changed
        return problem, "without standard errors: the data file of the fit is not there as it was"
    assert isinstance(own, Tabular)  # as the one of new rows
    return own, ""


def _without_errors(run: OpenedRun) -> str:
    """Why coefficients have no standard errors, whatever the loss; "" where they have."""
    if run.config().trainer.weight_decay > 0:
        return "--weight-decay shrinks the coefficients, which have no standard errors then"
    return (
        "rows are separated (classes, or zeros), so that the estimate is infinite"
        if run.summary().get("separated")
        else ""
    )


def weights_of(
    run: OpenedRun, problem: Tabular, model: Linear, vcov: str | None = None
) -> tuple[Weights | None, str | None]:
    """The weights of a linear model with their covariance, or why there is none.

    The covariances are those of statsmodels: `iid` s^2 (Z'Z)^-1 of least squares, the inverse Hessian of a logit; `HC1`
    the sandwich times n / (n - k) (of a logit the sandwich itself), `HC3` with residuals over 1 - leverage (of least
    squares alone), `cluster` that of sums over groups times G / (G - 1) (n - 1) / (n - k).

    `cluster:COLUMN` is the same by another column of the file of the fit.

    Raises:
        ConfigError, DataError: as `coefficients`.

    Source: MacKinnon and White (1985), Journal of Econometrics 29; Cameron and Miller (2015), Journal of Human
    Resources 50.
    """
    row = losses.of(problem)
    family = row.family
    robust = row.delta is not None or len(row.levels) == 1
    if family is None and not robust:
        return None, "the loss has no standard errors"
    problem, why = with_rows(run, problem)
    sample = problem.sample(None, "train")
    if sample is None:
        return None, why
    if why := _without_errors(run):
        return None, why
    kind, groups = kind_of(run, problem, vcov)
    if problem.absorbed:
        return _within_levels(problem, model, sample, kind, name_of(run, kind, vcov), groups)
    kernel = np.asarray(model.linear.kernel[...], np.float64)[:, 0]
    bias = [] if model.linear.bias is None else [float(np.asarray(model.linear.bias[...], np.float64)[0])]
    if is_stored(sample.x):
        return of_files(problem, sample, np.r_[kernel, bias], kind, name_of(run, kind, vcov), groups)
    x = np.asarray(sample.x, np.float64)[:, : len(problem.features.names)]
    z = np.column_stack([np.ones(len(x)), x]) if bias else x
    w, y = np.r_[bias, kernel], np.asarray(sample.y, np.float64)[:, 0]
    scale, shift = problem.target_scale, problem.target_mean
    if row.by_mean:  # the log of the mean: the scale of the target is a shift of the constant
        y, scale, shift = y * scale, 1.0, float(np.log(scale)) if bias else 0.0
    w = w * scale + np.r_[shift, np.zeros(len(w) - 1)] if bias else w * scale
    y = y * scale + shift * (not row.by_mean)
    design = Design(z, y, problem.weights, losses.weights_in(problem, sample), groups)
    if design.n <= design.rank:
        return None, "there are no more rows than coefficients"
    found = covariance_with(design, w, kind, family) if family is not None else of_robust(design, w, kind, row, scale)
    if found is None:
        return None, TOO_FEW
    covariance, free = found, null_space(design.z)
    if not bias:  # the place of a constant that is not there
        w, covariance, free = np.r_[0.0, w], np.pad(covariance, ((1, 0), (1, 0))), np.pad(free, ((1, 0), (0, 0)))
    freedom = degrees_of_freedom(design, kind) if family is None or family.estimates_scale else None
    return Weights(row.classical == "logit", w, covariance, name_of(run, kind, vcov), free, freedom), None


def of_files(
    problem: Tabular, sample: Batch, w: np.ndarray, kind: str, vcov: str, groups: np.ndarray | None = None
) -> tuple[Weights | None, str | None]:
    """Weights w [k] of standardised inputs, the constant last where there is one, of a model fitted by squared error to
    rows that lie in files; or why they have no covariance."""
    constant, scale = len(w) > sample.x.shape[1], problem.target_scale
    codes = None if groups is None else np.unique(groups, return_inverse=True)[1]
    found = of_stored(StoredRows(sample.x, sample.y, constant, codes), w, kind)
    if found is None:
        return None, "there are no more rows than coefficients"
    order = np.r_[len(w) - 1, : len(w) - 1] if constant else np.arange(len(w))  # the constant is the first here
    own, of_file, free = (w * scale)[order], found.matrix[np.ix_(order, order)] * scale**2, found.free[order]
    if constant:
        own[0] += problem.target_mean
    else:  # the place of one that is not there
        own, of_file, free = np.r_[0.0, own], np.pad(of_file, ((1, 0), (1, 0))), np.pad(free, ((1, 0), (0, 0)))
    return Weights(False, own, of_file, vcov, free, found.freedom), None


def _within_levels(
    problem: Tabular, model: Linear, sample: Batch, kind: str, vcov: str, groups: Any
) -> tuple[Weights | None, str | None]:
    """The slopes of a model with fixed effects, whose rows are what varies within the levels: under the Poisson
    likelihood with weights times the mean. Degrees of freedom are counted as fixest does: all levels of all fixed
    effects, less one for each but the first; with clusters those of fixed effects that lie within the clusters count as
    one each.

    Source: Berge (2018), "Efficient estimation of maximum likelihood models with multiple fixed-effects: the R package
    FENmlm", CREA discussion paper 13, and the vignette of fixest on standard errors; Correia, Guimaraes and Zylkin
    (2020), Stata Journal 20, 95-115.
    """
    weights = None if sample.w is None else np.asarray(sample.w, np.float64)
    family, scale = losses.of(problem).family, problem.target_scale
    assert family is not None  # of a loss that absorbs
    kernel, y = np.asarray(model.linear.kernel[...], np.float64)[:, 0], np.asarray(sample.y, np.float64) * scale
    mean: np.ndarray | None = None
    if family is GAUSSIAN:
        z, levels = model.within(sample.x, weights)
        w, y = kernel * scale, levels.within(y)
    else:
        mean = family.mean(model.index(sample.x)) * scale
        rows, q = np.asarray(sample.x, np.float64), len(model.absorbed)
        z, levels = absorbed_poisson.within(rows[:, :-q], rows[:, -q:], model.absorbed, mean, weights)
        w = kernel
    counts = levels.levels
    absorbed = sum(counts) - (len(counts) - 1)
    if kind == "cluster":
        used = slice(None) if weights is None else weights > 0
        within = [_lies_within(levels.codes[used, j], groups[used]) for j in range(len(counts))]
        absorbed -= sum(count - 1 for count, one in zip(counts, within, strict=True) if one)
    design = Design(z, y[:, 0], problem.weights, weights, groups, absorbed, COLLINEAR)
    if design.n <= design.k:
        return None, "there are no more rows than coefficients and fixed effects"
    used = slice(None) if weights is None else weights > 0
    covariance = covariance_with(design, w, kind, family, None if mean is None else mean[used])
    free, of_counts = null_space(design.z, COLLINEAR), None
    if mean is not None:
        of_counts = WithinLevels(np.asarray(sample.x, np.float64)[used], w, free, design, kind, family, mean[used])
    w, covariance, free = np.r_[0.0, w], np.pad(covariance, ((1, 0), (1, 0))), np.pad(free, ((1, 0), (0, 0)))
    freedom = degrees_of_freedom(design, kind) if family.estimates_scale else None
    return Weights(False, w, covariance, vcov, free, freedom, of_counts), None


@dataclass(frozen=True)
class WithinLevels:
    """The rows of a fit of counts with fixed effects, and the covariance that its slopes have.

    Attributes:
        x: the rows that have a weight above 0, [n, k + q], the last q columns the codes of levels. slopes: [k]. free:
            directions [k, d] in which they can be moved without changing a fitted value. mean: of each row, [n].
    """

    x: np.ndarray
    slopes: np.ndarray
    free: np.ndarray
    design: Design
    kind: str
    family: Family
    mean: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        """Of the rows in the information of the likelihood, [n]."""
        return np.asarray(self.design.weights * self.mean)

    def error(self, gradient: np.ndarray, v: np.ndarray) -> float:
        """The standard error of a function of slopes and effects of levels: `gradient` [k] is its derivative by the
        slopes where the effects of levels give way, v [n] what the residual of a row moves it by through the levels."""
        total, size = float(self.weights.sum()), float(self.weights @ np.square(v))
        of, along = copy.copy(self.design), gradient
        if size > 0:  # a column of the length of the others, whose coefficient is estimated beside theirs
            of.z, along = np.column_stack([of.z, v * np.sqrt(total / size)]), np.r_[gradient, np.sqrt(total * size)]
            of.rank += 1  # one of the levels, which are counted: no parameter more
        # which asks the mean, not the slopes
        covariance = covariance_with(of, along, self.kind, self.family, self.mean)
        return float(np.sqrt(max(along @ covariance @ along, 0.0)))


def _lies_within(codes: np.ndarray, groups: np.ndarray) -> bool:
    """Whether all rows of each level are of one group."""
    pairs = np.unique(np.column_stack([codes, groups]), axis=0)
    return len(pairs) == len(np.unique(codes))
