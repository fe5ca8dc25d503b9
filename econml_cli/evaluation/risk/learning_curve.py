"""Risks against the size of the training sample: the lecture's E_D, by fitting again to many samples."""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from econml_cli.errors import ConfigError, DivergedError
from econml_cli.evaluation.estimate import Estimate
from econml_cli.evaluation.opened import OpenedRun, open_run
from econml_cli.evaluation.risk import refits
from econml_cli.evaluation.risk.bayes import bayes_risk, excess_loss, loss
from econml_cli.evaluation.risk.measure import Meter, population_of
from econml_cli.evaluation.risk.refits import Refits
from econml_cli.evaluation.risk.risk_curve import LearningCurve, Point
from econml_cli.evaluation.samples import Samples, size, without_weights
from econml_cli.evaluation.standard_errors import around, freedom_of, groups_of, independent, standard_error, unspread
from econml_cli.problems.base import Problem
from econml_cli.runs import health
from econml_cli.runs.directory import Run

#: sizes of the training sample, and samples of each, that are fitted where nothing else is asked for
SAMPLES, REPLICATIONS = (100, 300, 1000, 3000), 20


def learning_curve(
    run: Run,
    samples: Sequence[int] = SAMPLES,
    replications: int = REPLICATIONS,
    *,
    draws: int = 10_000,
    seed: int = 0,
    say: Callable[[str], None] | None = None,
) -> LearningCurve:
    """Fit the model and recipe of a run to `replications` new data sets of each size, and take their risks.

    Of a simulated problem each data set is drawn anew from the same truth, and all refits meet the same fresh draws.
    Of a file each is a set of its training rows, drawn without replacement, so that the sets overlap, and the test
    split takes the place of the population. Weights are new in each. The bands are Student's over data sets; the
    variance that comes from the draws or test rows, which all refits share, is added to theirs, and the degrees of
    freedom are those of the sum. Where the Bayes risk is known, R is that risk and the excess over it, which has a much
    smaller error.

    Source: lecture "Machine Learning Fundamentals for Economists", empirical and population risk; Welch (1947),
    Biometrika 34, 28-35, for the degrees of freedom.

    Args:
        draws: fresh draws of the population (simulated problems). seed: of data sets, weights, and fresh draws.
        say: told after each size, in a sentence.

    Raises:
        ConfigError: sizes or numbers that make no sense, more rows than the file has, or neither draws nor a test
            split.
        DivergedError: all refits of all sizes diverged. DataError, RunError: as `OpenedRun.own_samples`.
    """
    check_curve(samples, replications, draws)
    with open_run(run) as opened:
        config, own, points = opened.config(), opened.own_samples(), list[Point]()
        simulated, population = own.problem.simulated, population_of(opened, draws, seed)
        without_weights(run, own, "eval risk --samples")
        _check_data(run, own, samples)
        meter = Meter({"risk": excess_loss(own.problem) or loss(own.problem)})
        for n in sorted(samples):
            if simulated:
                data = refits.new_samples(config, own.problem, n, replications, seed)
            else:
                data = refits.subsamples(config, own.parts["train"], n, replications, seed)
            found = refits.refit(config, own.problem, own.parts.get("val"), data, seed)
            points.append(_point(own.problem, n, found, meter.blocks(found.models, population)))
            if say is not None:
                say(f"n = {n:,}: {len(found.models)} of {replications} refits")
        least = bayes_risk(own.problem)
    if not any(point.refits for point in points):
        raise DivergedError(
            f"All {replications * len(points):,} refits of {run.name} diverged, so that there is no learning curve; "
            "fit again with a smaller --lr or with --grad-clip 1."
        )
    return LearningCurve(
        run=run.name, model=config.model, problem=config.problem,
        over="fresh draws" if simulated else "test split",
        draws=draws if simulated else size(own.parts["test"]),
        seed=seed, replications=replications, bayes_risk=least, points=tuple(points), notes=_notes(opened, points),
    )  # fmt: skip


def check_curve(samples: Sequence[int], replications: int, draws: int) -> None:
    """Refuse sizes and numbers that make no sense, before anything is fitted.

    Raises:
        ConfigError: no size, one below 1, or one twice; fewer than two replications or draws.
    """
    said = ",".join(map(str, samples))
    if not samples or min(samples) < 1 or len(set(samples)) < len(samples):
        raise ConfigError(f"--samples {said} must be different sizes of 1 or more, such as --samples 100,300,1000.")
    if replications < 2:
        raise ConfigError(f"--replications must be at least 2 (a standard error needs two), got {replications}.")
    if draws < 2:
        raise ConfigError(f"--draws must be at least 2 (a standard error needs two), got {draws}.")


def _check_data(run: Run, own: Samples, samples: Sequence[int]) -> None:
    """Refuse a file without the rows that are asked for."""
    if own.problem.simulated:
        return
    most = size(own.parts["train"])
    if max(samples) > most:
        raise ConfigError(
            f"--samples {max(samples)}: {run.name} has {most:,} training rows, so that {most} is the largest n."
        )


def _point(problem: Problem, n: int, found: Refits, blocks: Iterator[dict[str, np.ndarray]]) -> Point:
    """Means, bands and quantiles over the data sets of one size."""
    least = bayes_risk(problem)
    if not found.models:
        none = Estimate(math.nan)
        lost = (math.nan, math.nan)
        return Point(n, 0, found.diverged, none, none, none, None if least is None else none, lost, lost)
    above, shared = _means(problem, blocks)
    risk, empirical = above + (least or 0.0), found.empirical
    return Point(
        n=n, refits=len(risk), diverged=found.diverged,
        empirical=_over(empirical),
        population=_over(risk, *shared),
        generalisation=_over(empirical - risk, *shared),
        excess=None if least is None else _over(above, *shared),
        empirical_quantiles=_quantiles(empirical), population_quantiles=_quantiles(risk),
    )  # fmt: skip


def _means(problem: Problem, blocks: Iterator[dict[str, np.ndarray]]) -> tuple[np.ndarray, tuple[float, int]]:
    """The mean of each model over all observations [models]; the standard error, over observations, of the mean of the
    models' mean, and how many observations, or groups of them, that is estimated from."""
    total, columns = np.zeros(()), []
    for block in blocks:
        total = total + block["risk"].sum(axis=1)
        columns.append(block["risk"].mean(axis=0))
    column = np.concatenate(columns)
    groups = groups_of(problem, "population" if problem.simulated else "test", len(column))
    return total / len(column), (standard_error(column, groups), independent(len(column), groups))


def _over(values: np.ndarray, shared: float = 0.0, shared_n: int = 0) -> Estimate:
    """The mean over data sets, where `shared` is the standard error of what all of them were measured on, which is
    estimated from `shared_n` observations or groups."""
    own = standard_error(values)
    freedom = freedom_of(own, len(values), shared, shared_n)
    return around(float(values.mean()), math.hypot(own, shared), freedom)


def _quantiles(values: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(values, [0.1, 0.9])
    return float(low), float(high)


def _notes(run: OpenedRun, points: Sequence[Point]) -> tuple[str, ...]:
    own = run.own_samples()
    notes = [*own.notes, *health.of_recipe(run)]
    if not own.problem.simulated:
        notes += unspread(run.name, own.problem, "test", size(own.parts["test"]))
        notes.append(
            f"{run.name}: the data sets are subsamples of the same {size(own.parts['train']):,} training rows and "
            "overlap, so that the bands are too narrow where n is near that."
        )
    if lost := [point for point in points if point.diverged]:
        said = ", ".join(f"{point.diverged} at n = {point.n:,}" for point in lost)
        notes.append(f"{run.name}: refits that diverged are left out ({said}).")
    return tuple(notes)
