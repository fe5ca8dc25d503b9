"""The members of an ensemble, measured one by one and together."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from econml_cli.evaluation.estimate import Estimate, Estimates, Quantity
from econml_cli.evaluation.intervals import with_intervals
from econml_cli.evaluation.samples import Scored
from econml_cli.problems import metrics
from econml_cli.problems.loss_row import Loss
from econml_cli.training.loop.over_members import spread


def over(values: Sequence[float]) -> Estimate:
    """A number of each member as their mean, with standard deviation, lowest and highest; NaNs are left out."""
    found = {end: float(value) for end, value in spread(np.asarray(values, np.float64)).items()}
    return Estimate(found[""], sd=found["_sd"], min=found["_min"], max=found["_max"])


def measure(
    row: Loss, scored: Sequence[Scored], split: str, replications: int, seed: int, groups: np.ndarray | None
) -> Estimates:
    """The metrics of one split over the members (each as `over`), and, where there are `replications`, the 95 %
    interval of their mean loss and the metrics of their averaged prediction."""
    each = [metrics.moments(row, one.loss, one.y, one.yhat, one.w).values() for one in scored]
    found = {Quantity(split, name): over([values[name] for values in each]) for name in each[0]}
    if not replications:
        return found
    loss = np.stack([one.loss for one in scored]).mean(axis=0, dtype=np.float64)
    mixture = averaged(row, [one.yhat for one in scored])
    together = metrics.moments(row, loss, scored[0].y, mixture, scored[0].w, of_yhat=False)
    around = with_intervals(together, replications=replications, seed=seed, groups=groups)
    own, mean_loss = around.pop("loss"), Quantity(split, "loss")
    found[mean_loss] = dataclasses.replace(found[mean_loss], low=own.low, high=own.high, caveat=own.caveat)
    return found | {Quantity(split, name, "averaged"): estimate for name, estimate in around.items()}


def averaged(row: Loss, yhat: Sequence[np.ndarray | None]) -> np.ndarray | None:
    """The members' predictions [n, dout] together, by the row of their loss (the mean; of distributions a mixture), in
    float64."""
    there = [one for one in yhat if one is not None]
    return np.asarray(row.averages(np.stack(there).astype(np.float64))) if there else None


def numbers(found: Sequence[Mapping[str, float]]) -> Estimates:
    """Numbers of each member by name (`problem.verdicts`), each as `over`."""
    return {Quantity(None, name): over([values[name] for values in found]) for name in found[0]}
