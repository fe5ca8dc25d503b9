"""The only loop: minibatch descent on the empirical risk, compiled as one program that runs many epochs a call.

The program takes the number of epochs as an argument (a `while_loop` over epochs around a `scan` over batches), so that
chunks of any length share one compilation, and it stops by itself on early stopping or a non-finite loss. A model that
is solved exactly has one epoch, in which it is.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from econml_cli.tracking.rows import Rows
from econml_cli.training.setup.setup import Setup
from econml_cli.training.step import solving
from econml_cli.training.step.carry import DIVERGED, RUNNING, Carry
from econml_cli.training.step.epoch import inputs_of
from econml_cli.training.step.programs import Programs
from econml_cli.training.step.side_by_side import CAPACITY

#: seconds a call should take: progress moves several times a second, and leaving XLA costs well under 2 %
CHUNK_SECONDS = 0.25


@dataclass(frozen=True)
class Chunk:
    """What one call reports: a row per epoch, the seconds it took, the status after it, and of a solved model what its
    solution is like."""

    rows: Rows
    epoch: int
    status: int
    seconds: float
    report: Mapping[str, float] = field(default_factory=dict)


class Trainer:
    """Runs the training of one setup in chunks of epochs.

    `carry` is the current position; it is replaced by each chunk (its buffers are donated to the next).
    `programs`: of a process that makes many fits; those of one shape are compiled once.
    """

    def __init__(self, setup: Setup, programs: Programs | None = None):
        self.setup = setup
        self.options = setup.config.trainer
        self.program = (programs or Programs()).get(setup)
        self.batches, self.size = self.program.epoch.batches, self.program.epoch.size
        self.devices = None if setup.solved else self.program.devices
        self.inputs = inputs_of(setup)
        self.carry = self.program.begin(setup, self.inputs)
        # what the program is given: on several devices a copy, on all of them
        self._given = self.inputs if self.devices is None else self.devices.everywhere(self.inputs)

    @property
    def carry(self) -> Carry:
        """Where the fit is, on one device."""
        return self._carry if self.devices is None else self.devices.local(self._carry)

    @carry.setter
    def carry(self, position: Carry) -> None:
        self._carry = position if self.devices is None else self.devices.everywhere(position)

    def run(self, start_after: int = 0, every: int = 0, until: int | None = None) -> Iterator[Chunk]:
        """Train to `until` (default: `num_epochs`); a chunk ends at every multiple of `every` epochs.

        Yields:
            Chunk: the rows of the epochs since the last one. Between two chunks `carry` may be read (and saved).
        """
        epoch, length, last = start_after, 1, self.options.num_epochs if until is None else until
        if self.setup.solved and self._running():
            yield self._solve()
            return
        while epoch < last and self._running():
            stop = min(epoch + length, last, (epoch // every + 1) * every if every else last)
            start = time.perf_counter()
            self._carry, buffers = self.program.chunk(self._carry, self._given, np.int32(stop))
            chunk = self._report(epoch, buffers, start)
            epoch = chunk.epoch
            yield chunk
            length = next_length(length, len(chunk.rows), chunk.seconds)
            if self.devices is not None:  # clocks differ among processes
                length = self.devices.agreed(length)

    def _running(self) -> bool:
        return int(jax.device_get(self._carry.status)) == RUNNING

    def _solve(self) -> Chunk:
        start = time.perf_counter()
        solution = solving.solve(self.setup, self.program, self.inputs, self.carry)
        self.carry = solution.carry
        return Chunk(Rows(1, solution.row), 1, int(self.carry.status), time.perf_counter() - start, solution.report)

    def _report(self, first: int, buffers: dict[str, jax.Array], start: float) -> Chunk:
        host = jax.device_get((buffers, self._carry.epoch, self._carry.status))
        seconds = time.perf_counter() - start
        values, epoch, status = host
        done = int(epoch) - first + (1 if int(status) == DIVERGED else 0)
        rows = Rows(first + 1, {name: column[:done] for name, column in values.items()})
        return Chunk(rows, int(epoch), int(status), seconds)

    def compile(self) -> None:
        """Compile the program, where no fit of this shape has done so, by running it for no epoch."""
        if self.setup.solved:
            return
        self._carry, _ = self.program.chunk(self._carry, self._given, np.int32(0))

    def compile_step(self) -> Any:
        """One update of one batch, compiled by itself, for its cost."""
        epoch = self.program.epoch
        batch = jax.tree.map(lambda leaf: leaf[: self.size], self.setup.train)
        learner = (self.carry.params, self.carry.other, self.carry.opt_state)

        def step(hyper: Any, learner: Any, batch: Any) -> Any:
            return epoch.step(epoch.optimizer(hyper), self.setup.problem, learner, (batch, None))

        return jax.jit(step).lower(self.inputs.hyper, learner, batch).compile()

    def fitted(self) -> Any:
        """The model at the weights to be kept: the best ones under early stopping, else the current ones."""
        return self.program.epoch.fitted(self.carry)


def next_length(length: int, epochs: int, seconds: float) -> int:
    """How many epochs the next call should make, after one that made `epochs` in so many seconds."""
    return int(min(max(CHUNK_SECONDS * epochs / max(seconds, 1e-6), 1), 8 * length, CAPACITY))
