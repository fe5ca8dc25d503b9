"""`econml sweep create|check|sample`: write a W&B sweep, check one, draw points of its space."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import typer

from econml_cli.commands.common import OPTIONS
from econml_cli.commands.declared import Argument, Command
from econml_cli.commands.sweep import wandb
from econml_cli.commands.sweep.shared import FILE, say
from econml_cli.errors import ConfigError, RunError
from econml_cli.options.fields import option
from econml_cli.storage import disk

SPACE, SEARCH, OUTPUT = "Space", "Search", "Output"


@dataclass(frozen=True)
class SpaceOptions:
    """What is varied, and what is not."""

    model: str | None = option(None, "what is fitted (default: the problem's own model)", metavar="NAME")
    problem: str | None = option(None, "what it is fitted to (default: linear, or tabular with data)", metavar="NAME")
    param: tuple[str, ...] = option(
        (),
        "one parameter: lr=0.0001..0.01, lr=log:1e-4..1e-2, width=64,128,256, num_epochs=300, formula=\\[A, B]; may be "
        "repeated (default: the lecture's lr, width and num_epochs)",
        metavar="NAME=RANGE",
        repeated=True,
    )
    fix: tuple[str, ...] = option(
        (),
        "an option that is the same in every trial: data=wages.csv; may be repeated",
        metavar="NAME=VALUE",
        repeated=True,
    )


@dataclass(frozen=True)
class SearchOptions:
    """How it is searched."""

    method: Literal["bayes", "random", "grid"] = option("bayes", "how points are proposed", metavar="NAME")
    metric: str = option("val_loss", "what is optimised", metavar="TEXT")
    goal: Literal["minimize", "maximize"] = option(
        "minimize", "whether the metric is to be small or large", metavar="GOAL"
    )
    run_cap: int | None = option(None, "the most trials (default: no end)", ge=1, metavar="N")
    early_terminate: str | None = option(
        None,
        "hyperband, or hyperband:EPOCHS before its first look (default: every trial runs to its end)",
        metavar="RULE",
    )


@dataclass(frozen=True)
class OutputOptions:
    """Where it goes."""

    out: str | None = option(None, "the file; -: stdout (default: sweeps/NAME.yaml)", metavar="FILE")
    force: bool = option(False, "replace the file")
    launch: bool = option(False, "register it with W&B too, and print its path there")


@dataclass(frozen=True)
class SampleOptions:
    """How many points, in which form."""

    n: int | None = option(
        None, "how many points (default: run_cap, else the whole grid or 50)", ge=1, metavar="N", short="-n"
    )
    seed: int = option(0, "the same seed gives the same points", ge=0, metavar="SEED")
    format: Literal["commands", "yaml", "json", "csv"] = option(
        "commands", "commands (shell lines), yaml, json or csv", metavar="FORMAT"
    )


def create(name: str | None, space: SpaceOptions, search: SearchOptions, output: OutputOptions) -> None:
    """Write a sweep that W&B and econml can run, every range checked against the options it varies.

    Without options: the lecture's sweep.
    """
    from econml_cli.sweeps.spec import create as writing

    name, out = name or "lecture", output.out
    path = Path(out or f"sweeps/{name}.yaml")
    if output.launch and out == "-":
        raise ConfigError("--launch needs the file of the sweep; leave out --out -.")
    if out != "-" and path.exists() and not output.force:
        raise ConfigError(f"{path} exists; add --force to replace it, or give another NAME or --out.")
    request = writing.Request(
        name,
        space.model,
        space.problem,
        search.method,
        search.metric,
        search.goal,
        space.param,
        space.fix,
        search.run_cap,
        search.early_terminate,
    )
    text, notes = writing.write(request, path)
    say(notes)
    if out == "-":
        sys.stdout.write(text)
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        disk.write_text(path, text)
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error}.") from None
    typer.echo(path, err=output.launch)
    if output.launch:
        from econml_cli.sweeps.spec import schema

        wandb.register(schema.load(path))


def check(file: str) -> None:
    """Check a W&B sweep offline: every problem with its line; exit code 2 if there are any."""
    from econml_cli.sweeps.spec import schema

    sweep = schema.load(Path(file))
    say(sweep.notes)
    count = len(sweep.space.parameters)
    names = ", ".join(parameter.name for parameter in sweep.space.parameters)
    size = f"{sweep.space.grid_size():,} points" if sweep.method == "grid" else sweep.method
    what = sweep.target.called() if sweep.target else (sweep.program or "no program")
    typer.echo(f"{file}: ok, {what}, {size}, {count} parameter{'s' if count != 1 else ''} ({names})")


def sample(file: str, options: SampleOptions) -> None:
    """Draw points of a sweep's space; a grid is enumerated in shuffled order.

    As commands they are one shell line each: `econml sweep sample FILE | sh` fits them one after another.
    """
    from econml_cli.sweeps.spec import sample as points
    from econml_cli.sweeps.spec import schema

    sweep = schema.load(Path(file))
    say(sweep.notes)
    sys.stdout.write(points.render(sweep, points.sample(sweep, options.n, options.seed), options.format))


NAME = Argument("name", "NAME", "The sweep's name (default: lecture).")
CREATE = Command(
    "econml sweep create",
    create,
    ((SPACE, SpaceOptions), (SEARCH, SearchOptions), (OUTPUT, OutputOptions)),
    (NAME,),
)
CHECK = Command("econml sweep check", check, (), (FILE,))
SAMPLE = Command("econml sweep sample", sample, ((OPTIONS, SampleOptions),), (FILE,))
