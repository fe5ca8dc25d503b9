"""h(phi(x)): a fixed representation before any model."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from econml_cli.models.base import Adapting, Penalised


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
        out: jax.Array = self.h(self.phi(x))
        return out

    @property
    def solver(self) -> str:
        """That of h."""
        return getattr(self.h, "solver", "gradient")

    def adapt(self, x: jax.Array) -> None:
        """Let phi learn from the training inputs, then h from their representation."""
        for part, given in ((self.phi, lambda: x), (self.h, lambda: self.phi(x))):
            if isinstance(part, Adapting):
                part.adapt(given())

    def design(self, x: Any) -> np.ndarray:
        """The design of h at the representation of x [n, ...], in float64 where phi can be."""
        columns: np.ndarray = self.h.design(self._represented(x))
        return columns

    def assign(self, w: np.ndarray) -> None:
        """The weights of the columns of `design` to those of h."""
        self.h.assign(w)

    def solve(self, x: Any, y: Any, w: Any = None) -> dict[str, Any]:
        """The exact solution of h on the represented sample, which is represented in float64 where phi can be."""
        # a model of the user's own may not know of weights
        report: dict[str, Any] = self.h.solve(self._represented(x), y, **({} if w is None else {"w": w}))
        return report

    def _represented(self, x: Any) -> Any:
        return self.phi.design(x) if hasattr(self.phi, "design") else self.phi(jnp.asarray(x))

    def embed(self, x: jax.Array) -> jax.Array:
        """The representation phi(x), [n, k]."""
        z: jax.Array = self.phi(x)
        return z

    def penalty(self, x: jax.Array) -> Any:
        """That of h, at the representation."""
        return self.h.penalty(self.phi(x)) if isinstance(self.h, Penalised) else 0.0
