"""Neoclassical growth with log utility: technology, Euler equation, steady states, and the exact path."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from econml_cli.errors import ConfigError
from econml_cli.problems.economies import economics
from econml_cli.problems.lazily import jax, jnp, np

#: a path has arrived where it is so near its end, as a share, and Newton's method where it moves by less
ARRIVED, CONVERGED = 1e-15, 1e-13
#: Newton steps, and halvings of one that would make consumption negative
STEPS, HALVINGS = 200, 50
#: consumption below this share of its steady state counts as infeasible in the loss
FLOOR = 1e-3


@dataclass(frozen=True)
class Neoclassical:
    """max sum beta^t log c_t subject to c_t + k_{t+1} = f(k_t) + (1-delta) k_t, f(k) = z^(1-alpha) k^alpha,
    z_t = (1+g)^t.

    Its functions take NumPy and JAX arrays alike, of any shape. The steady state is in units of z: on the balanced path
    k_t = z_t k_ss.
    """

    alpha: float
    beta: float
    delta: float
    g: float = 0.0

    def resources(self, k: Any, z: Any = 1.0) -> Any:
        """f(k) + (1-delta) k: what can be eaten or kept."""
        return z ** (1 - self.alpha) * k**self.alpha + (1 - self.delta) * k

    def gross_return(self, k: Any, z: Any = 1.0) -> Any:
        """1 - delta + f'(k)."""
        return 1 - self.delta + self.alpha * (z / k) ** (1 - self.alpha)

    @property
    def k_ss(self) -> float:
        """Where beta (1 - delta + f'(k)) = 1 + g."""
        return float((self.alpha / ((1 + self.g) / self.beta - 1 + self.delta)) ** (1 / (1 - self.alpha)))

    @property
    def c_ss(self) -> float:
        """Consumption there."""
        eaten: float = self.resources(self.k_ss) - (1 + self.g) * self.k_ss
        return eaten

    @property
    def k_max(self) -> float:
        """The capital that nothing is left to eat from, f(k) = (delta+g) k: the wrong fixed point; inf where there is
        none."""
        wears = self.delta + self.g
        return wears ** (-1 / (1 - self.alpha)) if wears > 0 else float("inf")

    @property
    def persistence(self) -> float:
        """The stable root of the Euler equation linearised at k_ss: what share of the distance is left a period on."""
        grows = 1 + self.g
        bends = self.c_ss * self.beta * self.alpha * (1 - self.alpha) * self.k_ss ** (self.alpha - 2)
        gross = grows / self.beta
        a, b, c = grows**2, grows * gross + grows**2 + bends, grows * gross
        root: float = 2 * c / (b + math.sqrt(b * b - 4 * a * c))  # the smaller one of a x^2 - b x + c
        return root

    def units(self) -> tuple[float, float]:
        """(periods, capital) in which this economy moves as the source's baseline does in periods and in capital of 1:
        the periods in which as much of a small distance to the steady state is left as there in one, at least 1, and
        the steady state relative to the one there."""
        base = BASELINE
        return max(1.0, math.log(base.persistence) / math.log(self.persistence)), self.k_ss / base.k_ss

    def euler(self, c: jax.Array, c_next: jax.Array, gross: jax.Array) -> tuple[jax.Array, jax.Array]:
        """(c_{t+1}/c_t - beta R_{t+1}, the same free of units), each of the shape of c.

        The second is c_{t+1} / (beta R_{t+1} c_t) - 1: by how much the Euler equation would have consumption differ.
        Consumption that is not feasible is kept positive and its shortfall added, away from zero.
        """
        floor = FLOOR * self.c_ss
        (c, short), (c_next, short_next) = economics.positive(c, floor), economics.positive(c_next, floor)
        gap = c_next / c - self.beta * gross
        gap = gap + jnp.where(gap < 0, -1, 1) * (short + short_next)
        return gap, gap / (self.beta * gross)

    def path(self, k0: float, periods: int) -> np.ndarray:
        """Capital in units of z on the saddle path from k_0, [periods or more], until it is k_ss to rounding.

        Newton's method on all Euler equations at once, with k_ss at the far end, in float64.

        Raises:
            ConfigError: it does not converge.
        """
        from scipy.linalg import solve_banded

        until = int(np.ceil(np.log(ARRIVED) / np.log(self.persistence)))
        # all of k_1, k_2, ...: the linearised path in logs, on which consumption is positive even from little capital
        k = self.k_ss * (k0 / self.k_ss) ** (self.persistence ** np.arange(1, max(periods, until) + 1))
        for _ in range(STEPS):
            change = solve_banded((1, 1), *self._newton(k0, k))
            size = next((0.5**i for i in range(HALVINGS) if self._feasible(k0, k - 0.5**i * change)), 0.0)
            k = k - size * change
            if size == 1 and np.abs(change / k).max() < CONVERGED:
                return np.concatenate([[k0], k])
        raise ConfigError(
            f"The exact path of capital from {k0:g} to its steady state {self.k_ss:g} was not found; try a start "
            "nearer to it."
        )

    def _ahead(self, k0: float, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(k_0 .. k_ss with the end, consumption of each period but the last)."""
        whole = np.concatenate([[k0], k, [self.k_ss]])
        return whole, self.resources(whole[:-1]) - (1 + self.g) * whole[1:]

    def _feasible(self, k0: float, k: np.ndarray) -> bool:
        return bool(np.all(k > 0) and np.all(self._ahead(k0, k)[1] > 0))

    def _newton(self, k0: float, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The Jacobian in diagonal form [3, T] and the residual [T] of (1+g) c_{t+1} - beta c_t R(k_{t+1}) = 0."""
        whole, c = self._ahead(k0, k)
        gross, grows = self.gross_return(whole), 1 + self.g
        bend = self.alpha * (self.alpha - 1) * k ** (self.alpha - 2)
        residual = grows * c[1:] - self.beta * c[:-1] * gross[1:-1]
        bands = np.zeros((3, len(k)))
        bands[0, 1:] = -(grows**2)
        bands[1] = grows * gross[1:-1] * (1 + self.beta) - self.beta * c[:-1] * bend
        bands[2, :-1] = -self.beta * gross[2:-1] * gross[1:-2]
        return bands, residual


#: the calibration of Kahou, Fernandez-Villaverde, Gomez-Cardona, Perla and Rosa, for which their networks are made
BASELINE = Neoclassical(alpha=1 / 3, beta=0.9, delta=0.1)
