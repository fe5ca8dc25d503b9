"""The price of an asset as a sequence, from a recursion that a bubble solves as well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from econml_cli.options.fields import option
from econml_cli.problems.economies import economics
from econml_cli.problems.economies.conditions import demand, patience
from econml_cli.problems.lazily import jax, jnp, nnx, np

if TYPE_CHECKING:
    from econml_cli.problems.base import Batch, Split, Task


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


class AssetPricing:
    """A risk-neutral investor pays p_t = y_t + beta p_{t+1} for a claim to dividends y_{t+1} = c + (1+g) y_t.

    Unknown is p(t), t = 0, 1, ...; the network reads t, and a softplus makes its output positive. The residual
    y_t + beta p(t+1) - p(t) is zero for p_t = H x_t, H = [0, 1] (I - beta A)^-1, x_t = [1, y_t], A = [[1, 0],
    [c, 1+g]], the discounted sum of all dividends, and for that plus a bubble zeta beta^-t, whatever zeta. Only
    transversality, beta^t p(t) -> 0, rules the bubble out, and it is no part of the loss: a smooth network finds the
    solution that does not explode. Each path is the training periods, so `path_error_...` are the errors in sample.

    Source: Kahou, Fernandez-Villaverde, Gomez-Cardona, Perla and Rosa, "Spooky Boundaries at a Distance".
    """

    recipe: ClassVar = {**economics.SMOOTH, "width": 128, "depth": 4, "lr": 1e-3, "num_epochs": 5000}
    simulated: ClassVar[bool] = True
    task: Task | None = None
    din, dout, loss_scale = 1, 1, 1.0
    loss, verdicts, observed = economics.loss, economics.verdicts, economics.zero
    start, observe = economics.time_zero, economics.time_alone  # the state is t
    shock_size = 0
    impulses: ClassVar[dict[str, int]] = {}
    bars: ClassVar = {
        "loss": {"log10_euler_path_mean": -3.0},
        "truth": {"path_error_mean": 1e-3, "policy_error_mean": 3e-3},
        "stability": {"bubble": 0.05},
    }
    unstable = (
        "the price has a bubble: it grows as fast as it is discounted, beyond what the dividends are worth (its "
        "residual is zero as well)"
    )

    def __init__(self, **parameters: Any):
        self.p = p = AssetPricingOptions(**parameters)
        self.path = (p.periods, 1)
        H = np.linalg.solve((np.eye(2) - p.beta * np.array([[1, 0], [p.c, 1 + p.g]])).T, [0, 1])
        self.H0, self.H1 = map(float, H)

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch | None:
        """x = t = 0, 1, ..., [periods, 1], from which nothing is drawn; no validation."""
        if n is None:
            n = {"train": self.p.periods, "val": 0}.get(split, self.p.periods_test)
        return economics.at(jnp.arange(n, dtype=float)[:, None]) if n else None

    def dividend(self, t: jax.Array) -> jax.Array:
        """y_t = (1+g)^t y_0 + c ((1+g)^t - 1) / g, of the shape of t."""
        return economics.compounded(t, self.p.y0, self.p.c, self.p.g, np.log1p(self.p.g))

    def predict(self, model: Any, x: jax.Array) -> jax.Array:
        """The price p(t), [n, 1]."""
        return jax.nn.softplus(model(x))

    def residual(self, model: Any, batch: Batch) -> jax.Array:
        """y_t + beta p(t+1) - p(t), [n, 1]."""
        x = batch.x
        return self.dividend(x) + self.p.beta * self.predict(model, x + 1) - self.predict(model, x)

    def euler(self, model: Any, x: jax.Array) -> jax.Array:
        """The residual as a share of the price, [n]."""
        return (self.residual(model, economics.at(x)) / self.predict(model, x))[:, 0]

    def truth(self, x: jax.Array) -> jax.Array:
        """H x_t, [n, 1]."""
        return self.H0 + self.H1 * self.dividend(x)

    def step(self, model: Any, state: jax.Array, shock: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
        """The next period, and price and dividend of this one."""
        x = self.observe(state)
        return state + 1, {"p": self.predict(model, x)[:, 0], "y": self.dividend(state)}

    def stability(self, model: Any, batch: Batch) -> dict[str, float]:
        """`bubble`: |zeta| beta^-T, T the last period, as a share of the largest fundamental price, where zeta is the
        slope of p(t) - H x_t on beta^-t over the batch; `transversality`, beta^T p(T)."""
        t = np.asarray(batch.x, np.float64)[:, 0]
        p, fundamental = (np.asarray(at, np.float64)[:, 0] for at in _prices(self, model, batch.x))
        end = int(t.argmax())
        growth = self.p.beta ** (t[end] - t)  # 1 at T: beta^-t itself overflows on a long horizon
        at_end = growth @ (p - fundamental) / (growth @ growth)
        return {
            "bubble": float(abs(at_end) / fundamental.max()),
            "transversality": float(self.p.beta ** t[end] * p[end]),
        }

    def describe(self) -> dict[str, Any]:
        """The state and the truth."""
        return {"features": ["t"], "target": "p", "H": [self.H0, self.H1]}


def _prices(problem: AssetPricing, model: Any, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(fitted, fundamental) prices, compiled: a long horizon is measured as fast as a short one."""
    graphdef, state = nnx.split(model)
    run = jax.jit(lambda state, x: (problem.predict(nnx.merge(graphdef, state), x), problem.truth(x)))
    return jax.device_get(run(state, x))
