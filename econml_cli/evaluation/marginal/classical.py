"""Ordinary least squares, or a logit, on the inputs of a model: its effects with classical standard errors."""

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from econml_cli.data.identified import moved, null_space
from econml_cli.data.stored import is_stored
from econml_cli.data.triangle import design_blocks, free_directions, squared_rows, triangle
from econml_cli.evaluation.covariances import covariance_of
from econml_cli.evaluation.estimate import Estimate
from econml_cli.evaluation.linear_weights import of_files, weights_of
from econml_cli.evaluation.marginal.classes import Multinomial
from econml_cli.evaluation.marginal.columns import Sample
from econml_cli.evaluation.marginal.within_counts import WithinCounts
from econml_cli.evaluation.opened import OpenedRun
from econml_cli.evaluation.rows_of_fit import with_rows
from econml_cli.evaluation.several_equations import several_of
from econml_cli.evaluation.standard_errors import critical
from econml_cli.models.base import Model
from econml_cli.models.least_squares import least_squares
from econml_cli.models.linear import Linear
from econml_cli.problems import losses, per_row
from econml_cli.problems.base import Batch
from econml_cli.problems.families import BINOMIAL, GAMMA, GAUSSIAN, POISSON
from econml_cli.problems.loss_row import Classical as Name
from econml_cli.problems.means import mean
from econml_cli.problems.tabular import Tabular
from econml_cli.training.step.newton import minimise

#: of the index, what the mean is
Link = Literal["identity", "logistic", "log"]
COLLINEAR = "No {} beside the effects: the columns of the design are collinear, or too many."
INSTALL = 'pip install "econml-cli[stats]"'


@dataclass(frozen=True)
class Classical:
    """A fitted index model E[y|x] = g(b0 + x'b): g is the identity (OLS), the logistic function, or exp.

    Effects are lists of one, as those on the probabilities of classes have one for each.

    Attributes:
        name: OLS, logit, or None of what has no name here. params: b0 and b, [1 + p]. covariance: of them.
        critical: the 97.5 % quantile of t (OLS) or N(0, 1).
        free: directions [1 + p, d] in which they can be moved without changing a fitted value; None: there is none.
    """

    name: Name | None
    params: np.ndarray
    covariance: np.ndarray
    critical: float
    free: np.ndarray | None = None
    link: Link = "identity"

    def derivative(self, x: np.ndarray, slope: np.ndarray, w: np.ndarray | None = None) -> list[Estimate]:
        """The mean over rows, with weights w [n], of g'(index) slope'b, for inputs x [n, p] that move by slope."""
        _, first, second = self._link(x)
        along = slope @ self.params[1:]
        gradient = (second * along)[:, None] * _with_constant(x) + np.pad(first[:, None] * slope, ((0, 0), (1, 0)))
        return [self._estimate(float(mean(first * along, w)), mean(gradient, w))]

    def change(self, before: np.ndarray, after: np.ndarray, w: np.ndarray | None = None) -> list[Estimate]:
        """The mean over rows, with weights w [n], of g(index after) - g(index before)."""
        g0, first0, _ = self._link(before)
        g1, first1, _ = self._link(after)
        gradient = first1[:, None] * _with_constant(after) - first0[:, None] * _with_constant(before)
        return [self._estimate(float(mean(g1 - g0, w)), mean(gradient, w))]

    def _link(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """g and its first two derivatives at each row."""
        index = _with_constant(x) @ self.params
        if self.link == "log":
            return (np.exp(index),) * 3
        if self.link == "identity":
            return index, np.ones_like(index), np.zeros_like(index)
        from scipy.special import expit

        g = expit(index)
        return g, g * (1 - g), g * (1 - g) * (1 - 2 * g)

    def _estimate(self, value: float, gradient: np.ndarray) -> Estimate:
        if self.free is not None and moved(self.free, gradient[None])[0]:
            return Estimate(float("nan"))
        error = float(np.sqrt(max(gradient @ self.covariance @ gradient, 0.0)))  # rounding may leave -1e-20
        return Estimate(value, value - self.critical * error, value + self.critical * error, standard_error=error)


def fit(here: Sample) -> tuple[Classical | None, tuple[str, ...]]:
    """The classical model of a run's loss (OLS, a logit), on the rows and inputs that it was fitted to, and what to say
    if there is none.

    Standard errors are classical; where rows have groups, clustered by them (Stata's `vce(cluster)`); rows with weights
    have them as in `_weighted`.
    """
    name = losses.of(here.problem).classical
    if not isinstance(here.problem, Tabular) or name is None:
        return None, ()
    try:
        from statsmodels.discrete.discrete_model import Logit
        from statsmodels.regression.linear_model import OLS
    except ImportError:
        return None, (f"{name} with its standard errors can stand beside the effects: {INSTALL}.",)
    batch = here.problem.sample(None, "train")
    if batch is None:
        return None, (f"No {name} beside the effects: it is fitted to the rows of the fit, not to those of --data.",)
    if here.problem.absorbed:  # the model is that already
        return None, ()
    if here.problem.entities:
        return None, (f"No {name} beside the effects: it would need a dummy of each level.",)
    if is_stored(batch.x):
        return _of_files(here.problem, batch)
    x, y = np.asarray(batch.x, np.float64), np.asarray(here.problem.observed(batch), np.float64)[:, 0]
    x = _with_constant(x) if here.problem.constant else x
    if np.linalg.matrix_rank(x) < x.shape[1] or len(x) <= x.shape[1]:
        return None, (COLLINEAR.format(name),)
    if batch.w is not None or here.problem.class_weights:
        return _weighted(here.problem, batch, name, y, x), ()
    groups = here.problem.groups.get("train")
    options: dict[str, Any] = {}
    if groups is not None:
        options = {"cov_type": "cluster", "cov_kwds": {"groups": groups}}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = OLS(y, x).fit(**options) if name == "OLS" else Logit(y, x).fit(disp=0, **options)
            params, covariance = np.asarray(model.params, np.float64), np.asarray(model.cov_params(), np.float64)
            done = name == "OLS" or bool(model.mle_retvals["converged"])
    except Exception as error:  # its optimisers raise all sorts
        return None, (f"No {name} beside the effects: statsmodels says {str(error).splitlines()[0]!r}.",)
    if not done or not np.isfinite(covariance).all():
        return None, (f"No {name} beside the effects: it does not converge (classes that are separated?).",)
    if not here.problem.constant:  # the place of the one that is not there
        params, covariance = np.r_[0.0, params], np.pad(covariance, ((1, 0), (1, 0)))
    link: Link = "identity" if name == "OLS" else "logistic"
    return Classical(name, params, covariance, _critical(name, x, groups), link=link), ()


def _of_files(problem: Tabular, batch: Batch) -> tuple[Classical | None, tuple[str, ...]]:
    """OLS of rows that lie in files."""
    z, y = squared_rows(batch.x, batch.y, constant=problem.constant)
    found, _ = of_files(problem, batch, least_squares(z, y)[0][:, 0], "iid", "iid")
    if found is None or free_directions(z, batch.x).shape[1]:
        return None, (COLLINEAR.format("OLS"),)
    return Classical("OLS", found.w, found.covariance, found.critical()), ()


def _weighted(problem: Tabular, batch: Batch, name: Name, y: np.ndarray, z: np.ndarray) -> Classical:
    """The same on rows with weights, of a design z [n, k] with its constant: weighted least squares, a weighted logit.

    Standard errors are those of `coefficients`: classical, of sampling weights (and those of classes) HC1, with groups
    clustered.
    """
    w = losses.weights_in(problem, batch)
    assert w is not None  # asked of rows that have some
    family, root = GAUSSIAN if name == "OLS" else BINOMIAL, np.sqrt(w)
    if name == "OLS":
        params = np.linalg.lstsq(root[:, None] * z, root * y, rcond=None)[0]
    else:
        params = minimise(per_row.binary_cross_entropy, z, y[:, None], 1, w).w[:, 0]
    covariance, freedom = covariance_of(problem, z, y, params, family)
    if not problem.constant:  # the place of the one that is not there
        params, covariance = np.r_[0.0, params], np.pad(covariance, ((1, 0), (1, 0)))
    link: Link = "identity" if name == "OLS" else "logistic"
    return Classical(name, params, covariance, critical(freedom), link=link)


def of_linear(
    run: OpenedRun, here: Sample, model: Model, vcov: str | None
) -> tuple[Multinomial | tuple[Classical | WithinCounts | None, ...] | None, str | None, str | None]:
    """A linear model itself, by the covariance of its coefficients: a multinomial logit of several classes, else a
    classical one for each of its outputs (None of an output that is not linear, a standard deviation); which covariance
    that is; and why there is none. All are None of other models.

    Raises:
        ConfigError: there is no such covariance of this fit.
    """
    row = losses.of(here.problem)
    if run.config().model != "linear" or not isinstance(model, Linear) or not isinstance(here.problem, Tabular):
        return None, None, None
    if run.summary().get("not_converged"):
        return None, None, "the fit has not converged"
    if row.is_multinomial:
        of = several_of(run, here.problem, model.linear, vcov)
        if of.whole is None or of.free is None:
            return None, None, of.why
        return Multinomial(of.w, of.whole, of.free), of.vcov, None
    if model.linear.kernel.shape[1] > 1:
        return _of_equations(run, here, model, vcov)
    found, why = weights_of(run, here.problem, model, vcov)
    if found is None:
        return None, None, why
    link = _link_of(row)
    if found.within is not None:
        return (WithinCounts(model, float(here.problem.target_scale), found.within),), found.vcov, None
    q = len(here.problem.absorbed)  # the places of the fixed effects, which nothing moves
    w, covariance = np.pad(found.w, (0, q)), np.pad(found.covariance, (0, q))
    free = np.pad(found.free, ((0, q), (0, 0)))
    return (Classical(row.classical, w, covariance, found.critical(), free, link),), found.vcov, None


def _of_equations(
    run: OpenedRun, here: Sample, model: Linear, vcov: str | None
) -> tuple[tuple[Classical | None, ...] | None, str | None, str | None]:
    """Those of several quantiles, or of the mean of a normal distribution."""
    row, problem = losses.of(here.problem), here.problem
    if not (row.levels or row.is_normal) or not isinstance(problem, Tabular):
        return None, None, "the loss has no standard errors"
    found = several_of(run, problem, model.linear, vcov)
    if found.covariances is None:
        return None, None, found.why
    if row.levels and (np.diff(_with_constant(here.rows.x()) @ found.w, axis=1) < 0).any():
        return None, None, "the quantiles cross in some rows, where those that are predicted are sorted ones"
    own: list[Classical | None] = [
        Classical(None, found.w[:, j], found.covariances[j], critical(), found.free)
        for j in range(found.w.shape[1] if row.levels else 1)
    ]
    return (*own, *([None] if row.is_normal else [])), found.vcov, None


def bare(run: OpenedRun, here: Sample, model: Model) -> Classical | Multinomial | None:
    """A linear model as it stands, whose effects are NaN where they are not identified, and have no standard errors
    that mean anything. None of other models, of one with fixed effects, and where the rows of its fit are gone."""
    if not isinstance(model, Linear) or not isinstance(here.problem, Tabular) or here.problem.absorbed:
        return None
    problem, _ = with_rows(run, here.problem)
    sample, linear, row = problem.sample(None, "train"), model.linear, losses.of(problem)
    if sample is None:
        return None
    kernel = np.asarray(linear.kernel[...], np.float64)
    bias = np.zeros(kernel.shape[1]) if linear.bias is None else np.asarray(linear.bias[...], np.float64)
    free, w = _free(sample.x, linear.bias is not None), np.vstack([bias, kernel])
    if w.shape[1] == 1:
        return Classical(None, w[:, 0], np.zeros((len(w), len(w))), 0.0, free, _link_of(row))
    if not row.is_multinomial:
        return None
    size = len(w) * (w.shape[1] - 1)
    return Multinomial(w[:, 1:] - w[:, :1], np.zeros((size, size)), free)


def _free(x: Any, constant: bool) -> np.ndarray:
    """The directions [1 + p, d] in which the weights of a constant and of inputs x [n, p] can be moved without changing
    a fitted value; 0 of a constant that is not there."""
    if is_stored(x):
        free = free_directions(triangle(design_blocks(x, constant=constant)), x)
        return np.roll(free, 1, axis=0) if constant else np.pad(free, ((1, 0), (0, 0)))
    rows = np.asarray(x, np.float64)
    return null_space(_with_constant(rows)) if constant else np.pad(null_space(rows), ((1, 0), (0, 0)))


def _link_of(row: losses.Loss) -> Link:
    return "log" if row.family in (POISSON, GAMMA) else "logistic" if row.classical == "logit" else "identity"


def _critical(name: str, x: np.ndarray, groups: Any) -> float:
    if name == "logit":
        return critical()
    free = len(x) - x.shape[1] if groups is None else len(np.unique(groups)) - 1
    return critical(free)


def _with_constant(x: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(x)), x])
