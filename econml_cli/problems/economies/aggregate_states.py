"""Good and bad times: who has work in them, what firms make and pay, and how capital moves where households insure each
other. There are two aggregate states z, bad and good, and two of a household e, without and with work."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from econml_cli.problems.economies import linearised
from econml_cli.problems.lazily import np

if TYPE_CHECKING:
    import numpy


def chances(jobless: Sequence[float], spell: Sequence[float], lasts: float) -> list[list[float]]:
    """The chances between (bad, jobless), (bad, working), (good, jobless), (good, working), rows from each.

    Where times turn bad the chance of staying without work is a quarter above that of bad times, where they turn good
    a quarter below that of good ones. Source: den Haan, Judd and Juillard (2010).

    Args:
        jobless: shares of households [z]. spell: how many periods they are without work [z]. lasts: and times last;
            both on average.
    """
    rows = []
    for z in (0, 1):
        without, with_work = list[float](), list[float]()
        for after in (0, 1):
            stays = (1 - 1 / spell[after]) * (1 if z == after else (1.25, 0.75)[after])
            loses = (jobless[after] - jobless[z] * stays) / (1 - jobless[z])
            time = 1 - 1 / lasts if z == after else 1 / lasts
            without += [time * stays, time * (1 - stays)]
            with_work += [time * loses, time * (1 - loses)]
        rows += [without, with_work]
    return rows


@dataclass(frozen=True, eq=False)
class Workers:
    """Who finds work: `moves` [z, e, z', e'], chances from each state, and `jobless` [z], the share without work."""

    moves: numpy.ndarray
    jobless: numpy.ndarray

    def given(self, z: int, after: int) -> numpy.ndarray:
        """The chances of a household between e and e' where the aggregate state goes from z to `after`, [e, e']."""
        part = self.moves[z, :, after, :]
        found: numpy.ndarray = part / part.sum(axis=1, keepdims=True)
        return found

    def spread(self, mass: numpy.ndarray, z: int) -> numpy.ndarray:
        """A distribution [e, points] with as many without work as there are in the aggregate state z."""
        out = self.jobless[z]
        moved: numpy.ndarray = mass * (np.array([out, 1 - out]) / mass.sum(axis=1))[:, None]
        return moved

    def one(self, z: numpy.ndarray, seed: int) -> numpy.ndarray:
        """Whether one household works over the aggregate states z [periods], [periods]; it does at first."""
        chance = np.random.default_rng(seed).random(len(z))
        work = np.ones(len(z), int)
        for t in range(1, len(z)):
            work[t] = chance[t] > self.given(z[t - 1], z[t])[work[t - 1], 0]
        return work


@dataclass(frozen=True, eq=False)
class Firms:
    """Firms that make z K^alpha L^(1-alpha) and pay capital and labour their marginal products, and a tax on wages
    that pays the jobless.

    Attributes:
        alpha: share of capital in income. delta: depreciation. benefit: of the jobless, as a share of the wage.
        productivity: [z]. jobless: the share of households without work, [z]. Who works has so much labour that there
            is 1 of it in bad times.
    """

    alpha: float
    delta: float
    benefit: float
    productivity: numpy.ndarray
    jobless: numpy.ndarray

    @functools.cached_property
    def worked(self) -> float:
        """The labour of one who works."""
        return float(1 / (1 - self.jobless[0]))

    @functools.cached_property
    def labour(self) -> numpy.ndarray:
        """That of all, [z]."""
        found: numpy.ndarray = self.worked * (1 - self.jobless)
        return found

    def at_rest(self, beta: float) -> float:
        """Log capital whose return is that of patience, the mean over the two states of labour."""
        ratio = self.alpha / (1 / beta - 1 + self.delta)
        return float(np.log(self.labour).mean() + np.log(ratio) / (1 - self.alpha))

    def made(self, K: Any, z: Any, module: Any) -> Any:
        """Output at capital K [...] in the aggregate states z [...], [...]. `module`: NumPy, or jax.numpy."""
        labour, productivity = (module.asarray(each)[z] for each in (self.labour, self.productivity))
        return productivity * K**self.alpha * labour ** (1 - self.alpha)

    def prices(self, log_K: Any, z: Any, module: Any) -> tuple[Any, Any]:
        """(gross return [...], incomes without and with work [..., 2]) at log capital [...] in the states z [...]."""
        labour, productivity = (module.asarray(each)[z] for each in (self.labour, self.productivity))
        log_ratio = log_K - module.log(labour)
        wage = (1 - self.alpha) * productivity * module.exp(self.alpha * log_ratio)
        gross = 1 - self.delta + self.alpha * productivity * module.exp((self.alpha - 1) * log_ratio)
        paid = self.worked - self.benefit * module.asarray(self.jobless / (1 - self.jobless))[z]
        return gross, module.stack([self.benefit * wage, paid * wage], axis=-1)

    def law_of_insured(self, beta: float, gamma: float, lasts: float) -> numpy.ndarray:
        """How capital moves where households insure each other, to the first order: (b_bad, s_bad, b_good, s_good) of
        x' = b_z + s_z x, x log capital from where it is `at_rest`."""
        alpha, delta, level = self.alpha, self.delta, 1 / beta - 1 + self.delta

        def gap(k: Any, k_next: Any, after: Any, a: Any, a_next: Any) -> Any:
            """Of logs; output over capital at rest is level / alpha."""
            made, made_next = (np.exp(b + alpha * of) * level / alpha for of, b in ((k, a), (k_next, a_next)))
            eaten = made + (1 - delta) * np.exp(k) - np.exp(k_next)
            eaten_next = made_next + (1 - delta) * np.exp(k_next) - np.exp(after)
            gross = 1 - delta + alpha * made_next / np.exp(k_next)
            return 1 - beta * (eaten_next / eaten) ** -gamma * gross

        A2, A1, A0, B0, B1 = linearised.derivatives(gap, [np.zeros(1)] * 5)
        P, Q = linearised.policy(A0, A1, A2, B0, B1, 1 - 2 / lasts)
        a = np.log(self.productivity) + (1 - alpha) * np.log(self.labour)
        b, s = Q[0, 0] * (a - a.mean()), P[0, 0]
        return np.array([b[0], s, b[1], s])
