"""The residual MLP."""

import torch
from torch import nn

from econml_cli.export.templates.torch_activations import ACTIVATIONS


class Block(nn.Module):
    """x + linear2(act(norm2(linear1(act(norm1(x)))))), the norms only where there are any."""

    def __init__(self, width: int, activation: str, layer_norm: bool):
        super().__init__()
        self.activation = ACTIVATIONS[activation]
        self.linear1 = nn.Linear(width, width)
        self.linear2 = nn.Linear(width, width)
        self.norm1 = nn.LayerNorm(width, eps=1e-6) if layer_norm else nn.Identity()
        self.norm2 = nn.LayerNorm(width, eps=1e-6) if layer_norm else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The block at x [n, width]."""
        change = self.linear1(self.activation(self.norm1(x)))
        return x + self.linear2(self.activation(self.norm2(change)))


class ResNet(nn.Module):
    """An affine map to `width` numbers, `depth` residual blocks, an affine output layer: [n, din] -> [n, dout]."""

    def __init__(self, din: int, dout: int, width: int, depth: int, activation: str, layer_norm: bool):
        super().__init__()
        self.depth = depth
        self.linear_in = nn.Linear(din, width)
        for i in range(1, depth + 1):
            self.add_module(f"block{i}", Block(width, activation, layer_norm))
        self.linear_out = nn.Linear(width, dout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Values at x [n, ...], shaped [n, dout]."""
        return self.linear_out(self.embed(x))

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """What the last block gives at x."""
        x = self.linear_in(x.flatten(1))
        for i in range(1, self.depth + 1):
            x = self.get_submodule(f"block{i}")(x)
        return x
