"""What somebody says of a file, before it is read."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from econml_cli.errors import ConfigError, DataError, suggest

Kind = Literal["number", "category", "boolean", "date", "text", "identifier", "empty", "other"]


@dataclass(frozen=True)
class Asked:
    """What somebody says of a file: the kinds of columns, what is missing, and how it is written.

    Attributes:
        identifiers, booleans, column_missing: of a schema.yaml alone; the last are marks for missing of one column.
    """

    categorical: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    na_values: tuple[str, ...] | None = None
    drop_columns: tuple[str, ...] = ()
    decimal: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    identifiers: tuple[str, ...] = ()
    booleans: tuple[str, ...] = ()
    column_missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def mark(self) -> str:
        """The decimal mark."""
        return self.decimal or "."

    def date_formats(self) -> dict[str, str | None]:
        """{column: its format, None: to be found} of --dates."""
        parts = [name.partition("=") for name in self.dates]
        return {name: way or None for name, _, way in parts}

    @property
    def named(self) -> list[str]:
        """The columns that are said to be something."""
        return [
            *self.categorical,
            *self.numeric,
            *self.date_formats(),
            *self.drop_columns,
            *self.identifiers,
            *self.booleans,
        ]

    def kind_of(self, name: str) -> Kind | None:
        """The kind that was asked for."""
        if name in self.categorical:
            return "category"
        if name in self.numeric:
            return "number"
        if name in self.identifiers:
            return "identifier"
        if name in self.booleans:
            return "boolean"
        return "date" if name in self.date_formats() else None

    def marks(self, name: str) -> frozenset[str] | None:
        """What is missing in a column, besides an empty field; None: nothing is said."""
        given = self.column_missing.get(name, self.na_values)
        return None if given is None else frozenset(given) | {""}

    def numbers_missing(self, name: str) -> list[float]:
        """Those marks for missing of a column that are numbers, such as -9."""
        found = []
        for mark in self.marks(name) or ():
            with contextlib.suppress(ValueError):
                found.append(float(mark))
        return found

    def of_file(self, names: Sequence[str]) -> "Asked":
        """The same for columns that nobody has asked to be anything: how the file is written, and what is missing."""
        kept = {name: marks for name, marks in self.column_missing.items() if name in names}
        return Asked(
            na_values=self.na_values, decimal=self.decimal, delimiter=self.delimiter, sheet=self.sheet,
            column_missing=kept,
        )  # fmt: skip

    def over(self, below: "Asked") -> "Asked":
        """This, and where it says nothing what another one says."""
        said = {*self.categorical, *self.numeric, *self.date_formats(), *self.drop_columns}

        def rest(names: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(name for name in names if name.partition("=")[0] not in said)

        return replace(
            below,
            categorical=(*self.categorical, *rest(below.categorical)),
            numeric=(*self.numeric, *rest(below.numeric)),
            dates=(*self.dates, *rest(below.dates)),
            drop_columns=(*self.drop_columns, *rest(below.drop_columns)),
            identifiers=rest(below.identifiers),
            booleans=rest(below.booleans),
            na_values=below.na_values if self.na_values is None else self.na_values,
            decimal=self.decimal or below.decimal,
            delimiter=self.delimiter or below.delimiter,
            sheet=self.sheet or below.sheet,
        )

    def check(self, names: Sequence[str], where: str) -> None:
        """Refuse names that the file does not have, and columns asked to be two things.

        Raises:
            DataError: no such column. ConfigError: two kinds, or a decimal mark that is none.
        """
        if self.mark not in (".", ","):
            raise ConfigError(f"--decimal {self.decimal} is neither . nor a comma.")
        lists = {
            "--categorical": self.categorical, "--numeric": self.numeric, "--dates": tuple(self.date_formats()),
            "--drop-columns": self.drop_columns, "--schema": (*self.identifiers, *self.booleans),
        }  # fmt: skip
        seen: dict[str, str] = {}
        for flag, columns in lists.items():
            for name in columns:
                if name not in names:
                    raise DataError(f"{where} has no column '{name}', which {flag} names.{suggest(name, list(names))}")
                if name in seen:
                    raise ConfigError(f"Column '{name}' is in {seen[name]} and in {flag}; leave it out of one of them.")
                seen[name] = flag
        if unknown := [name for name in self.column_missing if name not in names]:
            raise DataError(
                f"{where} has no column '{unknown[0]}', which --schema names.{suggest(unknown[0], list(names))}"
            )
