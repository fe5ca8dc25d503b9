"""An ensemble: several seeds trained side by side as one fit, with one position and one row an epoch."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np

from econml_cli.tracking.rows import Rows
from econml_cli.training.cores import cores
from econml_cli.training.loop.over_members import spread
from econml_cli.training.loop.stack import Stack
from econml_cli.training.loop.trainer import Chunk, next_length
from econml_cli.training.precision import precision
from econml_cli.training.setup.setup import Setup
from econml_cli.training.step import solving
from econml_cli.training.step.carry import DIVERGED, RUNNING, Carry
from econml_cli.training.step.epoch import inputs_of
from econml_cli.training.step.programs import Programs
from econml_cli.training.step.trees import joined, of_members, stacked

#: members that a thread of its own pays for
LEAST = 8


class Ensemble:
    """Trains the members of one run, as `Trainer` trains one model: in stacks, one for each core.

    `carry` is their position, stacked: every leaf is [members, ...].
    """

    def __init__(self, setups: Sequence[Setup], programs: Programs | None = None):
        """`setups` as `Workshop.ensemble` makes them."""
        self.setup, self.options = setups[0], setups[0].config.trainer
        self._setups, programs = list(setups), programs or Programs()
        self.program = programs.get(self.setup)
        self._solved: Carry | None = None
        self._stacks: list[Stack] = []
        self.devices = None if self.setup.solved else self.program.devices
        # on several devices one stack, whose members they share
        self._size = len(setups) // (parts(len(setups)) if self.devices is None else 1)
        if self.setup.solved:
            self._solved = stacked([self.program.begin(setup, inputs_of(setup)) for setup in setups])
            return
        for first in range(0, len(setups), self._size):
            self._stacks.append(Stack(setups[first : first + self._size], programs, shared=False))

    @property
    def carry(self) -> Carry:
        """Where the members are."""
        if self._solved is not None:
            return self._solved
        wholes = [stack.whole() for stack in self._stacks]
        every: Carry = wholes[0] if len(wholes) == 1 else joined(wholes)
        return every

    @carry.setter
    def carry(self, position: Carry) -> None:
        if self._solved is not None:
            self._solved = position
        for i, stack in enumerate(self._stacks):
            stack.restore(of_members(position, np.arange(i * self._size, (i + 1) * self._size)))

    def run(self, start_after: int = 0, every: int = 0) -> Iterator[Chunk]:
        """Train to `num_epochs`; a chunk ends at every multiple of `every` epochs.

        Yields:
            Chunk: for each epoch the mean, standard deviation, lowest and highest loss of the members that made it and
            have not diverged in it, and how many they are.
        """
        if self._solved is not None:
            if np.all(jax.device_get(self._solved.status) == RUNNING):
                yield self._solve()
            return
        length, last = 1, self.options.num_epochs
        epoch = max(stack.epoch for stack in self._stacks)
        with ThreadPoolExecutor(len(self._stacks)) as pool:
            while epoch < last and any(stack.running() for stack in self._stacks):
                stop = min(epoch + length, last, (epoch // every + 1) * every if every else last)
                found = pool.map(lambda stack: self._advance(stack, stop), self._stacks)  # noqa: B023
                whole = together({i * self._size + k: c for i, part in enumerate(found) for k, c in part.items()})
                yield whole
                epoch, length = whole.epoch, next_length(length, len(whole.rows), whole.seconds)
                if self.devices is not None:  # clocks differ among processes
                    length = self.devices.agreed(length)

    def _advance(self, stack: Stack, stop: int) -> dict[int, Chunk]:
        """One chunk of a stack, in a thread, which has no precision of its own yet."""
        with precision(self.options.dtype):
            return stack.advance(stop, self.options.num_epochs) if stack.running() else {}

    def _solve(self) -> Chunk:
        start, solutions = time.perf_counter(), []
        for setup in self._setups:
            inputs = inputs_of(setup)
            solutions.append(solving.solve(setup, self.program, inputs, self.program.begin(setup, inputs)))
        self._solved = stacked([solution.carry for solution in solutions])
        chunks = {k: Chunk(Rows(1, s.row), 1, int(s.carry.status), 0.0) for k, s in enumerate(solutions)}
        report = {name: float(np.mean([s.report[name] for s in solutions])) for name in solutions[0].report}
        whole = together(chunks)
        return Chunk(whole.rows, whole.epoch, whole.status, time.perf_counter() - start, report)


def parts(members: int) -> int:
    """How many stacks the members are trained in. On a CPU XLA runs small programs on one core each, so that stacks in
    threads keep all cores busy; all are of one size, to share one compiled program."""
    most = min(cores(), members // LEAST) if jax.default_backend() == "cpu" else 1
    return next(count for count in range(max(most, 1), 0, -1) if members % count == 0)


def together(chunks: Mapping[int, Chunk]) -> Chunk:
    """The chunks of some members as one."""
    rows = [chunk.rows for chunk in chunks.values()]
    # the last row of one that diverged is of the epoch that was undone
    made = [len(chunk.rows) - (chunk.status == DIVERGED) for chunk in chunks.values()]
    length = max(map(len, rows))
    columns: dict[str, np.ndarray] = {}
    for name in rows[0].columns:
        values = np.full((length, len(rows)), np.nan)
        for i, own in enumerate(rows):
            last = len(own) if name == "lr" else made[i]
            values[:last, i] = own.columns[name][:last]
        found = spread(values)
        ends = ("",) if name == "lr" else tuple(found)
        columns |= {f"{name}{end}": found[end].astype(rows[0].columns[name].dtype) for end in ends}
        if name == "train_loss":
            columns["members"] = np.isfinite(values).sum(axis=-1)
    statuses = [chunk.status for chunk in chunks.values() if chunk.status != DIVERGED]
    longest = max(chunks.values(), key=lambda chunk: chunk.epoch)
    return Chunk(Rows(rows[0].first, columns), longest.epoch, min(statuses, default=DIVERGED), longest.seconds)


def member(whole: Carry, k: int) -> Carry:
    """The position of one member."""
    own: Carry = of_members(whole, k)
    return own
