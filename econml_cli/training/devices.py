"""The devices that a fit is trained on where they are several, of this process or of several.

What is computed is the same program on each (JAX's `jit` over a mesh): of one fit each device computes its part of a
batch, and gradients are summed over devices; of an ensemble each trains its own members. Parameters, data and all else
are on all of them.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from econml_cli.errors import ConfigError, LostError, RunError, plural
from econml_cli.options.devices import FOUND, DeviceOptions
from econml_cli.runs import resuming

#: a pytree of arrays
Tree = TypeVar("Tree")
Done = TypeVar("Done")
#: the one axis of the mesh
AXIS = "devices"


@dataclass(frozen=True)
class Devices:
    """Several devices, as a mesh of one axis."""

    mesh: Mesh

    @property
    def count(self) -> int:
        """How many they are."""
        return int(self.mesh.devices.size)

    @property
    def processes(self) -> int:
        """In how many processes they are."""
        return len({device.process_index for device in self.mesh.devices.flat})

    @property
    def writes(self) -> bool:
        """Whether this process is the one that writes the run."""
        return jax.process_index() == 0

    @property
    def key(self) -> Hashable:
        """What a compiled program depends on."""
        return tuple(device.id for device in self.mesh.devices.flat)

    def multiple(self, members: int) -> int:
        """The smallest number that is no less and that all devices have an equal part of."""
        return -(-members // self.count) * self.count

    def everywhere(self, tree: Tree) -> Tree:
        """Arrays that all processes have alike, whole on every device. Their values are those of new buffers, as
        those of the program's arguments may be taken away."""
        return self._put(tree, PartitionSpec())

    def by_member(self, tree: Tree) -> Tree:
        """Arrays [members, ...] that all processes have alike, each device with its own members."""
        return self._put(tree, PartitionSpec(AXIS))

    def _put(self, tree: Tree, spec: PartitionSpec) -> Tree:
        sharding = NamedSharding(self.mesh, spec)

        def place(leaf: Any) -> jax.Array:
            if jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key):
                data = place(jax.random.key_data(leaf))
                key: jax.Array = jax.random.wrap_key_data(data, impl=jax.random.key_impl(leaf))
                return key
            host = np.asarray(leaf)
            return jax.make_array_from_callback(host.shape, sharding, lambda index: host[index])

        placed: Tree = jax.tree.map(place, tree)
        return placed

    def rows(self, tree: Tree, axis: int = 0) -> Tree:
        """Inside a compiled function: this axis of each array in equal parts on the devices."""
        return self._constrain(tree, PartitionSpec(*[None] * axis, AXIS))

    def whole(self, tree: Tree) -> Tree:
        """Inside a compiled function: each array whole on every device."""
        return self._constrain(tree, PartitionSpec())

    def _constrain(self, tree: Tree, spec: PartitionSpec) -> Tree:
        sharding = NamedSharding(self.mesh, spec)
        constrained: Tree = jax.tree.map(lambda leaf: jax.lax.with_sharding_constraint(leaf, sharding), tree)
        return constrained

    def local(self, tree: Tree) -> Tree:
        """Arrays that are whole on every device, as arrays of one device of this process."""
        found: Tree = jax.tree.map(lambda leaf: leaf.addressable_data(0), tree)
        return found

    def gathered(self, tree: Tree) -> Tree:
        """`by_member` undone: as arrays of one device of this process. All processes must ask for it at once."""
        if self.processes == 1:  # without a collective: several threads may train stacks
            first = self.mesh.devices.flat[0]
            moved: Tree = jax.tree.map(lambda leaf: jax.device_put(leaf, first), tree)
            return moved
        whole: Tree = jax.jit(lambda tree: tree, out_shardings=NamedSharding(self.mesh, PartitionSpec()))(tree)
        return self.local(whole)

    def agreed(self, number: int) -> int:
        """A number of the first process, in all of them, which must all ask at once."""
        return int(self._of_all(number)[0])

    def most(self, number: int) -> int:
        """The greatest of a number of each process, in all of them, which must all ask at once."""
        return int(self._of_all(number).max())

    def text(self, text: str) -> str:
        """A text of the first process, in all of them, which must all ask at once."""
        if self.processes == 1:
            return text
        from jax.experimental import multihost_utils

        given = text.encode()
        data = np.zeros(self.agreed(len(given)), np.uint8)
        if self.writes:
            data[:] = np.frombuffer(given, np.uint8)
        return bytes(np.asarray(multihost_utils.broadcast_one_to_all(data))).decode()

    def in_first(self, do: Callable[[], Done]) -> Done | None:
        """What `do` gives in the process that writes, while the others wait, and have None.

        Raises:
            RunError: in the others, where it failed in the first, which raises what it raised.
        """
        if self.writes:
            try:
                done = do()
            except BaseException:
                self.agreed(1)
                raise
            self.agreed(0)
            return done
        if self.agreed(0):
            raise RunError("The first process could not go on; it says why.")
        return None

    def _of_all(self, number: int) -> np.ndarray:
        if self.processes == 1:
            return np.asarray([number])
        from jax.experimental import multihost_utils

        found: np.ndarray = np.ravel(multihost_utils.process_allgather(np.int32(number)))
        return found


@contextlib.contextmanager
def lost(devices: Devices | None, run: Path | None = None) -> Iterator[None]:
    """Where the processes of a fit have lost each other, says so in a sentence; `run` is what they were writing.

    Raises:
        LostError: one of them has ended, or cannot be reached.
    """
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if devices is None or devices.processes == 1:
            raise
        on = "start all of them again"
        if run is not None:
            again = resuming.command(run)
            on = f"if {run} has a checkpoint, continue it, in as many as you like, with: {again}"
        raise LostError(f"Another process of this fit has ended or cannot be reached; {on}") from error


def connect(options: DeviceOptions) -> None:
    """Meet the other processes, if there are any; before anything is computed.

    Raises:
        ConfigError: there is no cluster to be found. RunError: the others could not be reached.
    """
    if options.coordinator is None:
        return
    from jax.experimental import multihost_utils

    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    if hasattr(jax.config, "jax_enable_preemption_service"):
        jax.config.update("jax_enable_preemption_service", False)  # it would take SIGTERM, which saves a fit
    named: dict[str, Any] = {}
    if options.coordinator != FOUND:
        named = {
            "coordinator_address": options.coordinator,
            "num_processes": options.num_processes,
            "process_id": options.process_id,
        }
    try:
        with _nothing_on_stdout():
            jax.distributed.initialize(**named)
            multihost_utils.process_allgather(np.int32(0))
    except ValueError as error:
        raise ConfigError(
            f"--coordinator {FOUND}: no Slurm and no MPI that has started several processes is found here "
            f"({str(error).splitlines()[0]}); give --coordinator HOST:PORT --num-processes N --process-id K."
        ) from None
    except RuntimeError as error:
        raise RunError(
            f"The other processes were not found at {options.coordinator} ({str(error).splitlines()[0]}); start them "
            "all, each with its own --process-id, and look whether they reach this address."
        ) from None


@contextlib.contextmanager
def _nothing_on_stdout() -> Iterator[None]:
    """What a library in C++ prints on stdout (Gloo, that it is connected) is lost: stdout is for the result."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def devices_of(options: DeviceOptions) -> Devices | None:
    """What to train on; None for one device, which needs no mesh. After `connect`.

    Raises:
        ConfigError: there are fewer devices than are asked for.
    """
    here, count = jax.local_devices(), options.count
    if count is not None and count > len(here):
        how = "XLA_FLAGS=--xla_force_host_platform_device_count=N makes N of a processor"
        found = f"{plural(len(here), 'device')} ({here[0].device_kind})"
        raise ConfigError(f"--devices {count}: this host has {found}; ask for no more, or {'all'}; {how}.")
    taken: list[Any] = []
    for process in range(jax.process_count()):
        own = [device for device in jax.devices() if device.process_index == process]
        taken += own[:count]
    return None if len(taken) == 1 else Devices(Mesh(np.asarray(taken), (AXIS,)))
