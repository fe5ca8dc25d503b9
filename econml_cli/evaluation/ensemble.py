"""The members of an ensemble, measured one by one and together. An ordinary run is an ensemble of one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from econml_cli.errors import RunError
from econml_cli.evaluation import bootstrap as boot
from econml_cli.evaluation.estimate import Estimate
from econml_cli.evaluation.samples import Scored
from econml_cli.problems import metrics
from econml_cli.problems.losses import Loss
from econml_cli.runs.directory import Run
from econml_cli.training.loop.ensemble import spread
from econml_cli.training.run.restore import load_members


@dataclass(frozen=True)
class Members:
    """The fitted models of a run, in evaluation mode.

    Attributes:
        models: those that have not diverged (of an ordinary run its one model, whatever became of it).
        numbers: which members they are; (None,) for an ordinary run. total: how many there are in all.
        epoch: the latest one that weights are from. lost: whether the one model is that of a fit that diverged.
    """

    models: tuple[Any, ...]
    numbers: tuple[int | None, ...]
    total: int
    epoch: int
    lost: bool = False

    @property
    def diverged(self) -> int:
        """How many are left out."""
        return self.total - len(self.models)

    @property
    def left_out(self) -> str:
        """The same, in words; "" for none."""
        verb = "is" if self.diverged == 1 else "are"
        return f"{self.diverged} of {self.total} members diverged and {verb} left out" if self.diverged else ""


def members(run: Run, step: int | None = None) -> Members:
    """The models of a run: all members of an ensemble, the one that `run.member` says, or the one there is.

    Call it inside `precision(...)` of the run's config.

    Raises:
        RunError: all members have diverged. RunError, CheckpointError: the run cannot be read.
    """
    loaded = load_members(run, step)
    alive = [one for one in loaded if not one.diverged] if len(loaded) > 1 else loaded
    if not alive:
        raise RunError(
            f"All {len(loaded)} members of {run.name} diverged; --member 0 shows the last finite weights of one. Fit "
            "again with a smaller --lr or with --grad-clip 1."
        )
    numbers = tuple(one.member for one in alive)
    models, epoch = tuple(one.model for one in alive), max(one.epoch for one in alive)
    return Members(models, numbers, len(loaded), epoch, lost=any(one.diverged for one in alive))


def over(values: Sequence[float]) -> Estimate:
    """A number of each member as their mean, with standard deviation, lowest and highest; NaNs are left out."""
    found = {end: float(value) for end, value in spread(np.asarray(values, np.float64)).items()}
    return Estimate(found[""], sd=found["_sd"], min=found["_min"], max=found["_max"])


def measure(
    row: Loss, scored: Sequence[Scored], split: str, replications: int, seed: int, groups: np.ndarray | None
) -> dict[str, Estimate]:
    """The metrics of one split over the members (each as `over`), and, where there are `replications`, the 95 %
    interval of their mean loss and the metrics of their averaged prediction, `averaged_SPLIT_NAME`."""
    each = [metrics.moments(row, one.loss, one.y, one.yhat, one.w).values() for one in scored]
    found = {f"{split}_{name}": over([values[name] for values in each]) for name in each[0]}
    if not replications:
        return found
    loss = np.stack([one.loss for one in scored]).mean(axis=0, dtype=np.float64)
    together = metrics.moments(row, loss, scored[0].y, averaged([one.yhat for one in scored]), scored[0].w)
    around = boot.intervals(together, replications=replications, seed=seed, groups=groups)
    low, high = around["loss"]
    found[f"{split}_loss"] = found[f"{split}_loss"].within(low, high)
    for name, value in together.values().items():
        if name != "loss":
            found[f"averaged_{split}_{name}"] = Estimate(value, *around[name])
    return found


def averaged(yhat: Sequence[np.ndarray | None]) -> np.ndarray | None:
    """The mean of the members' predictions [n, dout] (of probabilities: a mixture), in float64."""
    there = [one for one in yhat if one is not None]
    return np.stack(there).mean(axis=0, dtype=np.float64) if there else None


def numbers(found: Sequence[Mapping[str, float]]) -> dict[str, Estimate]:
    """Numbers of each member by name (`problem.verdicts`), each as `over`."""
    return {name: over([values[name] for values in found]) for name in found[0]}
