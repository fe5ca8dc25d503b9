"""A model that is linear in fixed features."""

from collections.abc import Callable
from typing import Any

import numpy as np

from econml_cli.export.templates.numpy_layers import Weights


class LinearInFeatures:
    """f(x) = phi(x) W: [n, din] -> [n, dout]."""

    def __init__(self, weights: Weights, phi: Callable[..., Any], W: Callable[..., Any]):
        self.phi, self.W = phi, W

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Values at x [n, ...], shaped [n, dout]."""
        return self.W(self.embed(x))

    def embed(self, x: np.ndarray) -> np.ndarray:
        """The features phi(x), [n, k]."""
        return self.phi(x)
