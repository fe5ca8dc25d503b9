"""What the columns of a file are: decided once, at the fit, kept with the run, and the rule of every later reading."""

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from econml_cli.data.asked import Asked, Kind
from econml_cli.errors import DataError

#: levels of a column that the schema lists
LISTED = 100


@dataclass(frozen=True)
class Column:
    """One column: its kind, how it is written, its levels or its range, what is missing of it, and why all that.

    Attributes:
        way: of a date its format in the file. written: of a number, what may stand around it (`notation.ways`).
        codes: of a category of Stata, {level: code}. count: of levels, or of different numbers (0: too many rows to
            count them). missing: {mark: how often}.
        role: what it is for, "feature, time" where that is two things. label: what the file calls it, the variable
            label of Stata, SAS and SPSS.
    """

    name: str
    kind: Kind
    why: str
    role: str = "unused"
    levels: tuple[str, ...] = ()
    count: int = 0
    low: float | str | None = None
    high: float | str | None = None
    missing: Mapping[str, int] = field(default_factory=dict)
    written: tuple[str, ...] = ()
    way: str | None = None
    codes: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    label: str = ""


@dataclass(frozen=True)
class Schema:
    """The columns that are read of a file, in its order, how it is written, and the names of the others, `unread`."""

    columns: tuple[Column, ...]
    asked: Asked = Asked()
    unread: tuple[str, ...] = ()

    @functools.cached_property
    def _by_name(self) -> dict[str, Column]:
        return {column.name: column for column in reversed(self.columns)}

    def __getitem__(self, name: str) -> Column:
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        return tuple(column.name for column in self.columns)

    @property
    def labels(self) -> dict[str, str]:
        """What the file calls its columns, of those that have a label."""
        return {column.name: column.label for column in self.columns if column.label}

    @property
    def left_out(self) -> dict[str, str]:
        """The columns that are no automatic features: {name: why}."""
        nameless = {c.name for c in self.columns if c.kind == "empty" and c.name.startswith("Unnamed: ")}
        out = {c.name for c in self.columns if c.kind == "identifier" or c.role == "dropped"} | nameless
        return {c.name: c.why for c in self.columns if c.name in out}

    def notes(self) -> list[str]:
        """What whoever uses these columns should know, in a sentence each."""
        return [f"column '{column.name}': {note}." for column in self.columns for note in column.notes]

    def with_roles(self, roles: Mapping[str, str]) -> "Schema":
        """The same, which knows what each column is for."""
        return dataclasses.replace(
            self, columns=tuple(dataclasses.replace(c, role=roles.get(c.name, c.role)) for c in self.columns)
        )

    def of_sheet(self, sheet: str | None) -> "Schema":
        """The same for another sheet of Excel; None: for that of the fit."""
        return self if sheet is None else dataclasses.replace(self, asked=dataclasses.replace(self.asked, sheet=sheet))

    def to_json(self) -> dict[str, Any]:
        """JSON values only."""
        plain = {f.name: f.default for f in dataclasses.fields(Column) if f.default is not dataclasses.MISSING}
        columns = []
        for column in self.columns:
            given = {f.name: getattr(column, f.name) for f in dataclasses.fields(Column)}
            columns.append({
                k: list(v) if isinstance(v, tuple) else dict(v) if isinstance(v, Mapping) else v
                for k, v in given.items()
                if k not in plain or v != plain[k]
                if v != {} and v != ()
            })  # fmt: skip
        asked = {f.name: getattr(self.asked, f.name) for f in dataclasses.fields(Asked)}
        marks = {name: list(of) for name, of in asked.pop("column_missing").items()}
        said = {k: list(v) if isinstance(v, tuple) else v for k, v in asked.items() if v not in (None, ())}
        found = {"columns": columns, "asked": said | ({"column_missing": marks} if marks else {})}
        return found | ({"unread": list(self.unread)} if self.unread else {})

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> "Schema":
        """Read what `to_json` wrote.

        Raises:
            DataError: it is not that.
        """
        try:
            columns = [Column(**_tuples(column)) for column in saved["columns"]]
            asked = Asked(**_tuples(saved["asked"]))
            asked = dataclasses.replace(asked, column_missing=_tuples(asked.column_missing))
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"preprocessing.json is damaged ({error} is amiss); fit again.") from None
        unread = saved.get("unread", [])
        if not isinstance(unread, list) or not all(isinstance(name, str) for name in unread):
            raise DataError("preprocessing.json is damaged ('unread' is amiss); fit again.")
        return cls(tuple(columns), asked, tuple(unread))


def _tuples(saved: Mapping[str, Any]) -> dict[str, Any]:
    """Lists of JSON as the tuples that they were."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in saved.items()}
