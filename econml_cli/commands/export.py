"""`econml export RUN --to FORMAT --out DIR`: a fitted model for use elsewhere, run again and compared."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from econml_cli.commands.common import Member, say


def export_command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run directory, or a name in --runs-dir.")],
    to: Annotated[
        Literal["safetensors", "torch", "onnx", "numpy", "stablehlo"],
        typer.Option(
            metavar="FORMAT",
            help="safetensors: the arrays; torch: a PyTorch module; numpy: NumPy code; onnx; stablehlo.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The directory that is made.")],
    step: Annotated[
        int | None,
        typer.Option(metavar="EPOCH", help="Use the checkpoint of this epoch (default: the best or newest)."),
    ] = None,
    member: Member = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the directory if it is an earlier export.")] = False,
    runs_dir: Annotated[
        Path, typer.Option(metavar="DIR", envvar="ECONML_RUNS_DIR", help="Where runs are looked up by name.")
    ] = Path("runs"),
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
) -> None:
    """Write a fitted model for use without econml: weights, preprocessing, and the code that runs them.

    What was written is run on the test data, in a process that cannot import econml. If it differs from what
    `econml predict` gives by more than rounding (1e-5 relative, 1e-10 in float64), nothing is written and the exit code
    is 1.
    """
    from econml_cli.export.formats import check
    from econml_cli.runs import directory

    check(to, out, force)  # before seconds go into importing jax
    chosen = directory.find(run, runs_dir).of_member(member)

    from econml_cli.export.text import text
    from econml_cli.export.write import export
    from econml_cli.output import terminal
    from econml_cli.training import compilation_cache

    compilation_cache.enable()
    done = export(chosen, to, out, step=step, force=force)
    for note in done.notes:
        say("export", note)
    terminal.print_json(done.to_json()) if json else terminal.show(text(done))
