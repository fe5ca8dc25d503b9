"""The stable solution of linearised equations of expectations, in float64 NumPy and SciPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from econml_cli.errors import ConfigError
from econml_cli.problems.lazily import np

#: the step of central differences, of variables of size 1
STEP = 1e-5


def derivatives(function: Callable[..., Any], at: Sequence[Any]) -> list[Any]:
    """Of a function of vectors [m] with values [n], at these vectors, one [n, m] for each of them."""
    found = []
    for i, vector in enumerate(at):
        columns = []
        for unit in STEP * np.eye(len(vector)):
            up, down = ([*at[:i], vector + sign * unit, *at[i + 1 :]] for sign in (1, -1))
            columns.append((function(*up) - function(*down)) / (2 * STEP))
        found.append(np.stack(columns, axis=1))
    return found


def policy(A0: Any, A1: Any, A2: Any, B0: Any, B1: Any, rho: float) -> tuple[Any, Any]:
    """(P [n, n], Q [n, m]) of k' = P k + Q a, the only solution that does not explode of

        A0 E[k''] + A1 k' + A2 k + B1 E[a'] + B0 a = 0,    E[a'] = rho a,

    by an ordered generalised Schur decomposition. Source: Blanchard and Kahn (1980), Econometrica 48; Klein (2000),
    Journal of Economic Dynamics and Control 24.

    Raises:
        ConfigError: there is none, or there are several.
    """
    from scipy.linalg import ordqz

    n = len(A0)
    none, one = np.zeros((n, n)), np.eye(n)
    today, tomorrow = np.block([[none, one], [-A2, -A1]]), np.block([[one, none], [none, A0]])
    _, _, above, below, _, Z = ordqz(today, tomorrow, sort="iuc")
    stable = int((np.abs(above) < np.abs(below)).sum())
    if stable != n:
        raise ConfigError(
            f"The equations of this calibration have {stable} stable roots at the steady state where {n} states need "
            f"as many: {'no' if stable < n else 'more than one'} policy leads back to it; try parameters nearer to the "
            "defaults."
        )
    P = np.linalg.solve(Z[:n, :n].T, Z[n:, :n].T).T
    return P, -np.linalg.solve(A0 @ P + A1 + rho * A0, rho * B1 + B0)
