"""What somebody says of a file, before it is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from econml_cli.errors import ConfigError, DataError, suggest

Kind = Literal["number", "category", "boolean", "date", "text", "identifier", "empty", "other"]


@dataclass(frozen=True)
class Asked:
    """What somebody says of a file: the kinds of columns, what is missing, and how it is written."""

    categorical: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    na_values: tuple[str, ...] | None = None
    drop_columns: tuple[str, ...] = ()
    decimal: str | None = None
    delimiter: str | None = None

    @property
    def mark(self) -> str:
        """The decimal mark."""
        return self.decimal or "."

    def date_formats(self) -> dict[str, str | None]:
        """{column: its format, None: to be found} of --dates."""
        parts = [name.partition("=") for name in self.dates]
        return {name: way or None for name, _, way in parts}

    def kind_of(self, name: str) -> Kind | None:
        """The kind that was asked for."""
        if name in self.categorical:
            return "category"
        if name in self.numeric:
            return "number"
        return "date" if name in self.date_formats() else None

    def check(self, names: Sequence[str], where: str) -> None:
        """Refuse names that the file does not have, and columns asked to be two things.

        Raises:
            DataError: no such column. ConfigError: two kinds, or a decimal mark that is none.
        """
        if self.mark not in (".", ","):
            raise ConfigError(f"--decimal {self.decimal} is neither . nor a comma.")
        lists = {
            "--categorical": self.categorical, "--numeric": self.numeric, "--dates": tuple(self.date_formats()),
            "--drop-columns": self.drop_columns,
        }  # fmt: skip
        seen: dict[str, str] = {}
        for flag, columns in lists.items():
            for name in columns:
                if name not in names:
                    raise DataError(f"{where} has no column '{name}', which {flag} names.{suggest(name, list(names))}")
                if name in seen:
                    raise ConfigError(f"Column '{name}' is in {seen[name]} and in {flag}; leave it out of one of them.")
                seen[name] = flag
