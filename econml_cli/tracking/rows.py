"""The rows of many epochs as columns: written as text at once, made into mappings only for those who look at one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np


@dataclass(frozen=True)
class Rows(Sequence[Mapping[str, Any]]):
    """Rows {"epoch": first, name: value, ...}, {"epoch": first + 1, ...}, ...; each of `columns` is [n] float."""

    first: int
    columns: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> "Rows": ...
    def __getitem__(self, index: int | slice) -> "dict[str, Any] | Rows":
        if isinstance(index, slice):
            start, _, step = index.indices(len(self))
            assert step == 1
            return Rows(self.first + start, {name: column[index] for name, column in self.columns.items()})
        place = range(len(self))[index]
        # through str: the shortest decimal of a float32 (0.001), not its binary expansion (0.0010000000474974513)
        values = {name: float(str(column[place])) for name, column in self.columns.items()}
        return {"epoch": self.first + place, **values}

    def json_lines(self) -> str:
        """One JSON object a line; a value that is not finite is null."""
        if not len(self):
            return ""
        texts = []
        for column in self.columns.values():
            text = column.astype(str)
            text[~np.isfinite(column)] = "null"
            texts.append(text.tolist())
        form = '{"epoch": %d, ' + ", ".join(f'"{name}": %s' for name in self.columns) + "}\n"
        return "".join(form % row for row in zip(range(self.first, self.first + len(self)), *texts, strict=True))


def after(rows: Sequence[Mapping[str, Any]], epoch: int) -> Sequence[Mapping[str, Any]]:
    """The rows of later epochs than this one."""
    if isinstance(rows, Rows):  # of consecutive epochs
        return rows[max(0, epoch + 1 - rows.first) :]
    return [row for row in rows if row["epoch"] > epoch]


def as_text(rows: Iterable[Mapping[str, Any]]) -> str:
    """Any rows as JSON lines."""
    if isinstance(rows, Rows):
        return rows.json_lines()
    import json

    from econml_cli.storage.disk import finite

    return "".join(json.dumps(finite(row), allow_nan=False) + "\n" for row in rows)
