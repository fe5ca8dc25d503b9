"""Quantile regression of a model that is linear in its parameters, solved exactly: as a linear programme, by HiGHS."""

from collections.abc import Sequence

import numpy as np


def solve(levels: Sequence[float], z: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> np.ndarray:
    """The weights [k, len(levels)] of a design z [n, k] at which the pinball loss of y [n, 1] is least, with weights w
    [n] of the rows (None: all are 1).

    The dual programme is solved, max y'd with z'd = (1 - q) z'w and 0 <= d <= w, whose multipliers are the weights.

    Raises:
        ValueError: the programme has no solution within rounding.

    Source: Koenker (2005), Quantile Regression, section 6.2.
    """
    from scipy import optimize

    w = np.ones(len(z)) if w is None else w / np.mean(w)
    used = w > 0
    z, y, w = z[used], y[used], w[used]
    bounds = np.column_stack([np.zeros(len(w)), w])
    found = []
    for level in levels:
        right = (1 - level) * (z.T @ w)
        result = optimize.linprog(-y[:, 0], A_eq=z.T, b_eq=right, bounds=bounds, method="highs-ds")
        if not result.success:
            raise ValueError(f"its linear programme of the quantile {level:g} has no solution ({result.message})")
        found.append(-result.eqlin.marginals)
    return np.column_stack(found)
