"""From a name and options to a problem: ours, of a file or of a package; what it lacks is said before it is used."""

import inspect
import math
from typing import Any

import jax
from flax import nnx

from econml_cli.data.stored import Stored
from econml_cli.errors import ConfigError, ShapeError
from econml_cli.options import own_modules
from econml_cli.options.signature import accepted
from econml_cli.problems import losses, registry
from econml_cli.problems.base import Problem

#: what `base.Problem` declares
CONTRACT = (
    *Problem.__annotations__,
    *(name for name, value in vars(Problem).items() if inspect.isfunction(value) and not name.startswith("_")),
)


def build(name: str, options: Any, rngs: nnx.Rngs) -> Problem:
    """The problem; draws from `rngs` what defines it.

    Raises:
        ConfigError: its constructor fails, it lacks a part of the contract, or its task is none.
        DataError: it reads data that cannot be used.
    """
    cls = registry.load(name)
    given = {"rngs": rngs} if "rngs" in accepted(cls) else {}
    with own_modules.telling(f"Problem {name} cannot be made"):
        problem: Problem = cls(**vars(options), **given)
    by_row = {"task"} if hasattr(problem, "loss_row") else set()
    asked = [part for part in CONTRACT if part not in by_row]
    if missing := [part for part in asked if not hasattr(cls if part == "simulated" else problem, part)]:
        words = ", ".join("simulated (of the class)" if part == "simulated" else part for part in missing)
        raise ConfigError(f"Problem {name} lacks {words}; `econml inspect problems --template` prints a whole one.")
    losses.of(problem)  # says what is wrong with its task
    return problem


def made_in_jit(name: str) -> bool:
    """Whether the class of a problem says that its constructor may run inside jit (one that inherits it says nothing:
    its constructor may do more)."""
    return bool(vars(registry.load(name)).get("made_in_jit", False))


def check_sample(name: str, problem: Problem, sample: Any) -> None:
    """Compare a sample with what its problem says of itself.

    Raises:
        ShapeError: it is no Batch(x, y), its observations have not `din` numbers, or its weights are not one each; says
            expected and got.
    """
    x = getattr(sample, "x", None)
    if not isinstance(x, jax.Array | Stored) or x.ndim == 0:
        raise ShapeError(f"A sample of problem {name} must be Batch(x, y) with arrays x [n, din], got {_said(sample)}.")
    if math.prod(x.shape[1:]) != problem.din:
        raise ShapeError(
            f"A sample of problem {name} has x{list(x.shape)}, but its din is {problem.din}: expected "
            f"[{x.shape[0]}, {problem.din}]."
        )
    w = getattr(sample, "w", None)
    if w is not None and w.shape != x.shape[:1]:
        raise ShapeError(f"A sample of problem {name} has weights w{list(w.shape)}, expected [{x.shape[0]}].")


def _said(sample: Any) -> str:
    if hasattr(sample, "x"):
        return f"x{list(sample.x.shape)}" if hasattr(sample.x, "shape") else f"an x that is a {type(sample.x).__name__}"
    return f"a {type(sample).__name__}"
