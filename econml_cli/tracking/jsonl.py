"""metrics.jsonl: one line an epoch, append-only, always written."""

from collections.abc import Mapping, Sequence
from typing import Any

from econml_cli.runs import Run, append_metrics


class JsonlSink:
    """Appends rows to a run's metrics.jsonl. After a kill, lines that are there already are not written again: a
    resumed fit computes the same numbers for them."""

    def __init__(self, run: Run):
        self.run = run
        _cut_torn_line(run)
        rows = run.metrics()
        self.last = rows[-1]["epoch"] if rows else 0

    def log(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append the rows of epochs that are not in the file yet."""
        if new := [row for row in rows if row["epoch"] > self.last]:
            append_metrics(self.run, new)
            self.last = new[-1]["epoch"]

    def finish(self, summary: Mapping[str, Any], *, exit_code: int = 0) -> None:
        """Nothing is buffered, so nothing is left to do."""


def _cut_torn_line(run: Run) -> None:
    """A kill in the middle of an append leaves half a line, which the next append would make unreadable."""
    if not run.metrics_path.exists():
        return
    with run.metrics_path.open("rb+") as file:
        data = file.read()
        file.truncate(data.rfind(b"\n") + 1)
