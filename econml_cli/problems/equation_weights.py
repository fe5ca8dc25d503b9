"""Weights of the equations of an economic model, which a fit gives to its problem (`--equation-weights`)."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from econml_cli.problems.lazily import np

#: the attribute of a problem; an array [equations] of mean 1
ATTRIBUTE = "equation_weights"
#: what begins the name of a weight in a summary
WEIGHT = "weight_"
P = TypeVar("P")


def weights_of(problem: object) -> Any:
    """The weights [equations], of mean 1; None where all weigh the same."""
    return getattr(problem, ATTRIBUTE, None)


def with_weights(problem: P, weights: Any) -> P:
    """The same problem with these weights."""
    bound = copy.copy(problem)
    setattr(bound, ATTRIBUTE, weights)
    return bound


def equal(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays of a problem with the weights, if there are some, all 1: what is reported counts equations alike."""
    return {name: value * 0 + 1 if name == ATTRIBUTE else value for name, value in arrays.items()}


def names_of(problem: object, count: int) -> tuple[str, ...]:
    """The names of so many equations: those that the problem gives them, else their numbers from 1."""
    named: Sequence[str] = getattr(problem, "equations", None) or ()
    return tuple(named) if len(named) == count else tuple(map(str, range(1, count + 1)))


def told(problem: object) -> dict[str, float]:
    """`weight_NAME` of each equation; {} where all weigh the same."""
    weights = weights_of(problem)
    if weights is None:
        return {}
    each = np.asarray(weights, np.float64)
    return {f"{WEIGHT}{name}": float(w) for name, w in zip(names_of(problem, len(each)), each, strict=True)}
