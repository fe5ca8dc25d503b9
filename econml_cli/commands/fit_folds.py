"""`econml fit MODEL --data FILE --folds K`: a cross-validation, which is K fits and a table."""

import dataclasses
import json
import shlex
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from econml_cli.commands.common import say
from econml_cli.config.fit_config import FitConfig
from econml_cli.errors import ConfigError, InterruptedFitError
from econml_cli.options.trainer import RunOptions
from econml_cli.problems.tabular_options import TabularOptions
from econml_cli.runs import resuming

_say = partial(say, "fit")


def asked(config: FitConfig, options: RunOptions, flags: Mapping[str, Any]) -> bool:
    """Whether all folds are to be fitted: --folds without --fold.

    Raises:
        ConfigError: other options do not go with it, or there is no such fold.
    """
    table = config.problem_options
    if not isinstance(table, TabularOptions) or not (table.folds or table.fold):
        return False
    from econml_cli.data.split import check_folds

    check_folds(table.folds, table.fold or min(table.folds, 1))
    if "test_fraction" in flags:
        raise ConfigError("--folds makes each fold the test split in turn: leave out --test-fraction.")
    if table.fold or options.print_config:
        return False
    if options.retries:
        raise ConfigError("--retries goes on until a fit passes, but --folds fits each fold once; leave one out.")
    if options.plot:
        raise ConfigError("--plot draws one fit; leave it out with --folds, or name one --fold.")
    if config.trainer.members > 1:
        raise ConfigError("--members trains an ensemble in one run; leave it out with --folds, or name one --fold.")
    return True


def first(config: FitConfig) -> FitConfig:
    """The config of the first fold, which a dry run looks at."""
    return dataclasses.replace(config, problem_options=dataclasses.replace(config.problem_options, fold=1))


def fit_folds(config: FitConfig, options: RunOptions, directory: Path) -> None:
    """Fit the folds into `directory`, evaluate them, print the table."""
    from econml_cli.runs.folds import check_free

    check_free(directory, options.force)  # now, before seconds go into importing jax

    def fit(**told: Any) -> Any:
        from econml_cli.training import cross_validate

        if config.tracking.wandb_mode in ("online", "offline"):
            _say("W&B is not told of cross-validations; the losses of each fold are in its metrics.jsonl.")
        command = shlex.join(["econml", *sys.argv[1:]])
        return cross_validate.fit_folds(config, directory, force=options.force, command=command, **told)

    _made(fit, config, options)


def resume(options: RunOptions, directory: Path, flags: Mapping[str, Any]) -> None:
    """Go on with the folds that have not ended, evaluate all of them, print the table.

    Raises:
        ConfigError: an option is given that a cross-validation cannot change.
    """
    from econml_cli.runs.folds import opened

    if flags:
        name = next(iter(flags)).replace("_", "-")
        raise ConfigError(f"--resume goes on with the folds of {directory} as they are: leave out --{name}.")
    config = opened(directory).config

    def go_on(**told: Any) -> Any:
        from econml_cli.training import cross_validate

        return cross_validate.resume_folds(directory, **told)

    _made(go_on, config, options)


def _made(make: Callable[..., Any], config: FitConfig, options: RunOptions) -> None:
    """Train, evaluate, print the table."""
    from econml_cli.commands.signals import stop_signals

    with stop_signals(unwinding=True) as stop:
        from econml_cli.evaluation.cross_validation import cross_validation
        from econml_cli.training import compilation_cache

        compilation_cache.enable()
        progress = _Progress(config, options)
        try:
            made = make(stop_signal=stop, hear=progress)
        finally:
            progress.close()
        if made.signal is not None:
            raise InterruptedFitError(_stopped(made), made.signal)
        found = cross_validation(made)
    if options.json:
        print(json.dumps(found.to_dict(), indent=2, ensure_ascii=False, allow_nan=False))  # noqa: T201
    elif not options.quiet:
        print(_text(found))  # noqa: T201
    if (error := found.error()) is not None:
        raise error


class _Progress:
    """The progress bar, over the epochs of all folds."""

    def __init__(self, config: FitConfig, options: RunOptions):
        from econml_cli.tracking.progress import open_progress

        self._bar = open_progress(options.quiet, config.trainer.num_epochs * config.problem_options.folds)
        self._done: dict[int, int] = {}
        self._last = config.trainer.num_epochs

    def __call__(self, event: Any) -> None:
        self._done[event.number] = self._last if event.kind in ("ended", "failed") else event.epoch
        if self._bar is not None:
            self._bar.log([{**event.metrics, "epoch": sum(self._done.values())}])

    def close(self) -> None:
        """Take it away."""
        if self._bar is not None:
            self._bar.finish({})


def _text(found: Any) -> str:
    path = shlex.quote(found.path)
    return (
        f"{found.render()}\n\n  predictions  {path}/predictions.csv\n  runs         {path}/fold1 to fold{found.count}"
    )


def _stopped(made: Any) -> str:
    there = [fold for fold in range(1, made.count + 1) if fold not in made.unfinished() and fold not in made.failed]
    return (
        f"Stopped by a signal; {len(there)} of {made.count} folds are complete in {made.path}; continue with: "
        f"{resuming.command(made.path)}"
    )
