"""The saddle path of neoclassical growth in continuous time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from econml_cli.errors import ConfigError
from econml_cli.problems.economies.neoclassical import Neoclassical
from econml_cli.problems.lazily import np

#: from where on a path is the one of the linearised equations, as a share of the steady state
NEAR = 1e-6
#: the longest path that is followed, in units of its slow rate
LONGEST = 100.0


@dataclass(frozen=True)
class SaddlePath:
    """max of the integral of e^(-rho t) log c subject to k' = f(k) - delta k - c, f(k) = k^alpha, k(0) = k_0: the path
    of c'/c = f'(k) - delta - rho that ends at the steady state."""

    alpha: float
    delta: float
    rho: float
    k0: float

    @cached_property
    def technology(self) -> Neoclassical:
        """The same economy in discrete time, of which steady state and technology are the same."""
        return Neoclassical(self.alpha, 1 / (1 + self.rho), self.delta)

    @property
    def root(self) -> float:
        """The stable root, < 0, of the equations linearised at the steady state: the rate at which a distance to it
        goes to 0."""
        e = self.technology
        bends = e.c_ss * self.alpha * (1 - self.alpha) * e.k_ss ** (self.alpha - 2)
        return 0.5 * (self.rho - math.sqrt(self.rho**2 + 4 * bends))

    @cached_property
    def at(self) -> Callable[[np.ndarray], np.ndarray]:
        """t [n] -> (k, c) [2, n], float64. Backward in time the saddle path attracts what begins beside it, so that it
        is integrated from beside the steady state, on the line of the stable root, to k_0.

        Raises:
            ConfigError: it does not get there.
        """
        from scipy.integrate import solve_ivp

        e, rest = self.technology, np.array([self.technology.k_ss, self.technology.c_ss])
        away = self.k0 - e.k_ss
        near = math.copysign(min(NEAR * e.k_ss, abs(away)), away) * np.array([1.0, self.rho - self.root])

        def backward(_: float, y: np.ndarray) -> list[float]:
            k, c = y
            return [k + c - e.resources(k), c * (1 + self.rho - e.gross_return(k))]

        def there(_: float, y: np.ndarray) -> float:
            return float(y[0] - self.k0)

        there.terminal = True  # type: ignore[attr-defined]
        end = 0.0
        if abs(away) > NEAR * e.k_ss:
            found = solve_ivp(
                backward, (0, LONGEST / -self.root), rest + near, method="DOP853",
                rtol=1e-12, atol=1e-14, events=there, dense_output=True,
            )  # fmt: skip
            if not found.t_events[0].size:
                raise ConfigError(
                    f"The exact path of capital from {self.k0:g} to its steady state {e.k_ss:g} was not found; try a "
                    "start nearer to it."
                )
            end = float(found.t[-1])

        def at(t: np.ndarray) -> np.ndarray:
            t = np.asarray(t, np.float64)
            path = rest[:, None] + near[:, None] * np.exp(self.root * np.maximum(t - end, 0))
            return np.where(t < end, found.sol(np.maximum(end - t, 0)), path) if end else path

        return at
