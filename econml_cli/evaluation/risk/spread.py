"""Means with their standard errors and normal or Student intervals, in NumPy float64."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from econml_cli.evaluation.estimate import Estimate
from econml_cli.evaluation.population import Z


def around(value: float, standard_error: float, replications: int | None = None) -> Estimate:
    """An estimate with its 95 % interval: normal, or Student's with `replications` - 1 degrees of freedom."""
    from scipy.special import stdtrit

    wide = Z if replications is None else float(stdtrit(max(replications - 1, 1), 0.975))
    return Estimate(value, value - wide * standard_error, value + wide * standard_error, standard_error)


def standard_error(values: np.ndarray, groups: np.ndarray | None = None) -> float:
    """The standard error of the mean of values [n]; NaN of fewer than two.

    Observations are taken as independent, or, with `groups` [n], those of different groups.
    Source: Liang and Zeger (1986), Biometrika 73, for the mean.
    """
    values = np.asarray(values, np.float64)
    if groups is None:
        return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan
    _, place = np.unique(groups, return_inverse=True)
    sums = np.bincount(place, weights=values - values.mean())
    return math.sqrt(len(sums) / (len(sums) - 1) * np.square(sums).sum()) / len(values) if len(sums) > 1 else math.nan


def estimate(values: np.ndarray, groups: np.ndarray | None = None) -> Estimate:
    """The mean of values [n] with the normal interval of `standard_error`."""
    return around(float(np.mean(values, dtype=np.float64)), standard_error(values, groups))


def groups_of(problem: Any, split: str, n: int) -> np.ndarray | None:
    """The group of each of the n observations of a split; None where they are independent.

    A file may have groups; a simulated problem says in `dependent` how many successive observations depend on each
    other (a trajectory).
    """
    found = getattr(problem, "groups", {}).get(split)
    if found is not None:
        return np.asarray(found)
    length = int(getattr(problem, "dependent", 1))
    return np.arange(n) // length if length > 1 else None


def flat(found: Mapping[str, Any]) -> dict[str, Any]:
    """{"a": {"value": 1, "low": 0}} -> {"a": 1, "a_low": 0}: estimates in one row."""
    row: dict[str, Any] = {}
    for key, value in found.items():
        if isinstance(value, dict):
            row |= {key if part == "value" else f"{key}_{part}": number for part, number in value.items()}
        else:
            row[key] = value
    return row
