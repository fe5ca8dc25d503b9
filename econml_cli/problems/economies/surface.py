"""A policy of two variables that solves its functional equation: Chebyshev collocation in float64, as `curve`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from econml_cli.errors import ConfigError
from econml_cli.problems.lazily import np

#: Newton steps at most; a change that is none any more; how large a residual may be between the nodes
STEPS, SETTLED, EXACT = 40, 1e-13, 1e-6

#: the policy at states, float64 [n, 2] -> [n]
Policy = Callable[[Any], Any]


@dataclass(frozen=True)
class Surface:
    """A polynomial on low <= x <= high [2], a product of Chebyshev's in each variable, and its tangent beyond."""

    low: Any
    high: Any
    coefficients: Any

    def __call__(self, x: Any, module: Any) -> Any:
        """Its values at x [n, 2], [n]; `module` is NumPy or JAX's."""
        low, high = (module.asarray(end, x.dtype) for end in (self.low, self.high))
        inside = module.clip(x, low, high)
        s = (2 * inside - low - high) / (high - low)
        rows, columns = self.coefficients.shape
        first, second = _basis(s[:, 0], rows, module), _basis(s[:, 1], columns, module)

        def at(coefficients: Any) -> Any:
            m, n = coefficients.shape
            return ((first[:, :m] @ module.asarray(coefficients, x.dtype)) * second[:, :n]).sum(axis=1)

        steps = 2 * (x - inside) / (high - low)
        slopes = (np.polynomial.chebyshev.chebder(self.coefficients, axis=axis) for axis in (0, 1))
        return at(self.coefficients) + sum(steps[:, axis] * at(slope) for axis, slope in enumerate(slopes))


def _basis(s: Any, count: int, module: Any) -> Any:
    """Chebyshev's polynomials of the degrees 0 to count - 1 at s [n], [n, count]."""
    rows = [module.ones_like(s), s]
    while len(rows) < count:
        rows.append(2 * s * rows[-1] - rows[-2])
    return module.stack(rows[:count], axis=1)


def solved(
    residual: Callable[[Policy, Any], Any], guess: Policy, low: Any, high: Any, degrees: tuple[int, int]
) -> Surface:
    """The policy u for which residual(u, x) is 0 at all states x between low and high [2].

    Newton's method on the values at the product of Chebyshev nodes, from `guess`, with halved steps where a whole one
    does not lower the residual. The Jacobian is by differences. Source: Judd (1998), Numerical Methods in Economics,
    chapter 11.

    Args:
        residual: (a policy, states [n, 2]) -> [n]; it may ask for the policy at other states.
        degrees: of the polynomial in each variable.

    Raises:
        ConfigError: it is not solved, between the nodes either.
    """
    low, high = np.asarray(low, float), np.asarray(high, float)
    nodes = [np.polynomial.chebyshev.chebpts1(degree + 1) for degree in degrees]
    grid = np.stack([part.ravel() for part in np.meshgrid(*nodes, indexing="ij")], axis=1)
    x = 0.5 * (low + high) + 0.5 * (high - low) * grid
    shape = (degrees[0] + 1, degrees[1] + 1)
    inverses = [np.linalg.inv(_basis(part, len(part), np)) for part in nodes]

    def surface(values: Any) -> Surface:
        return Surface(low, high, inverses[0] @ values.reshape(shape) @ inverses[1].T)

    def at(values: Any, states: Any) -> Any:
        found = surface(values)
        return residual(lambda asked: found(asked, np), states)

    values = guess(x)
    left = at(values, x)
    jacobian, before = None, np.inf
    for _ in range(STEPS):
        size_of = np.abs(left).max()
        if jacobian is None or size_of > 0.1 * before:  # one that still serves costs nothing
            jacobian = np.stack([(at(values + 1e-7 * one, x) - left) / 1e-7 for one in np.eye(len(x))], axis=1)
        before = size_of
        change = np.linalg.solve(jacobian, left)
        for size in 0.5 ** np.arange(12):
            tried = at(values - size * change, x)
            if np.isfinite(tried).all() and np.abs(tried).max() < max(size_of, 1e-12):
                break
        values, left = values - size * change, tried
        if np.abs(size * change).max() < SETTLED:
            break
    between = low + (high - low) * np.stack(
        [part.ravel() for part in np.meshgrid(*[np.linspace(0.02, 0.98, 15)] * 2, indexing="ij")], axis=1
    )
    worst = float(np.abs(at(values, between)).max())
    if not worst < EXACT:
        raise ConfigError(
            "The exact policy of this calibration was not found (a residual of "
            f"{worst:.1g} is left), so that nothing could be said of a fit; try parameters nearer to the defaults."
        )
    return surface(values)
