"""`econml predict --states`: the policy of an economic model, what follows from it, and its residuals at chosen states.

States are named as the economy names them: by the keys of what its `start` gives, where that is a dict, else by the
names of what the model reads (`describe()["features"]`).
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from econml_cli.data.read import read_table
from econml_cli.errors import ConfigError, DataError, suggest
from econml_cli.evaluation.opened import open_run
from econml_cli.models.base import Model
from econml_cli.problems.base import Equations, HasEuler, HasTruth, Problem
from econml_cli.problems.economies.simulation import at
from econml_cli.problems.economies.visited import moves
from econml_cli.runs import health
from econml_cli.runs.directory import Run

if TYPE_CHECKING:  # `predict` imports pandas when it has something to write
    import pandas as pd

#: what a grid begins with, and how many states it may have
GRID, MOST = "grid:", 10_000_000


def predict_at(
    run: Run, where: str, *, step: int | None = None, say: Callable[[str], None] = lambda _: None
) -> "pd.DataFrame":
    """A row for each state: its numbers; the policy under the name of the target (of several outputs NAME_1, ...), and
    beside it NAME_exact where the truth is known; the series of the period that `step` gives there (consumption,
    multipliers, ...); `residual` of the equation (of several residual_1, ..., or as the problem's `equations` names
    them), and `log10_euler` of what is free of units.

    Args:
        where: "grid:k=.1:2:50,z=0", all combinations of 50 values of k from .1 to 2 and of z = 0; or a file with a
            column for each number of the state.
        step: the epoch of the checkpoint. say: told what is to be known of the weights.

    Raises:
        ConfigError: the run is of no economic model, is an ensemble of which no member is chosen, or the grid is none
            of its states. DataError: the file has not the columns. RunError, CheckpointError: the run cannot be read.
    """
    import pandas as pd

    with open_run(run, step=step) as opened:
        problem = opened.own_samples().problem
        if not isinstance(problem, Equations):
            raise ConfigError(
                f"--states asks for the policy of an economic model, and {run.name} is of problem "
                f"{opened.config().problem}, which has no equations; use --data FILE."
            )
        names, as_dict = state_names(problem)
        given = _grid(where.removeprefix(GRID), names) if where.startswith(GRID) else _file(where, names)
        loaded = opened.loaded()
        for note in health.of_weights(opened, loaded.diverged, loaded.epoch):
            say(note)
        state = {name: jnp.asarray(given[name], float) for name in names}
        x = problem.observe(state) if as_dict else jnp.stack(list(state.values()), axis=1)  # type: ignore[attr-defined]
        found = _compute(problem, loaded.model, x, state if as_dict else None)
    return pd.DataFrame({**given, **{name: column for name, column in found.items() if name not in given}})


def state_names(problem: Problem) -> tuple[list[str], bool]:
    """(the names of the numbers of a state, whether they are those of the dict that `start` gives).

    Raises:
        ConfigError: the state is neither a dict of numbers nor a row of named inputs.
    """
    if moves(problem):
        first = nnx.eval_shape(lambda: problem.start(2))
        if isinstance(first, dict) and all(leaf.shape == (2,) for leaf in first.values()):
            return list(first), True
    features = problem.describe().get("features")
    if not isinstance(features, Sequence) or len(features) != problem.din:
        raise ConfigError("--states: the numbers of a state of this problem have no names (`features` of describe()).")
    return [str(name) for name in features], False


def _compute(problem: Any, model: Model, x: jax.Array, state: Mapping[str, jax.Array] | None) -> dict[str, np.ndarray]:
    """All columns that are computed, each [n], in the order in which the problem gives them."""
    graphdef, weights = nnx.split(model)
    target = problem.describe().get("target")
    name = target if isinstance(target, str) else "policy"
    order: list[str] = []  # a dict that comes out of jit has its keys sorted

    @jax.jit
    def compute(weights: Any, x: jax.Array) -> dict[str, jax.Array]:
        model = nnx.merge(graphdef, weights)
        truth = problem.truth(x) if isinstance(problem, HasTruth) else None
        found = _columns(name, problem.predict(model, x), target)
        found |= {} if truth is None else {f"{n}_exact": c for n, c in _columns(name, truth, target).items()}
        if moves(problem):
            _, series = problem.step(model, _state(problem, x, state), jnp.zeros((len(x), problem.shock_size), x.dtype))
            found = {**series, **found}
        found |= _columns("residual", problem.residual(model, at(x)), getattr(problem, "equations", None))
        if isinstance(problem, HasEuler):
            found["log10_euler"] = jnp.log10(jnp.abs(problem.euler(model, x)))
        order.extend(name for name, column in found.items() if column.shape == (len(x),))
        return {name: found[name] for name in order}

    columns = compute(weights, x)
    return {name: np.asarray(jax.device_get(columns[name])) for name in order}


def _state(problem: Any, x: jax.Array, state: Mapping[str, jax.Array] | None) -> Any:
    """The state that `step` reads: the dict, or where it is an array of what the model reads, that."""
    if state is not None:
        return dict(state)
    first = nnx.eval_shape(lambda: problem.start(len(x)))
    return x[:, 0] if getattr(first, "shape", None) == (len(x),) else x


def _columns(name: str, values: jax.Array, names: Any) -> dict[str, jax.Array]:
    """[n, k] as columns: `name` for one, name_1, ... for several, or as `names` says."""
    width = values.shape[1]
    if isinstance(names, Sequence) and not isinstance(names, str) and len(names) == width:
        prefix = f"{name}_" if name == "residual" else ""
        return {f"{prefix}{own}": values[:, i] for i, own in enumerate(names)}
    return {name if width == 1 else f"{name}_{i + 1}": values[:, i] for i in range(width)}


def _grid(text: str, names: Sequence[str]) -> dict[str, np.ndarray]:
    """ "k=.1:2:50,z=0" as columns of all combinations, the first name varying slowest.

    Raises:
        ConfigError: a part is not NAME=VALUE or NAME=LOW:HIGH:COUNT, a name is unknown, twice or missing, or there
            would be too many states.
    """
    axes: dict[str, np.ndarray] = {}
    for part in text.split(","):
        name, equals, values = (word.strip() for word in part.partition("="))
        if not equals or name in axes:
            raise ConfigError(f"--states {GRID}{text}: '{part}' must be NAME=VALUE or NAME=LOW:HIGH:COUNT, each once.")
        if name not in names:
            raise ConfigError(
                f"--states: no number of the state is called '{name}'; they are {', '.join(names)}."
                f"{suggest(name, names)}"
            )
        axes[name] = _axis(name, values)
    if missing := [name for name in names if name not in axes]:
        raise ConfigError(f"--states {GRID}{text} lacks {', '.join(missing)}: give it a value, {missing[0]}=0.")
    size = math.prod(map(len, axes.values()))
    if size > MOST:
        raise ConfigError(f"--states: {size:,} states are more than {MOST:,}; take fewer values of each.")
    rows = np.array(list(itertools.product(*axes.values()))).reshape(-1, len(axes))
    return dict(zip(axes, rows.T, strict=True))


def _axis(name: str, text: str) -> np.ndarray:
    try:
        parts = text.split(":")
        if len(parts) == 1:
            values = np.array([float(parts[0])])
        else:
            low, high, count = parts
            values = np.linspace(float(low), float(high), int(count))
        if not len(values) or not np.isfinite(values).all():
            raise ValueError
    except ValueError:
        raise ConfigError(
            f"--states: {name}={text} must be a number, or LOW:HIGH:COUNT such as {name}=.1:2:50."
        ) from None
    return values


def _file(path: str, names: Sequence[str]) -> dict[str, np.ndarray]:
    """The columns of a file that are a state.

    Raises:
        DataError: it cannot be read, or a column is missing or not of finite numbers.
    """
    frame = read_table(path).frame
    if missing := [name for name in names if name not in frame.columns]:
        raise DataError(
            f"{path} has no column '{missing[0]}': a state is {', '.join(names)} (or say --states {GRID}...)."
        )
    found = {}
    for name in names:
        try:
            found[name] = np.asarray(frame[name], np.float64)
        except (TypeError, ValueError):
            found[name] = np.array([np.nan])
        if not np.isfinite(found[name]).all():
            raise DataError(f"{path}: column '{name}' has rows without a number; a state needs all of its numbers.")
    return found
