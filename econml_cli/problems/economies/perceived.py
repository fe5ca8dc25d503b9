"""Many households and shocks to all of them: what they believe of capital, their exact policy under a belief, their
distribution period after period, and the belief that it bears out. NumPy in float64, outside of jit.

The states z and e are those of `aggregate_states`. A belief is a law of motion x' = b_z + s_z x of x = log K - log of
some middle, as the four numbers (b_bad, s_bad, b_good, s_good).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from econml_cli.problems.economies import endogenous_grid, histogram
from econml_cli.problems.economies.aggregate_states import Workers

#: a round of the endogenous grid that changes no consumption by a larger share is the last
SAME = 3e-8
#: periods that the law is estimated from, after those that are dropped
PERIODS, DROPPED = 3000, 500
#: of the search for the law: evaluations, how much of a first difference is gone, when it has ended
TRIES, DAMPED, NEAR = 20, 0.25, 2e-4


@dataclass(frozen=True, eq=False)
class Nodes:
    """Levels of log capital at which policies are known, between which polynomials go: Chebyshev's, about 0."""

    at: np.ndarray

    @classmethod
    def within(cls, half: float, count: int) -> "Nodes":
        """So many nodes between -half and half."""
        return cls(half * np.cos(np.pi * (np.arange(count) + 0.5) / count))

    def weights(self, x: Any, module: Any = np) -> Any:
        """What each node counts at x [...], [..., nodes]; of an x beyond the nodes that of the last one."""
        x = module.clip(x, self.at.min(), self.at.max())
        one = np.eye(len(self.at), dtype=bool)
        gaps = self.at[:, None] - self.at + one
        apart = (x[..., None, None] - module.asarray(self.at)) / module.asarray(gaps)
        return module.prod(module.where(one, 1.0, apart), axis=-1)


#: (gross return [nodes], incomes [nodes, e]) at log capital x [nodes] in the aggregate state z
Prices = Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]


def states(periods: int, lasts: float, seed: int) -> np.ndarray:
    """Aggregate states [periods], each of which lasts so many periods on average; the first is bad."""
    turns = np.random.default_rng(seed).random(periods - 1) < 1 / lasts
    return np.append(0, np.cumsum(turns) % 2)


def step(workers: Workers, assets: np.ndarray, mass: np.ndarray, kept: np.ndarray, z: int, after: int) -> np.ndarray:
    """The distribution of the next period, [e, points], where those of `mass` [e, points] at the points `assets` keep
    `kept` [e, points], see `histogram`."""
    points = len(assets)
    below, share = histogram.between(assets, kept)
    below, above = below + np.array([[0], [points]]), mass * share
    put = np.bincount(below.ravel(), (mass - above).ravel(), 2 * points)
    put += np.bincount(below.ravel() + 1, above.ravel(), 2 * points)
    return workers.given(z, after).T @ put.reshape(2, points)


def capital(
    workers: Workers, nodes: Nodes, middle: float, assets: np.ndarray, kept: np.ndarray, z: np.ndarray, mass: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(x = log K - middle at each of the aggregate states z [periods], the distribution of the period thereafter in
    the last of them) where `kept` [z, e, nodes, points] is what is saved at the points `assets`, from the distribution
    `mass` [e, points]."""
    found = np.empty(len(z))
    rows = kept.transpose(0, 2, 1, 3).reshape(2, len(nodes.at), -1)
    for t, now in enumerate(z):
        found[t] = np.log((mass @ assets).sum()) - middle
        saved = (nodes.weights(found[t : t + 1])[0] @ rows[now]).reshape(mass.shape)
        mass = step(workers, assets, mass, saved, now, z[min(t + 1, len(z) - 1)])
    return found, mass


def estimated(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """The law [4] by least squares of x' on x [periods] in each aggregate state, without the periods that are dropped;
    NaN where they say none."""
    law = np.full(4, np.nan)
    for state in (0, 1):
        these = DROPPED + np.flatnonzero(z[DROPPED:-1] == state)
        before = x[these]
        if np.isfinite(x).all() and np.ptp(before) > 0:
            law[2 * state + 1], law[2 * state] = np.polyfit(before, x[these + 1], 1)
    return law


def foretold(law: np.ndarray, z: np.ndarray, first: float) -> np.ndarray:
    """x at each of the aggregate states z [periods] by the law alone, from its first value: it is never told where
    capital has gone. Source: den Haan (2010), Assessing the Accuracy of the Aggregate Law of Motion in Models with
    Heterogeneous Agents, Journal of Economic Dynamics and Control 34."""
    found = np.empty(len(z))
    found[0] = first
    for t, now in enumerate(z[:-1]):
        found[t + 1] = law[2 * now] + law[2 * now + 1] * found[t]
    return found


def borne_out(simulated: Callable[[np.ndarray], np.ndarray], middle: np.ndarray, half: np.ndarray) -> np.ndarray:
    """The law [4] that is estimated where it is believed, `simulated(law) = law`, by Broyden's method; NaN where none
    is found between middle - half and middle + half [4]."""
    from scipy import optimize

    def lacking(u: np.ndarray) -> np.ndarray:
        u = np.clip(u, -1, 1)
        lacks: np.ndarray = np.nan_to_num((simulated(middle + half * u) - middle) / half - u, nan=1e3)
        return lacks

    options = {"maxiter": TRIES, "fatol": NEAR, "line_search": None, "jac_options": {"alpha": DAMPED}}
    found: Any = optimize.root(lacking, np.zeros(4), method="broyden1", options=options)
    good = found.success and np.abs(found.x).max() <= 1
    law: np.ndarray = middle + half * found.x if good else np.full(4, np.nan)
    return law


@dataclass(frozen=True, eq=False)
class Households:
    """All households of an economy, and what they would do if they computed it exactly.

    Attributes:
        workers: who finds work. prices: gross returns and incomes at log capital from its `middle`.
        nodes: levels of capital at which policies are known. saved: the savings at which they are, [points], from 0.
        assets: the points of the distribution.
        beta: discount factor. gamma: relative risk aversion.
    """

    workers: Workers
    prices: Prices
    middle: float
    nodes: Nodes
    saved: np.ndarray
    assets: np.ndarray
    beta: float
    gamma: float

    def policy(self, law: np.ndarray, begin: np.ndarray | None = None) -> np.ndarray:
        """The exact consumption of those who believe in a law [4], [z, e, nodes, points], see `endogenous_grid`;
        `begin`: where to begin, such as the policy of another law."""
        count, points, moves = len(self.nodes.at), len(self.saved), self.workers.moves
        ahead = []
        for z in (0, 1):
            x = law[2 * z] + law[2 * z + 1] * self.nodes.at
            ahead.append((self.nodes.weights(x), [self.prices(x, after) for after in (0, 1)]))

        def worth(c: np.ndarray) -> np.ndarray:
            marginal = np.zeros_like(c)
            for z, (weights, then) in enumerate(ahead):
                for after, (R, income) in enumerate(then):
                    cash = R[:, None] * self.saved + income.T[:, :, None]  # [e', nodes, points]
                    eaten = endogenous_grid.consumed(cash, self.saved, weights @ c[after])
                    marginal[z] += np.tensordot(moves[z, :, after, :], R[:, None] * eaten**-self.gamma, axes=1)
            return self.beta * marginal

        if begin is None:
            _, middle = self.prices(np.zeros(1), 1)
            begin = np.broadcast_to(middle.max() / 2 + (1 - self.beta) * self.saved, (2, 2, count, points))
        return endogenous_grid.solved(worth, begin, gamma=self.gamma, same=SAME)

    def kept(self, c: np.ndarray) -> np.ndarray:
        """What is saved at the points of the distribution where consumption is `policy`'s, [z, e, nodes, points]."""
        kept = []
        for z in (0, 1):
            gross, income = self.prices(self.nodes.at, z)
            cash = gross[:, None] * self.assets + income.T[:, :, None]
            kept.append(cash - endogenous_grid.consumed(cash, self.saved, c[z]))
        return np.stack(kept)

    def capital(self, kept: np.ndarray, z: np.ndarray, mass: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`capital` over the aggregate states z [periods] from a distribution which has as many without work as there
        are in the first of them."""
        return capital(self.workers, self.nodes, self.middle, self.assets, kept, z, self.workers.spread(mass, z[0]))

    def borne_out(
        self,
        kept: Callable[[np.ndarray], np.ndarray],
        mass: np.ndarray,
        z: np.ndarray,
        middle: np.ndarray,
        half: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """(the law which households bear out that save `kept(law)` over the aggregate states z, [4], see `borne_out`;
        their distribution at the end), from the distribution `mass`."""
        _, mass = self.capital(kept(middle), z, mass)

        def simulated(law: np.ndarray) -> np.ndarray:
            return estimated(self.capital(kept(law), z, mass)[0], z)

        return borne_out(simulated, middle, half), mass

    def equilibrium(
        self, z: np.ndarray, middle: np.ndarray, half: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(the law that the exact policy bears out over the aggregate states z, [4]; that policy; the distribution
        [e, points]): NaN where `borne_out` finds no law."""
        last: list[np.ndarray] = []

        def kept(law: np.ndarray) -> np.ndarray:
            last[:] = [self.policy(law, last[0] if last else None)]
            return self.kept(last[0])

        spread = np.exp(-(((self.assets / np.exp(self.middle) - 1) / 0.4) ** 2)) * np.gradient(self.assets)
        law, mass = self.borne_out(kept, np.outer([0.5, 0.5], spread / spread.sum()), z, middle, half)
        found = self.policy(law, last[0]) if np.isfinite(law).all() else np.full_like(last[0], np.nan)
        return law, found, mass
