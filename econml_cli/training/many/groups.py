"""Fits under way, and the groups in which they are trained: one by itself, or several of one shape side by side."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from econml_cli.training.loop.stack import Stack
from econml_cli.training.loop.trainer import Chunk, Trainer
from econml_cli.training.many.requests import Request
from econml_cli.training.run.recorder import Recording
from econml_cli.training.setup.setup import Setup
from econml_cli.training.step.carry import RUNNING, Carry
from econml_cli.training.step.programs import Programs


@dataclass(eq=False)
class Fit:
    """One fit under way; `metrics` are those of its last epoch, with the val_loss that would be kept now.

    `trainer` is at its start, or where a checkpoint has it; `resumed` tells which.
    """

    request: Request
    setup: Setup
    recording: Recording
    close: contextlib.ExitStack
    trainer: Trainer
    resumed: bool
    metrics: dict[str, float] = field(default_factory=dict)

    def log(self, chunk: Chunk, group: "Group") -> None:
        """Record a chunk."""
        self.recording.log(chunk, lambda: group.carry(self))
        if not len(chunk.rows):
            return
        best = self.metrics.get("val_loss")
        self.metrics = {name: value for name, value in chunk.rows[-1].items() if name != "epoch"}
        if self.request.config.trainer.patience:  # early stopping keeps the best weights
            lowest = float(str(chunk.rows.columns["val_loss"].min()))  # through str, as the rows
            self.metrics["val_loss"] = lowest if best is None else min(lowest, best)


class Group(Protocol):
    """What trains some fits together."""

    fits: list[Fit]
    seconds_per_epoch: float | None  # of all its fits together, without compiling; None before that is known

    def run(self, until: int) -> Iterator[list[tuple[Fit, Chunk]]]:
        """Train to an epoch, yielding the chunks of the fits that run."""

    def carry(self, fit: Fit) -> Carry:
        """Where a fit is."""

    def drop(self, fit: Fit) -> None:
        """Train this one no further."""


class Single:
    """One fit by itself."""

    def __init__(self, fit: Fit):
        self.fits, self._trainer = [fit], fit.trainer
        self.seconds_per_epoch: float | None = None

    def run(self, until: int) -> Iterator[list[tuple[Fit, Chunk]]]:
        """As `Group`."""
        done = int(self._trainer.carry.epoch)
        for chunk in self._trainer.run(done, self._trainer.options.checkpoint_every, until):
            self.seconds_per_epoch = chunk.seconds / max(1, len(chunk.rows))
            yield [(self.fits[0], chunk)]

    def carry(self, fit: Fit) -> Carry:
        """As `Group`."""
        return self._trainer.carry

    def drop(self, fit: Fit) -> None:
        """As `Group`: nobody calls `run` again."""


class Together:
    """Several fits side by side."""

    def __init__(self, fits: Sequence[Fit], programs: Programs):
        self.fits = list(fits)
        self._stack = Stack([fit.setup for fit in fits], programs)
        self.seconds_per_epoch: float | None = None

    def run(self, until: int) -> Iterator[list[tuple[Fit, Chunk]]]:
        """As `Group`."""
        for chunks in self._stack.run(until):
            longest = max(chunks.values(), key=lambda chunk: len(chunk.rows))
            self.seconds_per_epoch = longest.seconds / max(1, len(longest.rows))
            yield [(self.fits[member], chunk) for member, chunk in chunks.items()]

    def carry(self, fit: Fit) -> Carry:
        """As `Group`."""
        return self._stack.carry(self.fits.index(fit))

    def drop(self, fit: Fit) -> None:
        """As `Group`."""
        self._stack.drop(self.fits.index(fit))

    def apart(self) -> list[Single]:
        """The fits that still run, each by itself from where it is."""
        singles = []
        for member in self._stack.running():
            self.fits[member].trainer.carry = self._stack.carry(member)
            singles.append(Single(self.fits[member]))
        return singles


def is_over(at: Chunk | Carry, fit: Fit) -> bool:
    """Whether a fit that is there has ended: it has stopped or diverged, or made its last epoch."""
    return int(at.status) != RUNNING or int(at.epoch) >= fit.request.config.trainer.num_epochs
