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

    With `equivariant` f_i(X) = rho(x_i, pool of phi(x)) of each element, [n, set]: permuting elements permutes outputs.
    With `element_size` s > 1 an observation is a vector [n, s set] that has the first number of all elements, then the
    second, and so on.

    phi and rho are MLPs. Continuous functions that are invariant to permutations have this form, given enough latent
    numbers; no weight depends on the size of the set, so the same module can be called at another one. Source: Zaheer
    et al. (2017), "Deep Sets"; in economics Kahou, Fernandez-Villaverde, Perla and Sood, "Exploiting Symmetry in
    High-Dimensional Dynamic Programming", whose network is the default (67,589 parameters at one feature).

    Args:
        din: numbers in one observation: what `shape` multiplies to. dout: outputs; where they are equivariant those of
            all elements, the first of each, then the second.
        shape: of one observation: (set,) for a set of scalars, which is also what None means, or (set, features).
        options: those of `DeepSetOptions`.

    Raises:
        ValueError: one observation is neither a vector nor a matrix, or the elements do not divide it or the outputs.
    """

    #: held by a module only where they are not these
    equivariant = False
    element_size = 1

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
        if p.element_size > 1:
            shape = _elements(shape, p.element_size)
            self.element_size = p.element_size
        features = shape[1] if len(shape) == 2 else 1
        if p.equivariant:
            if dout % shape[0]:
                raise ValueError(f"{dout} outputs are not as many for each of {shape[0]} elements (--equivariant)")
            self.equivariant, dout = True, dout // shape[0]
        common = {"activation": p.activation, "init": p.init, "param_dtype": param_dtype, "rngs": rngs}
        self.phi = MLP(features, p.latent, p.phi_width, p.phi_depth, **common)
        self.rho = MLP(p.latent + features * p.equivariant, dout, p.rho_width, p.rho_depth, **common)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Values at x [n, set] or [n, set, features], of any set size, shaped [n, dout]."""
        z = self.embed(x)
        if not self.equivariant:
            return self.rho(z)
        x = self._of_elements(x)
        n, size = x.shape[:2]
        beside = jnp.broadcast_to(z[:, None], (n, size, z.shape[1]))
        out = self.rho(jnp.concatenate([x, beside], axis=2).reshape(n * size, -1))
        return out.reshape(n, size, -1).swapaxes(1, 2).reshape(n, -1)

    def embed(self, x: jax.Array) -> jax.Array:
        """The pooled latent of x [n, set] or [n, set, features], [n, latent]."""
        x = self._of_elements(x)
        n, size = x.shape[:2]
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

    def _of_elements(self, x: jax.Array) -> jax.Array:
        """x as [n, set, features]."""
        if self.element_size > 1:
            return x.reshape(len(x), self.element_size, -1).swapaxes(1, 2)
        return x.reshape(*x.shape[:2], -1)

    def _pooled(self, x: jax.Array) -> jax.Array:
        n, size, features = x.shape
        z = self.phi(x.reshape(n * size, features))
        return POOLS[self.pool](z.reshape(n, size, -1), axis=1)


def _elements(shape: tuple[int, ...], size: int) -> tuple[int, int]:
    """(set, features) of a vector whose elements have so many numbers."""
    if len(shape) != 1 or shape[0] % size:
        raise ValueError(f"one observation, of shape {list(shape)}, is no vector of elements of {size} numbers each")
    return shape[0] // size, size
