"""The deep set: a function of a set, whatever the order of its elements and however many there are."""

from collections.abc import Callable
from typing import Any

import numpy as np

from econml_cli.export.templates.numpy_layers import Weights

POOLS: dict[str, Any] = {"mean": np.mean, "sum": np.sum, "max": np.max}


class DeepSet:
    """f(X) = rho(pool of phi(x) over the elements x of X): [n, set] or [n, set, features] -> [n, dout]."""

    def __init__(self, weights: Weights, phi: Callable[..., Any], rho: Callable[..., Any], pool: str):
        self.phi, self.rho, self.pool = phi, rho, POOLS[pool]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Values at x, of any set size, shaped [n, dout]."""
        return self.rho(self.embed(x))

    def embed(self, x: np.ndarray) -> np.ndarray:
        """The pooled latent of x, [n, latent]."""
        n, size = x.shape[:2]
        z = self.phi(x.reshape(n * size, -1))
        return self.pool(z.reshape(n, size, -1), axis=1)
