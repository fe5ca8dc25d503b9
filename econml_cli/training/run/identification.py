"""What training rows of a table cannot tell: columns that are collinear, that do not vary, that separate classes."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from econml_cli.data.identified import (
    EXTREME,
    MOST,
    moved,
    null_space,
    separation,
    separation_of_classes,
    separation_of_counts,
)
from econml_cli.data.stored import Stored
from econml_cli.data.triangle import design_blocks, free_directions, triangle
from econml_cli.models.absorbed_poisson import COLLINEAR
from econml_cli.models.linear import Linear
from econml_cli.problems import losses
from econml_cli.problems.base import Batch
from econml_cli.problems.families import POISSON
from econml_cli.problems.tabular import Tabular
from econml_cli.training.setup.setup import Setup
from econml_cli.training.step.solving import in_float64

#: the autocorrelation of the target in successive rows above which a random split tests on the neighbours of training
SERIES = 0.8


def identified(setup: Setup) -> dict[str, Any]:
    """What summary.json says of a fit to a table: names of columns, in the order of the design.

    `no_information`: of columns that are the same in all training rows. `not_identified`: of coefficients ("Intercept"
    is one) that can be moved without changing any fitted value, since columns are collinear. `separated`: of those
    whose logit estimate (of several classes that of one of them) is infinite, since their columns tell the classes of
    the training rows apart, or some zeros of a count. Empty ones are left out.

    `data_notes`: what is to be known of how the file was read, in sentences. `wide`: [design columns, training rows,
    factor with most of the columns] where there are more columns than rows. `series_autocorrelation`: of the target in
    successive rows, where it is high and the rows were parted at random; `series_along`: the column that they are
    sorted by for that, where it is not the order of the file.
    """
    if not isinstance(setup.problem, Tabular):
        return {}
    problem = setup.problem
    found: dict[str, Any] = {"no_information": problem.uninformative, "data_notes": problem.notes()}
    if problem.autocorrelation is not None and problem.autocorrelation > SERIES:
        found["series_autocorrelation"] = problem.autocorrelation
    elif problem.along is not None and problem.along[1] > SERIES:
        found["series_along"], found["series_autocorrelation"] = problem.along
    features = problem.preprocessing()["features"]
    idle = list(features.get("idle", ()))
    names = [name for name in features["names"] if name not in idle]
    there = ~np.isin(features["names"], idle)
    constant = problem.constant and not problem.absorbed
    functionals, labels = _functionals(features, names, there, constant)
    if isinstance(setup.train.x, Stored):
        found["not_identified"] = _named(labels, moved(_free_of_files(setup.train.x, there, constant), functionals))
        return {name: columns for name, columns in found.items() if columns}
    sample = in_float64(setup)
    informs = np.ones(len(sample.x), dtype=bool) if sample.w is None else np.asarray(sample.w) > 0
    x, tolerance = np.asarray(sample.x, np.float64)[informs][:, : len(there)][:, there], 0.0
    if problem.absorbed and isinstance(setup.model, Linear):
        w = None if sample.w is None else np.asarray(sample.w)[informs]
        x, tolerance = setup.model.within(np.asarray(sample.x)[informs], w)[0][:, there], COLLINEAR
    z = np.column_stack([x, np.ones(len(x))]) if constant else x
    if len(features["names"]) > len(x):
        found["wide"] = [len(features["names"]), len(x), problem.widest()]
    free = null_space(z, tolerance)
    found["not_identified"] = _named(labels, moved(free, functionals))
    used = Batch(*(np.asarray(part)[informs] for part in sample))
    if free.shape[1] == 0 and (direction := _separating(setup, z, used)) is not None:
        found["separated"] = _named(labels, moved(direction, functionals))
    return {name: columns for name, columns in found.items() if columns}


def _functionals(
    features: Mapping[str, Any], names: list[str], there: np.ndarray, constant: bool
) -> tuple[np.ndarray, list[str]]:
    """What the coefficients in the units of the file are of the weights of the columns that are `there`, [m, k], and
    their names."""
    functionals, labels = np.eye(len(names) + constant)[: len(names)], list(names)
    if constant:  # that in the units of the file, of which the slopes times the means are a part
        shift = -np.asarray(features["mean"])[there] / np.asarray(features["scale"])[there]
        functionals, labels = np.vstack([functionals, np.r_[shift, 1.0]]), [*labels, "Intercept"]
    return functionals, labels


def _free_of_files(x: Stored, there: np.ndarray, constant: bool) -> np.ndarray:
    """The directions in which weights can be moved, of a sample that lies in files, without the idle columns."""
    used = np.append(there, np.ones(int(constant), dtype=bool))
    if len(x) * len(used) ** 2 > MOST:
        return np.empty((int(used.sum()), 0))
    return free_directions(triangle(design_blocks(x, constant=constant))[:, used], x)


def _named(labels: list[str], which: np.ndarray) -> list[str]:
    return [label for label, chosen in zip(labels, which, strict=True) if chosen]


def _separating(setup: Setup, z: np.ndarray, sample: Any) -> np.ndarray | None:
    """The directions [k, d] in which a linear logit, or one of several classes, goes on for ever, where fitted
    probabilities are 0 or 1; or the log of the mean of counts, where that is 0."""
    row = losses.of(setup.problem)
    counts = row.family is POISSON and isinstance(setup.model, Linear) and not setup.model.absorbed  # else left out
    if not (row.is_log_loss or counts) or not isinstance(setup.model, Linear):
        return None
    kernel, bias = setup.model.linear.kernel[...], setup.model.linear.bias
    index = np.asarray(sample.x, np.float64) @ np.asarray(kernel, np.float64)
    index = index + (0.0 if bias is None else np.asarray(bias[...], np.float64))
    if index.shape[1] > 1:  # log odds against the least probable class
        index = index - index.min(axis=1, keepdims=True)
    if setup.solved and np.max(np.abs(index)) < EXTREME:
        return None
    if counts:
        direction = separation_of_counts(z, np.asarray(sample.y)[:, 0] == 0)
        return None if direction is None else direction[:, None]
    if index.shape[1] > 1:
        return separation_of_classes(z, np.asarray(sample.y).reshape(-1), index.shape[1])
    found = separation(z, np.asarray(sample.y)[:, 0] == 1)
    return None if found is None else found[:, None]
