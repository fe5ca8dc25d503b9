"""The compiled functions of a fit whose samples lie in files: what takes a part of them, and sums over the parts."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from econml_cli.data.stored import is_stored
from econml_cli.problems.base import Batch
from econml_cli.problems.equation_weights import equal
from econml_cli.training.precision import to_device
from econml_cli.training.setup.setup import Setup, with_arrays
from econml_cli.training.step.epoch import BLOCK, Inputs
from econml_cli.training.step.programs import Program
from econml_cli.training.step.shuffling import Windows


class StreamProgram(Program):
    """A `Program` whose `measure` and `gradient_norm` take samples that lie in files, block by block, and which makes
    an epoch out of calls of `advance` and one of `close`.

    Attributes:
        sample: the training sample. windows: the order of the observations.
        chosen: key -> the blocks in the order of an epoch. within: (key, window, size, rows) -> `Windows.within`.
        advance: (learner, totals, inputs, batches [k, size, ...], counts or None, first, count) -> (learner, totals)
            after `count` steps; `totals` [batches] has the summed loss of each.
        close: (carry, inputs, key, learner, totals, val_loss) -> (carry, metrics) after the last step.
    """

    def __init__(self, setup: Setup):
        super().__init__(setup)
        self.sample = setup.train
        self.windows = Windows(self.epoch.n)
        self.chosen = jax.jit(self.windows.chosen)
        self.within = jax.jit(self.windows.within, static_argnums=2)
        self.advance = jax.jit(self._advance, donate_argnums=(0, 1))
        self.close = jax.jit(self._close)
        self._total = jax.jit(self._of_block)
        self._slope = jax.jit(self._slope_of_block)
        self.measure, self.gradient_norm = self._measured, self._norm

    def _advance(
        self, learner: Any, totals: jax.Array, inputs: Inputs, batches: Batch, counts: Any, first: Any, count: Any
    ) -> Any:
        epoch = self.epoch
        tx, problem = epoch.optimizer(inputs.hyper), with_arrays(epoch.problem, inputs.arrays)

        def one(i: jax.Array, state: Any) -> Any:
            learner, totals = state
            batch, own = jax.tree.map(lambda leaf: leaf[i], (batches, counts))
            learner, summed = epoch.step(tx, problem, learner, (batch, own))
            return learner, totals.at[first + i].set(summed)

        return jax.lax.fori_loop(0, count, one, (learner, totals))

    def _close(self, carry: Any, inputs: Inputs, key: Any, learner: Any, totals: jax.Array, val_loss: Any) -> Any:
        return self.epoch.closed(carry, inputs, key, learner, jnp.sum(totals), val_loss)

    def val_loss(self, learner: Any, inputs: Inputs, val: Batch) -> jax.Array:
        """The mean loss of the validation sample at (params, other, ...), in the units that are minimised."""
        state = nnx.merge_state(learner[0], learner[1])
        return self._mean(state, inputs, val)

    def _measured(self, state: Any, inputs: Inputs, parts: dict[str, Batch]) -> dict[str, jax.Array]:
        alone = dataclasses.replace(inputs, arrays=equal(inputs.arrays), train=None, val=None)
        return {name: self._mean(state, alone, batch) * inputs.loss_scale for name, batch in parts.items()}

    def _mean(self, state: Any, inputs: Inputs, batch: Batch) -> jax.Array:
        found = [self._total(state, inputs, part) for part in parts_of(batch, self.epoch.options.dtype)]
        mean: jax.Array = jnp.sum(jnp.stack(found)) / batch.x.shape[0]
        return mean

    def _of_block(self, state: Any, inputs: Inputs, part: Batch) -> jax.Array:
        problem = with_arrays(self.epoch.problem, inputs.arrays)
        model = nnx.merge(self.epoch.graphdef, state)
        model.eval()
        return jnp.sum(problem.loss(model, part))

    def _norm(self, params: Any, other: Any, inputs: Inputs) -> jax.Array:
        inputs, train = dataclasses.replace(inputs, train=None, val=None), self.sample
        total: Any = None
        for part in parts_of(train, self.epoch.options.dtype):
            slope = self._slope(params, other, inputs, part)
            total = slope if total is None else jax.tree.map(jnp.add, total, slope)
        squares = [jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(total)]
        return jnp.sqrt(jnp.sum(jnp.asarray(squares))) if squares else jnp.asarray(0.0)

    def _slope_of_block(self, params: Any, other: Any, inputs: Inputs, part: Batch) -> Any:
        problem, epoch = with_arrays(self.epoch.problem, inputs.arrays), self.epoch

        def objective(params: Any) -> jax.Array:
            model = nnx.merge(epoch.graphdef, params, other, copy=True)
            model.eval()
            losses = problem.loss(model, part)
            found = jnp.sum(losses) / epoch.n
            return found + losses.shape[0] / epoch.n * model.penalty(part.x) if epoch.penalised else found

        return jax.grad(objective)(params)


def parts_of(batch: Batch, dtype: str) -> Iterator[Batch]:
    """A sample on the device, a block of rows after the other."""
    for start in range(0, batch.x.shape[0], BLOCK):
        part: Batch = jax.tree.map(lambda leaf: leaf[start : start + BLOCK], batch, is_leaf=is_stored)  # noqa: B023
        yield to_device(part, dtype)
