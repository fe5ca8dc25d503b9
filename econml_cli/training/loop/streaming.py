"""Training on samples that lie in files: a window of the training sample is read and mixed while another is trained on.

An epoch takes the observations in the order of `--shuffle blocks`, and steps are those of the loop in memory: a fit in
memory with that order is the same fit. A chunk is an epoch, so that a checkpoint says no more than that of any run.
"""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from econml_cli.errors import ConfigError
from econml_cli.options.trainer import POLISHED, SECOND_ORDER
from econml_cli.problems.base import Batch
from econml_cli.tracking.rows import Rows
from econml_cli.training.loop.trainer import Chunk, Trainer
from econml_cli.training.precision import precision
from econml_cli.training.setup.setup import Setup
from econml_cli.training.step import shuffling
from econml_cli.training.step.carry import DIVERGED
from econml_cli.training.step.epoch import inputs_of
from econml_cli.training.step.streaming import StreamProgram
from econml_cli.training.step.trees import copied

T = TypeVar("T")
#: arrays of a sample, [rows, ...] each: x, y
Arrays = tuple[np.ndarray, ...]


def check(setup: Setup) -> None:
    """Refuse what cannot be trained on a part of the sample at a time.

    Raises:
        ConfigError: the optimizer or a batch takes the whole sample, there are several members, or
            another order is asked for.
    """
    options = setup.config.trainer
    if options.optimizer in SECOND_ORDER or options.optimizer in POLISHED:
        raise ConfigError(
            f"--optimizer {options.optimizer} takes the whole sample at each step; use --optimizer adam, or leave out "
            "--stream."
        )
    if options.batch_size == 0 and not setup.solved:  # which takes what one pass over the files gives
        raise ConfigError("--batch-size 0 is the whole sample at once; name a size, or leave out --stream.")
    if options.members > 1:
        raise ConfigError("--stream trains one member; leave out --members, or --stream.")
    if options.shuffle not in ("auto", "blocks"):
        raise ConfigError(
            f"--shuffle {options.shuffle} takes rows from all over the file; leave it out (--stream has the order "
            "blocks)."
        )


class StreamTrainer(Trainer):
    """A `Trainer` of a setup whose samples lie in files."""

    def __init__(self, setup: Setup):
        """Raises:
        ConfigError: as `check`.
        """
        check(setup)
        self.setup, self.options, self.devices = setup, setup.config.trainer, None
        self.program: StreamProgram = StreamProgram(setup)
        self.batches, self.size = self.program.epoch.batches, self.program.epoch.size
        self.inputs = self._given = inputs_of(setup)
        self.carry = self.program.begin(setup, self.inputs)

    def run(self, start_after: int = 0, every: int = 0, until: int | None = None) -> Iterator[Chunk]:
        """As `Trainer.run`; a chunk is an epoch."""
        epoch, last = start_after, self.options.num_epochs if until is None else until
        if self.setup.solved:
            yield from super().run(start_after, every, until)
            return
        while epoch < last and self._running():
            start = time.perf_counter()
            self._carry, metrics = self._epoch()
            host, at, status = jax.device_get((metrics, self._carry.epoch, self._carry.status))
            seconds = time.perf_counter() - start
            rows = 1 if int(at) > epoch or int(status) == DIVERGED else 0
            told = {name: np.asarray(value)[None][:rows] for name, value in host.items()}
            yield Chunk(Rows(epoch + 1, told), int(at), int(status), seconds)
            epoch = int(at)

    def compile(self) -> None:
        """Nothing: what an epoch needs is compiled in the first one."""

    def _epoch(self) -> tuple[Any, dict[str, Any]]:
        carry, program = self._carry, self.program
        key, used = (carry.key, carry.key) if self.batches == 1 else tuple(jax.random.split(carry.key))
        # a copy: the buffers are donated, and an epoch that diverges is undone
        learner = copied((carry.params, carry.other, carry.opt_state))
        totals = jnp.zeros(self.batches, float)
        for batches, counts, first, count in ahead(self._batches(used)):
            learner, totals = program.advance(learner, totals, self.inputs, batches, counts, first, count)
        val = self.setup.val
        val_loss = None if val is None else program.val_loss(learner, self.inputs, val)
        found: tuple[Any, dict[str, Any]] = program.close(carry, self.inputs, key, learner, totals, val_loss)
        return found

    def _batches(self, key: jax.Array) -> Iterator[tuple[Batch, Any, np.int32, np.int32]]:
        """(batches [k, size, ...] on the device, 0 for what fills the last one up, the number of the first, how many of
        them there are), of an epoch; all k are equal, so that one program takes them."""
        n, size = self.program.epoch.n, self.size
        k = min(self.batches, max(1, shuffling.BLOCKS * shuffling.ROWS // size))
        partial = self.batches * size > n
        with precision(self.options.dtype):  # of this thread
            made, left = 0, [leaf[0:0] for leaf in jax.tree.leaves(self.setup.train)]
            for part in self._windows(key):
                left = [np.concatenate(pair) for pair in zip(left, part, strict=True)]
                while made + k < self.batches and len(left[0]) >= k * size:
                    yield self._cut(left, k, k, made, partial)
                    left, made = [array[k * size :] for array in left], made + k
            yield self._cut(left, k, self.batches - made, made, partial)

    def _cut(self, arrays: Sequence[np.ndarray], k: int, count: int, first: int, partial: bool) -> Any:
        size = self.size
        there = min(len(arrays[0]), count * size)
        filled = [_filled(array[:there], k * size).reshape(k, size, *array.shape[1:]) for array in arrays]
        counts = None
        if partial:
            counts = (np.arange(k * size) < there).astype(self.options.dtype).reshape(k, size)
        tree = jax.tree.structure(self.setup.train)
        batches = jax.tree.unflatten(tree, filled)
        return (*jax.device_put((batches, counts)), np.int32(first), np.int32(count))

    def _windows(self, key: jax.Array) -> Iterator[Arrays]:
        """The observations of an epoch, as many at a time as are in memory."""
        rows, mixed = shuffling.ROWS, shuffling.BLOCKS
        leaves, windows, n = jax.tree.leaves(self.setup.train), self.program.windows, self.program.epoch.n
        if self.batches == 1:
            yield tuple(np.asarray(leaf) for leaf in leaves)
            return
        chosen = np.asarray(self.program.chosen(key))
        for window in range(windows.count):
            own = chosen[window * mixed : window * mixed + windows.size(window)]
            ends = [(int(block) * rows, min((int(block) + 1) * rows, n)) for block in own]
            count = sum(stop - start for start, stop in ends)
            order = self.program.within(key, np.int32(window), len(own), np.int32(count))
            parts = []
            for leaf in leaves:
                array, place = np.empty((count, *leaf.shape[1:]), leaf.dtype), 0
                for start, stop in ends:
                    leaf.read(start, stop, array[place : place + stop - start])
                    place += stop - start
                parts.append(array)
            taken = np.asarray(order)[:count]
            yield tuple(array[taken] for array in parts)


def _filled(array: np.ndarray, rows: int) -> np.ndarray:
    """An array with its own rows again at its end, up to so many."""
    return array if len(array) == rows else np.resize(array, (rows, *array.shape[1:]))


def ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items, of which the next one is made in a thread while one is used."""
    done = object()
    with ThreadPoolExecutor(1, thread_name_prefix="reading") as pool:
        coming = pool.submit(next, items, done)
        while (item := coming.result()) is not done:
            coming = pool.submit(next, items, done)
            yield item  # type: ignore[misc]  # not `done`
