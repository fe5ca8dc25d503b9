"""One epoch of training as a pure function of a position and of inputs that do not change the compiled program.

Everything that two fits of one shape may differ in (numbers, data, arrays of the problem) is in `Inputs`, so that one
compiled program serves many fits, one after another or side by side in a `vmap`.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from econml_cli.models.base import Penalised
from econml_cli.options.trainer import POLISHED, TrainerOptions
from econml_cli.problems.base import Batch, Problem, Redraws
from econml_cli.problems.known import residual
from econml_cli.problems.means import mean, product, total
from econml_cli.training.devices import Devices
from econml_cli.training.setup.second_order_checks import check_structure
from econml_cli.training.setup.setup import Setup, arrays_of, with_arrays
from econml_cli.training.setup.state_plan import plan_of
from econml_cli.training.step import products
from econml_cli.training.step.carry import CONVERGED, DIVERGED, STOPPED_EARLY, Carry
from econml_cli.training.step.optimizers import averaged, hyperparameters, optimizer, schedule, where_differentiated
from econml_cli.training.step.phases import Polished, descent_epochs, polishes
from econml_cli.training.step.second_order import SecondOrder, converged, is_second_order
from econml_cli.training.step.shuffling import order as shuffled
from econml_cli.training.step.trees import copied
from econml_cli.training.step.visiting import key_at, visited

#: what the seed of the shuffling is folded with
SHUFFLE = 2**31
#: what the key of the shuffling is folded with, before the epoch, for what a problem draws anew (`Redraws`)
DRAWS = 2**29
#: observations whose loss is computed at once where a whole sample is measured
BLOCK = 2**16


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Inputs:
    """What a fit is trained with and on: `hyper` numeric options, `arrays` of the problem, `loss_scale`, two samples
    (`val` may be None, and both are where the samples are streamed); or, for a `vmap`, the axis of each of these."""

    hyper: Any
    arrays: Any
    loss_scale: Any
    train: Any
    val: Any


#: the observations of an epoch: one batch, or [batches, size, ...]; and 0 for what only fills up the last one, else 1
#: (None where nothing does)
Batches = tuple[Batch, jax.Array | None]


def inputs_of(setup: Setup) -> Inputs:
    """The inputs of one fit."""
    scale = jnp.asarray(setup.problem.loss_scale, float)
    # what is streamed is handed to the program a part at a time
    samples = (None, None) if setup.streamed else (weighing_one(setup.train), setup.val)
    return Inputs(hyperparameters(setup.config.trainer, setup.n_train), arrays_of(setup.problem), scale, *samples)


def trained_on(setup: Setup, carry: Carry) -> Setup:
    """The setup with the training sample that a position (of one fit, not of an ensemble) has under `--states`."""
    if carry.states is None:
        return setup
    return dataclasses.replace(setup, train=dataclasses.replace(setup.train, x=carry.states))


def weighing_one(batch: Batch) -> Batch:
    """A sample with weights of mean 1: the sum over some of it, over its size, is their share of the weighted mean."""
    return batch if batch.w is None else dataclasses.replace(batch, w=batch.w / mean(batch.w))


def num_batches(n: int, batch_size: int) -> tuple[int, int]:
    """(batches an epoch, size of a batch); batch_size 0, or no less than n, means one full batch."""
    size = n if batch_size == 0 else min(batch_size, n)
    return -(-n // size), size


class Epoch:
    """The function, for every fit that has the static options, the model and the sizes of `setup`."""

    def __init__(self, setup: Setup, devices: Devices | None = None):
        """`devices`: those that share each batch; None where one computes it."""
        self.options: TrainerOptions = setup.config.trainer
        self.devices = devices
        self.n = setup.n_train
        self.batches, self.size = num_batches(self.n, self.options.batch_size)
        self.graphdef = nnx.graphdef(setup.model)
        self.metrics = ["train_loss", "lr"] if setup.val is None else ["train_loss", "val_loss", "lr"]
        self.problem = setup.problem
        self.penalised = isinstance(setup.model, Penalised)
        self.plan = plan_of(setup)
        #: epochs after which lm polishes; None where all epochs are of one method
        self.switch = descent_epochs(self.options) if polishes(self.options) else None
        check_structure(setup)

    def optimizer(self, hyper: Any) -> optax.GradientTransformation | SecondOrder | Polished:
        """The optax optimizer with these numbers, the second-order method, which needs none, or both."""
        if is_second_order(self.options):
            return SecondOrder(self.options.optimizer)
        descent = optimizer(self.options, hyper, self.batches)
        if self.switch is None:
            return descent
        return Polished(descent, SecondOrder(POLISHED[self.options.optimizer][1]))

    def initial(self, params: Any, other: Any, hyper: Any, seed: jax.Array, x: Any = None) -> Carry:
        """The position before the first epoch; `seed` is a uint32, `x` of the training sample where states are
        simulated."""
        opt_state = self.optimizer(hyper).init(params)
        best = (params, other) if self.options.patience else None
        zero = jnp.int32(0)
        # not a key that nnx.Rngs(seed) gives out: those, fold_in(key, 0), fold_in(key, 1), ..., drew data and weights
        key = jax.random.fold_in(jax.random.key(seed), SHUFFLE)
        states = x if self.plan else None
        return Carry(params, other, opt_state, key, zero, zero, best, jnp.asarray(jnp.inf, float), zero, states)

    def sample(self, carry: Carry, inputs: Inputs) -> Batch:
        """The training sample at a position."""
        train: Batch = inputs.train
        return train if self.plan is None else dataclasses.replace(train, x=carry.states)

    def due(self, epoch: jax.Array) -> jax.Array:
        """Whether states are simulated before the epoch that follows so many; before the first one no policy is learnt
        yet."""
        assert self.plan is not None
        return (epoch > 0) & (epoch % self.plan.every == 0)

    def moved(self, carry: Carry, inputs: Inputs) -> Carry:
        """The position with training states simulated under its policy. What a second-order method has found on the
        former ones is forgotten."""
        assert self.plan is not None
        problem, key = with_arrays(self.problem, inputs.arrays), key_at(carry.key, carry.epoch)
        model = nnx.merge(self.graphdef, carry.params, carry.other, copy=True)
        model.eval()
        states = visited(problem, model, key, inputs.train.x, self.plan)  # type: ignore[arg-type]  # the plan's check
        tx, state = self.optimizer(inputs.hyper), carry.opt_state
        if isinstance(tx, SecondOrder):
            state = tx.renewed(carry.params, state)
        elif isinstance(tx, Polished):
            state = tx.after(state, tx.polish.renewed(carry.params, state.polish), polishing=True)
        carry = dataclasses.replace(carry, opt_state=state)
        return dataclasses.replace(carry, states=states)

    def shuffle(self, key: jax.Array, train: Batch) -> tuple[jax.Array, Batches]:
        """(the key of the next epoch, the sample in random order, cut in batches).

        The second of `Batches` is 0 on the padding of the last batch, which so counts with its true size.
        """
        if self.batches == 1:
            return key, self.whole(train)
        key, used = jax.random.split(key)
        padded = self.batches * self.size
        order = shuffled(used, self.n, self.options.shuffle)
        if padded > self.n:
            order = jnp.concatenate([order, order[: padded - self.n]])
        cut = jax.tree.map(lambda a: a[order].reshape(self.batches, self.size, *a.shape[1:]), train)
        counts = None
        if padded > self.n:
            counts = (jnp.arange(padded) < self.n).astype(float).reshape(self.batches, self.size)
        return key, self._shared((cut, counts), axis=1)

    def whole(self, train: Batch) -> Batches:
        """The sample as one batch."""
        return self._shared(train), None

    def _shared(self, tree: Any, axis: int = 0) -> Any:
        """Arrays whose observations are along this axis, each device with its part of them."""
        return tree if self.devices is None else self.devices.rows(tree, axis)

    def __call__(
        self, carry: Carry, inputs: Inputs, key: jax.Array, batches: Batches, *, polishing: bool = False
    ) -> tuple[Carry, dict[str, Any]]:
        """The position after one epoch over `batches`, with `key` for the next one, and the metrics of the epoch.
        `polishing`: in the second phase of two, whose batch is the whole sample."""
        tx, problem = self.optimizer(inputs.hyper), with_arrays(self.problem, inputs.arrays)
        batches = self._redrawn(problem, carry, batches)
        learner: Any = (carry.params, carry.other, carry.opt_state)
        if self.batches == 1 or polishing:
            learner, summed = self.step(tx, problem, learner, batches, polishing=polishing)
        else:
            learner, totals = jax.lax.scan(lambda c, b: self.step(tx, problem, c, b), learner, batches)
            summed = jnp.sum(totals)
        val_loss = None if inputs.val is None else self.risk(problem, learner[0], learner[1], inputs.val)
        return self.closed(carry, inputs, key, learner, summed, val_loss, polishing=polishing)

    def closed(
        self,
        carry: Carry,
        inputs: Inputs,
        key: jax.Array,
        learner: Any,
        summed: jax.Array,
        val_loss: jax.Array | None,
        *,
        polishing: bool = False,
    ) -> tuple[Carry, dict[str, Any]]:
        """The same once the steps are made: `learner` is (params, other, opt_state) behind them, `summed` the sum of
        the losses of all observations, `val_loss` in the units that are minimised."""
        params, other, opt_state = learner
        train_loss = summed / self.n
        rate = inputs.hyper["lr"] * schedule(self.options, self.batches)(carry.epoch * self.batches)
        rate = 1.0 if polishing else rate  # as of a method that finds each step by itself
        metrics = {"train_loss": train_loss * inputs.loss_scale, "lr": jnp.asarray(rate, float)}
        finite = jnp.isfinite(train_loss) & _all_finite(params)
        if val_loss is not None:
            metrics["val_loss"] = val_loss * inputs.loss_scale
            finite &= jnp.isfinite(metrics["val_loss"])
        after = dataclasses.replace(
            carry, params=params, other=other, opt_state=opt_state, key=key, epoch=carry.epoch + 1
        )
        after = self._early_stop(after, metrics.get("val_loss"), inputs.hyper["min_delta"])
        low = metrics.get("val_loss", metrics["train_loss"]) < inputs.hyper["stop_loss"]
        low |= converged(opt_state)
        after = dataclasses.replace(after, status=jnp.where(low, CONVERGED, after.status).astype(jnp.int32))
        # a non-finite epoch is undone: what is kept is the last state that was finite
        diverged = dataclasses.replace(carry, status=jnp.int32(DIVERGED))
        return where(finite, after, diverged), metrics

    def _redrawn(self, problem: Problem, carry: Carry, batches: Batches) -> Batches:
        """The batches with random draws of this epoch, where a problem has such."""
        if not isinstance(problem, Redraws):
            return batches
        (batch, counts), key = batches, jax.random.fold_in(jax.random.fold_in(carry.key, DRAWS), carry.epoch)
        if self.batches == 1:
            return self._shared(problem.redraw(key, batch)), counts
        return self._shared(jax.vmap(problem.redraw)(jax.random.split(key, self.batches), batch), axis=1), counts

    def _early_stop(self, carry: Carry, val_loss: jax.Array | None, min_delta: jax.Array) -> Carry:
        if not self.options.patience or val_loss is None:
            return carry
        better = val_loss < carry.best_val - min_delta
        best_epoch = jnp.where(better, carry.epoch, carry.best_epoch)
        stop = carry.epoch - best_epoch >= self.options.patience
        return dataclasses.replace(
            carry,
            best=where(better, (carry.params, carry.other), carry.best),
            best_val=jnp.where(better, val_loss, carry.best_val),
            best_epoch=best_epoch,
            status=jnp.where(stop, STOPPED_EARLY, carry.status).astype(jnp.int32),
        )

    def step(
        self, tx: Any, problem: Problem, learner: Any, batch: Batches, *, polishing: bool = False
    ) -> tuple[Any, jax.Array]:
        """One update; returns the summed loss of the batch before it."""
        if isinstance(tx, Polished):
            params, other, states = learner
            one = (params, other, tx.state(states, polishing))
            (params, other, state), summed = self.step(tx.method(polishing), problem, one, batch)
            return (params, other, tx.after(states, state, polishing)), summed
        if isinstance(tx, SecondOrder):
            return self._whole(tx, problem, learner, batch[0])
        params, other, opt_state = learner
        point = where_differentiated(self.options, params, opt_state)

        def loss(params: Any) -> Any:
            return self._batch_loss(problem, params, other, *batch)

        (_, (summed, other)), grads = jax.value_and_grad(loss, has_aux=True)(point)
        updates, opt_state = tx.update(grads, opt_state, point)
        return (averaged(self.options, optax.apply_updates(point, updates), opt_state), other, opt_state), summed

    def _whole(self, method: SecondOrder, problem: Problem, learner: Any, batch: Batch) -> tuple[Any, jax.Array]:
        """`step` by a second-order method on the whole sample."""
        params, other, search = learner

        def objective(params: Any) -> jax.Array:
            value: jax.Array = self._batch_loss(problem, params, other, batch, None)[0]
            return value

        def residuals(params: Any, batch: Batch) -> jax.Array:
            return residual(problem, nnx.merge(self.graphdef, params, other, copy=True), batch)

        after, search, value = method.step(params, search, objective, residuals, batch)
        summed = self._batch_loss(problem, params, other, batch, None)[1][0] if self.penalised else value * self.n
        return (after, other, search), summed

    def _batch_loss(self, problem: Problem, params: Any, other: Any, batch: Batch, counts: jax.Array | None) -> Any:
        """Sum of the losses over the size of a full batch: the last, incomplete batch makes a step in proportion, so
        that every observation weighs the same in an epoch. A model's penalty is added, and not reported."""
        # a copy: the random numbers of dropout count on, and may not do so in variables from outside the gradient
        model = nnx.merge(self.graphdef, params, other, copy=True)
        if self.options.precision == products.BFLOAT16:
            products.round_in(model)
        losses = problem.loss(model, batch)
        summed = total(losses, product(counts, batch.w))
        objective = summed / losses.shape[0]
        if isinstance(model, Penalised):
            share = 1.0 if counts is None else jnp.sum(counts) / losses.shape[0]
            objective += share * model.penalty(batch.x)
        return objective, (summed, nnx.state(model, nnx.Not(nnx.Param)))

    def risk(self, problem: Problem, params: Any, other: Any, batch: Batch) -> jax.Array:
        """The mean loss of a sample, the model in evaluation mode."""
        model = nnx.merge(self.graphdef, params, other)
        model.eval()
        graphdef, state = nnx.split(model)
        return mean_loss(lambda part: problem.loss(nnx.merge(graphdef, state), part), batch, self._shared)

    def fitted(self, carry: Carry) -> Any:
        """The model at the weights to be kept: the best ones under early stopping, else the current ones."""
        # a copy: the buffers of the carry are donated to the next chunk
        state = copied(carry.kept)
        model = nnx.merge(self.graphdef, *state)
        model.eval()
        return model


def where(condition: jax.Array, yes: Any, no: Any) -> Any:
    """`yes` or `no`, leaf by leaf; the condition is one boolean."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)


def _all_finite(tree: Any) -> jax.Array:
    return jnp.all(jnp.asarray([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)] or True))


def mean_loss(
    loss: Callable[[Batch], jax.Array], batch: Batch, shared: Callable[[Any, int], Any] = lambda tree, axis: tree
) -> jax.Array:
    """The weighted mean of `loss` (observations -> [n]) over a sample, in blocks: memory does not grow with it.
    `shared` gives devices their parts of arrays, along an axis."""
    n = jax.tree.leaves(batch)[0].shape[0]
    if n <= BLOCK:
        batch = shared(batch, 0)
        whole: jax.Array = mean(loss(batch), batch.w)
        return whole
    blocks, rest = cut(batch, n)
    blocks = shared(blocks, 1)
    summed = jnp.sum(jax.lax.map(lambda block: total(loss(block), block.w), blocks))
    summed = summed + (0 if rest is None else total(loss(rest), rest.w))
    return summed / (n if batch.w is None else jnp.sum(batch.w))


def cut(batch: Batch, n: int) -> tuple[Batch, Batch | None]:
    """The n > BLOCK observations of a sample as (whole blocks [blocks, BLOCK, ...], what is left over or None)."""
    full = n - n % BLOCK
    blocks = jax.tree.map(lambda leaf: leaf[:full].reshape(-1, BLOCK, *leaf.shape[1:]), batch)
    return blocks, jax.tree.map(lambda leaf: leaf[full:], batch) if n > full else None
