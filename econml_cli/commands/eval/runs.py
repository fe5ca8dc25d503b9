"""`econml eval [RUN]...`: losses, metrics with intervals, and errors against the truth, of fitted runs."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from econml_cli.commands import importing
from econml_cli.commands.common import RUNS, CheckpointOptions, LookupOptions, find_run, path_of
from econml_cli.commands.declared import Command
from econml_cli.commands.eval import folds, former, shared
from econml_cli.commands.eval.former import FormerOptions
from econml_cli.commands.eval.shared import (
    DATA,
    OUTPUT,
    UNCERTAINTY,
    BootstrapOptions,
    ChangeOptions,
    CoefficientOptions,
    DrawOptions,
    FormOptions,
    RowOptions,
    told,
)
from econml_cli.commands.figure_width import FigureWidthOption
from econml_cli.errors import ConfigError, RunError, UnstableError, plural, suggest
from econml_cli.options.fields import option
from econml_cli.runs import estimates, health

if TYPE_CHECKING:
    from econml_cli.output.figure_style import Width
    from econml_cli.runs.directory import Run
    from econml_cli.runs.estimates import EstimateDirectory


@dataclass(frozen=True)
class WriteOptions:
    """What is written, or drawn, besides."""

    predictions: str | None = option(
        None,
        "also write the rows with their predictions here (.csv, .csv.gz, .tsv, .parquet, .feather, .dta, .xlsx, .sav), "
        "replaced if it exists",
        metavar="FILE",
    )
    plot: str | None = option(
        None,
        "draw the fit against the truth or the data (of an economic model the policy and responses to shocks), "
        "residuals and convergence in FILE (.png, .pdf, .svg), replaced if it exists",
        metavar="FILE",
    )
    columns: bool = option(False, "print also what the columns of the data were taken for (--json has it in any case)")
    sort: str | None = option(
        None,
        "sort several runs by a column of the CSV; -COLUMN or COLUMN:desc: descending (default: test_loss)",
        metavar="COLUMN",
    )


@dataclass(frozen=True)
class FreshOptions:
    """The population risk, which is asked for."""

    draws: int | None = option(
        None,
        "fresh draws that estimate the population risk (simulated problems); 0: none (default: 0)",
        ge=0,
        metavar="N",
    )
    draw_seed: int | None = option(
        None, "seed of the fresh draws, and of the paths (0)", ge=0, lt=2**32, metavar="SEED"
    )


@dataclass(frozen=True)
class PathOptions:
    """The test of Den Haan and Marcet."""

    den_haan_marcet: bool = option(
        False, "test on simulated paths whether what is known predicts the Euler errors (models with shocks)"
    )
    periods: int | None = option(None, "periods of each of its paths (3000)", ge=1, metavar="N")
    paths: int | None = option(None, "how many paths it has (100)", ge=1, metavar="N")


@dataclass(frozen=True)
class VerdictOptions:
    """What may fail."""

    accept_failed: tuple[str, ...] = option(
        (),
        "verdicts on an economic model (loss, truth, stability, states) that may fail without exit code 5; all: any",
        metavar="VERDICT,...",
    )


def evaluate(
    runs: list[str] | None,
    rows: RowOptions,
    changes: ChangeOptions,
    weights: CheckpointOptions,
    lookup: LookupOptions,
    bootstrap: BootstrapOptions,
    fresh: FreshOptions,
    simulated: PathOptions,
    errors: CoefficientOptions,
    verdicts: VerdictOptions,
    written: WriteOptions,
    size: FigureWidthOption,
    output: FormOptions,
    asked: FormerOptions,
) -> None:
    """Evaluate fitted runs: train, val and test loss, errors against the truth, metrics with 95 % intervals.

    Several runs make one table, sorted by test loss; an ensemble is summarised across its members. The
    table of a cross-validation is shown again.

    `econml eval QUESTION RUN` answers a question of its own:
    risk, learning-curve, effects, partial-dependence, importance, calibration, compare.
    A run that has such a name is written ./risk.
    """
    where, plot, predictions = Path(lookup.runs_dir), path_of(written.plot), path_of(written.predictions)
    others = [rows, changes, weights, fresh, simulated, errors, verdicts, written, asked]
    if _show_again(runs or [], where, asked, others, bootstrap, size, output):
        return
    chosen = [_find(name, where).of_member(weights.member) for name in (runs or (None,))]
    _refuse(len(chosen), asked, predictions, plot, changes, simulated)
    asked.check(len(chosen), output.form, plot is not None)
    around = shared.intervals(bootstrap)
    shared.check_plot(plot, size)

    with importing.at_once():
        from econml_cli.evaluation.opened import open_run
        from econml_cli.training import compilation_cache

    if errors.vcov is not None and not asked.names:
        from econml_cli.evaluation import covariances

        covariances.check_some_linear(errors.vcov, chosen)
    compilation_cache.enable()
    if predictions is not None:
        from econml_cli.data.table_files import check_output

        check_output(predictions, reads=rows.data)
    sample = shared.sample(rows, changes, weights)
    draws = DrawOptions(fresh.draws, fresh.draw_seed)
    seeds = {"draws": fresh.draws or 0, "draw_seed": fresh.draw_seed or 0, **_paths(simulated, fresh)}
    with contextlib.ExitStack() as stack:
        if len(chosen) == 1:  # so that its rows, its figure and its evaluation read it once
            chosen = [stack.enter_context(open_run(chosen[0]))]
        if predictions is not None:
            _write(chosen[0], sample, predictions)
        if asked.names:
            former.advise(asked, runs or [])
            former.answer(chosen, asked, sample, draws, around, output.form, plot, errors.vcov, size.figure_width)
            return
        if plot is not None:
            _draw(chosen[0], sample, plot, size.figure_width)
        # another economy (--with) is not what the policy was fitted to
        accepted = ("loss", "truth") if changes.with_ else verdicts.accept_failed
        options = {**sample, **around, **seeds, "vcov": errors.vcov}
        _evaluate(chosen, options, written, output.form, accepted)


def _show_again(
    runs: Sequence[str],
    where: Path,
    asked: FormerOptions,
    others: Sequence[Any],
    bootstrap: BootstrapOptions,
    size: FigureWidthOption,
    output: FormOptions,
) -> bool:
    """Show what was found when it was made, of an estimate of a treatment effect or of a cross-validation, neither of
    which goes with `others`; whether a run is one of these."""
    effect = estimates.find(runs[0], where) if len(runs) == 1 else None
    if effect is not None:
        _show_effect(effect, [*others, bootstrap, size], output)
        return True
    validated = [] if asked.names else folds.named(runs, where)
    if not validated:
        return False
    if len(validated) > 1:
        raise ConfigError(
            f"{validated[0]} and {validated[1]} are cross-validations; `econml eval compare` compares them."
        )
    folds.refuse_others(validated, others, "--format, --bootstrap")
    folds.show(validated[0], bootstrap, output.form)
    return True


def _show_effect(effect: "EstimateDirectory", others: Sequence[Any], output: FormOptions) -> None:
    """What came of `econml estimate`, again."""
    if any(each != type(each)() for each in others):
        raise ConfigError(
            f"{effect.path} is an estimate of a treatment effect: of the options, --format alone is for it."
        )
    from econml_cli.causal import estimation

    found = estimation.load(effect)
    for note in found.notes:
        told(note)
    print(found.render(output.form))  # noqa: T201


def _refuse(
    runs: int,
    asked: FormerOptions,
    predictions: Path | None,
    plot: Path | None,
    changes: ChangeOptions,
    simulated: PathOptions,
) -> None:
    """Say which options do not go together, rather than leave one out."""
    if predictions is not None and runs > 1:
        raise ConfigError(f"--predictions writes one file, but {runs} runs are named; name one.")
    if plot is not None and runs > 1:
        raise ConfigError(f"--plot draws one run, but {runs} are named; name one.")
    if predictions is not None and changes.with_:
        raise ConfigError("--predictions writes the run's own rows, not those of --with; leave one of them out.")
    if not simulated.den_haan_marcet and (simulated.periods, simulated.paths) != (None, None):
        raise ConfigError("--periods and --paths are those of --den-haan-marcet; add it, or leave them out.")
    if simulated.den_haan_marcet and asked.names:
        raise ConfigError(f"--den-haan-marcet stands in the table of the run itself; ask {asked.names[0]} by itself.")


def _find(name: str | None, runs_dir: Path) -> "Run":
    """The run of that name; where there is none, the question that may have been meant."""
    from econml_cli.commands.eval import QUESTIONS

    try:
        return find_run(name, runs_dir, "eval")
    except RunError as error:
        near = suggest(str(name), QUESTIONS)
        raise RunError(f"{error}{near if 'Did you mean' not in str(error) else ''}") from None


def _paths(simulated: PathOptions, fresh: FreshOptions) -> dict[str, Any]:
    """The paths that --den-haan-marcet tests on."""
    if not simulated.den_haan_marcet:
        return {}
    from econml_cli.evaluation.den_haan_marcet import Paths

    given = {"periods": simulated.periods, "paths": simulated.paths}
    typed = {name: count for name, count in given.items() if count is not None}
    return {"paths": Paths(**typed, seed=fresh.draw_seed or 0)}


def _write(run: "Run", sample: dict[str, Any], path: Path) -> None:
    """The rows of a run, or of a file, with their predictions."""
    from econml_cli.evaluation import predictions as predicted

    data, step = sample["data"], sample["step"]
    found = (
        predicted.predict_file(run, data, step=step, missing=sample["missing"], sheet=sample["sheet"])
        if data
        else predicted.predict_own_file(run, step=step)
    )
    found.write(path)
    told(f"{plural(len(found), 'row')} written to {path}")


def _draw(run: "Run", sample: dict[str, Any], plot: Path, width: "Width | None") -> None:
    """The fit as a figure."""
    from econml_cli.evaluation.drawing import figures

    shared.save_figure(figures.figure(run, **sample, width=width), plot)


def _evaluate(
    chosen: Sequence[Any], options: dict[str, Any], written: WriteOptions, form: str, accepted: Sequence[str]
) -> None:
    """Evaluate runs and print what was found; an exit code for what is wrong."""
    from econml_cli.evaluation import evaluation_tables
    from econml_cli.evaluation.evaluate import evaluate_all

    found, failed = evaluate_all(chosen, **options)
    found = evaluation_tables.ordered(found, written.sort) if found else found
    notes = [note for evaluation in found for note in evaluation.notes]
    if len(found) > 1:
        from econml_cli.evaluation.comparing import rankable

        notes += rankable.notes(found)
    for message in [*notes, *(str(error) for error in failed)]:
        told(message)
    if found:
        print(evaluation_tables.render(found, form, several=len(chosen) > 1, width=shared.width()))  # noqa: T201
    if written.columns:
        _columns(found, form)
    if len(found) == 1 and health.failed_verdicts(found[0].verdicts, accepted):
        raise UnstableError(f"FAILED: {found[0].verdicts['failed']}; fit it again with another --seed, or --retries 5.")
    if failed:
        raise RunError(f"{len(failed)} of {len(chosen)} runs could not be evaluated (see above).")


def _columns(found: Sequence[Any], form: str) -> None:
    """What the columns of the data of some evaluations were taken for, below them; JSON and CSV hold one document."""
    from econml_cli.output import schema_table, tables

    formats = {
        "table": lambda grid: tables.text(grid, shared.width()),
        "markdown": tables.markdown,
        "latex": tables.latex,
    }
    for one in found:
        if one.schema is not None and form in formats:
            title = "Columns of the data" + (f" of {one.run}" if len(found) > 1 else "")
            print(f"\n{formats[form](schema_table.grid(one.schema, title))}")  # noqa: T201


COMMAND = Command(
    "econml eval",
    evaluate,
    (
        (DATA, RowOptions),
        (DATA, ChangeOptions),
        (DATA, CheckpointOptions),
        (DATA, LookupOptions),
        (UNCERTAINTY, BootstrapOptions),
        (UNCERTAINTY, FreshOptions),
        (UNCERTAINTY, PathOptions),
        (UNCERTAINTY, CoefficientOptions),
        (OUTPUT, VerdictOptions),
        (OUTPUT, WriteOptions),
        (OUTPUT, FigureWidthOption),
        (OUTPUT, FormOptions),
        ("Former", FormerOptions),
    ),
    (RUNS,),
)
