"""The deep set: a function of a set, whatever the order of its elements and however many there are."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from econml_cli.models.mlp import MLP
from econml_cli.models.table import DeepSetOptions

POOLS: dict[str, Callable[..., jax.Array]] = {"mean": jnp.mean, "sum": jnp.sum, "max": jnp.max}
#: elements of sets that pass through phi at once where a batch holds more: the memory for its layers is bounded
BLOCK = 2**15


class DeepSet(nnx.Module):
    """f(X) = rho(pool of phi(x) over the elements x of X): [n, set] or [n, set, features] -> [n, dout].

    phi and rho are MLPs. Continuous functions that are invariant to permutations have this form, given enough latent
    numbers; no weight depends on the size of the set, so the same module can be called at another one. Source: Zaheer
    et al. (2017), "Deep Sets"; in economics Kahou, Fernandez-Villaverde, Perla and Sood, "Exploiting Symmetry in
    High-Dimensional Dynamic Programming", whose network is the default (67,589 parameters at one feature).

    Args:
        din: numbers in one observation: what `shape` multiplies to.
        shape: of one observation: (set,) for a set of scalars, which is also what None means, or (set, features).
        options: those of `DeepSetOptions`.

    Raises:
        ValueError: one observation is neither a vector nor a matrix.
    """

    def __init__(
        self,
        din: int,
        dout: int,
        *,
        shape: tuple[int, ...] | None = None,
        param_dtype: Any = jnp.float32,
        rngs: nnx.Rngs,
        **options: Any,
    ):
        p = DeepSetOptions(**options)
        shape = shape or (din,)
        if len(shape) > 2:
            raise ValueError(f"one observation must be a set of scalars or of vectors, but its shape is {list(shape)}")
        self.pool = p.pool
        features = shape[1] if len(shape) == 2 else 1
        common = {"activation": p.activation, "init": p.init, "param_dtype": param_dtype, "rngs": rngs}
        self.phi = MLP(features, p.latent, p.phi_width, p.phi_depth, **common)
        self.rho = MLP(p.latent, dout, p.rho_width, p.rho_depth, **common)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Values at x [n, set] or [n, set, features], of any set size, shaped [n, dout]."""
        return self.rho(self.embed(x))

    def embed(self, x: jax.Array) -> jax.Array:
        """The pooled latent of x [n, set] or [n, set, features], [n, latent]."""
        n, size = x.shape[:2]
        x = x.reshape(n, size, -1)
        blocks = min(-(-n * size // BLOCK), n)
        if blocks <= 1:
            return self._pooled(x)
        # some sets at a time, the first ones again to fill the last block; what phi computes on the way is computed
        # again for the gradient, not kept
        sets = -(-n // blocks)
        x = jnp.concatenate([x, x[: blocks * sets - n]])
        z = jax.lax.map(jax.checkpoint(self._pooled), x.reshape(blocks, sets, size, -1))
        pooled: jax.Array = z.reshape(blocks * sets, -1)[:n]
        return pooled

    def _pooled(self, x: jax.Array) -> jax.Array:
        n, size, features = x.shape
        z = self.phi(x.reshape(n * size, features))
        return POOLS[self.pool](z.reshape(n, size, -1), axis=1)
