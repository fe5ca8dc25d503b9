"""Many households, shocks to all of them, and what they believe of the capital that they hold together."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from econml_cli.options.fields import option
from econml_cli.problems.economies import aggregate_states, economics, histogram, quadratic
from econml_cli.problems.economies.conditions import demand, depreciation, patience, share
from econml_cli.problems.lazily import jax, jnp, nnx, np

if TYPE_CHECKING:
    from econml_cli.models.base import Model
    from econml_cli.problems.base import Batch, Split, Task
    from econml_cli.problems.economies.perceived import Households

#: the exact policy: levels of capital, points of its grid of savings, and their largest as a multiple of the most cash
LEVELS, POINTS, WIDER = 5, 150, 1.25
#: points of the distribution of assets
HISTOGRAM = 200
#: what is eaten beside the share 1 - beta of cash, in wages, where the network says 0, and how much of what it says
#: counts
FIRST, SHARE = 0.7, 0.5
#: how far the beliefs of the sample are from those of an economy without risk to anybody alone: where capital comes to
#: rest, and the share of a distance to it that is gone after a period
AWAY, FASTER = 0.02, 0.1
#: the nodes of capital go beyond the sample
BEYOND = 1.2
#: the least cash of the sample, as a share of the least income
POORER = 0.95
#: of the sample, the power of a uniform draw that log cash is, between its ends
FEWER_POOR = 2 / 3
#: periods of the tests of den Haan (2010); seeds of the aggregate states that the law is estimated and tested on
TESTED, ESTIMATED_ON, TESTED_ON = 10_000, 1, 2


@dataclass(frozen=True)
class KrusellSmithOptions:
    """Many households without insurance and shocks to all, at the calibration of the comparison of 2010."""

    beta: float = option(0.99, "discount factor")
    gamma: float = option(1.0, "relative risk aversion", gt=0)
    alpha: float = option(0.36, "share of capital in income")
    delta: float = option(0.025, "depreciation")
    benefit: float = option(0.15, "what the jobless get, as a share of the wage", gt=0, lt=1)
    swing: float = option(0.01, "productivity is 1 plus and minus this", ge=0, le=0.2)
    jobless_good: float = option(0.04, "share of households without work in good times", gt=0, lt=1)
    jobless_bad: float = option(0.1, "share of households without work in bad times", gt=0, lt=1)
    spell_good: float = option(1.5, "periods that one is without work in good times, on average", gt=1)
    spell_bad: float = option(2.5, "periods that one is without work in bad times, on average", gt=1)
    lasts: float = option(8.0, "periods that good and bad times last, on average", gt=2, le=100)
    m_high: float = option(80.0, "most cash on hand of the states, in mean incomes", gt=20)
    K_range: float = option(0.15, "states have capital within so much of the log of its middle", gt=0, le=1)
    N: int = option(1500, "states in the training sample", ge=2)
    N_test: int = option(1000, "states in the test sample", ge=0)
    N_val: int = option(256, "states in the validation sample", ge=0)

    def __post_init__(self) -> None:
        demand(patience(self.beta), share(self.alpha), depreciation(self.delta))
        chances = self.moves
        demand(
            (
                all(0 <= chance <= 1 for row in chances for chance in row),
                f"no chances of finding and losing work give the jobless shares {self.jobless_good:g} and "
                f"{self.jobless_bad:g} with spells of {self.spell_good:g} and {self.spell_bad:g} periods; try "
                "shares and spells nearer to the defaults",
            ),
        )

    @property
    def moves(self) -> list[list[float]]:
        """The chances between (bad, jobless), (bad, working), (good, jobless), (good, working), rows from each."""
        jobless, spell = (self.jobless_bad, self.jobless_good), (self.spell_bad, self.spell_good)
        return aggregate_states.chances(jobless, spell, self.lasts)


class KrusellSmith:
    """Households: max E sum beta^t c_t^(1-gamma)/(1-gamma) subject to m' = R(K', z') (m - c) + y(e', K', z'),
    0 <= c <= m, where z is good or bad times and e whether there is work, at the wage less the tax that pays the
    jobless. Capital and labour earn their marginal products of z K^alpha L^(1-alpha), K is what all households hold.

    Unknown is consumption c(m, e, z, K, law) of cash on hand, work, times, capital, and of what a household believes of
    capital: log K' = b_z + s_z log K, the four numbers of which are states. One fit has the policies at all beliefs of
    the sample; the law that is borne out, `simulated(law) = law`, is found from it by moving a histogram of all
    households and Broyden's method. Borrowing limit and residual are those of `aiyagari`.

    The truth is the policy by the endogenous grid method, under the law that it bears out itself and, for the beliefs
    of the sample, by a polynomial of the second degree in them.

    Source: Krusell and Smith (1998), Income and Wealth Heterogeneity in the Macroeconomy, Journal of Political Economy
    106; den Haan, Judd and Juillard (2010), Computational suite of models with heterogeneous agents: Incomplete markets
    and aggregate uncertainty, Journal of Economic Dynamics and Control 34, whose calibration it is.
    """

    recipe: ClassVar = {**economics.BY_LM, "width": 16, "num_epochs": 140}
    simulated: ClassVar[bool] = True
    task: Task | None = None
    din, dout, loss_scale = 8, 1, 1.0
    loss, verdicts, observed = economics.loss, economics.verdicts, economics.zero
    shock_size, path = 2, (300, 8)
    impulses: ClassVar[dict[str, int]] = {}
    words: ClassVar = {
        "m": "cash on hand m", "e": "work e", "z": "times z", "K": "capital K", "Y": "output Y",
        "C": "consumption of all C", "c": "consumption c", "a": "assets a",
    }  # fmt: skip
    unstable = "what the households believe of capital is not what happens to it"
    bars: ClassVar = {
        "loss": {"log10_euler_mean": -3.0, "log10_euler_path_mean": -3.0, "limit_slack": 1e-2},
        "truth": {
            "policy_error_mean": 1e-3, "path_error_mean": 1e-3, "path_error_max": 1e-2, "capital_error_max": 2e-3,
        },
        "stability": {"law_error_max": 5e-3, "consumption_error_mean": 1e-3, "consumption_error_max": 1e-2},
    }  # fmt: skip

    def __init__(self, **parameters: Any):
        self.p = p = KrusellSmithOptions(**parameters)
        self.sizes = {"train": p.N, "test": p.N_test, "val": p.N_val, "population": p.N_test}
        self.jobless = np.array([p.jobless_bad, p.jobless_good])
        productivity = np.array([1 - p.swing, 1 + p.swing])
        self.firms = f = aggregate_states.Firms(p.alpha, p.delta, p.benefit, productivity, self.jobless)
        self.middle = f.at_rest(p.beta)
        self.wage = float(self.prices(np.zeros(()), 1, np)[1].max())
        least = float(self.prices(np.array(-p.K_range), 0, np)[1].min()) * POORER
        most = p.m_high * self.wage
        self._m = (0.5 * math.log(least * most), 0.5 * math.log(most / least))
        self.assets = most * np.linspace(0, 1, HISTOGRAM) ** 3
        self.saved = WIDER * most * np.linspace(0, 1, POINTS) ** 4
        law = f.law_of_insured(p.beta, p.gamma, p.lasts)
        #: the middle of the beliefs of the sample and how far from it they go, each [4]
        self.law = (law, (1 - law[1]) * np.array([AWAY, FASTER, AWAY, FASTER]))

    @functools.cached_property
    def households(self) -> Households:
        """Who finds work, and what households would do exactly."""
        from econml_cli.problems.economies.perceived import Households, Nodes

        p, nodes = self.p, Nodes.within(BEYOND * self.p.K_range, LEVELS)
        workers = aggregate_states.Workers(np.array(p.moves).reshape(2, 2, 2, 2), self.jobless)
        return Households(workers, self.prices, self.middle, nodes, self.saved, self.assets, p.beta, p.gamma)

    def prices(self, x: Any, z: Any, module: Any = None) -> tuple[Any, Any]:
        """(gross return [...], incomes without and with work [..., 2]) where log capital is x [...] from its middle."""
        return self.firms.prices(x + self.middle, z, module or np)

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch | None:
        """x = (log m, e, z, log K, law), each scaled to [-1, 1], [n, 8]: uniform, of log m fewer where it is small
        and hardly anybody is; each of e and z as often; None where n is 0."""
        n = self.sizes[split] if n is None else n
        if n == 0:
            return None
        x = jax.random.uniform(rngs(), (n, self.din), minval=-1.0, maxval=1.0)
        x = x.at[:, 0].set(economics.skewed(x[:, 0], FEWER_POOR))
        return economics.at(x.at[:, 1:3].set(jnp.where(x[:, 1:3] < 0, -1.0, 1.0)))

    def _read(self, m: Any, e: Any, z: Any, x: Any, law: Any) -> jax.Array:
        """What the network reads, [n, 8]: of m, e, z, x [n] and the law [n or 1, 4]."""
        centre, half = (jnp.asarray(part, m.dtype) for part in self.law)
        believed = jnp.broadcast_to((law - centre) / half, (len(m), 4))
        own = [(jnp.log(m) - self._m[0]) / self._m[1], 2.0 * e - 1, 2.0 * z - 1, x / self.p.K_range]
        return jnp.concatenate([jnp.stack(own, axis=1), believed], axis=1).astype(m.dtype)

    def _state(self, x: jax.Array) -> tuple[jax.Array, ...]:
        """(m, e, z, log capital from its middle [n], law [n, 4]) of what the network reads."""
        centre, half = (jnp.asarray(part, x.dtype) for part in self.law)
        e, z = ((x[:, i] > 0).astype(int) for i in (1, 2))
        return jnp.exp(self._m[0] + self._m[1] * x[:, 0]), e, z, x[:, 3] * self.p.K_range, centre + half * x[:, 4:]

    def _eaten(self, model: Model, m: jax.Array, *others: Any) -> tuple[jax.Array, jax.Array]:
        """(consumption, what it would be without the limit) at cash m [n], each [n]."""
        most = self.p.m_high * self.wage
        raw = model(self._read(jnp.minimum(m, most), *others))[:, 0]
        more = self.wage * jax.nn.softplus(math.log(math.expm1(FIRST)) + SHARE * raw)
        free = (1 - self.p.beta) * m + more
        return jnp.minimum(m, free), free

    def predict(self, model: Model, x: jax.Array) -> jax.Array:
        """Consumption c(m, e, z, K, law), [n, 1]."""
        return self._eaten(model, *self._state(x))[0][:, None]

    def constraints(self, model: Model, x: jax.Array) -> dict[str, tuple[jax.Array, jax.Array]]:
        """`limit`: the share of cash that is saved, and by what share the Euler equation would have more eaten, each
        [n]."""
        m, *others = self._state(x)
        c, _ = self._eaten(model, m, *others)
        return {"limit": (1 - c / m, self._implied(model, m, c, *others) / c - 1)}

    def _implied(self, model: Model, m: Any, c: Any, e: Any, z: Any, x: Any, law: Any) -> jax.Array:
        """What the Euler equation would have eaten where c is, [n]: the expectation is explicit, over the four states
        of tomorrow, at the capital that is believed."""
        now = jnp.arange(len(m))
        law = jnp.broadcast_to(law, (len(m), 4))
        ahead = law[now, 2 * z] + law[now, 2 * z + 1] * x
        chances = jnp.asarray(self.households.workers.moves, m.dtype)[z, e]  # [n, z', e']
        marginal = jnp.zeros_like(m)
        for z_next in (0, 1):
            gross, income = self.prices(ahead, jnp.full(len(m), z_next), jnp)
            for e_next in (0, 1):
                cash = gross * (m - c) + income[:, e_next]
                full = (jnp.full(len(m), value) for value in (e_next, z_next))
                then, _ = self._eaten(model, cash, *full, ahead, law)
                marginal += chances[:, z_next, e_next] * gross * then**-self.p.gamma
        implied: jax.Array = (self.p.beta * marginal) ** (-1 / self.p.gamma)
        return implied

    def euler(self, model: Model, x: jax.Array) -> jax.Array:
        """Fischer and Burmeister's function of the two, [n]: .01 is about one per cent of consumption."""
        return economics.kkt(*self.constraints(model, x)["limit"])

    def residual(self, model: Model, batch: Batch) -> jax.Array:
        """The same over roughly what is eaten of one more unit of cash, [n, 1], larger where more would be eaten than
        there is: see `economics.by_propensity`."""
        m, *others = self._state(batch.x)
        _, free = self._eaten(model, m, *others)
        return economics.by_propensity(self.euler(model, batch.x), m, free, 1 - self.p.beta, self.wage)

    @property
    def _times(self) -> Any:
        """The aggregate states that laws are estimated from, [periods]."""
        from econml_cli.problems.economies import perceived

        return perceived.states(perceived.DROPPED + perceived.PERIODS + 1, self.p.lasts, ESTIMATED_ON)

    @functools.cached_property
    def exact(self) -> tuple[Any, Any, Any]:
        """(the law of motion that the exact policy bears out [4], that policy, the distribution [e, points]).

        Raises:
            ConfigError: it lies outside the beliefs of the sample.
        """
        found = self.households.equilibrium(self._times, *self.law)
        demand(
            (
                bool(np.isfinite(found[0]).all()),
                "with these parameters no law of motion near that of insured households is borne out, so that the "
                "network would be taught beliefs that nobody has; try parameters nearer to the defaults",
            )
        )
        return found

    def check_equilibrium(self) -> None:
        """Find the law that is borne out, which the verdicts compare with; `exact` says where there is none."""
        self.exact  # noqa: B018

    @functools.cached_property
    def _tables(self) -> Any:
        """The exact consumption at the beliefs of `quadratic.points`, [15, z, e, nodes, points + 1]."""
        (centre, half), policy = self.law, self.households.policy
        middle = policy(centre, self.exact[1])
        tables = [middle, *(policy(centre + half * u, middle) for u in quadratic.points(4)[1:])]
        return np.pad(np.stack(tables), ((0, 0),) * 4 + ((1, 0),))

    def truth(self, x: jax.Array) -> jax.Array:
        """The exact consumption, [n, 1]."""
        tables, saved = jnp.asarray(self._tables, x.dtype), jnp.asarray(np.append(0.0, self.saved), x.dtype)
        m, e, z, log_K, _ = self._state(x)
        at, law = self.households.nodes.weights(log_K, jnp).astype(x.dtype), quadratic.weights(x[:, 4:])

        def one(m: Any, e: Any, z: Any, at: Any, law: Any) -> jax.Array:
            c = jnp.einsum("l,k,lkp->p", law, at, tables[:, z, e])
            return jnp.interp(m, saved + c, c)

        return jax.vmap(one)(m, e, z, at, law)[:, None]

    def start(self, paths: int) -> Any:
        """Good times, the distribution of assets that the exact policy leads to, and a household with work and the mean
        of them."""
        _, _, mass = self.exact
        mass = self.households.workers.spread(mass, 1)
        held = (mass @ self.assets).sum()
        gross, income = self.prices(np.log(held) - self.middle, 1)
        one = jnp.ones(paths, int)
        return {
            "m": jnp.full(paths, gross * held + income[1]), "e": one, "z": one,
            "mass": jnp.tile(jnp.asarray(mass, float), (paths, 1, 1)),
        }  # fmt: skip

    def _x(self, mass: jax.Array) -> jax.Array:
        """Log capital from its middle of the distributions [..., e, points], [...]."""
        return jnp.log((mass @ jnp.asarray(self.assets, mass.dtype)).sum(axis=-1)) - self.middle

    def observe(self, state: Any) -> jax.Array:
        """What the network reads, [paths, 8]: of the distribution its mean."""
        law = jnp.asarray(self.exact[0], state["m"].dtype)[None]
        return self._read(state["m"], state["e"], state["z"], self._x(state["mass"]), law)

    def in_units(self, x: Any) -> dict[str, Any]:
        """m, e, z, K and the law of what the network reads, each [n]."""
        centre, half = self.law
        named = ("b_bad", "s_bad", "b_good", "s_good")
        return {
            "m": np.exp(self._m[0] + self._m[1] * x[:, 0]), "e": (x[:, 1] + 1) / 2, "z": (x[:, 2] + 1) / 2,
            "K": np.exp(self.middle + self.p.K_range * x[:, 3]),
            **{name: centre[i] + half[i] * x[:, 4 + i] for i, name in enumerate(named)},
        }  # fmt: skip

    def step(self, model: Model, state: Any, shock: jax.Array) -> tuple[Any, dict[str, jax.Array]]:
        """The times and the work that the shocks, as quantiles, mean; the distribution that the policy leads to, whose
        mean is the capital of tomorrow whatever was believed; m' = R' (m - c) + y'."""
        m, e, z, mass = (state[name] for name in ("m", "e", "z", "mass"))
        x, law = self._x(mass), jnp.asarray(self.exact[0], m.dtype)[None]
        c, _ = self._eaten(model, m, e, z, x, law)
        stays = 1 - 1 / self.p.lasts
        quantile = jax.scipy.stats.norm.cdf(shock)
        after = (quantile[:, 0] > jnp.where(z == 1, 1 - stays, stays)).astype(z.dtype)
        chances = np.stack([[self.households.workers.given(i, j) for j in (0, 1)] for i in (0, 1)])
        given = jnp.asarray(chances, m.dtype)[z, after]
        works = (quantile[:, 1] > given[jnp.arange(len(m)), e, 0]).astype(e.dtype)
        kept, cash = self._saved(model, x, z, law)
        moved = jnp.swapaxes(given, 1, 2) @ jax.vmap(functools.partial(histogram.moved, self.assets))(mass, kept)
        gross, income = self.prices(self._x(moved), after, jnp)
        K = jnp.exp(self.middle + x)
        eaten = (mass * (cash - kept)).sum(axis=(1, 2))
        series = {"K": K, "z": z.astype(m.dtype), "Y": self.firms.made(K, z, jnp), "C": eaten}
        series |= {"m": m, "c": c, "a": m - c}
        cash_next = gross * (m - c) + income[jnp.arange(len(m)), works]
        return {"m": cash_next, "e": works, "z": after, "mass": moved}, series

    def _saved(self, model: Model, x: Any, z: Any, law: Any) -> tuple[jax.Array, jax.Array]:
        """(what is saved, cash on hand) at the points of the histogram at x and z [n], each [n, e, points]."""
        gross, income = self.prices(x, z, jnp)
        cash = gross[:, None, None] * jnp.asarray(self.assets, x.dtype) + income[:, :, None]
        parts = (jnp.arange(2)[:, None], z[:, None, None], x[:, None, None])
        rows = (jnp.broadcast_to(part, cash.shape).ravel() for part in parts)
        c, _ = self._eaten(model, cash.ravel(), *rows, law)
        return cash - c.reshape(cash.shape), cash

    def stability(self, model: Model, batch: Batch) -> dict[str, float]:
        """The law log K' = b + s log K in bad and good times which the fitted policy bears out, NaN where none of the
        sample's is, and over 10,000 periods: `law_error`, how far capital by that law alone, which is never told where
        it has gone, is from that of the histogram, as a share; `capital_error`, how far the latter is from that of the
        exact policy; `consumption_error`, how far what one household eats is from what another one eats which each
        period takes the expectation in its Euler equation explicitly. The first and the last are den Haan's (2010)."""
        from econml_cli.problems.economies import perceived

        _, c, mass = self.exact

        def kept(law: Any) -> Any:
            return economics.values(self, "_kept", model, jnp.asarray(law, batch.x.dtype))

        law, mine = self.households.borne_out(kept, mass, self._times, *self.law)
        told = self._as_published(law)
        if not np.isfinite(law).all():
            return {**told, **dict.fromkeys(("law_error_max", "capital_error_max", "consumption_error_max"), math.nan)}
        z = perceived.states(TESTED, self.p.lasts, TESTED_ON)
        households = self.households
        x, _ = households.capital(kept(law), z, mine)
        of_exact, _ = households.capital(households.kept(c), z, mass)
        work = households.workers.one(z, TESTED_ON)
        eaten, implied = economics.values(self, "_followed", model, *(jnp.asarray(each) for each in (x, z, work, law)))
        errors = {
            "law": np.abs(np.expm1(perceived.foretold(law, z, x[0]) - x)),
            "capital": np.abs(np.expm1(x - of_exact)),
            "consumption": np.abs(implied / eaten - 1),
        }
        for name, each in errors.items():
            told |= {f"{name}_error_mean": float(each.mean()), f"{name}_error_max": float(each.max())}
        return told

    def _as_published(self, law: Any) -> dict[str, float]:
        """The law of log K itself by its numbers, as the literature reports it."""
        told: dict[str, float] = {}
        for i, times in enumerate(("bad", "good")):
            b, s = float(law[2 * i]), float(law[2 * i + 1])
            told |= {f"intercept_{times}": b + (1 - s) * self.middle, f"slope_{times}": s}
        return told

    def _kept(self, model: Model, law: jax.Array) -> jax.Array:
        """What is saved under a belief at the points of the histogram, [z, e, nodes, points]."""
        x, count = jnp.asarray(self.households.nodes.at, law.dtype), len(self.households.nodes.at)
        kept = [self._saved(model, x, jnp.full(count, z), law[None])[0] for z in (0, 1)]
        return jnp.stack(kept).transpose(0, 2, 1, 3)

    def _followed(self, model: Model, x: Any, z: Any, e: Any, law: Any) -> tuple[jax.Array, jax.Array]:
        """(what a household eats, what another one eats that takes expectations explicitly), each [periods], where log
        capital, times and work are x, z and e [periods]; both begin with mean assets."""

        def one(assets: Any, now: Any) -> tuple[Any, Any]:
            x, z, e = (jnp.full(2, each) for each in now)
            gross, income = self.prices(x, z, jnp)
            m = gross * assets + income[jnp.arange(2), e]
            c, _ = self._eaten(model, m, e, z, x, law[None])
            implied = jnp.minimum(m, self._implied(model, m, c, e, z, x, law[None]))
            eaten = jnp.stack([c[0], implied[1]])
            return m - eaten, eaten

        first = jnp.full(2, jnp.exp(self.middle + x[0]))
        eaten = jax.lax.scan(one, first.astype(x.dtype), (x, z, e))[1]
        return eaten[:, 0], eaten[:, 1]

    def describe(self) -> dict[str, Any]:
        """The states and the policy, and the chances between times and work."""
        law = [f"{name}_{times}_scaled" for times in ("bad", "good") for name in ("b", "s")]
        return {
            "features": ["log_m_scaled", "e_scaled", "z_scaled", "log_K_scaled", *law],
            "target": "c",
            "moves": self.p.moves,
        }
