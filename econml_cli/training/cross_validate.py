"""K-fold cross-validation: the same fit K times, each tested on a part of the rows that it has not seen."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path

from econml_cli.config.fit_config import FitConfig
from econml_cli.errors import ConfigError
from econml_cli.runs import resuming
from econml_cli.runs.directory import CROSS_VALIDATION
from econml_cli.runs.folds import Folds, alone, check_free, make, opened
from econml_cli.storage import directories
from econml_cli.training.fit import check
from econml_cli.training.many.requests import Event, Request
from econml_cli.training.many.scheduler import Engine, Fits
from econml_cli.training.precision import precision
from econml_cli.training.setup.setup import Workshop


def of_fold(config: FitConfig, fold: int) -> FitConfig:
    """The config of one fold."""
    return dataclasses.replace(config, problem_options=dataclasses.replace(config.problem_options, fold=fold))


def fit_folds(
    config: FitConfig,
    directory: Path,
    *,
    force: bool = False,
    command: str | None = None,
    engine: Engine = "auto",
    stop_signal: Callable[[], int | None] = lambda: None,
    hear: Callable[[Event], None] = lambda event: None,
) -> Folds:
    """Fit every fold of a config whose problem has `folds`; each becomes the run that `fit` makes of that `fold`.

    Folds train in threads, or several in one program where that is faster (`training.many`); the numbers of the
    latter are those of `fit` up to rounding, of the former to the last bit.

    Args:
        directory: to be made; `force` replaces a cross-validation (or a run) that is there.
        command: the command line, for the record. engine: see `scheduler.Fits`. stop_signal: as of `fit`.
        hear: is told what happens; the number of an event is that of the fold.

    Raises:
        RunError: the directory is taken, or cannot be written.
        ConfigError, DataError, ShapeError: the first fold cannot be fitted; nothing has been written then.
    """
    check_free(directory, force)
    if config.trainer.members > 1:
        raise ConfigError("--members trains an ensemble in one run; leave it out with --folds, or name one --fold.")
    with precision(config.trainer.dtype):
        check(Workshop().assemble(of_fold(config, 1)))
    with contextlib.ExitStack() as lock:
        folds = make(directory, config, command, lock)
        return _train(folds, range(1, folds.count + 1), engine, stop_signal, hear)


def resume_folds(
    directory: Path,
    *,
    engine: Engine = "auto",
    stop_signal: Callable[[], int | None] = lambda: None,
    hear: Callable[[Event], None] = lambda event: None,
) -> Folds:
    """Go on with a cross-validation that was interrupted or killed: folds that have ended stay as they are, one that
    was under way continues from its checkpoint.

    Args:
        engine, stop_signal, hear: as of `fit_folds`.

    Raises:
        RunError: it is damaged, or another process is making it.
    """
    folds = opened(directory)
    with alone(directory):
        left = [fold for fold in range(1, folds.count + 1) if not folds.ended(fold)]
        return _train(folds, left, engine, stop_signal, hear)


def _train(
    folds: Folds,
    left: Iterable[int],
    engine: Engine,
    stop_signal: Callable[[], int | None],
    hear: Callable[[Event], None],
) -> Folds:
    """Train these folds; what they replace is removed once one of them has a checkpoint."""
    failed = dict[int, str]()
    with resuming.told(folds.path, CROSS_VALIDATION):
        with Fits(engine, stop_signal) as fits:
            fits.add(
                Request(fold, of_fold(folds.config, fold), folds.run(fold).path, within=folds.path) for fold in left
            )
            for event in fits.advance():
                hear(event)
                if event.kind == "failed":
                    failed[event.number] = event.reason or "it failed"
                elif event.kind == "ended":
                    directories.drop(folds.path)
        folds = dataclasses.replace(folds, failed=failed)
        stopped = bool(folds.unfinished())
        folds.note("interrupted" if stopped else "failed" if failed else "fitted")
    return dataclasses.replace(folds, signal=stop_signal() if stopped else None)
