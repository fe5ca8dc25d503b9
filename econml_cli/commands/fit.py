"""`econml fit [MODEL]`: the options offered are those of the chosen model and problem."""

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from econml_cli.commands import dynamic, fit_folds, fit_plot, fit_slurm, help_text, importing
from econml_cli.commands.common import say
from econml_cli.commands.fit_help import HELP, front
from econml_cli.commands.typer_options import Section
from econml_cli.config import choose
from econml_cli.config import fit_config as configs
from econml_cli.config.fit_config import FitConfig
from econml_cli.errors import ConfigError, DivergedError, InterruptedFitError, UnstableError, suggest
from econml_cli.options.devices import DeviceOptions
from econml_cli.options.trainer import RunOptions
from econml_cli.runs import health, resuming

if TYPE_CHECKING:
    from econml_cli.runs.directory import Run
    from econml_cli.tracking.base import Sink
    from econml_cli.training.run.recorder import FitResult, OpenSinks

_say = partial(say, "fit")
#: what a failed verdict means, where the path is that of a solution
MEANS = {
    "loss": "the equations do not hold yet, so that this is not the solution",
    "truth": "the equations hold, and the policy is not near enough to that of the solution",
    "states": "the other verdicts say nothing of where the economy goes",
}

DEVICES = Section.of("Devices", DeviceOptions, paired=False)
OUTPUT = Section.of("Run", RunOptions, paired=False)
app = typer.Typer(add_completion=False)


class FitCommand(help_text.Command):
    """Builds the real command once the arguments tell the model and the problem, and hands over to it."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the command with the chosen model's and problem's options."""
        return dynamic.make_context(
            "econml fit", HELP, _sections, _fit, info_name, args, front=front, parent=parent, **extra
        )


@app.command("fit", cls=FitCommand, help=HELP)
def _command() -> None:  # FitCommand replaces it once it has seen the arguments
    raise AssertionError


def _sections(model: str, problem: str) -> list[Section]:
    return [*(Section.of(title, cls) for title, cls in configs.sections(model, problem)), DEVICES, OUTPUT]


def _own_options(given: Mapping[str, Any]) -> tuple[RunOptions, DeviceOptions]:
    """The options of this command that are no part of what is fitted."""
    names = [opt.name for section in (OUTPUT, DEVICES) for opt in section.options]
    layers = [(configs.TYPED, given), (configs.ENVIRONMENT, configs.read_environment(names))]
    wrong: list[str] = []
    options = configs.fill(RunOptions, layers, wrong), configs.fill(DeviceOptions, layers, wrong)
    configs.refuse(wrong)
    return options


def _fit(model: str, problem: str, given: dict[str, Any]) -> None:
    own = {opt.name for section in (OUTPUT, DEVICES) for opt in section.options}
    options, where = _own_options({k: v for k, v in given.items() if k in own})
    _check_accepted(options, problem)
    flags = {k: v for k, v in given.items() if k not in own}
    if options.resume:
        _one_script(where, "--resume")
        _resume(options, where, (model, problem), flags)
        return
    config = dynamic.config(model, problem, options.config, flags)
    if fit_folds.asked(config, options, flags):
        _one_device(where, "--folds")
        _one_script(where, "--folds")
        if not options.dry_run:
            fit_folds.fit_folds(config, options, _directory(config, options))
            return
        config = fit_folds.first(config)
    if config.trainer.members > 1 and options.retries:
        raise ConfigError("--retries looks for one seed that passes, and --members reports how many do; leave one out.")
    if options.print_config:
        sys.stdout.write(config.to_yaml())
        return
    if options.dry_run:
        _check_free(config, options)
        _dry_run(config, options)
    elif where.slurm is not None:
        fit_slurm.write(config, where, _check_free(config, options), named=options.out is not None)
    else:
        _train(config, options, where)


def _one_device(where: DeviceOptions, option: str) -> None:
    """Refuse several devices where they are of no use.

    Raises:
        ConfigError: it says which option does not go with them.
    """
    if where.several:
        raise ConfigError(f"{option} trains several fits, each on one device; leave out --devices and --coordinator.")


def _one_script(where: DeviceOptions, option: str) -> None:
    """Refuse a script for Slurm where it is not of one new fit.

    Raises:
        ConfigError: it says which option does not go with it.
    """
    if where.slurm is not None:
        raise ConfigError(f"--slurm writes the script of one new fit, which goes on by itself; leave out {option}.")


def _directory(config: FitConfig, options: RunOptions) -> Path:
    from econml_cli.runs import directory as runs

    if options.out:
        return Path(options.out)
    return runs.named(options.runs_dir, options.name, runs.new_name(config.model, config.problem))


def _check_free(config: FitConfig, options: RunOptions) -> Path:
    """The run directory to make; refused now, before seconds go into importing jax."""
    from econml_cli.runs import directory as runs

    directory = _directory(config, options)
    runs.check_free(directory, options.force)
    return directory


def _train(config: FitConfig, options: RunOptions, where: DeviceOptions) -> None:
    if where.coordinator is None:
        directory = _check_free(config, options)
    elif options.retries:
        raise ConfigError("--retries moves runs about, which several processes cannot do together; leave it out.")

    from econml_cli.commands.signals import stop_signals

    with stop_signals(unwinding=True) as stop:
        with importing.at_once():
            from econml_cli.commands import fit_devices
            from econml_cli.training import compilation_cache
            from econml_cli.training.retrying import fit_until_passed

        compilation_cache.enable()
        devices = fit_devices.found(where)
        if where.coordinator is not None:
            directory = fit_devices.directory(devices, partial(_check_free, config, options))
        result = fit_until_passed(
            config,
            directory,
            options.retries,
            accepted=options.accept_failed,
            say=_say,
            force=options.force,
            command=shlex.join(["econml", *sys.argv[1:]]),
            open_sinks=_sinks(options),
            stop_signal=stop,
            devices=devices,
        )
    fit_devices.report(devices, partial(_report, result), options)


def _resume(options: RunOptions, where: DeviceOptions, chosen: tuple[str, str], flags: dict[str, Any]) -> None:
    from econml_cli.runs import directory as runs
    from econml_cli.runs import folds

    for name in ("config", "out", "name", "force", "print_config", "dry_run", "retries"):
        if getattr(options, name):
            raise ConfigError(f"--resume continues a run where and as it is: leave out --{name.replace('_', '-')}.")
    if (there := folds.found(options.resume, Path(options.runs_dir))) is not None:
        _one_device(where, "--folds")
        fit_folds.resume(options, there, flags)
        return
    run = runs.find(options.resume, Path(options.runs_dir))
    saved = run.config()
    if chosen != (saved.model, saved.problem):
        raise ConfigError(f"{run.path} fits {saved.model} to {saved.problem}, not {chosen[0]} to {chosen[1]}.")
    config = choose.resolve([(configs.TYPED, flags)], [(str(run.path / "config.yaml"), saved.to_dict())]).config()
    changes = {name: getattr(config.trainer, name, flags[name]) for name in flags if not name.startswith("wandb_")}

    from econml_cli.commands.signals import stop_signals

    with stop_signals(unwinding=True) as stop:
        with importing.at_once():
            from econml_cli.commands import fit_devices
            from econml_cli.training import compilation_cache
            from econml_cli.training.fit import resume

        compilation_cache.enable()
        devices = fit_devices.found(where)
        result = resume(
            run,
            changes,
            tracking=config.tracking,
            open_sinks=_sinks(options),
            stop_signal=stop,
            say=_say,
            devices=devices,
        )
    fit_devices.report(devices, partial(_report, result), options)


def _sinks(options: RunOptions) -> "OpenSinks":
    """Opens the progress bar and W&B when training starts."""

    def open_sinks(run: "Run", config: FitConfig, done: int) -> list["Sink"]:
        from econml_cli.tracking import wandb_sink
        from econml_cli.tracking.progress import open_progress

        wandb = wandb_sink.of_fit(run, config, _say)
        bar = open_progress(options.quiet, config.trainer.num_epochs, done)
        return [sink for sink in (bar, wandb) if sink is not None]

    return open_sinks


def _report(result: "FitResult", options: RunOptions) -> None:
    """The summary on stdout; what went otherwise than planned as an error."""
    from econml_cli.commands import fit_text

    if options.json:
        print(fit_text.as_json(result))  # noqa: T201
    elif not options.quiet:
        print(fit_text.as_text(result))  # noqa: T201
    if options.plot:
        fit_plot.plot(result.run, show=not (options.json or options.quiet), say=_say)
    path = shlex.quote(str(result.run.path))
    if result.stop_reason == "diverged":
        epoch = result.summary["diverged_epoch"]
        raise DivergedError(
            f"The loss or a weight became non-finite in epoch {epoch}; the weights of epoch {epoch - 1} are kept in "
            f"{path}. Try a smaller --lr, --grad-clip 1, or --schedule warmup_cosine."
        )
    if result.stop_reason == "interrupted":
        raise InterruptedFitError(
            f"Stopped by a signal after epoch {result.summary['epochs']}, saved; continue with: "
            f"{resuming.command(result.run.path)}",
            result.signal,
        )
    if failed := health.failed_verdicts(result.summary, options.accept_failed):
        if os.environ.get("WANDB_SWEEP_ID"):  # an agent ends after a few exit codes other than 0; W&B has the verdicts
            _say(_failed(result, failed, path))
            return
        raise UnstableError(_failed(result, failed, path))
    if "failed" in result.summary and health.failed_verdicts(result.summary):
        _say(f"accepted: {result.summary['failed']}.")


def _failed(result: "FitResult", verdicts: Sequence[str], path: str) -> str:
    """What is wrong, what it means, and what to try."""
    from econml_cli.problems import registry as problems

    config = result.run.config()
    means = MEANS[next((name for name in MEANS if name in verdicts), "truth")]
    if "stability" in verdicts:
        means = getattr(problems.load(config.problem), "unstable", "the economy does not go where a solution goes")
    accept = f"--accept-failed {','.join(verdicts)} ends such a fit with exit code 0"
    return f"FAILED: {result.summary['failed']}; {means}. It is kept in {path}. {_advice(result, config)}. {accept}."


def _advice(result: "FitResult", config: FitConfig) -> str:
    if result.stop_reason == "solved":  # no seed and no epoch changes an exact solution
        return "Try other options of the model or of the problem (`econml inspect problems` lists them)"
    init = getattr(config.model_options, "init", None)
    another = " or --init torch_uniform" if init == "lecun_normal" else ""
    more = ", or more --num-epochs" if result.stop_reason in ("max_epochs", "early_stopping") else ""
    failed = health.failed_verdicts(result.summary)
    # an economy that explodes leaves any range of states
    if health.STATES in failed and "stability" not in failed and config.trainer.states is None:
        return "Try a wider range of states, or train where the economy goes: --states both"
    return f"Try another seed (--seed {config.trainer.seed + 1}, or --retries 5 to go through several){another}{more}"


def _check_accepted(options: RunOptions, problem: str) -> None:
    """Refuse a verdict that no economic model of ours has."""
    from econml_cli.problems.table import PROBLEMS

    known = (*health.VERDICTS, health.ANY)
    if problem in PROBLEMS and (unknown := [name for name in options.accept_failed if name not in known]):
        raise ConfigError(
            f"--accept-failed {unknown[0]}: no such verdict; they are {', '.join(health.VERDICTS)}, and {health.ANY} "
            f"means any.{suggest(unknown[0], known)}"
        )


def _dry_run(config: FitConfig, options: RunOptions) -> None:
    from econml_cli.commands import fit_text
    from econml_cli.training import compilation_cache
    from econml_cli.training.dry_run import dry_run

    compilation_cache.enable()
    report = dry_run(config)
    print(fit_text.dry_run_json(report) if options.json else fit_text.dry_run_text(report))  # noqa: T201
