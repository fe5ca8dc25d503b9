"""What a run is evaluated on: its own splits, drawn or read again, or new data encoded as its training data were."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from econml_cli.data import typed_files
from econml_cli.errors import ConfigError, DataError, RunError
from econml_cli.evaluation import large_files
from econml_cli.models.base import Model
from econml_cli.problems import losses
from econml_cli.problems import registry as problems
from econml_cli.problems.base import Batch, Problem
from econml_cli.problems.economies.simulation import at
from econml_cli.problems.tabular import Tabular
from econml_cli.runs.directory import Run
from econml_cli.training.precision import to_device
from econml_cli.training.run.provenance import same_data, with_own_file
from econml_cli.training.setup.setup import sampled

#: numbers in one block of inputs: bounds the memory of a prediction, whatever the number of rows
BLOCK_NUMBERS = 2**20
MAX_BLOCK = 2**16
#: the same, and rows, where hidden layers are held too
SMALL_NUMBERS, SMALL_BLOCK = 2**16, 2**12


@dataclass(frozen=True)
class Samples:
    """A problem and the non-empty splits to evaluate on, by name; `frame` holds the rows of a new file, `reasons` why a
    row of it is not among them ("" where it is), where that was asked for."""

    problem: Problem
    parts: dict[str, Batch]
    notes: tuple[str, ...] = ()
    frame: Any = None
    reasons: np.ndarray | None = None


@dataclass(frozen=True)
class Scored:
    """A model on one split, on the host: loss [n] in reported units, predictions and what they are compared with, and
    the weights [n] of the observations (None where all are 1)."""

    loss: np.ndarray
    yhat: np.ndarray | None
    y: np.ndarray | None
    w: np.ndarray | None = None


def own_samples(run: Run) -> Samples:
    """The train, val and test splits that the run was fitted with. Call it inside `precision(...)`.

    Raises:
        DataError: the data file is gone or cannot be used. RunError: it holds other data than the run was fitted to.
    """
    try:
        own = sampled(with_own_file(run, run.config()))
    except DataError as error:
        raise DataError(f"{error} (`--data FILE` evaluates {run.name} on another file.)") from error
    parts = {"train": own.train, "val": own.val, "test": own.test}
    found = Samples(own.problem, {name: part for name, part in parts.items() if part is not None})
    if same_data(run, own):
        return found
    if not own.problem.simulated:
        raise RunError(
            f"The data file of {run.path} has changed since the fit (its fingerprint is another one); restore it, or "
            "evaluate what is there now with --data FILE."
        )
    note = f"{run.name}: this version of jax, or this device, draws other data from the seed than the fit did."
    return dataclasses.replace(found, notes=(note,))


def with_states(samples: Samples, x: Any, members: int, member: int | None) -> Samples:
    """Samples whose train split has the states that a checkpoint holds: x [n, ...], or [members, n, ...] of an
    ensemble, of which `member` is meant, or all; None: as they are."""
    if x is None:
        return samples
    if members > 1:
        x = x[member] if member is not None else x.reshape(-1, *x.shape[2:])
    states = jnp.asarray(x)
    return dataclasses.replace(samples, parts={**samples.parts, "train": at(states)})


def new_samples(
    run: Run, path: str, *, need_target: bool, missing: str | None = None, sheet: str | None = None
) -> Samples:
    """The rows of a file, encoded with what the run learnt from its training data, as the split "data".

    `missing` ("error" or "drop") says what rows with missing values get (default: as in the fit); with "explain" rows
    that cannot be predicted are left out, and `reasons` says why. `sheet` is that of an Excel file (default: the one of
    the fit). Works without the data file of the fit. Call it inside `precision(...)`.

    Raises:
        ConfigError: the problem reads no file. DataError: the file cannot be used. RunError: the run is damaged.
    """
    problem_name, preprocessing = run.config().problem, run.preprocessing()
    cls = problems.load(problem_name)
    if cls.simulated or not hasattr(cls, "restore"):
        raise ConfigError(f"--data: {run.name} was fitted to problem {problem_name}, which reads no file.")
    if preprocessing is None:
        raise RunError(f"{run.path} has no preprocessing.json, so new data cannot be encoded; fit again.")
    explained = missing == "explain"
    changed = preprocessing if missing is None or explained else {**preprocessing, "missing": missing}
    if sheet is not None:
        changed = _with_sheet(changed, path, sheet)
    problem = cls.restore(changed)
    if explained and hasattr(problem, "explain"):
        frame, batch, reasons = problem.explain(str(path))
    else:
        (frame, batch), reasons = problem.encode(str(path), need_target=need_target), None
    if len(frame) == 0:
        why = "" if reasons is None else f": {next(iter(reasons), '')}"
        raise DataError(f"{path} has no row to predict{why}.")
    group = getattr(run.config().problem_options, "group", None)
    if group is not None and group in frame.columns:
        problem.groups = {"data": frame[group].astype("category").cat.codes.to_numpy()}
    notes = _ungrouped(run, group, frame, path)
    if isinstance(problem, Tabular):
        notes = (*notes, *problem.of_unseen_levels(frame))
    return Samples(problem, {"data": batch}, notes, frame, reasons)


def stored_samples(run: Run, path: str, *, missing: str | None = None) -> Samples | None:
    """`new_samples` with the target, of a file that is read a block of rows at a time (`large_files`), in files of the
    user's cache; None of another one. Call it inside `precision(...)`.

    Raises:
        DataError: the file cannot be used.
    """
    problem = large_files.sums_over_rows(run)
    if problem is None or not large_files.is_large(run, path):
        return None
    if missing is not None:
        problem = Tabular.restore({**problem.preprocessing(), "missing": missing})
    return Samples(problem, {"data": problem.encode_in_files(path)})


def _with_sheet(preprocessing: dict[str, Any], path: str, sheet: str) -> dict[str, Any]:
    """What a run learnt, for another sheet than that of its fit.

    Raises:
        ConfigError: the file has no sheets, or the run is of an econml that knew none.
    """
    if not path.lower().endswith(typed_files.EXCEL):
        raise ConfigError(f"--sheet is of Excel files, and {path} is none; leave it out.")
    schema = preprocessing.get("schema")
    if schema is None:
        raise ConfigError("--sheet: the run is of an older econml, which knew no sheets; save the sheet as a .csv.")
    return {**preprocessing, "schema": {**schema, "asked": {**schema["asked"], "sheet": sheet}}}


def _ungrouped(run: Run, group: str | None, frame: Any, path: str) -> tuple[str, ...]:
    """What to say where a new file has no column of the groups of the fit."""
    if group is None or group in frame.columns:
        return ()
    return (
        f"{path} has no column '{group}', the --group of {run.name}: intervals and tests take its rows as independent.",
    )


def size(batch: Batch) -> int:
    """The number of observations of a batch."""
    return int(jax.tree.leaves(batch.x)[0].shape[0])


def blocks(batch: Batch, dtype: str) -> Iterator[Batch]:
    """The batch in blocks of rows, on the device."""
    for part in _cut(batch, batch.x, BLOCK_NUMBERS, MAX_BLOCK):
        yield to_device(part, dtype)


def small_blocks(sample: Any) -> Iterator[Any]:
    """The rows of a pytree of arrays [n, ...] in blocks, so that what is kept of hidden layers, which are usually wider
    than what they read, needs memory for one block only; all but the last are of one size."""
    yield from _cut(sample, sample, SMALL_NUMBERS, SMALL_BLOCK)


def _cut(tree: Any, inputs: Any, numbers: int, rows: int) -> Iterator[Any]:
    """A pytree of arrays [n, ...] in blocks of at most so many rows, and numbers in the `inputs` of a block."""
    leaves = jax.tree.leaves(inputs)
    n, row = int(leaves[0].shape[0]), sum(math.prod(leaf.shape[1:]) for leaf in leaves)
    step = min(rows, max(1, numbers // max(row, 1)))
    if n <= step:  # cutting an array on the device compiles a program
        yield tree
        return
    for start in range(0, n, step):
        yield jax.tree.map(lambda leaf: leaf[start : start + step], tree)  # noqa: B023


def scorer(problem: Problem, model: Model, dtype: str) -> Callable[..., Scored]:
    """A function that gives loss, prediction and observed value of each observation of a split, computed in blocks; of
    this model, or of another one of its shape that it is given too.

    Splits of one size, and models of one shape, share one compiled program. Call both inside `precision(...)`.
    """
    graphdef, own = nnx.split(model)
    compares, table = losses.of(problem).observed, problem if isinstance(problem, Tabular) else None

    @jax.jit
    def measure(state: Any, part: Batch) -> tuple[Any, ...]:
        model = nnx.merge(graphdef, state)
        # of a table without the weights of classes, as its metrics are
        own = table is None or losses.is_own(problem)
        loss = problem.loss(model, part) if own else losses.unweighted(problem, model, part)
        if not compares:
            return (loss,)
        if table is not None:
            return loss, table.standardised(model, part.x), part.y
        return loss, problem.predict(model, part.x), problem.observed(part)

    def score(batch: Batch, another: Any = None) -> Scored:
        state = own if another is None else nnx.state(another)
        found = [jax.device_get(measure(state, part)) for part in blocks(batch, dtype)]
        columns = [np.concatenate(column) for column in zip(*found, strict=True)]
        w = None if batch.w is None else np.asarray(batch.w)
        yhat, y = columns[1:] if compares else (None, None)
        if table is not None and compares:  # in float64: float32 has no digits left for deviations from a large mean
            yhat, y = table.own_units(yhat), table.own_units(y)
        return Scored(columns[0] * problem.loss_scale, yhat, y, w)

    return score


def without_weights(run: Run, samples: Samples, option: str) -> None:
    """Refuse an answer that would take all rows for equal.

    Raises:
        ConfigError: those of the run have weights.
    """
    # a problem of a user's may draw arrays of its own
    if any(getattr(part, "w", None) is not None for part in samples.parts.values()):
        raise ConfigError(
            f"{option} weighs all rows alike, and those of {run.name} have weights (--weights, --exposure, --offset); "
            "leave it out, or fit without them."
        )


def counts_of(problem: Problem, w: np.ndarray | None) -> np.ndarray | None:
    """How many observations each row with the weight w [n] stands for, [n]; None where it is one."""
    meaning = problem.weights if isinstance(problem, Tabular) else None
    if w is None or meaning is None or meaning.kind != "frequency":
        return None
    return np.round(w).astype(np.int64)


def as_counted(
    problem: Problem, scored: Sequence[Scored], groups: np.ndarray | None
) -> tuple[list[Scored], np.ndarray | None]:
    """Models on one split, and the groups of its rows, with a row that stands for several (weights that are
    frequencies) as often as it says: what is resampled are observations, not rows."""
    counts = counts_of(problem, scored[0].w)
    if counts is None:
        return list(scored), groups

    def repeated(values: np.ndarray | None) -> np.ndarray | None:
        return None if values is None else np.repeat(values, counts, axis=0)

    found = [Scored(np.repeat(one.loss, counts), repeated(one.yhat), repeated(one.y)) for one in scored]
    return found, repeated(groups)


def predictor(problem: Problem, model: Model, dtype: str) -> Callable[..., np.ndarray]:
    """`problem.predict` as a function of x [n, ...], as `computer`; of a table in float64 from the standardised
    prediction on."""
    if not isinstance(problem, Tabular):
        return computer(problem.predict, model, dtype)
    table, standardised = problem, computer(problem.standardised, model, dtype)

    def predict(x: Any, another: Any = None) -> np.ndarray:
        found: np.ndarray = table.own_units(standardised(x, another))
        return found

    return predict


def computer(function: Callable[[Any, Any], jax.Array], model: Model, dtype: str) -> Callable[..., np.ndarray]:
    """`function(model, x)` as a function of x [n, ...], computed in blocks, on the host; of this model, or of another
    one of its shape that it is given too.

    Samples of one size, and models of one shape, share one compiled program. Call both inside `precision(...)`.
    """
    graphdef, own = nnx.split(model)
    compute = jax.jit(lambda state, x: function(nnx.merge(graphdef, state), x))

    def of_rows(x: Any, another: Any = None) -> np.ndarray:
        state = own if another is None else nnx.state(another)
        return np.concatenate([jax.device_get(compute(state, part.x)) for part in blocks(Batch(x, None), dtype)])

    return of_rows


def predicted(problem: Problem, model: Model, x: Any, dtype: str) -> np.ndarray:
    """`predictor` at one x [n, ...]. Call it inside `precision(...)`."""
    return predictor(problem, model, dtype)(x)


def computed(function: Callable[[Any, Any], jax.Array], model: Model, x: Any, dtype: str) -> np.ndarray:
    """`computer` at one x [n, ...]. Call it inside `precision(...)`."""
    return computer(function, model, dtype)(x)
