"""Tests of equal accuracy: which of two models has the lower expected loss, judged on the same observations."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from scipy import stats

from econml_cli.errors import ConfigError
from econml_cli.evaluation.bootstrap import BLOCK, units_of
from econml_cli.evaluation.standard_errors import standard_error

Kernel = Literal["rectangular", "bartlett"]
#: signs of fewer observations, or groups, have no 5 % of which to reject
LEAST = 6


@dataclass(frozen=True)
class Difference:
    """The mean of d = loss - loss of the baseline over n observations; negative: this model has the lower loss.

    Attributes:
        value, standard_error, low, high: of the mean, in the units of the loss; `low` and `high` end the 95 % interval.
        p_value: two-sided, of equal expected loss. None where the test is not defined.
        test: "paired bootstrap" or "Diebold-Mariano".
        statistic, horizon, kernel: those of Diebold and Mariano's test, else None.
        draws: how many fresh draws the n observations are; None where they are the runs' own.
        caveat: why there is no interval, or one that is too short; None where there is nothing to say.
    """

    value: float
    standard_error: float | None
    low: float | None
    high: float | None
    p_value: float | None
    n: int
    test: str
    statistic: float | None = None
    horizon: int | None = None
    kernel: str | None = None
    draws: int | None = None
    caveat: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As one JSON object; what does not belong to the test is left out."""
        kept = ("value", "standard_error", "low", "high", "p_value", "n", "test")
        return {name: value for name, value in asdict(self).items() if value is not None or name in kept}


def paired_bootstrap(
    differential: np.ndarray, *, replications: int, seed: int, groups: np.ndarray | None = None
) -> Difference:
    """The wild bootstrap of paired differentials: signs of whole observations (or groups of them) are drawn, under the
    hypothesis that is tested, as plus or minus with equal probability.

    The p-value is the share of replications whose mean is at least as far from zero, where the sample counts as one
    replication more; of symmetric differentials it is exact in samples of any size. The interval has those values of
    the mean that the same test would not reject: of each replication the mean of the observations that keep their sign
    lies on one side of the sample mean, that of the others on the other, and the replication speaks for all values
    between the two. Of fewer than six observations (or groups) no value is rejected at 5 %: there is no interval.

    Args:
        differential: [n] losses minus those of the baseline, observation by observation.
        replications: 0: only the value. groups: [n] numbers of groups; those of one group are not independent.

    Source: Hartigan (1969), Journal of the American Statistical Association 64, 1303-1317; Romano (1990), the same 85,
    686-692; Cameron, Gelbach and Miller (2008), Review of Economics and Statistics 90, 414-427, for groups.
    """
    d = np.asarray(differential, np.float64)
    value, n, name = float(d.mean()), len(d), "paired bootstrap"
    units = units_of(d[:, None], groups)
    if replications == 0 or not np.isfinite(d).all() or len(units.sizes) == 1:
        return Difference(value, None, None, None, None, n, name)
    sums, sizes = units.sums[:, 0], units.sizes
    kept = [(signs @ sums, signs @ sizes) for signs in _signs(len(sizes), replications, seed)]
    flipped, size = (np.concatenate(part) for part in zip(*kept, strict=True))
    far = np.abs(flipped) >= abs(sums.sum()) * (1 - 1e-12)
    p_value = float(1 + far.sum()) / (replications + 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        stay, turn = (sums.sum() + flipped) / (n + size), (sums.sum() - flipped) / (n - size)
    whole = (size >= n) | (size <= -n)  # all signs alike: it speaks for every value
    low, high = np.where(whole, -np.inf, np.minimum(stay, turn)), np.where(whole, np.inf, np.maximum(stay, turn))
    place = int(np.floor(0.05 * (replications + 1) + 1e-9))
    ends = (np.sort(low)[place - 1], np.sort(high)[-place]) if place else (-np.inf, np.inf)
    error, caveat = standard_error(d, groups), _caveat(len(sizes), groups is not None)
    low_end, high_end = (float(x) if np.isfinite(ends).all() else None for x in ends)
    return Difference(value, error, low_end, high_end, p_value, n, name, caveat=caveat)


def _caveat(n: int, grouped: bool) -> str | None:
    return f"no 95 % interval: {n} {'groups' if grouped else 'observations'}" if n < LEAST else None


def _signs(n: int, replications: int, seed: int) -> Iterator[np.ndarray]:
    """Signs [block, n] in blocks that bound the memory."""
    rng, step = np.random.default_rng(seed), max(1, BLOCK // n)
    for start in range(0, replications, step):
        yield 2.0 * rng.integers(0, 2, size=(min(step, replications - start), n)) - 1


def diebold_mariano(differential: np.ndarray, *, horizon: int = 1, kernel: Kernel = "rectangular") -> Difference:
    """The test of Diebold and Mariano, corrected for small samples by Harvey, Leybourne and Newbold.

    The variance of the mean differential is (gamma_0 + 2 sum of w_k gamma_k) / n over k = 1, ..., horizon - 1, since
    the errors of optimal forecasts `horizon` periods ahead are correlated over no more than that. Their statistic times
    sqrt((n + 1 - 2h + h(h - 1)/n) / n) is compared with Student's t with n - 1 degrees of freedom, and the interval is
    the one that this test does not reject. With horizon 1 it is the paired t test.

    Args:
        differential: [n] losses minus those of the baseline, in the order of time. horizon: h, periods ahead.
        kernel: "rectangular" (w_k = 1, that of both papers) or "bartlett" (w_k = 1 - k/h, Newey and West's). A
            rectangular variance need not be positive; where it is not, the result has the Bartlett one, and says so.

    Raises:
        ConfigError: the horizon is not between 1 and n - 1.

    Source: Diebold and Mariano (1995), Journal of Business and Economic Statistics 13, 253-263; Harvey, Leybourne and
    Newbold (1997), International Journal of Forecasting 13, 281-291, equation 9.
    """
    d = np.asarray(differential, np.float64)
    value, n, name = float(d.mean()), len(d), "Diebold-Mariano"
    if not 1 <= horizon < n:
        raise ConfigError(
            f"--horizon {horizon} needs more than {horizon} test observations and must be at least 1; there are {n:,}."
        )
    variance = long_run_variance(d, horizon, kernel)
    if variance <= 0 and kernel == "rectangular" and horizon > 1:
        kernel = "bartlett"
        variance = long_run_variance(d, horizon, kernel)
    if not variance > 0:  # equal predictions, or a loss that is not finite
        return Difference(value, None, None, None, None, n, name, None, horizon, kernel)
    error = float(np.sqrt(variance / n)) / small_sample_factor(n, horizon)
    half = float(stats.t.ppf(0.975, n - 1)) * error
    p_value = float(2 * stats.t.sf(abs(value / error), n - 1))
    return Difference(value, error, value - half, value + half, p_value, n, name, value / error, horizon, kernel)


def small_sample_factor(n: int, horizon: int) -> float:
    """What Harvey, Leybourne and Newbold (1997, equation 8) multiply the statistic of Diebold and Mariano by."""
    return float(np.sqrt((n + 1 - 2 * horizon + horizon * (horizon - 1) / n) / n))


def long_run_variance(series: np.ndarray, horizon: int, kernel: Kernel) -> float:
    """gamma_0 + 2 sum of w_k gamma_k over k = 1, ..., horizon - 1, gamma_k = (1/n) sum of e_t e_(t-k), e [n] the series
    less its mean. Source: Newey and West (1987), Econometrica 55, 703-708, for the Bartlett weights."""
    e = np.asarray(series, np.float64) - np.mean(series)
    total = float(e @ e)
    for k in range(1, horizon):
        weight = 1.0 if kernel == "rectangular" else 1 - k / horizon
        total += 2 * weight * float(e[k:] @ e[:-k])
    return total / len(e)
