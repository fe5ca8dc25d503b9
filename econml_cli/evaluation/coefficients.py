"""The coefficients of a linear model in the units of its file, with standard errors: classical, robust, clustered."""

import dataclasses
from dataclasses import dataclass, field

import numpy as np
from flax import nnx

from econml_cli.data.identified import moved
from econml_cli.evaluation.linear_estimate import Weights
from econml_cli.evaluation.linear_weights import weights_of
from econml_cli.evaluation.opened import OpenedRun
from econml_cli.evaluation.several_equations import several_of
from econml_cli.evaluation.standard_errors import two_sided
from econml_cli.models.base import Model
from econml_cli.models.linear import Linear
from econml_cli.problems import losses, tabular_units
from econml_cli.problems.base import Problem
from econml_cli.problems.tabular import Tabular
from econml_cli.runs import caveats

INTERCEPT = "Intercept"


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
    return dataclasses.replace(found, why=why) if estimate is None else _with_errors(found, problem, estimate)


def _with_errors(found: Coefficients, problem: Tabular, estimate: Weights) -> Coefficients:
    """Coefficients with the standard errors that their weights have; NaN of those that are not identified."""
    rows = _in_units(problem)
    variances = np.einsum("ij,jk,ik->i", rows, estimate.covariance, rows)
    free = moved(estimate.free, rows)
    errors = np.where(free | np.isnan(list(found.values.values())), np.nan, np.sqrt(np.clip(variances, 0, None)))
    return dataclasses.replace(
        found,
        values={name: np.nan if lost else b for (name, b), lost in zip(found.values.items(), free, strict=True)},
        errors=dict(zip(found.values, errors.tolist(), strict=True)),
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
