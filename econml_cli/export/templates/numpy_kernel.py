"""Kernel regression."""

from collections.abc import Callable
from typing import Any

import numpy as np

from econml_cli.export.templates.numpy_layers import Weights

#: k as a function of the distance r in length scales
KERNELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "rbf": lambda r: np.exp(-(r**2) / 2),
    "matern12": lambda r: np.exp(-r),
    "matern32": lambda r: (1 + 3**0.5 * r) * np.exp(-(3**0.5) * r),
    "matern52": lambda r: (1 + 5**0.5 * r + 5 * r**2 / 3) * np.exp(-(5**0.5) * r),
}


class KernelRegression:
    """f(x) = sum_i alpha_i k(|x - x_i| / length_scale) + bias over the n training inputs: [m, din] -> [m, dout]."""

    def __init__(self, weights: Weights, kernel: str, **_: Any):
        self.kernel, self.length_scale = KERNELS[kernel], weights["length_scale"]
        self.inputs, self.alpha, self.bias = weights["inputs"], weights["alpha"], weights.get("bias")

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Values at x [m, ...], [m, dout]; needs memory for [m, n]."""
        x, inputs = x.reshape(len(x), -1) / self.length_scale, self.inputs / self.length_scale
        squared = np.zeros((len(x), len(inputs)), x.dtype)
        for j in range(x.shape[1]):  # not all columns at once, for the memory
            squared += np.square(x[:, j, None] - inputs[None, :, j])
        out = self.kernel(np.sqrt(squared)) @ self.alpha
        return out if self.bias is None else out + self.bias
