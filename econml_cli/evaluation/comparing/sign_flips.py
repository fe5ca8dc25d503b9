"""The test of a mean by random signs of its observations, and the interval of what it does not reject, in NumPy."""

from abc import ABC, abstractmethod

import numpy as np

from econml_cli.evaluation.bootstrap import BLOCK

#: an end of the interval further than so many standard deviations from the mean is none
FAR = 1e6
#: a variance below this share of the mean square is rounding
ROUNDING = 1e-13
LEVEL = 0.05


class SignTest(ABC):
    """A test of a mean whose statistic is compared with its own values under drawn signs, at any mean under the
    hypothesis, and the interval of what it does not reject. A subclass has these, and the statistics.

    Attributes:
        centre: the mean. scale: what deviations from it are measured in; 0: all observations are alike.
    """

    centre: float
    scale: float
    _units: int

    @abstractmethod
    def _statistics(self, m: float) -> tuple[np.ndarray, np.ndarray]:
        """The statistic of the sample [1] and of each replication [B] where the mean is `centre` + m `scale`."""

    def p_value(self, mean: float) -> float:
        """Two-sided, of the hypothesis that this is the mean."""
        if self.scale == 0:
            return self._p_value(float(np.sign(mean - self.centre)))
        return self._p_value((mean - self.centre) / self.scale)

    def _p_value(self, m: float) -> float:
        own, drawn = self._statistics(m)
        far = np.abs(drawn) >= abs(own[0]) * (1 - 1e-9)
        return float(1 + far.sum()) / (len(drawn) + 1)

    def ends(self) -> tuple[float | None, float | None]:
        """The interval of the means that are not rejected at 5 %, with its ends; None where it has none."""
        if self.scale == 0:
            return (self.centre, self.centre) if self._p_value(1.0) <= LEVEL else (None, None)
        low, high = self._end(-1.0), self._end(1.0)
        return (None, None) if low is None or high is None else (low, high)

    def _end(self, side: float) -> float | None:
        kept, out = 0.0, side / np.sqrt(self._units)
        while self._p_value(out) > LEVEL:
            kept, out = out, 2 * out
            if abs(out) > FAR:
                return None
        for _ in range(45):
            middle = (kept + out) / 2
            kept, out = (middle, out) if self._p_value(middle) > LEVEL else (kept, middle)
        return float(self.centre + self.scale * kept)


def halls(w: np.ndarray, skewness: np.ndarray, n: int) -> np.ndarray:
    """Hall's transformation of mean / sd = w, over sqrt(n), which takes out the skewness and rises with w.

    Source: Hall (1992), Journal of the Royal Statistical Society B 54, 221-228.
    """
    return np.asarray(w + skewness * w**2 / 3 + skewness**2 * w**3 / 27 + skewness / (6 * n))


class Flips(SignTest):
    """Observations, or groups of them, with drawn signs: of each replication the sums that the statistic is made of,
    at any mean under the hypothesis, so that all values of the mean are tested with the same signs."""

    def __init__(self, sums: np.ndarray, sizes: np.ndarray, replications: int, seed: int) -> None:
        """Of units with `sums` [u] over `sizes` [u] observations (or weights)."""
        self.centre = float(sums.sum() / sizes.sum())
        x = sums - self.centre * sizes
        self.scale = float(np.sqrt(np.square(x).mean()) / sizes.mean())
        if not self.scale > 1e-14 * abs(self.centre):  # all alike
            x, self.scale = np.zeros(len(x)), 0.0
        x, z = x / (self.scale or 1.0) / sizes.mean(), sizes / sizes.mean()
        # the terms of x - m z and of its cube, whose signs are drawn, and of its square, whose sign does not matter
        odd = np.column_stack([x, z, x**3, x**2 * z, x * z**2, z**3]) / len(x)
        self._squares = np.array([np.mean(x**2), np.mean(x * z), np.mean(z**2)])
        self._own, rng, step = odd.sum(axis=0), np.random.default_rng(seed), max(1, BLOCK // len(x))
        blocks = [min(step, replications - start) for start in range(0, replications, step)]
        self._drawn = np.concatenate([(2.0 * rng.integers(0, 2, size=(b, len(x))) - 1) @ odd for b in blocks])
        self._units = len(x)

    def _statistics(self, m: float) -> tuple[np.ndarray, np.ndarray]:
        return self._statistic(self._own[None], m), self._statistic(self._drawn, m)

    def _statistic(self, odd: np.ndarray, m: float) -> np.ndarray:
        """Hall's transformation of Student's statistic, over the root of the number of units, [B]."""
        mean, square = odd[:, 0] - m * odd[:, 1], self._squares @ [1.0, -2 * m, m**2]
        cube = odd[:, 2:] @ [1.0, -3 * m, 3 * m**2, -(m**3)]
        variance = square - mean**2
        flat = variance <= ROUNDING * square
        sd = np.sqrt(np.where(flat, 1.0, variance))
        skew, w = (cube - 3 * mean * square + 2 * mean**3) / sd**3, mean / sd
        found = halls(w, skew, self._units)
        return np.where(flat, np.where(mean == 0, 0.0, np.copysign(np.inf, mean)), found)
