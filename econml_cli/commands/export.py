"""`econml export RUN --to FORMAT --out DIR`: a fitted model for use elsewhere, run again and compared."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from econml_cli.commands.common import ONE_RUN, OPTIONS, CheckpointOptions, RunsDirOption, find_run, say
from econml_cli.commands.declared import Command
from econml_cli.options.fields import option


@dataclass(frozen=True)
class ExportOptions:
    """What is written where."""

    to: Literal["safetensors", "torch", "onnx", "numpy", "stablehlo"] = option(
        None,
        "safetensors: the arrays; torch: a PyTorch module; numpy: NumPy code; onnx; stablehlo",
        metavar="FORMAT",
        required=True,
    )
    out: str = option(None, "the directory that is made", metavar="DIR", required=True)
    force: bool = option(False, "replace the directory if it is an earlier export")
    json: bool = option(False, "print one JSON document and nothing else")


def export(run: str, options: ExportOptions, weights: CheckpointOptions, lookup: RunsDirOption) -> None:
    """Write a fitted model for use without econml: weights, preprocessing, and the code that runs them.

    What was written is run on the test data, in a process that cannot import econml. If it differs from what
    `econml predict` gives by more than rounding (1e-5 relative, 1e-10 in float64), nothing is written and the exit code
    is 1.
    """
    from econml_cli.export.formats import check

    out = Path(options.out)
    check(options.to, out, options.force)  # before seconds go into importing jax
    chosen = find_run(run, Path(lookup.runs_dir), "export").of_member(weights.member)

    from econml_cli.commands.signals import interruptible
    from econml_cli.export.text import text
    from econml_cli.export.write import export as write
    from econml_cli.output import terminal
    from econml_cli.training import compilation_cache

    compilation_cache.enable()
    with interruptible():  # what is half written goes
        done = write(chosen, options.to, out, step=weights.step, force=options.force)
    for note in done.notes:
        say("export", note)
    terminal.print_json(done.to_json()) if options.json else terminal.show(text(done))


COMMAND = Command(
    "econml export",
    export,
    ((OPTIONS, ExportOptions), (OPTIONS, CheckpointOptions), (OPTIONS, RunsDirOption)),
    (ONE_RUN,),
)
