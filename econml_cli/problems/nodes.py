"""Where the x of one input stand in a sample: uniform draws, or fixed nodes."""

from __future__ import annotations

from typing import Literal

from econml_cli.problems.lazily import np

Nodes = Literal["uniform", "equispaced", "chebyshev"]


def nodes(kind: Literal["equispaced", "chebyshev"], n: int, low: float, high: float) -> np.ndarray:
    """n points of [low, high], ascending, float64: from end to end, or the roots of the Chebyshev polynomial T_n.

    Source: Trefethen (2019), Approximation Theory and Approximation Practice, chapter 2.
    """
    if kind == "equispaced":
        return np.linspace(low, high, n)
    roots = -np.cos(np.pi * (2 * np.arange(n) + 1) / (2 * n))
    return (low + high) / 2 + (high - low) / 2 * roots
