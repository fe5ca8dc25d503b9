"""The progress bar on stderr."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any


class ProgressSink:
    """Epoch, epochs per second, train and val loss, time left; transient, and shown only where stderr is a terminal."""

    def __init__(self, total: int, done: int = 0):
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        from econml_cli.output import terminal, working

        working.stop()

        self._progress = Progress(
            TextColumn("epoch"),
            MofNCompleteColumn(),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[rate]}"),
            TextColumn("{task.fields[losses]}"),
            TimeRemainingColumn(),
            console=terminal.console(stderr=True),
            transient=True,
            expand=True,
        )
        self._task = self._progress.add_task("fit", total=total, completed=done, rate="compiling", losses="")
        self._progress.start()

    def log(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Move to the last row."""
        if not rows:
            return
        last = rows[-1]
        speed = self._progress.tasks[0].speed
        losses = "  ".join(f"{name.removesuffix('_loss')} {last[name]:.3e}" for name in last if name.endswith("_loss"))
        rate = f"{speed:,.0f}/s" if speed else ""
        self._progress.update(self._task, completed=last["epoch"], rate=rate, losses=losses)

    def finish(self, summary: Mapping[str, Any], *, exit_code: int = 0) -> None:
        """Take the bar away."""
        self._progress.stop()


def open_progress(quiet: bool, total: int, done: int = 0) -> ProgressSink | None:
    """A progress bar, or None with --quiet or where stderr is no terminal."""
    return None if quiet or not sys.stderr.isatty() else ProgressSink(total, done)
