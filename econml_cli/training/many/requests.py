"""What goes into `scheduler.Fits`, and what comes out. Imports nothing heavy: other processes speak of them too."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from econml_cli.config.fit_config import FitConfig

Kind = Literal["begun", "progress", "paused", "ended", "failed"]


@dataclass(frozen=True)
class Request:
    """One fit to be made: a number to know it by, its config, its run directory, and what its manifest should add.

    `within` is the directory of the whole (a sweep, a cross-validation): where somebody has moved it away, the run's is
    not made in a new one of its name.
    """

    number: int
    config: FitConfig
    directory: Path
    manifest: Mapping[str, Any] = field(default_factory=dict)
    within: Path | None = None


@dataclass(frozen=True)
class Event:
    """What happened to one fit.

    Attributes:
        kind: begun (it is prepared now), progress (a chunk of epochs is done), paused (it is where it was to be
            advanced to), ended (see `summary`) or failed (see `reason`, a sentence).
        epoch: epochs done. metrics: of the last of them; under early stopping val_loss is the one that would be kept.
        summary: as summary.json.
    """

    number: int
    kind: Kind
    epoch: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    summary: Mapping[str, Any] | None = None
    reason: str | None = None
