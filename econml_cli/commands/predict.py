"""`econml predict RUN [--data FILE] --out FILE`: rows with a run's predictions, or with their representation."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from econml_cli.commands import importing
from econml_cli.commands.common import ONE_RUN, OPTIONS, CheckpointOptions, LookupOptions, find_run, say, write_rows
from econml_cli.commands.declared import Command
from econml_cli.errors import ConfigError, plural
from econml_cli.options.fields import option

_say = partial(say, "predict")


@dataclass(frozen=True)
class PredictOptions:
    """Which rows, with what beside them, go where."""

    out: str = option(
        None,
        "the file (.csv, .csv.gz, .tsv, .parquet, .feather, .dta, .xlsx, .sav), replaced if it exists; -: stdout, as "
        "CSV",
        metavar="FILE",
        required=True,
    )
    data: str | None = option(
        None,
        "the rows to predict; the target's column is not needed (default: the data of the fit, with a column split)",
        metavar="FILE",
    )
    states: str | None = option(
        None,
        "of an economic model: the states at which policy and residuals are written (a file with their columns, or "
        "grid:k=.1:2:50,z=0)",
        metavar="FILE|grid:...",
    )
    embed: bool = option(False, "write the representation z = phi(x) in place of predictions")
    interval: float | None = option(
        None,
        "the level of lo and hi, across the seeds of an ensemble, or of an outcome under --loss gaussian (95)",
        ge=1,
        le=99.99,
        metavar="PERCENT",
    )
    conformal: bool = option(
        False,
        "make lo and hi by split conformal prediction: they cover a new outcome at that level (of numbers, --loss "
        "gaussian, and quantiles, by default at the level that the outermost two enclose)",
    )
    retransform: bool = option(
        False, "of a target log(y): predict y itself, exp(prediction) times the smearing factor of the residuals"
    )
    missing: Literal["error", "drop"] | None = option(
        None, "what is done about rows with missing values (default: no prediction, and a column reason)"
    )
    sheet: str | None = option(
        None,
        "of an Excel file given to --data: the sheet, by name or number (default: that of the fit)",
        metavar="NAME",
    )
    strict: bool = option(False, "refuse the file where a row of it cannot be predicted")


def predict(run: str, options: PredictOptions, weights: CheckpointOptions, lookup: LookupOptions) -> None:
    """Write rows with a run's predictions: yhat, or the probability of each class and the likeliest one.

    The file is encoded as the training data were. Its columns and the order of its rows stay as they are. A row that
    cannot be predicted has an empty prediction, and a reason. The prediction of an ensemble is the mean of those of its
    members, with sd, lo and hi across them.

    With --states, the policy of an economic model, the series of the period and the residuals are written at the states
    of your choice.
    """
    if options.states is not None:
        _at_states(run, options.states, options, weights, lookup)
        return
    if options.strict and options.missing == "drop":
        raise ConfigError("--strict refuses what --missing drop leaves out; leave out one of them.")
    if options.embed and options.retransform:
        raise ConfigError("--embed writes a representation, which is no logarithm; leave out --retransform.")
    if options.embed and (options.interval is not None or options.conformal):
        raise ConfigError(
            "--embed writes a representation, which has no interval; leave out --interval and --conformal."
        )

    chosen = find_run(run, Path(lookup.runs_dir), "predict").of_member(weights.member)

    with importing.at_once():
        from econml_cli.data import table_files
        from econml_cli.evaluation import predictions
        from econml_cli.training import compilation_cache

    if options.out != "-":
        table_files.check_output(Path(options.out), reads=options.data)
    compilation_cache.enable()
    given: dict[str, Any] = {"step": weights.step, "embed": options.embed, "asked": _interval(options), "say": _say}
    given["retransform"] = options.retransform
    if options.sheet is not None and options.data is None:
        raise ConfigError("--sheet is the sheet of the file given to --data; name that file, or leave it out.")
    plain = not (options.embed or options.retransform or options.strict or options.sheet or options.missing)
    if plain and given["asked"] is None and _in_blocks(chosen, options, weights):
        return
    if options.data is None:
        found = predictions.predict_own_file(chosen, **given)
    else:
        missing = "error" if options.strict else options.missing
        found = predictions.predict_file(chosen, options.data, missing=missing, sheet=options.sheet, **given)
    found.to_stdout() if options.out == "-" else found.write(Path(options.out))
    _say(f"{plural(len(found), 'row')} written to {'stdout' if options.out == '-' else options.out}")


def _in_blocks(run: Any, options: PredictOptions, weights: CheckpointOptions) -> bool:
    """Write the predictions of a large Parquet file a block of rows at a time; False where it is none."""
    if not options.out.lower().endswith(".parquet"):
        return False
    from econml_cli.evaluation import large_predictions

    if not large_predictions.suits(run, options.data):
        return False
    count = large_predictions.predict(run, options.data, Path(options.out), step=weights.step, say=_say)
    _say(f"{plural(count, 'row')} written to {options.out}")
    return True


def _at_states(
    run: str, states: str, options: PredictOptions, weights: CheckpointOptions, lookup: LookupOptions
) -> None:
    """Write the policy of an economic model at chosen states."""
    asked = {
        "data": options.data, "embed": options.embed, "interval": options.interval, "conformal": options.conformal,
        "sheet": options.sheet, "retransform": options.retransform, "missing": options.missing,
        "strict": options.strict,
    }  # fmt: skip
    if given := [name for name, value in asked.items() if value not in (None, False)]:
        raise ConfigError(f"--states asks for a policy at chosen states; leave out --{given[0]}.")
    from econml_cli.runs import directory

    chosen = directory.find(run, Path(lookup.runs_dir)).of_member(weights.member)

    from econml_cli.data import table_files
    from econml_cli.evaluation import at_states
    from econml_cli.training import compilation_cache

    if options.out != "-":
        reads = None if states.startswith(at_states.GRID) else states
        table_files.check_output(Path(options.out), reads=reads)
    compilation_cache.enable()
    write_rows(at_states.predict_at(chosen, states, step=weights.step, say=_say), options.out, _say)


def _interval(options: PredictOptions) -> Any:
    """The interval that is asked for; None for none."""
    from econml_cli.evaluation import prediction_intervals as intervals

    if not options.conformal and options.interval is None:
        return None
    return intervals.Asked(options.interval, options.conformal)


COMMAND = Command(
    "econml predict",
    predict,
    ((OPTIONS, PredictOptions), (OPTIONS, CheckpointOptions), (OPTIONS, LookupOptions)),
    (ONE_RUN,),
)
