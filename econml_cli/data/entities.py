"""Columns of identifiers (firms, years) of which a model has one effect, or one vector, a level: no dummies are made.

The inputs of a model then end with a column for each of them, the number of its level; -1 where no training row has it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from econml_cli.data import columns
from econml_cli.data import rows as file_rows
from econml_cli.errors import DataError, plural

if TYPE_CHECKING:
    import pandas as pd

#: code of a level that no training row has
UNSEEN = -1


@dataclass(frozen=True)
class Entities:
    """The levels of a column, or of the combinations of several ("firm^year").

    Attributes:
        columns: those of the file. levels: of all rows of the fit, in order, so that no split has one that another
            lacks. unseen: positions of those that no training row has.
        width: numbers of the vector that a network learns of each level; None: a fixed effect, one number.
    """

    columns: tuple[str, ...]
    levels: list[str]
    unseen: list[int] = field(default_factory=list)
    width: int | None = None

    @property
    def name(self) -> str:
        """As a formula writes it."""
        return "^".join(self.columns)

    @property
    def absorbed(self) -> bool:
        """Whether it is a fixed effect."""
        return self.width is None

    def missing(self, frame: "pd.DataFrame") -> dict[str, np.ndarray]:
        """Where the columns are missing: {column: [n] bool}, of those that are anywhere."""
        absent = {name: frame[name].isna().to_numpy(dtype=bool) for name in self.columns}
        return {name: gaps for name, gaps in absent.items() if gaps.any()}

    def values(self, frame: "pd.DataFrame") -> "pd.Series":
        """The column, or the combination of several as text, missing where one of them is."""
        return _values(self.columns, frame)

    def codes(self, frame: "pd.DataFrame") -> np.ndarray:
        """The number of the level of each row, int [n]; `UNSEEN` where no training row has it, or it is missing."""
        known = np.arange(len(self.levels))
        known[self.unseen] = UNSEEN
        found = columns.codes(self.values(frame), self.levels)
        return np.where(found < 0, UNSEEN, known[np.maximum(found, 0)])

    def to_json(self) -> dict[str, Any]:
        """As preprocessing.json has it."""
        return {"columns": list(self.columns), "levels": self.levels, "unseen": self.unseen, "width": self.width}


def from_json(saved: Any) -> tuple[Entities, ...]:
    """What `Entities.to_json` wrote, of several.

    Raises:
        KeyError, TypeError: it is not that.
    """
    found = []
    for one in saved or ():
        names, levels, unseen, width = (one[key] for key in ("columns", "levels", "unseen", "width"))
        texts = [*names, *levels]
        if not names or not all(isinstance(text, str) for text in texts):
            raise KeyError("entities")
        if not all(isinstance(i, int) and 0 <= i < len(levels) for i in unseen) or not isinstance(width, int | None):
            raise KeyError("entities")
        found.append(Entities(tuple(names), levels, unseen, width))
    return tuple(found)


def learn(
    wanted: Mapping[tuple[str, ...], int | None], frame: "pd.DataFrame", kept: np.ndarray, train: np.ndarray
) -> tuple[Entities, ...]:
    """The levels of columns {columns: width, None of a fixed effect}; `kept`, `train` [n] bool as in `design.learn`.

    Raises:
        DataError: one level only, or as many as there are training rows.
    """
    found = []
    for names, width in wanted.items():
        values = _values(names, frame)
        levels = _levels(values[kept])
        codes = columns.codes(values, levels)
        rows = np.bincount(codes[train], minlength=len(levels))
        one = Entities(names, levels, np.flatnonzero(rows == 0).tolist(), width)
        what = f"The fixed effect '{one.name}'" if one.absorbed else f"--embed {one.name}"
        if len(levels) < 2:
            raise DataError(f"{what} has one level in all rows used, which says nothing; leave it out.")
        if rows.max() < 2:
            raise DataError(
                f"{what} has a level of its own for each of the {int(train.sum()):,} training rows, which leaves "
                "nothing to be explained; leave it out, or take a coarser one."
            )
        found.append(one)
    return tuple(found)


def with_codes(x: np.ndarray, every: Sequence[Entities], frame: "pd.DataFrame") -> np.ndarray:
    """Inputs [n, p] and behind them the numbers of the levels, float64 [n, p + len(every)]."""
    return np.column_stack([x, *(one.codes(frame) for one in every)]) if every else x


def known(every: Sequence[Entities], frame: "pd.DataFrame") -> np.ndarray:
    """Which rows have levels of all fixed effects that a training row has too, [n] bool."""
    found = np.ones(len(frame), dtype=bool)
    for one in every:
        if one.absorbed:
            found &= one.codes(frame) != UNSEEN
    return found


def refuse_unseen(every: Sequence[Entities], frame: "pd.DataFrame", rows: np.ndarray, where: str) -> None:
    """Refuse levels of fixed effects that no training row has in any of some `rows` [n] bool.

    Raises:
        DataError: names the first, and its column.
    """
    for one in every:
        unseen = (one.codes(frame) == UNSEEN) & rows
        if one.absorbed and unseen.any():
            value = one.values(frame)[unseen].iloc[0]
            raise DataError(
                f"'{one.name}' is '{columns.level_name(value)}' in {file_rows.first_of(unseen, where)}, of which no "
                "training row tells the fixed effect; leave such rows out (--missing drop does), or fit again with "
                "them."
            )


def notes(every: Sequence[Entities], frame: "pd.DataFrame", parts: Mapping[str, np.ndarray]) -> list[str]:
    """What is to be known of the levels of the rows of the splits {split: positions}, in a sentence each."""
    said = []
    for one in every:
        codes = one.codes(frame)
        counts = np.bincount(codes[parts["train"]], minlength=len(one.levels))
        levels, alone = int(np.count_nonzero(counts)), int(np.count_nonzero(counts == 1))
        if one.absorbed and alone:
            verb, each = ("have", " each") if alone > 1 else ("has", "")
            said.append(
                f"of the {levels:,} levels of the fixed effect '{one.name}' {alone:,} {verb} a single training row"
                f"{each}, which fits itself: it says nothing of the slopes, but counts in N and in the degrees of "
                "freedom."
            )
        others = [rows for split, rows in parts.items() if split != "train"]
        unseen = int(np.count_nonzero(codes[np.concatenate(others)] == UNSEEN)) if others else 0
        if unseen:
            verb = "are" if unseen > 1 else "is"
            what = "no fixed effect, and no prediction: left out" if one.absorbed else "the mean of the embedding"
            said.append(
                f"{plural(unseen, 'row')} for validation and testing {verb} of a level of '{one.name}' that no "
                f"training row has, so that there is {what}."
            )
    return said


def notes_on_new(every: Sequence[Entities], frame: "pd.DataFrame") -> list[str]:
    """How many rows of another table get the mean of an embedding, in a sentence each."""
    said = []
    for one in every:
        count = 0 if one.absorbed else int(np.count_nonzero(one.codes(frame) == UNSEEN))
        if count:
            verb = "have" if count > 1 else "has"
            said.append(
                f"{plural(count, 'row')} {verb} a level of '{one.name}' that no training row has: the mean of the "
                "embedding stands for it."
            )
    return said


def _values(names: Sequence[str], frame: "pd.DataFrame") -> "pd.Series":
    """The column, or the combination of several."""
    if len(names) == 1:
        return frame[names[0]]
    import pandas as pd

    parts = [frame[name] for name in names]
    text = ["^".join(map(columns.level_name, row)) for row in zip(*parts, strict=True)]
    gone = np.any([part.isna().to_numpy(dtype=bool) for part in parts], axis=0)
    return pd.Series(text, index=frame.index, dtype=object).mask(gone)


def _levels(values: "pd.Series") -> list[str]:
    """The levels that occur, by size or alphabet; of any number, unlike those of dummies."""
    found = list(values.dropna().unique())
    found.sort(key=columns.level_name if len({isinstance(v, str) for v in found}) > 1 else None)
    return list(dict.fromkeys(columns.level_name(value) for value in found))
