"""A number that was estimated: what it is of, and how far it can be trusted."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % interval; `standard_error` and `draws` where it comes from fresh draws; standard deviation,
    lowest and highest over the members of an ensemble, of which it is the mean. `caveat` says what
    the interval rests on where that is little, and where it covers less often: "only 5 groups"."""

    value: float
    low: float | None = None
    high: float | None = None
    standard_error: float | None = None
    draws: int | None = None
    sd: float | None = None
    min: float | None = None
    max: float | None = None
    caveat: str | None = None

    def within(self, low: float, high: float, caveat: str = "") -> "Estimate":
        """The same with this interval."""
        return dataclasses.replace(self, low=low, high=high, caveat=caveat or None)

    def to_json(self) -> Any:
        """The bare number where there is no interval, else {"value", "low", "high", ...}."""
        found = {key: value for key, value in dataclasses.asdict(self).items() if value is not None}
        return found if len(found) > 1 else self.value


@dataclass(frozen=True)
class Quantity:
    """What an estimate is of.

    Attributes:
        split: "train", "val", "test" or "data"; None for what is of no split, such as an error against the truth.
        name: of the metric, or of the number that the problem gives.
        across: of an ensemble, whether it is the mean over the "members" (of an ordinary run its one number), or of
            their "averaged" prediction.
    """

    split: str | None
    name: str
    across: Literal["members", "averaged"] = "members"

    @property
    def label(self) -> str:
        """Its key in JSON and in CSV, such as test_loss, averaged_test_rmse, theta_error."""
        parts = ("averaged" if self.across == "averaged" else None, self.split, self.name)
        return "_".join(part for part in parts if part is not None)

    @property
    def is_loss(self) -> bool:
        """Whether it is the loss of a split, which a problem's own number of that name is not."""
        return self.split is not None and self.name == "loss" and self.across == "members"


Estimates = dict[Quantity, Estimate]
