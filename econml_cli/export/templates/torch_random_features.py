"""A hidden layer that stays as it was drawn."""

import math

import torch
from torch import nn


class RandomFeatures(nn.Module):
    """phi(x) = relu(x kernel + bias) / sqrt(p), or sqrt(2 / p) cos(x kernel + bias): [n, din] -> [n, p]."""

    def __init__(self, din: int, num_features: int, activation: str):
        super().__init__()
        self.num_features, self.activation = num_features, activation
        self.register_buffer("kernel", torch.zeros(din, num_features))
        self.register_buffer("bias", torch.zeros(num_features))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """phi(x) at x [n, ...], [n, p]."""
        into = x.flatten(1) @ self.kernel + self.bias
        if self.activation == "relu":
            return torch.relu(into) / math.sqrt(self.num_features)
        return math.sqrt(2 / self.num_features) * torch.cos(into)
