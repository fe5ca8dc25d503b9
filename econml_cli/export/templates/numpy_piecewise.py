"""Piecewise linear functions of each input."""

from typing import Any

import numpy as np

from econml_cli.export.templates.numpy_layers import Weights


class PiecewiseLinear:
    """phi(x): x, and beside it how far it has come through intervals of each input, [n, din] -> [n, din (1 + bins)]."""

    def __init__(self, weights: Weights, **_: Any):
        self.low, self.width, self.top = weights["low"], weights["width"], weights["top"]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """phi(x) at x [n, ...], [n, din (1 + bins)]."""
        x = x.reshape(len(x), -1)
        parts = np.clip((x[:, :, None] - self.low) / self.width, 0, self.top)
        return np.concatenate([x, parts.reshape(len(x), -1)], axis=1)
