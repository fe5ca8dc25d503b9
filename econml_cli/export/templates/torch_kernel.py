"""Kernel regression."""

import torch
from torch import nn

#: k as a function of the distance r in length scales
KERNELS = {
    "rbf": lambda r: torch.exp(-(r**2) / 2),
    "matern12": lambda r: torch.exp(-r),
    "matern32": lambda r: (1 + 3**0.5 * r) * torch.exp(-(3**0.5) * r),
    "matern52": lambda r: (1 + 5**0.5 * r + 5 * r**2 / 3) * torch.exp(-(5**0.5) * r),
}


class KernelRegression(nn.Module):
    """f(x) = sum_i alpha_i k(|x - x_i| / length_scale) + bias over the n training inputs: [m, din] -> [m, dout]."""

    def __init__(self, n: int, din: int, dout: int, kernel: str, bias: bool):
        super().__init__()
        self.kernel = KERNELS[kernel]
        self.register_buffer("inputs", torch.zeros(n, din))
        self.register_buffer("length_scale", torch.ones(()))
        self.alpha = nn.Parameter(torch.zeros(n, dout))
        self.bias = nn.Parameter(torch.zeros(dout)) if bias else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Values at x [m, ...], [m, dout]; needs memory for [m, n]."""
        x, inputs = x.flatten(1) / self.length_scale, self.inputs / self.length_scale
        r = torch.cdist(x, inputs, compute_mode="donot_use_mm_for_euclid_dist")
        out = self.kernel(r) @ self.alpha
        return out if self.bias is None else out + self.bias
