"""The Bayes risk R(f*) of a problem, and how far above it a model is, draw by draw."""

from collections.abc import Callable
from typing import Any

import jax

from econml_cli.problems import losses
from econml_cli.problems.base import Batch, Equations, Problem

#: a function of (model, batch) that gives one number an observation, [n]
Measure = Callable[[Any, Batch], jax.Array]


def bayes_risk(problem: Problem) -> float | None:
    """The smallest population risk of any function, in reported units; None where it is not known.

    It is the problem's own `bayes_risk`, or that of its `known` truth; 0 of an economic model, whose residual is zero
    at its solution, and of a simulated reconstruction, since f*(x) = x without a bottleneck.
    """
    if not problem.simulated:
        return None
    said = _of(problem, "bayes_risk")
    if said is not None:
        return float(said)
    row = losses.of(problem)
    zero = row.reconstructs or (not row.observed and isinstance(problem, Equations))
    return 0.0 if zero else None


def excess_loss(problem: Problem) -> Measure | None:
    """A function whose mean over fresh draws is R(f) - R(f*), in reported units; None where R(f*) is not known.

    Where the loss is known to be the squared error, and `best` gives f*, it is the loss against f*(x) in place of y:
    E l(f(x), y) less E l(f*(x), y) is E (f - f*)^2, without the noise of y, which would drown the difference. Under
    another loss it is l(f(x), y) - l(f*(x), y), draw by draw; without a `best`, the loss less the Bayes risk.
    """
    least = bayes_risk(problem)
    if least is None:
        return None
    best = _of(problem, "best")
    if best is None:
        return lambda model, batch: problem.loss(model, batch) * problem.loss_scale - least
    if losses.of(problem).least_squares and not losses.is_own(problem):
        return lambda model, batch: problem.loss(model, Batch(batch.x, best(batch.x))) * problem.loss_scale
    return lambda model, batch: (problem.loss(model, batch) - problem.loss(best, batch)) * problem.loss_scale


def loss(problem: Problem) -> Measure:
    """The loss of each observation, in reported units."""
    return lambda model, batch: problem.loss(model, batch) * problem.loss_scale


def _of(problem: Problem, name: str) -> Any:
    """What a problem, or its `known` truth, says under this name; None where neither does."""
    found = getattr(problem, name, None)
    return getattr(getattr(problem, "known", None), name, None) if found is None else found
