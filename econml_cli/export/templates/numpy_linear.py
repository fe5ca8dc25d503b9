"""The affine map."""

from typing import Any

import numpy as np

from econml_cli.export.templates.numpy_layers import Affine, Weights, part


class Linear:
    """f(x) = x W + b: [n, din] -> [n, dout]."""

    def __init__(self, weights: Weights, **_: Any):
        self.linear = Affine(part(weights, "linear"))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Values at x [n, ...], shaped [n, dout]."""
        return self.linear(x.reshape(len(x), -1))
