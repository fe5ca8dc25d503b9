"""Policies planted in economic models, right and wrong: what their verdicts are to tell apart.

`PLANTED[name](problem)` gives {what: model} of one problem. All models of a problem are one module with other numbers,
so that what measures them is compiled once.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from econml_cli.problems.economies.asset_pricing import AssetPricing
from econml_cli.problems.economies.asset_pricing_kernel import AssetPricingKernel
from econml_cli.problems.economies.brock_mirman import Z_SCALE, BrockMirman
from econml_cli.problems.economies.cake_eating import CakeEating
from econml_cli.problems.economies.growth import Growth
from econml_cli.problems.economies.growth_kernel import GrowthKernel
from econml_cli.problems.economies.growth_policy import GrowthPolicy
from econml_cli.problems.economies.investment import Investment, linear_policy
from econml_cli.problems.economies.irbc import IRBC
from econml_cli.problems.economies.olg import OLG
from econml_cli.problems.economies.stochastic_growth import StochasticGrowth
from econml_cli.training.loop.trainer import Trainer
from econml_cli.training.setup.setup import assemble
from tests.support.fits import config
from tests.support.planted_households import aiyagari, buffer_stock
from tests.support.planted_models import EDGE, ONE_PER_CENT, RIGHT, Planted, inverse_softplus, logit, models


def brock_mirman(problem: BrockMirman) -> Planted:
    """s = alpha beta e^a (k/kbar)^b e^(b_z z): log k' has the slopes alpha + b and 1 + b_z."""
    alpha = problem.p.alpha

    def f(x: Any, n: Any) -> Any:
        return logit(jnp.exp(np.log(problem.savings_rate) + n[0] + n[1] * x[:, :1] + n[2] * x[:, 1:] * Z_SCALE))

    return models(
        f,
        {
            "exact": (0, 0, 0),
            "constant capital": (0, -alpha, -1),
            "half slope": (0, -alpha / 2, 0),
            "steeper slope": (0, alpha / 2, 0),
            "wrong level": (np.log1p(ONE_PER_CENT), 0, 0),
            "other root": (0, 1 / problem.savings_rate - alpha, 0),
            "1 % at the edge": (0, ONE_PER_CENT / problem.p.k_range, 0),
            "nothing eaten": (100, 0, 0),
        },
    )


def cake_eating(problem: CakeEating) -> Planted:
    """s = share e^a (wealth)^b: consumption has the elasticity 1 + b."""
    factor, span = 1 - problem.share, problem.log_range
    # where s is tiny wealth grows by R, and s = C a^p with R^p = beta R^(1-gamma) ... = 1 - share has no residual
    power = np.log(factor) / np.log(problem.p.R)
    tiny = np.log(1e-6) - np.log(problem.share) + abs(power) * -span

    def f(x: Any, n: Any) -> Any:
        return logit(jnp.exp(np.log(problem.share) + n[0] + n[1] * x * problem.units))

    return models(
        f,
        {
            "exact": (0, 0),
            "right to .02 %": (np.log1p(RIGHT), RIGHT / span / 2),
            "constant consumption": (0, -1),
            "half slope": (0, -0.5),
            "steeper slope": (0, 0.5),
            "wrong level": (np.log1p(ONE_PER_CENT), 0),
            "other root": (tiny, power),
            "1 % at the edge": (0, ONE_PER_CENT / span),
            "nothing eaten": (-100, 0),
        },
    )


def olg(problem: OLG) -> Planted:
    """The true shares times e^a (A's mean of a/a_bar)^b, or weighted with those of people who live for ever."""
    ever = min(problem.p.beta, 0.99)

    def f(x: Any, n: Any) -> Any:
        mean = x[:, : problem.dout].mean(axis=1, keepdims=True)
        shares = (1 - n[2]) * jnp.asarray(problem.saved) + n[2] * ever
        return logit(shares * jnp.exp(n[0] + n[1] * mean))

    return models(
        f,
        {
            "exact": (0, 0, 0),
            "right to .02 %": (np.log1p(-RIGHT), 0, 0),
            "constant saving": (0, -1, 0),
            "half slope": (0, -0.5, 0),
            "steeper slope": (0, 0.5, 0),
            "wrong level": (np.log1p(-ONE_PER_CENT), 0, 0),
            "other root": (0, 0, 1),
            "nothing eaten": (100, 0, 0),
        },
    )


def growth_policy(problem: GrowthPolicy) -> Planted:
    """k' = (1 + a) (k_ss + m (exact k' - k_ss) + b (k - k_ss)), within what there is."""
    e = problem.economy
    explosive = 1 / (e.beta * e.persistence)

    def f(x: Any, n: Any) -> Any:
        k = x * problem.p.capital_unit
        after = (1 + n[0]) * (e.k_ss + n[1] * (problem.truth(k) - e.k_ss) + n[2] * (k - e.k_ss))
        return logit(after / e.resources(k))

    return models(
        f,
        {
            "exact": (0, 1, 0),
            "constant capital": (0, 0, 0),
            "half slope": (0, 0.5, 0),
            "steeper slope": (0, 1.5, 0),
            "wrong level": (ONE_PER_CENT, 1, 0),
            "other root": (0, 0, explosive),
            "1 % at the edge": (0, 1, ONE_PER_CENT * problem.p.k_high / (problem.p.k_high - e.k_ss)),
            "nothing eaten": (1e3, 1, 0),
        },
    )


def stochastic_growth(problem: StochasticGrowth) -> Planted:
    """log k' = log k_ss + m (that of the exact policy) + a + b log k, of what there is."""
    p, e = problem.p, problem.economy
    explosive = 1 / (e.beta * e.persistence)

    def f(x: Any, n: Any) -> Any:
        log_k, z = x[:, 0] * p.k_range + np.log(problem.units / e.k_ss), x[:, 1] * p.z_range
        k = e.k_ss * jnp.exp(log_k)
        resources = jnp.exp(z) * k**p.alpha + (1 - p.delta) * k
        after = n[0] * jnp.log(resources * (1 - problem.truth(x)[:, 0]) / e.k_ss) + n[1] + n[2] * log_k
        eaten = e.c_ss / e.resources(e.k_ss)
        return (logit(1 - e.k_ss * jnp.exp(after) / resources) - logit(eaten))[:, None]

    return models(
        f,
        {
            "exact": (1, 0, 0),
            "constant capital": (0, 0, 0),
            "half slope": (0.5, 0, 0),
            "steeper slope": (1.5, 0, 0),
            "wrong level": (1, np.log1p(ONE_PER_CENT), 0),
            "other root": (0, 0, explosive),
            "1 % at the edge": (1, 0, -ONE_PER_CENT * e.c_ss / e.k_ss / p.k_range),
            "nothing eaten": (1, 100, 0),
        },
    )


def investment(problem: Investment) -> Planted:
    """u = m truth + h_0 + h_1 mean(X)."""
    rest = problem.p.delta * problem.steady_state
    explosive = linear_policy(problem.p, explosive=True)

    def f(x: Any, n: Any) -> Any:
        return n[0] * problem.truth(x) + n[1] + n[2] * x.mean(axis=1, keepdims=True)

    return models(
        f,
        {
            "exact": (1, 0, 0),
            "constant investment": (0, rest, 0),
            "half slope": (0.5, 0.5 * rest, 0),
            "steeper slope": (1.5, -0.5 * rest, 0),
            "wrong level": (1 + ONE_PER_CENT, 0, 0),
            "other root": (0, *explosive),
            "nothing invested": (0, 0, 0),
        },
    )


def irbc(problem: IRBC) -> Planted:
    """log k'_j = m (that of polynomials of the third degree which solve the equations) + a + b log k_j."""
    # on an eighth of the states and a tenth of the periods of a fit: 70 coefficients, and errors that show at once
    options = {"degree": 3, "solver": "gradient", "optimizer": "lm", "precision": "float64", "num_epochs": 12}
    options["N"], problem.path = 64, (250, 4)
    trainer = Trainer(assemble(config("polynomial", "irbc", **{**asdict(problem.p), **options, "N_val": 0})))
    list(trainer.run())
    solved, root = trainer.fitted(), float(np.abs(np.linalg.eigvals(problem.linear[0])).max())

    def f(x: Any, n: Any) -> Any:
        log_k, log_a = jnp.split(x * problem.units.sizes, 2, axis=1)
        linear = log_k @ problem.units.P.T + log_a @ problem.units.Q.T
        after = n[0] * (linear + problem.units.remainder * solved(x)) + n[1] + n[2] * log_k
        return (after - linear) / problem.units.remainder

    return models(
        f,
        {
            "exact": (1, 0, 0),
            "constant capital": (0, 0, 0),
            "half slope": (0.5, 0, 0),
            "steeper slope": (1.5, 0, 0),
            "wrong level": (1, np.log1p(ONE_PER_CENT), 0),
            "other root": (0, 0, 1 / (problem.p.beta * root)),
            "1 % at the edge": (1, 0, ONE_PER_CENT / 0.2),
            "nothing eaten": (1, 3, 0),
            "nothing invested": (0, np.log1p(-0.02), 1),
        },
    )


def sequence(values: Mapping[str, np.ndarray], scale: np.ndarray, time_unit: float) -> Planted:
    """Models of paths [periods]: softplus of each at t / time_unit, times the scale [periods], is its value at t."""
    raw = {}
    for what, path in values.items():
        y = np.maximum(path / scale, EDGE)
        raw[what] = inverse_softplus(y, np)
    return models(lambda x, n: n[jnp.round(x * time_unit).astype(int)], raw)


def growth(problem: Growth) -> Planted:
    """Paths of capital in units of productivity, to twice the test horizon."""
    p, e = problem.p, problem.economy
    periods = 2 * p.periods_test + 5
    exact = np.append(problem.saddle, np.full(periods, e.k_ss))[:periods]
    t, root = np.arange(periods), e.persistence
    away = p.k0 - e.k_ss

    def by_euler(path: list[float]) -> np.ndarray:
        """The path that the Euler equation gives after its first two periods; all is kept where nothing is left."""
        c = e.resources(path[-2]) - (1 + p.g) * path[-1]
        while len(path) < periods:
            c *= e.beta * e.gross_return(path[-1]) / (1 + p.g)
            path.append(max(float(e.resources(path[-1]) - c), EDGE) / (1 + p.g))
        return np.array(path)

    last = p.periods_test - 1
    # the unstable root of the linearised equation, to 1 % at the last period
    bubble = exact[: last + 1] + ONE_PER_CENT * exact[last] * (e.beta * root) ** (last - t[: last + 1])
    too_little = e.resources(p.k0) - 0.95 * (e.resources(p.k0) - (1 + p.g) * exact[1])
    nothing = [p.k0]
    while len(nothing) < periods:
        nothing.append(float(e.resources(nothing[-1])) / (1 + p.g))
    paths = {
        "exact": exact,
        "constant capital": np.full(periods, p.k0),
        "half slope": e.k_ss + away * (root / 2) ** t,
        "steeper slope": e.k_ss + away * root ** (t / 2),
        "wrong level": exact * (1 + ONE_PER_CENT),
        "other root": by_euler([p.k0, too_little / (1 + p.g)]),
        "bubble of 1 %": by_euler(list(bubble)),
        "nothing eaten": np.array(nothing),
    }
    return sequence(paths, np.full(periods, p.capital_unit), p.time_unit)


def asset_pricing(problem: AssetPricing) -> Planted:
    """Paths of the price, to where it is followed."""
    p = problem.p
    t = np.arange(problem.followed(p.periods_test - 1) + 5, dtype=float)
    exact = np.asarray(problem.truth(jnp.asarray(t[:, None])))[:, 0]
    scale = p.price_unit * np.asarray(problem.trend(jnp.asarray(t))) * np.ones_like(t)
    last, middle = p.periods_test - 1, exact[: p.periods_test].mean()
    paths = {
        "exact": exact,
        "right to .02 %": exact * (1 + RIGHT),
        "constant price": np.full_like(t, exact[0]),
        "half slope": middle + 0.5 * (exact - middle),
        "steeper slope": middle + 1.5 * (exact - middle),
        "wrong level": exact * (1 + ONE_PER_CENT),
        "other root": exact + 0.05 * exact[0] * p.beta**-t,
        "bubble of 1 %": exact + ONE_PER_CENT * exact[last] * p.beta ** (last - t),
        "bubble of .2 %": exact + ONE_PER_CENT / 5 * exact[last] * p.beta ** (last - t),
        "worth nothing": np.zeros_like(t),
    }
    return sequence(paths, scale, p.time_unit)


def asset_pricing_kernel(problem: AssetPricingKernel) -> Planted:
    """mu' = m (that of the truth) + zeta r e^(r (t - T)) + d, T the horizon of the test."""
    p, end = problem.p, problem.p.horizon_test
    exact = jax.grad(lambda t: problem.truth(t[None, None])[0, 0])
    at_end, at_0 = (float(problem.truth(jnp.full((1, 1), t))[0, 0]) for t in (end, 0.0))

    def f(x: Any, n: Any) -> Any:
        slope = n[0] * jax.vmap(exact)(x[:, 0])[:, None] + n[1] * p.r * jnp.exp(p.r * (x - end)) + n[2]
        return slope * jnp.exp(-p.trend * x)

    return models(
        f,
        {
            "exact": (1, 0, 0),
            "constant price": (0, 0, 0),
            "half slope": (0.5, 0, 0),
            "steeper slope": (1.5, 0, 0),
            "wrong level": (1, 0, ONE_PER_CENT * p.r * at_0),
            "other root": (1, at_end, 0),
            "bubble of 1 %": (1, ONE_PER_CENT * at_end, 0),
            "worth nothing": (0, 0, -p.x0),
        },
    )


def growth_kernel(problem: GrowthKernel) -> Planted:
    """(k', mu') = m (those of the saddle path) + d, + zeta times the unstable root's direction e^(root (t - T)), T the
    horizon of the test; or none of it, and e eaten of what capital yields."""
    p, root = problem.p, problem.p.rho - problem.saddle.root
    e, end = problem.economy, problem.p.horizon_test
    # of (k, mu): along it consumption moves by rho - root for one of capital
    price = -(p.rho - root) / e.c_ss**2

    def f(t: Any, n: Any) -> Any:
        k, c = problem.exact(t)
        slopes = jnp.concatenate([problem._net(k) - c, -problem._gap(k) / c], axis=1)
        bubble = root * jnp.exp(root * (t - end)) * jnp.asarray([1.0, price])
        return n[0] * slopes + n[1] * bubble + n[2:4]

    away = p.k0 - e.k_ss
    return models(
        f,
        {
            "exact": (1, 0, 0, 0),
            "constant capital": (0, 0, 0, 0),
            "half slope": (0.5, 0, 0, 0),
            "steeper slope": (1.5, 0, 0, 0),
            "a trend": (1, 0, ONE_PER_CENT * e.k_ss / 5, 0),
            "other root": (1, -0.5 * e.k_ss, 0, 0),
            "bubble of 1 %": (1, ONE_PER_CENT * e.k_ss, 0, 0),
            "nothing eaten": (0, 0, float(e.resources(p.k0) - p.k0), 0),
            "prices that do not move": (1, 0, 0, np.sign(away) * ONE_PER_CENT / e.c_ss),
        },
    )


PLANTED: Mapping[str, Callable[[Any], Planted]] = {
    "brock_mirman": brock_mirman,
    "cake_eating": cake_eating,
    "olg": olg,
    "growth_policy": growth_policy,
    "stochastic_growth": stochastic_growth,
    "buffer_stock": buffer_stock,
    "irbc": irbc,
    "aiyagari": aiyagari,
    "investment": investment,
    "growth": growth,
    "asset_pricing": asset_pricing,
    "asset_pricing_kernel": asset_pricing_kernel,
    "growth_kernel": growth_kernel,
}
