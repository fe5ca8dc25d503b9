"""One run while it trains: its metrics, its checkpoints, and an end for every way of ending."""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from econml_cli.config.fit_config import FitConfig
from econml_cli.errors import RunError
from econml_cli.runs.directory import Run
from econml_cli.storage import checkpoint, directories, disk
from econml_cli.tracking.base import Sink
from econml_cli.tracking.jsonl import JsonlSink
from econml_cli.tracking.thinned import thinned
from econml_cli.training.loop.trainer import Chunk
from econml_cli.training.run import provenance
from econml_cli.training.run.convergence import history_of, measures
from econml_cli.training.run.identification import identified
from econml_cli.training.run.overfitting import overfitting
from econml_cli.training.run.restore import to_sections
from econml_cli.training.run.summary import summary
from econml_cli.training.setup.setup import Setup
from econml_cli.training.step.carry import Carry
from econml_cli.training.step.programs import Program

#: seconds between checkpoints where --checkpoint-every is not given
AUTOSAVE_SECONDS = 30.0

OpenSinks = Callable[[Run, FitConfig, int], Sequence[Sink]]


@dataclass(frozen=True)
class FitResult:
    """What came out of one fit: the run, its summary (as summary.json), and the signal that interrupted it, if any."""

    run: Run
    summary: dict[str, Any]
    signal: int | None = None

    @property
    def stop_reason(self) -> str:
        """max_epochs, early_stopping, converged (below --stop-loss, or a second-order method finds no more), solved
        (exactly), diverged, interrupted, or pruned (by a sweep)."""
        return str(self.summary["stop_reason"])


def no_sinks(run: Run, config: FitConfig, done: int) -> Sequence[Sink]:
    """The default of `fit`: nothing but metrics.jsonl, which is always written."""
    return ()


class Recording:
    """The record of one fit, from its first chunk to its end; use it as a context.

    Leaving the context without `end` marks the run as failed.
    """

    def __init__(
        self, run: Run, setup: Setup, program: Program, open_sinks: OpenSinks, done: int, started: float | None = None
    ):
        """`done`: epochs that a resumed run has behind it. `started`: when the fit began (`time.perf_counter`)."""
        self.run, self._setup, self._program = run, setup, program
        self._started = time.perf_counter() if started is None else started
        self._every = setup.config.trainer.checkpoint_every
        self._id = run.manifest().get("id", "")
        self._writer = checkpoint.CheckpointWriter(run.checkpoints, setup.config.trainer.keep)
        self._metrics = JsonlSink(run)
        every = setup.config.tracking.log_every
        self._sinks: list[Sink] = [
            thinned(sink, every) for sink in (self._metrics, *open_sinks(run, setup.config, done))
        ]
        # a resumed run goes on counting from where its last checkpoint was
        before = run.manifest().get("seconds", {}) if done else {}
        self._saved, self._training = time.monotonic(), float(before.get("seconds_training", 0.0))
        self._before = float(before.get("seconds_total", 0.0))
        self._losses: list[Any] = []
        self._val: list[Any] = []
        # what a solver says is said once; a run that is resumed after it still says so
        self._solution: dict[str, float] = dict(run.manifest().get("solution", {})) if done else {}
        self._kept = False
        self._result: FitResult | None = None

    def __enter__(self) -> "Recording":
        return self

    def due(self, chunk: Chunk) -> bool:
        """Whether it is time to save, after this chunk."""
        if self._every:
            return chunk.epoch % self._every == 0
        return time.monotonic() - self._saved > AUTOSAVE_SECONDS

    def log(self, chunk: Chunk, carry: Callable[[], Carry], due: bool | None = None) -> None:
        """Hand the rows of a chunk on; save where it is time to (`carry` is asked for then only)."""
        self._training += chunk.seconds
        if len(chunk.rows):
            self._losses.append(chunk.rows.columns["train_loss"])
            if "val_loss" in chunk.rows.columns:
                self._val.append(chunk.rows.columns["val_loss"])
        if chunk.report:
            self._solution |= chunk.report
            self.run.update_manifest(solution=self._solution)
        for sink in self._sinks:
            sink.log(chunk.rows)
        if self.due(chunk) if due is None else due:
            self._save(carry())
            self._saved = time.monotonic()

    def _save(self, carry: Carry) -> None:
        self._writer.save(carry.done, to_sections(carry, self._id))
        self.run.update_manifest(seconds=self._times())
        if not self._kept:  # what --force replaces is worth less now
            directories.drop(self.run.path)
            self._kept = True

    def end(self, carry: Carry, signal: int | None = None, *, pruned: bool = False) -> FitResult:
        """Save the position, write the summary.

        Args:
            signal: what interrupted the fit, if anything did. pruned: a sweep stopped it before its last epoch.
        """
        self._save(carry)
        found = self._summarise(carry, signal, pruned)
        disk.write_json(self.run.path / "summary.json", found)
        self.run.update_manifest(status=found["stop_reason"], finished=provenance.now())
        self._result = FitResult(self.run, found, signal)
        return self._result

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._result is None:
            with contextlib.suppress(RunError, OSError):
                self.run.update_manifest(status="failed", finished=provenance.now())
        self._writer.close()
        found, exit_code = (self._result.summary, 0) if self._result else ({}, 1)
        for sink in reversed(self._sinks):  # metrics.jsonl last: a full disk must not keep the others from ending
            sink.finish(found, exit_code=exit_code)

    def _summarise(self, carry: Carry, signal: int | None, pruned: bool) -> dict[str, Any]:
        of = (self._setup, self._program, carry, self._solution)
        found = summary(*of, pruned=pruned, interrupted=signal is not None)
        first = self._metrics.first
        history = history_of(self._losses, None if first is None else first["train_loss"])
        found |= disk.finite({**measures(self._setup, self._program, carry, history), **identified(self._setup)})
        found |= disk.finite(overfitting(self._setup, found, self._val))
        digest = found.pop("state_sha256")  # what nobody reads stands last
        return {**found, **self._times(), "state_sha256": digest}

    def _times(self) -> dict[str, float]:
        """Of all sessions of the run."""
        return {
            "seconds_training": round(self._training, 3),
            "seconds_total": round(self._before + time.perf_counter() - self._started, 3),
        }
