"""International real business cycles: many countries, one planner, investment that may not be undone or that may."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from econml_cli.options.fields import option
from econml_cli.problems.economies import economics, irreversible, linearised
from econml_cli.problems.economies.conditions import demand, depreciation, patience, persistence, share
from econml_cli.problems.lazily import jax, jnp, nnx, np
from econml_cli.problems.sizes import sizes_of

if TYPE_CHECKING:
    from econml_cli.models.base import Model
    from econml_cli.problems.base import Batch, Split, Task

#: the network reads log k over this
K_UNIT = 0.1
#: and adds so many times its output to the log-linear policy, and more to one that knows nothing of a limit
REMAINDER, LIMITED = 0.002, 0.01
#: standard deviation of log productivity, at most
MOST = 0.25
#: Newton steps for the price of consumption; consumption below this share of its steady state is not feasible
STEPS, FLOOR = 5, 0.01
#: the path without shocks begins at this capital everywhere
POORER = 0.9
#: the series of each country
NAMED = {"k": "capital", "a": "log productivity", "c": "consumption"}
#: equations have numbers of their own up to so many countries
FEW = 10
#: a deep set that gives a policy for each country; with a few hundred weights at any number of countries
EACH_COUNTRY = {
    "equivariant": True, "element_size": 2,
    "latent": 4, "phi_width": 8, "phi_depth": 1, "rho_width": 16, "rho_depth": 1,
}  # fmt: skip
#: where investment may not be undone: limits bind in few of the states, and what is learnt bends more near to them
WITH_LIMITS = {"N": 2048, "width": 24, "num_epochs": 40}
#: states in the training sample of a deep set times countries, about; and what is trained on, and how long, where there
#: are many. With fewer states the mean of 50 countries is seen at too few values: at 20 and 32 the validation loss
#: stopped falling at 3e-8, at 64 at 1e-8
STATES, WITH_MANY = 1000, {"N": 128, "num_epochs": 12}


class Units(NamedTuple):
    """What a policy is made with that follows from the parameters: the sizes of what the network reads, the log-linear
    policy that it adds to, in which units, and how the Euler equations move with what is added
    (`irreversible.stiffness`)."""

    sizes: Any
    P: Any
    Q: Any
    remainder: float
    stiffness: tuple[float, float]


@dataclass(frozen=True)
class IRBCOptions:
    """International real business cycles with adjustment costs, at the calibration of the literature's comparisons."""

    countries: int = option(2, "how many countries", ge=1, le=100)
    alpha: float = option(0.36, "share of capital in income")
    beta: float = option(0.99, "discount factor")
    delta: float = option(0.01, "depreciation")
    adjustment: float = option(0.5, "cost of adjusting capital, per square of its growth", ge=0, le=50)
    gamma_low: float = option(0.25, "intertemporal elasticity of substitution of the first country", gt=0)
    gamma_high: float = option(1.0, "that of the last country; those in between are evenly spaced", gt=0)
    irreversible: bool = option(False, "capital cannot be eaten: no country's investment is negative")
    rho: float = option(0.95, "persistence of log productivity")
    sigma: float = option(0.01, "standard deviation of each of its two shocks, of a country and of all", gt=0, le=0.2)
    spread: float = option(
        1.5, "states are drawn with so many times the covariance's root of the linearised economy", gt=0, le=5
    )
    N: int = option(512, "states in the training sample", ge=1)
    N_test: int = option(1000, "states in the test sample", ge=0)
    N_val: int = option(256, "states in the validation sample", ge=0)

    def __post_init__(self) -> None:
        demand(
            share(self.alpha),
            patience(self.beta),
            depreciation(self.delta),
            persistence(self.rho),
            (
                abs(self.rho) >= 1 or self.deviation <= MOST,
                f"--rho {self.rho:g} and --sigma {self.sigma:g} give log productivity the standard deviation "
                f"{self.deviation:.2g}, where a business cycle has about .05, and no more than {MOST:g} is taken; try "
                "a smaller --sigma",
            ),
            (
                self.gamma_low <= self.gamma_high,
                f"--gamma-low must be <= --gamma-high, got {self.gamma_low:g} and {self.gamma_high:g}: countries are "
                "ordered by them; try .25 and 1",
            ),
        )

    @property
    def deviation(self) -> float:
        """The standard deviation of log productivity."""
        return self.sigma * math.sqrt(2 / max(1 - self.rho**2, 1e-12))


class IRBC:
    """max E sum_t beta^t sum_j tau_j c_jt^(1-1/gamma_j) / (1-1/gamma_j) over the countries j, subject to

        sum_j c_j + k'_j + phi/2 k_j g_j^2 = sum_j a_j A k_j^alpha + (1-delta) k_j,    g_j = k'_j / k_j - 1,
        log a'_j = rho log a_j + sigma (e_j + e),    e_j, e ~ N(0, 1).

    A is such that capital is 1 in the steady state, and the weights tau_j such that each country eats what it makes
    there: c_j = c_ss lambda^-gamma_j, lambda the price of consumption, which is found from what is left to eat by
    Newton's method, so that markets clear whatever the weights of the network. Unknown are the policies k'_j of all
    capital and productivity, one for each country.

    With R_j = a_j A alpha k_j^(alpha-1) + 1 - delta + phi/2 g_j (g_j + 2), phi `--adjustment`, the Euler equations are
    lambda (1 + phi g_j) = beta E[lambda' R'_j]; their residuals, 1 + phi g_j - beta E[lambda' R'_j] / lambda, are
    errors as a share of marginal utility. The expectation over the shocks of all countries and the common one is by the
    monomial rule.

    With `--irreversible` investment k'_j - (1-delta) k_j is not negative, and mu_j >= 0 is the multiplier, as a share
    of lambda: lambda (1 + phi g_j - mu_j) = beta E[lambda' (R'_j - (1-delta) mu'_j)]. The network says what would be
    invested without the limit (Garcia and Zangwill); `irreversible.limited` makes investment and multipliers of all
    countries of it, one of which is 0 in each whatever the weights. What a country may not take out of its capital the
    others need not invest, so that their policies have a kink, too, where its limit begins to bind: made by hand, it is
    where it belongs, and what the network learns is smooth. `constraints` compares investment with the multiplier that
    the Euler equation implies, not with the one that the network says.

    There is no closed form. The derivatives of the policy in the steady state are known (`linear`), up to what risk
    changes, for every number of countries; states are drawn from the distribution of the linearised economy, wider by
    `spread`.

    The network reads log k_j and log a_j in units of their size; its outputs are what is added to that log-linear
    policy. Begun at constant capital instead, Levenberg and Marquardt's method finds the explosive root of the same
    equations, with a small residual on the sample.

    The equations are the same for each country, but for its own capital and productivity: gamma_j matters through
    lambda alone. So the policy is equivariant (permuting countries permutes it) and a deep set can be one, whose
    weights do not grow with the number of countries (`suiting`).

    Source: Kollmann, Maliar, Malin and Pichler (2011), Comparison of solutions to the multi-country real business cycle
    model, Journal of Economic Dynamics and Control 35; Brumm and Scheidegger (2017), Using adaptive sparse grids to
    solve high-dimensional dynamic models, Econometrica 85, whose calibration it is. Garcia and Zangwill (1981),
    Pathways to Solutions, Fixed Points, and Equilibria.
    """

    recipe: ClassVar = {**economics.BY_LM, "width": 16, "num_epochs": 25}
    simulated: ClassVar[bool] = True
    task: Task | None = None
    loss_scale = 1.0
    loss, verdicts, observed = economics.loss, economics.verdicts, economics.zero
    #: 10,000 periods in all
    path = (1000, 10)
    words: ClassVar = {
        "K": "capital of all", "Y": "output of all", "C": "consumption of all", "I": "investment of all",
        "price": "price of consumption", "bound": "share of countries that invest nothing",
        **{f"{name}{j}": f"{word} {name}{j}" for j in range(1, 101) for name, word in NAMED.items()},
    }  # fmt: skip
    unstable = "capital does not settle where its return is that of patience"

    def __init__(self, **parameters: Any):
        self.p = p = IRBCOptions(**parameters)
        self.sizes = sizes_of(p)
        self.din, self.dout, self.shock_size = 2 * p.countries, p.countries, p.countries + 1
        self.impulses: Mapping[str, int] = {"common": p.countries, "a1": 0}
        self.realises = tuple(range(self.shock_size))
        self.equations = tuple(f"country_{j + 1}" for j in range(p.countries)) if 1 < p.countries <= FEW else ()
        self.gamma = np.linspace(p.gamma_low, p.gamma_high, p.countries)
        self.A = (1 / p.beta - 1 + p.delta) / p.alpha
        self.c_ss = self.A - p.delta
        #: with other parameters (`--with`) the policy is still that of the fit
        sizes, remainder = np.repeat([K_UNIT, p.deviation], p.countries), LIMITED if p.irreversible else REMAINDER
        self.units = Units(sizes, *self.linear, remainder, self._stiffness)
        # shocks keep capital away from the steady state without them, by a term in their variance
        aside = 0.002 + 10 * p.deviation**2
        self.bars: dict[str, dict[str, float]] = {
            "loss": {"log10_euler_path_mean": -4.0, "log10_euler_path_max": -3.0, "euler_error_mean": 1e-4},
            "truth": {"slope_error": 0.02, "root_error": 5e-3},
            "stability": {"steady_state_error": aside, "drift": 1e-4, "transversality": 0.5 * (1 + p.beta)},
        }
        if p.irreversible:  # near the steady state, too, the policy heeds that a limit may bind later
            del self.bars["truth"]
            self.bars["loss"]["irreversible_slack"] = 1e-3

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch | None:
        """x = (log k_j, log a_j) / units, [n, 2 countries], normal as in the linearised economy; None where n is 0.

        How far countries are from their mean hardly varies where they are many: with `spread` it would be more than on
        any path in all states. There that distance is a uniform share of what is drawn.
        """
        n = self.sizes[split] if n is None else n
        if n == 0:
            return None
        root = jnp.asarray(self.p.spread * self.spread_root / self.units.sizes[:, None], float)
        x = jax.random.normal(rngs(), (n, self.din)) @ root.T
        if self.p.countries > FEW:
            each = x.reshape(n, 2, self.p.countries)
            mean = each.mean(axis=2, keepdims=True)
            x = (mean + jax.random.uniform(rngs(), (n, 1, 1)) * (each - mean)).reshape(n, self.din)
        return economics.at(x)

    def predict(self, model: Model, x: jax.Array) -> jax.Array:
        """The capital of the next period, [n, countries]."""
        return self._decide(model, *self._state(x))[0]

    def _state(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """(k, log a) of what the network reads, each [n, countries]."""
        k, a = jnp.split(x * jnp.asarray(self.units.sizes, x.dtype), 2, axis=1)
        return jnp.exp(k), a

    def _decide(self, model: Model, k: jax.Array, a: jax.Array) -> tuple[jax.Array, jax.Array]:
        """(capital of the next period, the multiplier of its limit as a share of the price of consumption), each
        [n, countries]."""
        P, Q = (jnp.asarray(part, k.dtype) for part in (self.units.P, self.units.Q))
        free = jnp.exp(jnp.log(k) @ P.T + a @ Q.T + self.units.remainder * model(self.observe({"k": k, "a": a})))
        if not self.p.irreversible:
            return free, jnp.zeros_like(free)
        growth, bound = irreversible.limited(free / k - 1, k, -self.p.delta, *self.units.stiffness)
        return k * (1 + growth), bound

    def _output(self, k: Any, a: Any, module: Any) -> Any:
        return self.A * module.exp(a) * k**self.p.alpha

    def _left(self, k: Any, a: Any, k_next: Any, module: Any) -> Any:
        """What all countries together have to eat, [n]."""
        spent = k_next + 0.5 * self.p.adjustment * k * (k_next / k - 1) ** 2
        return (self._output(k, a, module) + (1 - self.p.delta) * k - spent).sum(axis=-1)

    def _log_price(self, left: Any, module: Any) -> Any:
        """log lambda at which the countries eat what is left [n], [n]: where the mean of lambda^-gamma_j is left over
        that of the steady state."""
        wanted = module.log(left / (self.p.countries * self.c_ss))
        at = -wanted / self.gamma.mean()
        for _ in range(STEPS):
            eaten = module.exp(-at[..., None] * self.gamma)
            slope = (self.gamma * eaten).sum(axis=-1) / eaten.sum(axis=-1)
            at = at + (module.log(eaten.mean(axis=-1)) - wanted) / slope
        return at

    def _gross(self, k: Any, a: Any, k_next: Any, module: Any) -> Any:
        """What a unit of capital yields, R_j, [n, countries]."""
        growth = k_next / k - 1
        yields = self.p.alpha * self._output(k, a, module) / k + 1 - self.p.delta
        return yields + 0.5 * self.p.adjustment * growth * (growth + 2)

    def residual(self, model: Model, batch: Batch) -> jax.Array:
        """1 + phi g_j - mu_j - beta E[lambda' (R'_j - (1-delta) mu'_j)] / lambda of each country, [n, countries], with
        mu_j = 0 unless investment is irreversible. Where nothing is left to eat the shortfall is added."""
        nodes, weights = (jnp.asarray(part, batch.x.dtype) for part in self._rule)
        return self._expected(model, batch.x, nodes[:, None], weights)

    def realised(self, model: Model, x: jax.Array, shocks: jax.Array, weights: jax.Array) -> jax.Array:
        """The same, [n, countries], where the shocks of the countries and the common one, which is the last, take the
        values [n or 1, q, countries + 1] with these weights [q]."""
        hits = self.p.sigma * (shocks[..., :-1] + shocks[..., -1:])
        return self._expected(model, x, jnp.swapaxes(hits, 0, 1), weights)

    def _expected(self, model: Model, x: jax.Array, hits: jax.Array, weights: jax.Array) -> jax.Array:
        """The residuals [n, countries] where log productivity is hit by these [q, n or 1, countries]."""
        k, a = self._state(x)
        k_next, bound = self._decide(model, k, a)
        price, short = self._priced(k, a, k_next)

        def one(shock: jax.Array) -> tuple[jax.Array, jax.Array]:
            """(lambda' (R'_j - (1-delta) mu'_j) / lambda [n, countries], shortfall [n]) where productivity is hit by
            this."""
            a_next = self.p.rho * a + shock
            after, bound_next = self._decide(model, k_next, a_next)
            price_next, short_next = self._priced(k_next, a_next, after)
            yields = self._gross(k_next, a_next, after, jnp) - (1 - self.p.delta) * bound_next
            return jnp.exp(price_next - price)[:, None] * yields, short_next

        values, shorts = jax.vmap(one)(hits)
        gap = 1 + self.p.adjustment * (k_next / k - 1) - bound - self.p.beta * jnp.tensordot(weights, values, axes=1)
        lacking: jax.Array = (short + weights @ shorts)[:, None]
        return gap + jnp.where(gap < 0, -1, 1) * lacking

    def _priced(self, k: jax.Array, a: jax.Array, k_next: jax.Array) -> tuple[jax.Array, jax.Array]:
        """(log lambda, how far consumption is short of what is feasible), each [n]."""
        left, short = economics.positive(self._left(k, a, k_next, jnp), FLOOR * self.p.countries * self.c_ss)
        return self._log_price(left, jnp), short

    @functools.cached_property
    def _rule(self) -> tuple[np.ndarray, np.ndarray]:
        """Shocks to log productivity, [nodes, countries], and their weights [nodes]."""
        nodes, weights = economics.monomial(self.shock_size)
        return self.p.sigma * (nodes[:, :-1] + nodes[:, -1:]), weights

    def euler(self, model: Model, x: jax.Array) -> jax.Array:
        """The largest of the residuals of the countries, [n]."""
        return jnp.abs(self.residual(model, economics.at(x))).max(axis=1)

    def constraints(self, model: Model, x: jax.Array) -> dict[str, tuple[jax.Array, jax.Array]]:
        """`irreversible`: of the country that invests least its investment as a share of that of the steady state, and
        the multiplier that its Euler equation implies, each [n]; {} where investment may be undone."""
        if not self.p.irreversible:
            return {}
        k, a = self._state(x)
        k_next, bound = self._decide(model, k, a)
        invested = (k_next / k - 1 + self.p.delta) / self.p.delta
        implied = bound + self.residual(model, economics.at(x))
        least = jnp.argmin(invested, axis=1)[:, None]
        slack, multiplier = (jnp.take_along_axis(of, least, axis=1)[:, 0] for of in (invested, implied))
        return {"irreversible": (slack, multiplier)}

    def truth(self, x: jax.Array) -> None:
        """No closed form is known."""
        return None

    @functools.cached_property
    def linear(self) -> tuple[np.ndarray, np.ndarray]:
        """(P, Q), each [countries, countries], of log k' = P log k + Q log a without risk, about the steady state."""
        A2, A1, A0, B0, B1 = self._linearised
        return linearised.policy(A0, A1, A2, B0, B1, self.p.rho)

    @functools.cached_property
    def _linearised(self) -> list[np.ndarray]:
        """The derivatives of the Euler equations at the steady state by log k, log k', log k'', log a and log a', each
        [countries, countries]."""
        p, rest = self.p, np.zeros(self.p.countries)

        def gap(k: Any, k_next: Any, after: Any, a: Any, a_next: Any) -> Any:
            k, k_next, after = (np.exp(part)[None] for part in (k, k_next, after))
            a, a_next = a[None], a_next[None]
            price = self._log_price(self._left(k, a, k_next, np), np)
            price_next = self._log_price(self._left(k_next, a_next, after, np), np)
            gross = self._gross(k_next, a_next, after, np)
            found = 1 + p.adjustment * (k_next / k - 1) - p.beta * np.exp(price_next - price)[:, None] * gross
            return found[0]

        return linearised.derivatives(gap, [rest] * 5)

    @property
    def _stiffness(self) -> tuple[float, float]:
        """Of the Euler equations, as `irreversible.stiffness`, with the policy of the next period."""
        _, by_next, by_later, *_ = self._linearised
        return irreversible.stiffness(by_next + by_later @ self.linear[0])

    @functools.cached_property
    def spread_root(self) -> np.ndarray:
        """A root S of the covariance S S' of (log k_j, log a_j) in the linearised economy, [2 countries, 2
        countries]."""
        from scipy.linalg import solve_discrete_lyapunov

        P, Q = self.linear
        n = self.p.countries
        moves = np.block([[P, Q], [np.zeros((n, n)), self.p.rho * np.eye(n)]])
        shocks = np.zeros((2 * n, 2 * n))
        shocks[n:, n:] = self.p.sigma**2 * (np.eye(n) + 1)
        values, vectors = np.linalg.eigh(solve_discrete_lyapunov(moves, shocks))
        root: np.ndarray = vectors * np.sqrt(np.maximum(values, 0))
        return root

    def start(self, paths: int) -> Any:
        """The steady state."""
        return {"k": jnp.ones((paths, self.p.countries)), "a": jnp.zeros((paths, self.p.countries))}

    def observe(self, state: Any) -> jax.Array:
        """(log k_j, log a_j) / units, [paths, 2 countries]."""
        x = jnp.concatenate([jnp.log(state["k"]), state["a"]], axis=1)
        return x / jnp.asarray(self.units.sizes, x.dtype)

    def in_units(self, x: Any) -> dict[str, Any]:
        """k_j and log a_j of what the network reads, each [n]."""
        n, x = self.p.countries, x * self.units.sizes
        return {
            **{f"k{j + 1}": np.exp(x[:, j]) for j in range(n)},
            **{f"a{j + 1}": x[:, n + j] for j in range(n)},
        }

    def step(self, model: Model, state: Any, shock: jax.Array) -> tuple[Any, dict[str, jax.Array]]:
        """Capital as decided, log a'_j = rho log a_j + sigma (e_j + e); the series of all countries and of each."""
        k, a = state["k"], state["a"]
        k_next, bound = self._decide(model, k, a)
        price, _ = self._priced(k, a, k_next)
        eaten = self.c_ss * jnp.exp(-price[:, None] * jnp.asarray(self.gamma, price.dtype))
        invested = k_next - (1 - self.p.delta) * k
        series = {
            "K": k.sum(axis=1), "Y": self._output(k, a, jnp).sum(axis=1), "C": eaten.sum(axis=1),
            "I": invested.sum(axis=1), "price": jnp.exp(price),
        }  # fmt: skip
        if self.p.irreversible:
            series["bound"] = (bound > 0).mean(axis=1, dtype=k.dtype)
        for j in range(self.p.countries):
            series |= {f"k{j + 1}": k[:, j], f"a{j + 1}": a[:, j], f"c{j + 1}": eaten[:, j]}
        after = {"k": k_next, "a": self.p.rho * a + self.p.sigma * (shock[:, :-1] + shock[:, -1:])}
        return after, series

    def stability(self, model: Model, batch: Batch) -> dict[str, float]:
        """`euler_error_mean`, over 10,000 simulated periods the mean of the largest residual of a country.
        `slope_error`: how far the derivatives of log k' at the steady state are from those of the linearised economy,
        at most, as a share of the largest of them; and `root`, by what share a distance of capital is left after a
        period (the spectral radius), with `root_error`. On the path without shocks from nine tenths of all capital,
        `steady_state_error`, |K/K_ss - 1| at its end, `drift`, how much K still changes, and `transversality`, the
        factor by which beta^t lambda K grows in a period, on average over its second half: beta at a solution."""
        n = self.p.countries
        P, Q = economics.values(self, "_derivatives", model, jnp.zeros((1, self.din), batch.x.dtype))
        exact_P, exact_Q = self.linear
        root, exact = (float(np.abs(np.linalg.eigvals(of)).max()) for of in (P, exact_P))
        apart = [np.abs(mine - of).max() / np.abs(of).max() for mine, of in ((P, exact_P), (Q, exact_Q))]
        periods = min(5000, math.ceil(math.log(1e-6) / math.log(exact))) + 2
        poor = {"k": jnp.full((1, n), POORER), "a": jnp.zeros((1, n))}
        K, price = (economics.rest(self, model, poor, periods, name) for name in ("K", "price"))
        half = periods // 2
        with np.errstate(divide="ignore", invalid="ignore"):
            value = (price[-2] / price[half]) * (K[-1] / K[half + 1])
        return {
            "euler_error_mean": float(economics.values(self, "_on_path", model, jax.random.key(1))),
            "slope_error": float(max(apart)),
            "root": root,
            "root_error": economics.apart(root / exact),
            "steady_state_error": economics.apart(K[-1] / n),
            "drift": economics.apart(K[-1] / K[-2]),
            "transversality": self.p.beta * float(value) ** (1 / max(periods - 2 - half, 1)),
        }

    def _derivatives(self, model: Model, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """(P, Q) of the fitted policy at x [1, 2 countries], each [countries, countries]."""
        units = jnp.asarray(self.units.sizes, x.dtype)
        found = jax.jacfwd(lambda s: jnp.log(self.predict(model, s[None] / units))[0])(x[0] * units)
        return found[:, : self.p.countries], found[:, self.p.countries :]

    def _on_path(self, model: Model, key: jax.Array) -> jax.Array:
        """The mean of the largest residual of a country over simulated periods, a scalar."""
        from econml_cli.problems.economies import simulation

        def look(model: Model, state: Any, _: Any) -> jax.Array:
            return self.euler(model, self.observe(state))

        return jnp.mean(simulation.walk(self, model, key, *self.path, look))

    @staticmethod
    def suiting(model: str, p: IRBCOptions, named: Mapping[str, Any]) -> dict[str, Any]:
        """Of many countries fewer states and steps, since each has an equation and shocks of every one: a step costs as
        the cube of their number; with limits that bind in few states more. A deep set reads capital and productivity
        of each country, and gives its policy."""
        more = WITH_LIMITS if p.irreversible else {}
        own = EACH_COUNTRY | {"N": STATES // p.countries} if model == "deep_set" else {}
        return {**more, **own, **(WITH_MANY if p.countries > FEW else {})}

    def describe(self) -> dict[str, Any]:
        """The state, the policies, and the roots of the linearised economy."""
        n = self.p.countries
        return {
            "features": [f"{name}{j + 1}_scaled" for name in ("log_k", "log_a") for j in range(n)],
            "target": "k_next",
            "steady_state": {"k": 1.0, "c": self.c_ss},
            "gamma": self.gamma.tolist(),
        }
