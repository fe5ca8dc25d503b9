"""The runs of a directory for Python and notebooks. Imports nothing heavy."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from econml_cli.python import reprs
from econml_cli.python.fitted_run import FittedRun
from econml_cli.runs.directory import Run
from econml_cli.runs.listing import RunRow

if TYPE_CHECKING:
    import pandas as pd

#: names that the text of a list shows
SHOWN = 5


@dataclass(frozen=True, repr=False)
class Runs(Sequence[FittedRun]):
    """Runs in the order of their creation: `runs[-1]` is the newest, `runs["first"]` the one of that name.

    `rows` say of each what `econml inspect runs` shows.
    """

    rows: tuple[RunRow, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return Runs(self.rows[place])
        if not isinstance(place, str):
            return _run_of(self.rows[place])
        found = next((row for row in self.rows if row.name == place), None)
        if found is None:
            raise KeyError(place)
        return _run_of(found)

    def __iter__(self) -> Iterator[FittedRun]:
        return map(_run_of, self.rows)

    def frame(self) -> "pd.DataFrame":
        """A row a run: name, path, model, problem, status, epochs, losses, num_params, seconds, created, error."""
        import pandas as pd

        return pd.DataFrame([dataclasses.asdict(row) for row in self.rows])

    def __repr__(self) -> str:
        names = [row.name for row in self.rows]
        shown = names if len(names) <= SHOWN else ["...", *names[-SHOWN:]]
        return f"Runs({len(names)}: {', '.join(shown)})" if names else "Runs(none)"

    def _repr_html_(self) -> str:
        return reprs.runs_html(self.rows)


def _run_of(row: RunRow) -> FittedRun:
    return FittedRun(Run(Path(row.path)))
