"""Products of orthogonal polynomials."""

from typing import Any

import numpy as np

from econml_cli.export.templates.numpy_layers import Weights


def coefficients(basis: str, k: int) -> tuple[float, float]:
    """(a, c) of the recurrence P_{k+1}(u) = a u P_k(u) - c P_{k-1}(u)."""
    if basis == "chebyshev":
        return (1.0 if k == 0 else 2.0), 1.0
    if basis == "legendre":
        return (2 * k + 1) / (k + 1), k / (k + 1)
    return 1.0, float(k) if basis == "hermite" else 0.0


class PolynomialFeatures:
    """phi(x): products of P_1 .. P_degree of the inputs u = (x - centre) / scale, [n, din] -> [n, features].

    Row i of `factors` says which: 0 stands for 1, 1 + j degree + d - 1 for P_d of input j.
    """

    def __init__(self, weights: Weights, degree: int, basis: str, **_: Any):
        self.degree, self.basis = degree, basis
        self.centre, self.scale, self.factors = weights["centre"], weights["scale"], weights["factors"]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """phi(x) at x [n, ...], [n, features]."""
        u = (x.reshape(len(x), -1) - self.centre) / self.scale
        values = [np.ones_like(u)]
        for k in range(self.degree):
            a, c = coefficients(self.basis, k)
            values.append(a * u * values[k] - c * values[k - 1] if k > 0 else a * u * values[k])
        polynomials = np.stack(values, axis=-1)[:, :, 1:].reshape(len(x), -1)
        columns = np.concatenate([np.ones_like(u[:, :1]), polynomials], axis=1)
        return columns[:, self.factors].prod(axis=-1)
