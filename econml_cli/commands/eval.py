"""`econml eval [RUN]...`: losses, metrics with intervals, and errors against the truth, of fitted runs."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from econml_cli.commands import eval_options as options
from econml_cli.commands.common import Member, check_bootstrap, say
from econml_cli.errors import ConfigError, RunError, UnstableError, plural

_say = partial(say, "eval")


def eval_command(
    runs: options.Runs = None,
    data: options.Data = None,
    missing: options.Missing = None,
    predictions: options.Predictions = None,
    changes: options.Changes = None,
    step: options.Step = None,
    member: Member = None,
    runs_dir: options.RunsDir = Path("runs"),
    bootstrap: options.Bootstrap = 1000,
    bootstrap_seed: options.BootstrapSeed = 0,
    draws: options.Draws = None,
    draw_seed: options.DrawSeed = None,
    decompose: options.Decompose = False,
    samples: options.Samples = None,
    replications: options.Replications = None,
    effects: options.Effects = False,
    pdp: options.Pdp = None,
    compare: options.Compare = False,
    baseline: options.Baseline = None,
    stars: options.Stars = False,
    dm: options.Dm = None,
    horizon: options.Horizon = None,
    den_haan_marcet: options.DenHaanMarcet = False,
    periods: options.Periods = None,
    paths: options.Paths = None,
    plot: options.Plot = None,
    sort: options.Sort = None,
    format: options.Format = "table",
    json: options.Json = False,
) -> None:
    """Evaluate fitted runs: train, val and test loss, errors against the truth, metrics with 95 % intervals.

    Several runs make one table, sorted by test loss; an ensemble is told across its members.

    --decompose, --samples, --effects, --pdp and --compare answer a question of their own, in place of that.
    """
    from econml_cli.commands import eval_questions
    from econml_cli.output import figure_files
    from econml_cli.runs import directory

    chosen = [directory.find(name, runs_dir).of_member(member) for name in (runs or (None,))]
    asked = eval_questions.Asked(
        decompose, samples, replications, effects, tuple(pdp or ()), compare, baseline, stars, dm, horizon
    )
    _refuse(len(chosen), asked, predictions, plot, changes, den_haan_marcet, (periods, paths))
    asked.check(len(chosen), "json" if json else format, plot is not None)
    check_bootstrap(bootstrap)
    if plot is not None:
        figure_files.check_file(plot)

    from econml_cli.evaluation import counterfactual
    from econml_cli.evaluation import predictions as predicted
    from econml_cli.training import compilation_cache

    compilation_cache.enable()
    if predictions is not None:
        predicted.check_output(predictions, reads=data)
    sample: dict[str, Any] = {
        "data": data,
        "missing": missing,
        "step": step,
        "changes": counterfactual.parse(changes or []),
    }
    seeds: dict[str, Any] = {"draws": draws, "draw_seed": draw_seed, "bootstrap": bootstrap}
    seeds["bootstrap_seed"] = bootstrap_seed
    form, width = "json" if json else format, _width()
    if predictions is not None:
        _write(chosen[0], sample, predictions)
    if asked.any:
        eval_questions.show(chosen, asked, sample, seeds, form, width, plot, _say)
        return
    seeds |= {"draws": draws or 0, "draw_seed": draw_seed or 0}
    if den_haan_marcet:
        from econml_cli.evaluation import accuracy

        given = {name: n for name, n in (("periods", periods), ("paths", paths)) if n is not None}
        seeds["paths"] = accuracy.Paths(**given, seed=draw_seed or 0)
    if plot is not None:
        from econml_cli.evaluation.drawing import figures

        figure_files.save(figures.figure(chosen[0], **sample), plot)
        _say(f"drawn in {plot}")
    _evaluate(chosen, {**sample, **seeds}, sort, form, width)


def _refuse(
    runs: int,
    asked: Any,
    predictions: Path | None,
    plot: Path | None,
    changes: Sequence[str] | None,
    den_haan_marcet: bool,
    paths: tuple[int | None, int | None],
) -> None:
    """Say which options do not go together, rather than leave one out."""
    if predictions is not None and runs > 1:
        raise ConfigError(f"--predictions writes one file, but {runs} runs are named; name one.")
    if plot is not None and runs > 1:
        raise ConfigError(f"--plot draws one run, but {runs} are named; name one.")
    if predictions is not None and changes:
        raise ConfigError("--predictions writes the run's own rows, not those of --with; leave one of them out.")
    if not den_haan_marcet and paths != (None, None):
        raise ConfigError("--periods and --paths are those of --den-haan-marcet; add it, or leave them out.")
    if den_haan_marcet and asked.any:
        raise ConfigError(f"--den-haan-marcet stands in the table of the run itself; ask {asked.names[0]} by itself.")


def _write(run: Any, sample: dict[str, Any], path: Path) -> None:
    """The rows of a run, or of a file, with their predictions."""
    from econml_cli.evaluation import predictions as predicted

    data, step = sample["data"], sample["step"]
    frame = (
        predicted.predict(run, data, step=step, missing=sample["missing"])
        if data
        else predicted.predict_own(run, step=step)
    )
    predicted.write(frame, path)
    _say(f"{plural(len(frame), 'row')} written to {path}")


def _evaluate(chosen: Sequence[Any], options: dict[str, Any], sort: str | None, form: str, width: int | None) -> None:
    """Evaluate runs and print what was found; an exit code for what is wrong."""
    from econml_cli.evaluation import evaluate_all, evaluation_tables
    from econml_cli.evaluation.comparing import rankable

    found, failed = evaluate_all(chosen, **options)
    found = evaluation_tables.ordered(found, sort) if found else found
    notes = [*(note for evaluation in found for note in evaluation.notes), *rankable.notes(found)]
    for message in [*notes, *(str(error) for error in failed)]:
        _say(message)
    if found:
        print(evaluation_tables.render(found, form, several=len(chosen) > 1, width=width))  # noqa: T201
    if len(found) == 1 and found[0].verdicts.get("verdict_stability") == "FAILED":
        raise UnstableError(f"FAILED: {found[0].verdicts['failed']}; fit it again with another --seed, or --retries 5.")
    if failed:
        raise RunError(f"{len(failed)} of {len(chosen)} runs could not be evaluated (see above).")


def _width() -> int | None:
    """The columns of the terminal; None where stdout is none, so that nothing is cut in a pipe."""
    import shutil

    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
