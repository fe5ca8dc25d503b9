"""Households whose incomes nobody insures: the chain of incomes, the exact policy of one of them, the distribution of
their wealth, and the interest rate at which a market clears. NumPy in float64, outside of jit."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from econml_cli.problems.economies import endogenous_grid, histogram

#: of the distribution: the chance that a household begins anew, rounds, and the mass that moves where it is at rest
ANEW, ROUNDS, REST = 1e-8, 20, 1e-13
#: how near the clearing rate is found
NEAR = 1e-9


@dataclass(frozen=True, eq=False)
class Chain:
    """A Markov chain of incomes: `levels` [n] with mean 1, `moves` [n, n], rows the chances from each state, and
    `share` [n] of households in each."""

    levels: np.ndarray
    moves: np.ndarray
    share: np.ndarray


def rouwenhorst(n: int, rho: float, sigma: float) -> Chain:
    """The chain of n >= 2 states whose log has the persistence rho and the standard deviation sigma, evenly spaced.

    Source: Kopecky and Suen (2010), Finite State Markov-chain Approximations to Highly Persistent Processes, Review of
    Economic Dynamics 13.
    """
    p = (1 + rho) / 2
    moves = np.array([[p, 1 - p], [1 - p, p]])
    for size in range(3, n + 1):
        larger = np.zeros((size, size))
        for rows, columns, chance in ((0, 0, p), (0, 1, 1 - p), (1, 0, 1 - p), (1, 1, p)):
            larger[rows : rows + size - 1, columns : columns + size - 1] += chance * moves
        larger[1:-1] /= 2
        moves = larger
    share = np.array([math.comb(n - 1, i) for i in range(n)]) / 2 ** (n - 1)
    levels = np.exp(sigma * math.sqrt(n - 1) * np.linspace(-1, 1, n))
    return Chain(levels / (share @ levels), moves, share)


def policy(
    levels: np.ndarray,
    moves: np.ndarray,
    saved: np.ndarray,
    *,
    beta: float,
    gamma: float,
    R: float,
    begin: np.ndarray | None = None,
) -> np.ndarray:
    """The exact consumption [n, points] in n states of income where `saved` [points] is saved, see `endogenous_grid`.

    Args:
        levels: incomes of the next period [q]. moves: their chances in each state [n, q]. Where income is independent
            over time there is one state; else each level is one, q = n.
        begin: where to begin, such as the policy at another R.
    """
    least = max(1 - (beta * R) ** (1 / gamma) / R, 0.0)
    cash = R * saved + levels[:, None]

    def worth(c: np.ndarray) -> np.ndarray:
        ahead = endogenous_grid.consumed(cash, saved, np.broadcast_to(c, cash.shape))
        value: np.ndarray = beta * R * (moves @ ahead**-gamma)
        return value

    first = np.tile(1 + least * saved, (len(moves), 1)) if begin is None else begin
    return endogenous_grid.solved(worth, first, gamma=gamma)


def mean_assets(chain: Chain, assets: np.ndarray, kept: np.ndarray) -> float:
    """Mean assets in the stationary distribution of households over the points `assets` [points], which are in order,
    where those of income state j with assets[i] keep kept[j, i] (see `histogram`); NaN where `kept` is not finite.
    """
    if not np.isfinite(kept).all():
        return float("nan")
    from scipy import sparse

    n, points = kept.shape
    below, above = histogram.between(assets, kept)
    # from (j, i) to (j', below) and (j', below + 1)
    state, at = np.indices((n, n, points))[:2], np.arange(points)
    after, before = state[1] * points, state[0] * points + at
    chance = chain.moves[:, :, None]
    rows = np.concatenate([(after + below[:, None]).ravel(), (after + below[:, None] + 1).ravel()])
    values = np.concatenate([(chance * (1 - above)[:, None]).ravel(), (chance * above[:, None]).ravel()])
    move = sparse.coo_matrix((values, (rows, np.tile(before.ravel(), 2))), shape=(kept.size, kept.size)).tocsc()
    mass = at_rest(move, np.outer(chain.share, np.full(points, 1 / points)).ravel())
    return float(mass.reshape(n, points).sum(axis=0) @ assets)


def at_rest(move: Any, begin: np.ndarray) -> np.ndarray:
    """The stationary distribution [states] that the mass `begin` [states] tends to, where `move` [states, states],
    sparse, has the chances from each column: inverse iteration with (1 - ANEW) of `move`.

    One round is the distribution of households that begin anew, as in `begin`, with the chance ANEW in each period, so
    that it exists whatever the classes of the chain; each divides what is left of a mode of eigenvalue v by about
    (1 - v) / ANEW.
    """
    from scipy import sparse
    from scipy.sparse.linalg import splu

    solved, mass = splu(sparse.identity(len(begin), format="csc") - (1 - ANEW) * move), begin
    for _ in range(ROUNDS):
        mass = solved.solve(mass)
        mass = mass / mass.sum()
        if np.abs(move @ mass - mass).sum() < REST:
            break
    return mass


def clearing(excess: Callable[[float], float], low: float, high: float) -> float:
    """The rate between low and high at which excess supply is 0; NaN where it is not negative at the one and positive
    at the other."""
    from scipy import optimize

    if not (excess(low) < 0 < excess(high)):
        return float("nan")
    found: Any = optimize.brentq(excess, low, high, xtol=NEAR)
    return float(found)
