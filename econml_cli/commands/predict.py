"""`econml predict RUN [--data FILE] --out FILE`: rows with a run's predictions, or with their representation."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from econml_cli.commands.common import Member, say, write_rows
from econml_cli.errors import ConfigError

_say = partial(say, "predict")


def predict_command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run directory, or a name in --runs-dir.")],
    out: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="The file (.csv, .csv.gz, .tsv, .parquet), replaced if it exists; -: stdout, as CSV.",
        ),
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
    interval: Annotated[
        float | None,
        typer.Option(
            min=1, max=99.99, metavar="PERCENT", help="The level of lo and hi, across the seeds of an ensemble (95)."
        ),
    ] = None,
    conformal: Annotated[
        bool,
        typer.Option(
            "--conformal",
            help="Make lo and hi by split conformal prediction: they cover a new outcome at that level (regressions).",
        ),
    ] = False,
    missing: Annotated[
        Literal["error", "drop"] | None,
        typer.Option(help="What rows with missing values get (default: as in the fit)."),
    ] = None,
    step: Annotated[
        int | None,
        typer.Option(metavar="EPOCH", help="Use the checkpoint of this epoch (default: the best or newest)."),
    ] = None,
    member: Member = None,
    runs_dir: Annotated[
        Path, typer.Option(metavar="DIR", envvar="ECONML_RUNS_DIR", help="Where runs are looked up by name.")
    ] = Path("runs"),
) -> None:
    """Write rows with a run's predictions: yhat, or the probability of each class and the likeliest one.

    The file is encoded as the training data were; its columns and their order are kept. Of an ensemble it is the
    averaged prediction of its members, with sd, lo and hi across them.
    """
    if embed and (interval is not None or conformal):
        raise ConfigError(
            "--embed writes a representation, which has no interval; leave out --interval and --conformal."
        )
    from econml_cli.runs import directory

    chosen = directory.find(run, runs_dir).of_member(member)

    from econml_cli.evaluation import prediction_intervals as intervals
    from econml_cli.evaluation import predictions
    from econml_cli.training import compilation_cache

    if out != "-":
        predictions.check_output(Path(out), reads=data)
    compilation_cache.enable()
    level = intervals.LEVEL if interval is None else interval
    asked = intervals.Asked(level, conformal) if conformal or interval is not None else None
    options: dict[str, Any] = {"step": step, "embed": embed, "asked": asked, "say": _say}
    if data is None:
        frame = predictions.predict_own(chosen, **options)
    else:
        frame = predictions.predict(chosen, data, missing=missing, **options)
    write_rows(frame, out, _say)
