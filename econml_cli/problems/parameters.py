"""The parameters of each economic model, and what economics asks of them. Standard library only."""

from collections.abc import Sequence
from dataclasses import dataclass

from econml_cli.errors import ConfigError
from econml_cli.fields import option

#: a condition that holds, and what is wrong where it does not
Rule = tuple[bool, str]


def demand(*rules: Rule) -> None:
    """Raise one ConfigError that says all that is wrong with the parameters of a model, if anything is."""
    wrong: Sequence[str] = [said for holds, said in rules if not holds]
    if wrong:
        raise ConfigError("; ".join(wrong) + ".")


def patience(beta: float) -> Rule:
    """0 < beta < 1."""
    return (
        0 < beta < 1,
        f"--beta must be > 0 and < 1, got {beta:g}: the sum of beta^t u(c_t) over all t would be infinite or empty, so "
        "no plan is best; try .96",
    )


def share(alpha: float) -> Rule:
    """0 < alpha < 1."""
    return (
        0 < alpha < 1,
        f"--alpha must be > 0 and < 1, got {alpha:g}: it is the share of capital in income, and without diminishing "
        "returns capital has no steady state; try .36",
    )


def persistence(rho: float) -> Rule:
    """-1 < rho < 1."""
    return (
        -1 < rho < 1,
        f"--rho must be > -1 and < 1, got {rho:g}: log productivity would not be stationary; try .9",
    )


def depreciation(delta: float) -> Rule:
    """0 < delta <= 1."""
    return (
        0 < delta <= 1,
        f"--delta must be > 0 and <= 1, got {delta:g}: it is the share of capital that wears out in a period; try .1",
    )


@dataclass(frozen=True)
class BrockMirmanOptions:
    """Stochastic growth with log utility and full depreciation (Brock and Mirman 1972): a closed form."""

    alpha: float = option(0.36, "share of capital in income")
    beta: float = option(0.96, "discount factor")
    rho: float = option(0.9, "persistence of log productivity z")
    sigma: float = option(0.02, "standard deviation of the shock to z", ge=0)
    quadrature: int = option(5, "Gauss-Hermite nodes of the expectation", ge=1, le=100)
    k_range: float = option(0.7, "states are drawn with |log(k/kbar)| up to this", gt=0)
    z_range: float = option(0.15, "states are drawn with |z| up to this", gt=0)
    N: int = option(256, "states in the training sample", ge=1)
    N_test: int = option(1000, "states in the test sample", ge=0)
    N_val: int = option(256, "states in the validation sample", ge=0)

    def __post_init__(self) -> None:
        demand(share(self.alpha), patience(self.beta), persistence(self.rho))


@dataclass(frozen=True)
class InvestmentOptions:
    """Investment under uncertainty with N firms: the flagship of "Exploiting Symmetry"."""

    N: int = option(128, "number of firms", ge=2)
    alpha0: float = option(1.0, "intercept of inverse demand p = alpha0 - alpha1 mean(X)^nu", gt=0)
    alpha1: float = option(1.0, "slope of inverse demand")
    nu: float = option(1.0, "curvature of inverse demand; the closed form is that of 1", gt=0)
    beta: float = option(0.95, "discount factor")
    gamma: float = option(90.0, "cost of adjustment, gamma/2 u^2")
    delta: float = option(0.05, "depreciation")
    sigma: float = option(0.005, "standard deviation of a firm's own shock", ge=0)
    eta: float = option(0.001, "standard deviation of the aggregate shock", ge=0)
    quadrature: int = option(7, "Gauss-Hermite nodes of the expectation over the aggregate shock", ge=1, le=100)
    periods: int = option(63, "periods T of each simulated trajectory, from X_0 on", ge=1)
    trajectories: int = option(16, "trajectories in the training sample", ge=1)
    trajectories_val: int = option(8, "trajectories in the validation sample", ge=0)
    trajectories_test: int = option(32, "trajectories in the test sample", ge=0)

    def __post_init__(self) -> None:
        demand(
            patience(self.beta),
            depreciation(self.delta),
            (
                self.gamma > 0,
                f"--gamma must be > 0, got {self.gamma:g}: without a cost of adjustment firms would invest without "
                "bound in one period; try 90",
            ),
            (
                self.alpha1 > 0,
                f"--alpha1 must be > 0, got {self.alpha1:g}: demand would not slope down, and nothing would bound the "
                "industry; try 1",
            ),
        )
