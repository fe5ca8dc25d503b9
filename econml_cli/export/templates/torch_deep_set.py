"""The deep set: a function of a set, whatever the order of its elements and however many there are."""

import torch
from torch import nn

POOLS = {"mean": torch.mean, "sum": torch.sum, "max": torch.amax}


class DeepSet(nn.Module):
    """f(X) = rho(pool of phi(x) over the elements x of X): [n, set] or [n, set, features] -> [n, dout].

    Where it is equivariant, rho reads each element beside the pool; where elements have a size, x is [n, size * set].
    """

    def __init__(self, phi: nn.Module, rho: nn.Module, pool: str, equivariant: bool = False, element_size: int = 1):
        super().__init__()
        self.phi = phi
        self.rho = rho
        self.pool = POOLS[pool]
        self.equivariant = equivariant
        self.element_size = element_size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Values at x, of any set size, shaped [n, dout]."""
        z = self.embed(x)
        if not self.equivariant:
            return self.rho(z)
        x = self._elements(x)
        n, size = x.shape[:2]
        beside = z[:, None].expand(n, size, z.shape[1])
        out = self.rho(torch.cat([x, beside], dim=2).reshape(n * size, -1))
        return out.reshape(n, size, -1).swapaxes(1, 2).reshape(n, -1)

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """The pooled latent of x, [n, latent]."""
        x = self._elements(x)
        n, size = x.shape[:2]
        z = self.phi(x.reshape(n * size, -1))
        return self.pool(z.reshape(n, size, -1), dim=1)

    def _elements(self, x: torch.Tensor) -> torch.Tensor:
        """x as [n, set, features]."""
        if self.element_size > 1:
            return x.reshape(len(x), self.element_size, -1).swapaxes(1, 2)
        return x.reshape(*x.shape[:2], -1)
