"""The only loop: minibatch descent on the empirical risk, compiled as one program that runs many epochs a call.

The program takes the number of epochs as an argument (a `while_loop` over epochs around a `scan` over batches), so that
chunks of any length share one compilation, and it stops by itself on early stopping or a non-finite loss.
"""

import dataclasses
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from econml_cli.problems.base import Batch
from econml_cli.tracking.rows import Rows
from econml_cli.training.optimizers import hyperparameters, optimizer, schedule
from econml_cli.training.setup import Setup

RUNNING, STOPPED_EARLY, DIVERGED = 0, 1, 2
#: what the seed of the shuffling is folded with
SHUFFLE = 2**31
#: observations whose loss is computed at once where a whole sample is measured
BLOCK = 2**16
#: epochs that one call can report: the length of its metric buffers
CAPACITY = 4096
#: seconds a call should take: progress moves several times a second, and leaving XLA costs well under 2 %
CHUNK_SECONDS = 0.25


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Carry:
    """All that changes while training; a checkpoint holds exactly this."""

    params: Any
    other: Any  # the model's state that is not trained: RNG streams of dropout, running statistics
    opt_state: Any
    key: jax.Array  # of the shuffling
    epoch: jax.Array  # int32, epochs done
    status: jax.Array  # int32: RUNNING, STOPPED_EARLY or DIVERGED
    best: Any  # (params, other) at the best val_loss; None without early stopping
    best_val: jax.Array
    best_epoch: jax.Array


@dataclass(frozen=True)
class Chunk:
    """What one call reports: a row per epoch, the seconds it took, and the status after it."""

    rows: Rows
    epoch: int
    status: int
    seconds: float


def num_batches(n: int, batch_size: int) -> tuple[int, int]:
    """(batches an epoch, size of a batch); batch_size 0, or no less than n, means one full batch."""
    size = n if batch_size == 0 else min(batch_size, n)
    return -(-n // size), size


class Trainer:
    """Compiles the training of one setup and runs it in chunks of epochs.

    `carry` is the current position; it is replaced by each chunk (its buffers are donated to the next).
    """

    def __init__(self, setup: Setup):
        self.setup = setup
        self.options = setup.config.trainer
        self.batches, self.size = num_batches(setup.n_train, self.options.batch_size)
        self.hyper = hyperparameters(self.options)
        self.graphdef, params, other = nnx.split(setup.model, nnx.Param, ...)
        self.carry = jax.jit(self._initial)(params, other)
        self._data = (setup.train, setup.val)
        self._program: Callable[..., Any] | None = None

    def _optimizer(self, hyper: dict[str, Any]) -> optax.GradientTransformation:
        return optimizer(self.options, hyper, self.batches)

    def _initial(self, params: Any, other: Any) -> Carry:
        opt_state = self._optimizer(self.hyper).init(params)
        best = (params, other) if self.options.patience else None
        zero = jnp.int32(0)
        # not a key that nnx.Rngs(seed) gives out: those, fold_in(key, 0), fold_in(key, 1), ..., drew data and weights
        key = jax.random.fold_in(jax.random.key(np.uint32(self.options.seed)), SHUFFLE)
        return Carry(params, other, opt_state, key, zero, zero, best, jnp.asarray(jnp.inf, float), zero)

    def run(self, start_after: int = 0, every: int = 0) -> Iterator[Chunk]:
        """Train to `num_epochs`, yielding after each chunk; a chunk ends at every multiple of `every` epochs.

        Yields:
            Chunk: the rows of the epochs since the last one. Between two chunks `carry` may be read (and saved).
        """
        program = self.compile()
        epoch, length, last = start_after, 1, self.options.num_epochs
        while epoch < last and int(self.carry.status) == RUNNING:
            stop = min(epoch + length, last, (epoch // every + 1) * every if every else last)
            start = time.perf_counter()
            self.carry, buffers = program(self.carry, self.hyper, *self._data, jnp.int32(stop))
            chunk = self._report(epoch, buffers, start)
            epoch = chunk.epoch
            yield chunk
            pace = len(chunk.rows) / max(chunk.seconds, 1e-6)
            length = int(min(max(CHUNK_SECONDS * pace, 1), 8 * length, CAPACITY))

    def _report(self, first: int, buffers: dict[str, jax.Array], start: float) -> Chunk:
        host = jax.device_get((buffers, self.carry.epoch, self.carry.status))
        seconds = time.perf_counter() - start
        values, epoch, status = host
        done = int(epoch) - first + (1 if int(status) == DIVERGED else 0)
        rows = Rows(first + 1, {name: column[:done] for name, column in values.items()})
        return Chunk(rows, int(epoch), int(status), seconds)

    def compile(self) -> Callable[..., Any]:
        """The compiled program (made once): (carry, hyper, train, val, last_epoch) -> (carry, buffers)."""
        if self._program is None:
            jitted = jax.jit(self._chunk, donate_argnums=0)
            self._program = jitted.lower(self.carry, self.hyper, *self._data, jnp.int32(0)).compile()
        return self._program

    def compile_step(self) -> Any:
        """One update of one batch, compiled by itself, for its cost."""
        batch = jax.tree.map(lambda leaf: leaf[: self.size], self.setup.train)
        learner = (self.carry.params, self.carry.other, self.carry.opt_state)

        def step(hyper: Any, learner: Any, batch: Batch) -> Any:
            return self._step(self._optimizer(hyper), learner, (batch, None))

        return jax.jit(step).lower(self.hyper, learner, batch).compile()

    def _chunk(self, carry: Carry, hyper: Any, train: Batch, val: Batch | None, last: jax.Array) -> Any:
        first = carry.epoch
        names = ["train_loss", "lr"] if val is None else ["train_loss", "val_loss", "lr"]
        buffers = {name: jnp.zeros(CAPACITY, dtype=float) for name in names}

        def running(state: Any) -> jax.Array:
            return (state[0].epoch < last) & (state[0].status == RUNNING)

        def body(state: Any) -> Any:
            carry, buffers = state
            at = carry.epoch - first
            carry, metrics = self._epoch(carry, hyper, train, val)
            return carry, {name: buffers[name].at[at].set(metrics[name]) for name in names}

        return jax.lax.while_loop(running, body, (carry, buffers))

    def _epoch(self, carry: Carry, hyper: Any, train: Batch, val: Batch | None) -> tuple[Carry, dict[str, jax.Array]]:
        tx, key = self._optimizer(hyper), carry.key
        learner = (carry.params, carry.other, carry.opt_state)
        if self.batches == 1:
            learner, total = self._step(tx, learner, (train, None))
            train_loss = total / self.setup.n_train
        else:
            key, shuffle = jax.random.split(key)
            learner, totals = jax.lax.scan(lambda c, b: self._step(tx, c, b), learner, self._shuffled(train, shuffle))
            train_loss = jnp.sum(totals) / self.setup.n_train
        params, other, opt_state = learner
        scale = self.setup.problem.loss_scale
        rate = hyper["lr"] * schedule(self.options, self.batches)(carry.epoch * self.batches)
        metrics = {"train_loss": train_loss * scale, "lr": jnp.asarray(rate, float)}
        finite = jnp.isfinite(train_loss) & _all_finite(params)
        if val is not None:
            metrics["val_loss"] = self._risk(params, other, val) * scale
            finite &= jnp.isfinite(metrics["val_loss"])
        after = dataclasses.replace(
            carry, params=params, other=other, opt_state=opt_state, key=key, epoch=carry.epoch + 1
        )
        after = self._early_stop(after, metrics.get("val_loss"))
        # a non-finite epoch is undone: what is kept is the last state that was finite
        diverged = dataclasses.replace(carry, status=jnp.int32(DIVERGED))
        return jax.tree.map(lambda new, old: jnp.where(finite, new, old), after, diverged), metrics

    def _early_stop(self, carry: Carry, val_loss: jax.Array | None) -> Carry:
        if not self.options.patience or val_loss is None:
            return carry
        better = val_loss < carry.best_val - self.options.min_delta
        best = jax.tree.map(lambda new, old: jnp.where(better, new, old), (carry.params, carry.other), carry.best)
        best_epoch = jnp.where(better, carry.epoch, carry.best_epoch)
        stop = carry.epoch - best_epoch >= self.options.patience
        return dataclasses.replace(
            carry,
            best=best,
            best_val=jnp.where(better, val_loss, carry.best_val),
            best_epoch=best_epoch,
            status=jnp.where(stop, STOPPED_EARLY, carry.status).astype(jnp.int32),
        )

    def _shuffled(self, train: Batch, key: jax.Array) -> tuple[Batch, jax.Array | None]:
        """The sample in random order, cut in batches [batches, size, ...]; and weights that are 0 on the padding of the
        last batch, which so counts with its true size."""
        n, padded = self.setup.n_train, self.batches * self.size
        order = jax.random.permutation(key, n)
        if padded > n:
            order = jnp.concatenate([order, order[: padded - n]])
        cut = jax.tree.map(lambda a: a[order].reshape(self.batches, self.size, *a.shape[1:]), train)
        weights = None if padded == n else (jnp.arange(padded) < n).astype(float).reshape(self.batches, self.size)
        return cut, weights

    def _step(self, tx: Any, learner: Any, batch: tuple[Batch, jax.Array | None]) -> tuple[Any, jax.Array]:
        """One update; returns the summed loss of the batch before it."""
        params, other, opt_state = learner
        (_, (total, other)), grads = jax.value_and_grad(self._batch_loss, has_aux=True)(params, other, *batch)
        updates, opt_state = tx.update(grads, opt_state, params)
        return (optax.apply_updates(params, updates), other, opt_state), total

    def _batch_loss(self, params: Any, other: Any, batch: Batch, weights: jax.Array | None) -> Any:
        """Sum of the losses over the size of a full batch: the last, incomplete batch makes a step in proportion, so
        that every observation weighs the same in an epoch."""
        model = nnx.merge(self.graphdef, params, other)
        losses = self.setup.problem.loss(model, batch)
        total = jnp.sum(losses if weights is None else losses * weights)
        return total / losses.shape[0], (total, nnx.state(model, nnx.Not(nnx.Param)))

    def _risk(self, params: Any, other: Any, batch: Batch) -> jax.Array:
        model = nnx.merge(self.graphdef, params, other)
        model.eval()
        graphdef, state = nnx.split(model)
        return mean_loss(lambda part: self.setup.problem.loss(nnx.merge(graphdef, state), part), batch)

    def fitted(self) -> Any:
        """The model at the weights to be kept: the best ones under early stopping, else the current ones."""
        kept = self.carry.best if self.carry.best is not None and int(self.carry.best_epoch) else None
        # a copy: the buffers of the carry are donated to the next chunk
        state = jax.tree.map(jnp.copy, kept or (self.carry.params, self.carry.other))
        model = nnx.merge(self.graphdef, *state)
        model.eval()
        return model


def _all_finite(tree: Any) -> jax.Array:
    return jnp.all(jnp.asarray([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)] or True))


def mean_loss(loss: Callable[[Batch], jax.Array], batch: Batch) -> jax.Array:
    """The mean of `loss` (observations -> [n]) over a sample, in blocks, so that memory does not grow with it."""
    n = jax.tree.leaves(batch)[0].shape[0]
    if n <= BLOCK:
        return jnp.mean(loss(batch))
    full = n - n % BLOCK
    blocks = jax.tree.map(lambda leaf: leaf[:full].reshape(-1, BLOCK, *leaf.shape[1:]), batch)
    total = jnp.sum(jax.lax.map(lambda block: jnp.sum(loss(block)), blocks))
    rest = jax.tree.map(lambda leaf: leaf[full:], batch)
    return (total + (jnp.sum(loss(rest)) if n > full else 0)) / n
