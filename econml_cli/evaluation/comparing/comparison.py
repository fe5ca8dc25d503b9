"""What a comparison of runs holds: a column for each run, and the test against one of them."""

import json
from dataclasses import dataclass
from typing import Any

from econml_cli.evaluation import evaluation_tables
from econml_cli.evaluation.comparing.accuracy_tests import Difference
from econml_cli.evaluation.evaluate import Evaluation
from econml_cli.output.tables import csv_lines
from econml_cli.storage import disk

#: characters of a line where nothing tells how many there are
WIDTH = 80
#: the parts of a test that have names of their own in a flat row
NAMES = {"value": "difference", "p_value": "p_value"}


@dataclass(frozen=True)
class Column:
    """One run of a comparison.

    Attributes:
        label: "(1)", "(2)", ... options: those in which the runs differ, that this one has.
        target: what is explained, where it has a name. features: how many numbers the model reads an observation.
        n_train: observations that it was fitted to.
        against: the test against the baseline; None for the baseline itself, and where there can be none.
    """

    label: str
    evaluation: Evaluation
    target: str | None
    features: int
    n_train: int | None
    options: dict[str, Any]
    num_params: int | None
    seconds: float | None
    against: Difference | None = None

    @property
    def name(self) -> str:
        """The run, and which member of it where one was chosen."""
        member = self.evaluation.member
        return self.evaluation.run if member is None else f"{self.evaluation.run} #{member}"

    @property
    def epochs(self) -> int | None:
        """Epochs of training up to these weights; None for a model that is solved."""
        return None if self.evaluation.status == "solved" else self.evaluation.epoch

    def to_dict(self) -> dict[str, Any]:
        """One JSON object: that of the evaluation, and what a comparison adds."""
        found = {"column": self.label, **self.evaluation.to_dict(), "target": self.target, "features": self.features}
        found |= {
            "n_train": self.n_train,
            "options": self.options,
            "num_params": self.num_params,
            "seconds": self.seconds,
        }
        return {**found, "against": self.against and self.against.to_dict()}

    def row(self) -> dict[str, Any]:
        """The same as one flat row; a test of equal accuracy has the names difference, difference_low, ..., p_value."""
        row: dict[str, Any] = {"column": self.label, **evaluation_tables.flat(self.evaluation), "target": self.target}
        row |= {
            "features": self.features,
            "n_train": self.n_train,
            "num_params": self.num_params,
            "seconds": self.seconds,
        }
        row |= {f"option_{name}": _flat(value) for name, value in self.options.items()}
        for name, value in (self.against.to_dict() if self.against else {}).items():
            row[NAMES.get(name, f"difference_{name}")] = value
        return row


@dataclass(frozen=True)
class Comparison:
    """Runs side by side. `baseline` is the place of the column that the others are tested against; `stars` mark
    p-values below 0.10, 0.05 and 0.01."""

    columns: tuple[Column, ...]
    baseline: int
    stars: bool
    bootstrap: int
    bootstrap_seed: int
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """One JSON object; undefined numbers are null."""
        base = self.columns[self.baseline]
        return disk.finite(
            {
                "baseline": base.evaluation.run,
                "baseline_column": base.label,
                "bootstrap": self.bootstrap,
                "bootstrap_seed": self.bootstrap_seed,
                "columns": [column.to_dict() for column in self.columns],
                "notes": list(self.notes),
            }
        )

    def rows(self) -> list[dict[str, Any]]:
        """One flat dict a run, every number with all its digits."""
        base = self.columns[self.baseline].evaluation.run
        return [disk.finite({**column.row(), "baseline": base}) for column in self.columns]

    def render(self, form: str, width: int | None = None) -> str:
        """As "table" (in panels of `width` characters; None: 80), "markdown", "latex", "csv" or "json"."""
        from econml_cli.evaluation.comparing import compare_layout
        from econml_cli.output import regression_tables

        if form == "json":
            return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
        if form == "csv":
            return csv_lines(self.rows())
        if form == "table":
            return compare_layout.text(self, WIDTH if width is None else width)
        return {"markdown": regression_tables.markdown, "latex": regression_tables.latex}[form](
            compare_layout.table(self)
        )


def _flat(value: Any) -> Any:
    return ",".join(map(str, value)) if isinstance(value, list) else value
