"""The coefficients of a linear model in the units of its file, with standard errors: classical, robust, clustered."""

import dataclasses
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from flax import nnx

from econml_cli.data.identified import moved, null_space
from econml_cli.errors import ConfigError
from econml_cli.evaluation import multinomial
from econml_cli.evaluation.opened import OpenedRun
from econml_cli.evaluation.standard_errors import critical, two_sided
from econml_cli.models.base import Model
from econml_cli.models.linear import Linear
from econml_cli.problems import losses
from econml_cli.problems.base import Batch, Problem
from econml_cli.problems.tabular import Tabular
from econml_cli.runs import caveats

Vcov = Literal["iid", "HC1", "HC3", "cluster"]
CHOICES = ("iid", "HC1", "HC3", "cluster")
INTERCEPT = "Intercept"


@dataclass(frozen=True)
class Weights:
    """The weights of a linear model of standardised inputs, of the outcome in its own units, as an estimate.

    Attributes:
        logit: whether the outcome is the log odds of a class. w: of the constant (first) and of the inputs, [1 + p];
            without a constant the first is 0. covariance: of them, [1 + p, 1 + p]; 0 of what is not there. vcov: which.
        free: directions [1 + p, d] in which w can be moved without changing a fitted value. freedom: of Student's
            distribution; None: the normal one.
    """

    logit: bool
    w: np.ndarray
    covariance: np.ndarray
    vcov: str
    free: np.ndarray
    freedom: float | None

    def critical(self) -> float:
        """The 97.5 % quantile of its distribution."""
        return critical(self.freedom)


@dataclass(frozen=True)
class Coefficients:
    """Coefficients by name, in the units of the file.

    Attributes:
        values: NaN where there is no estimate. errors: standard errors, {} where there are none; see `why`.
        vcov: which ones they are. freedom: as of `Weights`. converged: whether the fit has come to its end.
    """

    values: dict[str, float]
    errors: dict[str, float] = field(default_factory=dict)
    vcov: str | None = None
    freedom: float | None = None
    converged: bool = True
    why: str | None = None

    def statistic(self, name: str) -> float:
        """The coefficient over its standard error; NaN where either is not there, or the error is 0."""
        error = self.errors.get(name, float("nan"))
        return self.values[name] / error if error > 0 else float("nan")

    def p_value(self, name: str) -> float:
        """The two-sided p-value of the coefficient being 0."""
        return two_sided(self.statistic(name), self.freedom)


def coefficients(run: OpenedRun, problem: Problem, model: Model, vcov: str | None = None) -> Coefficients | None:
    """Those of the linear model of a run; None for other models and problems. Of several classes those of each against
    the first, named "class: column".

    Standard errors are of the rows of the fit: there are none of a run whose rows are not there (`--data`), nor of a
    fit that has not converged.

    Args:
        problem: as of its samples. vcov: None: "cluster" where the fit has groups, else "iid".

    Raises:
        ConfigError: there is no such standard error of this fit.
    """
    if run.config().model != "linear" or not isinstance(model, Linear) or not isinstance(problem, Tabular):
        return None
    linear = model.linear
    if linear.kernel.shape[1] > 1:
        return _of_classes(run, problem, linear, vcov) if losses.of(problem).per_row is losses.cross_entropy else None
    kernel = np.asarray(linear.kernel[...], np.float64)[:, 0]
    bias = 0.0 if linear.bias is None else float(np.asarray(linear.bias[...], np.float64)[0])
    values, summary = problem.unstandardise(kernel, bias), run.summary()
    none = caveats.unidentified(summary)
    converged = not summary.get("not_converged")
    found = Coefficients({name: np.nan if name in none else b for name, b in values.items()}, converged=converged)
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
    rows = np.column_stack([np.zeros(len(scale)), np.diag(1 / scale)])
    return np.vstack([np.r_[1.0, -mean / scale], rows]) if problem.constant else rows


def _of_classes(run: OpenedRun, problem: Tabular, linear: nnx.Linear, vcov: str | None) -> Coefficients:
    """The coefficients of a multinomial logit, with the standard errors of statsmodels' MNLogit."""
    kernel = np.asarray(linear.kernel[...], np.float64)
    bias = np.zeros(kernel.shape[1]) if linear.bias is None else np.asarray(linear.bias[...], np.float64)
    values, none = dict[str, float](), caveats.unidentified(run.summary())
    for j, name in enumerate((problem.classes or ())[1:], start=1):
        of = problem.unstandardise(kernel[:, j] - kernel[:, 0], bias[j] - bias[0])
        values |= {f"{name}: {column}": np.nan if column in none else b for column, b in of.items()}
    found = Coefficients(values, converged=not run.summary().get("not_converged"))
    sample, groups = problem.sample(None, "train"), problem.groups.get("train")
    kind = vcov or ("cluster" if groups is not None else "iid")
    if kind == "cluster" and groups is None:
        raise ConfigError(f"--vcov cluster needs the groups of the fit, and {run.name} has none; fit with --group.")
    if kind == "HC3":
        raise ConfigError(f"--vcov HC3 is of least squares, and {run.name} is a multinomial logit; use --vcov HC1.")
    if why := _without_errors(run, sample) or ("" if found.converged else "not converged"):
        return dataclasses.replace(found, why=why)
    assert sample is not None
    x, y = np.asarray(sample.x, np.float64), np.asarray(sample.y)
    z, w = (x, kernel) if linear.bias is None else (np.column_stack([np.ones(len(x)), x]), np.vstack([bias, kernel]))
    if len(z) <= np.linalg.matrix_rank(z) * (w.shape[1] - 1):
        return dataclasses.replace(found, why="there are no more rows than coefficients")
    all_of = multinomial.covariance(z, y, w, robust=kind == "HC1", groups=groups if kind == "cluster" else None)
    rows = _in_units(problem)[:, len(z.T) == len(x.T) :]
    free, blocks = moved(null_space(z), rows), np.split(np.arange(len(all_of)), w.shape[1] - 1)
    variances = np.r_[tuple(np.einsum("ij,jk,ik->i", rows, all_of[np.ix_(b, b)], rows) for b in blocks)]
    lost = np.tile(free, len(blocks)) | np.isnan(list(values.values()))
    errors = np.where(lost, np.nan, np.sqrt(np.clip(variances, 0, None)))
    values = {name: np.nan if gone else b for (name, b), gone in zip(values.items(), lost, strict=True)}
    return dataclasses.replace(found, values=values, errors=dict(zip(values, errors.tolist(), strict=True)), vcov=kind)


def _without_errors(run: OpenedRun, sample: Batch | None) -> str:
    """Why the coefficients of classes have no standard errors; "" where they have."""
    if sample is None:
        return "standard errors are of the rows of the fit, not of those of --data"
    if sample.w is not None:
        return "standard errors of classes are of rows that all weigh the same"
    if run.config().trainer.weight_decay > 0:
        return "--weight-decay shrinks the coefficients, which have no standard errors then"
    return "the classes are separated, so that the estimate is infinite" if run.summary().get("separated") else ""


def weights_of(
    run: OpenedRun, problem: Tabular, model: Linear, vcov: str | None = None
) -> tuple[Weights | None, str | None]:
    """The weights of a linear model with their covariance, or why there is none.

    The covariances are those of statsmodels: `iid` s^2 (Z'Z)^-1 of least squares, the inverse Hessian of a logit; `HC1`
    the sandwich times n / (n - k) (of a logit the sandwich itself), `HC3` with residuals over 1 - leverage (of least
    squares alone), `cluster` that of sums over groups times G / (G - 1) (n - 1) / (n - k).

    Raises:
        ConfigError: as `coefficients`.

    Source: MacKinnon and White (1985), Journal of Econometrics 29; Cameron and Miller (2015), Journal of Human
    Resources 50.
    """
    row = losses.of(problem)
    sample = problem.sample(None, "train")
    if row.classical is None:
        return None, "the loss has no standard errors"
    if sample is None:
        return None, "standard errors are of the rows of the fit, not of those of --data"
    if run.config().trainer.weight_decay > 0:
        return None, "--weight-decay shrinks the coefficients, which have no standard errors then"
    if run.summary().get("separated"):
        return None, "the classes are separated, so that the estimate is infinite"
    groups = problem.groups.get("train")
    kind = vcov or ("cluster" if groups is not None else "iid")
    if kind == "cluster" and groups is None:
        raise ConfigError(f"--vcov cluster needs the groups of the fit, and {run.name} has none; fit with --group.")
    logit = row.classical == "logit"
    if kind == "HC3" and logit:
        raise ConfigError(f"--vcov HC3 is of least squares, and {run.name} is a logit; use --vcov HC1.")
    x = np.asarray(sample.x, np.float64)
    z = np.column_stack([np.ones(len(x)), x]) if model.linear.bias is not None else x
    kernel = np.asarray(model.linear.kernel[...], np.float64)[:, 0]
    bias = [] if model.linear.bias is None else [float(np.asarray(model.linear.bias[...], np.float64)[0])]
    w, y = np.r_[bias, kernel], np.asarray(sample.y, np.float64)[:, 0]
    if len(z) <= np.linalg.matrix_rank(z):
        return None, "there are no more rows than coefficients"
    covariance, free = _covariance(z, y, w, kind, groups, logit=logit), null_space(z)
    scale = problem.target_scale
    if not bias:  # the place of a constant that is not there
        w, covariance, free = np.r_[0.0, w], np.pad(covariance, ((1, 0), (1, 0))), np.pad(free, ((1, 0), (0, 0)))
    w = w * scale + np.r_[problem.target_mean, np.zeros(len(w) - 1)]
    freedom: float | None = None
    if not logit:
        freedom = float(
            len(z) - np.linalg.matrix_rank(z) if kind != "cluster" or groups is None else len(np.unique(groups)) - 1
        )
    return Weights(logit, w, covariance * scale**2, kind, free, freedom), None


def _covariance(
    z: np.ndarray, y: np.ndarray, w: np.ndarray, kind: str, groups: np.ndarray | None, *, logit: bool
) -> np.ndarray:
    """The covariance of the weights w [k] of a design z [n, k]; of what is identified where it is singular."""
    from scipy.special import expit

    n, index = len(z), z @ w
    mean = expit(index) if logit else index
    weight = np.sqrt(mean * (1 - mean)) if logit else np.ones(n)
    u, s, vt = np.linalg.svd(weight[:, None] * z, full_matrices=False)
    kept = s > max(z.shape) * np.finfo(np.float64).eps * s[0]
    u, root = u[:, kept], vt[kept].T / s[kept]
    bread: np.ndarray = root @ root.T
    k, residual = int(kept.sum()), y - mean
    if kind == "iid":
        return bread if logit else bread * float(residual @ residual) / (n - k)
    if kind == "HC3":
        residual = residual / (1 - np.sum(np.square(u), axis=1))
    scores = z * residual[:, None]
    factor = n / (n - k) if kind == "HC1" and not logit else 1.0
    if kind == "cluster" and groups is not None:
        _, number = np.unique(groups, return_inverse=True)
        sums = np.zeros((number.max() + 1, z.shape[1]))
        np.add.at(sums, number, scores)
        scores, factor = sums, len(sums) / (len(sums) - 1) * (n - 1) / (n - k)
    half = scores @ bread
    sandwich: np.ndarray = factor * (half.T @ half)
    return sandwich
