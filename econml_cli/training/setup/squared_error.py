"""Whether a loss is the squared error that least squares and Levenberg-Marquardt minimise: by what it says of itself,
and, where a problem writes it as a method, by trying it on a few observations."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from econml_cli.problems import losses
from econml_cli.problems.base import Batch
from econml_cli.training.setup.setup import Setup

#: observations that a loss is tried on, and by how much what is computed twice may differ, relatively
TRIED, TOLERANCE = 4, 1e-3
#: what is added to the model's outputs, in multiples of the largest residual: residuals of both signs, large and small
SHIFTS = (0.0, 2.0, -2.0, 16.0, -16.0)


def is_squared_error(setup: Setup) -> bool:
    """Whether the loss of a setup is a multiple of the mean square of output - y over outputs."""
    if not losses.of(setup.problem).least_squares:
        return False
    return not losses.is_own(setup.problem) or _tried(setup)


def first_rows(batch: Batch) -> Batch:
    """The observations that a loss is tried on."""
    some: Batch = jax.tree.map(lambda leaf: leaf[:TRIED], batch)
    return some


def are_proportional(found: np.ndarray, squares: np.ndarray) -> bool:
    """Whether losses [n] are one and the same multiple of mean squared residuals [n]."""
    return bool(np.allclose(found * np.sum(squares), squares * np.sum(found), rtol=TOLERANCE))


def _tried(setup: Setup) -> bool:
    graphdef, state = nnx.split(setup.model)

    @jax.jit
    def measure(state: Any, batch: Batch) -> tuple[jax.Array, jax.Array]:
        model = nnx.merge(graphdef, state)
        residual = model(batch.x) - batch.y
        size = jnp.max(jnp.abs(residual))
        steps = [shift * jnp.where(size > 0, size, 1.0) for shift in SHIFTS]
        # a shift of the outputs, not of y: a loss may compute what it compares with from x
        found = [setup.problem.loss(lambda x, step=step: model(x) + step, batch) for step in steps]
        squares = [jnp.mean(jnp.square(residual + step), axis=1) for step in steps]
        return jnp.concatenate(found), jnp.concatenate(squares)

    try:
        found, squares = jax.device_get(measure(state, first_rows(setup.train)))
    except AttributeError:  # it reads more of the model than its outputs
        return False
    return are_proportional(found, squares)
