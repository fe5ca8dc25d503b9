"""`econml predict RUN [--data FILE] --out FILE`: rows with a run's predictions, or with their representation."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer


def predict_command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run directory, or a name in --runs-dir.")],
    out: Annotated[
        str, typer.Option(metavar="FILE", help="Where they go (.csv, .csv.gz, .tsv, .parquet); -: stdout, as CSV.")
    ],
    data: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="The rows to predict; the target's column is not needed (default: the data of the fit, with a column "
            "split).",
        ),
    ] = None,
    embed: Annotated[
        bool, typer.Option("--embed", help="Write the representation z = phi(x) in place of predictions.")
    ] = False,
    missing: Annotated[
        Literal["error", "drop"] | None,
        typer.Option(help="What rows with missing values get (default: as in the fit)."),
    ] = None,
    step: Annotated[
        int | None,
        typer.Option(metavar="EPOCH", help="Use the checkpoint of this epoch (default: the best or newest)."),
    ] = None,
    runs_dir: Annotated[
        Path, typer.Option(metavar="DIR", envvar="ECONML_RUNS_DIR", help="Where runs are looked up by name.")
    ] = Path("runs"),
) -> None:
    """Write rows with a run's predictions: yhat, or the probability of each class and the likeliest one.

    The file is encoded as the training data were; its columns and their order are kept.
    """
    from econml_cli import runs

    chosen = runs.find(run, runs_dir)

    from econml_cli.evaluation import predictions
    from econml_cli.training import compilation_cache

    if out != "-":
        predictions.check_output(Path(out), reads=data)
    compilation_cache.enable()
    if data is None:
        frame = predictions.predict_own(chosen, step=step, embed=embed)
    else:
        frame = predictions.predict(chosen, data, step=step, missing=missing, embed=embed)
    if out == "-":
        frame.to_csv(sys.stdout, index=False, lineterminator="\n")
    else:
        predictions.write(frame, Path(out))
    where = "stdout" if out == "-" else out
    print(f"econml predict: {len(frame):,} rows written to {where}", file=sys.stderr)  # noqa: T201
