"""The autoencoder."""

from collections.abc import Callable
from typing import Any

import numpy as np

from econml_cli.export.templates.numpy_layers import Weights


class Autoencoder:
    """decoder(encoder(x)): [n, din] -> [n, din]; `embed` is the representation."""

    def __init__(self, weights: Weights, encoder: Callable[..., Any], decoder: Callable[..., Any]):
        self.encoder, self.decoder = encoder, decoder

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The reconstruction of x [n, ...], [n, din]."""
        return self.decoder(self.embed(x))

    def embed(self, x: np.ndarray) -> np.ndarray:
        """The representation of x [n, ...], [n, latent]."""
        return self.encoder(x.reshape(len(x), -1))
