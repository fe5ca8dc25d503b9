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
from econml_cli.problems import losses
from econml_cli.training.setup.setup import Setup
from econml_cli.training.setup.squared_error import is_squared_error
from econml_cli.training.step.epoch import DIVERGED, SOLVED, Carry, Inputs


@dataclass(frozen=True)
class Solution:
    """Where a fit is once it is solved, the row of its one epoch, and what the solver reports (a condition number)."""

    carry: Carry
    row: dict[str, np.ndarray]
    report: dict[str, float]


def check_solvable(setup: Setup) -> None:
    """Raise ConfigError where a model is to be solved by least squares and the loss is another, or has weights.

    A problem that has a `solve(model, batch)` of its own says itself which models it can solve.
    """
    if not setup.solved or hasattr(setup.problem, "solve"):
        return
    if not is_squared_error(setup):
        row = losses.of(setup.problem)
        wrong = f"the loss of problem {setup.config.problem} is "
        wrong += row.called if not row.least_squares else "not squared error, as a few observations show"
    elif setup.train.w is not None:
        wrong = f"the observations of problem {setup.config.problem} have weights, which it leaves out"
    else:
        return
    trains = "train it with --solver gradient, or " if hasattr(setup.config.model_options, "solver") else ""
    raise ConfigError(
        f"Model {setup.config.model} is solved by least squares, but {wrong}; {trains}choose another model."
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
    found = jax.device_get(program.measure(nnx.state(model), inputs, parts))
    row = {f"{name}_loss": np.asarray([loss]) for name, loss in found.items()}
    if not all(np.isfinite(loss) for loss in found.values()):
        return Solution(dataclasses.replace(carry, status=jnp.int32(DIVERGED)), row, report)
    solved = dataclasses.replace(
        carry,
        params=jax.tree.map(jnp.copy, params),
        other=jax.tree.map(jnp.copy, other),
        epoch=jnp.int32(1),
        status=jnp.int32(SOLVED),
    )
    return Solution(solved, row, report)
