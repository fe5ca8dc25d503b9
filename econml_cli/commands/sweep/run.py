"""`econml sweep run FILE`: the embedded engine."""

import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from econml_cli.commands import fit_devices
from econml_cli.commands.declared import Command, by_user
from econml_cli.commands.sweep.shared import FILE, say
from econml_cli.errors import ConfigError, InterruptedFitError, RunError, SweepFailedError, suggest
from econml_cli.options import shell
from econml_cli.options.devices import DeviceOptions
from econml_cli.options.fields import option

if TYPE_CHECKING:
    from econml_cli.sweeps.run.begin import Asked
    from econml_cli.sweeps.run.open_directory import Begun
    from econml_cli.sweeps.run.plan import Plan
    from econml_cli.sweeps.spec.schema import Sweep
    from econml_cli.training.devices import Devices

SEARCH, TRAINING, SHARED, OUTPUT = "Search", "Training", "Several workers", "Output"
LINE = "econml sweep run"
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class SearchOptions:
    """Which trials."""

    seed: int | None = option(None, "the same seed gives the same trials (0)", ge=0, metavar="SEED")
    trials: int | None = option(None, "how many (default: run_cap, the grid, or 50)", ge=1, metavar="N")
    retry_failed: bool = option(False, "try the points again that have failed")
    sampler: Literal["gp", "tpe", "qmc", "random"] | None = option(
        None,
        "how method bayes proposes points: gp: a Gaussian process and expected improvement; tpe: Optuna's; qmc: "
        "Sobol's sequence (default: as before, at first gp)",
    )
    start_from: tuple[str, ...] = option(
        (),
        "begin with what another sweep has found, whose trials are not fitted again where they are in the space; or "
        "try the points of a file first; may be repeated",
        metavar="SWEEP|POINTS.csv",
        repeated=True,
    )
    replicate: str | None = option(
        None,
        "train each point over these, side by side: seed=30 (seeds 0 to 29), seed=5..9, seed=1,7; the metric is their "
        "mean (default: as before, or as the file says)",
        metavar="NAME=VALUES",
    )
    folds: int | None = option(
        None, "cross-validate each point in so many folds; the metric is the mean over them", ge=2, metavar="K"
    )
    aggregate: str | None = option(
        None,
        "how the metrics of a point's fits become one: mean, median, quantile:0.9, or share (of fits that passed "
        "their verdicts) (default: mean)",
        metavar="mean|median|quantile:Q|share",
    )
    model: str | None = option(None, "fit this in the place of the file's own program", metavar="NAME")
    command: str | None = option(
        None, "start this in the place of the file's own command: 'bash run.sh ${args}'", metavar="WORDS"
    )
    problem: str | None = option(None, "with --model: what it is fitted to", metavar="NAME")
    fix: tuple[str, ...] = option(
        (),
        "with --model: an option that is the same in every trial; may be repeated",
        metavar="NAME=VALUE",
        repeated=True,
    )


@dataclass(frozen=True)
class TrainingOptions:
    """How they train."""

    jobs: int | None = option(None, "trials that train at a time (default: one a CPU core)", ge=1, metavar="N")
    engine: Literal["auto", "vmap", "serial", "process"] = option(
        "auto",
        "vmap: trials of one shape as one program; serial: each by itself; auto: what proves faster; process: each in "
        "a process of its own",
    )
    devices: str | None = option(
        None,
        "share trials of one shape among so many devices of this host, or all of them (default: one)",
        metavar="N|all",
    )
    timeout: str | None = option(None, "stop after this: 90s, 30m, 2h, 1d", metavar="TIME")


@dataclass(frozen=True)
class SharedOptions:
    """With which other workers."""

    storage: str | None = option(
        None,
        "share the sweep with other workers: a journal file that all can reach, postgresql://..., grpc://...",
        metavar="URL",
    )
    study: str | None = option(None, "its name there (default: the sweep's)", metavar="NAME")


@dataclass(frozen=True)
class OutputOptions:
    """What is kept and told."""

    out: str | None = option(None, "the sweep's directory (default: RUNS_DIR/NAME)", metavar="DIR")
    runs_dir: str = option("runs", "parent of directories", metavar="DIR")
    resume: bool | None = option(None, "continue the directory (default: if it is there)")
    keep: str = option("all", "whose checkpoints to keep; the records stay anyway", metavar="all|best|N")
    wandb_mode: Literal["online", "offline", "disabled"] | None = option(
        None, "log each trial to W&B too", metavar="MODE"
    )
    wandb_project: str | None = option(None, "the W&B project of these", metavar="NAME")
    wandb_artifacts: bool | None = option(None, "give each an artifact with config, summary and final checkpoint")
    quiet: bool = option(False, "no table, no summary")
    json: bool = option(False, "print the results as one JSON document")
    config: str | None = option(None, "read options of this command from a YAML file", metavar="FILE")


@dataclass(frozen=True)
class Ends:
    """After how many seconds a sweep stops (None: never), and how many of the best trials keep their checkpoints."""

    seconds: float | None
    keep: int | Literal["all"]


def run(
    path: str, search: SearchOptions, training: TrainingOptions, shared: SharedOptions, output: OutputOptions
) -> None:
    """Run a sweep here: no account, no network. Interrupt it at any time; the same line continues it.

    With --storage, run the same line on as many machines as you like: each is a worker.
    """
    from econml_cli.commands.signals import stop_signals
    from econml_cli.commands.sweep.live import watcher
    from econml_cli.commands.sweep.replay import replay
    from econml_cli.sweeps.run import begin as beginning
    from econml_cli.sweeps.run import engine as engines

    ends, where = Ends(_seconds(training.timeout), _kept(output.keep)), DeviceOptions(devices=training.devices)
    asked = _asked(Path(path), search, shared, output)
    sweep = beginning.load(Path(path), asked)
    devices = _devices(where, training, sweep)
    say(sweep.notes)
    sweep, directory, begun = beginning.begin(sweep, asked)
    plan = _plan(search, training, ends, begun, devices)
    with (
        stop_signals() as stop,
        directory.lock(shared=begun.storage is not None),
        watcher(sweep, output.quiet or output.json) as watch,
        replay(sweep, directory, **_tracking(sweep, output)) as log,
    ):
        outcome = engines.run(sweep, directory, plan, watcher=watch, logged=log, stop_signal=stop, again=_line())
    _report(outcome, directory, output.quiet, output.json)


def _asked(file: Path, search: SearchOptions, shared: SharedOptions, output: OutputOptions) -> "Asked":
    """What these options ask of the file's sweep."""
    from econml_cli.sweeps.run.begin import Asked

    command = _command(file, search)
    if shared.storage is not None:
        _named(shared.storage, output)
    return Asked(
        command=command,
        named=by_user(LINE, "command"),
        replicate=search.replicate,
        folds=search.folds,
        aggregate=search.aggregate,
        sampler=search.sampler,
        out=output.out,
        runs_dir=output.runs_dir,
        seed=search.seed,
        storage=shared.storage,
        study=shared.study,
        resume=output.resume,
        line=_line(),
        start_from=search.start_from,
        tell=say,
    )


def _devices(where: DeviceOptions, training: TrainingOptions, sweep: "Sweep") -> "Devices | None":
    """The devices that trials are shared among; None for one.

    Raises:
        ConfigError: there are fewer than are asked for, or these trials cannot be shared.
    """
    if not where.several:
        return None
    if sweep.target is None:
        raise ConfigError("--devices is for trials that are fits of econml; a program of your own takes what it takes.")
    if training.engine in ("serial", "process"):
        raise ConfigError(
            f"--devices shares trials that are trained as one program, and --engine {training.engine} trains each by "
            "itself; leave out one of them."
        )
    return fit_devices.found(where)


def _plan(
    search: SearchOptions, training: TrainingOptions, ends: Ends, begun: "Begun", devices: "Devices | None"
) -> "Plan":
    """How a sweep that was begun is run."""
    from econml_cli.sweeps.run.plan import Plan

    return Plan(
        seed=begun.seed,
        count=search.trials,
        jobs=training.jobs,
        engine=training.engine,
        timeout=ends.seconds,
        keep=ends.keep,
        retry_failed=search.retry_failed,
        storage=begun.storage,
        study=begun.study,
        sampler=search.sampler,
        start=begun.start,
        devices=devices,
    )


def _tracking(sweep: "Sweep", output: OutputOptions) -> dict[str, Any]:
    """The arguments of `replay`: what was typed, else what the sweep says of every trial."""
    from econml_cli.sweeps.spec import trial_config

    said, artifacts = trial_config.tracking_of(sweep), output.wandb_artifacts
    return {
        "mode": said.get("wandb_mode") if output.wandb_mode is None else output.wandb_mode,
        "project": said.get("wandb_project") if output.wandb_project is None else output.wandb_project,
        "artifacts": said.get("wandb_artifacts", "").lower() == "true" if artifacts is None else artifacts,
    }


def _named(storage: str, output: OutputOptions) -> None:
    """A storage that was typed is the user's; one that a --config file names may be somebody else's."""
    from econml_cli.sweeps.study import databases

    if by_user(LINE, "storage"):
        databases.name(storage)
    else:
        databases.check(storage, Path(str(output.config)))


def _line() -> str:
    return shlex.join(["econml", *sys.argv[1:]])


def _command(file: Path, search: SearchOptions) -> list[str] | None:
    """What is started in the place of the file's own command; None: the file's own."""
    if search.command is not None and search.model is not None:
        raise ConfigError("--command and --model both say what is started; leave one of them out.")
    if search.command is not None and (typed := shlex.split(search.command)):
        return typed
    if search.model is None:
        if search.problem is not None or search.fix:
            raise ConfigError(f"--problem and --fix need --model: without it, {file} says what is fitted.")
        return None
    for text in search.fix:
        if "=" not in text:
            raise ConfigError(f"--fix {text} is not NAME=VALUE.")
    words = [f"--{text}" for text in [*([f"problem={search.problem}"] if search.problem else []), *search.fix]]
    return ["${env}", "econml", "fit", search.model, *words, "${args}"]


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text.strip())
    if not found:
        raise ConfigError(f"--timeout must be a time such as 90s, 30m, 2h or 1d, got {text!r}.")
    return float(found[1]) * _UNITS[found[2]]


def _kept(text: str) -> int | Literal["all"]:
    if text == "all":
        return "all"
    if text == "best":
        return 1
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
    if outcome.reached and counts["complete"] < results.count:
        say([f"{results.metric} has reached the file's `metric.target`: no more trials are begun."])
    if outcome.signal is not None:
        say([f"--timeout is over; trials under way are saved. Continue with: {line}"])
    show_it = shell.command("sweep", "show", directory.path)
    if failures := results.failures():
        raise SweepFailedError(
            f"{len(failures)} of {results.count} trials failed; `{show_it}` tells why, --retry-failed tries them again."
        )
    if not counts["complete"] and outcome.signal is None:
        raise RunError(f"No trial of {directory.path} has ended with a value; `{show_it}` tells why.")


COMMAND = Command(
    LINE,
    run,
    ((SEARCH, SearchOptions), (TRAINING, TrainingOptions), (SHARED, SharedOptions), (OUTPUT, OutputOptions)),
    (FILE,),
)
