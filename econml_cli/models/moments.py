"""The moments of a set: a fixed representation that does not depend on the order of its elements."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from econml_cli.models.table import MomentsOptions


class Moments(nnx.Module):
    """phi(X) = means of x, x^2, ..., x^order over the elements x of a set X: [n, set] or [n, set, features] ->
    [n, order * features], the moments about 0, by order.

    What h reads does not grow with the set, so that a model can be called at another size of it. Source: Kahou,
    Fernandez-Villaverde, Perla and Sood (2021), "Exploiting Symmetry in High-Dimensional Dynamic Programming", whose
    networks "identity" and "moments" it stands before.

    Args:
        din: numbers in one observation: what `shape` multiplies to.
        shape: of one observation: (set,) for a set of scalars, which is also what None means, or (set, features).
        options: those of `MomentsOptions`.

    Attributes:
        dout: number of moments.

    Raises:
        ValueError: one observation is neither a vector nor a matrix.
    """

    def __init__(self, din: int, *, shape: tuple[int, ...] | None = None, **options: Any):
        p = MomentsOptions(**options)
        shape = shape or (din,)
        if len(shape) > 2:
            raise ValueError(f"one observation must be a set of scalars or of vectors, but its shape is {list(shape)}")
        self.order = p.order
        self.dout = p.order * (shape[1] if len(shape) == 2 else 1)

    def __call__(self, x: jax.Array) -> jax.Array:
        """The moments of x [n, set] or [n, set, features], of any set size, shaped [n, dout]."""
        found: jax.Array = self._of(x, jnp)
        return found

    def design(self, x: Any) -> np.ndarray:
        """The same in float64, whatever the precision of the model."""
        found: np.ndarray = self._of(np.asarray(x, np.float64), np)
        return found

    def _of(self, x: Any, module: Any) -> Any:
        x = x.reshape(*x.shape[:2], -1)
        power, means = x, [x.mean(axis=1)]
        for _ in range(1, self.order):
            power = power * x
            means.append(power.mean(axis=1))
        return module.concatenate(means, axis=1)
