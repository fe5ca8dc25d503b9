"""Many households that save against income risk, and the interest rate at which what they save is capital."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from econml_cli.errors import ConfigError
from econml_cli.options.fields import option
from econml_cli.problems.economies import economics, horizons
from econml_cli.problems.economies.conditions import demand, depreciation, patience, share
from econml_cli.problems.lazily import jax, jnp, nnx, np
from econml_cli.problems.sizes import sizes_of

if TYPE_CHECKING:
    from econml_cli.models.base import Model
    from econml_cli.problems.base import Batch, Split, Task

#: the exact policy: points of its grid of savings, their largest as a multiple of the most cash on hand, and at how
#: many rates it is found, between which it is interpolated
POINTS, WIDER, RATES = 300, 2.0, 7
#: points of the distribution of assets, and the largest as a multiple of the most cash on hand
HISTOGRAM, TOP = 300, 1.5
#: what is eaten beside the share `least` of cash, in mean incomes, where the network says 0, and how much of what it
#: says counts: it begins near the policy of somebody without a future, as that of `buffer_stock`
FIRST, SHARE = 1.2, 0.5
#: rates of the sample, as distances below that of time preference, where the user does not say them
LOWEST, HIGHEST = 0.01, 5e-4
#: the least cash of the sample, as a share of the least income: nobody ever has less than that income
POORER = 0.95
#: of the sample, the power of a uniform draw that log cash is, between its ends: where little cash is, the incomes of
#: tomorrow put kinks into the exact policy, beside that of the limit
MORE_POOR = 2.0


def least_income(states: int, sigma: float) -> float:
    """The smallest income of the chain, in mean incomes."""
    width = sigma * math.sqrt(states - 1)
    levels = [math.exp(width * (2 * i / (states - 1) - 1)) for i in range(states)]
    chances = [math.comb(states - 1, i) / float(2 ** (states - 1)) for i in range(states)]
    mean: float = sum(chance * level for chance, level in zip(chances, levels, strict=True))
    return levels[0] / mean


@dataclass(frozen=True)
class AiyagariOptions:
    """Many households that save against income risk, and one market for their capital."""

    beta: float = option(0.96, "discount factor")
    gamma: float = option(3.0, "relative risk aversion", gt=0)
    alpha: float = option(0.36, "share of capital in income")
    delta: float = option(0.08, "depreciation")
    rho: float = option(0.6, "persistence of log income")
    sigma: float = option(0.2, "standard deviation of log income", gt=0, le=1)
    incomes: int = option(7, "states of the chain of incomes", ge=2, le=25)
    m_low: float = option(None, "least cash on hand of the states, in mean incomes (default: .95 least income)", gt=0)
    m_high: float = option(30.0, "most cash on hand of the states, in mean incomes", gt=1)
    r_low: float = option(None, "least interest rate of the states (default: that of time preference less .01)")
    r_high: float = option(None, "largest interest rate of the states (default: that of time preference less .0005)")
    N: int = option(2000, "states in the training sample", ge=2)
    N_test: int = option(1000, "states in the test sample", ge=0)
    N_val: int = option(256, "states in the validation sample", ge=0)

    def __post_init__(self) -> None:
        demand(
            patience(self.beta),
            share(self.alpha),
            depreciation(self.delta),
            (
                0 <= self.rho < 1,
                f"--rho must be >= 0 and < 1, got {self.rho:g}: log income would not be stationary; try .6",
            ),
        )
        preference, least = 1 / self.beta - 1, least_income(self.incomes, self.sigma)
        horizons.settle(self, r_low=preference - LOWEST, r_high=preference - HIGHEST, m_low=POORER * least)
        demand(
            (
                self.r_high < preference,
                f"--r-high must be below the rate of time preference 1/beta - 1 = {preference:.4g}, got "
                f"{self.r_high:.4g}: there the patient save for ever, and wealth has no distribution; leave it out",
            ),
            (
                self.r_low < self.r_high,
                f"--r-low must be below --r-high, got {self.r_low:.4g} and {self.r_high:.4g}; leave them out",
            ),
            (
                self.r_low > -self.delta,
                f"--r-low must be > -delta, got {self.r_low:.4g} with --delta {self.delta:g}: capital that costs "
                "nothing is wanted without bound; try a larger one",
            ),
            (
                self.m_low <= least,
                f"--m-low must not be above the least income {least:.4g}, got {self.m_low:g}: who has saved nothing "
                "has no more; leave it out",
            ),
        )


class Aiyagari:
    """Households: max E sum beta^t c_t^(1-gamma)/(1-gamma) subject to m' = (1+r) (m - c) + y', 0 <= c <= m, where log y
    is a chain of persistence rho and standard deviation sigma. Firms: capital and labour earn their marginal products
    of K^alpha L^(1-alpha). In units of the wage, in which all is here, they want the assets alpha / (1 - alpha) /
    (r + delta), and r is where the households hold as many.

    Unknown is consumption c(m, y, r) of cash on hand, income, and the rate, which is one of the states: one fit has the
    policies at all rates of the sample, and the equilibrium is found from it, by the stationary distribution of
    wealth at each rate (a histogram) and the rate at which supply is demand. The borrowing limit is that of
    `buffer_stock`: the residual is Fischer and Burmeister's function of the share that is saved and of what the Euler
    equation lacks, the network says what would be eaten without the limit, and consumption is no more than cash.

    The truth is the policy by the endogenous grid method at a few rates, between which it is interpolated by a
    polynomial, and the clearing rate of that policy.

    Source: Aiyagari (1994), Uninsured Idiosyncratic Risk and Aggregate Saving, Quarterly Journal of Economics 109.
    """

    recipe: ClassVar = {**economics.BY_LM, "width": 20}
    simulated: ClassVar[bool] = True
    task: Task | None = None
    din, dout, loss_scale = 3, 1, 1.0
    loss, verdicts, observed = economics.loss, economics.verdicts, economics.zero
    shock_size, path = 1, (300, 32)
    impulses: ClassVar = {"income": 0}
    words: ClassVar = {
        "m": "cash on hand m", "y": "income y", "r": "interest rate r", "c": "consumption c", "a": "assets a"
    }  # fmt: skip
    unstable = "the market for capital does not clear where the exact policy clears it"
    bars: ClassVar = {
        "loss": {"log10_euler_mean": -3.0, "log10_euler_path_mean": -3.0, "limit_slack": 1e-2},
        "truth": {"policy_error_mean": 1e-3, "path_error_mean": 1e-3, "path_error_max": 1e-2},
        "stability": {"rate_error": 1e-4, "wealth_error": 0.02},
    }

    def __init__(self, **parameters: Any):
        from econml_cli.problems.economies.heterogeneous import rouwenhorst

        self.p = p = AiyagariOptions(**parameters)
        self.sizes = sizes_of(p)
        self.chain = rouwenhorst(p.incomes, p.rho, p.sigma)
        self._m = (0.5 * math.log(p.m_low * p.m_high), 0.5 * math.log(p.m_high / p.m_low))
        self._r = (0.5 * (p.r_low + p.r_high), 0.5 * (p.r_high - p.r_low))
        self.assets = TOP * p.m_high * np.linspace(0, 1, HISTOGRAM) ** 3
        self.saved = WIDER * p.m_high * np.linspace(0, 1, POINTS) ** 3

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch | None:
        """x = (log m, state of income, r), each scaled to [-1, 1], [n, 3]: uniform, of log m more where it is small and
        the policy has kinks; each state as often; None where n is 0."""
        n = self.sizes[split] if n is None else n
        if n == 0:
            return None
        last = self.p.incomes - 1
        m, r = (jax.random.uniform(rngs(), (n,), minval=-1.0, maxval=1.0) for _ in range(2))
        j = jax.random.randint(rngs(), (n,), 0, last + 1)
        return economics.at(jnp.stack([economics.skewed(m, MORE_POOR), 2 * j / last - 1, r], axis=1))

    def _read(self, m: jax.Array, j: jax.Array, r: jax.Array) -> jax.Array:
        """What the network reads, [n, 3]."""
        log_m, (middle, half) = jnp.log(m), self._m
        rate = (r - self._r[0]) / self._r[1]
        return jnp.stack([(log_m - middle) / half, 2 * j / (self.p.incomes - 1) - 1, rate], axis=1)

    def _state(self, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """(m, state of income, r) of what the network reads, each [n]."""
        j = jnp.round((x[:, 1] + 1) * (self.p.incomes - 1) / 2).astype(int)
        return jnp.exp(self._m[0] + self._m[1] * x[:, 0]), j, self._r[0] + self._r[1] * x[:, 2]

    def _least(self, r: Any) -> Any:
        """The share of one more unit of cash that the rich eat, who need not care for income, of the shape of r."""
        return jnp.maximum(1 - (self.p.beta * (1 + r)) ** (1 / self.p.gamma) / (1 + r), 0.0)

    def _eaten(self, model: Model, m: jax.Array, j: jax.Array, r: jax.Array) -> tuple[jax.Array, jax.Array]:
        """(consumption, what it would be without the limit) at m, j and r [n], each [n]."""
        raw = model(self._read(jnp.minimum(m, self.p.m_high), j, r))[:, 0]
        free = self._least(r) * m + jax.nn.softplus(math.log(math.expm1(FIRST)) + SHARE * raw)
        return jnp.minimum(m, free), free

    def predict(self, model: Model, x: jax.Array) -> jax.Array:
        """Consumption c(m, y, r), [n, 1]."""
        return self._eaten(model, *self._state(x))[0][:, None]

    def constraints(self, model: Model, x: jax.Array) -> dict[str, tuple[jax.Array, jax.Array]]:
        """`limit`: the share of cash that is saved, and by what share the Euler equation would have more eaten, each
        [n]."""
        m, j, r = self._state(x)
        c, _ = self._eaten(model, m, j, r)
        return {"limit": (1 - c / m, self._lacks(model, m, j, r, c))}

    def _lacks(self, model: Model, m: jax.Array, j: jax.Array, r: jax.Array, c: jax.Array) -> jax.Array:
        after = ((1 + r) * (m - c))[:, None] + jnp.asarray(self.chain.levels, m.dtype)  # [n, states]
        ahead = jnp.broadcast_to(jnp.arange(self.p.incomes), after.shape)
        rate = jnp.broadcast_to(r[:, None], after.shape)
        c_next, _ = self._eaten(model, after.ravel(), ahead.ravel(), rate.ravel())
        chances = jnp.asarray(self.chain.moves, m.dtype)[j]
        marginal = (c_next.reshape(after.shape) ** -self.p.gamma * chances).sum(axis=1)
        lacks: jax.Array = (self.p.beta * (1 + r) * marginal) ** (-1 / self.p.gamma) / c - 1
        return lacks

    def euler(self, model: Model, x: jax.Array) -> jax.Array:
        """Fischer and Burmeister's function of the two, [n]: .01 is about one per cent of consumption."""
        return economics.kkt(*self.constraints(model, x)["limit"])

    def residual(self, model: Model, batch: Batch) -> jax.Array:
        """The same over roughly what is eaten of one more unit of cash, [n, 1], larger where more would be eaten than
        there is: see `economics.by_propensity`."""
        m, j, r = self._state(batch.x)
        _, free = self._eaten(model, m, j, r)
        return economics.by_propensity(self.euler(model, batch.x), m, free, self._least(r))

    def wanted(self, r: float) -> float:
        """The assets that firms want at a rate, in units of the wage."""
        return self.p.alpha / (1 - self.p.alpha) / (r + self.p.delta)

    def _policy(self, r: float, begin: np.ndarray | None = None) -> np.ndarray:
        """The exact consumption at the points of the grid of savings, [states, points]."""
        from econml_cli.problems.economies.heterogeneous import policy

        p, chain = self.p, self.chain
        return policy(chain.levels, chain.moves, self.saved, beta=p.beta, gamma=p.gamma, R=1 + r, begin=begin)

    @functools.cached_property
    def exact(self) -> tuple[float, float]:
        """(the interest rate that clears the market under the exact policy, mean assets there).

        Raises:
            ConfigError: it lies outside the rates of the sample.
        """
        from econml_cli.problems.economies.endogenous_grid import consumed
        from econml_cli.problems.economies.heterogeneous import clearing, mean_assets

        last: list[np.ndarray] = []

        def supply(r: float) -> float:
            last[:] = [self._policy(r, last[0] if last else None)]
            cash = (1 + r) * self.assets + self.chain.levels[:, None]
            return mean_assets(self.chain, self.assets, cash - consumed(cash, self.saved, last[0]))

        rate = clearing(lambda r: supply(r) - self.wanted(r), self.p.r_low, self.p.r_high)
        if math.isnan(rate):
            raise ConfigError(
                "With these parameters the market for capital clears at no rate between --r-low "
                f"{self.p.r_low:.4g} and --r-high {self.p.r_high:.4g}: {self._other_rates(supply(self.p.r_low))}."
            )
        return rate, supply(rate)

    def _other_rates(self, held: float) -> str:
        """On which side of the rates of the sample the market clears, where people hold so much at the lowest."""
        p, preference = self.p, 1 / self.p.beta - 1
        if held > self.wanted(p.r_low):
            lower = max(p.r_low - 2 * LOWEST, (p.r_low - p.delta) / 2)
            return f"with so much risk or caution people hold more, and the rate is lower; try --r-low {lower:.4g}"
        higher = (p.r_high + preference) / 2
        return f"with so little risk or caution people hold less, and the rate is higher; try --r-high {higher:.6g}"

    def check_equilibrium(self) -> None:
        """Find the rate that clears the market, which the verdicts compare with; `exact` says where there is none."""
        self.exact  # noqa: B018

    @functools.cached_property
    def _tables(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(rates [RATES], cash and consumption of the exact policy at each, [RATES, states, POINTS + 1])."""
        nodes = self._r[0] + self._r[1] * np.cos(np.pi * (np.arange(RATES) + 0.5) / RATES)
        found: list[np.ndarray] = []
        for r in nodes:
            found.append(self._policy(float(r), found[-1] if found else None))
        c = np.pad(np.stack(found), ((0, 0), (0, 0), (1, 0)))
        return nodes, c + np.append(0.0, self.saved), c

    def truth(self, x: jax.Array) -> jax.Array:
        """The exact consumption, [n, 1]."""
        nodes, cash, eaten = (jnp.asarray(part, x.dtype) for part in self._tables)
        m, j, r = self._state(x)
        at_rates = jax.vmap(jax.vmap(jnp.interp, in_axes=(None, 0, 0)), in_axes=(0, 1, 1))
        c = jax.vmap(lambda one, state: at_rates(one[None], cash[:, state][:, None], eaten[:, state][:, None])[0])(m, j)
        gaps = nodes[:, None] - nodes + jnp.eye(RATES)
        apart = jnp.where(jnp.eye(RATES, dtype=bool), 1.0, (r[:, None, None] - nodes) / gaps)
        return (c * jnp.prod(apart, axis=2)).sum(axis=1, keepdims=True)

    def start(self, paths: int) -> Any:
        """The mean assets and the middle income, at the rate that clears the market."""
        rate, held = self.exact
        middle = self.p.incomes // 2
        m = jnp.full(paths, (1 + rate) * held + self.chain.levels[middle])
        return {"m": m, "j": jnp.full(paths, middle), "r": jnp.full(paths, rate)}

    def observe(self, state: Any) -> jax.Array:
        """What the network reads, [paths, 3]."""
        return self._read(state["m"], state["j"], state["r"])

    def in_units(self, x: Any) -> dict[str, Any]:
        """m, the logarithm of income in standard deviations, and r of what the network reads, each [n]."""
        z = x[:, 1] * math.sqrt(self.p.incomes - 1)
        return {"m": np.exp(self._m[0] + self._m[1] * x[:, 0]), "z": z, "r": self._r[0] + self._r[1] * x[:, 2]}

    def step(self, model: Model, state: Any, shock: jax.Array) -> tuple[Any, dict[str, jax.Array]]:
        """m' = (1+r) (m - c) + y', where y' is the state of income that the shock, as a quantile, means."""
        m, j, r = state["m"], state["j"], state["r"]
        c, _ = self._eaten(model, m, j, r)
        levels = jnp.asarray(self.chain.levels, m.dtype)
        reached = jnp.cumsum(jnp.asarray(self.chain.moves, m.dtype), axis=1)[j, :-1]
        after = (jax.scipy.stats.norm.cdf(shock) > reached).sum(axis=1).astype(j.dtype)
        series = {"m": m, "y": levels[j], "c": c, "a": m - c}
        return {"m": (1 + r) * (m - c) + levels[after], "j": after, "r": r}, series

    def stability(self, model: Model, batch: Batch) -> dict[str, float]:
        """`rate` at which the market clears under the fitted policy (NaN where at none of the sample's), `rate_error`,
        how far that is from the exact one, `mean_assets` at the exact one, and `wealth_error`, how far those are from
        the exact ones, as a share."""
        from econml_cli.problems.economies.heterogeneous import clearing, mean_assets

        def supply(r: float) -> float:
            kept = economics.values(self, "_kept", model, jnp.asarray(r, batch.x.dtype))
            return mean_assets(self.chain, self.assets, kept)

        exact, held = self.exact
        rate = clearing(lambda r: supply(r) - self.wanted(r), self.p.r_low, self.p.r_high)
        found = supply(exact)
        return {
            "rate": rate,
            "rate_error": abs(rate - exact),
            "mean_assets": found,
            "wealth_error": economics.apart(found / held),
        }

    def _kept(self, model: Model, r: jax.Array) -> jax.Array:
        """What is saved at the points of the histogram in each state of income, [states, points]."""
        cash = (1 + r) * jnp.asarray(self.assets, r.dtype) + jnp.asarray(self.chain.levels, r.dtype)[:, None]
        j = jnp.broadcast_to(jnp.arange(self.p.incomes)[:, None], cash.shape)
        c, _ = self._eaten(model, cash.ravel(), j.ravel(), jnp.full(cash.size, r))
        return cash - c.reshape(cash.shape)

    def describe(self) -> dict[str, Any]:
        """The states and the policy, and what a unit of labour earns."""
        return {
            "features": ["log_m_scaled", "z_scaled", "r_scaled"],
            "target": "c",
            "levels": self.chain.levels.tolist(),
        }
