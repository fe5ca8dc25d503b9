"""metrics.jsonl: one line an epoch, append-only, always written."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from econml_cli.runs.directory import Run, append_metrics
from econml_cli.tracking.rows import after, as_text

#: seconds between two times that the disk is waited for
SYNC_SECONDS = 5.0


class JsonlSink:
    """Appends rows to a run's metrics.jsonl. After a kill, lines that are there already are not written again: a
    resumed fit computes the same numbers for them.

    Attributes:
        first: the row of the first epoch, of this process or of one before it; None until there is one.
        last: the epoch of the last row.
    """

    def __init__(self, run: Run):
        self.run = run
        _cut_torn_line(run)
        rows = run.metrics()
        self.first: Mapping[str, Any] | None = rows[0] if rows else None
        self.last: int = rows[-1]["epoch"] if rows else 0
        self._synced = time.monotonic()

    def log(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append the rows of epochs that are not in the file yet."""
        if not (new := after(rows, self.last)):
            return
        due = time.monotonic() - self._synced > SYNC_SECONDS
        append_metrics(self.run, as_text(new), sync=due)
        self._synced = time.monotonic() if due else self._synced
        self.first = self.first or new[0]
        self.last = new[-1]["epoch"]

    def finish(self, summary: Mapping[str, Any], *, exit_code: int = 0) -> None:
        """Wait for the disk."""
        if self.run.metrics_path.exists():
            append_metrics(self.run, "", sync=True)


def _cut_torn_line(run: Run) -> None:
    """A kill in the middle of an append leaves half a line, which the next append would make unreadable."""
    if not run.metrics_path.exists():
        return
    with run.metrics_path.open("rb+") as file:
        data = file.read()
        file.truncate(data.rfind(b"\n") + 1)
