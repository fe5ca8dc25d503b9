"""A model that is linear in its parameters, solved exactly in place of being trained: by least squares, or Newton."""

import dataclasses
import inspect
from dataclasses import dataclass
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from econml_cli.config.exact import EXACT
from econml_cli.data import triangle
from econml_cli.data.stored import Stored
from econml_cli.errors import ConfigError
from econml_cli.models.base import LinearInParameters, Solvable, SolvableWithWeights
from econml_cli.models.least_squares import least_squares, weighted
from econml_cli.models.linear import Linear
from econml_cli.options.own_modules import first_line
from econml_cli.problems import losses
from econml_cli.problems.base import Batch, Solves
from econml_cli.problems.known import outputs
from econml_cli.problems.tabular import Tabular
from econml_cli.training.setup.setup import Setup
from econml_cli.training.setup.squared_error import is_squared_error
from econml_cli.training.step import quantile_regression
from econml_cli.training.step.carry import DIVERGED, SOLVED, Carry
from econml_cli.training.step.epoch import BLOCK, Inputs
from econml_cli.training.step.newton import minimise
from econml_cli.training.step.trees import copied


@dataclass(frozen=True)
class Solution:
    """Where a fit is once it is solved, the row of its one epoch, and what the solver reports (a condition number)."""

    carry: Carry
    row: dict[str, np.ndarray]
    report: dict[str, float]


def check_solvable(setup: Setup) -> None:
    """Raise ConfigError where a model is to be solved and its solver is for another loss, or leaves weights out.

    A problem that has a `solve(model, batch)` of its own says itself which models it can solve.
    """
    if not setup.solved or isinstance(setup.problem, Solves):
        return
    if by_newton(setup) or by_programme(setup):
        return
    if not is_squared_error(setup):
        row = losses.of(setup.problem)
        wrong = f"the loss of problem {setup.config.problem} is "
        wrong += row.called if not row.least_squares else "not squared error, as a few observations show"
    elif setup.train.w is not None and not _weighs(setup.model):
        wrong = f"the observations of problem {setup.config.problem} have weights, which it leaves out"
    else:
        return
    trains = "train it with --solver gradient, or " if hasattr(setup.config.model_options, "solver") else ""
    raise ConfigError(
        f"Model {setup.config.model} is solved by least squares, but {wrong}; {trains}choose another model."
    )


def _weighs(model: Any) -> bool:
    """Whether the `solve` of a model takes weights."""
    return "w" in inspect.signature(getattr(model, "h", model).solve).parameters


def by_newton(setup: Setup) -> bool:
    """Whether a model is solved by Newton's method: it takes what is exact for the loss, another convex one."""
    row = losses.of(setup.problem)
    linear = getattr(setup.model, "solver", "") == EXACT and isinstance(setup.model, LinearInParameters)
    return linear and row.by_newton and not losses.is_own(setup.problem)


def by_programme(setup: Setup) -> bool:
    """Whether a model is solved by a linear programme: it takes what is exact for the loss, one of quantiles."""
    linear = getattr(setup.model, "solver", "") == EXACT and isinstance(setup.model, LinearInParameters)
    return linear and bool(losses.of(setup.problem).levels) and not losses.is_own(setup.problem)


def in_float64(setup: Setup) -> Batch:
    """The training sample; that of a table as it was before it was put on the device in the precision of the fit."""
    kept = setup.problem.sample(None, "train") if isinstance(setup.problem, Tabular) else None
    there = np.asarray(setup.train.x)
    # not where it is fitted to other rows than its own: some of them, a bootstrap
    if kept is None or not np.array_equal(there, np.asarray(kept.x).astype(there.dtype)):
        return setup.train
    same = np.array_equal(np.asarray(setup.train.y), np.asarray(kept.y).astype(setup.train.y.dtype))
    own, theirs = (None if w is None else np.asarray(w, there.dtype) for w in (setup.train.w, kept.w))
    alike = own is theirs if own is None or theirs is None else np.array_equal(own, theirs)
    return kept if same and alike else setup.train


def squared_rows(setup: Setup, model: Linear) -> tuple[np.ndarray, np.ndarray]:
    """Rows [m, k] of the design of a linear model and what is compared with them [m, dout], whose sums of squares are
    those of the (weighted) training sample: its own, or of one that lies in files their triangular factor."""
    x, y = setup.train.x, setup.train.y
    if isinstance(x, Stored):
        return triangle.squared_rows(x, y, constant=model.linear.bias is not None)
    sample = in_float64(setup)
    return weighted(model.design(sample.x), np.asarray(sample.y, np.float64), sample.w)


def solve(setup: Setup, program: Any, inputs: Inputs, carry: Carry) -> Solution:
    """Solve the model of a setup on its training sample, by the problem's own `solve` if it has one (a differential
    equation, say) and else by the model's; losses in reported units.

    Raises:
        ConfigError: the solver refuses the sample.
    """
    model = setup.model
    try:
        if isinstance(setup.problem, Solves):
            report = dict(setup.problem.solve(model, setup.train))
        else:
            how = _programme if by_programme(setup) else _newton if by_newton(setup) else _least_squares
            how = _poisson_within if by_newton(setup) and isinstance(model, Linear) and model.absorbed else how
            report = how(setup)
    except (ValueError, np.linalg.LinAlgError) as error:
        raise ConfigError(f"Model {setup.config.model} cannot be solved: {first_line(error)}.") from error
    _, params, other = nnx.split(model, nnx.Param, ...)
    parts = {"train": setup.train} | ({} if setup.val is None else {"val": setup.val})
    found = jax.device_get(program.measure(nnx.state(model), inputs, parts))
    row = {f"{name}_loss": np.asarray([loss]) for name, loss in found.items()}
    if not all(np.isfinite(loss) for loss in found.values()):
        return Solution(dataclasses.replace(carry, status=jnp.int32(DIVERGED)), row, report)
    params, other = copied((params, other))
    solved = dataclasses.replace(carry, params=params, other=other, epoch=jnp.int32(1), status=jnp.int32(SOLVED))
    return Solution(solved, row, report)


def _least_squares(setup: Setup) -> dict[str, float]:
    """The model's own `solve`, and how far what it then computes is from the exact solution."""
    model = setup.model
    if setup.streamed:
        assert isinstance(model, Linear)  # others look at all inputs before they are solved
        exact, found = least_squares(*squared_rows(setup, model))
        model.assign(exact)
        return found
    sample = in_float64(setup)
    assert isinstance(model, Solvable), f"{type(model).__name__} has no solve(x, y)"
    if sample.w is None:
        report = dict(model.solve(sample.x, sample.y))
    else:  # `check_solvable` has refused a model that does not take them
        weights = np.asarray(sample.w, np.float64)
        report = dict(cast(SolvableWithWeights, model).solve(sample.x, sample.y, weights))
    bound = report.pop("fitted_error", None)
    if (exact := report.pop("fitted", None)) is not None:
        report |= rounding(setup, exact, bound)
    return report


def rounding(setup: Setup, exact: np.ndarray, bound: float | None = None) -> dict[str, float]:
    """`rounding_error`: the largest difference, over the training inputs, between what the model computes there in its
    own precision (inputs, features, weights and sums are all rounded) and the exact solution; in the units that the
    model was solved in (of a standardised target its standard deviation). Nothing where it is not known.

    Args:
        exact: the solution as it was computed in float64 [n, dout]. bound: of how wrong that is itself; None: not
            known, and nothing to a model in float32, whose own rounding is much more.
    """
    if bound is None and setup.train.x.dtype == np.float64:
        return {}
    found = np.concatenate([np.asarray(outputs(setup.model, part), np.float64) for part in blocks_of(setup.train.x)])
    return {"rounding_error": float(np.max(np.abs(found - exact))) + (bound or 0.0)}


def _newton(setup: Setup) -> dict[str, float]:
    sample, row, model = in_float64(setup), losses.of(setup.problem), setup.model
    assert row.per_row is not None and isinstance(model, LinearInParameters)
    y, w = np.asarray(sample.y), losses.weights_in(setup.problem, sample)
    design = model.design(sample.x)
    if not np.isfinite(design).all():
        raise ValueError("its features have values that are not finite")
    found = minimise(row.per_row, design, y, setup.problem.dout, w, classes=row.is_multinomial)
    model.assign(found.w)
    report = {"gradient_norm": found.gradient_norm, "newton_steps": found.steps}
    return {**report, **rounding(setup, design @ found.w)}


def _poisson_within(setup: Setup) -> dict[str, float]:
    """Fixed effects under the one loss with Newton's method that absorbs them (`Loss.absorbs`)."""
    sample, model = in_float64(setup), setup.model
    assert isinstance(model, Linear)
    w = None if sample.w is None else np.asarray(sample.w, np.float64)
    report = model.solve_poisson(sample.x, sample.y, w)
    exact = report.pop("fitted")
    return {**report, **rounding(setup, exact)}


def _programme(setup: Setup) -> dict[str, float]:
    sample, row, model = in_float64(setup), losses.of(setup.problem), setup.model
    assert isinstance(model, LinearInParameters)
    w = None if sample.w is None else np.asarray(sample.w, np.float64)
    design = model.design(sample.x)
    found = quantile_regression.solve(row.levels, design, np.asarray(sample.y, np.float64), w)
    model.assign(found)
    return rounding(setup, design @ found)


def blocks_of(x: Any) -> list[Any]:
    """Inputs in blocks of rows."""
    return [x[first : first + BLOCK] for first in range(0, len(x), BLOCK)]
