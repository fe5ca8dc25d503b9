"""The weights of a linear model of one equation as an estimate, whatever its rows lie in."""

import numpy as np

from econml_cli.data.identified import null_space
from econml_cli.data.stored import is_stored
from econml_cli.evaluation.covariances import Design, covariance_with, degrees_of_freedom, kind_of, name_of, of_robust
from econml_cli.evaluation.linear_estimate import TOO_FEW, Weights, constant_first
from econml_cli.evaluation.opened import OpenedRun
from econml_cli.evaluation.rows_of_fit import design_of, with_rows, without_errors
from econml_cli.evaluation.streamed_covariance import StoredRows, of_stored
from econml_cli.evaluation.within_levels import weights_within
from econml_cli.models.linear import Linear
from econml_cli.problems import losses
from econml_cli.problems.base import Batch
from econml_cli.problems.tabular import Tabular


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
    if why := without_errors(run):
        return None, why
    kind, groups = kind_of(run, problem, vcov)
    if problem.absorbed:
        return weights_within(problem, model, sample, kind, name_of(run, kind, vcov), groups)
    if not is_stored(sample.x):
        return _of_memory(problem, model, sample, kind, name_of(run, kind, vcov), groups)
    kernel, bias = _standardised(model)
    return of_files(problem, sample, np.r_[kernel, bias], kind, name_of(run, kind, vcov), groups)


def _standardised(model: Linear) -> tuple[np.ndarray, list[float]]:
    """The weights of the inputs [p], and the constant where there is one."""
    kernel = np.asarray(model.linear.kernel[...], np.float64)[:, 0]
    return kernel, [] if model.linear.bias is None else [float(np.asarray(model.linear.bias[...], np.float64)[0])]


def _of_memory(
    problem: Tabular, model: Linear, sample: Batch, kind: str, vcov: str, groups: np.ndarray | None
) -> tuple[Weights | None, str | None]:
    """The same of rows that lie in memory and absorb no fixed effects."""
    row, (kernel, bias) = losses.of(problem), _standardised(model)
    z, y = design_of(problem, sample, bool(bias)), np.asarray(sample.y, np.float64)[:, 0]
    w, family = np.r_[bias, kernel], row.family
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
    estimate = w, found, null_space(design.z)
    w, covariance, free = estimate if bias else constant_first(*estimate)
    freedom = degrees_of_freedom(design, kind) if family is None or family.estimates_scale else None
    return Weights(row.classical == "logit", w, covariance, vcov, free, freedom), None


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
    else:
        own, of_file, free = constant_first(own, of_file, free)
    return Weights(False, own, of_file, vcov, free, found.freedom), None
