"""A buffer-stock economy as a user writes it, from docs/add-a-problem.md: with a borrowing limit, and without one, the
textbook mistake, whose Euler equation holds on all sampled states while wealth leaves them."""

from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
from flax import nnx

from econml_cli.problems.base import Batch, Split
from econml_cli.problems.economies import economics


class NoLimit:
    """max E sum beta^t c_t^(1-gamma)/(1-gamma), m' = R (m - c) + y', y' lognormal with mean 1."""

    model = "mlp"
    recipe: ClassVar = {
        "width": 16, "activation": "tanh", "init": "torch_uniform", "lr": 1e-2, "num_epochs": 400, "batch_size": 0,
        "schedule": "cosine",
    }  # fmt: skip
    simulated, task, din, dout, loss_scale = True, None, 1, 1, 1.0
    loss, verdicts, observed = economics.loss, economics.verdicts, economics.zero
    bars: ClassVar = {"loss": {"log10_euler_mean": -2.0}}
    shock_size, path = 1, (200, 16)
    impulses: ClassVar[dict[str, int]] = {"income": 0}

    def __init__(
        self,
        *,
        beta: Annotated[float, "discount factor"] = 0.96,
        R: Annotated[float, "gross return"] = 1.03,
        gamma: Annotated[float, "risk aversion"] = 2.0,
        spread: Annotated[float, "standard deviation of log income"] = 0.1,
        low: Annotated[float, "least cash on hand"] = 0.5,
        high: Annotated[float, "most cash on hand"] = 2.0,
        N: Annotated[int, "states of each sample"] = 64,
    ):
        self.beta, self.R, self.gamma, self.spread, self.low, self.high, self.N = beta, R, gamma, spread, low, high, N
        self.nodes, self.weights = economics.gauss_hermite(5)

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch:
        """Cash on hand, uniform between its bounds, [n, 1]."""
        return economics.at(jax.random.uniform(rngs(), (n or self.N, 1), minval=self.low, maxval=self.high))

    def predict(self, model: Any, x: jax.Array) -> jax.Array:
        """The share of cash on hand that is eaten, [n, 1]."""
        return jax.nn.sigmoid(model(x))

    def wanted(self, model: Any, m: jax.Array, c: jax.Array) -> jax.Array:
        """What the Euler equation would have eaten, [n, 1], where c is."""
        income = jnp.exp(self.spread * jnp.asarray(self.nodes, m.dtype) - 0.5 * self.spread**2)
        after = self.R * (m - c) + income
        eaten = self.predict(model, after.reshape(-1, 1)).reshape(after.shape) * after
        marginal = (eaten**-self.gamma) @ jnp.asarray(self.weights, m.dtype)
        return (self.beta * self.R * marginal[:, None]) ** (-1 / self.gamma)

    def residual(self, model: Any, batch: Batch) -> jax.Array:
        """By what share the Euler equation would have more eaten, [n, 1]."""
        c = self.predict(model, batch.x) * batch.x
        return self.wanted(model, batch.x, c) / c - 1

    def start(self, paths: int) -> jax.Array:
        """Cash of 1."""
        return jnp.ones(paths)

    def observe(self, m: jax.Array) -> jax.Array:
        """Cash on hand, [paths, 1]."""
        return m[:, None]

    def step(self, model: Any, m: jax.Array, shock: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
        """m' = R (m - c) + y'."""
        c = self.predict(model, self.observe(m))[:, 0] * m
        income = jnp.exp(self.spread * shock[:, 0] - 0.5 * self.spread**2)
        return self.R * (m - c) + income, {"m": m, "c": c}

    def describe(self) -> dict[str, Any]:
        """The state and the policy."""
        return {"features": ["cash"], "target": "share"}


class BufferStock(NoLimit):
    """The same where nothing can be borrowed: either all is eaten, or the Euler equation holds."""

    def constraints(self, model: Any, x: jax.Array) -> dict[str, tuple[jax.Array, jax.Array]]:
        """The share of cash that is saved, and by what share the Euler equation would have more eaten, each [n]."""
        c = self.predict(model, x) * x
        return {"limit": ((1 - c / x)[:, 0], (self.wanted(model, x, c) / c - 1)[:, 0])}

    def residual(self, model: Any, batch: Batch) -> jax.Array:
        """0 where one of the two is 0 and the other is not negative, [n, 1]."""
        return economics.kkt(*self.constraints(model, batch.x)["limit"])[:, None]
