"""`econml watch [RUN|SWEEP|DIR]`: curves, verdicts and trials under way in the terminal, without a server."""

import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from econml_cli.commands.common import OPTIONS, RunsDirOption, say
from econml_cli.commands.declared import Argument, Command
from econml_cli.errors import RunError, printable
from econml_cli.options.fields import option

if TYPE_CHECKING:
    from econml_cli.inspection.watch_text import Look
    from econml_cli.runs.listing import RunRow
    from econml_cli.runs.watching import Watched

WHAT = Argument("what", "RUN", "A run, a sweep, a cross-validation, or a directory of them (default: --runs-dir).")


@dataclass(frozen=True)
class WatchOptions:
    """How often, and how long."""

    every: float = option(0.5, "seconds between two looks", gt=0, metavar="SECONDS")
    once: bool = option(False, "show what there is now, and end")
    wait: bool = option(False, "go on when nothing is under way (Ctrl-C ends it)")


def watch(what: str | None, options: WatchOptions, lookup: RunsDirOption) -> None:
    """Watch a run train, a sweep go through its trials, or all that is in a directory.

    It ends when nothing is under way any more, and on Ctrl-C. In a pipe it prints a line whenever something changes.

    econml watch wage-mlp
    econml watch lecture
    econml watch > log.txt
    """
    from econml_cli.runs.watching import Watched

    watched = Watched(_place(what, Path(lookup.runs_dir)))
    live = sys.stdout.isatty() and not _dumb()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # so that the cursor comes back
    try:
        _live(watched, options) if live and not options.once else _lines(watched, options, live)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _place(what: str | None, runs_dir: Path) -> Path:
    """The directory that is meant.

    Raises:
        RunError: there is none.
    """
    from econml_cli.runs import kinds

    if what is None:
        if not runs_dir.is_dir():
            raise RunError(f"There is no {runs_dir}/ yet; make a run with `econml fit mlp`, or name a directory.")
        return runs_dir
    if Path(what).is_dir():
        return Path(what)
    return kinds.find(what, runs_dir).path


def _dumb() -> bool:
    from econml_cli.output import terminal

    return bool(terminal.console().is_dumb_terminal)


def _look(watched: "Watched", width: int, height: int) -> "Look":
    """What there is room for, and what a sweep optimises."""
    from econml_cli.inspection.watch_text import Look
    from econml_cli.output import streams

    metric, sign = "val_loss", 1
    if watched.whole is not None and watched.whole.kind == "sweep":
        from econml_cli.storage import limited_yaml

        try:
            document = limited_yaml.load(limited_yaml.read_text(watched.path / "sweep.yaml"))
            asked = document.get("metric") or {}
            metric = str(asked.get("name", metric))
            sign = -1 if asked.get("goal") == "maximize" else 1
        except (OSError, ValueError, AttributeError):  # it is watched all the same
            pass
    return Look(width, height, streams.unicode(sys.stdout), metric, sign)


def _live(watched: "Watched", options: WatchOptions) -> None:
    """Draw it again and again, in place."""
    import dataclasses

    from rich.live import Live

    from econml_cli.inspection import watch_text
    from econml_cli.output import terminal

    console = terminal.console()
    look = _look(watched, console.width, console.height)
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            rows = watched.poll()
            look = dataclasses.replace(look, width=console.width, height=console.height)  # it may be resized
            live.update(watch_text.frame(watched, rows, look), refresh=True)
            if not (options.wait or watched.under_way(rows)):
                return
            time.sleep(options.every)


def _lines(watched: "Watched", options: WatchOptions, drawn: bool) -> None:
    """A line for each row that has changed; `drawn`: what there is now, as a terminal shows it, once."""
    from econml_cli.inspection import watch_text
    from econml_cli.output import terminal

    if drawn:
        console = terminal.console()
        rows = watched.poll()
        terminal.show(watch_text.frame(watched, rows, _look(watched, console.width, console.height)))
        return
    look = _look(watched, terminal.PIPE_WIDTH, 0)
    before: dict[str, str] = {}
    while True:
        rows = watched.poll()
        _changed(rows, before, look)
        if options.once or not (options.wait or watched.under_way(rows)):
            break
        time.sleep(options.every)
    if not rows:
        say("watch", f"There is nothing in {watched.path} yet.")


def _changed(rows: "Sequence[RunRow]", before: dict[str, str], look: Any) -> None:
    from econml_cli.inspection import watch_text

    for row in rows:
        now = watch_text.line(row, look)
        if before.get(row.path) != now:
            before[row.path] = now
            print(printable(now), flush=True)  # noqa: T201


COMMAND = Command("econml watch", watch, ((OPTIONS, WatchOptions), (OPTIONS, RunsDirOption)), (WHAT,))
