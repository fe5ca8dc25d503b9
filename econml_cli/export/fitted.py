"""What is exported: a fitted model with what its inputs and outputs mean, and observations to compare it on."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from econml_cli.config.fit_config import FitConfig
from econml_cli.errors import DataError, EconmlError, RunError
from econml_cli.evaluation.opened import OpenedRun
from econml_cli.evaluation.samples import Samples, computed, predicted
from econml_cli.models.base import Model
from econml_cli.problems import losses, per_row
from econml_cli.problems import registry as problems
from econml_cli.problems.base import Problem
from econml_cli.problems.targets import names_of
from econml_cli.runs import health
from econml_cli.runs.directory import Run
from econml_cli.training.run import restore

#: the largest relative difference that rounding explains, max |a - b| / max |b|
BOUNDS = {"float32": 1e-5, "float64": 1e-10}
#: observations that are drawn where the data of the fit are gone
DRAWN = 1000


@dataclass(frozen=True)
class Inputs:
    """What an exported function reads: x [n, *shape] of `dtype`, in the order of `names` (None: they have none).

    Where `mean` and `scale` are given, the network reads (x - mean) / scale, computed in float64.
    """

    names: list[str] | None
    shape: tuple[int, ...]
    dtype: str
    units: str
    mean: list[float] | None = None
    scale: list[float] | None = None

    def standardised(self, x: np.ndarray) -> np.ndarray:
        """What the network reads at x, before it is rounded to its precision."""
        return x if self.mean is None else (x - np.array(self.mean)) / np.array(self.scale)


@dataclass(frozen=True)
class Outputs:
    """What it gives, under the names of `econml predict`: `transform` of the network's output ("affine": out * scale +
    mean; "exp" and "sorted": the same of that; "mean_sd": of two, the second being the log of a variance; "sigmoid",
    "softmax"; None: what the problem does with it is none of
    these)."""

    names: list[str]
    meaning: str
    transform: str | None
    mean: float | list[float] = 0.0
    scale: float | list[float] = 1.0


@dataclass(frozen=True)
class Fitted:
    """A fitted model as it is exported.

    Attributes:
        model, problem, config, run, epoch: as `OpenedRun.loaded` and `OpenedRun.own_samples` give them.
        x: observations in the units of `inputs`; y: what `econml predict` gives there; both on the host.
        compared_on: "test", "train", or "random inputs". notes: what the user should know of them.
    """

    run: Run
    config: FitConfig
    model: Model
    problem: Problem
    epoch: int
    inputs: Inputs
    outputs: Outputs
    x: np.ndarray
    y: np.ndarray
    compared_on: str
    notes: tuple[str, ...]

    @property
    def bound(self) -> float:
        """The relative difference above which an export is refused."""
        return BOUNDS[self.config.trainer.dtype]


def read(run: OpenedRun) -> Fitted:
    """A fitted model, its problem, and the observations to compare on.

    Raises:
        RunError, CheckpointError: the run cannot be read. EconmlError: its predictions are not finite, an observation
        is not one array, or it has fixed effects or embeddings.
    """
    loaded, config, preprocessing = run.loaded(), run.config(), run.preprocessing()
    if (preprocessing or {}).get("entities"):
        raise EconmlError(
            f"{run.name} reads the levels of identifiers (fixed effects, or --embed), which no export holds; use "
            "`econml predict`, or fit without them."
        )
    samples, notes = _samples(run)
    problem = samples.problem
    split = next((name for name in ("test", "train") if name in samples.parts), None)
    if split is None:
        x = _drawn(run)
    else:
        x = samples.parts[split].x
        if not hasattr(x, "shape"):
            raise EconmlError(f"An observation of problem {config.problem} is not one array, so it cannot be exported.")
    inputs = _inputs(problem, config, preprocessing, tuple(x.shape[1:]))
    raw = np.asarray(x)
    if inputs.mean is not None:
        raw = raw.astype(np.float64) * np.array(inputs.scale) + np.array(inputs.mean)
    standardised = inputs.standardised(raw)
    y = predicted(problem, loaded.model, standardised, config.trainer.dtype)
    if not np.isfinite(y).all():
        raise EconmlError(
            f"The predictions of {run.name} are not finite, so there is nothing to compare an export with."
        )
    out = computed(lambda model, x: model(x), loaded.model, standardised, config.trainer.dtype)
    outputs = _outputs(problem, preprocessing, out, y, BOUNDS[config.trainer.dtype])
    weights = health.of_weights(run, loaded.diverged, loaded.epoch)
    return Fitted(
        run, config, loaded.model, problem, loaded.epoch, inputs, outputs, raw.astype(inputs.dtype), y,
        split or "random inputs", (*samples.notes, *notes, *weights),
    )  # fmt: skip


def _samples(run: OpenedRun) -> tuple[Samples, tuple[str, ...]]:
    """The run's own data; where its file is gone or has changed, the problem without data."""
    cls, preprocessing = problems.load(run.config().problem), run.preprocessing()
    try:
        return run.own_samples(), ()
    except (DataError, RunError):
        if preprocessing is None or not hasattr(cls, "restore"):
            raise
    note = f"the data of {run.name} are no longer as they were, so {DRAWN:,} random inputs are compared."
    return Samples(cls.restore(preprocessing), {}), (note,)


def _drawn(run: Run) -> np.ndarray:
    """Standard normal inputs for the network, [DRAWN, ...]."""
    shape = restore.shapes_from(run.manifest()["shapes"]).observation()
    return np.random.default_rng(0).standard_normal((DRAWN, *shape))


def _inputs(
    problem: Problem, config: FitConfig, preprocessing: Mapping[str, Any] | None, shape: tuple[int, ...]
) -> Inputs:
    if config.problem == "tabular" and preprocessing is not None:
        features = preprocessing["features"]
        units = "the design columns of preprocessing.json in the units of the data, not standardised"
        return Inputs(features["names"], shape, "float64", units, features["mean"], features["scale"])
    names = problem.describe().get("features")
    if not isinstance(names, list | tuple) or len(shape) != 1 or len(names) != shape[0]:
        names = None
    units = f"as problem {config.problem} draws them"
    return Inputs(None if names is None else list(map(str, names)), shape, config.trainer.dtype, units)


def _outputs(
    problem: Problem, preprocessing: Mapping[str, Any] | None, out: np.ndarray, y: np.ndarray, bound: float
) -> Outputs:
    """How the problem makes predictions `y` of the network's output `out`, found by trying."""
    aim, called, width = losses.of(problem).target, names_of(problem), y.shape[1]
    names, meaning = list(aim.columns(called, width)), aim.meaning(called, width)
    units: list[tuple[Any, Any]] = [(0.0, 1.0)]
    for part in ("target", "features"):
        learnt = (preprocessing or {}).get(part)
        if isinstance(learnt, dict) and {"mean", "scale"} <= learnt.keys():
            units.append((learnt["mean"], learnt["scale"]))
    candidates = [("affine", *unit) for unit in units] + [("sigmoid", 0.0, 1.0), ("softmax", 0.0, 1.0)]
    candidates += [("exp", *unit) for unit in units]
    if losses.of(problem).is_normal:
        candidates = [("mean_sd", [mean, 0.0], [scale, scale]) for mean, scale in units if np.size(mean) == 1]
    elif aim.several:  # where none cross in this sample, what sorts them cannot be told from what does not
        candidates = [("sorted", *unit) for unit in units]
    for transform, mean, scale in candidates:
        if np.size(mean) not in (1, y.shape[1]):
            continue
        with np.errstate(over="ignore"):
            found = TRANSFORMS[transform](out.astype(np.float64)) * np.asarray(scale) + np.asarray(mean)
        if difference(found, y)[1] <= bound:
            return Outputs(names, meaning, transform, mean, scale)
    return Outputs(names, meaning, None)


def _softmax(out: np.ndarray) -> np.ndarray:
    odds: np.ndarray = np.exp(out - out.max(axis=-1, keepdims=True))
    shares: np.ndarray = odds / odds.sum(axis=-1, keepdims=True)
    return shares


#: the log of the least variance, which the templates repeat
_FLOOR = math.log(per_row.LEAST_VARIANCE)
TRANSFORMS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "affine": lambda out: out,
    "sigmoid": lambda out: np.exp(-np.logaddexp(0, -out)),
    "softmax": _softmax,
    "exp": np.exp,
    "sorted": lambda out: np.sort(out, axis=-1),
    "mean_sd": lambda out: np.stack([out[..., 0], np.exp(0.5 * np.logaddexp(out[..., 1], _FLOOR))], axis=-1),
}


def difference(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """(max |a - b|, that over max |b|); infinite where shapes differ or a number is not finite."""
    if a.shape != b.shape or not np.isfinite(a).all():
        return float("inf"), float("inf")
    largest = float(np.max(np.abs(a.astype(np.float64) - b), initial=0.0))
    size = float(np.max(np.abs(b), initial=0.0))
    return largest, largest / size if size > 0 else largest
