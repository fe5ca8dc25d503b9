"""What the verdicts say of each equation that a problem names, and of each constraint that may bind."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from econml_cli.errors import ShapeError
from econml_cli.models.base import Model
from econml_cli.options import own_modules
from econml_cli.problems.base import Constrained, NamesEquations
from econml_cli.problems.economies.simulation import at

#: a residual that is smaller is reported as this large: log10(0) is no number
SMALLEST = 1e-16
#: what the keys of measures begin with
EQUATION, SLACK, BINDS = "equation:", "slack:", "binds:"


def look(problem: Any, model: Model, x: jax.Array) -> dict[str, jax.Array]:
    """The residuals [n] of the equations that `problem.equations` names, of which there are several; for each pair
    (a [n], b [n]) of `problem.constraints(model, x)`, {name: (slack, multiplier)}, how far min(a, b) is from 0, and
    whether the constraint binds (the multiplier is the larger). {} of a problem that has neither.

    Raises:
        ShapeError: there are other names than equations, or a pair does not have a number for each state.
    """
    found: dict[str, jax.Array] = {}
    if isinstance(problem, NamesEquations) and problem.equations:
        names = problem.equations
        residual = jnp.abs(problem.residual(model, at(x)))
        if residual.shape[1] != len(names):
            place = own_modules.defined(problem.residual)
            raise ShapeError(
                f"`equations` names {len(names)} equations, and the residual{place} has {residual.shape[1]}."
            )
        found |= {f"{EQUATION}{name}": residual[:, i] for i, name in enumerate(names)}
    pairs = problem.constraints(model, x) if isinstance(problem, Constrained) else {}
    for name, (a, b) in pairs.items():
        if a.shape != (len(x),) or b.shape != (len(x),):
            place = own_modules.defined(problem.constraints)
            raise ShapeError(
                f"`constraints`{place} gives '{name}' as {list(a.shape)} and {list(b.shape)}, expected twice "
                f"[{len(x)}]: slack and multiplier at each state."
            )
        found |= {f"{SLACK}{name}": jnp.abs(jnp.minimum(a, b)), f"{BINDS}{name}": (a < b).astype(x.dtype)}
    return found


def numbers(looked: Mapping[str, Any]) -> dict[str, float]:
    """`log10_NAME_mean` and `log10_NAME_max` of each equation, `NAME_slack`, the largest |min(slack, multiplier)|, and
    `NAME_binds`, the share of states in which the constraint binds; over the simulated paths where the economy moves,
    else over the sample."""
    told: dict[str, float] = {}
    for key, values in looked.items():
        kind, _, name = key.partition(":")
        each = np.asarray(values, np.float64)
        if kind == "equation":
            logs = np.log10(np.maximum(each, SMALLEST))
            told |= {f"log10_{name}_mean": float(logs.mean()), f"log10_{name}_max": float(logs.max())}
        elif kind == "slack":
            told[f"{name}_slack"] = float(each.max())
        elif kind == "binds":
            told[f"{name}_binds"] = float(each.mean())
    return told
