"""Paths of an economic model under a fitted policy: compiled as one scan over periods."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from econml_cli.models.base import Model
from econml_cli.problems.base import Batch, Moves, Shocked

#: the size of an impulse, in standard deviations
IMPULSE = 1.0


@dataclass(frozen=True, eq=False)
class Same:
    """A problem that is equal to itself alone, and can be hashed, whatever its class says."""

    problem: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.problem is other.problem

    def __hash__(self) -> int:
        return id(self.problem)


def at(x: jax.Array) -> Batch:
    """The batch of these states."""
    return Batch(x, jnp.zeros((len(x), 1), x.dtype))


def walk(problem: Moves, model: Model, key: jax.Array, periods: int, paths: int, look: Callable[..., Any]) -> Any:
    """What `look(model, state, series)` gives at each period, stacked [periods, paths, ...]. To be called inside jit.

    The first period is that of `problem.start`; the shocks of each are independent N(0, 1).
    """

    def one(state: Any, key: jax.Array) -> tuple[Any, Any]:
        shock = jax.random.normal(key, (paths, problem.shock_size))
        after, series = problem.step(model, state, shock)
        return after, look(model, state, series)

    return jax.lax.scan(one, problem.start(paths), jax.random.split(key, periods))[1]


def simulate(problem: Moves, model: Model, *, periods: int, paths: int, seed: int = 0) -> dict[str, np.ndarray]:
    """The series of an economic model under the fitted policy, each [periods, paths].

    Call it inside `precision(...)` of the run.
    """
    graphdef, state = nnx.split(model)

    @jax.jit
    def run(state: Any, key: jax.Array) -> Any:
        return walk(problem, nnx.merge(graphdef, state), key, periods, paths, lambda _model, _state, series: series)

    return {name: np.asarray(values) for name, values in jax.device_get(run(state, jax.random.key(seed))).items()}


def impulse_response(problem: Shocked, model: Model, name: str, *, periods: int) -> dict[str, np.ndarray]:
    """How each series moves after one standard deviation of one shock in period 0, [periods]: its path less the path
    without any shock, from the same start. A shock of a period shows in the state of the next.

    Raises:
        KeyError: the model has no shock of that name.
    """
    after, before = paths_of_impulse(problem, model, name, periods=periods)
    return {series: after[series] - before[series] for series in after}


def paths_of_impulse(
    problem: Shocked, model: Model, name: str, *, periods: int, settle: int = 0
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """(each series after one standard deviation of one shock in period 0, the same without any shock), each [periods];
    from where the start of the problem is after `settle` periods without shocks.

    Raises:
        KeyError: the model has no shock of that name.
    """
    graphdef, state = nnx.split(model)
    hit = jnp.zeros((periods, 1, problem.shock_size)).at[0, 0, problem.impulses[name]].set(IMPULSE)

    @jax.jit
    def run(state: Any, shocks: jax.Array) -> Any:
        model = nnx.merge(graphdef, state)

        def one(at: Any, shock: jax.Array) -> Any:
            return problem.step(model, at, shock)

        first = problem.start(1)
        if settle:
            none = jnp.zeros(shocks.shape[1:], shocks.dtype)
            first = jax.lax.fori_loop(0, settle, lambda _, at: one(at, none)[0], first)
        return jax.lax.scan(one, first, shocks)[1]

    after, before = (jax.device_get(run(state, shocks)) for shocks in (hit, jnp.zeros_like(hit)))
    return tuple({series: np.asarray(path[series])[:, 0] for series in path} for path in (after, before))  # type: ignore[return-value]


def values(problem: object, method: str, model: Model, *arguments: Any) -> Any:
    """What problem.method(model, *arguments) gives, on the host in float64; compiled once for all models of a shape."""
    found = jax.device_get(_values(Same(problem), method, *nnx.split(model), *arguments))
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), found)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _values(of: Same, method: str, graphdef: Any, weights: Any, *arguments: Any) -> Any:
    return getattr(of.problem, method)(nnx.merge(graphdef, weights), *arguments)


def rest(problem: Moves, model: Model, state: Any, periods: int, name: str) -> np.ndarray:
    """One series of the path without shocks from a state of one path, [periods], float64."""
    return np.asarray(_rest(Same(problem), periods, name, *nnx.split(model), state), np.float64)[:, 0]


@functools.partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _rest(of: Same, periods: int, name: str, graphdef: Any, weights: Any, state: Any) -> Any:
    problem: Moves = of.problem
    model: Model = nnx.merge(graphdef, weights)
    none = jnp.zeros((1, problem.shock_size))
    return jax.lax.scan(lambda at, _: problem.step(model, at, none), state, None, periods)[1][name]
