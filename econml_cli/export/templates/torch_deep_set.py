"""The deep set: a function of a set, whatever the order of its elements and however many there are."""

import torch
from torch import nn

POOLS = {"mean": torch.mean, "sum": torch.sum, "max": torch.amax}


class DeepSet(nn.Module):
    """f(X) = rho(pool of phi(x) over the elements x of X): [n, set] or [n, set, features] -> [n, dout]."""

    def __init__(self, phi: nn.Module, rho: nn.Module, pool: str):
        super().__init__()
        self.phi = phi
        self.rho = rho
        self.pool = POOLS[pool]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Values at x, of any set size, shaped [n, dout]."""
        return self.rho(self.embed(x))

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """The pooled latent of x, [n, latent]."""
        n, size = x.shape[:2]
        z = self.phi(x.reshape(n * size, -1))
        return self.pool(z.reshape(n, size, -1), dim=1)
