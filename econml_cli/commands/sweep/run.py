"""`econml sweep run FILE`: the embedded engine."""

import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from econml_cli.commands.sweep.shared import File, say
from econml_cli.errors import ConfigError, InterruptedFitError, RunError, SweepFailedError, suggest

SEARCH, TRAINING, SHARED, OUTPUT = "Search", "Training", "Several workers", "Output"
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def run_command(
    file: File,
    seed: Annotated[
        int | None,
        typer.Option(min=0, metavar="SEED", rich_help_panel=SEARCH, help="The same seed gives the same trials [0]."),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", rich_help_panel=SEARCH, help="How many (default: run_cap, the grid, or 50)."),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", rich_help_panel=SEARCH, help="Try the points again that have failed.")
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", rich_help_panel=SEARCH, help="Fit this in the place of the file's own program."),
    ] = None,
    problem: Annotated[
        str | None, typer.Option(metavar="NAME", rich_help_panel=SEARCH, help="With --model: what it is fitted to.")
    ] = None,
    fix: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            rich_help_panel=SEARCH,
            show_default=False,
            help="With --model: an option that is the same in every trial. Repeat it.",
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", rich_help_panel=TRAINING, help="Trials that train at a time (default: one a CPU core)."
        ),
    ] = None,
    engine: Annotated[
        Literal["auto", "vmap", "serial", "process"],
        typer.Option(
            metavar="NAME",
            rich_help_panel=TRAINING,
            help="vmap: trials of one shape as one program; serial: each by itself; auto: what proves faster; process: "
            "each in a process of its own.",
        ),
    ] = "auto",
    timeout: Annotated[
        str | None, typer.Option(metavar="TIME", rich_help_panel=TRAINING, help="Stop after this: 90s, 30m, 2h, 1d.")
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            rich_help_panel=SHARED,
            help="Share the sweep with other workers: a journal file that all can reach, postgresql://..., grpc://...",
        ),
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(metavar="NAME", rich_help_panel=SHARED, help="Its name there (default: the sweep's)."),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(metavar="DIR", rich_help_panel=OUTPUT, help="The sweep's directory (default: RUNS_DIR/NAME)."),
    ] = None,
    runs_dir: Annotated[
        Path,
        typer.Option(metavar="DIR", envvar="ECONML_RUNS_DIR", rich_help_panel=OUTPUT, help="Parent of directories."),
    ] = Path("runs"),
    resume: Annotated[
        bool | None,
        typer.Option(
            "--resume/--no-resume", rich_help_panel=OUTPUT, help="Continue the directory (default: if it is there)."
        ),
    ] = None,
    keep: Annotated[
        str,
        typer.Option(
            metavar="all|best|N", rich_help_panel=OUTPUT, help="Whose checkpoints to keep; the records stay anyway."
        ),
    ] = "all",
    wandb_mode: Annotated[
        Literal["online", "offline", "disabled"] | None,
        typer.Option(metavar="MODE", rich_help_panel=OUTPUT, help="Log each trial to W&B too: online or offline."),
    ] = None,
    wandb_project: Annotated[
        str | None, typer.Option(metavar="NAME", rich_help_panel=OUTPUT, help="The W&B project of these.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", rich_help_panel=OUTPUT, help="No table, no summary.")] = False,
    json: Annotated[
        bool, typer.Option("--json", rich_help_panel=OUTPUT, help="Print the results as one JSON document.")
    ] = False,
) -> None:
    """Run a sweep here: no account, no network. Interrupt it at any time; the same line continues it.

    With --storage, run the same line on as many machines as you like: each is a worker.
    """
    from econml_cli.commands.signals import stop_signals
    from econml_cli.sweeps.run import engine as engines
    from econml_cli.sweeps.run import open_directory
    from econml_cli.sweeps.run.directory import slug
    from econml_cli.sweeps.run.plan import Plan
    from econml_cli.sweeps.spec import schema, trial_config

    seconds, kept = _seconds(timeout), _kept(keep)
    sweep = schema.load(file, _command(file, model, problem, fix or []))
    say(sweep.notes)
    directory, begun = open_directory.open_directory(
        sweep, Path(out) if out else runs_dir / slug(sweep.name), seed, storage, study, resume, _line()
    )
    sweep = trial_config.under(sweep, begun.environment)
    plan = Plan(
        seed=begun.seed,
        count=trials,
        jobs=jobs,
        engine=engine,
        timeout=seconds,
        keep=kept,
        retry_failed=retry_failed,
        storage=begun.storage,
        study=begun.study,
    )
    from econml_cli.commands.sweep.live import watcher
    from econml_cli.commands.sweep.replay import replay

    with (
        stop_signals() as stop,
        directory.lock(shared=begun.storage is not None),
        watcher(sweep, quiet or json) as watch,
        replay(sweep, directory, wandb_mode, wandb_project) as log,
    ):
        outcome = engines.run(sweep, directory, plan, watcher=watch, logged=log, stop_signal=stop)
    _report(outcome, directory, quiet, json)


def _line() -> str:
    return shlex.join(["econml", *sys.argv[1:]])


def _command(file: Path, model: str | None, problem: str | None, fix: list[str]) -> list[str] | None:
    """What is started in the place of the file's own command; None: the file's own."""
    if model is None:
        if problem is not None or fix:
            raise ConfigError(f"--problem and --fix need --model: without it, {file} says what is fitted.")
        return None
    for text in fix:
        if "=" not in text:
            raise ConfigError(f"--fix {text} is not NAME=VALUE.")
    words = [f"--{text}" for text in ([f"problem={problem}"] if problem else []) + fix]
    return ["${env}", "econml", "fit", model, *words, "${args}"]


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text.strip())
    if not found:
        raise ConfigError(f"--timeout must be a time such as 90s, 30m, 2h or 1d, got {text!r}.")
    return float(found[1]) * _UNITS[found[2]]


def _kept(text: str) -> Any:
    if text in ("all", "best"):
        return {"all": "all", "best": 1}[text]
    if not (text.isdecimal() and int(text) > 0):
        raise ConfigError(f"--keep must be all, best or a number > 0, got {text!r}.{suggest(text, ['all', 'best'])}")
    return int(text)


def _report(outcome: Any, directory: Any, quiet: bool, json: bool) -> None:
    """The results on stdout, and what went otherwise than planned as an error."""
    from econml_cli.output import terminal
    from econml_cli.sweeps.show import importance
    from econml_cli.sweeps.show import text as show

    results = outcome.results
    if json:
        terminal.print_json(show.as_json(results, results.trials, importance.analyse(results)))
    elif not quiet:
        sys.stdout.write(show.at_the_end(results))
    counts: Mapping[str, int] = show.counts(results)
    line = _line()
    if outcome.signal:
        raise InterruptedFitError(
            f"Stopped by a signal after {counts['complete']} trials; trials under way are saved. Continue with: {line}",
            outcome.signal,
        )
    if outcome.signal is not None:
        say([f"--timeout is over; trials under way are saved. Continue with: {line}"])
    if failures := results.failures():
        raise SweepFailedError(
            f"{len(failures)} of {results.count} trials failed; `econml sweep show {directory.path}` tells why, "
            "--retry-failed tries them again."
        )
    if not counts["complete"] and outcome.signal is None:
        raise RunError(f"No trial of {directory.path} has ended with a value; `econml sweep show` tells why.")
