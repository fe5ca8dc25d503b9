"""`econml sweep show [SWEEP]`: the trials of a sweep, the best of them, and which parameters matter."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer

from econml_cli.commands.common import OPTIONS, path_of, say
from econml_cli.commands.declared import Argument, Command
from econml_cli.commands.figure_width import FigureWidthOption
from econml_cli.commands.sweep.shared import RunsDirOption
from econml_cli.errors import ConfigError, RunError
from econml_cli.options.fields import option

if TYPE_CHECKING:
    from econml_cli.sweeps.study.trials import Results

SWEEP = Argument(
    "sweep",
    "SWEEP",
    "A sweep's directory, its name in --runs-dir, or its YAML file (default: the one changed last); with --storage "
    "also a study's name there. Of runs that W&B's agents have made: wandb's directory, or ENTITY/PROJECT/ID.",
)


@dataclass(frozen=True)
class ShowOptions:
    """Which trials, in which form."""

    sort: str | None = option(
        None,
        "sort by a column of the CSV; -COLUMN or COLUMN:desc: descending (default: best first)",
        metavar="COLUMN",
    )
    top: int | None = option(None, "only the first N trials", ge=1, metavar="N")
    format: Literal["text", "json", "csv", "markdown", "latex"] = option("text", "how it is printed", metavar="FORMAT")
    json: bool = option(False, "the same as --format json")
    html: str | None = option(
        None,
        "write one page with figures for a browser instead, replaced if it exists, and print its path",
        metavar="FILE",
    )
    plot: str | None = option(
        None,
        "also draw the metric by trial, the correlation of each parameter with it, and the parameter that matters "
        "most, in FILE (.png, .pdf, .svg), replaced if it exists",
        metavar="FILE",
    )
    force: bool = option(False, "with --html: replace a file that is no page of econml, too")
    storage: str | None = option(
        None, "where the study is kept (default: where the sweep's directory says)", metavar="URL"
    )
    metric: str | None = option(
        None, "of runs of W&B's: what they are ranked by (default: as W&B's server says, else val_loss)", metavar="NAME"
    )
    goal: Literal["minimize", "maximize"] | None = option(
        None,
        "of runs of W&B's: whether the metric is to be small or large (default: as W&B's server says, else minimize)",
    )


def show(sweep: str | None, options: ShowOptions, lookup: RunsDirOption, size: FigureWidthOption) -> None:
    """Show a sweep: its trials, the best run, the importance of each parameter and its rank correlation.

    Works while the sweep runs, too.
    """
    html, plot, form = path_of(options.html), path_of(options.plot), options.format
    size.check(plot)
    if html is not None and (options.json or form != "text"):
        raise ConfigError("--html writes a page and prints its path; leave --format and --json out, or call it twice.")

    from econml_cli.output import figure_files, files, terminal
    from econml_cli.storage import disk
    from econml_cli.sweeps.show import page, table, text
    from econml_cli.sweeps.show.importance import analyse
    from econml_cli.sweeps.study import study

    if html is not None:
        files.check(html, "--html", files.GENERATOR.encode(), options.force)
    if plot is not None:
        figure_files.check_file(plot)
    results = _of_wandb(sweep, options) or study.read(*_where(sweep, options.storage, Path(lookup.runs_dir)))
    trials = table.ordered(results, options.sort)[: options.top]
    if html is not None:
        try:
            disk.write_text(html, page.render(results, analyse(results)))
        except OSError as error:
            raise RunError(f"{html} cannot be written: {error.strerror or error}; choose another --html.") from error
        typer.echo(html)
    elif options.json or form == "json":
        terminal.print_json(text.as_json(results, trials, analyse(results)))
    elif form == "text":
        terminal.show(text.text(results, trials, analyse(results)))
    else:
        print(table.render(results, trials, form))  # noqa: T201
    if plot is not None:  # after the answer, which a figure that fails must not take with it
        from econml_cli.sweeps.show import figure

        figure_files.save(figure.figure(results, analyse(results), size.figure_width), plot)
        say("sweep show", f"drawn in {plot}")


def _of_wandb(sweep: str | None, options: ShowOptions) -> "Results | None":
    """The runs that W&B's agents have made; None where something else is asked for."""
    if sweep is not None and options.storage is None and not (Path(sweep) / "sweep.json").is_file():
        from econml_cli.sweeps.remote import wandb_runs

        if wandb_runs.is_directory(Path(sweep)):
            return wandb_runs.on_disk(Path(sweep), options.metric, options.goal)
        if wandb_runs.is_path(sweep) and not Path(sweep).exists():
            return wandb_runs.online(sweep, options.metric, options.goal)
    if options.metric is not None or options.goal is not None:
        raise ConfigError(
            "--metric and --goal are for runs that W&B's agents have made; a sweep of econml has its own."
        )
    return None


def _where(sweep: str | None, storage: str | None, runs_dir: Path) -> tuple[str, str | None, Path | None]:
    """The storage of the study, its name there, and the sweep's directory.

    With --storage a directory is not needed: SWEEP may be the study's name, or be left out where there is one study.
    """
    from econml_cli.sweeps.run.open_directory import study_of
    from econml_cli.sweeps.study import databases

    if storage is not None:
        databases.name(storage)
    try:
        if storage is None or sweep is not None:
            where, study, _, directory = study_of(sweep, runs_dir, storage)
            return where, study, directory
    except RunError:
        if storage is None:
            raise
    return str(storage), sweep, None


COMMAND = Command(
    "econml sweep show",
    show,
    ((OPTIONS, ShowOptions), (OPTIONS, RunsDirOption), (OPTIONS, FigureWidthOption)),
    (SWEEP,),
)
