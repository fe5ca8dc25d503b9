"""Whether the parts of an economic model fit each other, found on shapes alone, before anything is trained."""

from collections.abc import Callable
from typing import Any

import jax
from flax import nnx

from econml_cli.errors import EconmlError, ShapeError
from econml_cli.models.base import Model
from econml_cli.options import own_modules
from econml_cli.problems.base import Constrained, HasEuler, HasTruth, Moves, Problem
from econml_cli.problems.economies.constraints import look

#: paths of an economy whose shapes are looked at
PATHS = 3


def check_economy(name: str, problem: Problem, model: Model, x: Any) -> None:
    """Look at what an economic model has beside its residual, at states x [n, ...]: exact policy, Euler residual,
    constraints, how its state moves. What does not fit would show after training only, or in no message at all.

    Raises:
        ShapeError: with the line of the user's file.
    """
    parts = _Parts(name, problem)
    if isinstance(problem, HasEuler):
        parts.expect("euler", parts.shape("euler", model, x), [len(x)], "a number for each state")
    if isinstance(problem, Constrained):
        computed(parts.fails("constraints"), lambda m, x: look(problem, m, x), model, x)
    if isinstance(problem, HasTruth) and (exact := computed(parts.fails("truth"), problem.truth, x)) is not None:
        parts.expect("truth", list(exact.shape), parts.shape("predict", model, x), "as `predict`")
    if isinstance(problem, Moves):
        _check_moves(parts, problem, model, x)


def _check_moves(parts: "_Parts", problem: Moves, model: Model, x: Any) -> None:
    state = computed(parts.fails("start"), lambda: problem.start(PATHS))
    read = list(computed(parts.fails("observe"), problem.observe, state).shape)
    parts.expect("observe", read, [PATHS, *x.shape[1:]], f"what the model reads at {PATHS} paths")
    shock = jax.ShapeDtypeStruct((PATHS, problem.shock_size), x.dtype)
    moved = parts.of("step", model, state, shock)
    if not (isinstance(moved, tuple) and len(moved) == 2 and isinstance(moved[1], dict)):
        raise parts.wrong("step", "no pair", "(the next state, a dict of series)")
    after, before = (jax.tree.map(lambda leaf: tuple(leaf.shape), tree) for tree in (moved[0], state))
    if after != before:
        raise parts.wrong("step", f"a state of the shape {after}", f"{before} at {PATHS} paths, as `start` gives")
    for series, values in moved[1].items():
        parts.expect("step", list(values.shape), [PATHS], f"the series '{series}' at {PATHS} paths")


class _Parts:
    """The methods of a problem, and what is said of them."""

    def __init__(self, name: str, problem: Problem):
        self.name, self.problem = name, problem

    def fails(self, method: str) -> str:
        """How the sentence begins that says that one fails."""
        return f"`{method}` of problem {self.name} cannot be computed"

    def of(self, method: str, *given: Any) -> Any:
        """The shapes of what one gives."""
        return computed(self.fails(method), lambda *given: getattr(self.problem, method)(*given), *given)

    def shape(self, method: str, *given: Any) -> list[int]:
        """The shape of the one array that it gives."""
        return list(self.of(method, *given).shape)

    def wrong(self, method: str, found: object, expected: str) -> ShapeError:
        """What is said of one that gives something else than is expected."""
        place = own_modules.defined(getattr(self.problem, method))
        return ShapeError(f"`{method}` of problem {self.name}{place} gives {found}, expected {expected}.")

    def expect(self, method: str, found: list[int], shape: list[int], what: str) -> None:
        """Raise ShapeError where two shapes differ; `what` says of what they are."""
        if found != shape:
            raise self.wrong(method, found, f"{shape}: {what}")


def computed(what: str, function: Callable[..., Any], *given: Any) -> Any:
    """The shapes of what a function gives, found without computing it.

    Raises:
        ShapeError: the function fails; `what` begins the sentence.
    """
    try:
        return nnx.eval_shape(function, *given)
    except EconmlError:
        raise
    except Exception as error:
        why = f"{own_modules.where(error)}: {own_modules.said(error)}"
        raise ShapeError(f"{what}{why}. Check the shapes that its layers expect; --debug shows the trace.") from error
