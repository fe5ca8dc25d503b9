"""Overlapping generations with stochastic production: many policies at once, and a closed form for each."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from econml_cli.options.fields import option
from econml_cli.problems.economies import economics, horizons
from econml_cli.problems.economies.conditions import demand, share
from econml_cli.problems.lazily import jax, jnp, nnx, np
from econml_cli.problems.sizes import sizes_of

if TYPE_CHECKING:
    from econml_cli.models.base import Model
    from econml_cli.problems.base import Batch, Split, Task

#: the largest of the shares saved at the default parameters
SAVED = 0.66
#: periods that a simulated state is away from the steady state it began in
BURN_IN = 40


@dataclass(frozen=True)
class OLGOptions:
    """Overlapping generations with stochastic production and depreciation (Krueger and Kubler 2004): a closed form."""

    ages: int = option(6, "periods of life A", ge=2, le=100)
    beta: float = option(0.7, "discount factor, of a period of perhaps ten years")
    alpha: float = option(0.3, "share of capital in income")
    delta_low: float = option(0.5, "depreciation in the good state")
    delta_high: float = option(0.9, "depreciation in the bad state")
    eta_low: float = option(0.95, "productivity in the bad state")
    eta_high: float = option(1.05, "productivity in the good state")
    a_noise: float = option(0.1, "standard deviation of what is added to the log assets of simulated states", ge=0)
    N: int = option(256, "states in the training sample", ge=1)
    N_test: int = option(1000, "states in the test sample", ge=0)
    N_val: int = option(256, "states in the validation sample", ge=0)

    def __post_init__(self) -> None:
        demand(
            share(self.alpha),
            (
                self.beta > 0,
                f"--beta must be > 0, got {self.beta:g}: who does not value later life saves nothing, and the economy "
                "has no capital; try .7 (lives end, so that even a beta above 1 has a solution)",
            ),
            (
                0 <= self.delta_low <= self.delta_high <= 1,
                f"--delta-low and --delta-high must satisfy 0 <= low <= high <= 1, got {self.delta_low:g} and "
                f"{self.delta_high:g}: they are shares of capital that wear out in a period; try .5 and .9",
            ),
            (
                0 < self.eta_low <= self.eta_high,
                f"--eta-low and --eta-high must satisfy 0 < low <= high, got {self.eta_low:g} and {self.eta_high:g}: "
                "without productivity nothing is produced; try .95 and 1.05",
            ),
        )


class OLG:
    """A generations live side by side, for A periods each: sum over h of beta^h log c_h. Only the youngest work; they
    supply one unit of labour. Whoever is not of the last age saves in capital: a'_(h+1) = x_h - c_h, where the cash at
    hand is x_1 = w and x_h = R a_h, with

        Y = eta K^alpha + (1-delta) K,   K = a_2 + ... + a_A,   R = dY/dK,   w = (1-alpha) eta K^alpha.

    (delta, eta) is one of four pairs, each with probability 1/4 whatever it was before. Unknown are the shares of cash
    saved at the ages 1 to A-1. The Euler equations are 1 = beta E[R' c_h / c'_(h+1)]: errors as a share of marginal
    utility, and with log utility of consumption. The expectation is the exact mean over the four pairs.

    The network reads log(a_h / units_h), where units is the steady state at mean shocks, and both shocks as -1 or 1;
    its outputs pass through sigmoids, so that all consume and save. The truth: age h saves the share beta (1 -
    beta^(A-h)) / (1 - beta^(A-h+1)) in every state.

    Training states are where simulated paths of the true economy are after 40 periods, with noise of 10 % added to
    assets so that they surround the ergodic set. Their own shocks are -1, 0 or 1: paths without shocks, and impulse
    responses, are at 0, the mean of low and high, where nobody expects to be.

    Source: Krueger and Kubler (2004), Computing equilibrium in OLG models with stochastic production, whose example it
    is; Azinovic, Gaegauf and Scheidegger (2022), Deep Equilibrium Nets, appendix.
    """

    recipe: ClassVar = {**economics.SMOOTH, "width": 32, "lr": 2e-2, "num_epochs": 6000}
    adapted: ClassVar = {**horizons.SECOND_ORDER, "width": 16}
    simulated: ClassVar[bool] = True
    task: Task | None = None
    loss_scale = 1.0
    loss, verdicts, observed = economics.loss, economics.verdicts, economics.zero
    shock_size, path = 2, (200, 16)
    impulses: ClassVar = {"delta": 0, "eta": 1}
    words: ClassVar = {
        "K": "capital K", "R": "gross return R", "wage": "wage", "c": "consumption c", "delta": "depreciation shock",
        "eta": "productivity shock", **{f"saved_{h}": f"share saved at age {h}" for h in range(1, 100)},
        **{f"a{h}": f"assets at age {h}" for h in range(2, 101)},
    }  # fmt: skip
    unstable = "capital does not stay where the saving of the generations keeps it"

    def __init__(self, **parameters: Any):
        self.p = p = OLGOptions(**parameters)
        self.sizes = sizes_of(p)
        self.din, self.dout = p.ages + 1, p.ages - 1
        self.saved = saving_shares(p.ages, p.beta)
        self.steady_state = self.units = self._rest()
        # an error of a share e in the share saved, s, is one of e s / (1 - s) in consumption, and e / (1 - s) in the
        # residual: as much more than at the defaults as the ages that save most save more
        scale = math.log10((1 - SAVED) / (1 - self.saved.max()))
        self.bars = {
            "loss": {
                "log10_euler_mean": scale - 3.0,
                "log10_euler_path_mean": scale - 3.0,
                "log10_euler_max": scale - 1.3,
                "log10_euler_path_max": scale - 2.0,
            },
            "truth": {
                "policy_error_mean": 1e-3,
                "path_error_mean": 1e-3,
                "policy_error_max": 0.02,
                "path_error_max": 5e-3,
                "root_error": 0.02,
            },
            "stability": {"capital_error": 0.01, "steady_state_error": 0.01, "drift": 1e-3},
        }

    def _rest(self) -> np.ndarray:
        """Assets [A-1] of the true economy at mean shocks, float64."""
        a = np.full(self.dout, 0.1)
        for _ in range(2000):
            _, cash, _ = self._prices(np, a[None], np.zeros(1), np.zeros(1))
            a = (self.saved * cash[:, :-1])[0]
        return a

    def _prices(self, module: Any, a: Any, d: Any, e: Any) -> tuple[Any, Any, Any]:
        """(R [n], cash at hand x_1 to x_A [n, A], K [n]) with assets a [n, A-1] and shocks d, e [n] in [-1, 1]."""
        p = self.p
        delta = 0.5 * (p.delta_low + p.delta_high) + 0.5 * (p.delta_high - p.delta_low) * d
        eta = 0.5 * (p.eta_low + p.eta_high) + 0.5 * (p.eta_high - p.eta_low) * e
        K = a.sum(axis=1)
        R = p.alpha * eta * K ** (p.alpha - 1) + 1 - delta
        wage = (1 - p.alpha) * eta * K**p.alpha
        return R, module.concatenate([wage[:, None], R[:, None] * a], axis=1), K

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch | None:
        """x = (log(a_2/units_2), ..., log(a_A/units_A), shock to delta, shock to eta), [n, A+1]; None where n is 0."""
        n = self.sizes[split] if n is None else n
        if n == 0:
            return None
        shocks = jax.random.normal(rngs(), (BURN_IN, n, 2))
        state, _ = jax.lax.scan(lambda at, shock: (self._next(self.saved, at, shock)[0], None), self.start(n), shocks)
        noise = self.p.a_noise * jax.random.normal(rngs(), (n, self.dout))
        d, e = jax.random.randint(rngs(), (2, n), -1, 2).astype(noise.dtype)
        return economics.at(self.observe({"a": state["a"] * jnp.exp(noise), "d": d, "e": e}))

    def predict(self, model: Model, x: jax.Array) -> jax.Array:
        """The share of cash at hand that each age saves, [n, A-1]."""
        return jax.nn.sigmoid(model(x))

    def residual(self, model: Model, batch: Batch) -> jax.Array:
        """1 - beta E[R' c_h / c'_(h+1)] for each age h that saves, [n, A-1]."""
        x = batch.x
        s, state = self.predict(model, x), self._state(x)
        cash = self._prices(jnp, **state)[1][:, :-1]
        after = s * cash

        def one(shock: jax.Array) -> jax.Array:
            """R' / c'_(h+1) in one of the four states of tomorrow."""
            d, e = jnp.broadcast_to(shock, (len(x), 2)).T
            ahead = {"a": after, "d": d, "e": e}
            R, cash, _ = self._prices(jnp, **ahead)
            saved = self.predict(model, self.observe(ahead))[:, 1:]
            left = jnp.concatenate([1 - saved, jnp.ones((len(x), 1), x.dtype)], axis=1)
            found: jax.Array = R[:, None] / (left * cash[:, 1:])
            return found

        four = jnp.array([[-1, -1], [-1, 1], [1, -1], [1, 1]], x.dtype)
        gap: jax.Array = 1 - self.p.beta * (1 - s) * cash * jax.vmap(one)(four).mean(axis=0)
        return gap

    def euler(self, model: Model, x: jax.Array) -> jax.Array:
        """The largest of the residuals of the ages, [n]: 0.01 is an error of one per cent of consumption."""
        return jnp.abs(self.residual(model, economics.at(x))).max(axis=1)

    def truth(self, x: jax.Array) -> jax.Array:
        """beta (1 - beta^(A-h)) / (1 - beta^(A-h+1)), [n, A-1]."""
        return jnp.broadcast_to(jnp.asarray(self.saved, x.dtype), (len(x), self.dout))

    def start(self, paths: int) -> Any:
        """The steady state at mean shocks."""
        return {
            "a": jnp.broadcast_to(jnp.asarray(self.steady_state, float), (paths, self.dout)),
            "d": jnp.zeros(paths),
            "e": jnp.zeros(paths),
        }

    def in_units(self, x: Any) -> dict[str, Any]:
        """The assets of each age, and the shocks, of what the network reads, each [n]."""
        assets = {f"a{h + 2}": self.units[h] * np.exp(x[:, h]) for h in range(self.dout)}
        return {**assets, "delta": x[:, self.dout], "eta": x[:, self.dout + 1]}

    def observe(self, state: Any) -> jax.Array:
        """(log(a_h/units_h), shocks), [paths, A+1]."""
        a = jnp.log(state["a"] / jnp.asarray(self.units, state["a"].dtype))
        return jnp.concatenate([a, state["d"][:, None], state["e"][:, None]], axis=1)

    def _state(self, x: jax.Array) -> Any:
        """The state that is observed as x [n, A+1]."""
        a = jnp.asarray(self.units, x.dtype) * jnp.exp(x[:, : self.dout])
        return {"a": a, "d": x[:, self.dout], "e": x[:, self.dout + 1]}

    def _next(self, saved: Any, state: Any, shock: jax.Array) -> tuple[Any, tuple[Any, Any, Any]]:
        """(the next state, (R, cash, K) of this one) where these shares [A-1] or [paths, A-1] are saved."""
        prices = self._prices(jnp, **state)
        # the sign of a normal shock is one of two states with equal probability; that of 0 is between them
        return {"a": saved * prices[1][:, :-1], "d": jnp.sign(shock[:, 0]), "e": jnp.sign(shock[:, 1])}, prices

    def step(self, model: Model, state: Any, shock: jax.Array) -> tuple[Any, dict[str, jax.Array]]:
        """Savings become the assets of the next age; the series are those of the economy and the shares saved."""
        s = self.predict(model, self.observe(state))
        after, (R, cash, K) = self._next(s, state, shock)
        shares = {f"saved_{h}": s[:, h - 1] for h in range(1, self.dout + 1)}
        return after, {"K": K, "R": R, "wage": cash[:, 0], "c": cash.sum(axis=1) - after["a"].sum(axis=1), **shares}

    def stability(self, model: Model, batch: Batch) -> dict[str, float]:
        """`capital_error`: mean capital over 1000 periods, relative to that of the true economy with the same shocks.
        After 200 periods at mean shocks from half of all assets: `steady_state_error`, |K/Kbar - 1|, and `drift`, how
        much K still changes in a period, as a share. And `root`, by what share a small distance of the assets from the
        steady state at mean shocks is left after a period (the spectral radius of its derivative there), with
        `root_error`, relative to that of the true economy."""
        mine, true = economics.values(self, "_beside_the_truth", model, jax.random.key(1)).mean(axis=0)
        derivatives = economics.values(self, "_derivatives", model)
        root, exact = (float(np.abs(np.linalg.eigvals(of)).max()) for of in derivatives)
        first = self.start(1)
        K = economics.rest(self, model, {**first, "a": 0.5 * first["a"]}, 200, "K")
        return {
            "capital_error": abs(float(mine / true) - 1),
            "steady_state_error": abs(float(K[-1] / self.steady_state.sum()) - 1),
            "drift": abs(float(K[-1] / K[-2]) - 1),
            "root": root,
            "root_error": economics.apart(root / exact),
        }

    def _beside_the_truth(self, model: Model, key: jax.Array) -> jax.Array:
        """K of 1000 periods under the fitted shares, and under the true ones with the same shocks, [1000, 2]."""

        def one(states: Any, shock: jax.Array) -> Any:
            mine, series = self.step(model, states[0], shock)
            true, (_, _, K) = self._next(self.saved, states[1], shock)
            return (mine, true), jnp.stack([series["K"][0], K[0]])

        shocks = jax.random.normal(key, (1000, 1, self.shock_size))
        K: jax.Array = jax.lax.scan(one, (self.start(1), self.start(1)), shocks)[1]
        return K

    def _derivatives(self, model: Model) -> tuple[jax.Array, jax.Array]:
        """Of the log assets of tomorrow with respect to those of today, [A-1, A-1], at the steady state at mean shocks:
        under a model, and in the true economy."""
        at = self.start(1)
        none = jnp.zeros((1, self.shock_size))

        def after(log_a: jax.Array, saved: Callable[[Any], Any]) -> jax.Array:
            state = {**at, "a": jnp.exp(log_a)[None]}
            return jnp.log(self._next(saved(state), state, none)[0]["a"][0])

        fitted, exact = (
            jax.jacfwd(after)(jnp.log(at["a"][0]), saved)
            for saved in (lambda state: self.predict(model, self.observe(state)), lambda _: jnp.asarray(self.saved))
        )
        return fitted, exact

    def describe(self) -> dict[str, Any]:
        """The state, the truth, and the steady state at mean shocks."""
        names = [f"log_a{h}" for h in range(2, self.p.ages + 1)]
        return {
            "features": [*names, "delta_shock", "eta_shock"],
            "target": "saved",
            "saved": self.saved.tolist(),
            "steady_state": {"K": float(self.steady_state.sum()), "a": self.steady_state.tolist()},
        }


def saving_shares(ages: int, beta: float) -> np.ndarray:
    """The share of cash at hand that each age but the last saves with log utility, [A-1]: beta + ... + beta^(A-h) over
    1 + beta + ... + beta^(A-h), whatever the returns, because income and substitution effect cancel."""
    left = np.cumsum(beta ** np.arange(ages))  # 1 + beta + ... + beta^j
    return (1 - 1 / left[1:])[::-1]
