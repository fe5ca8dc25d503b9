"""`econml simulate` as a library call: the series of an economic model under the fitted policy."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import jax
import numpy as np
from flax import nnx

from econml_cli.errors import ConfigError, suggest
from econml_cli.evaluation.answer import Answer
from econml_cli.evaluation.opened import open_run
from econml_cli.evaluation.simulation.responses import Response, responses
from econml_cli.models.base import Model
from econml_cli.output.tables import Grid
from econml_cli.problems import registry as problems
from econml_cli.problems.base import HasTruth, Moves, Shocked
from econml_cli.problems.economies import simulation
from econml_cli.problems.words import words_of
from econml_cli.runs import health
from econml_cli.runs.directory import Run
from econml_cli.training.setup.setup import available_memory

T = TypeVar("T")

#: periods of an impulse response, at most
HORIZON = 40
#: what a problem must have to be simulated
METHODS = ("start", "observe", "step")
#: copies of all series that are held at once
COPIES = 4


@dataclass(frozen=True)
class Simulated(Answer):
    """Simulated series of one run.

    Attributes:
        series, truth: each [periods, paths]; `truth` the same shocks under the exact policy, {} where it is
            not known. Period 0 is the problem's start.
        impulse: the shock that `response` and `true_response` are of, None where the model has none.
        response, true_response: each [horizon]: how a series moves after one standard deviation of that shock in
            period 0; a shock of a period shows in the state of the next.
        relative: the same in per cent of the steady state of the fitted policy, {} where there is no shock.
        words: what series are called, by name.
        notes: what is to be known, in sentences.
    """

    run: str
    problem: str
    epoch: int
    seed: int
    series: dict[str, np.ndarray]
    truth: dict[str, np.ndarray]
    impulse: str | None
    response: dict[str, np.ndarray]
    true_response: dict[str, np.ndarray]
    notes: tuple[str, ...]
    relative: dict[str, Response] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int]:
        """(periods, paths)."""
        periods, paths = next(iter(self.series.values())).shape
        return periods, paths

    def summary(self) -> dict[str, dict[str, dict[str, float]]]:
        """{series: {"last": ..., "all": ...}}: mean, sd and the 5 % and 95 % points over the paths of the last period,
        and over all periods and paths."""
        return {name: {"last": _spread(v[-1]), "all": _spread(v)} for name, v in self.series.items()}

    def grids(self) -> list[Grid]:
        """The summary: of the last period, then of all; of one path its ends and its mean."""
        periods, paths = self.shape
        head = f"{self.run}: {self.problem} under the policy of epoch {self.epoch:,}"
        if paths == 1:
            rows = [(name, v[0, 0], v[-1, 0], v.mean(dtype=np.float64)) for name, v in self.series.items()]
            ends = ("", "period 0", f"period {periods - 1:,}", f"mean of {periods:,}")
            return [Grid(ends, _cells(rows), head)]
        headers, found = ("", "mean", "sd", "5 %", "95 %"), self.summary()
        titles = {
            "last": f"{head}\n\nPeriod {periods - 1:,}, over {paths:,} paths",
            "all": f"Periods 0 to {periods - 1:,}, all paths",
        }
        return [
            Grid(headers, _cells([(name, *both[part].values()) for name, both in found.items()]), title)
            for part, title in titles.items()
        ]

    def to_dict(self) -> dict[str, Any]:
        """One JSON object: what was simulated, the summary of each series, the impulse responses."""
        periods, paths = self.shape
        found: dict[str, Any] = {"run": self.run, "problem": self.problem, "epoch": self.epoch}
        found |= {"seed": self.seed, "periods": periods, "paths": paths, "series": self.summary()}
        if self.impulse is not None:
            response = {name: values.tolist() for name, values in self.response.items()}
            relative = {name: found.to_json() for name, found in self.relative.items()}
            found |= {"impulse": self.impulse, "response": response, "relative_response": relative}
        return {**found, "notes": list(self.notes)}

    def rows(self) -> list[dict[str, Any]]:
        """A flat dict for each series and either part of the summary; `series.frame` has the series themselves."""
        return [
            {"run": self.run, "series": name, "periods": part, **numbers}
            for name, both in self.summary().items()
            for part, numbers in both.items()
        ]


def _spread(values: np.ndarray) -> dict[str, float]:
    values = values.astype(np.float64)
    with np.errstate(invalid="ignore"):  # inf - inf on a path that explodes
        low, high = np.quantile(values, [0.05, 0.95])
        return {"mean": float(values.mean()), "sd": float(values.std()), "q05": float(low), "q95": float(high)}


def _cells(rows: Sequence[tuple[Any, ...]]) -> tuple[tuple[str, ...], ...]:
    return tuple((name, *(f"{value:.4g}" for value in values)) for name, *values in rows)


def simulate(
    run: Run,
    *,
    periods: int = 200,
    paths: int = 1000,
    seed: int = 0,
    step: int | None = None,
    impulse: str | None = None,
) -> Simulated:
    """Simulate the economic model of a run under its fitted policy.

    A model without shocks that begins every path in the same state has one path, whatever `paths`.

    Args:
        impulse: the shock of the impulse responses (default: the first that the problem names).

    Raises:
        ConfigError: the problem is no economic model, has no such shock, or more is asked for than memory holds.
        RunError, CheckpointError: the run or its checkpoint is missing or damaged.
    """
    with open_run(run, step=step) as opened:
        config = opened.config()
        check_moves(problems.load(config.problem), config.problem, METHODS)
        loaded, problem = opened.loaded(), opened.own_samples().problem
        model, epoch = loaded.model, loaded.epoch
        check_moves(problem, config.problem, (*METHODS, "shock_size"))
        assert isinstance(problem, Moves)
        impulse = _impulse(problem, config.problem, impulse)
        notes = list(health.of_weights(opened, loaded.diverged, epoch))
        if paths > 1 and _one_path(problem):
            notes.append(f"{config.problem} has no shocks and one start: one path in place of {paths:,}.")
            paths = 1
        order = _series(problem, model, periods, paths)
        true = at_truth(problem, model)
        much = {"periods": periods, "paths": paths, "seed": seed}
        series = _in_order(simulation.simulate(problem, model, **much), order)
        truth = {} if true is None else _in_order(simulation.simulate(true, model, **much), order)
        response = _response(problem, model, impulse, periods, order)
        true_response = _response(true, model, impulse, periods, order)
        words = words_of(problem)
        relative: dict[str, Response] = {}
        if impulse is not None:
            assert isinstance(problem, Shocked)
            horizon = min(periods, HORIZON + 1)
            relative = _in_order(responses(problem, true, model, impulse, periods=horizon, words=words), order)
    return Simulated(
        run=run.name, problem=config.problem, epoch=epoch, seed=seed, series=series, truth=truth,
        impulse=impulse, response=response, true_response=true_response, notes=(*notes, *_warnings(opened, series)),
        relative=relative, words=words,
    )  # fmt: skip


def _response(
    problem: Moves | None, model: Model, impulse: str | None, periods: int, names: Sequence[str]
) -> dict[str, np.ndarray]:
    """{} where there is no shock, or no problem."""
    if impulse is None or problem is None:
        return {}
    assert isinstance(problem, Shocked)  # one of which is `impulse`
    horizon = min(periods, HORIZON + 1)
    return _in_order(simulation.impulse_response(problem, model, impulse, periods=horizon), names)


def _in_order(series: Mapping[str, T], names: Sequence[str]) -> dict[str, T]:
    return {name: series[name] for name in names}


def check_moves(problem: object, name: str, parts: Sequence[str]) -> None:
    """Refuse a problem, or its class, that does not say how its state moves.

    Raises:
        ConfigError: it lacks a part of what a simulation needs.
    """
    if missing := [part for part in parts if not hasattr(problem, part)]:
        raise ConfigError(
            f"Problem {name} cannot be simulated: it is no economic model that says how its state moves "
            f"(no {', '.join(missing)}); `econml predict` and `econml eval` read its runs."
        )


def _impulse(problem: object, name: str, asked: str | None) -> str | None:
    """The name of the shock that responses are of."""
    known = list(getattr(problem, "impulses", {}))
    if asked is None:
        return known[0] if known else None
    if asked not in known:
        has = f"its shocks are {', '.join(known)}" if known else "no shock has a name in it"
        raise ConfigError(f"--impulse {asked}: problem {name} has no such shock; {has}.{suggest(asked, known)}")
    return asked


def _one_path(problem: Moves) -> bool:
    """Whether all paths are the same: no shocks, and the same start."""
    same = [bool(np.array_equal(leaf[0], leaf[1])) for leaf in jax.tree.leaves(jax.device_get(problem.start(2)))]
    return problem.shock_size == 0 and all(same)


def _series(problem: Moves, model: Model, periods: int, paths: int) -> list[str]:
    """The names of the series, in the order in which the problem gives them (JAX sorts them).

    Raises:
        ConfigError: memory does not hold them; XLA would abort the process.
    """
    (graphdef, state), names = nnx.split(model), list[str]()

    def look(_model: Model, _state: Any, series: Mapping[str, Any]) -> Any:
        names[:] = series
        return series

    def run(state: Any, key: jax.Array) -> Any:
        return simulation.walk(problem, nnx.merge(graphdef, state), key, periods, paths, look)

    shapes = jax.tree.leaves(jax.eval_shape(run, state, jax.random.key(0)))
    needed, there = COPIES * sum(8 * leaf.size for leaf in shapes), available_memory()
    if there is not None and needed > there:
        raise ConfigError(
            f"--periods {periods:,} and --paths {paths:,} make {len(shapes)} series of {periods * paths:,} numbers, "
            f"which need {needed / 1e9:,.0f} GB, more than the {there / 1e9:,.0f} GB that are free here; ask for fewer."
        )
    return names


def at_truth(problem: Moves, model: Model) -> Moves | None:
    """The problem under its exact policy, whatever the model; None where none is known, or where it moves by other
    methods than `predict`."""
    if not isinstance(problem, HasTruth):
        return None
    true, asked = copy.copy(problem), list[bool]()

    def predict(_model: Model, x: jax.Array) -> Any:
        asked.append(True)
        return problem.truth(x)

    changed: Any = true
    changed.predict = predict
    state = problem.start(1)
    if problem.truth(problem.observe(state)) is None:
        return None
    jax.eval_shape(lambda at, shock: true.step(model, at, shock)[0], state, np.zeros((1, problem.shock_size)))
    return true if asked else None


def _warnings(run: Run, series: Mapping[str, np.ndarray]) -> list[str]:
    """What makes the series of little use."""
    found, told = [], run.summary()
    if health.failed_verdicts(told):
        found.append(f"{run.name} is FAILED: {told.get('failed')}; its paths are not those of the solution.")
    if lost := sum(int((~np.isfinite(values)).sum()) for values in series.values()):
        of = sum(values.size for values in series.values())
        found.append(f"{lost:,} of {of:,} values are not finite: the fitted policy leaves the states it was fitted on.")
    return found
