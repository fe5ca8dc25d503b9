"""`econml fit --resume` for Python."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from econml_cli.config import fit_config as configs
from econml_cli.errors import ConfigError
from econml_cli.python.interruptible import StopSignal, interruptible
from econml_cli.runs.directory import Run

if TYPE_CHECKING:
    from econml_cli.training.run.recorder import FitResult


def resume(run: Run, given: Mapping[str, Any], progress: bool) -> "FitResult":
    """Continue a run with other values of some options (None: as before), each read and checked as a flag would be.

    Raises:
        ConfigError: one member of an ensemble, or a bad value. As `training.fit.resume` otherwise.
    """
    if run.member is not None:
        raise ConfigError(f"A member is not resumed alone; resume the whole ensemble {run.name}.")
    own, given = run.config(), {name: value for name, value in given.items() if value is not None}
    layers = [(configs.TYPED, given), (str(run.path / "config.yaml"), own.to_dict())]
    trainer = configs.build(own.model, own.problem, layers).trainer
    changes = {name: getattr(trainer, name) for name in given}

    from econml_cli.python.progress import sinks
    from econml_cli.training.fit import resume as continued

    def work(stop_signal: StopSignal) -> "FitResult":
        return continued(run, changes, open_sinks=sinks(progress), stop_signal=stop_signal)

    return interruptible(work)
