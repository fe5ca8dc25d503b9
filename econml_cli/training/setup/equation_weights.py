"""`--equation-weights`: from what was typed, or the residuals at the initial weights, to the weights of equations."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from econml_cli.config.fit_config import FitConfig
from econml_cli.errors import ConfigError
from econml_cli.models.base import Model
from econml_cli.problems.base import Batch, Equations, Problem
from econml_cli.problems.economies import economics
from econml_cli.problems.equation_weights import names_of, with_weights

AUTO = "auto"
#: an equation whose mean square at the start is a smaller share of the largest one counts as of this share: one that
#: happens to hold already would else be all that is trained
LEAST = 1e-12


def weighed(config: FitConfig, problem: Problem, model: Model, train: Batch) -> Problem:
    """The problem with the weights of its equations that a fit asks for, of mean 1; itself where it asks for none.

    `auto`: each equation is divided by its root mean square over the training sample at the initial weights, so that
    all have the same part in the loss at the start, whatever their units. The weights stay as they are from then on:
    the objective is one function, as lm and lbfgs need, and a resumed fit has the same.

    Raises:
        ConfigError: the problem has not several equations, a loss of its own, or other names; a residual is not finite.
    """
    asked, name = config.trainer.equation_weights, config.problem
    if asked is None:
        return problem
    if not isinstance(problem, Equations):
        raise ConfigError(
            f"--equation-weights weighs the equations of an economic model, and problem {name} has none; leave it out."
        )
    if getattr(problem.loss, "__func__", None) is not economics.loss:
        raise ConfigError(
            f"--equation-weights needs the loss of economic models, and problem {name} has one of its own: write `loss "
            "= economics.loss` there, or leave it out."
        )
    squares = _mean_squares(problem, model, train)
    names = names_of(problem, len(squares))
    if len(names) < 2:
        raise ConfigError(f"--equation-weights: problem {name} has one equation, which needs no weight; leave it out.")
    weights = _inverse(squares, names) if asked.strip() == AUTO else read(asked, names)
    return with_weights(problem, jnp.asarray(weights / weights.mean(), float))


def read(text: str, names: tuple[str, ...]) -> np.ndarray:
    """The weights of these equations, from `euler=1,bond=10` or, in their order, `1,10`.

    Raises:
        ConfigError: others than these, or a weight that is no positive number.
    """
    parts = [part.strip() for part in text.split(",")]
    named = [part.partition("=") for part in parts]
    given = {key.strip(): value for key, sign, value in named if sign}
    if not given and len(parts) == len(names):
        given = dict(zip(names, parts, strict=True))
    if set(given) != set(names) or len(parts) != len(names):
        example = ",".join(f"{name}=1" for name in names)
        raise ConfigError(f"--equation-weights '{text}' is not a weight of each equation; try auto, or {example}.")
    try:
        weights = np.array([float(given[name]) for name in names])
    except ValueError:
        weights = np.array([np.nan])
    if not np.all(np.isfinite(weights) & (weights > 0)):
        raise ConfigError(f"--equation-weights '{text}': a weight is a number > 0, such as 10 or .5.")
    return weights


def _mean_squares(problem: Equations, model: Model, train: Batch) -> np.ndarray:
    """Of each equation over the sample at the weights that the model has, [equations], float64."""
    graphdef, state = nnx.split(model)

    @jax.jit
    def measure(state: Any, batch: Batch) -> jax.Array:
        return jnp.mean(jnp.square(problem.residual(nnx.merge(graphdef, state), batch)), axis=0)

    return np.asarray(jax.device_get(measure(state, train)), np.float64)


def _inverse(squares: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    wrong = [name for name, value in zip(names, squares, strict=True) if not np.isfinite(value)]
    if wrong:
        raise ConfigError(
            f"--equation-weights auto: the residual of equation {wrong[0]} is not finite at the initial weights; give "
            "the weights as numbers, or try another --init or --seed."
        )
    largest = squares.max()
    return 1 / np.maximum(squares, LEAST * largest) if largest > 0 else np.ones(len(squares))
