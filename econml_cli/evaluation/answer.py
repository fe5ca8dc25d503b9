"""The answers to the questions of `econml eval` besides the evaluation itself, as text of one form. Prints nothing."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from econml_cli.output.tables import RENDERERS, Grid, csv_lines
from econml_cli.storage import disk


class Part(Protocol):
    """An answer: as tables for people, as JSON values, and as flat rows for a CSV file."""

    notes: tuple[str, ...]

    def grids(self) -> list[Grid]: ...

    def to_dict(self) -> dict[str, Any]: ...

    def rows(self) -> list[dict[str, Any]]: ...


Found = Part | Sequence[Part]


def several(found: Found) -> list[Part]:
    """One answer, or several of one kind, as a list."""
    return list(found) if isinstance(found, Sequence) else [found]


def notes(found: Found) -> list[str]:
    """What is to be said of an answer besides its numbers."""
    return [note for part in several(found) for note in part.notes]


def render(found: Mapping[str, Found], form: str) -> str:
    """Answers by name as "table", "markdown", "latex", "csv" (of one of them) or "json"."""
    if form == "json":
        values = {
            name: [each.to_dict() for each in several(part)] if isinstance(part, Sequence) else part.to_dict()
            for name, part in found.items()
        }
        return json.dumps(disk.finite(values), indent=2, ensure_ascii=False, allow_nan=False)
    parts = [each for part in found.values() for each in several(part)]
    if form == "csv":
        return csv_lines([disk.finite(row) for part in parts for row in part.rows()])
    return "\n\n".join(RENDERERS[form](grid) for part in parts for grid in part.grids())
