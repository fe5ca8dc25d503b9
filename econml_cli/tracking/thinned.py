"""Every K-th row of a fit, where a file with a row for each of a million epochs is more than anybody reads."""

from collections.abc import Mapping, Sequence
from typing import Any

from econml_cli.tracking.base import Sink


def thinned(sink: Sink, every: int | None) -> Sink:
    """The sink itself, or one that hands it the rows of epoch 1, of each multiple of `every`, and of the last epoch."""
    return sink if every in (None, 1) else _Thinned(sink, int(every or 1))


class _Thinned:
    def __init__(self, sink: Sink, every: int):
        self._sink, self._every = sink, every
        self._left: Mapping[str, Any] | None = None

    def log(self, rows: Sequence[Mapping[str, Any]]) -> None:
        if not rows:
            return
        first = int(rows[0]["epoch"])
        due = range(-first % self._every, len(rows), self._every)
        kept = [rows[i] for i in ([0, *due] if first == 1 and self._every > 1 else due)]
        if kept:
            self._sink.log(kept)
        self._left = None if kept and kept[-1]["epoch"] == first + len(rows) - 1 else rows[len(rows) - 1]

    def finish(self, summary: Mapping[str, Any], *, exit_code: int = 0) -> None:
        # an interrupted fit goes on to the rows of one that was not
        if self._left is not None and summary.get("stop_reason", "interrupted") != "interrupted":
            self._sink.log([self._left])
        self._sink.finish(summary, exit_code=exit_code)
