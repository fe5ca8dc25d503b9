"""Deterministic growth as a policy: capital tomorrow as a function of capital today."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from econml_cli.options.fields import option
from econml_cli.problems.economies import economics, horizons
from econml_cli.problems.economies.conditions import demand, depreciation, patience, share
from econml_cli.problems.economies.neoclassical import Neoclassical
from econml_cli.problems.lazily import jax, jnp, nnx, np

if TYPE_CHECKING:
    from econml_cli.models.base import Model
    from econml_cli.problems.base import Batch, Split, Task

#: degree of the polynomial of log k that stands for the exact policy, and by what factor it reaches beyond the states
DEGREE, BEYOND = 40, 2.0
#: the root is that of k' over this distance of log k to either side of the steady state
APART = 0.1
#: units of time that the path lasts (`Neoclassical.units`)
PERIODS = 50


@dataclass(frozen=True)
class GrowthPolicyOptions:
    """Deterministic growth as a policy k'(k)."""

    alpha: float = option(1 / 3, "share of capital in income")
    beta: float = option(0.9, "discount factor")
    delta: float = option(0.1, "depreciation")
    k_low: float = option(
        None,
        "smallest capital of the grid, from which the simulated path begins (default: .8 units of capital)",
        gt=0,
    )
    k_high: float = option(None, "largest capital of the grid (default: 2.5 units of capital)", gt=0)
    N: int = option(16, "points of the training grid", ge=2)
    N_test: int = option(100, "points of the test grid", ge=2)
    capital_unit: float = option(
        None, "unit in which the network reads capital (default: 1, and in proportion to the steady state)", gt=0
    )

    def __post_init__(self) -> None:
        demand(share(self.alpha), patience(self.beta), depreciation(self.delta))
        economy = Neoclassical(self.alpha, self.beta, self.delta)
        k_ss, unit = economy.k_ss, economy.units()[1]
        horizons.settle(self, capital_unit=unit, k_low=0.8 * unit, k_high=2.5 * unit)
        demand(
            (
                self.k_low < k_ss < self.k_high,
                f"--k-low and --k-high must have the steady state {k_ss:.4g} between them, got {self.k_low:g} and "
                f"{self.k_high:g}: the path to it would leave the states that the policy is fitted on; try "
                f"{0.4 * k_ss:.2g} and {1.3 * k_ss:.2g}",
            )
        )


class GrowthPolicy:
    """max sum beta^t log c_t subject to c + k' = f(k) + (1-delta) k, f(k) = k^alpha.

    Unknown is k'(k). The network reads k and its output passes through a sigmoid, the share of f(k) + (1-delta) k that
    is kept: consumption and capital are positive whatever the weights. The residual is c'/c - beta (1 - delta +
    f'(k')). The states are a grid that has the steady state within it.

    The truth comes from the saddle path from each of 41 values of k, interpolated in log k; beyond half of the smallest
    and twice the largest state it is that of the nearer end of the interpolation.

    Source: Kahou, Fernandez-Villaverde, Gomez-Cardona, Perla and Rosa, "Spooky Boundaries at a Distance".
    """

    recipe: ClassVar = {**economics.SMOOTH, "width": 128, "depth": 4, "lr": 1e-3, "num_epochs": 3000}
    adapted: ClassVar = horizons.SECOND_ORDER
    former: ClassVar = {"capital_unit": 1.0}
    simulated: ClassVar[bool] = True
    task: Task | None = None
    din, dout, loss_scale = 1, 1, 1.0
    loss, verdicts, observed = economics.loss, economics.verdicts, economics.zero
    shock_size = 0
    impulses: ClassVar[dict[str, int]] = {}
    words: ClassVar = {"k": "capital k", "k_next": "capital tomorrow k'", "y": "output y", "c": "consumption c"}
    bars: ClassVar = {
        "loss": {
            "log10_euler_mean": -3.0,
            "log10_euler_path_mean": -3.0,
            "log10_euler_max": -2.3,
            "log10_euler_path_max": -2.3,
        },
        "truth": {
            "policy_error_mean": 2e-3,
            "path_error_mean": 2e-3,
            "policy_error_max": 5e-3,
            "path_error_max": 5e-3,
            "root_error": 0.02,
        },
        "stability": {"saddle_error": 0.02},
    }
    unstable = "capital does not settle where its gross return is 1/beta"

    def __init__(self, **parameters: Any):
        self.p = p = GrowthPolicyOptions(**parameters)
        self.economy = e = Neoclassical(p.alpha, p.beta, p.delta)
        self.path = (math.ceil(PERIODS * e.units()[0]), 1)
        self.k_end = e.path(p.k_low, self.path[0] + 1)[self.path[0]]
        low, high = np.log([p.k_low / BEYOND, p.k_high * BEYOND])
        self._middle, self._half = (low + high) / 2, (high - low) / 2
        self._policy = np.polynomial.chebyshev.chebinterpolate(
            np.vectorize(lambda s: np.log(e.path(float(np.exp(self._middle + self._half * s)), 1)[1])), DEGREE
        )

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch | None:
        """x = k on a grid from k_low to k_high, [n, 1], from which nothing is drawn; no validation."""
        if n is None:
            n = {"train": self.p.N, "val": 0}.get(split, self.p.N_test)
        return economics.at(jnp.linspace(self.p.k_low, self.p.k_high, n)[:, None]) if n else None

    def _decide(self, model: Model, k: jax.Array) -> tuple[jax.Array, jax.Array]:
        """(k', c), each [n, 1]."""
        share, resources = model(k / self.p.capital_unit), self.economy.resources(k)
        return jax.nn.sigmoid(share) * resources, jax.nn.sigmoid(-share) * resources

    def predict(self, model: Model, x: jax.Array) -> jax.Array:
        """Capital tomorrow k'(k), [n, 1]."""
        return self._decide(model, x)[0]

    def _gaps(self, model: Model, k: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The residual of the Euler equation and the same free of units, each [n, 1]."""
        k_next, c = self._decide(model, k)
        return self.economy.euler(c, self._decide(model, k_next)[1], self.economy.gross_return(k_next))

    def residual(self, model: Model, batch: Batch) -> jax.Array:
        """c'/c - beta (1 - delta + f'(k')), [n, 1]."""
        return self._gaps(model, batch.x)[0]

    def euler(self, model: Model, x: jax.Array) -> jax.Array:
        """The Euler residual as a share of consumption, [n]."""
        return self._gaps(model, x)[1][:, 0]

    def truth(self, x: jax.Array) -> jax.Array:
        """The exact k'(k), [n, 1]."""
        at = jnp.clip((jnp.log(x) - self._middle) / self._half, -1, 1)
        return jnp.exp(np.polynomial.chebyshev.chebval(at, self._policy.astype(x.dtype)))

    def start(self, paths: int) -> jax.Array:
        """The lowest state, k_low."""
        return jnp.full(paths, self.p.k_low)

    def observe(self, state: jax.Array) -> jax.Array:
        """k, [paths, 1]."""
        return state[:, None]

    def step(self, model: Model, state: jax.Array, shock: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
        """k' under the fitted policy; capital, output and consumption of this period."""
        k_next = self.predict(model, self.observe(state))[:, 0]
        return k_next, {"k": state, "y": state**self.p.alpha, "c": self.economy.resources(state) - k_next}

    def stability(self, model: Model, batch: Batch) -> dict[str, float]:
        """Where capital is after 50 periods from k_low: `steady_state_error`, |k/k_ss - 1|, and `saddle_error`, how far
        it is from the exact path, as a share: the verdict rests on this one, since convergence may take longer. And
        `root`, the slope of k'(k) at k_ss, with `root_error`, relative to the exact policy's, which is that of the
        linearised Euler equation but for the distance over which it is measured."""
        e = self.economy
        k = economics.rest(self, model, self.start(1), self.path[0] + 1, "k")[-1]
        near = jnp.asarray(e.k_ss * np.exp([-APART, APART])[:, None], batch.x.dtype)
        fitted = economics.values(self, "predict", model, near)
        root, exact = (economics.slope(near, after) for after in (fitted, self.truth(near)))
        return {
            "steady_state_error": economics.apart(k / e.k_ss),
            "saddle_error": economics.apart(k / self.k_end),
            "root": root,
            "root_error": economics.apart(root / exact),
        }

    def describe(self) -> dict[str, Any]:
        """The state, the steady state, and the fixed point that is not the solution."""
        e = self.economy
        return {
            "features": ["k"],
            "target": "k_next",
            "steady_state": {"k": e.k_ss, "c": e.c_ss},
            "wrong_fixed_point": {"k": e.k_max, "c": 0.0},
        }
