"""Epochs of several members side by side, as one function: what `Program.stacked` compiles."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from econml_cli.problems.base import Batch
from econml_cli.training.devices import AXIS, Devices
from econml_cli.training.step.carry import RUNNING, Carry
from econml_cli.training.step.epoch import Epoch, Inputs, where

#: epochs that one call can report: the length of its metric buffers
CAPACITY = 4096
#: along which axis the problem's arrays, the train and the val sample of members differ: 0, or None for the same
Axes = tuple[int | None, int | None, int | None]
#: (keys, (batches, weights)) of `Epoch.shuffle`, and along which axes of members these two differ
Drawn = tuple[tuple[Any, Any], tuple[Any, Any]]


@dataclass(frozen=True, eq=False)
class SideBySide:
    """Members of one static shape, all that run at one epoch. Those whose status is not RUNNING stay as they are.

    Attributes:
        epoch: what they are made of.
        axes: which inputs differ among members.
        alike: they have one seed and one training sample, so that they see the same batches.
    """

    epoch: Epoch
    axes: Axes
    alike: bool

    @property
    def inputs_axes(self) -> Inputs:
        """Along which axis each part of the inputs differs among members."""
        return Inputs(0, self.axes[0], 0, self.axes[1], self.axes[2])

    @property
    def simulated(self) -> bool:
        """Whether the training sample is drawn by the members, so that theirs differ."""
        return self.epoch.plan is not None

    @property
    def sample_axes(self) -> Any:
        """Along which axis the training samples differ."""
        return Batch(0, self.axes[1]) if self.simulated else self.axes[1]

    def chunk(self, carry: Carry, inputs: Inputs, first: jax.Array, last: jax.Array) -> tuple[Carry, Any]:
        """(carry, {metric: [CAPACITY, members]}) after the epochs from `first` to `last`, or until all have ended."""
        buffers = {name: jnp.zeros((CAPACITY, len(carry.status)), dtype=float) for name in self.epoch.metrics}

        def running(state: tuple[Carry, dict[str, jax.Array], jax.Array]) -> jax.Array:
            carry, _, epoch = state
            return (epoch < last) & jnp.any(carry.status == RUNNING)

        def body(state: Any) -> Any:
            carry, buffers, epoch = state
            if self.simulated:  # all that run are at one epoch: no `vmap` over the condition
                carry = jax.lax.cond(self.epoch.due(epoch), lambda c: self._simulate(c, inputs), lambda c: c, carry)
            carry, metrics = self._one_epoch(carry, inputs, epoch)
            return carry, {name: buffers[name].at[epoch - first].set(metrics[name]) for name in buffers}, epoch + 1

        carry, buffers, _ = jax.lax.while_loop(running, body, (carry, buffers, first))
        return carry, buffers

    def shared(self, devices: Devices) -> Callable[..., Any]:
        """`chunk` with the members in equal parts on the devices, which have nothing to tell each other meanwhile."""
        member, alike = PartitionSpec(AXIS), PartitionSpec()
        of_inputs = jax.tree.map(
            lambda axis: alike if axis is None else member, self.inputs_axes, is_leaf=lambda axis: axis is None
        )
        by_member: Callable[..., Any] = jax.shard_map(
            self.chunk,
            mesh=devices.mesh,
            in_specs=(member, of_inputs, alike, alike),
            out_specs=(member, PartitionSpec(None, AXIS)),
            check_vma=False,
        )
        return by_member

    def _simulate(self, carry: Carry, inputs: Inputs) -> Carry:
        """The training samples of the members that run, drawn again."""

        def moved(carry: Carry, inputs: Inputs) -> Carry:
            after: Carry = where(carry.status == RUNNING, self.epoch.moved(carry, inputs), carry)
            return after

        every: Carry = jax.vmap(moved, in_axes=(0, self.inputs_axes))(carry, inputs)
        return every

    def _one_epoch(self, carry: Carry, inputs: Inputs, epoch: jax.Array) -> Any:
        if self.epoch.switch is None:
            return self._train(carry, inputs, self._shuffled(carry, inputs))
        return jax.lax.cond(  # all that run are at one epoch: no `vmap` over the condition
            epoch < self.epoch.switch,
            lambda c: self._train(c, inputs, self._shuffled(c, inputs)),
            lambda c: self._train(c, inputs, self._whole(c, inputs), polishing=True),
            carry,
        )

    def _train(self, carry: Carry, inputs: Inputs, drawn: Drawn, *, polishing: bool = False) -> Any:
        """(carry, {metric: [members]}) after an epoch over what was drawn."""
        given, differ = drawn

        def member(carry: Carry, inputs: Inputs, key: jax.Array, batches: Any) -> Any:
            after, metrics = self.epoch(carry, inputs, key, batches, polishing=polishing)
            return where(carry.status == RUNNING, after, carry), metrics

        return jax.vmap(member, in_axes=(0, self.inputs_axes, *differ))(carry, inputs, *given)

    def _whole(self, carry: Carry, inputs: Inputs) -> Drawn:
        """The training samples as one batch."""
        return (carry.key, (self.epoch.sample(carry, inputs), None)), (0, (self.sample_axes, None))

    def _shuffled(self, carry: Carry, inputs: Inputs) -> Drawn:
        """The training samples shuffled and in batches."""
        if self.epoch.batches == 1:
            return self._whole(carry, inputs)
        if self.simulated:
            sample = self.epoch.sample(carry, inputs)
            return jax.vmap(self.epoch.shuffle, in_axes=(0, self.sample_axes))(carry.key, sample), (0, 0)
        if self.alike:  # any running member's key is the key of all that run
            key = carry.key[jnp.argmax(carry.status == RUNNING)]
            return self.epoch.shuffle(key, inputs.train), (None, None)
        return jax.vmap(self.epoch.shuffle, in_axes=(0, self.axes[1]))(carry.key, inputs.train), (0, 0)
