"""A number that was estimated, and how far it can be trusted."""

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % interval; `standard_error` and `draws` where it comes from fresh draws; standard deviation,
    lowest and highest over the members of an ensemble, of which it is the mean."""

    value: float
    low: float | None = None
    high: float | None = None
    standard_error: float | None = None
    draws: int | None = None
    sd: float | None = None
    min: float | None = None
    max: float | None = None

    def within(self, low: float, high: float) -> "Estimate":
        """The same with this interval."""
        return dataclasses.replace(self, low=low, high=high)

    def to_json(self) -> Any:
        """The bare number where there is no interval, else {"value", "low", "high", ...}."""
        found = {key: value for key, value in dataclasses.asdict(self).items() if value is not None}
        return found if len(found) > 1 else self.value
