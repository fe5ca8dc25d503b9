"""h(phi(x)): a fixed representation before a model."""

from collections.abc import Callable
from typing import Any

import numpy as np

from econml_cli.export.templates.numpy_layers import Weights


class Composed:
    """f(x) = h(phi(x))."""

    def __init__(self, weights: Weights, phi: Callable[..., Any], h: Callable[..., Any]):
        self.phi, self.h = phi, h

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Values at x, [n, dout]."""
        return self.h(self.embed(x))

    def embed(self, x: np.ndarray) -> np.ndarray:
        """The representation phi(x), [n, k]."""
        return self.phi(x)
