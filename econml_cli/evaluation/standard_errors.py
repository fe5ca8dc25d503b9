"""Means with their standard errors and normal or Student intervals, in NumPy float64."""

import math

import numpy as np

from econml_cli.evaluation.bootstrap import units_of
from econml_cli.evaluation.estimate import Estimate
from econml_cli.problems.base import Problem
from econml_cli.problems.means import mean

#: the 97.5 % point of the standard normal distribution
Z = 1.959963984540054


def around(value: float, standard_error: float, freedom: float | None = None) -> Estimate:
    """An estimate with its 95 % interval: normal, or Student's with so many degrees of freedom, at least 1."""
    wide = critical(None if freedom is None else max(freedom, 1.0))
    return Estimate(value, value - wide * standard_error, value + wide * standard_error, standard_error)


def critical(freedom: float | None = None) -> float:
    """The 97.5 % point of Student's distribution with so many degrees of freedom, of the normal one for None."""
    if freedom is None:
        return Z
    from scipy.special import stdtrit  # scipy.stats has the same, and takes ten times as long to import

    return float(stdtrit(freedom, 0.975))


def two_sided(t: float, freedom: float | None = None) -> float:
    """The probability of a larger |t| under Student's distribution, or the normal one for None."""
    from scipy.special import ndtr, stdtr

    return float(2 * (ndtr(-abs(t)) if freedom is None else stdtr(freedom, -abs(t))))


def standard_error(values: np.ndarray, groups: np.ndarray | None = None, w: np.ndarray | None = None) -> float:
    """The standard error of the mean of values [n] with weights w [n] (None: all are 1); NaN of fewer than two.

    Observations are taken as independent, or, with `groups` [n], those of different groups.
    Source: Liang and Zeger (1986), Biometrika 73, for the mean.
    """
    values = np.asarray(values, np.float64)
    if w is not None or groups is not None:
        units = units_of(values[:, None], groups, w)
        n = len(units.sizes)
        return float(math.sqrt(n / (n - 1)) * units.deviations[0]) if n > 1 else math.nan
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan


def estimate(values: np.ndarray, groups: np.ndarray | None = None) -> Estimate:
    """The mean of values [n] with the interval of `standard_error`: normal, or with `groups` Student's, with one degree
    of freedom less than there are groups."""
    free = None if groups is None else independent(len(values), groups) - 1.0
    return around(float(mean(np.asarray(values, np.float64))), standard_error(values, groups), free)


def freedom_of(own: float, own_n: int, shared: float, shared_n: int) -> float:
    """The degrees of freedom of the sum of two independent errors, each with its standard error and with the number of
    observations (or groups) that this is estimated from. Source: Welch (1947), Biometrika 34, 28-35."""
    if shared == 0:
        return own_n - 1.0
    return (own**2 + shared**2) ** 2 / (own**4 / max(own_n - 1, 1) + shared**4 / max(shared_n - 1, 1))


def groups_of(problem: Problem, split: str, n: int) -> np.ndarray | None:
    """The group of each of the n observations of a split; None where they are independent.

    A file may have groups; a simulated problem says in `dependent` how many successive observations depend on each
    other (a trajectory).
    """
    found = getattr(problem, "groups", {}).get(split)
    if found is not None:
        return np.asarray(found)
    length = int(getattr(problem, "dependent", 1))
    return np.arange(n) // length if length > 1 else None


def independent(n: int, groups: np.ndarray | None) -> int:
    """How many of n observations, or groups of them, are independent of each other."""
    return n if groups is None else len(np.unique(groups))


def unspread(name: str, problem: Problem, split: str, n: int) -> tuple[str, ...]:
    """What to say of a run where the mean over a split, of n observations, has no standard error; () where it has."""
    if independent(n, groups_of(problem, split, n)) > 1:
        return ()
    what = "one observation" if n == 1 else "one trajectory" if problem.simulated else "one group"
    return (f"{name}: the {split} split is {what}, and a standard error or an interval takes two.",)
