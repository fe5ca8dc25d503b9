"""`econml fit` as a library call: train, keep everything in a run directory, resume."""

import contextlib
import dataclasses
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
from flax import nnx

from econml_cli import checkpoint, runs
from econml_cli.config import FitConfig, TrackingOptions
from econml_cli.errors import CheckpointError, ConfigError, RunError
from econml_cli.runs import Run
from econml_cli.tracking.base import Sink
from econml_cli.tracking.jsonl import JsonlSink
from econml_cli.training import record
from econml_cli.training.position import check_identity, from_sections, to_sections
from econml_cli.training.precision import precision
from econml_cli.training.setup import Setup, assemble, num_params
from econml_cli.training.trainer import DIVERGED, STOPPED_EARLY, Chunk, Trainer, mean_loss

#: seconds between checkpoints where --checkpoint-every is not given
AUTOSAVE_SECONDS = 30.0
#: what may differ when a run is resumed; everything else would make it another run
RESUMABLE = ("num_epochs", "checkpoint_every", "keep")

OpenSinks = Callable[[Run, FitConfig, int], Sequence[Sink]]


@dataclass(frozen=True)
class FitResult:
    """What came out of one fit: the run, its summary (as summary.json), and the signal that interrupted it, if any."""

    run: Run
    summary: dict[str, Any]
    signal: int | None = None

    @property
    def stop_reason(self) -> str:
        """max_epochs, early_stopping, diverged or interrupted."""
        return str(self.summary["stop_reason"])


def no_sinks(run: Run, config: FitConfig, done: int) -> Sequence[Sink]:
    """The default of `fit`: nothing but metrics.jsonl, which is always written."""
    return ()


def fit(
    config: FitConfig,
    directory: Path,
    *,
    force: bool = False,
    command: str | None = None,
    open_sinks: OpenSinks = no_sinks,
    stop_signal: Callable[[], int | None] = lambda: None,
) -> FitResult:
    """Fit a model to a problem and keep everything in a new run directory.

    Args:
        config: what to fit; see `econml_cli.config.build`.
        directory: the run directory to make; `force` replaces a run that is there.
        command: the command line, for the record.
        open_sinks: called with (run, config, epochs done) when training starts; where metrics go besides metrics.jsonl.
        stop_signal: asked after each chunk of epochs; a number stops the fit, saved and resumable.

    Raises:
        RunError: the directory is taken or cannot be written. DataError, ShapeError: the problem cannot be fitted.
    """
    started = time.perf_counter()
    runs.check_free(directory, force)
    with precision(config.trainer.precision):
        setup = assemble(config)
        check_patience(setup)
        run = runs.create(directory, record.files(setup, command), force)
        try:
            with runs.training_lock(run):
                return _train(run, Trainer(setup), open_sinks, stop_signal, started)
        except BaseException:
            if not checkpoint.steps(run.checkpoints):
                shutil.rmtree(run.path, ignore_errors=True)  # it holds nothing that anybody could use
            raise


def resume(
    run: Run,
    changes: dict[str, Any] | None = None,
    *,
    tracking: TrackingOptions | None = None,
    open_sinks: OpenSinks = no_sinks,
    stop_signal: Callable[[], int | None] = lambda: None,
) -> FitResult:
    """Continue a run from its newest checkpoint, bit for bit as if it had never stopped.

    Args:
        changes: new values of --num-epochs, --checkpoint-every or --keep.
        tracking: where metrics go from now on (default: as before).

    Raises:
        ConfigError: another option was changed. RunError: the run diverged, or its data are no longer the same.
        CheckpointError: the checkpoint is damaged.
    """
    started = time.perf_counter()
    config = _continued(run, changes or {})
    if tracking is not None:
        config = dataclasses.replace(config, tracking=tracking)
    with precision(config.trainer.precision), runs.training_lock(run):
        setup = assemble(record.with_own_file(run, config))
        _check_same_data(run, setup)
        trainer = Trainer(setup)
        epoch, sections = _newest(run)
        what = f"The checkpoint of epoch {epoch} in {run.path}"
        trainer.carry = from_sections(trainer.carry, sections, what)
        check_identity(run, sections, what)
        runs.write_text(run.path / "config.yaml", config.to_yaml())
        (run.path / "summary.json").unlink(missing_ok=True)  # it is of the shorter run
        run.update_manifest(status="running", process=runs.this_process())
        return _train(run, trainer, open_sinks, stop_signal, started)


def _continued(run: Run, changes: Mapping[str, Any]) -> FitConfig:
    """The config of a resumed run.

    Raises:
        ConfigError: a change would make it another run. RunError: it diverged.
    """
    before = run.config()
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
    done = max([*checkpoint.steps(run.checkpoints)[-1:], *(row["epoch"] for row in run.metrics()[-1:])], default=0)
    if epochs < done and epochs != before.trainer.num_epochs:
        raise ConfigError(f"--num-epochs {epochs} is less than the {done} epochs that {run.path} has done already.")
    return config


def _newest(run: Run) -> tuple[int, checkpoint.Sections]:
    """The newest checkpoint that can be read. Damaged ones after it are removed: what they held is computed again."""
    damaged: list[int] = []
    for step in reversed(checkpoint.steps(run.checkpoints)):
        try:
            loaded = checkpoint.load(run.checkpoints, step)
        except CheckpointError:
            damaged.append(step)
            continue
        for unusable in damaged:
            shutil.rmtree(run.checkpoints / str(unusable))
        return loaded
    return checkpoint.load(run.checkpoints)  # none can be read, or there is none: it says so


def check_patience(setup: Setup) -> None:
    """Raise ConfigError where early stopping has nothing to look at."""
    if setup.config.trainer.patience and setup.val is None:
        raise ConfigError("--patience needs a validation split, and there is none; set --val-fraction (or --N-val).")


def _train(
    run: Run, trainer: Trainer, open_sinks: OpenSinks, stop_signal: Callable[[], int | None], started: float
) -> FitResult:
    """Drive the trainer: metrics to the sinks, checkpoints to the disk, an end for every way of ending."""
    config, done = trainer.setup.config, int(trainer.carry.epoch)
    sinks: list[Sink] = [JsonlSink(run), *open_sinks(run, config, done)]
    exit_code = 1
    summary: dict[str, Any] = {}
    try:
        with _saving(run, config) as save:
            signal, seconds = _loop(trainer, done, sinks, save, stop_signal)
            save(trainer)
        summary = _summarise(trainer, signal, seconds, time.perf_counter() - started)
        runs.write_json(run.path / "summary.json", summary)
        run.update_manifest(status=summary["stop_reason"], finished=record.now())
        exit_code = 0
    except BaseException:
        with contextlib.suppress(RunError, OSError):
            run.update_manifest(status="failed", finished=record.now())
        raise
    finally:
        for sink in reversed(sinks):  # metrics.jsonl last: a full disk must not keep the others from ending
            sink.finish(summary, exit_code=exit_code)
    return FitResult(run, summary, signal)


def _loop(
    trainer: Trainer,
    done: int,
    sinks: Sequence[Sink],
    save: Callable[[Trainer], None],
    stop_signal: Callable[[], int | None],
) -> tuple[int | None, float]:
    """Returns (signal that stopped it, seconds of training)."""
    every, saved, seconds = trainer.options.checkpoint_every, time.monotonic(), 0.0
    signal = stop_signal()
    chunks: Iterator[Chunk] = trainer.run(done, every) if signal is None else iter(())
    for chunk in chunks:
        seconds += chunk.seconds
        for sink in sinks:
            sink.log(chunk.rows)
        due = chunk.epoch % every == 0 if every else time.monotonic() - saved > AUTOSAVE_SECONDS
        if due:
            save(trainer)
            saved = time.monotonic()
        if (signal := stop_signal()) is not None:
            break
    return signal, seconds


@contextlib.contextmanager
def _saving(run: Run, config: FitConfig) -> Iterator[Callable[[Trainer], None]]:
    run_id = run.manifest().get("id", "")
    writer = checkpoint.CheckpointWriter(run.checkpoints, config.trainer.keep)
    try:
        yield lambda trainer: writer.save(int(trainer.carry.epoch), to_sections(trainer.carry, run_id))
    finally:
        writer.close()


def _summarise(trainer: Trainer, signal: int | None, seconds: float, total: float) -> dict[str, Any]:
    carry, setup = trainer.carry, trainer.setup
    status, epoch = int(carry.status), int(carry.epoch)
    finished = {STOPPED_EARLY: "early_stopping", DIVERGED: "diverged"}.get(status, "max_epochs")
    interrupted = signal is not None and finished == "max_epochs" and epoch < setup.config.trainer.num_epochs
    _, kept = nnx.split(trainer.fitted())
    summary = {
        "model": setup.config.model,
        "problem": setup.config.problem,
        "stop_reason": "interrupted" if interrupted else finished,
        "epochs": epoch,
        "best_epoch": int(carry.best_epoch) or None,
        **losses(trainer.fitted(), setup),
        "num_params": num_params(setup.model),
        "n_train": setup.n_train,
        "seconds_training": round(seconds, 3),
        "seconds_total": round(total, 3),
        "state_sha256": checkpoint.digest({"model": checkpoint.flatten(kept)}),
    }
    if status == DIVERGED:
        summary["diverged_epoch"] = epoch + 1
    return runs.finite({k: v for k, v in summary.items() if v is not None})


def losses(model: Any, setup: Setup) -> dict[str, float]:
    """train_loss, val_loss and test_loss in reported units, and the verdicts against the truth."""
    problem = setup.problem
    parts = {"train": setup.train, "val": setup.val, "test": setup.test}
    there = {name: batch for name, batch in parts.items() if batch is not None}
    graphdef, state = nnx.split(model)

    @jax.jit
    def measure(state: Any, there: dict[str, Any]) -> dict[str, Any]:
        def loss(part: Any) -> jax.Array:
            return problem.loss(nnx.merge(graphdef, state), part)

        return {name: mean_loss(loss, batch) * problem.loss_scale for name, batch in there.items()}

    found = jax.device_get(measure(state, there))
    # through str: the shortest decimal of a float32
    measured = {f"{name}_loss": float(str(found[name])) for name in there}
    return {**measured, **problem.verdicts(model, there.get("test", there["train"]))}


def _check_same_data(run: Run, setup: Setup) -> None:
    if not record.same_data(run, setup):
        raise RunError(
            f"The data of {run.path} are no longer what it was fitted to, so it cannot be resumed; fit again."
        )
