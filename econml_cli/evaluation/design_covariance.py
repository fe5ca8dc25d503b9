"""The covariance of the weights of a generalised linear model on the rows of its fit: classical, robust, clustered."""

from typing import Any

import numpy as np

from econml_cli.data.weights import RowWeights
from econml_cli.problems.families import Family


class Design:
    """The rows of a fit that have a weight above 0: z [n, k], y [n], their weights, and which rows go together.

    `absorbed` parameters are estimated beside those of z; singular values below `tolerance` of the largest are 0."""

    def __init__(
        self,
        z: np.ndarray,
        y: np.ndarray,
        meaning: RowWeights | None,
        weights: np.ndarray | None,
        groups: Any,
        absorbed: int = 0,
        tolerance: float = 0.0,
    ):
        used = np.ones(len(z), dtype=bool) if weights is None else weights > 0
        self.z, self.y = z[used], y[used]
        self.weights = np.ones(len(self.z)) if weights is None else weights[used]
        #: how many observations each row stands for
        self.counts = self.weights if meaning is not None and meaning.kind == "frequency" else np.ones(len(self.z))
        self.n = float(self.counts.sum())
        self.tolerance = max(tolerance, max(self.z.shape) * float(np.finfo(np.float64).eps))
        self.rank = int(np.linalg.matrix_rank(self.z, rtol=self.tolerance))
        #: parameters: coefficients that are identified, and fixed effects that count
        self.k = self.rank + absorbed
        self.groups = None if groups is None else np.unique(np.asarray(groups)[used], return_inverse=True)[1]

    @property
    def clusters(self) -> int:
        """How many groups there are."""
        return 0 if self.groups is None else int(self.groups.max()) + 1


def covariance_matrix(
    of: Design, w: np.ndarray, kind: str, family: Family, mean: np.ndarray | None = None
) -> np.ndarray:
    """The covariance of the weights w [k] of a design; of what is identified where it is singular.

    A row that stands for several counts as often as these; the weight of any other is a factor of its score. Where the
    design is what varies within levels the `mean` [n] is not that of its index, and factors for small samples are those
    of fixest whatever the family: (n - 1) / (n - k) of `iid`.
    """
    within = mean is not None
    mean = family.mean(of.z @ w) if mean is None else mean
    slope, variance = family.slope(mean), family.variance(mean)
    information = np.sqrt(of.weights * slope**2 / variance)
    u, s, vt = np.linalg.svd(information[:, None] * of.z, full_matrices=False)
    kept = s > of.tolerance * s[0]
    u, root = u[:, kept], vt[kept].T / s[kept]
    bread: np.ndarray = root @ root.T
    k, residual = int(kept.sum()) + of.k - of.rank, of.y - mean
    if kind == "iid":
        scale = float(of.weights @ (residual**2 / variance)) / (of.n - k) if family.estimates_scale else 1.0
        return bread * (scale if family.estimates_scale or not within else (of.n - 1) / (of.n - k))
    if kind == "HC3":
        residual = residual / (1 - np.sum(np.square(u), axis=1) / of.counts)
    scores = of.z * (of.weights * residual * slope / variance)[:, None]
    factor = of.n / (of.n - k) if kind == "HC1" and (family.estimates_scale or within) else 1.0
    if kind == "cluster" and of.groups is not None:
        sums = np.zeros((of.clusters, of.z.shape[1]))
        np.add.at(sums, of.groups, scores)
        scores, factor = sums, of.clusters / (of.clusters - 1) * (of.n - 1) / (of.n - k)
    else:
        scores = scores / np.sqrt(of.counts)[:, None]
    half = scores @ bread
    sandwich: np.ndarray = factor * (half.T @ half)
    return sandwich


def freedom_of(of: Design, kind: str) -> float:
    """The degrees of freedom of Student's distribution."""
    return float(of.clusters - 1 if kind == "cluster" else of.n - of.k)
