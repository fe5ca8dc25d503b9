"""`econml sweep show [SWEEP]`: the trials of a sweep, the best of them, and which parameters matter."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from econml_cli.commands.sweep.shared import RunsDir
from econml_cli.errors import ConfigError, RunError


def show_command(
    sweep: Annotated[
        str | None,
        typer.Argument(
            metavar="SWEEP",
            help="A sweep's directory, its name in --runs-dir, or its YAML file (default: the one changed last); "
            "with --storage also a study's name there.",
            show_default=False,
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Sort by a column of the CSV; -COLUMN or COLUMN:desc: descending (default: best first).",
        ),
    ] = None,
    top: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the first N trials.")] = None,
    format: Annotated[
        Literal["text", "json", "csv", "markdown", "latex"],
        typer.Option(metavar="FORMAT", help="How it is printed: text, json, csv, markdown, latex."),
    ] = "text",
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write one page with figures for a browser instead, replaced if it exists, and print its path.",
        ),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where the study is kept (default: where the sweep's directory says)."),
    ] = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Show a sweep: its trials, the best run, the importance of each parameter and its rank correlation.

    Works while the sweep runs, too.
    """
    if html is not None and (json or format != "text"):
        raise ConfigError("--html writes a page and prints its path; leave --format and --json out, or call it twice.")

    from econml_cli.output import terminal
    from econml_cli.storage import disk
    from econml_cli.sweeps.show import page, table, text
    from econml_cli.sweeps.show.importance import analyse
    from econml_cli.sweeps.study import study

    results = study.read(*_where(sweep, storage, runs_dir))
    trials = table.ordered(results, sort)[:top]
    if html is not None:
        try:
            disk.write_text(html, page.render(results, analyse(results)))
        except OSError as error:
            raise RunError(f"{html} cannot be written: {error.strerror or error}; choose another --html.") from error
        typer.echo(html)
    elif json or format == "json":
        terminal.print_json(text.as_json(results, trials, analyse(results)))
    elif format == "text":
        terminal.show(text.text(results, trials, analyse(results)))
    else:
        print(table.render(results, trials, format))  # noqa: T201


def _where(sweep: str | None, storage: str | None, runs_dir: Path) -> tuple[str, str | None, Path | None]:
    """The storage of the study, its name there, and the sweep's directory.

    With --storage a directory is not needed: SWEEP may be the study's name, or be left out where there is one study.
    """
    from econml_cli.sweeps.run import directory

    try:
        found = directory.find(sweep, runs_dir) if storage is None or sweep is not None else None
    except RunError:
        if storage is None:
            raise
        found = None
    if found is None:
        return str(storage), sweep, None
    about = found.about()
    return storage or about.get("storage") or str(found.journal), about.get("study"), found.path
