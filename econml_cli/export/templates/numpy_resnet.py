"""The residual MLP."""

from typing import Any

import numpy as np

from econml_cli.export.templates.numpy_activations import ACTIVATIONS
from econml_cli.export.templates.numpy_layers import Affine, LayerNorm, Weights, part


class Block:
    """x + linear2(act(norm2(linear1(act(norm1(x)))))), the norms only where there are any."""

    def __init__(self, weights: Weights, activation: str, layer_norm: bool):
        self.activation = ACTIVATIONS[activation]
        self.layers = [Affine(part(weights, f"linear{i}")) for i in (1, 2)]
        self.norms = [LayerNorm(part(weights, f"norm{i}")) for i in (1, 2)] if layer_norm else []

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The block at x [n, width]."""
        change = x
        for i, layer in enumerate(self.layers):
            change = layer(self.activation(self.norms[i](change) if self.norms else change))
        return x + change


class ResNet:
    """An affine map, `depth` residual blocks, an affine output layer: [n, din] -> [n, dout]."""

    def __init__(self, weights: Weights, depth: int, activation: str, layer_norm: bool, **_: Any):
        self.first = Affine(part(weights, "linear_in"))
        self.blocks = [Block(part(weights, f"block{i}"), activation, layer_norm) for i in range(1, depth + 1)]
        self.last = Affine(part(weights, "linear_out"))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Values at x [n, ...], shaped [n, dout]."""
        return self.last(self.embed(x))

    def embed(self, x: np.ndarray) -> np.ndarray:
        """What the last block gives at x."""
        x = self.first(x.reshape(len(x), -1))
        for block in self.blocks:
            x = block(x)
        return x
