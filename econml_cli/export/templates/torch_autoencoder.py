"""The autoencoder."""

import torch
from torch import nn


class Autoencoder(nn.Module):
    """decoder(encoder(x)): [n, din] -> [n, din]; `embed` is the representation."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The reconstruction of x [n, ...], [n, din]."""
        return self.decoder(self.embed(x))

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """The representation of x [n, ...], [n, latent]."""
        return self.encoder(x.flatten(1))
