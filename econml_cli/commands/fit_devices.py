"""`econml fit` on several devices: which they are, and who says what came of it."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from econml_cli.errors import EconmlError
from econml_cli.options.devices import DeviceOptions
from econml_cli.options.trainer import RunOptions

if TYPE_CHECKING:
    from econml_cli.training.devices import Devices


def found(where: DeviceOptions) -> "Devices | None":
    """The devices that are asked for; None for one of this process.

    Raises:
        ConfigError, RunError: as `training.devices.connect` and `training.devices.devices_of`.
    """
    if not where.several:
        return None
    from econml_cli.training import devices

    devices.connect(where)
    return devices.devices_of(where)


def directory(devices: "Devices | None", check: Callable[[], Path]) -> Path:
    """The run directory to make, which the first process names and checks.

    Raises:
        RunError: the first refuses it.
    """
    if devices is None:
        return check()
    from econml_cli.training.devices import lost

    with lost(devices):
        return Path(devices.text(str(devices.in_first(check))))


def report(devices: "Devices | None", tell: Callable[[RunOptions], None], options: RunOptions) -> None:
    """What came of a fit, told by the process that writes; the others end with the same exit code.

    Raises:
        EconmlError: what `tell` raises.
    """
    if devices is None or devices.writes:
        tell(options)
        return
    try:
        tell(dataclasses.replace(options, quiet=True, json=False, plot=False))
    except EconmlError as error:
        raise SystemExit(error.exit_code) from None
