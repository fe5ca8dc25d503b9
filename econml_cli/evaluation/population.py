"""The population risk of a simulated problem, by fresh draws."""

import math
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from flax import nnx

#: draws held at once; a last block that is not full is drawn in full and cut, so that one program is compiled
BLOCK = 2**14
#: what the seed of fresh draws is folded with
FRESH = 2**31 + 1
#: the 97.5 % point of the standard normal distribution
Z = 1.959963984540054


@dataclass(frozen=True)
class Risk:
    """A Monte Carlo mean with its standard error and normal 95 % interval."""

    value: float
    standard_error: float
    draws: int

    @property
    def low(self) -> float:
        return self.value - Z * self.standard_error

    @property
    def high(self) -> float:
        return self.value + Z * self.standard_error


def population_risk(problem: Any, model: Any, draws: int, seed: int) -> Risk:
    """The mean loss over `draws` fresh observations, in reported units; memory does not grow with `draws`.

    Call it inside `precision(...)`.

    Args:
        problem: a simulated problem. draws: at least 2. seed: of `nnx.Rngs`, from which the blocks are drawn in turn.
    """
    graphdef, state = nnx.split(model)
    # not the keys of nnx.Rngs(seed): with the fit's own seed those would draw its samples again
    rngs, n = nnx.Rngs(jax.random.fold_in(jax.random.key(seed), FRESH)), min(draws, BLOCK)

    @nnx.jit
    def block(rngs: nnx.Rngs, state: Any) -> jax.Array:
        return problem.loss(nnx.merge(graphdef, state), problem.sample(rngs, "population", n)) * problem.loss_scale

    count, mean, squares = 0, 0.0, 0.0
    while count < draws:
        loss = np.asarray(block(rngs, state), np.float64)[: draws - count]
        # pooled as in Chan, Golub and LeVeque (1983): sums of squares would lose the digits of a small variance
        total, step = count + len(loss), loss.mean() - mean
        squares += float(np.square(loss - loss.mean()).sum() + step**2 * count * len(loss) / total)
        mean, count = float(mean + step * len(loss) / total), total
    return Risk(mean, math.sqrt(squares / (draws - 1) / draws), draws)
