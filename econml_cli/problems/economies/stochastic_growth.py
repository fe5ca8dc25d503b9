"""Stochastic growth with partial depreciation: the textbook real business cycle without leisure."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from econml_cli.options.fields import option
from econml_cli.problems.economies import economics, horizons
from econml_cli.problems.economies.conditions import demand, depreciation, patience, persistence, share
from econml_cli.problems.economies.neoclassical import Neoclassical
from econml_cli.problems.economies.surface import Surface, solved
from econml_cli.problems.lazily import jax, jnp, nnx, np
from econml_cli.problems.sizes import sizes_of

if TYPE_CHECKING:
    from econml_cli.models.base import Model
    from econml_cli.problems.base import Batch, Split, Task

#: the range of z, in standard deviations of it, where the user does not say it
DEVIATIONS = 4.0
#: degrees of the exact policy in log k and z, and by how much its states reach beyond those of the samples
DEGREES, BEYOND = (10, 6), 1.6
#: the path without shocks begins at this share of the steady state, and the root is over this distance of log k
POORER, APART = 0.75, 0.1


@dataclass(frozen=True)
class StochasticGrowthOptions:
    """Stochastic growth with partial depreciation and log utility."""

    alpha: float = option(1 / 3, "share of capital in income")
    beta: float = option(0.99, "discount factor")
    delta: float = option(0.025, "depreciation")
    rho: float = option(0.9, "persistence of log productivity z")
    sigma: float = option(0.01, "standard deviation of the shock to z", ge=0)
    quadrature: int = option(7, "Gauss-Hermite nodes of the expectation", ge=1, le=100)
    k_range: float = option(0.4, "states are drawn with |log(k/k_ss)| up to this", gt=0, le=2)
    z_range: float = option(None, "states are drawn with |z| up to this (default: four standard deviations)", gt=0)
    N: int = option(256, "states in the training sample", ge=1)
    N_test: int = option(1000, "states in the test sample", ge=0)
    N_val: int = option(256, "states in the validation sample", ge=0)

    def __post_init__(self) -> None:
        demand(share(self.alpha), patience(self.beta), depreciation(self.delta), persistence(self.rho))
        deviation = self.sigma / math.sqrt(1 - self.rho**2)
        horizons.settle(self, z_range=max(DEVIATIONS * deviation, 1e-3))
        demand(
            (
                self.z_range <= 1,
                f"--z-range {self.z_range:g} makes productivity vary by a factor of e^{2 * self.z_range:.1f}: with "
                f"--rho {self.rho:g} and --sigma {self.sigma:g} log z has the standard deviation {deviation:.2g}, "
                "where a business cycle has about .02; try a smaller --sigma",
            )
        )


class StochasticGrowth:
    """max E sum beta^t log c_t subject to c + k' = e^z k^alpha + (1-delta) k, z' = rho z + sigma eps, eps ~ N(0, 1).

    Unknown is the share of resources e^z k^alpha + (1-delta) k that is eaten, s(k, z). The Euler equation is
    1/c = beta E[R'/c'], R = 1 - delta + alpha e^z k^(alpha-1), whose residual is 1 - beta c E[R'/c']: the error as a
    share of marginal utility, and with log utility of consumption.

    The network reads (log(k/units), z) over the ranges of the sample, where units is the steady state k_ss without
    shocks; its output, added to the logit of the share eaten there, passes through a sigmoid, so that consumption and
    capital are positive whatever the weights.

    There is no closed form. The truth is a polynomial of log k and z that solves the same equation by collocation
    (`Surface`), found when it is first asked for.

    Source: Brock and Mirman (1972); Judd (1992), Projection Methods for Solving Aggregate Growth Models. The
    calibration is that of HighDimensionalEconLab's "Taming the Curse of Dimensionality".
    """

    recipe: ClassVar = economics.BY_LM
    simulated: ClassVar[bool] = True
    task: Task | None = None
    din, dout, loss_scale = 2, 1, 1.0
    loss, verdicts, observed = economics.loss, economics.verdicts, economics.zero
    shock_size, path = 1, (400, 16)
    impulses: ClassVar = {"z": 0}
    words: ClassVar = {
        "k": "capital k", "z": "log productivity z", "y": "output y", "c": "consumption c", "i": "investment i",
        "share": "share of resources consumed",
    }  # fmt: skip
    unstable = "capital does not settle where its gross return is 1/beta"

    def __init__(self, **parameters: Any):
        self.p = p = StochasticGrowthOptions(**parameters)
        self.sizes = sizes_of(p)
        self.economy = e = Neoclassical(p.alpha, p.beta, p.delta)
        self.units = e.k_ss
        eaten = e.c_ss / e.resources(e.k_ss)
        self._logit = math.log(eaten / (1 - eaten))
        self._nodes, self._weights = economics.gauss_hermite(p.quadrature)
        #: periods until a millionth of a distance from the steady state is left
        self.settled = min(5000, math.ceil(math.log(1e-6) / math.log(e.persistence)))
        # shocks keep capital away from the steady state without them, by a term in their variance
        aside = 0.002 + 10 * (p.sigma / math.sqrt(1 - p.rho**2)) ** 2
        self.bars = {
            "loss": {"test_loss": 1e-12, "log10_euler_mean": -6.0, "log10_euler_path_mean": -6.0},
            "truth": {
                "policy_error_mean": 1e-5, "path_error_mean": 1e-5, "policy_error_max": 1e-4, "path_error_max": 1e-4,
                "root_error": 1e-3,
            },
            "stability": {"steady_state_error": aside, "drift": 1e-4, "transversality": 0.5 * (1 + p.beta)},
        }  # fmt: skip

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch | None:
        """x = (log(k/units) / k_range, z / z_range), [n, 2], uniform about the steady state; None where n is 0."""
        n = self.sizes[split] if n is None else n
        if n == 0:
            return None
        middle = jnp.array([np.log(self.economy.k_ss / self.units) / self.p.k_range, 0.0])
        return economics.at(middle + jax.random.uniform(rngs(), (n, 2), minval=-1.0, maxval=1.0))

    def predict(self, model: Model, x: jax.Array) -> jax.Array:
        """The share of resources eaten, s(k, z), [n, 1]."""
        return jax.nn.sigmoid(model(x) + self._logit)

    def _decide(self, model: Model, k: jax.Array, z: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """(share eaten, c, k') at k and z [n], each [n]."""
        raw = model(self.observe({"k": k, "z": z}))[:, 0] + self._logit
        resources = self._resources(k, z, jnp)
        return jax.nn.sigmoid(raw), jax.nn.sigmoid(raw) * resources, jax.nn.sigmoid(-raw) * resources

    def _resources(self, k: Any, z: Any, module: Any) -> Any:
        return module.exp(z) * k**self.p.alpha + (1 - self.p.delta) * k

    def _gross(self, k: Any, z: Any, module: Any) -> Any:
        return 1 - self.p.delta + self.p.alpha * module.exp(z) * k ** (self.p.alpha - 1)

    def _state(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """(k, z) of what the network reads, each [n]."""
        return self.units * jnp.exp(x[:, 0] * self.p.k_range), x[:, 1] * self.p.z_range

    def euler(self, model: Model, x: jax.Array) -> jax.Array:
        """1 - beta c E[R'/c'], [n]: 0.01 is an error of one per cent of consumption."""
        return self.realised(model, x, jnp.asarray(self._nodes, x.dtype)[None], jnp.asarray(self._weights, x.dtype))

    def realised(self, model: Model, x: jax.Array, shocks: jax.Array, weights: jax.Array) -> jax.Array:
        """The residual where the shock of the next period takes the values [n or 1, q] with these weights [q], [n]."""
        k, z = self._state(x)
        _, c, k_next = self._decide(model, k, z)
        z_next = self.p.rho * z[:, None] + self.p.sigma * shocks  # [n, q]
        k_next = jnp.broadcast_to(k_next[:, None], z_next.shape)
        _, c_next, _ = self._decide(model, k_next.ravel(), z_next.ravel())
        marginal = self._gross(k_next, z_next, jnp) / c_next.reshape(z_next.shape)
        gap: jax.Array = 1 - self.p.beta * c * (marginal @ weights)
        return gap

    def residual(self, model: Model, batch: Batch) -> jax.Array:
        """The Euler residual, [n, 1]."""
        return self.euler(model, batch.x)[:, None]

    def truth(self, x: jax.Array) -> jax.Array:
        """The exact share of resources eaten, [n, 1]."""
        k, z = self._state(x)
        log_c = self.exact(jnp.stack([jnp.log(k / self.economy.k_ss), z], axis=1), jnp)
        eaten: jax.Array = self.economy.c_ss * jnp.exp(log_c) / self._resources(k, z, jnp)
        return eaten[:, None]

    @functools.cached_property
    def exact(self) -> Surface:
        """log(c/c_ss) of (log(k/k_ss), z) that solves the Euler equation."""
        p, e = self.p, self.economy
        shocks, weights = p.sigma * np.asarray(self._nodes), np.asarray(self._weights)
        high = np.array([BEYOND * p.k_range, BEYOND * p.z_range])
        # where resources are spent as in the linearised economy, which keeps `persistence` of a distance of k
        eaten = (e.gross_return(e.k_ss) - e.persistence) * e.k_ss / e.c_ss

        def residual(u: Any, x: Any) -> Any:
            k, z, c = e.k_ss * np.exp(x[:, 0]), x[:, 1], e.c_ss * np.exp(u(x))
            k_next = np.maximum(self._resources(k, z, np) - c, 1e-3 * e.k_ss)
            z_next = p.rho * z[:, None] + shocks
            k_next = np.broadcast_to(k_next[:, None], z_next.shape)
            after = np.stack([np.log(k_next / e.k_ss).ravel(), z_next.ravel()], axis=1)
            c_next = e.c_ss * np.exp(u(after)).reshape(z_next.shape)
            return 1 - p.beta * c * ((self._gross(k_next, z_next, np) / c_next) @ weights)

        return solved(residual, lambda x: eaten * x[:, 0] + 0.2 * x[:, 1], -high, high, DEGREES)

    def start(self, paths: int) -> Any:
        """The steady state, k = k_ss and z = 0."""
        return {"k": jnp.full(paths, self.economy.k_ss), "z": jnp.zeros(paths)}

    def observe(self, state: Any) -> jax.Array:
        """(log(k/units) / k_range, z / z_range), [paths, 2]."""
        return jnp.stack([jnp.log(state["k"] / self.units) / self.p.k_range, state["z"] / self.p.z_range], axis=1)

    def in_units(self, x: Any) -> dict[str, Any]:
        """k and z of what the network reads, each [n]."""
        return {"k": self.units * np.exp(x[:, 0] * self.p.k_range), "z": x[:, 1] * self.p.z_range}

    def step(self, model: Model, state: Any, shock: jax.Array) -> tuple[Any, dict[str, jax.Array]]:
        """k' = e^z k^alpha + (1-delta) k - c, z' = rho z + sigma eps."""
        k, z = state["k"], state["z"]
        s, c, k_next = self._decide(model, k, z)
        y = jnp.exp(z) * k**self.p.alpha
        series = {"k": k, "z": z, "y": y, "c": c, "i": k_next - (1 - self.p.delta) * k, "share": s}
        return {"k": k_next, "z": self.p.rho * z + self.p.sigma * shock[:, 0]}, series

    def stability(self, model: Model, batch: Batch) -> dict[str, float]:
        """Where capital is after a long path without shocks from three quarters of k_ss: `steady_state_error`,
        |k/k_ss - 1|; `drift`, how much it still changes in a period, as a share; `transversality`, the factor by which
        beta^t u'(c_t) k_{t+1} grows in a period, on average over the second half of the path, which is beta at a
        solution. And `root`, by what share a small distance of log k is left after a period, with `root_error`,
        relative to the exact policy's."""
        p, e, periods = self.p, self.economy, self.settled + 2
        poor = {"k": jnp.full(1, POORER * e.k_ss), "z": jnp.zeros(1)}
        k, c = (economics.rest(self, model, poor, periods, name) for name in ("k", "c"))
        half = periods // 2
        with np.errstate(divide="ignore", invalid="ignore"):
            value = (c[half] / c[-2]) * (k[-1] / k[half + 1])
        near = np.exp([-APART, APART])
        after = economics.values(self, "_after", model, jnp.asarray(e.k_ss * near, batch.x.dtype))
        c_exact = e.c_ss * np.exp(self.exact(np.stack([np.log(near), np.zeros(2)], axis=1), np))
        exact = self._resources(e.k_ss * near, 0.0, np) - c_exact
        root, right = (economics.slope(np.log(near), np.log(value)) for value in (after, exact))
        return {
            "steady_state_error": economics.apart(k[-1] / e.k_ss),
            "drift": economics.apart(k[-1] / k[-2]),
            "transversality": p.beta * float(value) ** (1 / max(periods - 2 - half, 1)),
            "root": root,
            "root_error": economics.apart(root / right),
        }

    def _after(self, model: Model, k: jax.Array) -> jax.Array:
        """Capital tomorrow where productivity is at its mean, of the shape of k."""
        return self._decide(model, k, jnp.zeros_like(k))[2]

    def describe(self) -> dict[str, Any]:
        """The state, and the steady state without shocks."""
        e = self.economy
        return {
            "features": ["log_k_scaled", "z_scaled"],
            "target": "share",
            "steady_state": {"k": e.k_ss, "c": e.c_ss},
            "persistence": e.persistence,
        }
