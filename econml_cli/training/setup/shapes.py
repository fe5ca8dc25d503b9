"""Whether a model and a problem fit each other, found on shapes alone."""

from collections.abc import Callable
from typing import Any

import jax

from econml_cli.config.fit_config import FitConfig
from econml_cli.errors import ShapeError
from econml_cli.models.base import Model
from econml_cli.options import own_modules
from econml_cli.problems.base import Batch, Equations, Problem
from econml_cli.training.setup.economy_shapes import check_economy, computed


def check_shapes(config: FitConfig, problem: Problem, model: Model, train: Batch) -> None:
    """Evaluate model, residual and loss on shapes only, and compare with what the problem expects.

    [N] against [N, 1] would silently become an N x N mean; it is caught here, once.

    Raises:
        ShapeError: with the expected and the actual shape.
    """
    train = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), train)
    n = int(train.x.shape[0])
    read = f"x{list(train.x.shape)}"
    what = f"Model {config.model} cannot read {read} of problem {config.problem}"
    out = _shape_of(lambda m, x: m(x), model, train.x, what)
    if out != [n, problem.dout]:
        raise ShapeError(
            f"Model {config.model} maps {read} to {out}, but problem {config.problem} expects [{n}, {problem.dout}]; "
            "check the model's output layer."
        )
    if isinstance(problem, Equations):
        _check_residual(config, problem, model, train)
    if own_modules.is_own(type(problem)):  # ours are tested
        check_economy(config.problem, problem, model, train.x)
    what = f"The loss of problem {config.problem} cannot be computed"
    loss = _shape_of(lambda m, b: problem.loss(m, b), model, train, what)
    if loss != [n]:
        raise ShapeError(
            f"The loss of problem {config.problem}{own_modules.defined(problem.loss)} has shape {loss}, expected "
            f"[{n}]: one value an observation."
        )


def _check_residual(config: FitConfig, problem: Equations, model: Model, train: Batch) -> None:
    """Raise ShapeError where a residual is not [n, equations]: also where it has n columns because it has n rows."""

    residual = f"The residual of problem {config.problem}{own_modules.defined(problem.residual)}"

    def columns(n: int) -> int:
        batch = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((n, *leaf.shape[1:]), leaf.dtype), train)
        what = f"The residual of problem {config.problem} cannot be computed"
        shape = _shape_of(lambda m, b: problem.residual(m, b), model, batch, what)
        if len(shape) != 2 or shape[0] != n:
            raise ShapeError(
                f"{residual} has shape {shape}, expected [{n}, equations]: a column an equation, also of one."
            )
        return shape[1]

    n = int(train.x.shape[0])
    if columns(n) != columns(n + 1):
        raise ShapeError(
            f"{residual} has shape [{n}, {n}] at {n} observations: somewhere in it [{n}] meets [{n}, 1]; keep both "
            f"[{n}, 1]."
        )


def _shape_of(function: Callable[[Model, Any], jax.Array], model: Model, given: Any, what: str) -> list[int]:
    """The shape of what a function gives, found without computing it.

    Raises:
        ShapeError: the function fails; `what` begins the sentence.
    """
    found = computed(what, function, model, given)
    return [int(size) for size in found.shape]
