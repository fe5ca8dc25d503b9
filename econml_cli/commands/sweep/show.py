"""`econml sweep show [SWEEP]`: the trials of a sweep, the best of them, and which parameters matter."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import typer

from econml_cli.commands.common import OPTIONS, path_of
from econml_cli.commands.declared import Argument, Command
from econml_cli.commands.sweep.shared import RunsDirOption
from econml_cli.errors import ConfigError, RunError
from econml_cli.options.fields import option

SWEEP = Argument(
    "sweep",
    "SWEEP",
    "A sweep's directory, its name in --runs-dir, or its YAML file (default: the one changed last); with --storage "
    "also a study's name there.",
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
    force: bool = option(False, "with --html: replace a file that is no page of econml, too")
    storage: str | None = option(
        None, "where the study is kept (default: where the sweep's directory says)", metavar="URL"
    )


def show(sweep: str | None, options: ShowOptions, lookup: RunsDirOption) -> None:
    """Show a sweep: its trials, the best run, the importance of each parameter and its rank correlation.

    Works while the sweep runs, too.
    """
    html, form = path_of(options.html), options.format
    if html is not None and (options.json or form != "text"):
        raise ConfigError("--html writes a page and prints its path; leave --format and --json out, or call it twice.")

    from econml_cli.output import files, terminal
    from econml_cli.storage import disk
    from econml_cli.sweeps.show import page, table, text
    from econml_cli.sweeps.show.importance import analyse
    from econml_cli.sweeps.study import study

    if html is not None:
        files.check(html, "--html", files.GENERATOR.encode(), options.force)
    results = study.read(*_where(sweep, options.storage, Path(lookup.runs_dir)))
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


def _where(sweep: str | None, storage: str | None, runs_dir: Path) -> tuple[str, str | None, Path | None]:
    """The storage of the study, its name there, and the sweep's directory.

    With --storage a directory is not needed: SWEEP may be the study's name, or be left out where there is one study.
    """
    from econml_cli.sweeps.run.open_directory import study_of

    try:
        if storage is None or sweep is not None:
            where, study, _, directory = study_of(sweep, runs_dir)
            return storage or where, study, directory
    except RunError:
        if storage is None:
            raise
    return str(storage), sweep, None


COMMAND = Command("econml sweep show", show, ((OPTIONS, ShowOptions), (OPTIONS, RunsDirOption)), (SWEEP,))
