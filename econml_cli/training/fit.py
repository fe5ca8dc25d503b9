"""`econml fit` as a library call: train, keep everything in a run directory, resume."""

import contextlib
import dataclasses
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax

from econml_cli.config.fit_config import FitConfig
from econml_cli.errors import OUT_OF_MEMORY, CheckpointError, ConfigError, DamagedError, RunError, out_of_memory
from econml_cli.options.trainer import TrackingOptions
from econml_cli.output import working
from econml_cli.problems.base import HasEquilibrium
from econml_cli.runs import directory as runs
from econml_cli.runs import metrics_lines, resuming
from econml_cli.runs.directory import Run
from econml_cli.storage import checkpoint, directories, disk
from econml_cli.storage.steps import put_aside, steps
from econml_cli.training.devices import Devices, lost
from econml_cli.training.loop import streaming
from econml_cli.training.loop.ensemble import Ensemble
from econml_cli.training.loop.streaming import StreamTrainer
from econml_cli.training.loop.trainer import Chunk, Trainer
from econml_cli.training.precision import precision
from econml_cli.training.run import provenance
from econml_cli.training.run.recorder import FitResult, OpenSinks, Recording, no_sinks
from econml_cli.training.run.restore import check_identity, from_sections
from econml_cli.training.run.summary import summary
from econml_cli.training.setup import second_order_checks, state_plan
from econml_cli.training.setup.setup import Setup, Workshop
from econml_cli.training.step import products
from econml_cli.training.step.programs import Programs
from econml_cli.training.step.solving import check_solvable

#: what may differ when a run is resumed; everything else would make it another run
RESUMABLE = ("num_epochs", "checkpoint_every", "keep")


def fit(
    config: FitConfig,
    directory: Path,
    *,
    force: bool = False,
    command: str | None = None,
    open_sinks: OpenSinks = no_sinks,
    stop_signal: Callable[[], int | None] = lambda: None,
    workshop: Workshop | None = None,
    programs: Programs | None = None,
) -> FitResult:
    """Fit a model to a problem and keep everything in a new run directory.

    Args:
        config: what to fit; see `econml_cli.config.fit_config.build`.
        directory: the run directory to make; `force` replaces a run that is there.
        command: the command line, for the record.
        open_sinks: called with (run, config, epochs done) when training starts; where metrics go besides metrics.jsonl.
        stop_signal: asked after each chunk of epochs; a number stops the fit, saved and resumable.
        workshop, programs: of a process that makes several fits; what they share is drawn and compiled once. Where the
            programs have devices in several processes, each of them calls `fit` alike, and the first writes the run.

    Raises:
        RunError: the directory is taken or cannot be written; or the processes have lost each other.
        DataError, ShapeError: the problem cannot be fitted.
    """
    started = time.perf_counter()
    devices = None if programs is None else programs.devices
    if devices is None or devices.writes:
        runs.check_free(directory, force)
    with precision(config.trainer.dtype), lost(devices, directory):
        working.phase("reading the data, and compiling")
        trainer = make_trainer(config, workshop or Workshop(), programs)
        working.phase("compiling")
        with contextlib.ExitStack() as lock:

            def create() -> Run:
                return runs.create(directory, provenance.files(trainer.setup, command), force, lock=lock, keep=True)

            run = create() if devices is None else devices.in_first(create)
            if run is None:
                return follow(Run(directory), trainer, stop_signal)
            try:
                return _train(run, trainer, open_sinks, stop_signal, started)
            except BaseException:
                if not steps(run.checkpoints):
                    shutil.rmtree(run.path, ignore_errors=True)  # it holds nothing that anybody could use
                    with contextlib.suppress(OSError):
                        directories.give_back(run.path)
                raise


def resume(
    run: Run,
    changes: dict[str, Any] | None = None,
    *,
    tracking: TrackingOptions | None = None,
    open_sinks: OpenSinks = no_sinks,
    stop_signal: Callable[[], int | None] = lambda: None,
    say: Callable[[str], None] = lambda _: None,
    devices: Devices | None = None,
) -> FitResult:
    """Continue a run from its newest checkpoint, bit for bit as if it had never stopped.

    Args:
        changes: new values of --num-epochs, --checkpoint-every or --keep.
        tracking: where metrics go from now on (default: as before).
        say: told, in a sentence each, what is to be known of the checkpoints.
        devices: several to train on, whatever it was trained on before; see `fit`.

    Raises:
        ConfigError: another option was changed. RunError: the run diverged, or its data are no longer the same.
        CheckpointError: the checkpoint is damaged.
    """
    started = time.perf_counter()
    disk.refuse_links(run.path, runs.WRITTEN)
    config = _continued(run, changes or {})
    if tracking is not None:
        config = dataclasses.replace(config, tracking=tracking)
    with precision(config.trainer.dtype), lost(devices, run.path), contextlib.ExitStack() as lock:

        def begin() -> metrics_lines.Lines:
            lock.enter_context(runs.training_lock(run))
            found = metrics_lines.read(run.metrics_path)  # nobody else writes from here on: it is read once
            _check_length(run, config, found)
            if devices is not None:
                _newest(run, say)  # puts damaged ones aside before other processes read
            return found

        lines = begin() if devices is None else devices.in_first(begin)
        trainer = make_trainer(provenance.with_own_file(run, config), Workshop(), Programs(devices))
        continued(run, trainer.setup, trainer, say)
        if lines is None:
            return follow(run, trainer, stop_signal)
        with _told(run, devices):
            if (mended := metrics_lines.mend(run.metrics_path, lines, trainer.carry.done)) is not None:
                say(mended)
            disk.write_text(run.path / "config.yaml", config.to_yaml())
            (run.path / "summary.json").unlink(missing_ok=True)  # it is of the shorter run
            run.update_manifest(status="running", process=runs.this_process())
        return _train(run, trainer, open_sinks, stop_signal, started)


def _continued(run: Run, changes: Mapping[str, Any]) -> FitConfig:
    """The config of a resumed run.

    Raises:
        ConfigError: a change would make it another run. RunError: it diverged.
    """
    before = run.in_its_order(run.config())
    if fixed := sorted(set(changes) - set(RESUMABLE)):
        raise ConfigError(
            f"--resume continues a run as it was: --{fixed[0].replace('_', '-')} cannot change (only --num-epochs, "
            "--checkpoint-every and --keep can); start a new fit instead."
        )
    if run.status() == "diverged":
        raise RunError(f"{run.path} diverged; fit again with a smaller --lr or with --grad-clip 1.")
    config = before.replace_trainer(**changes)
    epochs, schedule = config.trainer.num_epochs, config.trainer.schedule
    if epochs != before.trainer.num_epochs and schedule in ("cosine", "warmup_cosine"):
        raise ConfigError(
            f"--num-epochs cannot change on --resume with --schedule {schedule}, whose path depends on it; it was "
            f"{before.trainer.num_epochs}."
        )
    return config


def _check_length(run: Run, config: FitConfig, found: metrics_lines.Lines) -> None:
    """Refuse to make a run shorter than it is.

    Raises:
        ConfigError: it has done more epochs than are asked for now, which are not those it was begun with.
    """
    epochs = config.trainer.num_epochs
    done = max([*steps(run.checkpoints)[-1:], *(row["epoch"] for row in found.rows[-1:])], default=0)
    if epochs < done and epochs != run.config().trainer.num_epochs:
        raise ConfigError(f"--num-epochs {epochs} is less than the {done} epochs that {run.path} has done already.")


def _newest(run: Run, say: Callable[[str], None]) -> tuple[int, checkpoint.Sections]:
    """The newest checkpoint that can be read. Damaged ones after it are put aside: what they held is computed again.

    Raises:
        CheckpointError: there is none, all are damaged, or one cannot be read now (a disk or a server that does not
            answer, permissions): then all stay as they are.
    """
    damaged: list[int] = []
    for step in reversed(steps(run.checkpoints)):
        try:
            loaded = checkpoint.load(run.checkpoints, step)
        except DamagedError:
            damaged.append(step)
            continue
        for unusable in damaged:
            moved = put_aside(run.checkpoints, unusable)
            say(f"the checkpoint of epoch {unusable} is damaged; it is kept as {moved}, and computed again.")
        return loaded
    return checkpoint.load(run.checkpoints)  # none can be read, or there is none: it says so


def check(setup: Setup) -> None:
    """Refuse options that do not go together, which only shows once model and data are there.

    Raises:
        ConfigError: early stopping has nothing to look at, the model's solver is for another loss, the optimizer cannot
            train it, or the economy has no equilibrium to compare it with.
    """
    if setup.streamed:
        streaming.check(setup)
    check_solvable(setup)
    second_order_checks.check(setup)
    products.check(setup)
    state_plan.check(setup)
    if setup.config.trainer.patience and setup.val is None:
        raise ConfigError("--patience needs a validation split, and there is none; set --val-fraction (or --N-val).")
    if isinstance(setup.problem, HasEquilibrium):
        working.phase("solving the economy exactly")
        setup.problem.check_equilibrium()


def make_trainer(config: FitConfig, workshop: Workshop, programs: Programs | None = None) -> Trainer | Ensemble:
    """What trains a config, at its start; see `check` for what it refuses. Call it inside `precision(...)`."""
    if programs is not None and programs.devices is not None and config.trainer.states not in (None, "box"):
        raise ConfigError(
            f"--states {config.trainer.states} simulates the states of a fit on one device; leave out --devices (or "
            "--coordinator), or --states."
        )
    if config.trainer.members == 1:
        setup = workshop.assemble(config)
        check(setup)
        if setup.streamed:
            if programs is not None and programs.devices is not None:
                raise ConfigError("--stream trains on one device; leave out --devices (or --coordinator), or --stream.")
            return StreamTrainer(setup)
        return Trainer(setup, programs)
    setups = workshop.ensemble(config)
    check(setups[0])
    return Ensemble(setups, programs)


@contextlib.contextmanager
def _told(run: Run, devices: Devices | None) -> Iterator[None]:
    """What keeps a fit from being trained or written, in a sentence that names the run and how to go on with it."""
    try:
        yield
    except (OSError, CheckpointError) as error:
        if not (run.path / "manifest.json").is_file():
            raise resuming.gone(run.path) from error
        if isinstance(error, CheckpointError):
            raise CheckpointError(f"{error}{_kept(run)}") from error
        raise RunError(f"{run.path} cannot be written: {error.strerror or error}.{_kept(run)}") from error
    except (MemoryError, jax.errors.JaxRuntimeError) as error:
        if devices is not None and devices.processes > 1:
            raise  # another process may be gone: `lost` says so
        if out_of_memory(error):
            raise RunError(f"{OUT_OF_MEMORY}{_kept(run)}") from error
        said = (str(error).strip().splitlines() or ["no reason given"])[0][:200]  # pages of an operator may follow
        raise RunError(f"The compiled program of {run.path} failed ({said}).{_kept(run)}") from error


def _kept(run: Run) -> str:
    """How to go on with a run that failed, if it has a checkpoint."""
    return resuming.kept(run.path) if steps(run.checkpoints) else ""


def _train(
    run: Run, trainer: Trainer | Ensemble, open_sinks: OpenSinks, stop_signal: Callable[[], int | None], started: float
) -> FitResult:
    """Drive the trainer, and record what comes."""
    done, every = trainer.carry.done, trainer.options.checkpoint_every
    # Orbax, which the first checkpoint needs, is imported while XLA compiles and trains without Python's lock
    threading.Thread(target=checkpoint.prepare, name="orbax", daemon=True).start()
    devices = trainer.devices
    with _told(run, devices), Recording(run, trainer.setup, trainer.program, open_sinks, done, started) as recording:
        signal = agreed_signal(devices, stop_signal)
        chunks: Iterator[Chunk] = trainer.run(done, every) if signal is None else iter(())
        for chunk in chunks:
            due = recording.due(chunk) if devices is None else bool(devices.agreed(recording.due(chunk)))
            recording.log(chunk, lambda: trainer.carry, due)
            if (signal := agreed_signal(devices, stop_signal)) is not None:
                break
        return recording.end(trainer.carry, signal)


def follow(run: Run, trainer: Trainer | Ensemble, stop_signal: Callable[[], int | None]) -> FitResult:
    """What a process does that does not write the run: it trains alike, and has the same result."""
    done, devices = trainer.carry.done, trainer.devices
    solution: dict[str, float] = {}
    signal = agreed_signal(devices, stop_signal)
    for chunk in trainer.run(done, trainer.options.checkpoint_every) if signal is None else ():
        solution |= chunk.report
        if devices is not None and devices.agreed(False):
            trainer.carry  # noqa: B018  # the first saves it: members lie in all processes
        if (signal := agreed_signal(devices, stop_signal)) is not None:
            break
    of = (trainer.setup, trainer.program, trainer.carry, solution)
    return FitResult(run, summary(*of, pruned=False, interrupted=signal is not None), signal)


def agreed_signal(devices: Devices | None, stop_signal: Callable[[], int | None]) -> int | None:
    """The signal that stops a fit, which all of its processes hear of once one of them does."""
    return stop_signal() if devices is None else devices.most(stop_signal() or 0) or None


def continued(run: Run, setup: Setup, trainer: Trainer | Ensemble, say: Callable[[str], None] = lambda _: None) -> None:
    """Put a fresh trainer of the run's setup where the run's newest checkpoint is; `say` is told of damaged ones.

    Raises:
        RunError: its data are no longer the same. CheckpointError: there is no checkpoint that fits.
    """
    if not provenance.same_data(run, setup):
        raise RunError(
            f"The data of {run.path} are no longer what it was fitted to, so it cannot be resumed; fit again."
        )
    epoch, sections = _newest(run, say)
    what = f"The checkpoint of epoch {epoch} in {run.path}"
    trainer.carry = from_sections(trainer.carry, sections, what)
    check_identity(run, sections, what)
