"""`econml eval` as a library call: losses, metrics with intervals, and errors against the truth, of one run."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from econml_cli.config.fit_config import FitConfig
from econml_cli.data.stored import is_stored
from econml_cli.errors import ConfigError, EconmlError
from econml_cli.evaluation import by_blocks, ensemble, success
from econml_cli.evaluation import counterfactual as changing
from econml_cli.evaluation.estimate import Estimate, Estimates, Quantity
from econml_cli.evaluation.evaluation import CONVERGENCE, REPORTED, Evaluation
from econml_cli.evaluation.intervals import with_intervals
from econml_cli.evaluation.opened import Members, OpenedRun, open_run
from econml_cli.evaluation.risk.population import population_risk
from econml_cli.evaluation.samples import Samples, Scored, as_counted, scorer, size
from econml_cli.evaluation.standard_errors import groups_of, unspread
from econml_cli.output.tables import Grid
from econml_cli.problems import losses, metrics
from econml_cli.problems import registry as problems
from econml_cli.problems.base import Batch, Problem
from econml_cli.problems.economies.verdicts import judge
from econml_cli.problems.economies.visited import outside
from econml_cli.problems.equation_weights import WEIGHT
from econml_cli.problems.tabular import Tabular
from econml_cli.runs import caveats, health
from econml_cli.runs.directory import Run
from econml_cli.training.loop.over_members import seeds_passed, words_over_members
from econml_cli.training.precision import to_device

if TYPE_CHECKING:  # what few runs have, or are asked for, is imported then
    from econml_cli.evaluation.coefficients import Coefficients
    from econml_cli.evaluation.den_haan_marcet import Paths


def evaluate(
    run: Run,
    *,
    data: str | None = None,
    draws: int = 0,
    draw_seed: int = 0,
    bootstrap: int = 1000,
    bootstrap_seed: int = 0,
    step: int | None = None,
    missing: str | None = None,
    changes: Mapping[str, Any] | None = None,
    sheet: str | None = None,
    paths: "Paths | None" = None,
    vcov: str | None = None,
) -> Evaluation:
    """Evaluate a run on its own splits, on a new file, or on its problem with other parameters.

    Args:
        data: a file to evaluate on instead, encoded as the training data were (problems that read a file).
        missing: "error" or "drop": what its rows with missing values get (default: as in the fit).
        sheet: of that file, where it is one of Excel (default: that of the fit).
        draws: fresh draws that estimate the population risk (simulated problems); 0: none.
        draw_seed, bootstrap_seed: their seeds. bootstrap: replications of the 95 % intervals; 0: no intervals.
        step: the epoch of the checkpoint (default: the best weights where early stopping kept some, else the newest).
        changes: options of the problem (simulated ones only) in place of those of the fit, by name.
        vcov: the standard errors of a linear model's coefficients: "iid", "HC1", "HC3" or "cluster" (default: "cluster"
            where the fit has groups, else "iid").
        paths: the paths of den Haan and Marcet's test (economic models that have `realised`); None: no test.

    Raises:
        ConfigError: the options do not fit the problem. DataError: data cannot be read.
        ShapeError: the model cannot read the changed problem.
        RunError, CheckpointError: the run, its data file or its checkpoint is missing, changed or damaged.
    """
    with open_run(run, step=step, data=data, missing=missing, changes=changes, sheet=sheet) as opened:
        config, dtype = opened.config(), opened.dtype
        _check(config, draws)
        members = opened.members()
        if paths is not None and len(members.models) > 1:
            raise ConfigError(f"--den-haan-marcet tests one policy; {run.name} has {members.total}: add --member 0.")
        samples = opened.samples(stored=True)
        reported = next(split for split in REPORTED if split in samples.parts)
        estimates = _estimates(samples, members, dtype, {reported: bootstrap}, bootstrap_seed)
        errors, verdicts, good = _errors(opened, samples, members, reported, estimates)
        estimates |= errors
        if draws:
            risk = _population(samples.problem, config.problem, members, draws, draw_seed)
            estimates[Quantity(None, "population_risk")] = risk
        if paths is not None:
            tested, samples = _on_paths(samples, members, config.problem, paths)
            estimates |= tested
        found = _coefficients(opened, samples.problem, members, vcov)
    return Evaluation(
        **_about(opened, samples, members), reported=reported,
        measured=_losses_first(estimates), verdicts=verdicts, linear=found,
        bootstrap=bootstrap, bootstrap_seed=bootstrap_seed,
        notes=(*_notes(opened, members, reported, samples), *_success(good, members)),
    )  # fmt: skip


def _about(run: OpenedRun, samples: Samples, members: Members) -> dict[str, Any]:
    """What an evaluation says of the run and its rows, by name of the attribute."""
    config, problem = run.config(), samples.problem
    return {
        "run": run.name, "path": str(run.path), "model": config.model, "problem": config.problem,
        "task": losses.of(problem).task, "status": health.status(run, members.lost), "epoch": members.epoch,
        "n": _sizes(samples), "changed": _changed(run),
        "members": members.total, "diverged": members.diverged, "member": run.member,
        "convergence": {name: value for name, value in run.summary().items() if name in CONVERGENCE},
        "schema": problem.schema if isinstance(problem, Tabular) else None, "data": _data(run, samples),
    }  # fmt: skip


def _data(run: OpenedRun, samples: Samples) -> Grid | None:
    """What was read of which file, in a few lines; None of simulated observations."""
    problem = samples.problem
    if not isinstance(problem, Tabular):
        return None
    from econml_cli.output import schema_table

    where = run.data or str(getattr(run.config().problem_options, "data", None))
    used = sum(size(part) for part in samples.parts.values())
    return schema_table.brief(problem.learnt, where, used, problem.rows_read, problem.describe())


def _changed(run: OpenedRun) -> dict[str, Any]:
    """The options of the problem that are other than in the fit, as they were read."""
    changes = run.changes
    return changing.values_of(changing.changed_config(run.config(), changes), changes) if changes else {}


def _estimates(samples: Samples, members: Members, dtype: str, replications: Mapping[str, int], seed: int) -> Estimates:
    """The metrics of all splits; with intervals where there are replications."""
    score, estimates = scorer(samples.problem, members.models[0], dtype), Estimates()
    row = losses.of(samples.problem)
    for split, batch in samples.parts.items():
        if is_stored(batch.x) and isinstance(samples.problem, Tabular):
            moments = by_blocks.moments(samples.problem, score, batch)
            found = with_intervals(moments, replications=replications.get(split, 0), seed=seed)
            estimates |= {Quantity(split, name): estimate for name, estimate in found.items()}
            continue
        groups = groups_of(samples.problem, split, size(batch))
        scored, groups = as_counted(samples.problem, [score(batch, model) for model in members.models], groups)
        of = (split, replications.get(split, 0), seed, groups)
        estimates |= _measure(row, scored[0], *of) if members.total == 1 else ensemble.measure(row, scored, *of)
    return estimates


def _errors(
    run: OpenedRun, samples: Samples, members: Members, reported: str, estimates: Estimates
) -> tuple[Estimates, dict[str, str], dict[str, int]]:
    """(errors against the truth and weights of equations, the verdicts on an economic model, of an ensemble how many
    members passed all)."""
    looked = samples.parts[reported]
    looked = looked if is_stored(looked.x) else to_device(looked, run.dtype)
    # another economy (`changes`) has other states than those that the policy was trained on
    trained = None if run.changes else samples.parts.get("train")
    errors, verdicts, good = _judged(samples.problem, members, looked, trained, estimates)
    return errors if run.changes else errors | _equation_weights(run), verdicts, good


def _judged(
    problem: Problem, members: Members, batch: Batch, trained: Batch | None, estimates: Estimates
) -> tuple[Estimates, dict[str, str], dict[str, int]]:
    """The same of some rows; `trained` is what the policy of an economic model was trained on."""
    found = [problem.verdicts(model, batch) for model in members.models]
    if trained is not None:
        found = [
            numbers | outside(problem, model, trained.x) for numbers, model in zip(found, members.models, strict=True)
        ]
    if members.total == 1:
        numbers = {Quantity(None, name): Estimate(value) for name, value in found[0].items()}
        measured = {quantity.label: estimate.value for quantity, estimate in {**estimates, **numbers}.items()}
        return numbers, judge(problem, measured), {}
    words = [judge(problem, numbers) for numbers in found]
    return ensemble.numbers(found), words_over_members(words), seeds_passed(words)


def _coefficients(run: OpenedRun, problem: Problem, members: Members, vcov: str | None) -> "Coefficients | None":
    """Those of one linear model; None of other runs."""
    if members.total > 1 or run.config().model != "linear":
        return None
    from econml_cli.evaluation.coefficients import coefficients

    return coefficients(run, problem, members.models[0], vcov)


def _equation_weights(run: OpenedRun) -> Estimates:
    """The weights that the fit gave its equations."""
    given = {name: value for name, value in run.summary().items() if name.startswith(WEIGHT)}
    return {Quantity(None, name): Estimate(float(value)) for name, value in given.items()}


def _on_paths(samples: Samples, members: Members, name: str, paths: "Paths") -> tuple[Estimates, Samples]:
    """The numbers of den Haan and Marcet's test of a policy, and the samples with a note of what it says."""
    from econml_cli.evaluation.den_haan_marcet import den_haan_marcet

    test = den_haan_marcet(samples.problem, members.models[0], name, paths)
    numbers = {Quantity(None, name): Estimate(value) for name, value in test.numbers().items()}
    return numbers, dataclasses.replace(samples, notes=(*samples.notes, test.said()))


def _success(good: Mapping[str, int], members: Members) -> tuple[str, ...]:
    """How many seeds have passed all verdicts, in a sentence."""
    told = success.said({**good, "members": members.total})
    return () if told is None else (f"{told}.",)


def _population(problem: Problem, name: str, members: Members, draws: int, seed: int) -> Estimate:
    risks = [population_risk(problem, name, model, draws, seed) for model in members.models]
    if members.total == 1:
        return risks[0]
    return dataclasses.replace(ensemble.over([risk.value for risk in risks]), draws=draws)


def _sizes(samples: Samples) -> dict[str, int]:
    own = {} if "data" in samples.parts else dict.fromkeys(("train", "val", "test"), 0)
    return own | {split: size(batch) for split, batch in samples.parts.items()}


def _check(config: FitConfig, draws: int) -> None:
    if draws and not problems.load(config.problem).simulated:
        raise ConfigError(f"--draws needs a problem that can be simulated; {config.problem} reads a file (try --data).")
    if draws == 1 or draws < 0:
        raise ConfigError(f"--draws must be 0 or at least 2 (a standard error needs two), got {draws}.")


def _measure(
    row: losses.Loss, scored: Scored, split: str, replications: int, seed: int, groups: np.ndarray | None
) -> Estimates:
    """The metrics of one split, with intervals where there are replications."""
    moments = metrics.moments(row, scored.loss, scored.y, scored.yhat, scored.w)
    found = with_intervals(moments, replications=replications, seed=seed, groups=groups)
    return {Quantity(split, name): estimate for name, estimate in found.items()}


def _losses_first(estimates: Estimates) -> Estimates:
    return dict(sorted(estimates.items(), key=lambda item: not item[0].is_loss))


def _notes(run: OpenedRun, members: Members, reported: str, samples: Samples) -> tuple[str, ...]:
    notes = [*samples.notes, *health.of_weights(run, members.lost, members.epoch)]
    if members.diverged:
        notes.append(f"{run.name}: {members.left_out}.")
    if reported == "train":
        notes.append(f"{run.name} has no test split: intervals and errors are those of the training split.")
    notes += unspread(run.name, samples.problem, reported, size(samples.parts[reported]))
    # of weights that diverged it is enough to say so
    against = () if members.lost else caveats.sentences(run.summary())
    return (*notes, *caveats.of_rows(run, run.data), *against)


def evaluate_all(several: Sequence[Run], **options: Any) -> tuple[list[Evaluation], list[EconmlError]]:
    """Evaluate several runs: those that could be, and what was wrong with the others.

    Raises:
        ConfigError: the options do not fit one of them. EconmlError: as `evaluate`, where there is only one run.
    """
    found, failed = [], []
    for run in several:
        try:
            found.append(evaluate(run, **options))
        except ConfigError:
            raise
        except EconmlError as error:
            if len(several) == 1:
                raise
            failed.append(error)
    return found, failed
