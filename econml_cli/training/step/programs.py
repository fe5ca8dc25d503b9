"""The compiled functions of training, kept while one process makes many fits: fits of one shape share them."""

import functools
import threading
from collections.abc import Callable, Hashable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from econml_cli.problems.base import Batch
from econml_cli.problems.equation_weights import equal
from econml_cli.training.devices import Devices
from econml_cli.training.setup.setup import Setup, with_arrays
from econml_cli.training.step.carry import RUNNING, Carry
from econml_cli.training.step.compile_key import static
from econml_cli.training.step.epoch import Epoch, Inputs, mean_loss
from econml_cli.training.step.gradient import gradient_norm
from econml_cli.training.step.side_by_side import CAPACITY, Axes, SideBySide


class Program:
    """The compiled functions for one static shape, made from the first setup that has it.

    Attributes:
        epoch: what they are made of.
        initial: (params, other, hyper, seed) -> carry.
        chunk: (carry, inputs, last epoch) -> (carry, {metric: [CAPACITY]}), until `last` or a status.
        measure: (model state, inputs, {split: batch}) -> {split: mean loss in reported units}.
        gradient_norm: (params, other, inputs) -> that of the whole training loss.
    """

    def __init__(self, setup: Setup, devices: Devices | None = None):
        """`devices`: what `chunk` and `stacked` run on, with inputs and positions that lie there; None: one device."""
        self.devices = devices
        self.epoch = Epoch(setup)
        self._sharing = self.epoch if devices is None else Epoch(setup, devices)
        self.measure: Callable[..., dict[str, jax.Array]] = jax.jit(self._measure)
        self.gradient_norm: Callable[..., jax.Array] = jax.jit(functools.partial(gradient_norm, self.epoch))
        self.initial = jax.jit(self.epoch.initial)
        self.chunk = jax.jit(self._chunk, donate_argnums=0)
        # one compiled function for each way in which members differ
        self.stacked = functools.cache(self._stacked)

    def begin(self, setup: Setup, inputs: Inputs) -> Carry:
        """The position of a fit before its first epoch."""
        _, params, other = nnx.split(setup.model, nnx.Param, ...)
        seed = np.uint32(setup.config.trainer.seed)
        # a copy: the buffers of the position are donated to the first chunk
        x = jnp.copy(inputs.train.x) if self.epoch.plan else None
        position: Carry = self.initial(params, other, inputs.hyper, seed, x)
        return position

    def _chunk(self, carry: Carry, inputs: Inputs, last: jax.Array) -> Any:
        first = carry.epoch
        buffers = {name: jnp.zeros(CAPACITY, dtype=float) for name in self.epoch.metrics}

        def descend(carry: Carry) -> Any:
            batches = self._sharing.shuffle(carry.key, self.epoch.sample(carry, inputs))
            return self._sharing(carry, inputs, *batches)

        def polish(carry: Carry) -> Any:
            batches = self._sharing.whole(self.epoch.sample(carry, inputs))
            return self._sharing(carry, inputs, carry.key, batches, polishing=True)

        def one_epoch(carry: Carry) -> Any:
            if self.epoch.switch is None:
                return descend(carry)
            return jax.lax.cond(carry.epoch < self.epoch.switch, descend, polish, carry)

        def running(state: Any) -> jax.Array:
            carry: Carry = state[0]
            return (carry.epoch < last) & (carry.status == RUNNING)

        def body(state: Any) -> Any:
            carry, buffers = state
            at = carry.epoch - first
            if self.epoch.plan:
                carry = jax.lax.cond(
                    self.epoch.due(carry.epoch), lambda c: self.epoch.moved(c, inputs), lambda c: c, carry
                )
            carry, metrics = one_epoch(carry)
            if self.devices is not None:
                carry, metrics = self.devices.whole((carry, metrics))
            return carry, {name: buffers[name].at[at].set(metrics[name]) for name in buffers}

        return jax.lax.while_loop(running, body, (carry, buffers))

    def _stacked(self, axes: Axes, alike: bool) -> Any:
        """The compiled `SideBySide.chunk` of members whose inputs differ along `axes`, see there."""
        members = SideBySide(self.epoch, axes, alike)
        return jax.jit(members.chunk if self.devices is None else members.shared(self.devices), donate_argnums=0)

    def _measure(self, state: Any, inputs: Inputs, parts: dict[str, Batch]) -> dict[str, jax.Array]:
        problem = with_arrays(self.epoch.problem, equal(inputs.arrays))
        model = nnx.merge(self.epoch.graphdef, state)
        model.eval()
        graphdef, state = nnx.split(model)

        def loss(part: Batch) -> jax.Array:
            return problem.loss(nnx.merge(graphdef, state), part)

        return {name: mean_loss(loss, batch) * inputs.loss_scale for name, batch in parts.items()}


class Programs:
    """Programs by static shape; kept for as long as this object is. Several threads may use it."""

    def __init__(self, devices: Devices | None = None) -> None:
        """`devices`: several that the programs run on."""
        self.devices = devices
        self._made: dict[Hashable, Program] = {}
        self._making = threading.Lock()

    def get(self, setup: Setup) -> Program:
        """The program of a setup."""
        leaves, tree = jax.tree.flatten((nnx.state(setup.model), setup.train, setup.val))
        shapes = tuple((leaf.shape, str(leaf.dtype)) for leaf in leaves)
        key = (static(setup.config), shapes, tree)
        with self._making:
            if key not in self._made:
                self._made[key] = Program(setup, self.devices)
            return self._made[key]
