"""The deep set: a function of a set, whatever the order of its elements and however many there are."""

from collections.abc import Callable
from typing import Any

import numpy as np

from econml_cli.export.templates.numpy_layers import Weights

POOLS: dict[str, Any] = {"mean": np.mean, "sum": np.sum, "max": np.max}


class DeepSet:
    """f(X) = rho(pool of phi(x) over the elements x of X): [n, set] or [n, set, features] -> [n, dout].

    Where it is equivariant, rho reads each element beside the pool; where elements have a size, x is [n, size * set].
    """

    def __init__(
        self,
        weights: Weights,
        phi: Callable[..., Any],
        rho: Callable[..., Any],
        pool: str,
        equivariant: bool = False,
        element_size: int = 1,
    ):
        self.phi, self.rho, self.pool = phi, rho, POOLS[pool]
        self.equivariant, self.element_size = equivariant, element_size

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Values at x, of any set size, shaped [n, dout]."""
        z = self.embed(x)
        if not self.equivariant:
            return self.rho(z)
        x = self._elements(x)
        n, size = x.shape[:2]
        beside = np.broadcast_to(z[:, None], (n, size, z.shape[1]))
        out = self.rho(np.concatenate([x, beside], axis=2).reshape(n * size, -1))
        return out.reshape(n, size, -1).swapaxes(1, 2).reshape(n, -1)

    def embed(self, x: np.ndarray) -> np.ndarray:
        """The pooled latent of x, [n, latent]."""
        x = self._elements(x)
        n, size = x.shape[:2]
        z = self.phi(x.reshape(n * size, -1))
        return self.pool(z.reshape(n, size, -1), axis=1)

    def _elements(self, x: np.ndarray) -> np.ndarray:
        """x as [n, set, features]."""
        if self.element_size > 1:
            return x.reshape(len(x), self.element_size, -1).swapaxes(1, 2)
        return x.reshape(*x.shape[:2], -1)
