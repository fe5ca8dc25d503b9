"""Each point trained several times: over seeds, whose distribution is part of the question, or over folds.

What the sweep optimises is then one number of them all: a mean, a quantile, or the share that came out right. Imports
nothing heavy.
"""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: the metric of `--aggregate share`
SHARE = "share_passed"


@dataclass(frozen=True)
class Replication:
    """Which fits a point has.

    Attributes:
        option: what differs between them, such as seed. values: its value in each.
        aggregate: mean, median, quantile:Q (0 < Q < 1) or share. fixed: further options of all of them.
    """

    option: str
    values: tuple[int, ...]
    aggregate: str = "mean"
    fixed: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def noun(self) -> str:
        """Such as "30 seeds" or "5 folds"."""
        return f"{len(self.values)} {self.option}s"

    def label(self, value: int) -> str:
        """The name of the run directory of one of the fits, in that of the trial."""
        return f"{self.option}{value}"

    def parts(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """(label, options) of each fit."""
        for value in self.values:
            yield self.label(value), {**self.fixed, self.option: value}

    def of(self, values: Sequence[float], passed: Sequence[bool]) -> float:
        """What is optimised; `values`, `passed`: one for each fit, +-inf for one that came to nothing."""
        return sum(passed) / len(passed) if self.aggregate == "share" else aggregated(values, self.aggregate)

    def to_dict(self) -> dict[str, Any]:
        """As JSON; `from_dict` reads it."""
        return {**dataclasses.asdict(self), "values": list(self.values), "fixed": dict(self.fixed)}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> "Replication":
        """What `to_dict` has written.

        Raises:
            KeyError, TypeError, ValueError: something else.
        """
        values = tuple(int(value) for value in saved["values"])
        return cls(str(saved["option"]), values, str(saved["aggregate"]), dict(saved["fixed"]))


def aggregated(values: Sequence[float], how: str) -> float:
    """The mean or a quantile (linear between order statistics) of values, some of which may be infinite; NaN where it
    lies between infinities."""
    if how == "mean":
        return math.fsum(values) / len(values) if all(map(math.isfinite, values)) else sum(values)
    ordered, place = sorted(values), level(how) * (len(values) - 1)
    below, above = ordered[math.floor(place)], ordered[math.ceil(place)]
    return below if below == above else below + (place - math.floor(place)) * (above - below)


def level(how: str) -> float:
    """The level of `median` or `quantile:Q`."""
    return 0.5 if how == "median" else float(how.partition(":")[2])
