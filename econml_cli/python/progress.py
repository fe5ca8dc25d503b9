"""Where metrics go when Python, not the shell, asks for a fit: nowhere but metrics.jsonl, unless they are asked for."""

import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from econml_cli.config.fit_config import FitConfig
from econml_cli.runs.directory import Run
from econml_cli.tracking.base import Sink

#: seconds between two lines of progress
PAUSE = 0.5

log = logging.getLogger("econml_cli")


def sinks(progress: bool) -> Callable[[Run, FitConfig, int], Sequence[Sink]]:
    """What opens the sinks of a fit when training starts: a progress bar (where stderr is no terminal, a line) if
    `progress`; W&B if its wandb_mode is online or offline. WANDB_MODE is not looked at. Warnings of W&B are logged."""

    def open_sinks(run: Run, config: FitConfig, done: int) -> Sequence[Sink]:
        from econml_cli.tracking import wandb_sink
        from econml_cli.tracking.progress import open_progress

        total, found = config.trainer.num_epochs, list[Sink]()
        if progress:
            found.append(open_progress(False, total, done) or ProgressLine(total))
        if config.tracking.wandb_mode in ("online", "offline"):
            wandb = wandb_sink.of_fit(run, config, log.warning)
            found += [wandb] if wandb is not None else []
        return found

    return open_sinks


class ProgressLine:
    """Epoch and losses in one line on stderr, written over again and again; the last one stays."""

    def __init__(self, total: int):
        self._total, self._shown, self._width, self._last = total, float("-inf"), 0, ""

    def log(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Move to the last row."""
        if not rows:
            return
        last = rows[-1]
        losses = "  ".join(f"{name.removesuffix('_loss')} {last[name]:.3e}" for name in last if name.endswith("_loss"))
        self._last = f"epoch {int(last['epoch']):,} of {self._total:,}  {losses}"
        if time.monotonic() - self._shown > PAUSE:
            self._show()

    def finish(self, summary: Mapping[str, Any], *, exit_code: int = 0) -> None:
        """Show the last row, and end the line."""
        if self._last:
            self._show()
            sys.stderr.write("\n")
            sys.stderr.flush()

    def _show(self) -> None:
        sys.stderr.write("\r" + self._last.ljust(self._width))
        sys.stderr.flush()
        self._shown, self._width = time.monotonic(), len(self._last)
