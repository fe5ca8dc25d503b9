"""A hidden layer that stays as it was drawn."""

import math
from typing import Any

import numpy as np

from econml_cli.export.templates.numpy_layers import Affine, Weights


class RandomFeatures:
    """phi(x) = relu(x kernel + bias) / sqrt(p), or sqrt(2 / p) cos(x kernel + bias): [n, din] -> [n, p]."""

    def __init__(self, weights: Weights, num_features: int, activation: str, **_: Any):
        self.num_features, self.activation = num_features, activation
        self.affine = Affine(weights)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """phi(x) at x [n, ...], [n, p]."""
        into = self.affine(x.reshape(len(x), -1))
        if self.activation == "relu":
            return np.maximum(into, 0) / math.sqrt(self.num_features)
        return math.sqrt(2 / self.num_features) * np.cos(into)
