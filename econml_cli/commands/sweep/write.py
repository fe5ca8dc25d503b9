"""`econml sweep create|check|sample`: write a W&B sweep, check one, draw points of its space."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from econml_cli.commands.sweep import wandb
from econml_cli.commands.sweep.shared import File, say
from econml_cli.errors import ConfigError, RunError
from econml_cli.storage import disk

SPACE, SEARCH, OUTPUT = "Space", "Search", "Output"


def create_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The sweep's name.")] = "lecture",
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", rich_help_panel=SPACE, help="What is fitted (default: the problem's own model)."),
    ] = None,
    problem: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            rich_help_panel=SPACE,
            help="What it is fitted to (default: linear, or tabular with data).",
        ),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=RANGE",
            rich_help_panel=SPACE,
            show_default=False,
            help="One parameter: lr=0.0001..0.01, lr=log:1e-4..1e-2, width=64,128,256, num_epochs=300, "
            "formula=\\[A, B]. Repeat it (default: the lecture's lr, width and num_epochs).",
        ),
    ] = None,
    fix: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            rich_help_panel=SPACE,
            show_default=False,
            help="An option that is the same in every trial: data=wages.csv. Repeat it.",
        ),
    ] = None,
    method: Annotated[
        Literal["bayes", "random", "grid"],
        typer.Option(metavar="NAME", rich_help_panel=SEARCH, help="bayes, random or grid."),
    ] = "bayes",
    metric: Annotated[str, typer.Option(rich_help_panel=SEARCH, help="What is optimised.")] = "val_loss",
    goal: Annotated[
        Literal["minimize", "maximize"],
        typer.Option(metavar="GOAL", rich_help_panel=SEARCH, help="minimize or maximize."),
    ] = "minimize",
    run_cap: Annotated[
        int | None, typer.Option(min=1, metavar="N", rich_help_panel=SEARCH, help="The most trials (default: no end).")
    ] = None,
    early_terminate: Annotated[
        str | None,
        typer.Option(
            metavar="RULE",
            rich_help_panel=SEARCH,
            help="hyperband, or hyperband:EPOCHS before its first look (default: every trial runs to its end).",
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(metavar="FILE", rich_help_panel=OUTPUT, help="The file; -: stdout (default: sweeps/NAME.yaml)."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", rich_help_panel=OUTPUT, help="Replace the file.")] = False,
    launch: Annotated[
        bool,
        typer.Option("--launch", rich_help_panel=OUTPUT, help="Register it with W&B too, and print its path there."),
    ] = False,
) -> None:
    """Write a sweep that W&B and econml can run, every range checked against the options it varies.

    Without options: the lecture's sweep.
    """
    from econml_cli.sweeps.spec import create

    path = Path(out or f"sweeps/{name}.yaml")
    if launch and out == "-":
        raise ConfigError("--launch needs the file of the sweep; leave out --out -.")
    if out != "-" and path.exists() and not force:
        raise ConfigError(f"{path} exists; add --force to replace it, or give another NAME or --out.")
    request = create.Request(
        name, model, problem, method, metric, goal, tuple(param or ()), tuple(fix or ()), run_cap, early_terminate
    )
    text, notes = create.write(request, path)
    say(notes)
    if out == "-":
        sys.stdout.write(text)
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        disk.write_text(path, text)
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error}.") from None
    typer.echo(path, err=launch)
    if launch:
        from econml_cli.sweeps.spec import schema

        wandb.register(schema.load(path))


def check_command(file: File) -> None:
    """Check a W&B sweep offline: every problem with its line; exit code 2 if there are any."""
    from econml_cli.sweeps.spec import schema

    sweep = schema.load(file)
    say(sweep.notes)
    count = len(sweep.space.parameters)
    names = ", ".join(parameter.name for parameter in sweep.space.parameters)
    size = f"{sweep.space.grid_size():,} points" if sweep.method == "grid" else sweep.method
    what = f"{sweep.target.model} on {sweep.target.problem}" if sweep.target else (sweep.program or "no program")
    typer.echo(f"{file}: ok, {what}, {size}, {count} parameter{'s' if count != 1 else ''} ({names})")


def sample_command(
    file: File,
    n: Annotated[
        int | None,
        typer.Option("-n", min=1, metavar="N", help="How many points (default: run_cap, else the whole grid or 50)."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="SEED", help="The same seed gives the same points.")] = 0,
    format: Annotated[
        Literal["commands", "yaml", "json", "csv"],
        typer.Option(metavar="FORMAT", help="commands (shell lines), yaml, json or csv."),
    ] = "commands",
) -> None:
    """Draw points of a sweep's space; a grid is enumerated in shuffled order.

    As commands they are one shell line each: `econml sweep sample FILE | sh` fits them one after another.
    """
    from econml_cli.sweeps.spec import sample, schema

    sweep = schema.load(file)
    say(sweep.notes)
    sys.stdout.write(sample.render(sweep, sample.sample(sweep, n, seed), format))
