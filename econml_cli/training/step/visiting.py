"""New training states: simulated under the policy as it is learnt, inside the compiled training."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from econml_cli.models.base import Model
from econml_cli.problems.base import Moves
from econml_cli.problems.economies import simulation
from econml_cli.training.setup.state_plan import StatePlan

#: what the key of the shuffling is folded with for the shocks, before the epoch
SHOCKS = 2**30


def key_at(key: jax.Array, epoch: jax.Array) -> jax.Array:
    """The key of the simulation before this epoch, from that of the shuffling."""
    return jax.random.fold_in(jax.random.fold_in(key, SHOCKS), epoch)


def visited(problem: Moves, model: Model, key: jax.Array, sample: jax.Array, plan: StatePlan) -> jax.Array:
    """The training states x [n, ...]: the `box` of the plan of the sample [n, ...], spread evenly over it, then states
    of the paths of the economy under the policy, drawn without replacement. To be called inside jit.

    A state that is not finite (a policy that is not learnt yet may explode) is replaced by one of the sample.
    """
    walk, choose = jax.random.split(key)

    def look(_model: Model, state: Any, _series: Any) -> jax.Array:
        return problem.observe(state)

    x = simulation.walk(problem, model, walk, plan.burn_in + plan.periods, plan.paths, look)[plan.burn_in :]
    x = x.reshape(-1, *sample.shape[1:]).astype(sample.dtype)
    order = np.argsort(np.arange(plan.n) * plan.box % plan.n < plan.box, kind="stable")
    fallback = sample[order[: plan.n - plan.box]]  # of the sample what is not kept
    drawn = x[jax.random.choice(choose, len(x), (plan.n - plan.box,), replace=False)]
    finite = jnp.all(jnp.isfinite(drawn.reshape(len(drawn), -1)), axis=1)
    drawn = jnp.where(finite.reshape(-1, *[1] * (drawn.ndim - 1)), drawn, fallback)
    return jnp.concatenate([sample[order[plan.n - plan.box :]], drawn])
