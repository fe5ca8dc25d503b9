"""Stochastic growth with log utility and full depreciation: its closed form makes it the test of every solver."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from econml_cli.options.fields import option
from econml_cli.problems.economies import economics, horizons
from econml_cli.problems.economies.conditions import demand, patience, persistence, share
from econml_cli.problems.lazily import jax, jnp, nnx, np
from econml_cli.problems.sizes import sizes_of

if TYPE_CHECKING:
    from econml_cli.models.base import Model
    from econml_cli.problems.base import Batch, Split, Task

#: the savings rate at the default parameters, and how far from the true one it may be, as a share
ALPHA_BETA = 0.36 * 0.96
ERRORS = {"mean": 1e-3, "max": 3e-3}
#: the range of z at the default parameters, of which its standard deviation is three tenths
Z_RANGE = 0.15
#: the root is that of log k over this distance to either side of the steady state
APART = 0.1
#: z is divided by this before the network reads it
Z_SCALE = 0.05


@dataclass(frozen=True)
class BrockMirmanOptions:
    """Stochastic growth with log utility and full depreciation (Brock and Mirman 1972): a closed form."""

    alpha: float = option(0.36, "share of capital in income")
    beta: float = option(0.96, "discount factor")
    rho: float = option(0.9, "persistence of log productivity z")
    sigma: float = option(0.02, "standard deviation of the shock to z", ge=0)
    quadrature: int = option(5, "Gauss-Hermite nodes of the expectation", ge=1, le=100)
    k_range: float = option(0.7, "states are drawn with |log(k/kbar)| up to this", gt=0)
    z_range: float = option(
        None, "states are drawn with |z| up to this (default: .15, and more where z varies more)", gt=0
    )
    N: int = option(256, "states in the training sample", ge=1)
    N_test: int = option(1000, "states in the test sample", ge=0)
    N_val: int = option(256, "states in the validation sample", ge=0)

    def __post_init__(self) -> None:
        demand(share(self.alpha), patience(self.beta), persistence(self.rho))
        base = BrockMirmanOptions  # its defaults
        varies = self.sigma / base.sigma * math.sqrt((1 - base.rho**2) / (1 - self.rho**2))
        horizons.settle(self, z_range=Z_RANGE * max(1.0, varies))


class BrockMirman:
    """max E sum beta^t log c_t subject to c + k' = y, y = e^z k^alpha, z' = rho z + sigma eps, eps ~ N(0, 1).

    Unknown is the savings rate s(k, z) = k'/y. The Euler equation is 1/c = beta E[alpha y'/(k' c')], whose residual is
    1 - beta c E[alpha y'/(k' c')]: the error as a share of marginal utility, and with log utility of consumption.

    The network reads (log(k/units), z/.05), where units is kbar, and its output passes through a sigmoid, so that 0 < s
    < 1: consumption and capital are positive whatever the weights. The truth is s = alpha beta in every state, and kbar
    = (alpha beta)^(1/(1-alpha)) the steady state at z = 0.

    Source: Brock and Mirman (1972), Optimal Economic Growth and Uncertainty; Stokey, Lucas and Prescott (1989), 2.2.
    """

    recipe: ClassVar = {**economics.SMOOTH, "width": 32, "lr": 1e-2, "num_epochs": 3000}
    adapted: ClassVar = horizons.SECOND_ORDER
    simulated: ClassVar[bool] = True
    task: Task | None = None
    din, dout, loss_scale = 2, 1, 1.0
    loss, verdicts, observed = economics.loss, economics.verdicts, economics.zero
    shock_size, path = 1, (200, 16)
    impulses: ClassVar = {"z": 0}
    words: ClassVar = {
        "k": "capital k", "z": "log productivity z", "y": "output y", "c": "consumption c",
        "savings_rate": "savings rate",
    }  # fmt: skip
    unstable = "capital does not settle where saving replaces what wears out"

    def __init__(self, **parameters: Any):
        self.p = p = BrockMirmanOptions(**parameters)
        self.sizes = sizes_of(p)
        self.savings_rate = p.alpha * p.beta
        self.kbar = self.units = self.savings_rate ** (1 / (1 - p.alpha))
        self._nodes, self._weights = economics.gauss_hermite(p.quadrature)
        # an error of a share e in s is one of e / (1 - s) in the residual: more where more is saved than by default
        scale = math.log10((1 - ALPHA_BETA) / (1 - self.savings_rate))
        errors = {f"{where}_error_{what}": bar for where in ("policy", "path") for what, bar in ERRORS.items()}
        self.bars = {
            "loss": {
                "log10_euler_mean": scale - 3.3,
                "log10_euler_path_mean": scale - 3.0,
                "log10_euler_max": scale - 2.0,
                "log10_euler_path_max": scale - 2.0,
            },
            "truth": {**errors, "root_error": 0.02},
            "stability": {"steady_state_error": 0.1, "drift": 1e-3},
        }

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch | None:
        """x = (log(k/units), z/.05), [n, 2], uniform on the box of states about kbar; None where n is 0."""
        n = self.sizes[split] if n is None else n
        if n == 0:
            return None
        box = jnp.array([self.p.k_range, self.p.z_range / Z_SCALE])
        middle = jnp.array([np.log(self.kbar / self.units), 0.0])
        return economics.at(middle + jax.random.uniform(rngs(), (n, 2), minval=-box, maxval=box))

    def predict(self, model: Model, x: jax.Array) -> jax.Array:
        """The savings rate s(k, z), [n, 1]."""
        return jax.nn.sigmoid(model(x))

    def euler(self, model: Model, x: jax.Array) -> jax.Array:
        """1 - beta c E[alpha y'/(k' c')], [n]: 0.01 is an error of one per cent of consumption."""
        return self.realised(model, x, jnp.asarray(self._nodes, x.dtype)[None], jnp.asarray(self._weights, x.dtype))

    def realised(self, model: Model, x: jax.Array, shocks: jax.Array, weights: jax.Array) -> jax.Array:
        """The residual where the shock of the next period takes the values [n or 1, q] with these weights [q], [n]."""
        s, y, z = self._output(model, x)
        k_next = s * y
        z_next = self.p.rho * z + self.p.sigma * shocks  # [n, q]
        n, q = z_next.shape[0], z_next.shape[1]
        log_k = jnp.broadcast_to(jnp.log(k_next / self.units), (n, q))
        s_next, y_next, _ = self._output(model, jnp.stack([log_k.ravel(), z_next.ravel() / Z_SCALE], axis=1))
        c_next = ((1 - s_next) * y_next).reshape(n, q)
        marginal = self.p.alpha * y_next.reshape(n, q) / (k_next * c_next)
        return 1 - self.p.beta * ((1 - s) * y)[:, 0] * (marginal @ weights)

    def residual(self, model: Model, batch: Batch) -> jax.Array:
        """The Euler residual, [n, 1]."""
        return self.euler(model, batch.x)[:, None]

    def _output(self, model: Model, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """(savings rate, output y, z) at x [n, 2], each [n, 1]."""
        z = x[:, 1:] * Z_SCALE
        return self.predict(model, x), jnp.exp(z) * (self.units * jnp.exp(x[:, :1])) ** self.p.alpha, z

    def truth(self, x: jax.Array) -> jax.Array:
        """alpha beta, [n, 1]."""
        return jnp.full((len(x), 1), self.savings_rate, x.dtype)

    def start(self, paths: int) -> Any:
        """The steady state, k = kbar and z = 0."""
        return {"k": jnp.full(paths, self.kbar), "z": jnp.zeros(paths)}

    def observe(self, state: Any) -> jax.Array:
        """(log(k/units), z/.05), [paths, 2]."""
        return jnp.stack([jnp.log(state["k"] / self.units), state["z"] / Z_SCALE], axis=1)

    def in_units(self, x: Any) -> dict[str, Any]:
        """k and z of what the network reads, each [n]."""
        return {"k": self.units * np.exp(x[:, 0]), "z": x[:, 1] * Z_SCALE}

    def step(self, model: Model, state: Any, shock: jax.Array) -> tuple[Any, dict[str, jax.Array]]:
        """k' = s y, z' = rho z + sigma eps."""
        s, y, _ = (value[:, 0] for value in self._output(model, self.observe(state)))
        after = {"k": s * y, "z": self.p.rho * state["z"] + self.p.sigma * shock[:, 0]}
        return after, {"k": state["k"], "z": state["z"], "y": y, "c": (1 - s) * y, "savings_rate": s}

    def stability(self, model: Model, batch: Batch) -> dict[str, float]:
        """Where capital is after 200 periods without shocks, from half of kbar: `steady_state_error`, |k/kbar - 1|, and
        `drift`, how much k still changes in a period, as a share. And `root`, by what share a small distance of log k
        from its steady state is left after a period, with `root_error`, relative to alpha."""
        k = economics.rest(self, model, {"k": jnp.full(1, 0.5 * self.kbar), "z": jnp.zeros(1)}, 200, "k")
        near = self.kbar * np.exp([-APART, APART])
        after = economics.values(self, "_after", model, jnp.asarray(near, batch.x.dtype))
        root = economics.slope(np.log(near), np.log(after))
        return {
            "steady_state_error": abs(k[-1] / self.kbar - 1),
            "drift": abs(k[-1] / k[-2] - 1),
            "root": root,
            "root_error": economics.apart(root / self.p.alpha),
        }

    def _after(self, model: Model, k: jax.Array) -> jax.Array:
        """Capital tomorrow where productivity is at its mean, of the shape of k."""
        state, _ = self.step(model, {"k": k, "z": jnp.zeros_like(k)}, jnp.zeros((len(k), 1), k.dtype))
        after: jax.Array = state["k"]
        return after

    def describe(self) -> dict[str, Any]:
        """The state, the truth, and the steady state."""
        return {
            "features": ["log_k", "z_scaled"],
            "target": "savings_rate",
            "savings_rate": self.savings_rate,
            "steady_state": {"k": self.kbar, "c": float(np.exp(np.log(self.kbar) * self.p.alpha) - self.kbar)},
        }
