"""What a comparison of runs holds: a column for each run, and the test against one of them."""

from dataclasses import dataclass
from typing import Any

from econml_cli.evaluation.answer import Answer
from econml_cli.evaluation.comparing import compare_layout
from econml_cli.evaluation.comparing.column import Column
from econml_cli.output.figure_style import Width
from econml_cli.output.regression_tables import Table
from econml_cli.storage import disk


@dataclass(frozen=True)
class Comparison(Answer):
    """Runs side by side. `baseline` is the place of the column that the others are tested against; `stars` mark
    p-values below 0.10, 0.05 and 0.01."""

    columns: tuple[Column, ...]
    baseline: int
    stars: bool
    bootstrap: int
    bootstrap_seed: int
    notes: tuple[str, ...]

    def grids(self) -> list[Table]:
        """One regression table, the runs in columns."""
        return [compare_layout.table(self)]

    def render(self, form: str = "table", width: int | None = None) -> str:
        """As "table" (in panels of `width` characters, with fewer digits where one panel is then enough; None: 80), or
        in the other forms of an answer."""
        return compare_layout.text(self, width) if form == "table" else super().render(form, width)

    def _repr_html_(self) -> str:
        return self.render("html")  # the notes stand below the table

    def plot(self, width: Width | None = None) -> Any:
        """The losses with their intervals, and their differences to the baseline's, as a `matplotlib.figure.Figure`.

        Raises:
            ConfigError: no run is tested against the baseline, or there are more than can be read.
        """
        from econml_cli.evaluation.comparing import compare_figure

        return compare_figure.figure(self, width)

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
