"""Where an economy goes under a policy: how many of the states that it visits the training sample does not cover."""

import functools
from collections.abc import Mapping
from typing import Any, TypeGuard

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from econml_cli.models.base import Model
from econml_cli.options import own_modules
from econml_cli.problems.base import Moves
from econml_cli.problems.economies import simulation
from econml_cli.problems.economies.dates import time_alone
from econml_cli.problems.economies.simulation import Same

#: the number, the verdict that rests on it, and the share of states visited from which it fails
OUTSIDE, STATES = "states_outside", "states"
#: the share of states visited that are no finite numbers, where there are such: the economy has left its domain
LOST = "states_not_finite"
BARS: Mapping[str, Mapping[str, float]] = {STATES: {OUTSIDE: 0.1}}
#: a state counts as outside where one of its numbers is further from those of the sample than this share of their range
MARGIN = 0.1
#: of many numbers (capital of a hundred firms, say) one is always at an edge: this share of them may lie outside
FEW = 0.05
#: the margin as a share of their size, where they do not vary
ROUNDING = 1e-6


def moves(problem: object) -> TypeGuard[Moves]:
    """Whether a problem says how its state moves under a policy, and has states that a policy can leave: where the
    state is the date (`dates.time_alone`) it is the same under every policy, and goes beyond the sample by design.
    """
    has_all = isinstance(problem, Moves) and hasattr(problem, "path")
    return has_all and getattr(type(problem), "observe", None) is not time_alone


def outside(problem: object, model: Model, sample: Any) -> dict[str, float]:
    """`states_outside`: the share of the states of the simulated paths that the verdicts look at (`problem.path`) which
    lie outside the range of the training sample x [n, ...] by more than a tenth of it, in any of their numbers (of 20
    or more numbers: in more than a twentieth), or are not finite, and `states_not_finite`, the share of the latter, if
    there are any; {} of a problem without such states (`moves`)."""
    if not moves(problem):
        return {}
    low, high = jnp.min(sample, axis=0), jnp.max(sample, axis=0)
    margin = jnp.maximum(MARGIN * (high - low), ROUNDING * jnp.maximum(jnp.abs(low), jnp.abs(high)))
    shares = _outside(Same(problem), *nnx.split(model), low - margin, high + margin, jax.random.key(0))
    beyond, lost = np.asarray(jax.device_get(shares), np.float64).tolist()
    return {OUTSIDE: beyond, **({LOST: lost} if lost else {})}


@functools.partial(jax.jit, static_argnums=(0, 1))
def _outside(of: Same, graphdef: Any, state: Any, low: jax.Array, high: jax.Array, key: jax.Array) -> jax.Array:
    """The share of states on the paths that are not between low and high [...] in more than `FEW` of their numbers, and
    of those that are not finite, [2]."""
    problem: Moves = of.problem
    model: Model = nnx.merge(graphdef, state)

    def look(_model: Model, state: Any, _series: Any) -> jax.Array:
        x = problem.observe(state)
        within = (x >= low) & (x <= high)  # never of what is not a number
        beyond = jnp.mean((~within).reshape(len(x), -1).astype(float), axis=1) > FEW
        return jnp.stack([beyond, ~jnp.all(jnp.isfinite(x).reshape(len(x), -1), axis=1)])

    periods, paths = of.problem.path
    return jnp.mean(simulation.walk(problem, model, key, periods, paths, look).astype(float), axis=(0, 2))


def said(problem: object, found: Mapping[str, Any], bar: float) -> str:
    """Why the verdict on the states has failed, in words."""
    text = f"the policy leaves the states it was trained on: {found[OUTSIDE]:.0%}, where {bar:.0%} of those visited may"
    if not found.get(LOST):
        return text
    place = own_modules.defined(getattr(problem, "step", None))
    return f"{text}; `step`{place} leaves its domain: {found[LOST]:.0%} are no finite numbers"
