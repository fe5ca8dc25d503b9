"""Tests of equal accuracy: which of two models has the lower expected loss, judged on the same observations."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from econml_cli.errors import ConfigError
from econml_cli.evaluation.bootstrap import resampled_means
from econml_cli.evaluation.standard_errors import critical, two_sided

Kernel = Literal["rectangular", "bartlett"]


@dataclass(frozen=True)
class Difference:
    """The mean of d = loss - loss of the baseline over n observations; negative: this model has the lower loss.

    Attributes:
        value, standard_error, low, high: of the mean, in the units of the loss; `low` and `high` end the 95 % interval.
        p_value: two-sided, of equal expected loss. None where the test is not defined.
        test: "paired bootstrap" or "Diebold-Mariano".
        statistic, horizon, kernel: those of Diebold and Mariano's test, else None.
        draws: how many fresh draws the n observations are; None where they are the runs' own.
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

    def to_dict(self) -> dict[str, Any]:
        """As one JSON object; what does not belong to the test is left out."""
        kept = ("value", "standard_error", "low", "high", "p_value", "n", "test")
        return {name: value for name, value in asdict(self).items() if value is not None or name in kept}


def paired_bootstrap(
    differential: np.ndarray, *, replications: int, seed: int, groups: np.ndarray | None = None
) -> Difference:
    """The paired bootstrap: the differentials of whole observations (or groups of them) are drawn with replacement.

    The interval is the percentile one. The p-value is that of inverting it, twice the share of replications beyond
    zero on the scarcer side, where the sample counts as one replication more: it is below 0.05 just where the interval
    leaves out zero (up to one replication), and never below 2 / (replications + 1).

    Args:
        differential: [n] losses minus those of the baseline, observation by observation.
        replications: 0: only the value. groups: [n] numbers of groups; those of one group are not independent.

    Source: Efron and Tibshirani (1993), An Introduction to the Bootstrap, ch. 13 and section 15.4.
    """
    d = np.asarray(differential, np.float64)
    value, n, name = float(d.mean()), len(d), "paired bootstrap"
    if replications == 0 or not np.isfinite(d).all():
        return Difference(value, None, None, None, None, n, name)
    drawn = resampled_means(d[:, None], replications, seed, groups)[:, 0]
    if np.isnan(drawn).any():  # a single group
        return Difference(value, None, None, None, None, n, name)
    low, high = np.quantile(drawn, [0.025, 0.975])
    fewer = 1 + min(np.sum(drawn <= 0), np.sum(drawn >= 0))
    p_value = min(1.0, 2 * float(fewer) / (replications + 1))
    error = float(drawn.std(ddof=1)) if replications > 1 else None
    return Difference(value, error, float(low), float(high), p_value, n, name)


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
    half = critical(n - 1) * error
    p_value = two_sided(value / error, n - 1)
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
