"""Products of orthogonal polynomials."""

import torch
from torch import nn


def coefficients(basis: str, k: int) -> tuple[float, float]:
    """(a, c) of the recurrence P_{k+1}(u) = a u P_k(u) - c P_{k-1}(u)."""
    if basis == "chebyshev":
        return (1.0 if k == 0 else 2.0), 1.0
    if basis == "legendre":
        return (2 * k + 1) / (k + 1), k / (k + 1)
    return 1.0, float(k) if basis == "hermite" else 0.0


class PolynomialFeatures(nn.Module):
    """phi(x): products of P_1 .. P_degree of the inputs u = (x - centre) / scale, [n, din] -> [n, features].

    Row i of `factors` says which: 0 stands for 1, 1 + j degree + d - 1 for P_d of input j.
    """

    factors: torch.Tensor

    def __init__(self, din: int, degree: int, basis: str, features: int, of_factors: int):
        super().__init__()
        self.degree, self.basis = degree, basis
        self.register_buffer("centre", torch.zeros(din))
        self.register_buffer("scale", torch.ones(din))
        self.register_buffer("factors", torch.zeros(features, of_factors, dtype=torch.int64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """phi(x) at x [n, ...], [n, features]."""
        u = (x.flatten(1) - self.centre) / self.scale
        values = [torch.ones_like(u)]
        for k in range(self.degree):
            a, c = coefficients(self.basis, k)
            values.append(a * u * values[k] - c * values[k - 1] if k > 0 else a * u * values[k])
        polynomials = torch.stack(values, dim=-1)[:, :, 1:].flatten(1)
        columns = torch.cat([torch.ones_like(u[:, :1]), polynomials], dim=1)
        return columns[:, self.factors].prod(dim=-1)
