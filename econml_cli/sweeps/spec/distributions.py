"""The distributions that a W&B sweep can give a parameter, each by its quantile function (inverse CDF).

Nine make all of W&B's: `inv_log_uniform` is log-uniform with its bounds turned round, every `q_*` is `Quantized`
around another. The definitions are those of W&B's own sampler, https://github.com/wandb/sweeps `src/sweeps/params.py`.
"""

import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from statistics import NormalDist
from typing import Any

#: the smallest u that is ever drawn; the largest is 1 - EDGE
EDGE = 2.0**-53
#: values of one parameter that method grid will enumerate
MOST_VALUES = 10_000_000


class Distribution(ABC):
    """The distribution of one parameter."""

    @abstractmethod
    def quantile(self, u: float) -> Any:
        """The value below which a share u of the draws lies, 0 < u < 1; pushing a uniform u through it draws."""

    def extremes(self) -> Sequence[Any]:
        """What must be admissible for every draw to be: all values of a list, the two ends of a range."""
        return self.quantile(EDGE), self.quantile(1 - EDGE)

    def grid(self) -> Sequence[Any]:
        """All values, for method grid.

        Raises:
            ValueError: W&B's grid search does not enumerate this distribution.
        """
        raise ValueError("method grid cannot enumerate it; give `values`, or int_uniform or q_uniform")


@dataclass(frozen=True)
class Constant(Distribution):
    """One value."""

    value: Any

    def quantile(self, u: float) -> Any:
        return self.value

    def extremes(self) -> Sequence[Any]:
        return (self.value,)

    def grid(self) -> Sequence[Any]:
        return (self.value,)


@dataclass(frozen=True)
class Categorical(Distribution):
    """Values with equal probabilities, or with given ones (which sum to one)."""

    values: tuple[Any, ...]
    probabilities: tuple[float, ...] | None = None

    def quantile(self, u: float) -> Any:
        if self.probabilities is None:
            return self.values[min(int(u * len(self.values)), len(self.values) - 1)]
        # their sum may be 1 - 1e-16: what is left over belongs to the last value that can occur at all
        last = max(i for i, p in enumerate(self.probabilities) if p > 0)
        return self.values[min(bisect_right(list(accumulate(self.probabilities)), u), last)]

    def extremes(self) -> Sequence[Any]:
        return self.values

    def grid(self) -> Sequence[Any]:
        if self.probabilities is not None:
            raise ValueError("method grid takes no probabilities")
        # W&B runs equal points once, and 3.0 equals 3 (but True is not 1)
        found = {repr(int(v) if isinstance(v, float) and v.is_integer() else v): v for v in reversed(self.values)}
        return tuple(reversed(found.values()))


@dataclass(frozen=True)
class IntUniform(Distribution):
    """The integers min, ..., max with equal probabilities."""

    min: int
    max: int

    def quantile(self, u: float) -> int:
        return min(self.min + int(u * (self.max - self.min + 1)), self.max)

    def extremes(self) -> Sequence[int]:
        return self.min, self.max

    def grid(self) -> Sequence[int]:
        return range(self.min, self.min + _countable(self.max - self.min + 1))


@dataclass(frozen=True)
class Uniform(Distribution):
    """Uniform between min and max."""

    min: float
    max: float

    def quantile(self, u: float) -> float:
        # not min + u (max - min): the difference may overflow, and rounding may pass max
        return min(max(self.min * (1 - u) + self.max * u, float(self.min)), float(self.max))

    def extremes(self) -> Sequence[float]:
        return float(self.min), float(self.max)


@dataclass(frozen=True)
class LogUniform(Distribution):
    """Positive, its logarithm uniform between those of min and max."""

    min: float
    max: float

    def quantile(self, u: float) -> float:
        drawn = math.exp(math.log(self.min) * (1 - u) + math.log(self.max) * u)
        return min(max(drawn, float(self.min)), float(self.max))

    def extremes(self) -> Sequence[float]:
        return float(self.min), float(self.max)


@dataclass(frozen=True)
class Normal(Distribution):
    """N(mu, sigma^2)."""

    mu: float
    sigma: float

    def quantile(self, u: float) -> float:
        return NormalDist(self.mu, self.sigma).inv_cdf(u)


@dataclass(frozen=True)
class LogNormal(Distribution):
    """exp of N(mu, sigma^2)."""

    mu: float
    sigma: float

    def quantile(self, u: float) -> float:
        return math.exp(NormalDist(self.mu, self.sigma).inv_cdf(u))


@dataclass(frozen=True)
class Beta(Distribution):
    """Beta(a, b) on [0, 1]."""

    a: float
    b: float

    def quantile(self, u: float) -> float:
        from scipy.special import betaincinv

        return float(betaincinv(self.a, self.b, u))

    def extremes(self) -> Sequence[float]:
        return 0.0, 1.0


@dataclass(frozen=True)
class Quantized(Distribution):
    """A draw of another distribution, rounded to the nearest multiple of q (half to even); integers where q is one.

    As with W&B, the nearest multiple may lie outside [min, max]: `q_uniform` on [0.4, 9] with q = 1 can give 0.
    """

    of: Distribution
    q: float

    def quantile(self, u: float) -> float:
        return self._round(self.of.quantile(u))

    def extremes(self) -> Sequence[float]:
        return [self._round(end) for end in self.of.extremes()]

    def grid(self) -> Sequence[float]:
        if not isinstance(self.of, Uniform):
            return super().grid()
        # min, min + q, ... below max: W&B's numpy.arange, which leaves max itself out
        low, high, step = (Decimal(str(x)) for x in (self.of.min, self.of.max, self.q))
        number = int if all(isinstance(x, int) for x in (self.of.min, self.q)) else float
        return [number(low + i * step) for i in range(_countable(math.ceil((high - low) / step)))]

    def _round(self, value: float) -> float:
        k = round(value / self.q)
        # in decimals, so that 3 x 0.1 is 0.3 and not 0.30000000000000004
        return k * self.q if isinstance(self.q, int) else float(Decimal(str(self.q)) * k)


def _countable(count: int) -> int:
    if count > MOST_VALUES:
        raise ValueError(f"method grid would have to enumerate {count:.3g} values of it")
    return count
