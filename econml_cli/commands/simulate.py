"""`econml simulate RUN`: series of an economic model under the fitted policy."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from econml_cli.commands.common import Member, say, write_rows
from econml_cli.errors import ConfigError

_say = partial(say, "simulate")


def simulate_command(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN", help="A run directory, or a name in --runs-dir (default: the newest).", show_default=False
        ),
    ] = None,
    periods: Annotated[int, typer.Option(min=1, metavar="N", help="Periods of each path.")] = 200,
    paths: Annotated[int, typer.Option(min=1, metavar="N", help="Paths (one where the model has no shocks).")] = 1000,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Where the series go: path, period, a column each (.csv, .csv.gz, .tsv, .parquet), replaced if it "
            "exists; -: stdout, as CSV.",
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Draw the series as fans, and the response to a shock, in FILE (.png, .pdf, .svg), replaced if it "
            "exists.",
        ),
    ] = None,
    impulse: Annotated[
        str | None,
        typer.Option(
            metavar="SHOCK", help="The shock of the impulse responses (default: the first that the model has)."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, metavar="SEED", help="Seed of the shocks.")] = 0,
    step: Annotated[
        int | None,
        typer.Option(metavar="EPOCH", help="Use the checkpoint of this epoch (default: the best or newest)."),
    ] = None,
    member: Member = None,
    runs_dir: Annotated[
        Path, typer.Option(metavar="DIR", envvar="ECONML_RUNS_DIR", help="Where runs are looked up by name.")
    ] = Path("runs"),
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
) -> None:
    """Simulate an economic model under its fitted policy; print mean, sd and quantiles of each series.

    Period 0 is the model's start; the shocks depend on --seed alone.

    --plot draws a fan chart of each series, beside the exact policy's where it is known, and impulse responses.
    """
    from econml_cli.output import figure_files
    from econml_cli.runs import directory

    if out == "-" and json:
        raise ConfigError("--out - and --json both write to stdout; leave one of them out.")
    if plot is not None:
        figure_files.check_file(plot)
    chosen = directory.find(run, runs_dir).of_member(member)

    from econml_cli.evaluation import predictions
    from econml_cli.evaluation.simulation import series, simulated
    from econml_cli.output import terminal
    from econml_cli.training import compilation_cache

    if out not in (None, "-"):
        predictions.check_output(Path(str(out)))
    compilation_cache.enable()
    found = simulated.simulate(chosen, periods=periods, paths=paths, seed=seed, step=step, impulse=impulse)
    for note in found.notes:
        _say(note)
    if out is not None:
        write_rows(series.frame(found), out, _say)
    if plot is not None:
        from econml_cli.evaluation.simulation import fan

        figure_files.save(fan.figure(found), plot)
        _say(f"drawn in {plot}")
    if json:
        terminal.print_json(found.to_dict())
    elif out != "-":
        print(found.render())  # noqa: T201
