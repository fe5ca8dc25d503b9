"""Weights & Biases: everything it does happens in one daemon thread, so that it can never stop, slow or crash a fit.

Whatever goes wrong (no key, no server, a killed wandb-core, no wandb at all) becomes one warning, and the fit goes on.
"""

import contextlib
import os
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from econml_cli.errors import suggest
from econml_cli.tracking import wandb_settings
from econml_cli.tracking.wandb_client import (
    MODES,
    Client,
    WandbRun,
    explain,
    log_artifact,
    log_rows,
    other_parent,
    run_id,
    short,
)

if TYPE_CHECKING:
    from econml_cli.config.fit_config import FitConfig
    from econml_cli.runs.directory import Run


def resolve_mode(given: str | None, environ: Mapping[str, str]) -> tuple[str, str | None]:
    """The W&B mode: what was typed, else WANDB_MODE, else what a settings file of W&B's says that sends nothing
    (`wandb offline` writes one), else online under a W&B agent, else disabled.

    A settings file alone sends nothing: it may lie in a folder that somebody else has made, and name their server.

    Returns:
        "online", "offline" or "disabled", and a warning where the mode is something else (then: disabled).
    """
    if given:
        return given, None
    variable = environ.get("WANDB_MODE", "")
    named = variable or wandb_settings.mode(environ)
    if not named or (not variable and MODES.get(named) == "online"):
        return ("online" if environ.get("WANDB_SWEEP_ID") else "disabled"), None
    if named in MODES:
        return MODES[named], None
    said = f"WANDB_MODE={named!r}" if variable else f"mode = {named} in W&B's settings file"
    return "disabled", (
        f"W&B logging is off: {said} is not a mode; set it to online, offline or disabled, "
        f"or add --wandb_mode.{suggest(named.lower(), MODES)}"
    )


class WandbSink:
    """Sends rows and the summary of one fit to W&B; no method blocks (`finish`: not for long) or raises."""

    def __init__(
        self,
        *,
        given_mode: str | None,
        project: str | None,
        name: str,
        config: Mapping[str, Any],
        directory: Path,
        warn: Callable[[str], None],
        finish_timeout: float = 15.0,
        artifacts: bool | None = None,
    ):
        """Start the thread; it imports wandb and opens the W&B run while training begins.

        Args:
            given_mode: --wandb_mode; None leaves it to wandb (WANDB_MODE, its settings files).
            project: --wandb_project; None means WANDB_PROJECT, else what a settings file of W&B's says, else econml.
            name: the name of the run; `directory` is its run directory.
            config: the resolved options, one flat mapping.
            warn: receives at most one sentence, and only within `log` and `finish`, in the thread that calls these.
            finish_timeout: seconds that `finish` may take.
            artifacts: keep the run directory as an artifact, once it has ended.
        """
        self.url: str | None = None  #: the page of the W&B run, once there is one
        self._client = Client(given_mode, finish_timeout)
        self._arguments = {"config": dict(config), **_identity(project, name, directory)}
        self._directory, self._artifacts = directory, artifacts
        self._warn = warn
        self._timeout = finish_timeout
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._done = threading.Event()
        self._warning: str | None = None
        self._warned = False
        self._finished = False
        threading.Thread(target=self._work, name="wandb", daemon=True).start()

    def log(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Hand over the rows of some epochs (step = epoch) and return at once."""
        if not self._done.is_set() and not self._finished:
            self._queue.put(list(rows))
        self._tell()

    def finish(self, summary: Mapping[str, Any], *, exit_code: int = 0) -> None:
        """Write the summary and close the W&B run; what could not be sent in time stays on this disk."""
        if self._finished:
            return
        self._finished = True
        # in a sweep a solution that the economy leaves is a failed trial, whose loss may be the smallest of all: W&B
        # shows its metric, and searches as if it had none
        unstable = bool(os.environ.get("WANDB_SWEEP_ID")) and summary.get("verdict_stability") == "FAILED"
        self._queue.put((dict(summary), exit_code or int(unstable)))
        if not self._done.wait(self._timeout):
            self._fail(f"W&B was not done after {self._timeout:g} s{self._remains()}")
            self._done.set()
            self._client.abandon()
        self._tell()

    # Below: what happens in the thread.

    def _work(self) -> None:
        run: WandbRun | None = None
        try:
            run = self._open()
            while isinstance(item := self._queue.get(), list):
                log_rows(run, item)
            summary, exit_code = item
            run.summary.update(summary)
            if self._artifacts:
                log_artifact(run, self._directory)
            run.finish(exit_code=exit_code)
        except BaseException as error:
            self._fail(self._explain(error, run))
        self._client.tear_down()
        self._done.set()

    def _open(self) -> WandbRun:
        run = self._client.open(**self._arguments)
        self.url = run.url or None
        if cause := self._client.fallback:
            self._fail(f"W&B could not be opened online ({cause}), so the run is kept offline{self._remains()}")
        return run

    def _explain(self, error: BaseException, run: WandbRun | None) -> str:
        return explain(error) if run is None else f"W&B stopped ({short(error)}){self._remains()}"

    def _remains(self) -> str:
        if self._client.kept:
            return f"; upload it later with `wandb sync {self._client.kept}`."
        return f"; every epoch is in {self._directory / 'metrics.jsonl'} all the same; try --wandb_mode offline."

    def _fail(self, message: str) -> None:
        self._warning = self._warning or message

    def _tell(self) -> None:
        """Warn, once, from the caller's thread: a progress bar may be on the terminal."""
        if self._warning and not self._warned:
            self._warned = True
            with contextlib.suppress(Exception):
                self._warn(self._warning)


def open_sink(*, given_mode: str | None, warn: Callable[[str], None], **arguments: Any) -> WandbSink | None:
    """A `WandbSink`, or None where W&B is disabled (then wandb is not even imported); arguments as `WandbSink`."""
    mode, warning = resolve_mode(given_mode, os.environ)
    if warning:
        warn(warning)
    if mode == "disabled":
        return None
    return WandbSink(given_mode=given_mode, warn=warn, **arguments)


def of_fit(run: "Run", config: "FitConfig", warn: Callable[[str], None]) -> WandbSink | None:
    """The same of a fit, as its configuration says."""
    return open_sink(
        given_mode=config.tracking.wandb_mode,
        project=config.tracking.wandb_project,
        artifacts=config.tracking.wandb_artifacts,
        name=run.name,
        config=config.to_dict(),
        directory=run.path,
        warn=warn,
    )


def _identity(project: str | None, name: str, directory: Path) -> dict[str, Any]:
    """What wandb.init is told about which run this is; what the environment says (an agent's, above all) stays."""
    identity: dict[str, Any] = {}
    if not os.environ.get("WANDB_NAME"):
        identity["name"] = name
    if parent := other_parent(directory):
        identity["dir"] = str(parent)
    if os.environ.get("WANDB_SWEEP_ID"):
        return identity
    if known := wandb_settings.project(project, os.environ):
        identity["project"] = known
    if not os.environ.get("WANDB_RUN_ID"):
        identity |= {"id": run_id(name, directory), "resume": "allow"}
    return identity
