"""h(phi(x)): a fixed representation before a model."""

import torch
from torch import nn


class Composed(nn.Module):
    """f(x) = h(phi(x))."""

    def __init__(self, phi: nn.Module, h: nn.Module):
        super().__init__()
        self.phi = phi
        self.h = h

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Values at x, [n, dout]."""
        return self.h(self.embed(x))

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """The representation phi(x), [n, k]."""
        return self.phi(x)
