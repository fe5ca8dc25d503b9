"""The multilayer perceptron."""

from typing import Any

import numpy as np

from econml_cli.export.templates.numpy_activations import ACTIVATIONS
from econml_cli.export.templates.numpy_layers import Affine, LayerNorm, Weights, part


class MLP:
    """Hidden layers, then an affine output layer: [n, din] -> [n, dout].

    After each hidden layer come layer normalisation, where there is any, and the activation.
    """

    def __init__(
        self, weights: Weights, width: list[int], activation: str, output_activation: str, layer_norm: bool, **_: Any
    ):
        depth = len(width)
        self.activation = ACTIVATIONS[activation]
        self.output_activation = ACTIVATIONS[output_activation]
        self.layers = [Affine(part(weights, f"linear{i}")) for i in range(1, depth + 1)]
        self.norms = [LayerNorm(part(weights, f"norm{i}")) for i in range(1, depth + 1)] if layer_norm else []
        self.output = Affine(part(weights, f"linear{depth + 1}"))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Values at x [n, ...], shaped [n, dout]."""
        return self.output_activation(self.output(self.embed(x)))

    def embed(self, x: np.ndarray) -> np.ndarray:
        """The last hidden layer at x."""
        x = x.reshape(len(x), -1)
        for i, layer in enumerate(self.layers):
            x = layer(x)
            x = self.activation(self.norms[i](x) if self.norms else x)
        return x
