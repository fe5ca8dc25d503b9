"""How a sweep is to be run, and who watches it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from econml_cli.sweeps.study.trials import Trial
from econml_cli.sweeps.study.warm_start import StartFrom
from econml_cli.training.many.requests import Event

if TYPE_CHECKING:
    from econml_cli.sweeps.study.study import Study
    from econml_cli.training.devices import Devices

Engine = Literal["auto", "vmap", "serial", "process"]


@dataclass(frozen=True)
class Plan:
    """How a sweep is to be run.

    Attributes:
        count: how many points to try; None: as before, or run_cap, or the whole grid, or 50.
        jobs: trials that train at a time; None: one for each core of a CPU (one on a GPU, or by engine process).
        timeout: seconds after which the sweep stops as if interrupted; None: never.
        keep: "all", or how many of the best trials keep their checkpoints.
        storage: where the study is, if workers share it; None: the journal in the directory, for this process alone.
        study: its name there.
        sampler: of method bayes: gp, tpe, qmc or random; None: as before, at first gp.
        start: what the sweep begins with.
        devices: several of this process, among which trials of one shape are shared; None: one.
    """

    seed: int
    count: int | None = None
    jobs: int | None = None
    engine: Engine = "auto"
    timeout: float | None = None
    keep: int | Literal["all"] = "all"
    retry_failed: bool = False
    storage: str | None = None
    study: str = "sweep"
    sampler: str | None = None
    start: StartFrom | None = None
    devices: "Devices | None" = None


class Watcher:
    """What a sweep tells while it runs; this one does not listen."""

    def begin(self, study: "Study") -> None:
        """The study is open."""

    def started(self, trials: Sequence[Trial]) -> None:
        """These trials have been taken."""

    def progress(self, event: Event) -> None:
        """Something has happened to a trial."""

    def ended(self, trial: Trial, value: float | None, reason: str | None) -> None:
        """A trial has been told to the study: a value, or a reason why there is none."""
