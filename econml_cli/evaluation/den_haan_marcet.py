"""den Haan and Marcet's test of a fitted policy: nothing known in a period predicts its realised Euler error."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from econml_cli.errors import ConfigError
from econml_cli.evaluation.simulation.simulated import at_truth
from econml_cli.models.base import Model
from econml_cli.problems.base import Problem, Realised, RealisedBySeveral

#: more states than this are instruments by their mean and standard deviation
MOST = 8
#: an error of so many units of rounding is none: where the exact policy has no error at all, noise would be tested
ROUNDING = 100
#: directions of the instruments that vary by less, relative to the others, are left out
SINGULAR = 1e-8


@dataclass(frozen=True)
class Paths:
    """What the test simulates: independent paths of `periods`, after `burn_in` more that do not count."""

    periods: int = 3000
    paths: int = 100
    burn_in: int = 200
    seed: int = 0


@dataclass(frozen=True)
class DenHaanMarcet:
    """The statistics [paths], each chi-square with `degrees` of freedom if the policy is exact."""

    statistics: np.ndarray
    degrees: int
    paths: Paths

    def numbers(self) -> dict[str, float]:
        """`dhm_statistic`, the median over paths, and `dhm_p_value`, its p-value; `dhm_below_5` and `dhm_above_95`, the
        shares of statistics below the 5 % and above the 95 % point of the distribution: 0.05 each if it is exact."""
        from scipy import special

        low, high = self.bounds()
        middle = float(np.median(self.statistics))
        return {
            "dhm_statistic": middle,
            "dhm_p_value": float(special.chdtrc(self.degrees, middle)),
            "dhm_below_5": float(np.mean(self.statistics < low)),
            "dhm_above_95": float(np.mean(self.statistics > high)),
        }

    def bounds(self) -> tuple[float, float]:
        """The 5 % and the 95 % point of the distribution."""
        from scipy import special

        return float(special.chdtri(self.degrees, 0.95)), float(special.chdtri(self.degrees, 0.05))

    def said(self) -> str:
        """What the numbers are to be compared with, as a sentence."""
        low, high = self.bounds()
        return (
            f"den Haan-Marcet on {self.paths.paths:,} paths of {self.paths.periods:,} periods: if the policy is exact, "
            f"the statistic is chi-square({self.degrees}), 5 % of them below {low:.3g} and 5 % above {high:.3g}."
        )


def den_haan_marcet(problem: Problem, model: Model, name: str, paths: Paths) -> DenHaanMarcet:
    """The test on simulated paths. Call it inside `precision(...)`.

    With u_{t+1} the Euler errors at the state x_t under the shocks that arrive (`problem.realised`, weight 1), the
    instruments h_t = (1, x_t), g_t the products of each error with each instrument, m the mean of g_t and W that of
    g_t g_t', the statistic is T m' W^-1 m. Errors of an exact policy are martingale differences, so W needs no lags. Of
    more than 8 states (many
    firms) the instruments are 1, their mean, and their standard deviation. The state moves by `problem.step`; of the
    shocks of a firm alone, `realised` may keep its own fixed draw: x_t is known before either arrives, and the test
    asks only for that.

    Source: den Haan and Marcet (1994), Accuracy in Simulations, Review of Economic Studies 61.

    Args:
        name: of the problem, for messages.

    Raises:
        ConfigError: the problem does not say what error a shock realises, the exact policy makes none, or there are too
            few periods.
    """
    if not isinstance(problem, Realised) or not problem.impulses:
        raise ConfigError(
            f"--den-haan-marcet: problem {name} has no Euler error that a shock realises (a method `realised`), so "
            "there is nothing to test; leave it out."
        )
    if paths.periods < 10 * (MOST + 1) or paths.paths < 1:
        raise ConfigError(f"--den-haan-marcet needs a path of at least {10 * (MOST + 1)} periods, got {paths.periods}.")
    _check_random(problem, model, name)
    u, h = _errors(problem, model, paths)
    statistics, degrees = _statistics(u.astype(np.float64), h.astype(np.float64), ROUNDING * np.finfo(u.dtype).eps)
    return DenHaanMarcet(statistics, degrees, paths)


def _check_random(problem: Realised, model: Model, name: str) -> None:
    """Refuse a problem under whose exact policy the realised Euler error is 0 whatever the shock: there is nothing
    whose distribution could be chi-square, and of a fitted policy the statistic tests rounding and nothing else.

    Raises:
        ConfigError: so it is.
    """
    true = at_truth(problem, model)
    if true is None:
        return
    assert isinstance(true, Realised)  # a copy of the problem
    u = np.asarray(_errors(true, model, Paths(periods=20, paths=2, burn_in=0))[0])
    if np.abs(u).max() <= ROUNDING * np.finfo(u.dtype).eps:
        raise ConfigError(
            f"--den-haan-marcet: under the exact policy of {name} the Euler equation holds whatever shock arrives, not "
            "on average alone, so that there are no errors that could be chi-square, and the test would reject every "
            "fit; leave it out, and compare with the truth (policy_error_..., path_error_...)."
        )


def _errors(problem: Realised, model: Model, paths: Paths) -> tuple[np.ndarray, np.ndarray]:
    """(u_{t+1} [periods, paths] or [periods, paths, e], h_t without the constant [periods, paths, k])."""
    graphdef, weights = nnx.split(model)
    columns = problem.realises if isinstance(problem, RealisedBySeveral) else [next(iter(problem.impulses.values()))]

    @jax.jit
    def run(weights: Any, key: jax.Array) -> Any:
        model = nnx.merge(graphdef, weights)

        def draw(key: jax.Array) -> jax.Array:
            return jax.random.normal(key, (paths.paths, problem.shock_size))

        def one(state: Any, key: jax.Array) -> tuple[Any, Any]:
            x, shock = problem.observe(state), draw(key)
            arrived = shock[:, jnp.array(columns)].astype(x.dtype)
            drawn = arrived if len(columns) == 1 else arrived[:, None]  # [paths, 1], of several [paths, 1, shocks]
            u = problem.realised(model, x, drawn, jnp.ones(1, x.dtype))
            return problem.step(model, state, shock)[0], (u, _instruments(x))

        keys = jax.random.split(key, paths.burn_in + paths.periods)
        first = problem.start(paths.paths)
        state, _ = jax.lax.scan(
            lambda at, key: (problem.step(model, at, draw(key))[0], None), first, keys[: paths.burn_in]
        )
        return jax.lax.scan(one, state, keys[paths.burn_in :])[1]

    found: tuple[np.ndarray, np.ndarray] = jax.device_get(run(weights, jax.random.key(paths.seed)))
    return found


def _instruments(x: jax.Array) -> jax.Array:
    """The states [n, d], or their mean and standard deviation [n, 2] where there are many."""
    x = x.reshape(len(x), -1)
    return x if x.shape[1] <= MOST else jnp.stack([x.mean(axis=1), x.std(axis=1)], axis=1)


def _statistics(u: np.ndarray, h: np.ndarray, rounding: float) -> tuple[np.ndarray, int]:
    """(T m' W^-1 m of each path, degrees of freedom) for errors u [T, paths] or, of several equations, [T, paths, e],
    and instruments h [T, paths, k], to which a constant is added; infinite for a path that is not finite."""
    u = u.reshape(*h.shape[:2], -1)
    lost = ~(np.isfinite(u).all(axis=(0, 2)) & np.isfinite(h).all(axis=(0, 2)))
    u, h = (np.where(lost[:, None], 0.0, each) for each in (u, h))
    centred = h - h.mean(axis=0)
    scale = centred.std(axis=0)
    h = np.concatenate([np.ones((*h.shape[:2], 1)), centred / np.where(scale > 0, scale, 1.0)], axis=2)
    g = np.einsum("tpe,tpi->tpei", u, h).reshape(*u.shape[:2], -1)
    m = g.mean(axis=0)
    products, equations = np.einsum("tpi,tpj->pij", h, h) / len(u), u.shape[2]
    noise = np.einsum("ef,pij->peifj", np.eye(equations), products).reshape(len(m), m.shape[1], m.shape[1])
    W = np.einsum("tpi,tpj->pij", g, g, optimize=True) / len(u) + rounding**2 * noise
    degrees = equations * int(np.median(np.linalg.matrix_rank(products, tol=SINGULAR, hermitian=True)))
    found = len(u) * np.einsum("pi,pij,pj->p", m, np.linalg.pinv(W, rcond=SINGULAR, hermitian=True), m)
    return np.where(lost, np.inf, found), degrees
