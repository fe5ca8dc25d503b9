"""Whether two runs were tested on the same observations, and the test of equal accuracy on them."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from econml_cli.config.fit_config import FitConfig
from econml_cli.data import expression
from econml_cli.data.preprocessing import Preprocessing
from econml_cli.evaluation.comparing.accuracy_tests import Difference
from econml_cli.evaluation.risk.bayes import loss
from econml_cli.evaluation.risk.measure import Fresh, Meter
from econml_cli.evaluation.samples import Samples, Scored, as_counted
from econml_cli.evaluation.standard_errors import groups_of
from econml_cli.models.base import Model
from econml_cli.problems import losses
from econml_cli.problems.base import Batch, Problem
from econml_cli.runs.directory import Run
from econml_cli.training.precision import precision

#: a test of equal accuracy: of differentials [n] of the loss, in groups [n] or None, with weights [n] or None
Test = Callable[[np.ndarray, np.ndarray | None, np.ndarray | None], Difference]
#: options of a simulated problem that say how much of it is drawn, not what it is
SIZES = ("N", "N_test", "N_val")
#: options of a problem that reads a file that say which of its rows are for testing
SPLITS = ("split_seed", "test_fraction", "group", "folds", "fold", "gap", "window")


@dataclass(frozen=True)
class Tested:
    """A run on the split that its numbers are reported for.

    Attributes:
        models: of each member that has not diverged, in evaluation mode; one for an ordinary run.
        loss: [members, n] in reported units, float64. batch: what it was computed on.
        observed: [n, ...] what predictions are compared with, in the target's own units; None where nothing is.
        positions: [n] the places of the observations in the order of their file; None where there is no order.
    """

    run: Run
    config: FitConfig
    problem: Problem
    split: str
    models: tuple[Model, ...]
    batch: Batch
    loss: np.ndarray
    observed: np.ndarray | None
    positions: np.ndarray | None

    @property
    def n(self) -> int:
        n: int = self.loss.shape[1]
        return n

    @property
    def groups(self) -> np.ndarray | None:
        """The group of each observation, [n]; None where they are independent."""
        return groups_of(self.problem, self.split, self.n)

    @property
    def weights(self) -> np.ndarray | None:
        """The weight of each observation, [n]; None where all are 1."""
        return None if self.batch.w is None else np.asarray(jax.device_get(self.batch.w), np.float64)


def positions_of(samples: Samples, split: str) -> np.ndarray | None:
    """The places [n] of the observations of a split in the order of their file; None where there is no order."""
    if samples.frame is not None:
        return np.asarray(samples.frame.index)  # rows with missing values may be left out between them
    return getattr(samples.problem, "split_rows", {}).get(split)


def has_lag(run: Run) -> bool:
    """Whether a run's formula has lag(...) in it, so that the order of the rows of its file is that of time."""
    saved = run.preprocessing()
    if saved is None or "specification" not in saved:
        return False
    return any(expression.shifts(node) for node in Preprocessing.from_json(saved).formula.factors.values())


def why_not(one: Tested, base: Tested, on_file: bool) -> str | None:
    """Why the observations that two runs were tested on, or the units of their losses, are not the same; None where
    they are. A clause: "it has 100 test rows, not 105"."""
    if one.config.problem != base.config.problem:
        return f"its problem is {one.config.problem}, not {base.config.problem}"
    loss, other = losses.of(one.problem), losses.of(base.problem)
    if loss.task != other.task:
        return f"its loss is that of a {loss.task} task, not of a {other.task} one"
    if loss != other:
        return f"its loss is {loss.name}, not {other.name}"
    if one.split != base.split:
        return f"its {one.split} split is what is reported, not the {base.split} split"
    if getattr(one.problem, "classes", None) != getattr(base.problem, "classes", None):
        return "its target has other classes"
    if not on_file and not one.problem.simulated:
        for name in SPLITS:
            mine, theirs = (getattr(t.config.problem_options, name, None) for t in (one, base))
            if mine != theirs:
                return split_otherwise(f"--{name.replace('_', '-')}", mine, theirs)
    if not loss.observed and not same_population(one, base):  # nothing is observed: the equations are the loss
        return _other_equations(one, base)
    if one.n != base.n:
        return f"it has {one.n:,} {one.split} rows, not {base.n:,}"
    if (mine := _target(one)) != (theirs := _target(base)) and not _same_values(one, base):
        return f"its target is {mine}, not {theirs}"
    if not _same_values(one, base):
        return f"the values of its {one.split} rows are others"
    return None if _close(one.weights, base.weights) else f"its {one.split} rows have other weights"


def split_otherwise(flag: str, mine: Any, theirs: Any) -> str:
    """How the splits of two runs differ, by the values of an option; None is one that was not given."""
    if mine is None:
        return f"it was split without {flag} {theirs}"
    return f"it was split with {flag} {mine}" + ("" if theirs is None else f", not {theirs}")


def _other_equations(one: Tested, base: Tested) -> str:
    mine, theirs = (_without_sizes(t.config.problem_options) for t in (one, base))
    name = next((name for name in mine if mine[name] != theirs[name]), None)
    if name is None:
        return "its problem has drawn something else for itself, with another --seed"
    return f"its problem has --{name.replace('_', '-')} {mine[name]}, not {theirs[name]}"


def _target(tested: Tested) -> str | None:
    found: str | None = tested.problem.describe().get("target")
    return found


def _same_values(one: Tested, base: Tested) -> bool:
    """Whether what was observed is the same, row by row, up to the rounding of single precision."""
    if not one.problem.simulated:
        return _close(one.observed, base.observed)
    a, b = (jax.tree.leaves((t.batch.x, t.batch.y)) for t in (one, base))
    return len(a) == len(b) and all(map(_close, a, b))


def _close(mine: Any, theirs: Any) -> bool:
    """Equal shapes, and values that are apart by no more than single precision and other units of training explain."""
    if mine is None or theirs is None:
        return mine is theirs
    a, b = (np.asarray(jax.device_get(x), np.float64) for x in (mine, theirs))
    if a.shape != b.shape:
        return False
    if not a.size:
        return True
    rounding = 1e-5 * b.std(axis=0) + 1e-6 * np.abs(b).max(axis=0) if b.ndim else 1e-6 * np.abs(b)
    return bool(np.all(np.abs(a - b) <= rounding))


def same_population(one: Tested, base: Tested) -> bool:
    """Whether two simulated problems are the same but for the sizes of their samples: equal options, equal truth."""
    if not one.problem.simulated or one.config.problem != base.config.problem:
        return False
    mine, theirs = (_without_sizes(t.config.problem_options) for t in (one, base))
    a, b = (_arrays(t.problem) for t in (one, base))
    return mine == theirs and set(a) == set(b) and all(_close(a[name], b[name]) for name in a)


def _arrays(problem: Problem) -> dict[str, Any]:
    """What a problem has drawn for itself, and what it computed from that."""
    return {name: value for name, value in vars(problem).items() if isinstance(value, jax.Array | np.ndarray)}


def _without_sizes(options: Any) -> dict[str, Any]:
    return {name: value for name, value in dataclasses.asdict(options).items() if name not in SIZES}


def mean_loss(tested: Tested, on: Tested, dtype: str, draws: int, seed: int) -> np.ndarray:
    """The loss [draws] of a run, the mean over its members, on fresh draws of the problem of `on`, drawn in `dtype`.

    Raises:
        ConfigError: nothing of the problem is drawn.
    """
    with precision(dtype):
        observations = Fresh(on.problem, on.config.problem, draws, seed)
        found = Meter({"loss": loss(on.problem)}).whole(tested.models, observations)
    mean: np.ndarray = found["loss"].mean(axis=0)
    return mean


def difference(
    one: Tested,
    base: Tested,
    test: Test,
    draws: int = 0,
    seed: int = 0,
) -> Difference:
    """The test on the observations that both runs share, or, where draws > 0, on so many fresh ones.

    `test` is given the differentials [n] of the loss (the mean over members), the groups [n] that they come in, or
    None, and their weights [n], or None; a row that stands for several (a frequency) as often as these.
    """
    if not draws:
        apart = Scored(one.loss.mean(axis=0) - base.loss.mean(axis=0), None, None, base.weights)
        (counted,), groups = as_counted(base.problem, [apart], base.groups)
        return test(counted.loss, groups, counted.w)
    dtype = max(t.config.trainer.dtype for t in (one, base))  # float64 where one of them has it
    apart = mean_loss(one, base, dtype, draws, seed) - mean_loss(base, base, dtype, draws, seed)
    return dataclasses.replace(test(apart, groups_of(base.problem, "population", draws), None), draws=draws)
