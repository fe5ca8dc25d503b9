"""What must be there before a fit can train: data, model, program, run directory."""

import contextlib
import errno
import os
import time

from econml_cli.errors import DamagedError, EconmlError, RunError, out_of_memory
from econml_cli.runs import directory, metrics_lines
from econml_cli.storage.steps import steps
from econml_cli.training.devices import Devices
from econml_cli.training.fit import check, continued
from econml_cli.training.loop.trainer import Trainer
from econml_cli.training.many.groups import Fit
from econml_cli.training.many.requests import Request
from econml_cli.training.precision import precision
from econml_cli.training.run import provenance
from econml_cli.training.run.recorder import Recording, no_sinks
from econml_cli.training.setup.setup import Setup, Workshop
from econml_cli.training.step.programs import Programs


class Preparer:
    """Prepares fits; several threads may use it.

    Attributes:
        programs: of fits that are trained by themselves. stacked: of fits side by side, on several devices if there are
            any.
    """

    def __init__(self, devices: Devices | None = None) -> None:
        self.programs = Programs()
        self.stacked = self.programs if devices is None else Programs(devices)
        self._workshop = Workshop()

    def prepare(self, request: Request, *, alone: bool = True) -> Fit | str:
        """The fit, ready to train and recorded from now on; or why it cannot be made, in a sentence.

        `alone`: it is trained by a program of its own, which is compiled now.

        Raises:
            OSError, RunError: its run directory cannot be written.
        """
        with precision(request.config.trainer.dtype):
            if request.config.trainer.members > 1:
                return "a sweep trains one member a trial: leave --members out, and sweep over seed"
            try:
                run = _resumable(request)
                setup = self._workshop.assemble(request.config if run is None else run.in_its_order(request.config))
                check(setup)
                if setup.streamed:
                    return "--stream is of a fit alone: leave it out of a sweep"
                trainer = Trainer(setup, self.programs)
                if run is not None:
                    try:
                        continued(run, setup, trainer)
                    except DamagedError:  # none of its checkpoints can be used: from the start
                        run = None
                if alone or run is not None:
                    trainer.compile()
            except OSError:
                raise
            except Exception as error:
                return reason_of(error)
            return _record(request, setup, trainer, run)


def _record(request: Request, setup: Setup, trainer: Trainer, run: directory.Run | None) -> Fit:
    """The fit with its run directory: the one of an interrupted attempt, or a new one."""
    started, done = time.perf_counter(), int(trainer.carry.epoch)
    resumed, rows = run is not None, []
    more = {"sweep": dict(request.manifest)} if request.manifest else {}
    with contextlib.ExitStack() as close:
        if run is None:
            files = provenance.files(setup, None, **more)
            if request.within is not None and not request.within.is_dir():
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(request.within))
            run = directory.create(request.directory, files, force=True, lock=close)
        else:
            close.enter_context(directory.training_lock(run))
            found = metrics_lines.read(run.metrics_path)
            metrics_lines.mend(run.metrics_path, found, done)
            rows = [row for row in found.rows if row["epoch"] <= done]
            (run.path / "summary.json").unlink(missing_ok=True)
            run.update_manifest(status="running", process=directory.this_process())
        recording = close.enter_context(Recording(run, setup, trainer.program, no_sinks, done, started))
        fit = Fit(request, setup, recording, close.pop_all(), trainer, resumed)
    if rows:
        fit.metrics = {name: value for name, value in rows[-1].items() if name != "epoch"}
        if request.config.trainer.patience:
            fit.metrics["val_loss"] = min(row["val_loss"] for row in rows)
    return fit


def _resumable(request: Request) -> directory.Run | None:
    """The run that an interrupted attempt at this fit has left, if it can be continued."""
    run = directory.Run(request.directory)
    with contextlib.suppress(RunError):
        resumable = run.status() in ("interrupted", "killed", "running", "failed")
        if resumable and steps(run.checkpoints) and run.config() == request.config:
            return run
    return None


def reason_of(error: Exception) -> str:
    """Why a fit failed, in one sentence."""
    if isinstance(error, EconmlError):
        return str(error)
    if out_of_memory(error):
        return "out of memory"
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"
