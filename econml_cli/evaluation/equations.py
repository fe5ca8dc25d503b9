"""The covariance of the coefficients of several linear equations that share a likelihood, in NumPy float64: the log
odds of classes, or the mean and the log variance of a normal distribution."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Rows:
    """Derivatives of minus the log likelihood of each row in the indices z'w_j of m equations: `slope` [n, m] and
    `curvature` [n, m, m]."""

    slope: np.ndarray
    curvature: np.ndarray


def of_classes(z: np.ndarray, y: np.ndarray, w: np.ndarray) -> Rows:
    """Those of a multinomial logit in the log odds of classes 1, ..., J - 1 against class 0.

    Args:
        z: the design [n, k]. y: classes [n], 0 to J - 1. w: the weights [k, J - 1] of the log odds z w.

    Source: McFadden (1974), in Zarembka (ed.), Frontiers in Econometrics, 105-142.
    """
    from scipy.special import softmax

    share = softmax(np.pad(z @ w, ((0, 0), (1, 0))), axis=1)[:, 1:]
    there = np.asarray(y).reshape(-1)[:, None] == np.arange(1, w.shape[1] + 1)
    curvature = share[:, :, None] * np.eye(w.shape[1]) - share[:, :, None] * share[:, None, :]
    return Rows(share - there, curvature)


def of_normal(z: np.ndarray, y: np.ndarray, w: np.ndarray) -> Rows:
    """Those of y [n] that is normal with the mean z w_0 and the log variance z w_1, w [k, 2].

    Source: Harvey (1976), Econometrica 44, 461-465.
    """
    residual, precision = y - z @ w[:, 0], np.exp(-(z @ w[:, 1]))
    first, cross, square = residual * precision, residual * precision, np.square(residual) * precision
    curvature = np.stack([np.stack([precision, cross], 1), np.stack([cross, 0.5 * square], 1)], 1)
    return Rows(np.stack([-first, 0.5 * (1 - square)], 1), curvature)


def covariance(
    z: np.ndarray,
    rows: Rows,
    weights: np.ndarray,
    counts: np.ndarray,
    *,
    robust: bool = False,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Of the coefficients of all equations, [m k, m k], those of the first one first: the inverse Hessian, or with
    `robust` the sandwich around the scores of rows, or with `groups` [n] around those of groups, times G / (G - 1)
    (n - 1) / (n - m k). Of what is identified where the design is singular.

    Args:
        z: the design [n, k]. weights: of the rows [n]. counts: how many observations each row stands for [n].

    Source: Wooldridge (2010), Econometric Analysis of Cross Section and Panel Data, sections 12.5 and 13.5.
    """
    (n, k), m = z.shape, rows.slope.shape[1]
    information = np.empty((m, k, m, k))
    for i in range(m):
        for j in range(m):
            information[i, :, j] = z.T @ ((weights * rows.curvature[:, i, j])[:, None] * z)
    bread = np.linalg.pinv(information.reshape(m * k, m * k), rcond=1e-13, hermitian=True)
    if not robust and groups is None:
        return bread
    scores, factor = ((weights[:, None] * rows.slope)[:, :, None] * z[:, None, :]).reshape(n, m * k), 1.0
    if groups is None:
        scores = scores / np.sqrt(counts)[:, None]
    else:
        _, place = np.unique(groups, return_inverse=True)
        sums, total = np.zeros((place.max() + 1, m * k)), float(counts.sum())
        np.add.at(sums, place, scores)
        scores, factor = sums, len(sums) / (len(sums) - 1) * (total - 1) / (total - m * k)
    half = scores @ bread
    return np.asarray(factor * (half.T @ half))
