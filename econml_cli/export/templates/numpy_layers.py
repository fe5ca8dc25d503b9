"""The layers that networks are made of."""

from typing import Any

import numpy as np

#: arrays by name: {"kernel": [in, out], "bias": [out]}
Weights = dict[str, np.ndarray]


def part(weights: Weights, name: str) -> Weights:
    """The arrays of one module: {"linear1.kernel": ...} -> {"kernel": ...}."""
    return {key.removeprefix(f"{name}."): value for key, value in weights.items() if key.startswith(f"{name}.")}


class Affine:
    """x W + b: [..., in] -> [..., out]."""

    def __init__(self, weights: Weights, **_: Any):
        self.kernel, self.bias = weights["kernel"], weights.get("bias")

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Values at x."""
        return x @ self.kernel if self.bias is None else x @ self.kernel + self.bias


class LayerNorm:
    """(x - mean) / sqrt(variance + 1e-6) over the last axis, times a scale, plus a bias."""

    def __init__(self, weights: Weights):
        self.scale, self.bias = weights["scale"], weights["bias"]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Values at x."""
        centred = x - x.mean(axis=-1, keepdims=True)
        return centred / np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + 1e-6) * self.scale + self.bias
