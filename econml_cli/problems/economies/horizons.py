"""Units and horizons that follow from the parameters of an economy, where the user does not say them. Standard library
only."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from econml_cli.errors import ConfigError

#: periods of a training sample, at most, where the user does not say how many
LONGEST = 600
#: how an economy of few states is trained where nothing is said of it (`adapted`): by Levenberg and Marquardt's method
#: in float64, for which a small network is enough. Its `recipe`, Adam's, is for whoever says something
SECOND_ORDER: Mapping[str, Any] = {"optimizer": "lm", "precision": "float64", "num_epochs": 28, "width": 32, "depth": 2}
#: the same of a sequence in time, whose error beyond its sample falls with the residual for longer
OF_SEQUENCES: Mapping[str, Any] = {**SECOND_ORDER, "num_epochs": 120}


def away(options: Any, *parameters: str) -> bool:
    """Whether one of these parameters of an economy is not what it is by default."""
    defaults = {field.name: field.default for field in dataclasses.fields(options)}
    return any(getattr(options, name) != defaults[name] for name in parameters)


def settle(options: Any, **values: float) -> None:
    """Give the options of a frozen dataclass that are None these values: a run's config.yaml says what was meant."""
    for name, value in values.items():
        if getattr(options, name) is None:
            object.__setattr__(options, name, value)


def of_units(options: Any, slow: str, unit: float, **units: int) -> None:
    """Give the horizons that are None so many units of time, in whole periods.

    Args:
        slow: what takes so long, a clause, for the message. unit: of time, in periods.

    Raises:
        ConfigError: a horizon would be longer than `LONGEST` periods.
    """
    wanted = {name: math.ceil(count * unit) for name, count in units.items()}
    first = next(iter(wanted))
    if getattr(options, first) is None and wanted[first] > LONGEST:
        raise ConfigError(
            f"With these parameters {slow} so slowly that the network would have to learn {wanted[first]:,} periods, "
            f"and no more than {LONGEST:,} are known to work: this calibration is out of reach of a fit without "
            f"thought. To try nevertheless, say --{first.replace('_', '-')} N."
        )
    settle(options, **wanted)
