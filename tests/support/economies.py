"""Policies that are known, and what an economic model says of them."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx

from econml_cli.problems.economies.verdicts import errors, judge
from tests.support.models import Apply
from tests.support.planted_models import inverse_softplus


def verdicts(problem: Any, model: Any) -> dict[str, Any]:
    """The numbers of a model, its mean loss on the test sample as in a summary, and what they amount to."""
    batch = problem.sample(nnx.Rngs(0), "test")
    found = {"test_loss": float(problem.loss(model, batch).mean()), **problem.verdicts(model, batch)}
    return {**found, **judge(problem, found)}


def fails(problem: Any, model: Any) -> bool:
    """Whether a verdict fails. `stability`, which may simulate thousands of periods, is asked where the others pass."""
    with_errors = errors(problem, model, problem.sample(nnx.Rngs(0), "test"))
    return "failed" in judge(problem, with_errors) or "failed" in verdicts(problem, model)


def told(found: dict[str, Any]) -> dict[str, str]:
    """The verdicts among the numbers."""
    return {name: word for name, word in found.items() if name.startswith("verdict_")}


def passed(found: dict[str, Any]) -> bool:
    """Whether all three verdicts of a problem were given, and all pass; after a fit that on the states, too."""
    given = told(found)
    asked = {f"verdict_{name}" for name in ("loss", "truth", "stability")}
    return {*given} >= asked and {*given.values()} == {"passed"}


def sequence(values: np.ndarray, unit: float = 1.0, time_unit: float = 1.0) -> Apply:
    """The model whose softplus times `unit` at t / time_unit, t = 0, 1, ..., are these positive values [periods], and
    the last of them beyond."""
    y = values / unit
    raw = jnp.asarray(inverse_softplus(y, np))
    return Apply(lambda x: raw[jnp.round(x * time_unit).astype(int)])


def policy(keep: Callable[[Any], Any]) -> Apply:
    """The model that keeps this share of the resources at each k."""
    return Apply(lambda k: jnp.log(keep(k)) - jnp.log1p(-keep(k)))


def affine(H: tuple[float, float]) -> Apply:
    """u = H0 + H1 mean(X)."""
    return Apply(lambda x: H[0] + H[1] * x.mean(axis=1, keepdims=True))
