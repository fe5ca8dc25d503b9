"""The weights of the rows of a table: the column, what it means, and what may not stand in it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from econml_cli.data import columns
from econml_cli.data import rows as numbered
from econml_cli.errors import DataError, plural

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["precision", "frequency", "sampling", "exposure", "offset"]
#: and what is no weight to who types it: a count is divided by its exposure, which is then the weight of the rate
EXPOSED = ("exposure", "offset")
KINDS = ("precision", "frequency", "sampling", *EXPOSED)


@dataclass(frozen=True)
class RowWeights:
    """A column of weights.

    Attributes:
        column: its name.
        kind: "precision": a row's error has a variance in proportion to 1 / weight (a row is the mean of so many
            observations; Stata's aweight, least squares of statsmodels' WLS). "frequency": a row stands for so many
            equal ones (fweight). "sampling": the inverse of the probability of being sampled (pweight). "exposure":
            what the target is counted over (person-years); "offset": the log of it.
    """

    column: str
    kind: Kind

    @property
    def is_exposure(self) -> bool:
        """Whether the target is divided by it."""
        return self.kind in EXPOSED

    def missing(self, frame: "pd.DataFrame", where: str) -> np.ndarray:
        """Which rows have none, [n] bool. Raises DataError: there is no such column."""
        columns.require([self.column], frame, where)
        return frame[self.column].isna().to_numpy(dtype=bool)

    def values(self, frame: "pd.DataFrame", rows: np.ndarray, where: str) -> np.ndarray:
        """The weights [n] float64 of a table; NaN where one is missing. Of the sample they have the mean 1 among the
        `rows` [n] bool that are used, since nothing depends on their unit.

        Raises:
            DataError: text, a weight below 0 or infinite, only weights of 0, or counts that are no whole numbers.
        """
        found = columns.as_numbers(frame[self.column], self.column)
        if self.kind == "offset":
            with np.errstate(over="ignore"):
                found = np.exp(found)
        called = self.kind if self.is_exposure else "weight"
        used = found[rows]
        for wrong, what in (
            (used < 0, "is negative"),
            ((used == 0) & self.is_exposure, "is 0 (or underflows)"),
            (np.isinf(used), "is infinite"),
            ((used != np.round(used)) & (self.kind == "frequency"), "is not a whole number, as a frequency has to be"),
        ):
            if wrong.any():
                row = numbered.number(int(np.flatnonzero(rows)[int(wrong.argmax())]), where)
                raise DataError(
                    f"{where}: the {called} '{self.column}' {what} in {plural(int(wrong.sum()), 'row')} (row "
                    f"{row:,} of the file: {used[wrong.argmax()]:g}); mend the column, or name another."
                )
        if not used.any():
            raise DataError(f"{where}: the weight '{self.column}' is 0 in every row used; name another --weights.")
        return found / used.mean() if self.kind == "sampling" else found

    def to_json(self) -> dict[str, str]:
        """As preprocessing.json has it."""
        return {"column": self.column, "kind": self.kind}


def from_json(saved: Any) -> RowWeights | None:
    """What `RowWeights.to_json` wrote; None where there are none.

    Raises:
        KeyError, TypeError: it is not that.
    """
    if saved is None:
        return None
    if saved["kind"] not in KINDS or not isinstance(saved["column"], str):
        raise KeyError("weights")
    return RowWeights(saved["column"], saved["kind"])


def check_each_split(w: np.ndarray, usable: dict[str, np.ndarray], name: str, where: str) -> None:
    """Refuse a split of which no mean can be taken.

    Raises:
        DataError: all weights of a split are 0, or all but one of training.
    """
    for split, rows in usable.items():
        least = 2 if split == "train" else min(1, len(rows))
        if np.count_nonzero(w[rows]) < least:
            raise DataError(
                f"{where}: fewer than {least} rows of the {split} split have a weight '{name}' above 0; use another "
                "--split-seed, or other weights."
            )
