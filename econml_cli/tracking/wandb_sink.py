"""Weights & Biases: everything it does happens in one daemon thread, so that it can never stop, slow or crash a fit.

Whatever goes wrong (no key, no server, a killed wandb-core, no wandb at all) becomes one warning, and the fit goes on.
"""

import contextlib
import hashlib
import json
import os
import queue
import re
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from econml_cli.errors import suggest

#: what WANDB_MODE may say -> the mode it means
MODES = dict.fromkeys(("online", "run", "shared"), "online") | dict.fromkeys(("offline", "dryrun"), "offline")
MODES |= {"disabled": "disabled"}
#: of the time that `finish` may take, what wandb itself gets for reaching the server and for sending what is left
SHARE = 0.5


def resolve_mode(given: str | None, environ: Mapping[str, str]) -> tuple[str, str | None]:
    """The W&B mode: what was typed, else WANDB_MODE, else online under a W&B agent, else disabled.

    Returns:
        "online", "offline" or "disabled", and a warning where WANDB_MODE holds something else (then: disabled).
    """
    if given:
        return given, None
    named = environ.get("WANDB_MODE", "")
    if not named:
        return ("online" if environ.get("WANDB_SWEEP_ID") else "disabled"), None
    if named in MODES:
        return MODES[named], None
    return "disabled", (
        f"W&B logging is off: WANDB_MODE={named!r} is not a mode; set it to online, offline or disabled, "
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
    ):
        """Start the thread; it imports wandb and opens the W&B run while training begins.

        Args:
            given_mode: --wandb_mode; None leaves it to wandb (WANDB_MODE, its settings files).
            project: --wandb_project; None means WANDB_PROJECT, else econml.
            name: the name of the run; `directory` is its run directory.
            config: the resolved options, one flat mapping.
            warn: receives at most one sentence, and only within `log` and `finish`, in the thread that calls these.
            finish_timeout: seconds that `finish` may take.
        """
        self.url: str | None = None  #: the page of the W&B run, once there is one
        self._mode = given_mode
        self._arguments = {"config": dict(config), **_identity(project, name, directory)}
        self._directory = directory
        self._warn = warn
        self._timeout = finish_timeout
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._done = threading.Event()
        self._warning: str | None = None
        self._warned = False
        self._finished = False
        self._session: Any = None  # what wandb.setup returned: it owns the connection to wandb-core
        self._kept: str | None = None  # where wandb keeps the run on this disk
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
        self._queue.put((dict(summary), exit_code))
        if not self._done.wait(self._timeout):
            self._fail(f"W&B was not done after {self._timeout:g} s{self._remains()}")
            self._abandon()
        self._tell()

    # Below: what happens in the thread.

    def _work(self) -> None:
        run = None
        try:
            run = self._open()
            while isinstance(item := self._queue.get(), list):
                for row in item:
                    run.log(dict(row), step=int(row["epoch"]))
            summary, exit_code = item
            run.summary.update(summary)
            run.finish(exit_code=exit_code)
        except BaseException as error:
            self._fail(self._explain(error, run))
        self._tear_down()
        self._done.set()

    def _open(self) -> Any:
        """The W&B run; offline where the server does not answer, so that nothing is lost."""
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # its own reports would wait for a dead server too
        if self._mode and os.environ.get("WANDB_MODE") not in MODES:
            os.environ.pop("WANDB_MODE", None)  # wandb would stumble over it, though what was typed wins
        import wandb

        try:
            return self._init(wandb, self._mode)
        except (wandb.errors.CommError, TimeoutError) as error:
            if self._done.is_set():  # abandoned: nobody waits for another wandb-core
                raise
            self._kill_core()  # the run that failed still holds its id there, and asked to end it may go on trying
            self._tear_down()
            run = self._init(wandb, "offline")
            self._fail(f"W&B could not be opened online ({_short(error)}), so the run is kept offline{self._remains()}")
            return run

    def _init(self, wandb: Any, mode: str | None) -> Any:
        # `silent` keeps wandb off the terminal; a silent session cannot ask for an API key either: it raises.
        share = SHARE * self._timeout
        wanted = {"silent": True, "console": "off", "finish_timeout": share, "finish_timeout_raises": True}
        if not os.environ.get("WANDB_INIT_TIMEOUT"):
            wanted["init_timeout"] = share
        known = wandb.Settings.model_fields  # older wandb has no finish_timeout
        settings = wandb.Settings(**{k: v for k, v in wanted.items() if k in known})
        hooks = sys.exit, sys.excepthook
        try:
            self._session = wandb.setup(settings=wandb.Settings(silent=True))
            run = wandb.init(mode=mode, settings=settings, **self._arguments)
        finally:
            sys.exit, sys.excepthook = hooks  # wandb replaces them to learn the exit code, which `finish` tells it
        self._kept = getattr(run.settings, "sync_dir", None)
        self.url = run.url or None
        return run

    def _tear_down(self) -> None:
        """End wandb-core now: at exit nothing would bound that."""
        with contextlib.suppress(BaseException):  # older wandb exits with the code of a core that was killed
            sys.modules["wandb"].teardown()

    def _explain(self, error: BaseException, run: Any) -> str:
        if run is not None:
            return f"W&B stopped ({_short(error)}){self._remains()}"
        if isinstance(error, ImportError):
            return (
                f"W&B logging is off: wandb cannot be imported ({_short(error)}); install it with `pip install wandb`, "
                "or add --wandb_mode disabled."
            )
        if type(error).__name__ in ("UsageError", "AuthenticationError"):
            cause = "no API key" if "No API key" in str(error) else _short(error)
            return f"W&B logging is off: {cause}; run `wandb login`, or add --wandb_mode offline."
        return f"W&B logging is off: {_short(error)}; try --wandb_mode offline, or --wandb_mode disabled."

    def _remains(self) -> str:
        if self._kept:
            return f"; upload it later with `wandb sync {self._kept}`."
        return f"; every epoch is in {self._directory / 'metrics.jsonl'} all the same; try --wandb_mode offline."

    def _fail(self, message: str) -> None:
        self._warning = self._warning or message

    def _tell(self) -> None:
        """Warn, once, from the caller's thread: a progress bar may be on the terminal."""
        if self._warning and not self._warned:
            self._warned = True
            with contextlib.suppress(Exception):
                self._warn(self._warning)

    def _abandon(self) -> None:
        """Let nothing wait for a wandb-core that hangs: neither the thread, nor the hook that wandb runs at exit."""
        self._done.set()
        with contextlib.suppress(Exception):
            self._session._connection._cleanup()
        self._kill_core()

    def _kill_core(self) -> None:
        with contextlib.suppress(Exception):  # private names, which may change: then wandb's own timeouts are left
            self._session._connection._proc._process.kill()
            os.environ.pop("WANDB_SERVICE", None)  # the next run in this process would look for it


def open_sink(*, given_mode: str | None, warn: Callable[[str], None], **arguments: Any) -> WandbSink | None:
    """A `WandbSink`, or None where W&B is disabled (then wandb is not even imported); arguments as `WandbSink`."""
    mode, warning = resolve_mode(given_mode, os.environ)
    if warning:
        warn(warning)
    if mode == "disabled":
        return None
    return WandbSink(given_mode=given_mode, warn=warn, **arguments)


def _identity(project: str | None, name: str, directory: Path) -> dict[str, Any]:
    """What wandb.init is told about which run this is; what the environment says (an agent's, above all) stays."""
    identity: dict[str, Any] = {}
    if not os.environ.get("WANDB_NAME"):
        identity["name"] = name
    if parent := _other_parent(directory):
        identity["dir"] = str(parent)
    if os.environ.get("WANDB_SWEEP_ID"):
        return identity
    if project or not os.environ.get("WANDB_PROJECT"):
        identity["project"] = project or "econml"
    if not os.environ.get("WANDB_RUN_ID"):
        identity |= {"id": _run_id(name, directory), "resume": "allow"}
    return identity


def _run_id(name: str, directory: Path) -> str:
    """The same for a run and its resumption, another for a run of the same name made later (--force) or elsewhere."""
    created = ""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        created = str(json.loads((directory / "manifest.json").read_text(encoding="utf-8")).get("created", ""))
    digest = hashlib.sha256(f"{name} {created}".encode()).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', name)[:100]}-{digest}"


def _other_parent(directory: Path) -> Path | None:
    """The run directory where wandb cannot write to its usual place (WANDB_DIR, else here); else None."""
    usual = Path(os.environ.get("WANDB_DIR") or ".")
    try:
        usual.mkdir(parents=True, exist_ok=True)
    except OSError:
        return directory
    return None if os.access(usual, os.W_OK | os.X_OK) else directory


def _short(error: BaseException) -> str:
    """The message of an error in one line, without a full stop."""
    return (" ".join(str(error).split()) or type(error).__name__)[:200].rstrip(".")
