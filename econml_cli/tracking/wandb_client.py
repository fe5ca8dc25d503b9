"""W&B's client in this process: it prints nothing, asks nothing, and is ended in bounded time. Imported by nobody else
in tracking, and used from one thread (`abandon` apart)."""

import contextlib
import hashlib
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from econml_cli.errors import RunError
from econml_cli.runs import git
from econml_cli.storage import disk
from econml_cli.storage.steps import steps

#: what WANDB_MODE may say -> the mode it means
MODES = dict.fromkeys(("online", "run", "shared"), "online") | dict.fromkeys(("offline", "dryrun"), "offline")
MODES |= {"disabled": "disabled"}
#: of the time that a run may take to end, what wandb itself gets for reaching the server and for sending what is left
SHARE = 0.5


class WandbRun(Protocol):
    """What is used of a `wandb.Run`."""

    url: str | None
    summary: Any
    settings: Any

    def log(self, data: dict[str, Any], *, step: int, commit: bool) -> None:
        """Keep the values of one step."""

    def log_artifact(self, artifact: Any) -> Any:
        """Keep an artifact with the run."""

    def finish(self, exit_code: int) -> None:
        """End the run."""


class Client:
    """Opens W&B runs, one after another, on one wandb-core.

    Attributes:
        kept: where wandb keeps the newest run on this disk, once there is one.
        fallback: why runs are kept offline though online was asked for.
    """

    def __init__(self, mode: str | None, timeout: float, **settings: Any):
        """Nothing is imported yet.

        Args:
            mode: online, offline, or None, which leaves it to wandb (WANDB_MODE, its settings files).
            timeout: seconds within which a run must be ended.
            settings: more of wandb.Settings; those that the installed wandb does not know are left out.
        """
        self.kept: str | None = None
        self.fallback: str | None = None
        self._mode = mode
        self._timeout = timeout
        self._settings = settings
        self._session: Any = None  # what wandb.setup returned: it owns the connection to wandb-core
        self._abandoned = False

    def open(self, **arguments: Any) -> WandbRun:
        """A W&B run, of the arguments of wandb.init; offline where the server does not answer: nothing is lost.

        Raises:
            Exception: whatever wandb raises; `explain` puts it into words.
        """
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # its own reports would wait for a dead server too
        if self._mode and os.environ.get("WANDB_MODE") not in MODES:
            os.environ.pop("WANDB_MODE", None)  # wandb would stumble over it, though what was typed wins
        import wandb

        try:
            return self._init(wandb, arguments)
        except (wandb.errors.CommError, TimeoutError) as error:
            if self._abandoned:  # nobody waits for another wandb-core
                raise
            self._kill_core()  # the run that failed still holds its id there, and asked to end it may go on trying
            self.tear_down()
            self._mode = "offline"
            run = self._init(wandb, arguments)
            self.fallback = short(error)
            return run

    def _init(self, wandb: Any, arguments: dict[str, Any]) -> WandbRun:
        # `silent` keeps wandb off the terminal; a silent session cannot ask for an API key either: it raises.
        share = SHARE * self._timeout
        wanted = {"silent": True, "console": "off", "finish_timeout": share, "finish_timeout_raises": True}
        # it would start git, in what may be a folder that somebody sent, with what its repository configures
        if os.environ.get("WANDB_DISABLE_GIT", "").lower() not in ("false", "0"):
            commit = git.commit(Path.cwd())
            wanted |= {"disable_git": True, "git_commit": commit and commit.partition("+")[0]}
        wanted |= self._settings
        if not os.environ.get("WANDB_INIT_TIMEOUT"):
            wanted["init_timeout"] = share
        known = wandb.Settings.model_fields  # older wandb has no finish_timeout
        settings = wandb.Settings(**{k: v for k, v in wanted.items() if k in known})
        hooks = sys.exit, sys.excepthook
        try:
            first = {"silent": True, "disable_git": wanted.get("disable_git", False)}
            session = wandb.setup(settings=wandb.Settings(**{k: v for k, v in first.items() if k in known}))
            if self._abandoned:  # meanwhile; and the session may be another run's
                raise TimeoutError("nobody waits for W&B any more")
            self._session = session
            run: WandbRun = wandb.init(mode=self._mode, settings=settings, **arguments)
        finally:
            sys.exit, sys.excepthook = hooks  # wandb replaces them to learn the exit code, which `finish` tells it
        self.kept = getattr(run.settings, "sync_dir", None)
        return run

    def tear_down(self) -> None:
        """End wandb-core now: at exit nothing would bound that."""
        if self._abandoned:  # `abandon` has ended it, and wandb's session may be another run's by now
            return
        with contextlib.suppress(BaseException):  # older wandb exits with the code of a core that was killed
            sys.modules["wandb"].teardown()

    def abandon(self) -> None:
        """Let nothing wait for a wandb-core that hangs: neither its thread, nor the hook that wandb runs at exit, nor
        the next run of this process, which gets a session of its own."""
        self._abandoned = True
        with contextlib.suppress(Exception):
            self._session._connection._cleanup()
        self._kill_core()

    def _kill_core(self) -> None:
        """Kill this client's wandb-core, and make wandb forget a session with it."""
        with contextlib.suppress(Exception):  # private names, which may change: then wandb's own timeouts are left
            self._session._connection._proc._process.kill()
            setup: Any = sys.modules["wandb.sdk.wandb_setup"]
            if setup._singleton is self._session:
                os.environ.pop("WANDB_SERVICE", None)  # the next run in this process would look for it
                if self._abandoned:
                    setup._singleton = None


def log_rows(run: WandbRun, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows of epochs into a W&B run, each committed at once.

    wandb would keep the last row back until the run is finished, and write its values over the run's summary then.
    """
    for row in rows:
        run.log(dict(row), step=int(row["epoch"]), commit=True)


def log_artifact(run: WandbRun, directory: Path) -> None:
    """The run directory as an artifact of type model: config, manifest, summary (also as a table), last checkpoint.

    wandb copies the files, so that they may change or go before they are uploaded. What is not there is left out.
    """
    import wandb

    artifact = wandb.Artifact(f"run-{re.sub(r'[^A-Za-z0-9._-]+', '-', directory.name)[:100]}", type="model")
    for name in ("config.yaml", "manifest.json", "summary.json"):
        if (directory / name).is_file():
            artifact.add_file(str(directory / name))
    with contextlib.suppress(RunError):
        found = disk.read_json(directory / "summary.json", absent="it is gone", remedy="fit again")
        rows = [[name, value if isinstance(value, str) else json.dumps(value)] for name, value in found.items()]
        artifact.add(wandb.Table(columns=["name", "value"], data=rows), "summary")
    for step in steps(directory / "checkpoints")[-1:]:
        artifact.add_dir(str(directory / "checkpoints" / str(step)), name=f"checkpoints/{step}")
    run.log_artifact(artifact)


def explain(error: BaseException) -> str:
    """Why there is no W&B run, in one sentence."""
    if isinstance(error, ImportError):
        return (
            f"W&B logging is off: wandb cannot be imported ({short(error)}); install it with `pip install wandb`, "
            "or add --wandb_mode disabled."
        )
    if type(error).__name__ in ("UsageError", "AuthenticationError"):
        cause = "no API key" if "No API key" in str(error) else short(error)
        return f"W&B logging is off: {cause}; run `wandb login`, or add --wandb_mode offline."
    return f"W&B logging is off: {short(error)}; try --wandb_mode offline, or --wandb_mode disabled."


def short(error: BaseException) -> str:
    """The message of an error in one line, without a full stop."""
    return (" ".join(str(error).split()) or type(error).__name__)[:200].rstrip(".")


def run_id(name: str, directory: Path) -> str:
    """The same for a run and its resumption, another for a run of the same name made later (--force) or elsewhere."""
    created = ""
    with contextlib.suppress(RunError):
        manifest = disk.read_json(directory / "manifest.json", absent="it is gone", remedy="fit again")
        created = str(manifest.get("created", ""))
    digest = hashlib.sha256(f"{name} {created}".encode()).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', name)[:100]}-{digest}"


def other_parent(directory: Path) -> Path | None:
    """The run directory where wandb cannot write to its usual place (WANDB_DIR, else here); else None."""
    usual = Path(os.environ.get("WANDB_DIR") or ".")
    try:
        usual.mkdir(parents=True, exist_ok=True)
    except OSError:
        return directory
    return None if os.access(usual, os.W_OK | os.X_OK) else directory
