"""What many countries invest where it may not be undone: growth of capital and multipliers from what would be invested
without the limit, both by hand of one price for all."""

from __future__ import annotations

from typing import Any

from econml_cli.problems.lazily import jax, jnp, np


def stiffness(D: np.ndarray) -> tuple[float, float]:
    """(own, common): by how much the Euler equation of a country moves with the growth of its capital alone, and those
    of all with that of any, where D [n, n] are the derivatives of the equations by the growth of capital. Alike
    countries have D = own I + common; of others these are means."""
    n = len(D)
    common = float(np.sum(D) - np.trace(D)) / (n * (n - 1)) if n > 1 else 0.0
    return float(np.trace(D)) / n - common, max(common, 0.0)


def limited(free: Any, k: Any, least: float, own: float, common: float) -> tuple[Any, Any]:
    """(growth of capital, the multiplier of its limit), each [n, countries]: of all growth g >= least and multipliers
    mu >= 0, one of which is 0 in each country, those with

        own (g_j - free_j) + xi = mu_j,    xi = common sum_i k_i (g_i - free_i).

    To first order these are the Euler equations about what would be invested without the limit: what a country may not
    take out of its capital is there for all to invest and to eat, so that the others invest less. xi, by how much that
    moves their price, is the root of an equation that is concave, increasing and linear between the points where a
    country more is bound: the largest of the roots of its pieces, of which there is one for each number of countries
    that are bound. Continuous, and linear wherever no country is at its limit.

    Args:
        free: growth without the limit, and k: capital, each [n, countries].
        least: the least growth. own, common: of `stiffness`.
    """
    gap = least - free
    _, lacking, weight = jax.lax.sort((-gap, k * gap, k), dimension=1, num_keys=1)
    others = k.sum(axis=1, keepdims=True) - jnp.cumsum(weight, axis=1)
    roots = common * own * jnp.cumsum(lacking, axis=1) / (own + common * others)
    xi = jnp.maximum(roots.max(axis=1, keepdims=True), 0)
    return jnp.maximum(free - xi / own, least), jnp.maximum(own * gap + xi, 0)
