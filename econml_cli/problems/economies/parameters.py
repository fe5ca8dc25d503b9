"""The parameters of each economic model. Standard library only."""

from dataclasses import dataclass

from econml_cli.options.fields import option
from econml_cli.problems.economies.conditions import demand, depreciation, patience, persistence, share


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
class AssetPricingOptions:
    """The price of an asset as a sequence p(t); its recursion admits bubbles."""

    beta: float = option(0.9, "discount factor")
    c: float = option(0.01, "constant part of dividends, y_{t+1} = c + (1+g) y_t")
    g: float = option(-0.1, "growth of dividends")
    y0: float = option(0.08, "dividend at t = 0")
    periods: int = option(30, "the training sample is t = 0, ..., this less 1", ge=1)
    periods_test: int = option(49, "the test sample is t = 0, ..., this less 1", ge=1)

    def __post_init__(self) -> None:
        demand(
            patience(self.beta),
            (
                self.g > -1,
                f"--g must be > -1, got {self.g:g}: the dividend would change its sign every period; try -.1",
            ),
            (
                not 0 < self.beta < 1 or self.beta * (1 + self.g) < 1,
                f"--g must be < 1/beta - 1, got {self.g:g} with --beta {self.beta:g}: the dividend grows as fast as it "
                "is discounted, so that its price is infinite; try -.1",
            ),
            (
                self.y0 >= 0 and self.c >= 0 and self.y0 + self.c > 0,
                f"--y0 and --c must be >= 0 and not both 0, got {self.y0:g} and {self.c:g}: the dividend, and with it "
                "the price, would not be positive; try .08 and .01",
            ),
        )


@dataclass(frozen=True)
class GrowthOptions:
    """Deterministic growth as a sequence of capital k(t); nothing in its equations rules out a wrong end."""

    alpha: float = option(1 / 3, "share of capital in income")
    beta: float = option(0.9, "discount factor")
    delta: float = option(0.1, "depreciation")
    g: float = option(0.0, "growth of productivity z_t = (1+g)^t")
    k0: float = option(0.4, "capital at t = 0")
    periods: int = option(30, "the training sample is t = 0, ..., this less 1", ge=1)
    periods_test: int = option(50, "the test sample is t = 0, ..., this less 1", ge=1)

    def __post_init__(self) -> None:
        demand(
            share(self.alpha),
            patience(self.beta),
            depreciation(self.delta),
            (
                self.g > -1 and 1 + self.g > self.beta * (1 - self.delta),
                f"--g must be > beta (1 - delta) - 1, got {self.g:g} with --beta {self.beta:g} and --delta "
                f"{self.delta:g}: productivity would fall faster than capital wears out, so that there is no steady "
                "state; try 0",
            ),
            (self.k0 > 0, f"--k0 must be > 0, got {self.k0:g}: without capital nothing is ever produced; try .4"),
        )


@dataclass(frozen=True)
class GrowthPolicyOptions:
    """Deterministic growth as a policy k'(k)."""

    alpha: float = option(1 / 3, "share of capital in income")
    beta: float = option(0.9, "discount factor")
    delta: float = option(0.1, "depreciation")
    k_low: float = option(0.8, "smallest capital of the grid, from which the simulated path begins", gt=0)
    k_high: float = option(2.5, "largest capital of the grid", gt=0)
    N: int = option(16, "points of the training grid", ge=2)
    N_test: int = option(100, "points of the test grid", ge=2)

    def __post_init__(self) -> None:
        demand(share(self.alpha), patience(self.beta), depreciation(self.delta))
        k_ss = (self.alpha / (1 / self.beta - 1 + self.delta)) ** (1 / (1 - self.alpha))
        demand(
            (
                self.k_low < k_ss < self.k_high,
                f"--k-low and --k-high must have the steady state {k_ss:.4g} between them, got {self.k_low:g} and "
                f"{self.k_high:g}: the path to it would leave the states that the policy is fitted on; try "
                f"{0.4 * k_ss:.2g} and {1.3 * k_ss:.2g}",
            )
        )


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


@dataclass(frozen=True)
class CakeEatingOptions:
    """Saving of wealth that pays a fixed return, with CRRA utility: a closed form."""

    beta: float = option(0.96, "discount factor")
    gamma: float = option(1.5, "relative risk aversion of u(c) = c^(1-gamma)/(1-gamma); 1: log c")
    R: float = option(1.01, "gross return on what is not eaten, a' = R (a - c)")
    a_range: float = option(1000.0, "states are drawn with log a uniform between 1/this and this", gt=1)
    N: int = option(256, "states in the training sample", ge=1)
    N_test: int = option(1000, "states in the test sample", ge=0)
    N_val: int = option(256, "states in the validation sample", ge=0)

    def __post_init__(self) -> None:
        demand(
            patience(self.beta),
            (
                self.gamma > 0,
                f"--gamma must be > 0, got {self.gamma:g}: without curvature of utility all would be eaten at once or "
                "never; try 1.5",
            ),
            (
                self.R > 0,
                f"--R must be > 0, got {self.R:g}: it is what one unit of wealth that is not eaten becomes; try 1.01",
            ),
        )
        worth = self.beta * self.R ** (1 - self.gamma)
        demand(
            (
                worth < 1,
                f"beta R^(1-gamma) must be < 1, got {worth:g} at --beta {self.beta:g}, --R {self.R:g}, --gamma "
                f"{self.gamma:g}: it would always be better to wait, nothing would ever be eaten and no plan is best; "
                "lower --beta, or bring --R nearer to 1",
            )
        )


@dataclass(frozen=True)
class OLGOptions:
    """Overlapping generations with stochastic production and depreciation (Krueger and Kubler 2004): a closed form."""

    ages: int = option(6, "periods of life A", ge=2, le=100)
    beta: float = option(0.7, "discount factor, of a period of perhaps ten years")
    alpha: float = option(0.3, "share of capital in income")
    delta_low: float = option(0.5, "depreciation in the good state")
    delta_high: float = option(0.9, "depreciation in the bad state")
    eta_low: float = option(0.95, "productivity in the bad state")
    eta_high: float = option(1.05, "productivity in the good state")
    a_noise: float = option(0.1, "standard deviation of what is added to the log assets of simulated states", ge=0)
    N: int = option(256, "states in the training sample", ge=1)
    N_test: int = option(1000, "states in the test sample", ge=0)
    N_val: int = option(256, "states in the validation sample", ge=0)

    def __post_init__(self) -> None:
        demand(
            share(self.alpha),
            (
                self.beta > 0,
                f"--beta must be > 0, got {self.beta:g}: who does not value later life saves nothing, and the economy "
                "has no capital; try .7 (lives end, so that even a beta above 1 has a solution)",
            ),
            (
                0 <= self.delta_low <= self.delta_high <= 1,
                f"--delta-low and --delta-high must satisfy 0 <= low <= high <= 1, got {self.delta_low:g} and "
                f"{self.delta_high:g}: they are shares of capital that wear out in a period; try .5 and .9",
            ),
            (
                0 < self.eta_low <= self.eta_high,
                f"--eta-low and --eta-high must satisfy 0 < low <= high, got {self.eta_low:g} and {self.eta_high:g}: "
                "without productivity nothing is produced; try .95 and 1.05",
            ),
        )


@dataclass(frozen=True)
class AssetPricingKernelOptions:
    """The price of a dividend in continuous time, of smallest norm: its derivative is in the space of a kernel."""

    r: float = option(0.1, "interest rate, at which dividends are discounted")
    c: float = option(0.02, "constant part of the growth of dividends, x' = c + g x")
    g: float = option(-0.2, "proportional part of it")
    x0: float = option(0.01, "dividend at t = 0")
    horizon: float = option(40.0, "the equation is to hold at points of [0, this]", gt=0)
    points: int = option(41, "how many, equally spaced from 0 to the horizon", ge=2, le=2000)
    horizon_test: float = option(50.0, "the test sample is on [0, this]", gt=0)
    points_test: int = option(100, "points in the test sample", ge=0)

    def __post_init__(self) -> None:
        demand(
            (
                self.r > 0,
                f"--r must be > 0, got {self.r:g}: dividends that are not discounted have an infinite price; try .1",
            ),
            (
                self.g < self.r,
                f"--g must be < --r, got {self.g:g} and {self.r:g}: the dividend grows as fast as it is discounted, so "
                "that its price is infinite; try -.2",
            ),
            (
                self.x0 >= 0 and self.c >= 0 and self.x0 + self.c > 0,
                f"--x0 and --c must be >= 0 and not both 0, got {self.x0:g} and {self.c:g}: the dividend, and with it "
                "the price, would not be positive; try .01 and .02",
            ),
        )
