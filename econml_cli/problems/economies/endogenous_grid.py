"""The endogenous grid method: the exact consumption of households who may not borrow, known where `saved` [points],
from 0, is saved. Cash on hand is then `saved` plus it, and less cash is all eaten. NumPy in float64, outside of jit.

Source: Carroll (2006), The Method of Endogenous Gridpoints, Economics Letters 91.
"""

from collections.abc import Callable

import numpy as np

#: rounds, at most
ROUNDS = 5000


def solved(
    worth: Callable[[np.ndarray], np.ndarray], begin: np.ndarray, *, gamma: float, same: float = 1e-10
) -> np.ndarray:
    """Consumption [..., points] whose marginal utility c^-gamma is what one more unit saved is worth.

    Args:
        worth: expected and discounted, [..., points], where `c` [..., points] is the consumption of the next period.
        begin: where to begin. same: it has ended where a round changes no consumption by a larger share.
    """
    c = begin
    for _ in range(ROUNDS):
        new = worth(c) ** (-1 / gamma)
        change, c = np.abs(new / c - 1).max(), new
        if change < same:
            break
    return c


def consumed(cash: np.ndarray, saved: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Consumption at cash [..., n] where c [..., points] is eaten at saved [points] + c, of the same leading shape;
    linear in between, and beyond the last."""
    lead, n = cash.shape[:-1], cash.shape[-1]
    cash, c = cash.reshape(-1, n), c.reshape(-1, c.shape[-1])
    c = np.pad(c, ((0, 0), (1, 0)))
    m = c + np.append(0.0, saved)
    # one search for all rows: each is moved behind the one before it
    row = np.arange(len(m))[:, None] * (2 * max(m.max(), cash.max()) + 1)
    inside = np.minimum(cash, m[:, -1:])
    found = np.interp((inside + row).ravel(), (m + row).ravel(), c.ravel()).reshape(cash.shape)
    slope = (c[:, -1:] - c[:, -2:-1]) / (m[:, -1:] - m[:, -2:-1])
    eaten: np.ndarray = (found + slope * (cash - inside)).reshape(*lead, n)
    return eaten
