"""The test of the mean of a series that is correlated over some periods, by random signs of its blocks, in NumPy."""

import numpy as np

from econml_cli.evaluation.bootstrap import BLOCK
from econml_cli.evaluation.comparing.sign_flips import ROUNDING, SignTest, halls

#: so much is the long-run variance at most short of what it should be, whichever non-negative average the series is of
SHORT = 0.05
#: cosines: fewer are no variance, more add next to nothing to the power
FEWEST, MOST = 2, 40
#: blocks that get a sign each; of a series with fewer every period gets one
BLOCKS = 10
#: the estimated skewness is kept below: of few cosines it is a ratio of small numbers
SKEWNESS = 3.0


class SeriesFlips(SignTest):
    """A series d_1, ..., d_n, correlated over h - 1 periods, with drawn signs: of each replication what the statistic
    is made of, at any mean under the hypothesis, so that all values of the mean are tested with the same signs.

    The statistic is the mean over the root of the long-run variance that the B lowest frequencies (cosines) have, in
    Hall's transformation with the skewness of sums over h periods. B follows from the horizon (`cosines`), so that the
    variance is hardly too small; few of them make a long-tailed statistic, whose distribution the signs give: those of
    whole blocks of h periods, that begin anywhere, or of a short series those of its periods.

    Source: Lazarus, Lewis, Stock and Watson (2018), Journal of Business and Economic Statistics 36, 541-559, for the
    variance; Coroneo and Iacone (2020), Journal of Applied Econometrics 35, 391-409, for forecasts; Goncalves and
    Vogelsang (2011), Econometric Theory 27, 745-791, for the resampling of such a statistic without regard to its
    correlation; Shao (2010), Journal of the American Statistical Association 105, 218-235, for signs that depend on
    each other.
    """

    def __init__(self, series: np.ndarray, horizon: int, replications: int, seed: int) -> None:
        """Of a series [n] with horizon h, 1 < h < n."""
        n = len(series)
        self.centre, self._units, self._horizon = float(series.mean()), n, horizon
        x = series - self.centre
        self.scale = float(np.sqrt(np.square(x).mean()))
        if not self.scale > 1e-14 * abs(self.centre):  # all alike
            x, self.scale = np.zeros(n), 0.0
        x = x / (self.scale or 1.0)
        self._basis = cosines(n, horizon)
        self._own = self._terms(np.ones((1, n)), x)
        rng, step = np.random.default_rng(seed), max(1, BLOCK // (4 * n))
        blocks = [min(step, replications - start) for start in range(0, replications, step)]
        drawn = [self._terms(signs(rng, b, n, horizon), x) for b in blocks]
        self._drawn = np.concatenate(drawn)

    def _terms(self, signs: np.ndarray, x: np.ndarray) -> np.ndarray:
        """With signs [B, n]: the terms in m of the mean of (x - m) with these signs (2), of its long-run variance (3),
        and of its third moment (4), [B, 9]."""
        parts = np.stack([signs * x, -signs])  # of 1 and of m
        means = parts.mean(axis=2)
        a, b = parts @ self._basis.T
        variance = [(a**2).mean(axis=1), 2 * (a * b).mean(axis=1), (b**2).mean(axis=1)]
        apart = np.pad(np.cumsum(parts - means[..., None], axis=2), ((0, 0), (0, 0), (1, 0)))
        s, t = (apart[..., self._horizon :] - apart[..., : -self._horizon]) / np.cbrt(self._units * self._horizon)
        third = [(s**3).sum(axis=1), 3 * (s**2 * t).sum(axis=1), 3 * (s * t**2).sum(axis=1), (t**3).sum(axis=1)]
        return np.stack([*means, *variance, *third], axis=1)

    def _statistics(self, m: float) -> tuple[np.ndarray, np.ndarray]:
        return self._statistic(self._own, m), self._statistic(self._drawn, m)

    def _statistic(self, terms: np.ndarray, m: float) -> np.ndarray:
        powers = m ** np.arange(4)
        mean, variance, third = terms[:, :2] @ powers[:2], terms[:, 2:5] @ powers[:3], terms[:, 5:] @ powers
        flat = variance <= ROUNDING * (1 + m**2)
        sd = np.sqrt(np.where(flat, 1.0, variance))
        found = halls(mean / sd, np.clip(third / sd**3, -SKEWNESS, SKEWNESS), self._units)
        return np.where(flat, np.where(mean == 0, 0.0, np.copysign(np.inf, mean)), found)


def cosines(n: int, horizon: int) -> np.ndarray:
    """The B lowest cosines of n periods, orthonormal and orthogonal to a constant, [B, n].

    At the frequencies pi j / n the spectrum of an average over h periods falls short of that at 0 by a share of
    (h^2 - 1) (pi j / n)^2 / 12, on average over the first B by (h^2 - 1) (pi B / n)^2 / 36; B is where that is SHORT.
    """
    wanted = int(6 * np.sqrt(SHORT / (horizon**2 - 1)) * n / np.pi)
    count = min(max(FEWEST, wanted), MOST)
    at = np.pi * (np.arange(n) + 0.5) / n
    return np.asarray(np.sqrt(2 / n) * np.cos(np.outer(np.arange(1, count + 1), at)))


def signs(rng: np.random.Generator, replications: int, n: int, horizon: int) -> np.ndarray:
    """Signs [replications, n], alike within blocks of `horizon` periods that begin anywhere, where n has BLOCKS."""
    length = horizon if n >= BLOCKS * horizon else 1
    drawn = 2.0 * rng.integers(0, 2, size=(replications, n // length + 2)) - 1
    places = (np.arange(n) + rng.integers(0, length, size=(replications, 1))) // length
    return np.take_along_axis(drawn, places, axis=1)
