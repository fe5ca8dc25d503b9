"""`econml eval [RUN]...`: losses, metrics with intervals, and errors against the truth, of fitted runs."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from econml_cli.errors import ConfigError, RunError, UnstableError

Format = Literal["table", "json", "csv", "markdown", "latex"]
DATA, UNCERTAINTY, OUTPUT = "Data", "Uncertainty", "Output"


def eval_command(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN",
            help="Run directories, or names in --runs-dir (default: the newest).",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", rich_help_panel=DATA, help="Evaluate on this file, encoded as the training data were."
        ),
    ] = None,
    missing: Annotated[
        Literal["error", "drop"] | None,
        typer.Option(rich_help_panel=DATA, help="What rows with missing values get (default: as in the fit)."),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=DATA,
            help="Also write the rows with their predictions here (.csv, .csv.gz, .tsv, .parquet).",
        ),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="NAME=VALUE",
            rich_help_panel=DATA,
            help="Evaluate on the problem with this option changed, such as --with N=1000; may be repeated.",
            show_default=False,
        ),
    ] = None,
    step: Annotated[
        int | None,
        typer.Option(
            metavar="EPOCH",
            rich_help_panel=DATA,
            help="Use the checkpoint of this epoch (default: the best or newest).",
        ),
    ] = None,
    runs_dir: Annotated[
        Path,
        typer.Option(
            metavar="DIR", rich_help_panel=DATA, envvar="ECONML_RUNS_DIR", help="Where runs are looked up by name."
        ),
    ] = Path("runs"),
    bootstrap: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            rich_help_panel=UNCERTAINTY,
            help="Replications of the 95 % bootstrap intervals; 0: none.",
        ),
    ] = 1000,
    bootstrap_seed: Annotated[
        int, typer.Option(min=0, metavar="SEED", rich_help_panel=UNCERTAINTY, help="Seed of the bootstrap.")
    ] = 0,
    draws: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            rich_help_panel=UNCERTAINTY,
            help="Fresh draws that estimate the population risk (simulated problems); 0: none.",
        ),
    ] = 0,
    draw_seed: Annotated[
        int,
        typer.Option(
            min=0,
            max=2**32 - 1,
            metavar="SEED",
            rich_help_panel=UNCERTAINTY,
            help="Seed of the fresh draws, and of the paths.",
        ),
    ] = 0,
    den_haan_marcet: Annotated[
        bool,
        typer.Option(
            "--den-haan-marcet",
            rich_help_panel=UNCERTAINTY,
            help="Test on simulated paths whether what is known predicts the Euler errors (models with shocks).",
        ),
    ] = False,
    periods: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", rich_help_panel=UNCERTAINTY, help="Periods of each of its paths (3000)."),
    ] = None,
    paths: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", rich_help_panel=UNCERTAINTY, help="How many paths it has (100)."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=OUTPUT,
            help="Draw the fit against the truth or the data, its residuals, and convergence (.png, .pdf, .svg).",
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            rich_help_panel=OUTPUT,
            help="Sort several runs by this column of the CSV; -COLUMN: descending (default: test_loss).",
        ),
    ] = None,
    format: Annotated[
        Format,
        typer.Option(
            metavar="FORMAT", rich_help_panel=OUTPUT, help="How results are printed: table, json, csv, markdown, latex."
        ),
    ] = "table",
    json: Annotated[bool, typer.Option("--json", rich_help_panel=OUTPUT, help="The same as --format json.")] = False,
) -> None:
    """Evaluate fitted runs: train, val and test loss, errors against the truth, metrics with 95 % intervals.

    Several runs make one table, sorted by test loss.
    """
    from econml_cli import plots
    from econml_cli import runs as directory

    chosen = [directory.find(name, runs_dir) for name in (runs or (None,))]
    if predictions is not None and len(chosen) > 1:
        raise ConfigError(f"--predictions writes one file, but {len(chosen)} runs are named; name one.")
    if plot is not None:
        if len(chosen) > 1:
            raise ConfigError(f"--plot draws one run, but {len(chosen)} are named; name one.")
        plots.check_file(plot)
    if predictions is not None and changes:
        raise ConfigError("--predictions writes the run's own rows, not those of --with; leave one of them out.")
    if not den_haan_marcet and (periods is not None or paths is not None):
        raise ConfigError("--periods and --paths are those of --den-haan-marcet; add it, or leave them out.")

    from econml_cli.evaluation import accuracy, changed, evaluate_all, tables
    from econml_cli.evaluation import predictions as predicted
    from econml_cli.training import compilation_cache

    compilation_cache.enable()
    if predictions is not None:
        predicted.check_output(predictions, reads=data)
    sample: dict[str, Any] = {"data": data, "missing": missing, "step": step, "changes": changed.parse(changes or [])}
    options: dict[str, Any] = {**sample, "draws": draws, "draw_seed": draw_seed}
    if den_haan_marcet:
        given = {name: n for name, n in (("periods", periods), ("paths", paths)) if n is not None}
        options["paths"] = accuracy.Paths(**given, seed=draw_seed)
    found, failed = evaluate_all(chosen, **options, bootstrap=bootstrap, bootstrap_seed=bootstrap_seed)
    found = tables.ordered(found, sort) if found else found
    if predictions is not None:
        frame = (
            predicted.predict(chosen[0], data, step=step, missing=missing)
            if data
            else predicted.predict_own(chosen[0], step=step)
        )
        predicted.write(frame, predictions)
        _say(f"{len(frame):,} rows written to {predictions}")
    if plot is not None:
        from econml_cli.evaluation import figures

        plots.save(figures.figure(chosen[0], **sample), plot)
        _say(f"drawn in {plot}")
    for message in [note for evaluation in found for note in evaluation.notes] + [str(error) for error in failed]:
        _say(message)
    if found:
        print(tables.render(found, "json" if json else format, several=len(chosen) > 1, width=_width()))  # noqa: T201
    if len(found) == 1 and found[0].verdicts.get("verdict_stability") == "FAILED":
        raise UnstableError(f"FAILED: {found[0].verdicts['failed']}; fit it again with another --seed, or --retries 5.")
    if failed:
        raise RunError(f"{len(failed)} of {len(chosen)} runs could not be evaluated (see above).")


def _width() -> int | None:
    """The columns of the terminal; None where stdout is none, so that nothing is cut in a pipe."""
    import shutil

    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _say(message: str) -> None:
    print(f"econml eval: {message}", file=sys.stderr)  # noqa: T201
