"""Distributions of households over points of their assets: those who keep something between two points are divided
among the two so that the mean is right.

Source: Young (2010), Solving the Incomplete Markets Model with Aggregate Uncertainty Using the Krusell-Smith Algorithm
and Non-stochastic Simulations, Journal of Economic Dynamics and Control 34.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from econml_cli.problems.lazily import jnp, np

if TYPE_CHECKING:
    import jax


def between(assets: Any, kept: Any, module: Any = None) -> tuple[Any, Any]:
    """(the point below, the share that goes to the point above it) of those who keep `kept` [...], each [...], over the
    points `assets` [points], which are in order; beyond the ends as at the ends. `module`: NumPy, or jax.numpy."""
    module = module or np
    kept = module.clip(kept, assets[0], assets[-1])
    below = module.clip(module.searchsorted(assets, kept, side="right") - 1, 0, len(assets) - 2)
    return below, (kept - assets[below]) / (assets[below + 1] - assets[below])


def moved(assets: Any, mass: jax.Array, kept: jax.Array) -> jax.Array:
    """The distribution after those of `mass` [e, points] keep `kept` [e, points], [e, points]."""
    assets = jnp.asarray(assets, mass.dtype)
    below, share = between(assets, kept, jnp)
    rows, above = jnp.arange(len(mass))[:, None], mass * share
    return jnp.zeros_like(mass).at[rows, below].add(mass - above).at[rows, below + 1].add(above)
