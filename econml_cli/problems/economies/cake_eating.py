"""Eating a cake that grows at a fixed return: the smallest problem in which an Euler equation is not enough."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from econml_cli.options.fields import option
from econml_cli.problems.economies import economics, horizons
from econml_cli.problems.economies.conditions import demand, patience
from econml_cli.problems.lazily import jax, jnp, nnx, np
from econml_cli.problems.sizes import sizes_of

if TYPE_CHECKING:
    from econml_cli.models.base import Model
    from econml_cli.problems.base import Batch, Split, Task

#: periods of the path, at most
LONGEST = 200
#: an error of wealth at the end of the path that is too large, whatever made it
FAR_OFF = 0.5


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
class _Exact:
    """The true policy: `growth`, a'/a; `factor`, by which beta^t u'(c_t) a_t grows in a period; `share`, of wealth that
    is eaten; and for how many `periods` the path from the one end of the states stays among them."""

    growth: float
    factor: float
    share: float
    periods: int

    @classmethod
    def of(cls, p: CakeEatingOptions) -> _Exact:
        growth = (p.beta * p.R) ** (1 / p.gamma)
        steps = 2 * math.log(p.a_range) / max(abs(math.log(growth)), 1e-9)
        return cls(growth, growth / p.R, 1 - growth / p.R, max(2, min(LONGEST, int(steps))))

    @property
    def shown(self) -> float:
        """What the Euler residual shows of errors in the share eaten: of a relative error e it shows e s / (1 - s), and
        of one that changes by e over a unit of log wealth, which moves by log(growth) in a period, e |log(growth)|."""
        return self.share / (1 - self.share) + abs(math.log(self.growth))

    @property
    def left(self) -> float:
        """What a relative error of the share leaves of wealth at the end of the path, over that error."""
        return (self.periods - 1) * self.share / self.factor


class CakeEating:
    """max sum beta^t u(c_t) subject to a' = R (a - c), u(c) = c^(1-gamma) / (1-gamma).

    Unknown is the share of wealth eaten, s(a) = c/a. The Euler equation is u'(c) = beta R u'(c'), whose residual in
    units of consumption is 1 - (beta R)^(-1/gamma) c'/c: the share of c by which it differs from what c' asks for.

    The network reads log a over units, which is log(a_range), and its output passes through a sigmoid, so that 0 < s <
    1. The truth is s = 1 - (beta R^(1-gamma))^(1/gamma) in every state. The Euler equation has other solutions. On
    those where too little is eaten for ever, s falls to 0, wealth is never used, and the transversality condition lim
    beta^t u'(c_t) a_t = 0 fails: that is what the stability verdict is for. Near the truth they differ from it by a
    multiple of a power of a; a wide range of wealth, over which such a power is nothing that a network comes upon,
    keeps training away from them.

    Source: Stokey, Lucas and Prescott (1989), Recursive Methods in Economic Dynamics, sections 2.1 and 4.5.
    """

    recipe: ClassVar = {**economics.SMOOTH, "width": 32, "lr": 2e-2, "num_epochs": 20000}
    adapted: ClassVar = horizons.SECOND_ORDER
    simulated: ClassVar[bool] = True
    task: Task | None = None
    din, dout, loss_scale = 1, 1, 1.0
    loss, verdicts, observed = economics.loss, economics.verdicts, economics.zero
    shock_size = 0
    impulses: ClassVar[dict[str, int]] = {}
    words: ClassVar = {
        "log_a": "log wealth a", "a": "wealth a", "c": "consumption c", "share": "share of wealth consumed"
    }  # fmt: skip
    unstable = "wealth is left over for ever: beta^t u'(c_t) a_t does not go to 0 as transversality asks"

    def __init__(self, **parameters: Any):
        self.p = p = CakeEatingOptions(**parameters)
        self.sizes = sizes_of(p)
        self.log_range = self.units = math.log(p.a_range)
        exact, usual = _Exact.of(p), _Exact.of(CakeEatingOptions())
        self.growth, self.factor, self.share = exact.growth, exact.factor, exact.share
        self.path = (exact.periods, 1)
        # as much more, or less, than at the defaults as is seen there of the same errors of the policy
        scale = math.log10(exact.shown / usual.shown)
        self.bars = {
            "loss": {
                "log10_euler_mean": scale - 4.0,
                "log10_euler_path_mean": scale - 4.0,
                "log10_euler_max": scale - 3.0,
            },
            "truth": {
                "policy_error_mean": 1e-3,
                "policy_error_max": 5e-3,
                "path_error_mean": 1e-3,
                "path_error_max": 5e-3,
                "slope": 1e-3,
            },
            "stability": {
                "transversality": 0.5 * (1 + self.factor),
                "wealth_error": min(FAR_OFF, 0.02 * exact.left / usual.left),
            },
        }

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch | None:
        """x = log a / units, [n, 1], uniform between the ends of the range; None where n is 0."""
        n = self.sizes[split] if n is None else n
        if n == 0:
            return None
        end = self.log_range / self.units
        return economics.at(jax.random.uniform(rngs(), (n, 1), minval=-end, maxval=end))

    def predict(self, model: Model, x: jax.Array) -> jax.Array:
        """The share of wealth eaten, s(a), [n, 1]."""
        return jax.nn.sigmoid(model(x))

    def euler(self, model: Model, x: jax.Array) -> jax.Array:
        """1 - (beta R)^(-1/gamma) c'/c, [n]: 0.01 is an error of one per cent of consumption."""
        s = self.predict(model, x)
        # a' = R (1 - s) a, so that wealth itself cancels from c'/c
        growth = self.p.R * (1 - s)
        s_next = self.predict(model, x + jnp.log(growth) / self.units)
        gap: jax.Array = (1 - s_next * growth / (self.growth * s))[:, 0]
        return gap

    def residual(self, model: Model, batch: Batch) -> jax.Array:
        """The Euler residual, [n, 1]."""
        return self.euler(model, batch.x)[:, None]

    def truth(self, x: jax.Array) -> jax.Array:
        """1 - (beta R^(1-gamma))^(1/gamma), [n, 1]."""
        return jnp.full((len(x), 1), self.share, x.dtype)

    def start(self, paths: int) -> jax.Array:
        """log a at the end of the states from which wealth moves to the other one."""
        return jnp.full(paths, self.log_range if self.growth < 1 else -self.log_range)

    def in_units(self, x: Any) -> dict[str, Any]:
        """log a of what the network reads, [n]."""
        return {"log_a": x[:, 0] * self.units}

    def observe(self, state: jax.Array) -> jax.Array:
        """log a / units, [paths, 1]."""
        return state[:, None] / self.units

    def step(self, model: Model, state: jax.Array, shock: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
        """log a' = log a + log(R (1 - s))."""
        s = self.predict(model, self.observe(state))[:, 0]
        a = jnp.exp(state)
        return state + jnp.log(self.p.R * (1 - s)), {"a": a, "c": s * a, "share": s}

    def stability(self, model: Model, batch: Batch) -> dict[str, float]:
        """On the path: `transversality`, the factor by which beta^t u'(c_t) a_t grows in a period, on average over the
        second half, and `wealth_error`, |a/a_true - 1| at its end. On the batch: `slope`, the size of that of log s on
        log a (least squares), which is 0 at the truth."""
        periods = self.path[0]
        a = economics.rest(self, model, self.start(1), periods, "a")
        c = economics.rest(self, model, self.start(1), periods, "c")
        half, last = periods // 2, periods - 1
        between = max(last - half, 1)
        with np.errstate(divide="ignore", invalid="ignore"):  # of a cake that is gone: no number, a failed verdict
            value = (c[half] / c[last]) ** self.p.gamma * a[last] / a[half]
        factor = self.p.beta * float(value) ** (1 / between) if last > half else self.p.beta
        log_s = np.log(economics.values(self, "predict", model, batch.x))
        return {
            "transversality": factor,
            "wealth_error": abs(float(a[last] / a[0]) / self.growth**last - 1),
            "slope": abs(economics.slope(batch.x * self.units, log_s)),
        }

    def describe(self) -> dict[str, Any]:
        """The state, and the truth."""
        return {
            "features": ["log_a_scaled"],
            "target": "share",
            "share": self.share,
            "growth_of_wealth": self.growth,
            "transversality": self.factor,
        }
