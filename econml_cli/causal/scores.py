"""Orthogonal scores, given predictions of the nuisances: the estimate, its variance, and the median over repeats.

All three scores are linear in the effect, psi = a theta + b, so that the estimate solves one equation.

Source: Chernozhukov, Chetverikov, Demirer, Duflo, Hansen, Newey and Robins (2018), Econometrics Journal 21, C1-C68;
with clusters Chiang, Kato, Ma and Sasaki (2022), Journal of Business and Economic Statistics 40, 1046-1056.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Score:
    """psi_i = a_i theta + b_i of each row: a [n], b [n]."""

    a: np.ndarray
    b: np.ndarray


@dataclass(frozen=True)
class Estimated:
    """An estimate and its standard error."""

    value: float
    standard_error: float


Predictions = Mapping[str, np.ndarray]


def partialled_out(y: np.ndarray, d: np.ndarray, z: np.ndarray | None, predicted: Predictions) -> Score:
    """Of the partially linear regression y = theta d + g(x) + u, d = m(x) + v: `predicted` has l = E[y|x] and m."""
    v = d - predicted["m"]
    return Score(-v * v, v * (y - predicted["l"]))


def average_effect(y: np.ndarray, d: np.ndarray, z: np.ndarray | None, predicted: Predictions) -> Score:
    """Of the average treatment effect in the interactive model: `predicted` has g0, g1 = E[y|d,x], m = P(d=1|x)."""
    return Score(-np.ones_like(y), _doubly_robust(y, d, predicted["g0"], predicted["g1"], predicted["m"]))


def local_average_effect(y: np.ndarray, d: np.ndarray, z: np.ndarray | None, predicted: Predictions) -> Score:
    """Of the local average treatment effect: `predicted` has g0, g1 = E[y|z,x], r0, r1 = P(d=1|z,x), m = P(z=1|x)."""
    assert z is not None
    reduced = _doubly_robust(y, z, predicted["g0"], predicted["g1"], predicted["m"])
    first = _doubly_robust(d, z, predicted["r0"], predicted["r1"], predicted["m"])
    return Score(-first, reduced)


def _doubly_robust(y: np.ndarray, d: np.ndarray, g0: np.ndarray, g1: np.ndarray, m: np.ndarray) -> np.ndarray:
    """What is averaged for the effect of a binary d on y, of each row."""
    found: np.ndarray = g1 - g0 + d * (y - g1) / m - (1 - d) * (y - g0) / (1 - m)
    return found


#: the score of each model
SCORES: Mapping[str, Callable[[np.ndarray, np.ndarray, np.ndarray | None, Predictions], Score]] = {
    "plr": partialled_out,
    "irm": average_effect,
    "iivm": local_average_effect,
}


def limited(propensity: np.ndarray, trim: float) -> np.ndarray:
    """Propensities limited to [trim, 1 - trim]."""
    found: np.ndarray = np.clip(propensity, trim, 1 - trim)
    return found


def solve(score: Score, folds: np.ndarray, clusters: np.ndarray | None = None) -> Estimated:
    """The root of the empirical score, and its standard error.

    Without clusters each row weighs 1/n. With clusters the score is summed over the rows of a cluster, each of the K
    folds weighs 1/K and each of the C_k clusters of fold k 1/C_k in it; V = gamma / (C J^2), where J is the weighted
    mean of a and gamma that of the squared sums of psi over clusters.

    Args:
        folds: the fold of each row, [n], from 0. clusters: the cluster of each row, [n], from 0; whole in one fold.
    """
    n = len(score.a)
    units = np.arange(n) if clusters is None else clusters
    count = int(units.max()) + 1
    if clusters is None:
        weights = np.full(count, 1 / n)
    else:
        of_cluster = np.zeros(count, dtype=int)
        of_cluster[clusters] = folds
        weights = 1 / (np.bincount(of_cluster)[of_cluster] * len(np.unique(folds)))
    a, b = (np.bincount(units, part, minlength=count) for part in (score.a, score.b))
    slope = float(weights @ a)
    value = -float(weights @ b) / slope
    gamma = float(weights @ np.square(a * value + b))
    return Estimated(value, math.sqrt(gamma / count) / abs(slope))


def median_of(repeats: Sequence[Estimated]) -> Estimated:
    """The median over repeats, whose variance is the median of their variances plus squared distances from it.

    Source: Chernozhukov et al. (2018), definition 3.3.
    """
    values = np.array([each.value for each in repeats])
    value = float(np.median(values))
    variances = np.array([each.standard_error for each in repeats]) ** 2 + (values - value) ** 2
    return Estimated(value, math.sqrt(float(np.median(variances))))
