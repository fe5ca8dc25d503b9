"""The slopes of a linear model with absorbed fixed effects as an estimate."""

import numpy as np

from econml_cli.data.identified import null_space
from econml_cli.evaluation.covariances import Design, covariance_with, degrees_of_freedom
from econml_cli.evaluation.linear_estimate import Weights, WithinLevels, constant_first
from econml_cli.models import absorbed_poisson
from econml_cli.models.absorbed_poisson import COLLINEAR
from econml_cli.models.fixed_effects import FixedEffects
from econml_cli.models.linear import Linear
from econml_cli.problems import losses
from econml_cli.problems.base import Batch
from econml_cli.problems.families import GAUSSIAN
from econml_cli.problems.tabular import Tabular


def weights_within(
    problem: Tabular, model: Linear, sample: Batch, kind: str, vcov: str, groups: np.ndarray | None
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
    used: np.ndarray | slice = slice(None) if weights is None else weights > 0
    absorbed = _absorbed(levels, used, groups if kind == "cluster" else None)
    design = Design(z, y[:, 0], problem.weights, weights, groups, absorbed, COLLINEAR)
    if design.n <= design.k:
        return None, "there are no more rows than coefficients and fixed effects"
    covariance = covariance_with(design, w, kind, family, None if mean is None else mean[used])
    free, of_counts = null_space(design.z, COLLINEAR), None
    if mean is not None:
        of_counts = WithinLevels(np.asarray(sample.x, np.float64)[used], w, free, design, kind, family, mean[used])
    w, covariance, free = constant_first(w, covariance, free)
    freedom = degrees_of_freedom(design, kind) if family.estimates_scale else None
    return Weights(False, w, covariance, vcov, free, freedom, of_counts), None


def _absorbed(levels: FixedEffects, used: np.ndarray | slice, groups: np.ndarray | None) -> int:
    """The degrees of freedom of the fixed effects, where standard errors are clustered by `groups` or by none; `used`:
    the rows that count."""
    counts = levels.levels
    absorbed = sum(counts) - (len(counts) - 1)
    if groups is None:
        return absorbed
    within = [_lies_within(levels.codes[used, j], groups[used]) for j in range(len(counts))]
    return absorbed - sum(count - 1 for count, one in zip(counts, within, strict=True) if one)


def _lies_within(codes: np.ndarray, groups: np.ndarray) -> bool:
    """Whether all rows of each level are of one group."""
    pairs = np.unique(np.column_stack([codes, groups]), axis=0)
    return len(pairs) == len(np.unique(codes))
