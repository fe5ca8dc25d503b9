"""`econml inspect`: what is in a checkpoint, in the runs directory, and in the registries."""

from pathlib import Path
from typing import Annotated, Literal

import typer

View = Literal["summary", "graphdef", "state", "raw"]
RunsDir = Annotated[
    Path, typer.Option("--runs-dir", metavar="DIR", envvar="ECONML_RUNS_DIR", help="Where runs are looked up by name.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]

app = typer.Typer(
    help="Show what is in a checkpoint, in the runs directory, and in the registries.", no_args_is_help=True
)


@app.command("checkpoint")
def checkpoint_command(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]",
            help="A run's path, its name in --runs-dir, or the start of it (default: the newest).",
            show_default=False,
        ),
    ] = None,
    view: Annotated[
        View | None, typer.Option(help="Show only this; raw: Flax's own account (default: summary, graphdef, state).")
    ] = None,
    step: Annotated[
        int | None, typer.Option(metavar="EPOCH", help="The checkpoint of this epoch (default: the newest).")
    ] = None,
    values: Annotated[bool, typer.Option("--values", help="Show the numbers too (of large arrays a part).")] = False,
    runs_dir: RunsDir = Path("runs"),
    json: Json = False,
) -> None:
    """Show a fitted model: a summary, its modules (graphdef) and its arrays (state)."""
    from econml_cli import runs

    found = runs.find(run, runs_dir)  # before seconds go into importing jax

    from econml_cli import display
    from econml_cli.inspection import text
    from econml_cli.inspection.checkpoints import describe_checkpoint

    views = ("summary", "graphdef", "state") if view is None else (view,)
    report = describe_checkpoint(found, step)
    if json:
        display.print_json(report.to_json(views, values))
    else:
        display.show(text.checkpoint(report, views, values))


@app.command("models")
def models_command(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Only this one (default: all).", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """List the models that can be fitted, with their options."""
    from econml_cli import display
    from econml_cli.inspection import text
    from econml_cli.inspection.listings import describe_models

    found = describe_models(name)
    display.print_json([entry.to_json() for entry in found]) if json else display.show(text.entries(found))


@app.command("problems")
def problems_command(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Only this one (default: all).", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """List the problems that a model can be fitted to, with their options."""
    from econml_cli import display
    from econml_cli.inspection import text
    from econml_cli.inspection.listings import describe_problems

    found = describe_problems(name)
    display.print_json([entry.to_json() for entry in found]) if json else display.show(text.entries(found))


@app.command("runs")
def runs_command(runs_dir: RunsDir = Path("runs"), json: Json = False) -> None:
    """List the runs in a directory, newest last."""
    from econml_cli import display
    from econml_cli.inspection import text
    from econml_cli.inspection.listings import describe_runs

    rows = describe_runs(runs_dir)
    if json:
        display.print_json([row.to_json() for row in rows])
    elif rows:
        display.show(text.run_table(rows))
    else:
        typer.echo(f"There are no runs in {runs_dir}/ yet; make one with `econml fit mlp`.", err=True)
