"""Standard errors of linear models whose loss is Huber's, or that of one quantile."""

import numpy as np


def of_huber(z: np.ndarray, residual: np.ndarray, delta: float, kind: str, groups: np.ndarray | None) -> np.ndarray:
    """The covariance [k, k] of coefficients that minimise Huber's loss of residuals [n], linear beyond `delta`.

    `iid` is Huber's H1, which statsmodels' RLM has; `HC1` and `cluster` (by `groups` [n]) the sandwich.

    Source: Huber (1973), Annals of Statistics 1, 799-821, section 3.
    """
    n, k = z.shape
    inside, score = np.abs(residual) <= delta, np.clip(residual, -delta, delta)
    if kind == "iid":
        share = float(inside.mean())
        correction = 1 + k / n * float(inside.var()) / share**2
        scale = correction**2 * float(score @ score) / (n - k) / share**2
        return np.asarray(scale * np.linalg.pinv(z.T @ z, hermitian=True))
    bread = np.linalg.pinv(z[inside].T @ z[inside], hermitian=True)
    return _sandwich(z * score[:, None], bread, kind, groups)


def of_quantile(
    z: np.ndarray, y: np.ndarray, residual: np.ndarray, q: float, kind: str, groups: np.ndarray | None
) -> np.ndarray | None:
    """The covariance [k, k] of a quantile regression of y [n] at the level q; None where the rows are too few for the
    density of residuals [n] at 0.

    `iid` takes one density for all rows, as statsmodels' QuantReg does with `vcov="iid"`; `HC1` is Powell's sandwich,
    with a density of each row, and `cluster` the same of sums over `groups` [n]. Densities by the kernel of
    Epanechnikov and the bandwidth of Hall and Sheather.

    Source: Koenker (2005), Quantile Regression, sections 3.4 and 4.10; Parente and Santos Silva (2016), Journal of
    Econometric Methods 5, 1-15.
    """
    from scipy.special import ndtri

    n = len(y)
    at = float(ndtri(q))
    density = float(np.exp(-0.5 * at**2) / np.sqrt(2 * np.pi))
    h = n ** (-1 / 3) * float(ndtri(0.975)) ** (2 / 3) * (1.5 * density**2 / (2 * at**2 + 1)) ** (1 / 3)
    if not 0 < q - h < q + h < 1:
        return None
    low, high = np.quantile(residual, [0.25, 0.75])
    width = min(float(np.std(y)), float(high - low) / 1.34) * float(ndtri(q + h) - ndtri(q - h))
    if not width > 0:
        return None
    u = residual / width
    kernel = np.where(np.abs(u) <= 1, 0.75 * (1 - u**2), 0.0) / width
    if kind == "iid":
        inverse = np.linalg.pinv(z.T @ z, hermitian=True)
        return np.asarray(q * (1 - q) / float(kernel.mean()) ** 2 * inverse)
    bread = np.linalg.pinv((z * kernel[:, None]).T @ z, hermitian=True)
    return _sandwich(z * np.where(residual > 0, q, q - 1)[:, None], bread, kind, groups)


def _sandwich(scores: np.ndarray, bread: np.ndarray, kind: str, groups: np.ndarray | None) -> np.ndarray:
    """That of scores [n, k], or of their sums over groups, with the factors of least squares."""
    n, k = scores.shape
    factor = n / (n - k)
    if kind == "cluster" and groups is not None:
        _, place = np.unique(groups, return_inverse=True)
        sums = np.zeros((int(place.max()) + 1, k))
        np.add.at(sums, place, scores)
        scores, factor = sums, len(sums) / (len(sums) - 1) * (n - 1) / (n - k)
    half = scores @ bread
    return np.asarray(factor * (half.T @ half))
