"""`econml report [RUN]... --out FILE`: fitted runs as one page that a reader can open."""

from pathlib import Path
from typing import Annotated

import typer

from econml_cli.commands.common import check_bootstrap, say
from econml_cli.errors import ConfigError, RunError

NUMBERS, OUTPUT = "Numbers", "Output"


def report_command(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN",
            help="Run directories, or names in --runs-dir (default: the newest).",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="FILE", rich_help_panel=OUTPUT, help="The page, one self-contained HTML file.")
    ] = Path("report.html"),
    pdf: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=OUTPUT,
            help="Also print it to this PDF (needs Chromium or Chrome on PATH).",
        ),
    ] = None,
    title: Annotated[
        str | None, typer.Option(metavar="TEXT", rich_help_panel=OUTPUT, help="The title (default: the run's name).")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", rich_help_panel=OUTPUT, help="Replace files that are no reports, too.")
    ] = False,
    bootstrap: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            rich_help_panel=NUMBERS,
            help="Replications of the 95 % bootstrap intervals, at least 40; 0: none.",
        ),
    ] = 1000,
    bootstrap_seed: Annotated[
        int, typer.Option(min=0, metavar="SEED", rich_help_panel=NUMBERS, help="Seed of the bootstrap.")
    ] = 0,
    draws: Annotated[
        int,
        typer.Option(
            min=2,
            metavar="N",
            rich_help_panel=NUMBERS,
            help="Fresh draws that the population risk is taken over (simulated problems).",
        ),
    ] = 10_000,
    draw_seed: Annotated[
        int,
        typer.Option(min=0, max=2**32 - 1, metavar="SEED", rich_help_panel=NUMBERS, help="Seed of the fresh draws."),
    ] = 0,
    runs_dir: Annotated[
        Path, typer.Option(metavar="DIR", envvar="ECONML_RUNS_DIR", help="Where runs are looked up by name.")
    ] = Path("runs"),
    json: Annotated[
        bool, typer.Option("--json", rich_help_panel=OUTPUT, help="Print one JSON document and nothing else.")
    ] = False,
) -> None:
    """Write fitted runs as one HTML page: results, data, learning curves, fit, risk, model, how to repeat it.

    The page needs no network and no other file. Of several runs it first compares them.
    """
    from econml_cli.report import files
    from econml_cli.report import pdf as printed
    from econml_cli.runs import directory

    check_bootstrap(bootstrap)
    chosen = [directory.find(name, runs_dir) for name in (runs or (None,))]
    files.check(out, "--out", (".html", ".htm"), files.MARK, force)
    if pdf is not None:
        files.check(pdf, "--pdf", (".pdf",), printed.MARK, force)
        printed.browser()
    if len({run.path.resolve() for run in chosen}) < len(chosen):
        raise ConfigError("A run is named twice; name each once.")

    from econml_cli.output import terminal
    from econml_cli.report.page import page
    from econml_cli.report.sections import Options
    from econml_cli.training import compilation_cache

    compilation_cache.enable()
    made = page(chosen, Options(bootstrap, bootstrap_seed, draws, draw_seed), title=title)
    files.write(made.html, out)
    if pdf is not None:
        printed.write(made.html, pdf)
    for message in made.failed:
        say("report", message)
    written = [path for path in (out, pdf) if path is not None]
    if json:
        names = ["out", "pdf", "runs", "failed"]
        values = [str(out), pdf and str(pdf), [str(run.path) for run in chosen], list(made.failed)]
        terminal.print_json(dict(zip(names, values, strict=True)))
    else:
        print("\n".join(map(str, written)))  # noqa: T201
    if made.failed:
        raise RunError(f"{out} is written, but {len(made.failed)} of its sections could not be made (see above).")
