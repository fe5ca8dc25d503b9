"""`econml simulate RUN`: series of an economic model under the fitted policy."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from econml_cli.commands.common import (
    OPTIONS,
    RUN,
    CheckpointOptions,
    LookupOptions,
    find_run,
    path_of,
    say,
    write_rows,
)
from econml_cli.commands.declared import Command
from econml_cli.commands.figure_width import FigureWidthOption
from econml_cli.errors import ConfigError
from econml_cli.options.fields import option

_say = partial(say, "simulate")


@dataclass(frozen=True)
class SimulateOptions:
    """How many series, and where they go."""

    periods: int = option(200, "periods of each path", ge=1, metavar="N")
    paths: int = option(1000, "paths (one where the model has no shocks)", ge=1, metavar="N")
    out: str | None = option(
        None,
        "where the series go: path, period, a column each (.csv, .csv.gz, .tsv, .parquet, .dta, .xlsx), replaced if it "
        "exists; -: stdout, as CSV",
        metavar="FILE",
    )
    plot: str | None = option(
        None,
        "draw the series as fans, and their responses to a shock in per cent of the steady state, in FILE (.png, .pdf, "
        ".svg), replaced if it exists",
        metavar="FILE",
    )
    impulse: str | None = option(
        None, "the shock of the impulse responses (default: the first that the model has)", metavar="SHOCK"
    )
    seed: int = option(0, "seed of the shocks", ge=0, lt=2**32, metavar="SEED")
    json: bool = option(False, "print one JSON document and nothing else")


def simulate(
    run: str | None,
    options: SimulateOptions,
    weights: CheckpointOptions,
    lookup: LookupOptions,
    size: FigureWidthOption,
) -> None:
    """Simulate an economic model under its fitted policy; print mean, sd and quantiles of each series.

    Period 0 is the model's start; the shocks depend on --seed alone.

    --plot draws a fan chart of each series, beside the exact policy's where it is known, and impulse responses.
    """
    from econml_cli.output import figure_files

    out, plot = options.out, path_of(options.plot)
    if out == "-" and options.json:
        raise ConfigError("--out - and --json both write to stdout; leave one of them out.")
    size.check(plot)
    if plot is not None:
        figure_files.check_file(plot)
    chosen = find_run(run, Path(lookup.runs_dir), "simulate").of_member(weights.member)

    from econml_cli.data import table_files
    from econml_cli.evaluation.simulation import series, simulated
    from econml_cli.output import terminal
    from econml_cli.training import compilation_cache

    if out not in (None, "-"):
        table_files.check_output(Path(str(out)))
    compilation_cache.enable()
    found = simulated.simulate(
        chosen,
        periods=options.periods,
        paths=options.paths,
        seed=options.seed,
        step=weights.step,
        impulse=options.impulse,
    )
    for note in found.notes:
        _say(note)
    if out is not None:
        write_rows(series.frame(found), out, _say)
    if plot is not None:
        from econml_cli.evaluation.simulation import fan

        figure_files.save(fan.figure(found, size.figure_width), plot)
        _say(f"drawn in {plot}")
    if options.json:
        terminal.print_json(found.to_dict())
    elif out != "-":
        print(found.render())  # noqa: T201


COMMAND = Command(
    "econml simulate",
    simulate,
    (
        (OPTIONS, SimulateOptions),
        (OPTIONS, CheckpointOptions),
        (OPTIONS, LookupOptions),
        (OPTIONS, FigureWidthOption),
    ),
    (RUN,),
)
