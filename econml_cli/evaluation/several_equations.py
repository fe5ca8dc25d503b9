"""The weights of a linear model of several equations (classes, quantiles, a mean and a log variance) as an estimate."""

import dataclasses
from dataclasses import dataclass

import numpy as np
from flax import nnx

from econml_cli.data.identified import null_space
from econml_cli.evaluation import equations
from econml_cli.evaluation.covariances import Design, kind_of, name_of, of_robust
from econml_cli.evaluation.linear_estimate import TOO_FEW
from econml_cli.evaluation.opened import OpenedRun
from econml_cli.evaluation.rows_of_fit import design_of, with_rows, without_errors
from econml_cli.problems import losses
from econml_cli.problems.losses import Loss
from econml_cli.problems.per_row import named
from econml_cli.problems.tabular import Tabular


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
    if why := why or without_errors(run) or ("not converged" if run.summary().get("not_converged") else ""):
        return dataclasses.replace(found, why=why)
    assert sample is not None
    kind, groups = kind_of(run, problem, vcov)
    z, y = design_of(problem, sample, constant), np.asarray(sample.y, np.float64).reshape(len(sample.y))
    if not row.classifies:
        y = y * problem.target_scale + problem.target_mean
    design = Design(z, y, problem.weights, losses.weights_in(problem, sample), groups)
    w = found.w if constant else found.w[1:]
    if design.n <= design.rank * w.shape[1]:
        return dataclasses.replace(found, why="there are no more rows than coefficients")
    whole, blocks = None, None
    if row.levels:
        blocks = _of_quantiles(design, w, kind, row, problem.target_scale)
    else:
        whole = _of_all(design, w, kind, row)
        blocks = np.stack([whole[j : j + len(w), j : j + len(w)] for j in range(0, len(whole), len(w))])
    if blocks is None:
        return dataclasses.replace(found, why=TOO_FEW)
    free = null_space(design.z)
    if not constant:  # the place of one that is not there
        whole = None if whole is None else _constants_first(whole, len(w))
        blocks, free = np.pad(blocks, ((0, 0), (1, 0), (1, 0))), np.pad(free, ((1, 0), (0, 0)))
    return dataclasses.replace(found, covariances=blocks, whole=whole, vcov=name_of(run, kind, vcov), free=free)


def _of_quantiles(design: Design, w: np.ndarray, kind: str, row: Loss, scale: float) -> np.ndarray | None:
    """The covariance of the weights w [k, m] of each quantile, [m, k, k]; None where there are too few rows."""
    each = [of_robust(design, w[:, j], kind, row, scale, j) for j in range(w.shape[1])]
    found = [one for one in each if one is not None]
    return np.stack(found) if len(found) == len(each) else None


def _of_all(design: Design, w: np.ndarray, kind: str, row: Loss) -> np.ndarray:
    """The covariance of the weights w [k, m] of all equations together, those of the first one first, [m k, m k]."""
    rows = (equations.of_classes if row.classifies else equations.of_normal)(design.z, design.y, w)
    groups = design.groups if kind == "cluster" else None
    return equations.covariance(design.z, rows, design.weights, design.counts, robust=kind == "HC1", groups=groups)


def _constants_first(whole: np.ndarray, k: int) -> np.ndarray:
    """A covariance [m k, m k] of equations without constants, with 0 in the places of these, [m (1 + k), m (1 + k)]."""
    m = len(whole) // k
    apart = np.pad(whole.reshape(m, k, m, k), ((0, 0), (1, 0), (0, 0), (1, 0)))
    return apart.reshape(m * (1 + k), m * (1 + k))


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
