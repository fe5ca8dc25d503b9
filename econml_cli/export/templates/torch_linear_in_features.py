"""A model that is linear in fixed features."""

import torch
from torch import nn


class LinearInFeatures(nn.Module):
    """f(x) = W phi(x): [n, din] -> [n, dout]."""

    def __init__(self, phi: nn.Module, W: nn.Module):
        super().__init__()
        self.phi = phi
        self.W = W

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Values at x [n, ...], shaped [n, dout]."""
        return self.W(self.embed(x))

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """The features phi(x), [n, k]."""
        return self.phi(x)
