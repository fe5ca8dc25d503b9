"""The affine map."""

import torch
from torch import nn


class Linear(nn.Module):
    """f(x) = W x + b: [n, din] -> [n, dout]."""

    def __init__(self, din: int, dout: int, bias: bool):
        super().__init__()
        self.linear = nn.Linear(din, dout, bias=bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Values at x [n, ...], shaped [n, dout]."""
        return self.linear(x.flatten(1))
