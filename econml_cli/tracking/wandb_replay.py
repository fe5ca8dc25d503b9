"""Runs that are finished, logged to W&B after the fact, so that a sweep is there as a group of runs.

All of it happens in one daemon thread, on one wandb-core: it can neither stop nor hold up the sweep, whose own record
is in the run directories in any case.
"""

import os
import queue
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from econml_cli.errors import EconmlError
from econml_cli.runs.directory import Run
from econml_cli.tracking import wandb_settings
from econml_cli.tracking.wandb_client import Client, explain, log_artifact, log_rows, other_parent, run_id, short

#: how a fit ends that W&B shall show as failed
_FAILED = ("diverged", "failed", "killed")
#: what W&B looks at in the process that opens a run (load, git, packages, host) is not of the run that is logged; and
#: without it a run takes a fifth of the time
_LIGHT = dict.fromkeys(("x_disable_stats", "x_disable_meta", "x_disable_machine_info", "disable_git"), True)
_LIGHT |= dict.fromkeys(("save_code", "x_save_requirements"), False)


@dataclass(frozen=True)
class _Item:
    run: Run
    group: str
    job_type: str
    name: str
    config: Mapping[str, Any] | None
    tags: tuple[str, ...]


class Replay:
    """Logs finished runs, each as one W&B run, in the order in which they are handed over; no method raises."""

    def __init__(
        self, *, given_mode: str | None, project: str | None = None, run_timeout: float = 30.0, artifacts: bool = False
    ):
        """Start the thread; wandb is imported with the first run.

        Args:
            given_mode: --wandb_mode; None leaves it to wandb (WANDB_MODE, its settings files).
            project: --wandb_project; None means WANDB_PROJECT, else what a settings file of W&B's says, else econml.
            run_timeout: seconds that W&B may take for one run.
            artifacts: keep each run directory as an artifact.
        """
        self._client = Client(given_mode, run_timeout, **_LIGHT)
        self._project = wandb_settings.project(project, os.environ)
        self._artifacts = artifacts
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._done = threading.Event()
        self._added = self._logged = 0
        self._problem: str | None = None
        threading.Thread(target=self._work, name="wandb-replay", daemon=True).start()

    def add(
        self,
        run: Run,
        group: str,
        *,
        job_type: str = "trial",
        name: str | None = None,
        config: Mapping[str, Any] | None = None,
        tags: Sequence[str] = (),
    ) -> None:
        """Hand over a run that has ended, and return at once.

        Args:
            group: what W&B groups the runs by: the sweep's name.
            name: None means GROUP-RUN, such as lecture-0007. config: None means all options of the run.
        """
        self._added += 1
        if not self._done.is_set():
            self._queue.put(_Item(run, group, job_type, name or f"{group}-{run.name}", config, tuple(tags)))

    def finish(self, timeout: float = 60.0) -> str | None:
        """Wait for the runs that are not logged yet, and end wandb-core.

        Args:
            timeout: seconds; what is not logged then is only in the run directories.

        Returns:
            One sentence about what went wrong, or None.
        """
        self._queue.put(None)
        if not self._done.wait(timeout):
            self._problem = self._problem or f"W&B was not done after {timeout:g} s"
            self._done.set()
            self._client.abandon()
        if self._problem is None:
            return None
        if self._logged == self._added:
            return f"{self._problem}."
        return f"{self._problem}; {self._logged} of {self._added} trials are logged, all are in their run directories."

    # Below: what happens in the thread.

    def _work(self) -> None:
        try:
            while not self._done.is_set() and (item := self._queue.get()) is not None:
                self._log(item)
        except BaseException as error:
            self._problem = self._problem or self._explain(error)
        self._client.tear_down()
        self._done.set()

    def _log(self, item: _Item) -> None:
        try:
            rows, summary, failed = item.run.metrics(), item.run.summary(), item.run.status() in _FAILED
            config = item.run.config().to_dict() if item.config is None else item.config
        except (EconmlError, OSError) as error:  # this run cannot be read; the others can
            self._problem = self._problem or f"W&B has not got {item.run.path} ({short(error)})"
            return
        run = self._client.open(config=dict(config), **self._identity(item))
        log_rows(run, rows)
        run.summary.update(summary)
        if self._artifacts:
            log_artifact(run, item.run.path)
        # as of the sweep itself: an unstable solution, whose loss may be the smallest of all, is a failed trial
        run.finish(exit_code=int(failed or summary.get("verdict_stability") == "FAILED"))
        self._logged += 1
        if cause := self._client.fallback:
            kept = self._client.kept
            self._problem = self._problem or (
                f"W&B could not be opened online ({cause}), so trials are kept offline; upload them later with "
                f"`wandb sync`, such as {kept}"
            )

    def _identity(self, item: _Item) -> dict[str, Any]:
        identity: dict[str, Any] = {"group": item.group, "job_type": item.job_type}
        if self._project:
            identity["project"] = self._project
        # both are said, so that WANDB_NAME and WANDB_RUN_ID do not make all trials one run
        identity |= {"name": item.name, "id": run_id(item.name, item.run.path), "resume": "allow"}
        if item.tags:
            identity["tags"] = item.tags
        if parent := other_parent(item.run.path):
            identity["dir"] = str(parent)
        return identity

    def _explain(self, error: BaseException) -> str:
        if self._client.kept is None:  # none was ever opened
            return explain(error).rstrip(".")
        return f"W&B stopped ({short(error)})"
