"""Levenberg and Marquardt's method on the residuals of a problem, through the package nlls_gram.

Its Jacobian is made row by row: the residuals of an observation depend on that observation alone, so that all rows
together cost as much as one gradient of the full batch.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from econml_cli.problems.base import Batch

#: the damping of the first step, as a share of the mean squared residual's own curvature
FIRST_DAMPING = 1e-3
#: rows of the Jacobian are made together for so many observations as the squares of their equations add up to this: the
#: expectations of an equation of many shocks, as those of each country of many, need much memory
TOGETHER = 20_000
#: by what the damping is multiplied after a step that is accepted, and after one that is not
EASE, TIGHTEN = 0.2, 4.0

#: (params, batch) -> the residuals of its observations, [n, equations]
Residual = Callable[[Any, Batch], jax.Array]


class LeastSquares:
    """min of the mean of r(params)^2 over observations and equations; a step solves (J'J + damping I) s = -J'r, where
    J'J is replaced by the smaller JJ' for a model with more parameters than there are residuals, and adds what the
    second derivative along s says (geodesic acceleration). A step that does not lower the mean is not made, and the
    next one is damped more.

    Cholesky's factorisation, not QR: on brock_mirman in float32 both end at the same loss, and QR takes 15 times as
    long (a QR of the damped system is of the size of the parameters).

    Source: Levenberg (1944); Marquardt (1963); Transtrum and Sethna (2012), arXiv:1201.5885.
    """

    def init(self, params: Any) -> jax.Array:
        """The damping, a scalar. The Jacobian is not kept: a checkpoint would hold params x residuals numbers."""
        return jnp.asarray(FIRST_DAMPING, float)

    def step(self, params: Any, damping: jax.Array, residual: Residual, batch: Batch) -> tuple[Any, jax.Array, Any]:
        """(params, damping, mean squared residual before the step)."""
        theta, unravel = ravel_pytree(params)
        from nlls_gram import Cholesky, LevenbergMarquardt, LMState  # no other optimizer waits for it

        solver = LevenbergMarquardt(
            stacked(residual, unravel, batch),
            linear_solver=Cholesky(),
            init_damping=FIRST_DAMPING,
            damping_decrease=EASE,
            damping_increase=TIGHTEN,
            cache_jacobian=False,
        )
        theta, state, info = solver.update(theta, LMState(damping, metric=solver.initial_metric))
        return unravel(theta), state.damping, info.loss_old


def stacked(residual: Residual, unravel: Callable[[jax.Array], Any], batch: Batch) -> Callable[[jax.Array], jax.Array]:
    """theta -> all residuals over the root of their number, [n * equations], whose sum of squares is the mean; with
    its derivative made row by row."""

    def values(theta: jax.Array) -> jax.Array:
        found = residual(unravel(theta), batch).ravel()
        return found / math.sqrt(found.size)

    def jacobian(theta: jax.Array) -> jax.Array:
        def of_row(row: Batch) -> jax.Array:
            alone = jax.tree.map(lambda leaf: leaf[None], row)
            found: jax.Array = jax.jacrev(lambda theta: residual(unravel(theta), alone)[0])(theta)
            return found

        observations, equations = jax.eval_shape(residual, unravel(theta), batch).shape
        together = max(1, TOGETHER // equations**2)
        made = jax.vmap(of_row) if observations <= together else _in_blocks(of_row, together)
        rows = made(batch).reshape(-1, theta.size)
        return rows / math.sqrt(len(rows))

    function = jax.custom_jvp(values)
    function.defjvp(lambda at, towards: (values(at[0]), jacobian(at[0]) @ towards[0]))
    return function


def _in_blocks(of_row: Callable[[Batch], jax.Array], size: int) -> Callable[[Batch], jax.Array]:
    """`of_row` of all observations, so many at a time."""
    return lambda batch: jax.lax.map(of_row, batch, batch_size=size)
