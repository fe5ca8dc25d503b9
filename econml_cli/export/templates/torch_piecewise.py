"""Piecewise linear functions of each input."""

import torch
from torch import nn


class PiecewiseLinear(nn.Module):
    """phi(x): x, and beside it how far it has come through intervals of each input, [n, din] -> [n, din (1 + bins)]."""

    low: torch.Tensor
    width: torch.Tensor
    top: torch.Tensor

    def __init__(self, din: int, bins: int):
        super().__init__()
        self.register_buffer("low", torch.zeros(din, bins))
        self.register_buffer("width", torch.ones(din, bins))
        self.register_buffer("top", torch.zeros(din, bins))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """phi(x) at x [n, ...], [n, din (1 + bins)]."""
        x = x.flatten(1)
        parts = (x[:, :, None] - self.low) / self.width
        return torch.cat([x, torch.minimum(parts.clamp(min=0), self.top).flatten(1)], dim=1)
