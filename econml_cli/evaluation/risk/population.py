"""The population risk of a simulated problem, by fresh draws."""

import dataclasses
import math

import numpy as np

from econml_cli.evaluation import standard_errors
from econml_cli.evaluation.estimate import Estimate
from econml_cli.evaluation.risk.bayes import loss
from econml_cli.evaluation.risk.measure import Fresh, Meter
from econml_cli.models.base import Model
from econml_cli.problems.base import Problem


def population_risk(problem: Problem, name: str, model: Model, draws: int, seed: int) -> Estimate:
    """The mean loss over `draws` fresh observations, in reported units; memory does not grow with `draws`.

    Call it inside `precision(...)`. The states of one trajectory (`problem.dependent`) count as one draw.

    Args:
        problem: a simulated problem. name: its name, for an error. draws: at least 2, and at least two trajectories.
        seed: of the draws.

    Raises:
        ConfigError: fewer draws, or nothing of the problem is drawn, so that it has no population.
    """
    first, totals = math.nan, np.zeros(6)
    for block in Meter({"loss": loss(problem)}).blocks([model], Fresh(problem, name, draws, seed)):
        values = block["loss"][0]
        # as distances from a first mean: the squares of the losses themselves would lose the digits of a small variance
        first = float(values.mean()) if math.isnan(first) else first
        totals += _totals(values - first, standard_errors.groups_of(problem, "population", len(values)))
    groups, n, sums, squares, crossed, sizes = totals.tolist()
    mean = sums / n
    squared = squares - 2 * mean * crossed + mean**2 * sizes  # sum of (sum - size * mean)^2 over the groups
    error = math.sqrt(groups / (groups - 1) * max(squared, 0.0)) / n
    return dataclasses.replace(standard_errors.around(first + mean, error), draws=draws)


def _totals(values: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """Of values [n] in groups, or each its own: the number of groups, n, the sum of the values; over groups the sums of
    sum^2, of sum * size, and of size^2."""
    sums, sizes = values, np.ones(len(values))
    if groups is not None:
        sums, sizes = np.bincount(groups, weights=values), np.bincount(groups).astype(np.float64)
    return np.array([len(sums), len(values), sums.sum(), sums @ sums, sums @ sizes, sizes @ sizes])
