"""A policy of one variable that solves its functional equation: Chebyshev collocation in float64, exact to rounding
where the policy is smooth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from econml_cli.errors import ConfigError
from econml_cli.problems.lazily import np

#: of the polynomial; how large a residual may be between its nodes, relative to the policy at the worst; Newton steps
DEGREE, EXACT, STEPS = 40, 1e-6, 50

#: the policy at some states, float64 of any shape
Policy = Callable[[Any], Any]


@dataclass(frozen=True)
class Curve:
    """A polynomial on [low, high] in the Chebyshev basis, and its tangent beyond."""

    low: float
    high: float
    coefficients: Any

    def __call__(self, x: Any, module: Any) -> Any:
        """Its values at x, of the shape of x; `module` is NumPy or JAX's."""
        inside = module.clip(x, self.low, self.high)
        s = (2 * inside - self.low - self.high) / (self.high - self.low)
        value, slope = (np.polynomial.chebyshev.chebval(s, c) for c in (self.coefficients, self._derivative()))
        return value + slope * (x - inside)

    def _derivative(self) -> Any:
        return np.polynomial.chebyshev.chebder(self.coefficients) * 2 / (self.high - self.low)


def solved(residual: Callable[[Policy, Any], Any], guess: Policy, low: float, high: float) -> Curve:
    """The policy u for which residual(u, x) is 0 at all states x of [low, high].

    Newton's method on the values at Chebyshev nodes, from `guess`. The Jacobian is by differences. Source: Judd (1998),
    Numerical Methods in Economics, chapter 11.

    Args:
        residual: (a policy, states [n]) -> [n]; it may ask for the policy at other states.

    Raises:
        ConfigError: it is not solved to rounding, between the nodes either.
    """
    nodes = np.polynomial.chebyshev.chebpts1(DEGREE + 1)
    basis = np.polynomial.chebyshev.chebvander(nodes, DEGREE)
    x = 0.5 * (low + high) + 0.5 * (high - low) * nodes

    def curve(values: Any) -> Curve:
        return Curve(low, high, np.linalg.solve(basis, values))

    def at(values: Any, states: Any) -> Any:
        found = curve(values)
        return residual(lambda asked: found(asked, np), states)

    values = guess(x)
    size = np.abs(values).max()
    step = np.sqrt(np.finfo(float).eps) * size
    for _ in range(STEPS):
        left = at(values, x)
        jacobian = np.stack([(at(values + step * one, x) - left) / step for one in np.eye(len(x))], axis=1)
        change = np.linalg.solve(jacobian, left)
        values = values - change
        if np.abs(change).max() < 1e-14 * size:
            break
    scale = np.abs(np.diag(jacobian)).max() * size
    if not np.abs(at(values, np.linspace(low, high, 4 * DEGREE))).max() < EXACT * scale:
        raise ConfigError(
            f"The exact policy between the states {low:g} and {high:g} was not found, so that nothing could be said of "
            "a fit; try parameters nearer to the defaults."
        )
    return curve(values)
