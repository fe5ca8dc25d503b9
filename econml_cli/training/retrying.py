"""Fitting again with another seed, until the verdicts on an economic model pass."""

import dataclasses
import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from econml_cli.config.fit_config import FitConfig
from econml_cli.runs import directory as runs
from econml_cli.runs import health
from econml_cli.storage import disk
from econml_cli.training.devices import Devices
from econml_cli.training.fit import fit
from econml_cli.training.run.recorder import FitResult
from econml_cli.training.setup.setup import Workshop
from econml_cli.training.step.programs import Programs


def fit_until_passed(
    config: FitConfig,
    directory: Path,
    retries: int,
    *,
    accepted: Collection[str] = (),
    force: bool = False,
    say: Callable[[str], None] = lambda _: None,
    devices: Devices | None = None,
    **options: Any,
) -> FitResult:
    """`fit`, and where a verdict has failed or the fit has diverged again with seed + 1, up to `retries` times.

    The run that is kept in `directory` is the last one; each before it is moved to DIRECTORY.seedN, whole. The summary
    says in `attempts` how many there were.

    Args:
        accepted: verdicts that may fail. say: told one sentence before each new attempt. devices: several to train on.
        options: of `fit`.

    Raises:
        What `fit` raises.
    """
    workshop, programs = Workshop(), Programs(devices)
    for attempt in range(retries + 1):
        result = fit(config, directory, force=force, workshop=workshop, programs=programs, **options)
        wrong = _wrong(result, accepted)
        if wrong is None or result.signal is not None or attempt == retries:
            break
        seed = config.trainer.seed
        config = config.replace_trainer(seed=(seed + 1) % 2**32)
        moved = _move(directory, seed, force)
        say(f"seed {seed} failed, {wrong}; kept in {moved}; trying seed {config.trainer.seed}.")
    if not retries:
        return result
    summary = {**result.summary, "attempts": attempt + 1}
    disk.write_json(directory / "summary.json", summary)
    return dataclasses.replace(result, summary=summary)


def _wrong(result: FitResult, accepted: Collection[str]) -> str | None:
    """What is wrong with a fit, in words; None where nothing is that is not accepted."""
    if result.stop_reason == "diverged":
        return "diverged"
    return result.summary.get("failed") if health.failed_verdicts(result.summary, accepted) else None


def _move(directory: Path, seed: int, force: bool) -> Path:
    """Give a run of a failed attempt its own name; `force` replaces what has that name, if it is a run."""
    there = directory.with_name(f"{directory.name}.seed{seed}")
    if force and there.exists():
        runs.check_free(there, force)
        shutil.rmtree(there)
    number = 1
    while there.exists():
        number += 1
        there = directory.with_name(f"{directory.name}.seed{seed}-{number}")
    return directory.replace(there)
