"""Deterministic growth as a sequence of capital: an initial condition, and none at the end."""

from __future__ import annotations

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

#: how far from the exact path a path may end, as a share
NEAR = 0.05
#: from a start that is nearer to the steady state, as a share, no root is measured
FAR = 0.1


@dataclass(frozen=True)
class GrowthOptions:
    """Deterministic growth as a sequence of capital k(t); nothing in its equations rules out a wrong end."""

    alpha: float = option(1 / 3, "share of capital in income")
    beta: float = option(0.9, "discount factor")
    delta: float = option(0.1, "depreciation")
    g: float = option(0.0, "growth of productivity z_t = (1+g)^t")
    k0: float = option(0.4, "capital at t = 0")
    periods: int = option(None, "the training sample is t = 0, ..., this less 1 (default: 30 units of time)", ge=1)
    periods_test: int = option(None, "the test sample is t = 0, ..., this less 1 (default: 50 units of time)", ge=1)
    time_unit: float = option(
        None, "periods in which the network reads t (default: 1, and more where capital settles more slowly)", gt=0
    )
    capital_unit: float = option(
        None, "unit in which it gives capital (default: 1, and in proportion to the steady state)", gt=0
    )

    def __post_init__(self) -> None:
        demand(
            share(self.alpha),
            patience(self.beta),
            depreciation(self.delta),
            (
                self.g > -1 and 1 + self.g > self.beta * (1 - self.delta),
                f"--g must be > beta (1 - delta) - 1, got {self.g:g} with --beta {self.beta:g} and --delta "
                f"{self.delta:g}: productivity would fall faster than capital wears out, so that there is no steady "
                "state; try 0",
            ),
            (self.k0 > 0, f"--k0 must be > 0, got {self.k0:g}: without capital nothing is ever produced; try .4"),
        )
        time, capital = Neoclassical(self.alpha, self.beta, self.delta, self.g).units()
        horizons.settle(self, time_unit=time, capital_unit=capital)
        horizons.of_units(self, "capital settles", time, periods=30, periods_test=50)


class Growth:
    """max sum beta^t log c_t subject to c_t = f(k_t) + (1-delta) k_t - k_{t+1}, f(k) = z^(1-alpha) k^alpha,
    z_t = (1+g)^t, given k_0.

    Unknown is k(t), t = 0, 1, ...: the network reads t, and k(t) = z_t softplus(f(t)) > 0. The residuals are
    c_{t+1}/c_t - beta (1 - delta + f'(k_{t+1})) and k(0) - k_0. Every c_0 begins a path on which they are zero: too
    low, and capital piles up to where nothing is left to eat, c = 0; only transversality, beta^t k_{t+1}/c_t -> 0,
    tells the one that ends at the steady state, and it is no part of the loss. Each path is the training periods, so
    `path_error_...` are the errors in sample.

    The truth is the saddle path, by Newton's method in float64 (`Neoclassical.path`).

    Source: Kahou, Fernandez-Villaverde, Gomez-Cardona, Perla and Rosa, "Spooky Boundaries at a Distance".
    """

    recipe: ClassVar = {**economics.SMOOTH, "width": 128, "depth": 4, "lr": 1e-3, "num_epochs": 5000}
    adapted: ClassVar = horizons.OF_SEQUENCES
    former: ClassVar = {"time_unit": 1.0, "capital_unit": 1.0}
    simulated: ClassVar[bool] = True
    task: Task | None = None
    din, dout, loss_scale = 1, 1, 1.0
    loss, verdicts, observed = economics.loss, economics.verdicts, economics.zero
    start, observe = economics.time_zero, economics.time_alone  # the state is t
    shock_size = 0
    impulses: ClassVar[dict[str, int]] = {}
    words: ClassVar = {"t": "period t", "k": "capital k", "y": "output y", "c": "consumption c"}
    unstable = (
        "the path does not end at the steady state: capital is piled up and not eaten, or eaten up (the Euler equation "
        "holds on such paths as well)"
    )

    def __init__(self, **parameters: Any):
        self.p = p = GrowthOptions(**parameters)
        self.economy = e = Neoclassical(p.alpha, p.beta, p.delta, p.g)
        self.path = (p.periods, 1)
        self.saddle = e.path(p.k0, 2 * p.periods_test + 2)
        self.bars = {
            "loss": {
                "log10_euler_path_mean": -3.0,
                "log10_euler_path_max": -2.3,
                "log10_euler_max": -2.0,
                "infeasible": 1e-9,
            },
            "truth": {
                "path_error_mean": 1e-3,
                "policy_error_mean": 3e-3,
                "path_error_max": 4e-3,
                "policy_error_max": 0.02,
                "root_error": 0.02,
            },
            "stability": {"saddle_error": NEAR},
        }

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch | None:
        """x = t = 0, 1, ..., [periods, 1], from which nothing is drawn; no validation."""
        if n is None:
            n = {"train": self.p.periods, "val": 0}.get(split, self.p.periods_test)
        return economics.at(jnp.arange(n, dtype=float)[:, None]) if n else None

    def productivity(self, t: jax.Array) -> jax.Array:
        """z_t, of the shape of t."""
        return jnp.exp(t * np.log1p(self.p.g))

    def predict(self, model: Model, x: jax.Array) -> jax.Array:
        """Capital k(t), [n, 1]."""
        return self.productivity(x) * self.p.capital_unit * jax.nn.softplus(model(x / self.p.time_unit))

    def consumption(self, k: jax.Array, k_next: jax.Array, t: jax.Array) -> jax.Array:
        """c_t, of the shape of t; not positive where k_{t+1} takes more than there is."""
        eaten: jax.Array = self.economy.resources(k, self.productivity(t)) - k_next
        return eaten

    def _gaps(self, model: Model, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The residual of the Euler equation and the same free of units, each [n, 1]."""
        k, k_next, k_after = (self.predict(model, x + ahead) for ahead in range(3))
        c, c_next = self.consumption(k, k_next, x), self.consumption(k_next, k_after, x + 1)
        return self.economy.euler(c, c_next, self.economy.gross_return(k_next, self.productivity(x + 1)))

    def residual(self, model: Model, batch: Batch) -> jax.Array:
        """(c_{t+1}/c_t - beta (1 - delta + f'(k_{t+1})), k(0) - k_0), [n, 2]: the loss is half the mean square of the
        one plus half the square of the other."""
        gap, _ = self._gaps(model, batch.x)
        first = (self.predict(model, jnp.zeros_like(batch.x[:1])) - self.p.k0) / self.p.capital_unit
        return jnp.concatenate([gap, jnp.broadcast_to(first, gap.shape)], axis=1)

    def euler(self, model: Model, x: jax.Array) -> jax.Array:
        """The Euler residual as a share of consumption, [n]."""
        return self._gaps(model, x)[1][:, 0]

    def truth(self, x: jax.Array) -> jax.Array:
        """k(t) on the saddle path, [n, 1]; t is rounded."""
        last = len(self.saddle) - 1
        at = jnp.clip(jnp.round(x), 0, last).astype(int)
        return self.productivity(x) * jnp.asarray(self.saddle, x.dtype)[at]

    def step(self, model: Model, state: jax.Array, shock: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
        """The next period, and capital, output and consumption of this one."""
        x = self.observe(state)
        k = self.predict(model, x)
        c = self.consumption(k, self.predict(model, x + 1), x)
        y = self.economy.resources(k, self.productivity(x)) - (1 - self.p.delta) * k
        return state + 1, {"k": k[:, 0], "y": y[:, 0], "c": c[:, 0]}

    def stability(self, model: Model, batch: Batch) -> dict[str, float]:
        """How far the path is at its end, T, the last period of the batch, from the balanced path,
        `steady_state_error`, and at 2 T + 1 from the exact path, `saddle_error`: the larger of the relative distances
        of k and of c. A path that only the end tells from the exact one leaves it by more in every period, so that 1 %
        at T is much at 2 T, which a fit that settles near it is not. `infeasible`: the share of periods to T with c <=
        0. And `root`, by what share the distance of k to its steady state is left after a period (least squares over
        the periods to T), with `root_error`, relative to that of the exact path."""
        k, c = economics.values(self, "_detrended", model, economics.doubled(batch))
        end, e = len(k) // 2 - 1, self.economy
        exact = np.append(self.saddle, [e.k_ss] * len(k))[: len(k) + 1]
        ate = e.resources(exact[:-1]) - (1 + self.p.g) * exact[1:]
        found = {
            "steady_state_error": economics.apart(k[end] / e.k_ss, c[end] / e.c_ss),
            "saddle_error": economics.apart(k[-1] / exact[-2], c[-1] / ate[-1]),
            "infeasible": float(np.mean(~(c[: end + 1] > 0))),
        }
        if end and abs(self.p.k0 / e.k_ss - 1) > FAR:
            about = (e.k_ss, e.k_ss)
            root, true = (economics.slope(path[:end], path[1 : end + 1], about) for path in (k, exact))
            found |= {"root": root, "root_error": economics.apart(root / true)}
        return found

    def _detrended(self, model: Model, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Capital and consumption in units of productivity, each [n]."""
        z, k = self.productivity(x), self.predict(model, x)
        return (k / z)[:, 0], (self.consumption(k, self.predict(model, x + 1), x) / z)[:, 0]

    def describe(self) -> dict[str, Any]:
        """The state, the steady state, and the fixed point that is not the solution."""
        e = self.economy
        return {
            "features": ["t"],
            "target": "k",
            "steady_state": {"k": e.k_ss, "c": e.c_ss},
            "wrong_fixed_point": {"k": e.k_max, "c": 0.0},
        }
