"""Piecewise linear functions of each input: a fixed representation phi(x), the numerical embedding of tables."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from econml_cli.models.least_squares import Fixed
from econml_cli.models.table import PiecewiseOptions


class PiecewiseLinear(nnx.Module):
    """phi(x): every input, and beside it how far it has come through each of `bins` intervals of it: 0 below, 1 above,
    linear between, [n, din] -> [n, din (1 + bins)].

    The intervals are learnt from the training inputs: they end at the quantiles 0, 1 / bins, ..., 1 of an input. Where
    two of these are the same (a dummy, many zeros) the interval is empty, and its column 0. What h makes of phi bends
    at the quantiles before it has learnt anything, and goes on linearly beyond them.

    Source: Gorishniy, Rubachev and Babenko (2022), "On Embeddings for Numerical Features in Tabular Deep Learning",
    NeurIPS 35: their piecewise linear encoding, by quantiles.

    Args:
        options: those of `PiecewiseOptions`.

    Attributes:
        dout: number of features.
    """

    def __init__(self, din: int, *, param_dtype: Any = jnp.float32, **options: Any):
        self.bins = PiecewiseOptions(**options).bins
        self.din, self.dout = din, din * (1 + self.bins)
        empty = np.zeros((din, self.bins))
        self.low, self.width = Fixed(jnp.asarray(empty, param_dtype)), Fixed(jnp.asarray(1 + empty, param_dtype))
        self.top = Fixed(jnp.asarray(empty, param_dtype))

    def __call__(self, x: jax.Array) -> jax.Array:
        """phi(x) of x [n, ...], shaped [n, dout]; an observation that is not a vector is read as one."""
        found: jax.Array = _columns(jnp, x.reshape(len(x), -1), self.low[...], self.width[...], self.top[...])
        return found

    def design(self, x: Any) -> np.ndarray:
        """phi(x) in float64, whatever the precision of the model."""
        arrays = (np.asarray(fixed[...], np.float64) for fixed in (self.low, self.width, self.top))
        found: np.ndarray = _columns(np, np.asarray(x, np.float64).reshape(len(x), -1), *arrays)
        return found

    def adapt(self, x: Any) -> None:
        """Learn the intervals from the training inputs x [n, ...]."""
        x = np.asarray(x, np.float64).reshape(len(x), -1)
        ends = np.quantile(x, np.linspace(0, 1, self.bins + 1), axis=0).T
        low, width = ends[:, :-1], np.diff(ends, axis=1)
        dtype = self.low[...].dtype
        self.low[...] = jnp.asarray(low, dtype)
        self.width[...] = jnp.asarray(np.where(width > 0, width, 1.0), dtype)
        self.top[...] = jnp.asarray(width > 0, dtype)


def _columns(module: Any, x: Any, low: Any, width: Any, top: Any) -> Any:
    """x [n, din] and its parts in the intervals [din, bins], of which a column is at most `top`; by jax or NumPy."""
    parts = module.clip((x[:, :, None] - low) / width, 0, top)
    return module.concatenate([x, parts.reshape(len(x), -1)], axis=1)
