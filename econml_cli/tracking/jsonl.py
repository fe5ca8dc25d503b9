"""metrics.jsonl: one line an epoch, append-only, always written."""

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

from econml_cli.runs import metrics_lines
from econml_cli.runs.directory import Run, append_metrics
from econml_cli.tracking.rows import after, as_text

#: seconds between two times that the disk is waited for
SYNC_SECONDS = 5.0
#: bytes that are read at a time in search of the end of the last whole line
BLOCK = 65_536


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
        first, last = metrics_lines.ends(run.metrics_path)
        self.first: Mapping[str, Any] | None = first
        self.last: int = 0 if last is None else last["epoch"]
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
        end = file.seek(0, os.SEEK_END)
        while end and not (at := _last_line_feed(file, max(0, end - BLOCK), end)):
            end = max(0, end - BLOCK)
        file.truncate(at if end else 0)


def _last_line_feed(file: BinaryIO, begin: int, end: int) -> int:
    """The place behind the last line feed between two places of a file; 0 where there is none."""
    file.seek(begin)
    found = file.read(end - begin).rfind(b"\n")
    return 0 if found < 0 else begin + found + 1
