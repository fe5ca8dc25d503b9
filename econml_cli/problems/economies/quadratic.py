"""A function of a few variables between -1 and 1 by a polynomial of the second degree, through its values in the
middle, where one variable is least or largest, and where two are largest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from econml_cli.problems.lazily import jnp, np

if TYPE_CHECKING:
    import jax


def _pairs(d: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(d) for j in range(i)]


def points(d: int) -> np.ndarray:
    """Where the values of a function of d >= 2 variables are needed, [1 + 2 d + d (d - 1) / 2, d]; first the middle."""
    ends = np.eye(d)
    alone = [sign * ends[i] for i in range(d) for sign in (-1, 1)]
    return np.stack([np.zeros(d), *alone, *(ends[i] + ends[j] for i, j in _pairs(d))])


def weights(u: jax.Array) -> jax.Array:
    """What the value at each of the points counts at u [n, d], [n, 1 + 2 d + d (d - 1) / 2]."""
    n, d = u.shape
    pairs = _pairs(d)
    together = jnp.stack([u[:, i] * u[:, j] for i, j in pairs], axis=1)
    others = [[k for k, pair in enumerate(pairs) if i in pair] for i in range(d)]
    of_each = jnp.stack([together[:, jnp.array(these)].sum(axis=1) for these in others], axis=1)
    least, largest = (u**2 - u) / 2, (u**2 + u) / 2 - of_each
    alone = jnp.stack([least, largest], axis=2).reshape(n, 2 * d)
    middle = 1 - (u**2).sum(axis=1) + together.sum(axis=1)
    return jnp.concatenate([middle[:, None], alone, together], axis=1)
