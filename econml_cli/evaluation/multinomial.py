"""The covariance of the coefficients of a multinomial logit, in NumPy float64."""

import numpy as np


def covariance(
    z: np.ndarray, y: np.ndarray, w: np.ndarray, *, robust: bool = False, groups: np.ndarray | None = None
) -> np.ndarray:
    """Of the coefficients of classes 1, ..., J - 1 against class 0, [(J - 1) k, (J - 1) k], those of class 1 first: the
    inverse Hessian, or with `robust` the sandwich around the scores of rows, or with `groups` [n] around those of
    groups, times G / (G - 1) (n - 1) / (n - (J - 1) k). Of what is identified where the design is singular.

    Args:
        z: the design [n, k]. y: classes [n], 0 to J - 1. w: the weights [k, J] of the log odds z w.

    Source: McFadden (1974), in Zarembka (ed.), Frontiers in Econometrics, 105-142; Wooldridge (2010), Econometric
    Analysis of Cross Section and Panel Data, section 16.2.
    """
    from scipy.special import softmax

    share, (n, k), classes = softmax(z @ w, axis=1), z.shape, w.shape[1]
    apart = (np.asarray(y).reshape(-1)[:, None] == np.arange(classes)) - share
    information = np.empty((classes - 1, k, classes - 1, k))
    for i in range(1, classes):
        for j in range(1, classes):
            each = share[:, i] * ((i == j) - share[:, j])
            information[i - 1, :, j - 1] = z.T @ (each[:, None] * z)
    total = (classes - 1) * k
    bread = np.linalg.pinv(information.reshape(total, total), rcond=1e-13, hermitian=True)
    if not robust and groups is None:
        return bread
    scores, factor = (apart[:, 1:, None] * z[:, None, :]).reshape(n, total), 1.0
    if groups is not None:
        _, place = np.unique(groups, return_inverse=True)
        sums = np.zeros((place.max() + 1, total))
        np.add.at(sums, place, scores)
        scores, factor = sums, len(sums) / (len(sums) - 1) * (n - 1) / (n - total)
    half = scores @ bread
    return np.asarray(factor * (half.T @ half))
