"""Exponential families: the distributions whose likelihood some losses are, and with it standard errors.

One frozen row each: the mean at an index, its derivative, the variance at a mean. NumPy float64, standard library at
module level.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Function = Callable[[Any], Any]


def _exp(index: Any) -> Any:
    import numpy as np

    return np.exp(index)


def _logistic(index: Any) -> Any:
    from scipy.special import expit

    return expit(index)


def _one(mean: Any) -> Any:
    import numpy as np

    return np.ones_like(mean)


@dataclass(frozen=True)
class Family:
    """A generalised linear model: y has the mean g(z'b) and the variance phi V(mean).

    Attributes:
        mean: g. slope: g' as a function of the mean. variance: V. estimates_scale: whether phi is estimated (by the
            Pearson statistic over n - k, and Student's distribution is used); else it is 1, and the normal one is.

    Source: McCullagh and Nelder (1989), Generalized Linear Models, chapter 2.
    """

    name: str
    mean: Function
    slope: Function
    variance: Function
    estimates_scale: bool


GAUSSIAN = Family("OLS", lambda index: index, _one, _one, True)
BINOMIAL = Family("logit", _logistic, lambda p: p * (1 - p), lambda p: p * (1 - p), False)
POISSON = Family("Poisson", _exp, lambda mean: mean, lambda mean: mean, False)
GAMMA = Family("gamma", _exp, lambda mean: mean, lambda mean: mean**2, True)
