"""`econml sweep run --wandb-mode`: each trial that has ended as a W&B run of the sweep's group."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from econml_cli.commands.sweep.shared import say
from econml_cli.sweeps.run.directory import SweepDirectory
from econml_cli.sweeps.spec.schema import Sweep

#: seconds that W&B gets at the end for what is left to log
PATIENCE = 60.0


@contextlib.contextmanager
def replay(
    sweep: Sweep, directory: SweepDirectory, mode: str | None, project: str | None, artifacts: bool = False
) -> Iterator[Callable[[Path], None]]:
    """Yields what is to be called with the directory of each run that has ended."""
    if mode in (None, "disabled"):
        yield lambda run: None
        return
    from econml_cli.runs.directory import Run
    from econml_cli.tracking.wandb_replay import Replay

    log = Replay(given_mode=mode, project=project, artifacts=artifacts)

    def logged(path: Path) -> None:
        name = "-".join(path.relative_to(directory.path).parts)  # 0003, or 0003-seed7
        log.add(Run(path), group=sweep.name, name=f"{sweep.name}-{name}")

    try:
        yield logged
    finally:
        if warning := log.finish(PATIENCE):
            say([warning])
