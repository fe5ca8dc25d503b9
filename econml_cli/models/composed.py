"""h(phi(x)): a fixed representation before any model."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx


class Composed(nnx.Module):
    """f(x) = h(phi(x)): [n, ...] -> [n, dout], with phi [n, ...] -> [n, k] fixed and h a model of k inputs.

    phi has no trainable parameters; what it learns from the training inputs (a domain) it learns in `adapt`.
    Source: lecture "Machine Learning Fundamentals for Economists", representations and downstream tasks.
    """

    def __init__(self, phi: Any, h: Any):
        self.phi = phi
        self.h = h

    def __call__(self, x: jax.Array) -> jax.Array:
        """Values at x, [n, dout]."""
        return self.h(self.phi(x))

    @property
    def solver(self) -> str:
        """That of h."""
        return getattr(self.h, "solver", "gradient")

    def adapt(self, x: jax.Array) -> None:
        """Let phi learn from the training inputs, then h from their representation."""
        for part, given in ((self.phi, lambda: x), (self.h, lambda: self.phi(x))):
            if hasattr(part, "adapt"):
                part.adapt(given())

    def design(self, x: Any) -> np.ndarray:
        """The design of h at the representation of x [n, ...], in float64 where phi can be."""
        return self.h.design(self._represented(x))

    def assign(self, w: np.ndarray) -> None:
        """The weights of the columns of `design` to those of h."""
        self.h.assign(w)

    def solve(self, x: Any, y: Any, w: Any = None) -> dict[str, Any]:
        """The exact solution of h on the represented sample, which is represented in float64 where phi can be."""
        # a model of the user's own may not know of weights
        return self.h.solve(self._represented(x), y, **({} if w is None else {"w": w}))

    def _represented(self, x: Any) -> Any:
        return self.phi.design(x) if hasattr(self.phi, "design") else self.phi(jnp.asarray(x))

    def embed(self, x: jax.Array) -> jax.Array:
        """The representation phi(x), [n, k]."""
        return self.phi(x)

    def penalty(self, x: jax.Array) -> Any:
        """That of h, at the representation."""
        return self.h.penalty(self.phi(x)) if hasattr(self.h, "penalty") else 0.0
