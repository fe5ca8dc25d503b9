"""Policies planted in the economies whose households save against income risk, right and wrong.

The network of such an economy says what would be eaten beside some share of cash, through a softplus (`FIRST`,
`SHARE`).
"""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from econml_cli.problems.economies import aiyagari as one_market
from econml_cli.problems.economies import buffer_stock as one_household
from econml_cli.problems.economies import krusell_smith as shocks_to_all
from tests.support.planted_models import EDGE, ONE_PER_CENT, Planted, inverse_softplus, models


def numbers(*others: float, binding: float = 0.9) -> dict[str, tuple[float, ...]]:
    """(a, s, b, most) of `eaten` of each policy, and these others after them; `binding`: the share of cash that is
    eaten at most where the limit never binds."""
    policies: Mapping[str, tuple[float, ...]] = {
        "exact": (0, 1, 0, 2),
        "constant consumption": (0, 0, 0, 2),
        "half slope": (0, 0.5, 0, 2),
        "steeper slope": (0, 1.5, 0, 2),
        "wrong level": (-ONE_PER_CENT, 1, 0, 2),
        "never binding": (0, 1, 0, binding),
        "other root": (0, 1, 0, 0.02),
        "1 % at the edge": (0, 1, ONE_PER_CENT, 2),
    }
    return {what: (*four, *others) for what, four in policies.items()}


def eaten(exact: Any, at_middle: float, m: Any, scaled: Any, n: Any) -> Any:
    """Eaten without the limit: (1 + a) (c + s (exact - c)) + b scaled exact, no more than the share `most` of m, where
    c is what is eaten at some middle, and `scaled` is log m, 1 at its largest."""
    wanted = (1 + n[0]) * (at_middle + n[1] * (exact - at_middle)) + n[2] * scaled * exact
    return jnp.minimum(wanted, n[3] * m)


def said(economy: Any, more: Any) -> Any:
    """What the network says in an economy (its module) where `more`, in incomes, is eaten beside the share of cash."""
    return (inverse_softplus(jnp.maximum(more, EDGE)) - np.log(np.expm1(economy.FIRST))) / economy.SHARE


def buffer_stock(problem: one_household.BufferStock) -> Planted:
    """c is what is eaten of the mean income."""
    middle = float(problem.truth(jnp.zeros((1, 1)))[0, 0])
    edge = np.log(problem.p.m_high)

    def f(x: Any, n: Any) -> Any:
        log_m = x * one_household.UNIT
        m = jnp.exp(log_m)
        return said(one_household, eaten(problem.truth(x), middle, m, log_m / edge, n) - problem.least * m)

    return models(f, numbers(binding=0.95))


def aiyagari(problem: one_market.Aiyagari) -> Planted:
    """c is what is eaten of mean cash; or the exact policy of a household at another rate."""
    middle = float(problem.truth(jnp.zeros((1, 3)))[0, 0])

    def f(x: Any, n: Any) -> Any:
        m, _, r = problem._state(x)
        wanted = eaten(problem.truth(x.at[:, 2].add(n[4])), middle, m[:, None], x[:, :1], n)
        return said(one_market, wanted - (problem._least(r) * m)[:, None])

    return models(f, {**numbers(0), "of another rate": (0, 1, 0, 2, 0.5)})


def krusell_smith(problem: shocks_to_all.KrusellSmith) -> Planted:
    """c is what is eaten of mean cash; or the exact policy at other capital, or in the other times."""
    middle = float(problem.truth(problem.observe(problem.start(1)))[0, 0])

    def f(x: Any, n: Any) -> Any:
        m = problem._state(x)[0][:, None]
        exact = problem.truth(x.at[:, 3].add(n[4]).at[:, 2].multiply(n[5]))
        more = eaten(exact, middle, m, x[:, :1], n) - (1 - problem.p.beta) * m
        return said(shocks_to_all, more / problem.wage)

    plants = {**numbers(0, 1), "of other capital": (0, 1, 0, 2, 0.5, 1), "of other times": (0, 1, 0, 2, 0, -1)}
    return models(f, plants)
