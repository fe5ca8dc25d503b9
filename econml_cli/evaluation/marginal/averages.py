"""Means over rows of what one fitted model, or several, say of each row; with standard errors and intervals."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from flax import nnx

from econml_cli.evaluation.bootstrap import Units, units_of
from econml_cli.evaluation.estimate import Estimate
from econml_cli.evaluation.intervals import few, of_units
from econml_cli.evaluation.samples import blocks
from econml_cli.evaluation.standard_errors import Z
from econml_cli.models.base import Model
from econml_cli.problems.base import Batch, Problem
from econml_cli.problems.means import mean
from econml_cli.problems.tabular import Tabular

#: what a model says of inputs x [n, ...]
OfRows = Callable[[np.ndarray], np.ndarray]
#: a standard error below this share of the value is rounding
ROUNDING = 1e-9


def compiled(function: Callable[[Model, Any], jax.Array], models: Sequence[Model], dtype: str) -> list[OfRows]:
    """For each of several models of one kind the function x [n, ...] -> `function(model, x)` on the host.

    In blocks of rows, compiled once for all models. Call it, and what it gives, inside `precision(...)`.
    """
    graphdef = nnx.graphdef(models[0])
    compute = jax.jit(lambda state, x: function(nnx.merge(graphdef, state), x))

    def of(state: Any) -> OfRows:
        return lambda x: np.concatenate(
            [jax.device_get(compute(state, block.x)) for block in blocks(Batch(x, None), dtype)]
        )

    return [of(nnx.state(model)) for model in models]


def predictions(problem: Problem, models: Sequence[Model], dtype: str) -> list[OfRows]:
    """For each of several models the function x [n, ...] -> its prediction in the target's own units [n, dout]; of a
    table in float64 from the standardised prediction on, so that small differences from a large mean are kept."""
    if not isinstance(problem, Tabular):
        return compiled(problem.predict, models, dtype)
    found = compiled(problem.standardised, models, dtype)
    return [lambda x, one=one: problem.own_units(one(x)) for one in found]  # type: ignore[misc]


def averages(
    together: np.ndarray,
    by_member: np.ndarray,
    *,
    replications: int,
    seed: int,
    groups: np.ndarray | None = None,
    w: np.ndarray | None = None,
    rounding: np.ndarray | float = 0.0,
) -> list[Estimate]:
    """The mean over rows of each of k columns.

    Of one model: the standard error of the bootstrap over rows (whole groups of them), and Student's interval with one
    degree of freedom less than there are rows (groups), given the fitted model. Of K members the value is the mean of
    theirs, the standard error sqrt(rows^2 + members^2), where `rows` is the bootstrap's for that mean and `members` the
    standard deviation over the members (of one member, not of their mean: how far the value of another seed would
    lie), and the interval value +- 1.96 standard errors.

    Args:
        together: what is averaged over rows, [n, k]; of several members their mean. by_member: the means over rows of
            each member, [K, k]. replications: of the bootstrap; below 2: none.
        w: weights of the rows, [n]; None: all are 1. rounding: a standard error at or below it, [k], is 0.
    """
    units = units_of(together, groups, w)
    return around(
        mean(together, w), units, by_member, replications=replications, seed=seed, rounding=rounding,
        grouped=groups is not None,
    )  # fmt: skip


def around(
    values: np.ndarray,
    units: Units,
    by_member: np.ndarray,
    *,
    replications: int,
    seed: int,
    rounding: np.ndarray | float = 0.0,
    grouped: bool = False,
) -> list[Estimate]:
    """`averages` of means `values` [k] over rows that are given as what is independent of each other: rows, or (where
    they are `grouped`) groups of them."""
    errors = low = high = np.full(len(values), np.nan)
    if replications > 1:
        errors, low, high = of_units(units, replications=replications, seed=seed)
    spread = np.full(len(values), np.nan)
    if len(by_member) > 1:
        spread = by_member.std(axis=0, ddof=1)
        errors = np.sqrt(np.nan_to_num(errors) ** 2 + spread**2)
        low, high = values - Z * errors, values + Z * errors
    exact = errors <= np.maximum(ROUNDING * np.abs(values), rounding)
    errors, low, high = np.where(exact, 0.0, errors), np.where(exact, values, low), np.where(exact, values, high)
    rows = zip(values, low, high, errors, spread, strict=True)
    found = [_estimate(*(None if np.isnan(x) else float(x) for x in row)) for row in rows]
    caveat = few(len(units.sizes), grouped)
    return [one if one.low is None else dataclasses.replace(one, caveat=caveat or None) for one in found]


def _estimate(
    value: float | None, low: float | None, high: float | None, error: float | None, sd: float | None
) -> Estimate:
    return Estimate(np.nan if value is None else value, low, high, standard_error=error, sd=sd)
