"""The multilayer perceptron."""

import torch
from torch import nn

from econml_cli.export.templates.torch_activations import ACTIVATIONS


class MLP(nn.Module):
    """Hidden layers of the widths named, then an affine output layer: [n, din] -> [n, dout].

    After each hidden layer come layer normalisation, where there is any, and the activation.
    """

    def __init__(
        self,
        din: int,
        dout: int,
        width: list[int],
        activation: str,
        output_activation: str,
        bias: bool,
        output_bias: bool,
        layer_norm: bool,
    ):
        super().__init__()
        self.depth = len(width)
        self.activation = ACTIVATIONS[activation]
        self.output_activation = ACTIVATIONS[output_activation]
        sizes = [din, *width, dout]
        for i in range(1, self.depth + 2):
            has_bias = bias if i <= self.depth else output_bias
            self.add_module(f"linear{i}", nn.Linear(sizes[i - 1], sizes[i], bias=has_bias))
        if layer_norm:
            for i, units in enumerate(width, start=1):
                self.add_module(f"norm{i}", nn.LayerNorm(units, eps=1e-6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Values at x [n, ...], shaped [n, dout]."""
        return self.output_activation(self.get_submodule(f"linear{self.depth + 1}")(self.embed(x)))

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """The last hidden layer at x."""
        x = x.flatten(1)
        for i in range(1, self.depth + 1):
            x = self.get_submodule(f"linear{i}")(x)
            if hasattr(self, f"norm{i}"):
                x = self.get_submodule(f"norm{i}")(x)
            x = self.activation(x)
        return x
