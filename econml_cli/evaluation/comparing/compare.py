"""Runs side by side as a paper shows them: a column each, and tests of equal accuracy against one of them."""

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from econml_cli.data import typed_files
from econml_cli.errors import ConfigError, DataError, suggest
from econml_cli.evaluation.comparing import paired
from econml_cli.evaluation.comparing.accuracy_tests import Difference, in_series, paired_bootstrap
from econml_cli.evaluation.comparing.column import Column
from econml_cli.evaluation.comparing.comparison import Comparison
from econml_cli.evaluation.comparing.options_shown import differing_options
from econml_cli.evaluation.comparing.paired import Test, Tested
from econml_cli.evaluation.evaluate import evaluate
from econml_cli.evaluation.evaluation import Evaluation
from econml_cli.evaluation.opened import OpenedRun, open_run
from econml_cli.evaluation.samples import scorer
from econml_cli.problems import losses
from econml_cli.problems.base import Problem
from econml_cli.problems.tabular import Tabular
from econml_cli.runs.directory import Run


def compare(
    runs: Sequence[Run],
    *,
    baseline: str | None = None,
    bootstrap: int = 1000,
    bootstrap_seed: int = 0,
    stars: bool = False,
    step: int | None = None,
    data: str | None = None,
    missing: str | None = None,
    sheet: str | None = None,
    series: bool | None = None,
    horizon: int = 1,
    draws: int = 10_000,
    draw_seed: int = 0,
    vcov: str | None = None,
) -> Comparison:
    """Compare runs on the split that `evaluate` reports: numbers as `evaluate` gives them, and for each run but one the
    difference of its loss to that of the baseline, on the same observations.

    Where two runs were tested on other observations there is no test, and a note says why. Two of one simulated
    problem, whose test sample depends on the model (it is drawn after the weights), are tested on fresh draws instead.

    Args:
        baseline: a run of these, by name, path or label such as "(2)" (default: the first).
        bootstrap: replications of the 95 % intervals, and of the paired test; 0: neither.
        series: whether the rows are in the order of time, so that the test is Diebold and Mariano's; None: where a
            formula of these has lag(...) in it, and the rows have no groups and no weights. horizon: periods ahead of
            the forecasts.
        draws: fresh draws that runs of one simulated problem are compared on; 0: none. draw_seed: their seed.
        step, data, missing, sheet, vcov: as in `evaluate`.

    Raises:
        ConfigError: the baseline is not among the runs, the horizon does not fit, or `series` is asked of rows that
            have groups or weights. As `evaluate` otherwise.
    """
    if not runs:
        raise ConfigError("A comparison needs runs; name some, such as `econml eval compare runs/ols runs/mlp`.")
    base = _place(runs, baseline)
    evaluations, tested = list[Evaluation](), list[Tested]()
    for run in runs:
        with open_run(run, step=step, data=data, missing=missing, sheet=sheet) as opened:
            evaluations.append(evaluate(opened, bootstrap=bootstrap, bootstrap_seed=bootstrap_seed, vcov=vcov))
            tested.append(_tested(opened, evaluations[-1].reported))
    alike = tested[base].groups is None and tested[base].batch.w is None
    in_time = series if series is not None else any(paired.has_lag(one.run) for one in tested) and alike
    if horizon != 1 and not in_time:
        raise ConfigError(f"--horizon {horizon} is that of Diebold and Mariano's test; add --dm, or leave it out.")

    if in_time and tested[base].batch.w is not None:
        raise ConfigError("Diebold and Mariano's test takes rows that all weigh the same; leave out --dm.")

    def test(differential: np.ndarray, groups: np.ndarray | None, w: np.ndarray | None) -> Difference:
        if not in_time:
            return paired_bootstrap(differential, replications=bootstrap, seed=bootstrap_seed, groups=groups, w=w)
        if groups is not None:
            raise ConfigError(
                "Diebold and Mariano's test takes one series, and rows of several groups at a time would count as "
                "independent; leave out --dm: the paired test heeds the groups."
            )
        return in_series(differential, horizon=horizon, replications=bootstrap, seed=bootstrap_seed)

    against, notes = _against(tested, base, test, draws, draw_seed, data is not None)
    if in_time and horizon > 1:
        notes += _gaps(tested[base], data is not None)
    notes += _of_groups(tested[base])
    options = differing_options([one.config for one in tested], [e.status == "solved" for e in evaluations])
    columns = tuple(map(_column, evaluations, tested, options, against))
    columns = tuple(dataclasses.replace(column, label=_label(i)) for i, column in enumerate(columns))
    said = dict.fromkeys(note for evaluation in evaluations for note in evaluation.notes)
    return Comparison(columns, base, stars, bootstrap, bootstrap_seed, (*notes, *said))


def _of_groups(base: Tested) -> tuple[str, ...]:
    """What stands for an observation where rows come in groups."""
    if base.groups is None:
        return ()
    count, name = len(np.unique(base.groups)), getattr(base.config.problem_options, "group", None)
    which = f"of '{name}' " if name else ""
    return (f"Intervals and tests draw whole groups: {count:,} {which}with {base.n:,} observations.",)


def _label(i: int) -> str:
    return f"({i + 1})"


def _place(runs: Sequence[Run], baseline: str | None) -> int:
    """Which of the runs the baseline is: by label, path, name, or the start of a name, in this order."""
    if baseline is None:
        return 0
    path = Path(baseline).absolute().resolve()
    for match in (
        [i for i in range(len(runs)) if baseline == _label(i)],
        [i for i, run in enumerate(runs) if run.path.resolve() == path],
        [i for i, run in enumerate(runs) if run.name == baseline],
        [i for i, run in enumerate(runs) if run.name.startswith(baseline)],
    ):
        if len({(runs[i].path.resolve(), runs[i].member) for i in match}) > 1:
            found = ", ".join(f"{_label(i)} {runs[i].path}" for i in match)
            raise ConfigError(f"--baseline {baseline} fits {found}; name one by its label, such as {_label(match[0])}.")
        if match:
            return match[0]
    raise ConfigError(
        f"--baseline {baseline} is none of the runs that are compared.{suggest(baseline, [run.name for run in runs])} "
        "Name it among them."
    )


def _tested(run: OpenedRun, split: str) -> Tested:
    """A run's losses on one split, by member."""
    models, samples = run.members().models, run.samples()
    score = scorer(samples.problem, models[0], run.dtype)
    scored = [score(samples.parts[split], model) for model in models]
    return Tested(
        run=run, config=run.config(), problem=samples.problem, split=split, models=models, batch=samples.parts[split],
        loss=np.stack([np.asarray(s.loss, np.float64) for s in scored]), observed=scored[0].y,
        positions=paired.positions_of(samples, split),
    )  # fmt: skip


def _against(
    tested: Sequence[Tested],
    base: int,
    test: Test,
    draws: int,
    draw_seed: int,
    on_file: bool,
) -> tuple[list[Difference | None], list[str]]:
    """For each run its test against the baseline, or None, and what there is to say of it."""
    found, notes = list[Difference | None](), list[str]()
    for i, one in enumerate(tested):
        if i == base:
            found.append(None)
            continue
        reason = paired.why_not(one, tested[base], on_file)
        if reason is None:
            found.append(paired.difference(one, tested[base], test))
            continue
        on_fresh = _on_fresh(one, tested[base], test, draws, draw_seed)
        found.append(on_fresh)
        if on_fresh is None:
            notes.append(f"{_label(i)} is not tested against {_label(base)}: {reason}.")
        else:
            notes.append(
                f"The {one.split} samples of {_label(i)} and {_label(base)} are other draws of one problem, so these "
                f"are compared on {draws:,} fresh draws."
            )
    return found, notes


def _on_fresh(one: Tested, base: Tested, test: Test, draws: int, seed: int) -> Difference | None:
    """The test on fresh draws of the problem that both were fitted to; None where there is no such thing."""
    if not draws or not paired.same_population(one, base):
        return None
    try:
        return paired.difference(one, base, test, draws, seed)
    except ConfigError:  # nothing of it is drawn
        return None


def _gaps(tested: Tested, on_file: bool) -> list[str]:
    """A note where the rows in the order of time have others between them."""
    if tested.positions is None or np.all(np.diff(tested.positions) == 1):
        return []
    told = "" if on_file else "; --data FILE compares on a file of later periods"
    return [f"Autocovariances are those of successive {tested.split} rows, which are not adjacent in the file{told}."]


def _weighted(problem: Problem, labels: Mapping[str, str]) -> dict[str, str]:
    """`Column.weighted` of a problem."""
    if not isinstance(problem, Tabular):
        return {}
    found, weights = dict[str, str](), problem.weights
    if weights is not None:
        called = labels.get(weights.column) or weights.column
        kind = weights.kind.capitalize() if weights.is_exposure else "Weights"
        found[kind] = called if weights.is_exposure else f"{called} ({weights.kind})"
    return found | ({"Class weights": "Yes"} if problem.class_weights else {})


def _column(evaluation: Evaluation, tested: Tested, options: dict[str, Any], against: Difference | None) -> Column:
    manifest, summary, about = tested.run.manifest(), tested.run.summary(), tested.problem.describe()
    labels = _labels(about.get("path"))
    return Column(
        label="", evaluation=evaluation, target=about.get("target"),
        features=len(about["features"]) if isinstance(about.get("features"), list) else int(tested.problem.din),
        n_train=evaluation.n.get("train") or manifest.get("shapes", {}).get("n_train"),
        options=options, num_params=manifest.get("num_params"), seconds=summary.get("seconds_training"),
        against=against, method=_method(tested), labels=labels, weighted=_weighted(tested.problem, labels),
    )  # fmt: skip


def _method(tested: Tested) -> str:
    """What the model of a run is called in a paper."""
    if tested.config.model != "linear":
        return tested.config.model
    row = losses.of(tested.problem)
    return row.classical or row.linear_model or row.name


def _labels(path: object) -> dict[str, str]:
    """The labels of the variables of a file, {} where it is gone or has none."""
    if not isinstance(path, str) or not path:
        return {}
    with contextlib.suppress(DataError):
        return typed_files.variable_labels(Path(path))
    return {}
