"""The test of a mean by random signs of its observations, and the interval of what it does not reject, in NumPy."""

import numpy as np

from econml_cli.evaluation.bootstrap import BLOCK

#: an end of the interval further than so many standard deviations from the mean is none
FAR = 1e6
#: a variance below this share of the mean square is rounding
ROUNDING = 1e-13
LEVEL = 0.05


class Flips:
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

    def p_value(self, mean: float) -> float:
        """Two-sided, of the hypothesis that this is the mean."""
        if self.scale == 0:
            return self._p_value(float(np.sign(mean - self.centre)))
        return self._p_value((mean - self.centre) / self.scale)

    def _p_value(self, m: float) -> float:
        own, drawn = self._statistic(self._own[None], m), self._statistic(self._drawn, m)
        far = np.abs(drawn) >= abs(own[0]) * (1 - 1e-9)
        return float(1 + far.sum()) / (len(drawn) + 1)

    def _statistic(self, odd: np.ndarray, m: float) -> np.ndarray:
        """Hall's transformation of Student's statistic, over the root of the number of units, [B]: with W = mean / sd
        and the skewness g it is W + g W^2 / 3 + g^2 W^3 / 27 + g / (6 u), which rises with W."""
        mean, square = odd[:, 0] - m * odd[:, 1], self._squares @ [1.0, -2 * m, m**2]
        cube = odd[:, 2:] @ [1.0, -3 * m, 3 * m**2, -(m**3)]
        variance = square - mean**2
        flat = variance <= ROUNDING * square
        sd = np.sqrt(np.where(flat, 1.0, variance))
        skew, w = (cube - 3 * mean * square + 2 * mean**3) / sd**3, mean / sd
        found = w + skew * w**2 / 3 + skew**2 * w**3 / 27 + skew / (6 * self._units)
        return np.where(flat, np.where(mean == 0, 0.0, np.copysign(np.inf, mean)), found)

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
        return self.centre + self.scale * kept
