"""On how many devices a fit is trained, and in how many processes. Standard library only."""

from dataclasses import dataclass

from econml_cli.errors import ConfigError
from econml_cli.options.fields import option

#: what stands for every device of this host, and for the cluster that JAX finds in the environment
ALL, FOUND = "all", "auto"


@dataclass(frozen=True)
class DeviceOptions:
    """Where a fit is computed: nothing that changes what is fitted, so that a run may go on elsewhere."""

    devices: str | None = option(
        None, "train on so many devices of this host, or all of them (default: one)", metavar="N|all"
    )
    coordinator: str | None = option(
        None,
        "train in several processes, which meet at this address of the first; auto: as Slurm or MPI have started them",
        metavar="HOST:PORT|auto",
    )
    num_processes: int | None = option(None, "how many processes meet at --coordinator HOST:PORT", ge=1)
    process_id: int | None = option(None, "which of them this is; 0 writes the run", ge=0)
    slurm: str | None = option(
        None,
        "print a script for sbatch that does this fit, and train nothing: nodes=2,gpus=4 (of each node), and time=, "
        "cpus=, memory=, partition=, account=, setup=",
        metavar="NAME=VALUE,...",
    )

    def __post_init__(self) -> None:
        self._check_devices()
        given = [name for name in ("num_processes", "process_id") if getattr(self, name) is not None]
        if self.coordinator in (None, FOUND):
            if given:
                flag = given[0].replace("_", "-")
                raise ConfigError(f"--{flag} is for processes that meet somewhere; add --coordinator HOST:PORT.")
            return
        host, _, port = str(self.coordinator).rpartition(":")
        if not host or not port.isdecimal():
            raise ConfigError(
                f"--coordinator {self.coordinator} is no address; give every process the same HOST:PORT, or {FOUND}."
            )
        if self.num_processes is None or self.process_id is None:
            raise ConfigError("--coordinator HOST:PORT needs --num-processes and --process-id.")
        if self.process_id >= self.num_processes:
            raise ConfigError(
                f"--process-id {self.process_id}: the {self.num_processes} processes are 0 to {self.num_processes - 1}."
            )

    def _check_devices(self) -> None:
        if self.devices not in (None, ALL) and not (str(self.devices).isdecimal() and int(str(self.devices)) > 0):
            raise ConfigError(f"--devices {self.devices}: expected a number from 1 on, or {ALL}.")

    @property
    def count(self) -> int | None:
        """Devices of each process; None for all of them. One where nothing is said, or all, in several processes."""
        if self.devices is None:
            return 1 if self.coordinator is None else None
        return None if self.devices == ALL else int(self.devices)

    @property
    def several(self) -> bool:
        """Whether anything else is asked for than one device of one process."""
        return self.coordinator is not None or self.count != 1
