"""A model that is linear in its parameters, solved exactly in place of being trained."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from econml_cli.errors import ConfigError
from econml_cli.options.own_modules import first_line
from econml_cli.training.setup.setup import Setup
from econml_cli.training.step.epoch import DIVERGED, SOLVED, Carry, Inputs

#: tasks whose loss is squared error
SQUARED_ERROR = ("regression", "reconstruction")


@dataclass(frozen=True)
class Solution:
    """Where a fit is once it is solved, the row of its one epoch, and what the solver reports (a condition number)."""

    carry: Carry
    row: dict[str, np.ndarray]
    report: dict[str, float]


def check_solvable(setup: Setup) -> None:
    """Raise ConfigError where a model is to be solved by least squares and the loss is another.

    A problem that has a `solve(model, batch)` of its own says itself which models it can solve.
    """
    if setup.solved and setup.problem.task not in SQUARED_ERROR and not hasattr(setup.problem, "solve"):
        classifies = setup.problem.task in ("binary", "multiclass")
        loss = "cross-entropy" if classifies else "not the squared error of a target"
        trains = "train it with --solver gradient, or " if hasattr(setup.config.model_options, "solver") else ""
        raise ConfigError(
            f"Model {setup.config.model} is solved by least squares, but the loss of problem {setup.config.problem} is "
            f"{loss}; {trains}choose another model."
        )


def solve(setup: Setup, program: Any, inputs: Inputs, carry: Carry) -> Solution:
    """Solve the model of a setup on its training sample, by the problem's own `solve` if it has one (a differential
    equation, say) and else by the model's; losses in reported units.

    Raises:
        ConfigError: the solver refuses the sample.
    """
    model = setup.model
    try:
        if hasattr(setup.problem, "solve"):
            report = dict(setup.problem.solve(model, setup.train))
        else:
            report = dict(model.solve(setup.train.x, setup.train.y))
    except (ValueError, np.linalg.LinAlgError) as error:
        raise ConfigError(f"Model {setup.config.model} cannot be solved: {first_line(error)}.") from error
    _, params, other = nnx.split(model, nnx.Param, ...)
    parts = {"train": setup.train} | ({} if setup.val is None else {"val": setup.val})
    losses = jax.device_get(program.measure(nnx.state(model), inputs, parts))
    row = {f"{name}_loss": np.asarray([loss]) for name, loss in losses.items()}
    if not all(np.isfinite(loss) for loss in losses.values()):
        return Solution(dataclasses.replace(carry, status=jnp.int32(DIVERGED)), row, report)
    solved = dataclasses.replace(
        carry,
        params=jax.tree.map(jnp.copy, params),
        other=jax.tree.map(jnp.copy, other),
        epoch=jnp.int32(1),
        status=jnp.int32(SOLVED),
    )
    return Solution(solved, row, report)
