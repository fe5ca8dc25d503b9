"""The gradient of the training loss at the weights that are kept, over the whole sample: whether a fit is done."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from econml_cli.problems.base import Batch
from econml_cli.training.setup.setup import with_arrays
from econml_cli.training.step.epoch import BLOCK, Epoch, Inputs, cut


def gradient_norm(epoch: Epoch, params: Any, other: Any, inputs: Inputs) -> jax.Array:
    """The Euclidean norm of the gradient of the mean loss (as it is minimised: of a standardised target, with a model's
    penalty), the model in evaluation mode. In blocks of rows: memory does not grow with the sample.

    To be compiled; see `step.programs.Program.gradient_norm`.
    """
    problem = with_arrays(epoch.problem, inputs.arrays)

    def objective(params: Any, part: Batch) -> jax.Array:
        model = nnx.merge(epoch.graphdef, params, other, copy=True)
        model.eval()
        losses = problem.loss(model, part)
        found = jnp.sum(losses if part.w is None else losses * part.w) / epoch.n
        if epoch.penalised:
            found += losses.shape[0] / epoch.n * model.penalty(part.x)
        return found

    slope, train = jax.grad(objective), inputs.train
    if epoch.n <= BLOCK:
        total = slope(params, train)
    else:
        blocks, rest = cut(train, epoch.n)

        def add(so_far: Any, block: Batch) -> tuple[Any, None]:
            return jax.tree.map(jnp.add, so_far, slope(params, block)), None

        total, _ = jax.lax.scan(add, jax.tree.map(jnp.zeros_like, params), blocks)
        if rest is not None:
            total = jax.tree.map(jnp.add, total, slope(params, rest))
    squares = [jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(total)]
    return jnp.sqrt(jnp.sum(jnp.asarray(squares))) if squares else jnp.asarray(0.0)
