"""Tests of equal accuracy: which of two models has the lower expected loss, judged on the same observations."""

import dataclasses
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from econml_cli.errors import ConfigError
from econml_cli.evaluation.bootstrap import units_of
from econml_cli.evaluation.comparing.series_flips import SeriesFlips
from econml_cli.evaluation.comparing.sign_flips import Flips, SignTest
from econml_cli.evaluation.standard_errors import critical, standard_error, two_sided
from econml_cli.problems.means import mean

Kernel = Literal["rectangular", "bartlett"]
#: of fewer differences than these, skewness from which Diebold and Mariano's test rejects too often; kurtosis from
#: which it rejects too seldom
OF_SKEWED, SKEWED, LONG_TAILED = 50, 0.8, 9.0
#: of fewer periods than so many times a horizon beyond 1 it rejects too often; with fewer than so many nothing has been
#: measured of the one by random signs
PER_HORIZON, LEAST_PER_HORIZON = 50, 5
#: of more periods Student's distribution is taken: drawing signs would take minutes
MOST_PERIODS = 10_000
#: signs of fewer observations, or groups, have no 5 % of which to reject
LEAST = 6


@dataclass(frozen=True)
class Difference:
    """The mean of d = loss - loss of the baseline over n observations; negative: this model has the lower loss.

    Attributes:
        value, standard_error, low, high: of the mean, in the units of the loss; `low` and `high` end the 95 % interval.
        p_value: two-sided, of equal expected loss. None where the test is not defined.
        test: "paired bootstrap" or "Diebold-Mariano".
        statistic, horizon, kernel: those of Diebold and Mariano's test, else None. classical_p_value: that of their
            statistic as Harvey, Leybourne and Newbold have it, where `p_value` is of random signs; else None.
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
    classical_p_value: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """As one JSON object; what does not belong to the test is left out."""
        kept = ("value", "standard_error", "low", "high", "p_value", "n", "test")
        return {name: value for name, value in asdict(self).items() if value is not None or name in kept}


def paired_bootstrap(
    differential: np.ndarray,
    *,
    replications: int,
    seed: int,
    groups: np.ndarray | None = None,
    w: np.ndarray | None = None,
) -> Difference:
    """The wild bootstrap of paired differentials: signs of whole observations (or groups of them) are drawn, under the
    hypothesis that is tested, as plus or minus with equal probability.

    The p-value is the share of replications whose statistic is at least as far from zero, where the sample counts as
    one replication more. The statistic is Student's, transformed so that skewness does not move it (Hall): of symmetric
    differentials the test is exact in samples of any size, of skewed ones its size is close to what it should be. The
    interval has those values of the mean that the same test, with the same signs, does not reject. Of fewer than six
    observations (or groups) no value is rejected at 5 %: there is no interval.

    Args:
        differential: [n] losses minus those of the baseline, observation by observation.
        replications: 0: only the value. groups: [n] numbers of groups; those of one group are not independent. w: [n]
            weights of the observations; None: all are 1.

    Source: Hartigan (1969), Journal of the American Statistical Association 64, 1303-1317; Romano (1990), the same 85,
    686-692; Cameron, Gelbach and Miller (2008), Review of Economics and Statistics 90, 414-427, for groups; Hall
    (1992), Journal of the Royal Statistical Society B 54, 221-228, for the transformation.
    """
    d = np.asarray(differential, np.float64)
    value, n, name = float(mean(d, w)), len(d), "paired bootstrap"
    units = units_of(d[:, None], groups, w)
    if replications == 0 or not np.isfinite(d).all() or len(units.sizes) == 1:
        return Difference(value, None, None, None, None, n, name)
    flips = Flips(units.sums[:, 0], units.sizes, replications, seed)
    low, high = flips.ends()
    error, caveat = standard_error(d, groups, w), _caveat(len(units.sizes), groups is not None)
    return Difference(value, error, low, high, flips.p_value(0.0), n, name, caveat=caveat)


def in_series(
    differential: np.ndarray, *, horizon: int = 1, replications: int, seed: int, interval: bool = True
) -> Difference:
    """Diebold and Mariano's statistic of a series of differentials, with the p-value and the interval of a test whose
    size is close to what it should be also where these are few, skewed, or long-tailed.

    With horizon 1 the differentials are independent, and the test is `paired_bootstrap`; beyond, it compares the mean
    over the root of a long-run variance with its values under random signs, as `SeriesFlips`. The p-value of
    `diebold_mariano` stands beside it, and alone where there are more than MOST_PERIODS. How often each rejects is
    measured by benchmarks/coverage.py --size.

    Args:
        differential: [n] losses minus those of the baseline, in the order of time. horizon: h, periods ahead.
        replications: 0: only what `diebold_mariano` gives, with its p-value and interval. interval: whether it is
            wanted; it takes some hundred times as long as the p-value.

    Raises:
        ConfigError: as `diebold_mariano`.
    """
    d = np.asarray(differential, np.float64)
    classical = diebold_mariano(d, horizon=horizon)
    if replications == 0 or classical.p_value is None or len(d) > MOST_PERIODS:
        return classical
    n = len(d)
    test: SignTest = Flips(d, np.ones(n), replications, seed)
    if horizon > 1:
        test = SeriesFlips(d, horizon, replications, seed)
    low, high = test.ends() if interval else (None, None)
    return dataclasses.replace(
        classical, low=low, high=high, p_value=test.p_value(0.0), classical_p_value=classical.p_value,
        caveat=_caveat(n, False) or _of_periods(n, horizon, interval and low is None),
    )  # fmt: skip


def _caveat(n: int, grouped: bool) -> str | None:
    return f"no 95 % interval: {n} {'groups' if grouped else 'observations'}" if n < LEAST else None


def diebold_mariano(differential: np.ndarray, *, horizon: int = 1) -> Difference:
    """The test of Diebold and Mariano, corrected for small samples by Harvey, Leybourne and Newbold.

    The variance of the mean differential is (gamma_0 + 2 sum of w_k gamma_k) / n over k = 1, ..., horizon - 1, since
    the errors of optimal forecasts `horizon` periods ahead are correlated over no more than that. All w_k are 1, as in
    both papers; such a variance need not be positive, and where it is not, the result has Newey and West's ("bartlett",
    w_k = 1 - k/h), and says so. Their statistic times sqrt((n + 1 - 2h + h(h - 1)/n) / n) is compared with Student's t
    with n - 1 degrees of freedom, and the interval is the one that this test does not reject. With horizon 1 it is the
    paired t test.

    Args:
        differential: [n] losses minus those of the baseline, in the order of time. horizon: h, periods ahead.

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
    kernel: Kernel = "rectangular"
    variance = long_run_variance(d, horizon, kernel)
    if variance <= 0 and horizon > 1:
        kernel = "bartlett"
        variance = long_run_variance(d, horizon, kernel)
    if not variance > 0:  # equal predictions, or a loss that is not finite
        return Difference(value, None, None, None, None, n, name, None, horizon, kernel)
    error = float(np.sqrt(variance / n)) / small_sample_factor(n, horizon)
    half = critical(n - 1) * error
    p_value, ends = two_sided(value / error, n - 1), (value - half, value + half)
    caveat = _of_reference(d, horizon)
    return Difference(value, error, *ends, p_value, n, name, value / error, horizon, kernel, caveat=caveat)


def _of_reference(d: np.ndarray, horizon: int) -> str | None:
    """What to say where Student's distribution is not that of the statistic, as benchmarks/coverage.py --size shows of
    differentials [n] like these; None where it is."""
    e, n = d - d.mean(), len(d)
    if n > MOST_PERIODS:
        return None
    spread = float(np.mean(e**2))
    if horizon > 1 and n < PER_HORIZON * horizon:
        return f"rejects too often: {n} periods for horizon {horizon} (with --bootstrap 1000 it does not)"
    if n < OF_SKEWED and abs(np.mean(e**3)) > SKEWED * spread**1.5:
        return f"rejects too often: {n} skewed differences (with --bootstrap 1000 it does not)"
    if np.mean(e**4) > LONG_TAILED * spread**2:
        return "rejects too seldom: differences with long tails (with --bootstrap 1000 it does not)"
    return None


def _of_periods(n: int, horizon: int, endless: bool) -> str | None:
    """What to say of a series that is short for its horizon, or whose test rejects no mean; None of others."""
    if horizon > 1 and n < LEAST_PER_HORIZON * horizon:
        return f"size not known: {n} periods for horizon {horizon}"
    return f"no 95 % interval: {n} periods for horizon {horizon}" if endless else None


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
