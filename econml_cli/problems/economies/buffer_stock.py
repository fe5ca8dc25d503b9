"""Saving against income risk where nothing can be borrowed: a constraint that binds at some states only."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from econml_cli.options.fields import option
from econml_cli.problems.economies import economics
from econml_cli.problems.economies.conditions import demand, patience
from econml_cli.problems.lazily import jax, jnp, nnx, np
from econml_cli.problems.sizes import sizes_of

if TYPE_CHECKING:
    from econml_cli.models.base import Model
    from econml_cli.problems.base import Batch, Split, Task

#: of the exact policy: points of the grid of savings, and the largest as a multiple of the most cash
POINTS, WIDER = 400, 2.0
#: how many standard deviations of log income the nodes reach
REACH = 5.0
#: what is eaten, in mean incomes, where the network says 0, and how much of what it says counts: it begins near the
#: policy of somebody without a future, from which the solution is found, not with one that saves all
FIRST, SHARE = 1.2, 0.5
#: log m is divided by this before the network reads it
UNIT = 1 / 3


@dataclass(frozen=True)
class BufferStockOptions:
    """Saving against income risk with a borrowing limit."""

    beta: float = option(0.95, "discount factor")
    gamma: float = option(2.0, "relative risk aversion", gt=0)
    R: float = option(1.03, "gross return of savings", gt=0)
    sigma: float = option(0.15, "standard deviation of log income, which is independent over time", gt=0, le=1)
    quadrature: int = option(101, "evenly spaced nodes of the expectation", ge=3, le=2000)
    m_low: float = option(0.7, "least cash on hand of the states, in mean incomes", gt=0)
    m_high: float = option(4.0, "most cash on hand of the states, in mean incomes", gt=0)
    N: int = option(400, "states in the training sample", ge=2)
    N_test: int = option(1000, "states in the test sample", ge=0)
    N_val: int = option(256, "states in the validation sample", ge=0)

    def __post_init__(self) -> None:
        demand(
            patience(self.beta),
            (
                self.beta * self.R < 1,
                f"--beta times --R must be < 1, got {self.beta * self.R:.4g}: the patient save for ever, "
                "and wealth has no distribution; try --beta .95 --R 1.03",
            ),
            (
                self.m_low < 1 < self.m_high,
                f"--m-low and --m-high must have the mean income 1 between them, got {self.m_low:g} and "
                f"{self.m_high:g}; try .7 and 4",
            ),
        )


class BufferStock:
    """max E sum beta^t c_t^(1-gamma)/(1-gamma) subject to m' = R (m - c) + y', 0 <= c <= m, log y' ~ N(-sigma^2/2,
    sigma^2).

    Unknown is consumption c(m) of cash on hand m. What is saved, 1 - c/m, and by what share the Euler equation would
    have more eaten, (beta R E c'^-gamma)^(-1/gamma) / c - 1, are not negative, and one of them is 0: all is eaten, or
    the Euler equation holds. The residual is Fischer and Burmeister's function of the two (`economics.kkt`).

    The network reads log m and says what would be eaten without the limit; consumption is the smaller one of that and
    m, so that the kink of the policy is where it belongs, and the network smooth. Where it would eat more than there is
    the residual is made larger in proportion, which leads back to where it is not 0. Nobody eats less than the share of
    m that somebody without income would (`least`), to which the network adds; it reads no more than m_high, from where
    on consumption has that slope, as it has in the limit. So no residual on the states rests on what a network says
    outside of them, and wealth that explodes solves nothing.

    The expectation is over evenly spaced nodes: many, because consumption tomorrow has a kink. The truth is the policy
    by the endogenous grid method with the same nodes, found when it is first asked for.

    Source: Deaton (1991), Saving and Liquidity Constraints, Econometrica 59; Carroll (2006), The Method of Endogenous
    Gridpoints for Solving Dynamic Stochastic Optimization Problems, Economics Letters 91.
    """

    recipe: ClassVar = economics.BY_LM
    simulated: ClassVar[bool] = True
    task: Task | None = None
    din, dout, loss_scale = 1, 1, 1.0
    loss, verdicts, observed = economics.loss, economics.verdicts, economics.zero
    shock_size, path = 1, (300, 32)
    impulses: ClassVar = {"income": 0}
    unstable = "wealth does not stay about what impatience and caution make of it"
    bars: ClassVar = {
        "loss": {"log10_euler_mean": -4.0, "log10_euler_path_mean": -4.0, "limit_slack": 1e-4},
        "truth": {"policy_error_mean": 3e-4, "path_error_mean": 3e-4, "path_error_max": 1e-3},
        "stability": {"wealth_error": 2e-3},
    }

    def __init__(self, **parameters: Any):
        self.p = p = BufferStockOptions(**parameters)
        self.sizes = sizes_of(p)
        nodes = np.linspace(-REACH, REACH, p.quadrature)
        density = np.exp(-0.5 * nodes**2)
        self._weights = density / density.sum()
        self._incomes = np.exp(p.sigma * nodes - 0.5 * p.sigma**2)
        #: of one more unit of cash the share that is eaten by the rich, who need not care for income
        self.least = max(1 - (p.beta * p.R) ** (1 / p.gamma) / p.R, 0.0)

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch | None:
        """x = log m / UNIT, [n, 1], uniform between the least and the most cash; None where n is 0."""
        n = self.sizes[split] if n is None else n
        if n == 0:
            return None
        low, high = math.log(self.p.m_low), math.log(self.p.m_high)
        return economics.at(jax.random.uniform(rngs(), (n, 1), minval=low, maxval=high) / UNIT)

    def _eaten(self, model: Model, m: jax.Array) -> tuple[jax.Array, jax.Array]:
        """(consumption, what it would be without the limit), each of the shape of m."""
        read = jnp.log(jnp.minimum(m, self.p.m_high)).reshape(-1, 1) / UNIT
        more = jax.nn.softplus(math.log(math.expm1(FIRST)) + SHARE * model(read)).reshape(m.shape)
        free = self.least * m + more
        return jnp.minimum(m, free), free

    def predict(self, model: Model, x: jax.Array) -> jax.Array:
        """Consumption c(m), [n, 1]."""
        return self._eaten(model, jnp.exp(x * UNIT))[0]

    def constraints(self, model: Model, x: jax.Array) -> dict[str, tuple[jax.Array, jax.Array]]:
        """`limit`: the share of cash that is saved, and by what share the Euler equation would have more eaten, each
        [n]."""
        m = jnp.exp(x[:, 0] * UNIT)
        c, _ = self._eaten(model, m)
        return {"limit": (1 - c / m, self._lacks(model, m, c))}

    def _lacks(self, model: Model, m: jax.Array, c: jax.Array) -> jax.Array:
        after = self.p.R * (m - c)[:, None] + jnp.asarray(self._incomes, m.dtype)
        c_next, _ = self._eaten(model, after)
        marginal = (c_next**-self.p.gamma) @ jnp.asarray(self._weights, m.dtype)
        lacks: jax.Array = (self.p.beta * self.p.R * marginal) ** (-1 / self.p.gamma) / c - 1
        return lacks

    def euler(self, model: Model, x: jax.Array) -> jax.Array:
        """Fischer and Burmeister's function of the two, [n]: .01 is about one per cent of consumption."""
        return economics.kkt(*self.constraints(model, x)["limit"])

    def residual(self, model: Model, batch: Batch) -> jax.Array:
        """The same, larger where more would be eaten than there is, [n, 1]."""
        m = jnp.exp(batch.x[:, 0] * UNIT)
        _, free = self._eaten(model, m)
        return (self.euler(model, batch.x) * jnp.maximum(free / m, 1))[:, None]

    def truth(self, x: jax.Array) -> jax.Array:
        """The exact consumption, [n, 1]."""
        m, c = (jnp.asarray(part, x.dtype) for part in self.exact)
        at = jnp.exp(x * UNIT)
        slope = (c[-1] - c[-2]) / (m[-1] - m[-2])
        return jnp.where(at > m[-1], c[-1] + slope * (at - m[-1]), jnp.interp(at, m, c))

    @functools.cached_property
    def exact(self) -> tuple[Any, Any]:
        """(cash, consumption) of the exact policy, linear in between, each [POINTS + 1], from 0."""
        from econml_cli.problems.economies.heterogeneous import policy

        p = self.p
        saved = WIDER * p.m_high * np.linspace(0, 1, POINTS) ** 3  # many points near the kink
        weights = self._weights[None]
        c = policy(self._incomes, weights, saved, beta=p.beta, gamma=p.gamma, R=p.R)[0]
        return np.append(0.0, saved + c), np.append(0.0, c)

    def start(self, paths: int) -> Any:
        """The mean income, and nothing saved."""
        return {"m": jnp.ones(paths)}

    def observe(self, state: Any) -> jax.Array:
        """log m / UNIT, [paths, 1]."""
        return jnp.log(state["m"])[:, None] / UNIT

    def step(self, model: Model, state: Any, shock: jax.Array) -> tuple[Any, dict[str, jax.Array]]:
        """m' = R (m - c) + y'."""
        m = state["m"]
        c, _ = self._eaten(model, m)
        income = jnp.exp(self.p.sigma * shock[:, 0] - 0.5 * self.p.sigma**2)
        return {"m": self.p.R * (m - c) + income}, {"m": m, "c": c, "a": m - c}

    def stability(self, model: Model, batch: Batch) -> dict[str, float]:
        """`mean_cash` on hand over the second half of simulated paths, and `wealth_error`, how far that is from the
        mean under the exact policy with the same incomes, as a share."""
        from econml_cli.problems.economies import simulation

        periods, paths = self.path
        series = simulation.simulate(self, model, periods=periods, paths=paths)
        m, saved = (np.asarray(series[name], np.float64) for name in ("m", "a"))
        cash, eaten = self.exact
        with np.errstate(over="ignore", invalid="ignore"):  # of wealth that explodes nothing is known
            incomes, at, exact = m[1:] - self.p.R * saved[:-1], m[0], [m[0]]
            for income in incomes:
                at = self.p.R * (at - np.interp(at, cash, eaten)) + income
                exact.append(at)
            mean = float(m[periods // 2 :].mean())
            return {"mean_cash": mean, "wealth_error": economics.apart(mean / np.mean(exact[periods // 2 :]))}

    def describe(self) -> dict[str, Any]:
        """The state and the policy."""
        return {"features": ["log_m_scaled"], "target": "c", "least": self.least}
