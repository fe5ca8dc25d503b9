"""What every question to a run gives back, and how it is shown. Prints nothing.

A new question is one file: a function that opens a run (`opened.open_run`), and a frozen dataclass that is an `Answer`.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from econml_cli.output import html
from econml_cli.output.tables import RENDERERS, Table, csv_lines
from econml_cli.storage import disk


class Answer(ABC):
    """An answer: tables for people, JSON values for programs, flat rows for a CSV file.

    Attributes:
        notes: what is to be known of its numbers, a sentence each.
    """

    notes: tuple[str, ...]

    @abstractmethod
    def grids(self) -> Sequence[Table]:
        """The tables, in the order in which they are read."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """One JSON object."""

    @abstractmethod
    def rows(self) -> list[dict[str, Any]]:
        """Flat rows, with every number in all its digits."""

    def render(self, form: str = "table", width: int | None = None) -> str:
        """As "json", "csv", or a form of `output.tables.RENDERERS`: "table", "markdown", "latex", "html".

        Args:
            width: columns of the terminal, which some tables are fitted into; None: as wide as they are.
        """
        if form == "json":
            return as_json(self.to_dict())
        return render([self], form, width)

    def _repr_html_(self) -> str:
        return "".join(f"<p>{html.escape(note)}</p>" for note in self.notes) + self.render("html")


#: one answer, or several of one kind
Found = Answer | Sequence[Answer]


def several(found: Found) -> list[Answer]:
    """One answer, or several of one kind, as a list."""
    return [found] if isinstance(found, Answer) else list(found)


def notes(found: Found) -> list[str]:
    """What is to be said of an answer besides its numbers."""
    return [note for one in several(found) for note in one.notes]


def as_json(value: Any) -> str:
    """One JSON document; NaN and infinities become null."""
    return json.dumps(disk.finite(value), indent=2, ensure_ascii=False, allow_nan=False)


def render(found: Found, form: str, width: int | None = None) -> str:
    """Answers below each other, as "csv" or a form of RENDERERS."""
    if form == "csv":
        return csv_lines([disk.finite(row) for one in several(found) for row in one.rows()])
    between = "\n" if form == "html" else "\n\n"
    return between.join(RENDERERS[form](table, width) for one in several(found) for table in one.grids())


def render_named(found: Mapping[str, Found], form: str) -> str:
    """Answers to several questions by name; as "json" one object that has them under their names."""
    if form != "json":
        return render([one for part in found.values() for one in several(part)], form)
    values = {
        name: part.to_dict() if isinstance(part, Answer) else [one.to_dict() for one in part]
        for name, part in found.items()
    }
    return as_json(values)
