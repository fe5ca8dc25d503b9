"""Several fits of one static shape side by side: one `vmap` over numeric options, seeds and data."""

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from econml_cli.tracking.rows import Rows
from econml_cli.training.loop.trainer import Chunk, next_length
from econml_cli.training.setup.setup import Setup
from econml_cli.training.step.carry import DIVERGED, RUNNING, STOPPED_EARLY, Carry
from econml_cli.training.step.epoch import Inputs, inputs_of
from econml_cli.training.step.programs import Program, Programs
from econml_cli.training.step.trees import of_members, stacked


def same_shape(setups: Sequence[Setup]) -> bool:
    """Whether fits with one static shape have arrays of one shape too (another split may have other columns)."""
    shapes = [[leaf.shape for leaf in jax.tree.leaves((nnx.state(s.model), s.train, s.val))] for s in setups]
    return all(shape == shapes[0] for shape in shapes)


class Stack:
    """Trains members together. A member that has stopped, diverged or been dropped stays as it was; once that pays for
    another compilation, it is taken out of the program.

    Its numbers are those that each fit would have alone, up to rounding.
    """

    def __init__(self, setups: Sequence[Setup], programs: Programs, *, shared: bool = True, fixed: bool = False):
        """Members are known by their place in `setups`, which agree in `programs.static` and in their shapes. `shared`:
        other numbers of members use the same compiled program, at the price of idle slots. `fixed`: members that have
        ended stay in it, so that no clock decides by which program, and so with which rounding, the others are trained.
        """
        self._fixed = fixed
        self.program: Program = programs.get(setups[0])
        self._devices = self.program.devices
        options = setups[0].config.trainer
        self.last = options.num_epochs
        self.epoch = 0
        inputs = [inputs_of(setup) for setup in setups]
        self._axes = (
            _axis([i.arrays for i in inputs]),
            _axis([i.train for i in inputs]),
            _axis([i.val for i in inputs]),
        )
        self._alike = len({s.config.trainer.seed for s in setups}) == 1 and self._axes[1] is None
        self._carry: Carry
        self._run = self.program.stacked(self._axes, self._alike)
        carries = [self.program.begin(setup, i) for setup, i in zip(setups, inputs, strict=True)]
        self._slots: list[int | None] = list(range(len(setups)))
        size = self._size(_power_of_two(len(setups)) if shared else len(setups))
        self._arrange([*range(len(setups)), *[0] * (size - len(setups))], stacked(carries), self._each(stacked, inputs))
        self._ended: dict[int, Carry] = {}  # of members that are no longer in the program
        self._status = dict.fromkeys(range(len(setups)), RUNNING)
        self._compile_seconds = self._compile()
        self._pace: float | None = None

    def _compile(self) -> float:
        """Compile the program by running it for no epoch; the seconds that this took."""
        start = time.perf_counter()
        self._carry, _ = self._run(self._carry, self._inputs, np.int32(0), np.int32(0))
        return time.perf_counter() - start

    def _size(self, members: int) -> int:
        """The slots of a program for so many members: on several devices, as many on each."""
        return members if self._devices is None else self._devices.multiple(members)

    def _each(self, make: Callable[[Sequence[Any]], Any], inputs: Sequence[Inputs]) -> Inputs:
        """Inputs whose parts `make` makes of those of `inputs`; a part in which no members differ is kept as it is."""
        parts = {}
        for name, axis in self._by_part().items():
            values = [getattr(each, name) for each in inputs]
            parts[name] = values[0] if axis is None else make(values)
        return Inputs(**parts)

    def _by_part(self) -> dict[str, int | None]:
        """The axis of members in each part of the inputs; None where all have the same."""
        axes = dict(zip(("arrays", "train", "val"), self._axes, strict=True))
        return {field.name: axes.get(field.name, 0) for field in dataclasses.fields(Inputs)}

    def _arrange(self, places: Sequence[int], carry: Carry, inputs: Inputs) -> None:
        """Fill the slots of the program from these places; one that comes again only fills up, and is at rest."""
        order = np.asarray(places)
        first = np.asarray([place not in places[:i] for i, place in enumerate(places)])
        self._slots = [self._slots[place] if new else None for place, new in zip(places, first, strict=True)]
        taken = of_members(carry, order)
        status = jnp.where(first, taken.status, STOPPED_EARLY).astype(jnp.int32)
        self._carry = dataclasses.replace(taken, status=status)
        self._inputs = self._each(lambda values: of_members(values[0], order), [inputs])
        if self._devices is not None:
            alike = [name for name, axis in self._by_part().items() if axis is None]
            placed = {
                name: (self._devices.everywhere if name in alike else self._devices.by_member)(value)
                for name, value in vars(self._inputs).items()
            }
            self._carry, self._inputs = self._devices.by_member(self._carry), Inputs(**placed)

    def running(self) -> list[int]:
        """The members that go on."""
        return [member for member, status in self._status.items() if status == RUNNING]

    def run(self, until: int | None = None) -> Iterator[dict[int, Chunk]]:
        """Train to `until` (default: `num_epochs`), yielding after each chunk of epochs.

        Yields:
            {member: its chunk} for those that were running at its start. Between two chunks `carry` may be called.
        """
        length, last = 1, self.last if until is None else until
        while self.epoch < last and self.running():
            chunks = self.advance(min(self.epoch + length, last), last)
            yield chunks
            rows, seconds = max(len(c.rows) for c in chunks.values()), max(c.seconds for c in chunks.values())
            length = next_length(length, rows, seconds)

    def advance(self, stop: int, last: int) -> dict[int, Chunk]:
        """One chunk of epochs, to `stop` (at most CAPACITY further on) on the way to `last`: {member: its chunk} for
        those that were running, of which there is one at least."""
        self._compact(last)
        start = time.perf_counter()
        self._carry, buffers = self._run(self._carry, self._inputs, np.int32(self.epoch), np.int32(stop))
        chunks = self._report(buffers, start)
        self.epoch = max(chunk.epoch for chunk in chunks.values())
        return chunks

    def _report(self, buffers: Any, start: float) -> dict[int, Chunk]:
        found = (buffers, self._carry.epoch, self._carry.status)
        values, epochs, status = jax.device_get(self._local(found))
        seconds = time.perf_counter() - start
        self._pace = seconds / max(1, int(max(epochs)) - self.epoch)
        chunks = {}
        for slot, member in enumerate(self._slots):
            if member is None or self._status[member] != RUNNING:
                continue
            done = int(epochs[slot]) - self.epoch + (1 if status[slot] == DIVERGED else 0)
            rows = Rows(self.epoch + 1, {name: column[:done, slot] for name, column in values.items()})
            chunks[member] = Chunk(rows, int(epochs[slot]), int(status[slot]), seconds)
            self._status[member] = int(status[slot])
        return chunks

    def drop(self, member: int) -> None:
        """Stop a member where it is."""
        self._status[member] = STOPPED_EARLY
        if member in self._slots:
            self._ended[member] = self.carry(member)
            slot = self._slots.index(member)
            self._carry = dataclasses.replace(self._carry, status=self._carry.status.at[slot].set(STOPPED_EARLY))
            self._slots[slot] = None

    def _local(self, tree: Any) -> Any:
        """What is on several devices, on one."""
        return tree if self._devices is None else self._devices.gathered(tree)

    def _compact(self, last: int) -> None:
        """Leave out those that have ended, where the time they would cost pays for compiling a smaller program."""
        keep = [
            slot for slot, member in enumerate(self._slots) if member is not None and self._status[member] == RUNNING
        ]
        size = self._size(_power_of_two(len(keep)))
        if self._fixed or self._pace is None or size >= len(self._slots):
            return
        saved = (last - self.epoch) * self._pace * (1 - size / len(self._slots))
        pays = saved >= self._compile_seconds
        if not (pays if self._devices is None else self._devices.agreed(pays)):  # clocks differ among processes
            return
        for slot, member in enumerate(self._slots):
            if member is not None and slot not in keep:
                self._ended[member] = self.carry(member)
        self._arrange([*keep, *[keep[0]] * (size - len(keep))], self._local(self._carry), self._local(self._inputs))

    def carry(self, member: int) -> Carry:
        """The position of a member, as its own `Trainer` would have it."""
        if member in self._ended:
            return self._ended[member]
        own: Carry = of_members(self._local(self._carry), self._slots.index(member))
        return own

    def whole(self) -> Carry:
        """The positions of all members, stacked: leaves [members, ...]."""
        if self._ended:
            every: Carry = stacked([self.carry(member) for member in self._status])
            return every
        order = np.asarray([self._slots.index(member) for member in self._status])
        ordered: Carry = of_members(self._local(self._carry), order)
        return ordered

    def restore(self, whole: Carry) -> None:
        """Go on from the positions that `whole` gave; before the first chunk of epochs."""
        order = np.asarray([0 if member is None else member for member in self._slots])
        self._carry = of_members(whole, order)
        if self._devices is not None:
            self._carry = self._devices.by_member(self._carry)
        self._status = dict(enumerate(map(int, jax.device_get(whole.status))))
        self.epoch = whole.done


def _axis(values: Sequence[Any]) -> int | None:
    """None where all members have equal arrays, which are then kept once; else 0."""
    leaves = [jax.tree.leaves(value) for value in values]
    same = all(
        a is b or bool(jnp.array_equal(a, b)) for other in leaves[1:] for a, b in zip(leaves[0], other, strict=True)
    )
    return None if same else 0


def _power_of_two(n: int) -> int:
    """The smallest power of two that is no less: groups of many sizes share few programs."""
    return 1 << max(0, n - 1).bit_length()
