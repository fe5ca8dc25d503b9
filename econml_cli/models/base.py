"""The contract between a model and everything else. What a model may have beside it is in docs/architecture.md."""

from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np

__all__ = ["Adapting", "Embedding", "LinearInParameters", "Model", "Penalised", "Solvable", "SolvableWithWeights"]


class Model(Protocol):
    """A map from observations to outputs: a module of Flax NNX, or any function that stands for one (a true policy)."""

    def __call__(self, x: jax.Array, /) -> jax.Array:
        """Outputs at x [n, ...], shaped [n, dout]."""


@runtime_checkable
class Solvable(Model, Protocol):
    """A model whose `solver` is not "gradient": it is solved, not trained."""

    def solve(self, x: Any, y: Any) -> dict[str, Any]:
        """Set the parameters to the solution for y [n, dout] at x [n, ...].

        Returns:
            What summary.json is to say of it, numbers by name, and `fitted`, the exact solution at x, [n, dout].
        """


class SolvableWithWeights(Model, Protocol):
    """A solvable model whose `solve` heeds weights of the observations."""

    def solve(self, x: Any, y: Any, w: Any = None) -> dict[str, Any]:
        """As that of `Solvable`, with weights w [n] of the squares; None: all are 1."""


@runtime_checkable
class LinearInParameters(Model, Protocol):
    """A model that is its design times weights, so that Newton's method can minimise a convex loss for it."""

    def design(self, x: Any) -> np.ndarray:
        """The design at x [n, ...], [n, k], in float64."""

    def assign(self, w: np.ndarray) -> None:
        """Set the weights of the columns of `design` to w [k, dout]."""


@runtime_checkable
class Adapting(Model, Protocol):
    """A model with arrays that depend on the training inputs and are not trained: a domain, centres."""

    def adapt(self, x: jax.Array) -> None:
        """Set them from the training inputs x [n, ...]; called once, after the weights are drawn."""


@runtime_checkable
class Penalised(Model, Protocol):
    """A model with a penalty that is added to the mean loss while it is trained."""

    def penalty(self, x: jax.Array) -> Any:
        """The penalty, a scalar, which may depend on x [n, ...]."""


@runtime_checkable
class Embedding(Model, Protocol):
    """A model with a representation of its inputs: what `predict --embed` writes."""

    def embed(self, x: jax.Array) -> jax.Array:
        """The representation of x [n, ...], [n, k]."""
