"""Trials that are programs of the user's own, started as W&B's agent starts them, offline: no account, no network.

The directory of a trial is WANDB_DIR: what the program's own wandb keeps there is where its metric is read from; else
from lines of JSON on stdout, or from a summary.json that the program writes there.
"""

import contextlib
import json
import os
import shlex
import signal as signals
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from econml_cli.errors import ConfigError, RunError
from econml_cli.options import own_code
from econml_cli.storage import disk
from econml_cli.sweeps.spec.command import notations, with_variables
from econml_cli.sweeps.spec.schema import Sweep
from econml_cli.tracking import wandb_file
from econml_cli.training.many.requests import Event

#: seconds between two looks at the programs that run, and that one gets to end after SIGTERM
LOOK, PATIENCE = 0.05, 10.0
#: a metric is looked up in the files of a running program every so many looks
SELDOM = 10
#: in a trial's directory: what its program holds while it lives, and its number
LOCK, PID = ".lock", ".pid"
_PYTHON = ("python", "python3")


@dataclass(frozen=True)
class ProgramRequest:
    """One program to be run: its words, its directory, the parameters as W&B's agent would hand them over."""

    number: int
    words: tuple[str, ...]
    directory: Path
    values: Mapping[str, Any] = field(default_factory=dict)


def check(sweep: Sweep, named: bool) -> None:
    """Refuse a program that the user has not named: opening what somebody sent runs none of their code.

    Args:
        named: the command was typed by the user.

    Raises:
        ConfigError: it was not named; it is no Python file and the command was not typed.
    """
    words = command(sweep, {p.name: p.distribution.quantile(0.5) for p in sweep.space.parameters}, Path("args.json"))
    if named:
        return
    if len(words) > 1 and words[0] in _PYTHON and words[1].endswith(".py"):
        try:
            own_code.check_named(words[1])
        except ConfigError as error:
            raise ConfigError(f"{error} Or fit a model of ours in its place: --model mlp.") from None
        return
    raise ConfigError(
        f"{sweep.path} starts `{shlex.join(words)[:200]}`, which you have not named yourself, so it is not run; if you "
        f"trust it, type it: --command {shlex.quote(shlex.join(sweep.command))}"
    )


def command(
    sweep: Sweep, values: Mapping[str, Any], json_file: Path, more: Mapping[str, Any] = MappingProxyType({})
) -> tuple[str, ...]:
    """The words of a trial's process, without /usr/bin/env; `more` as of `requested`.

    Raises:
        ConfigError: there is no program to start.
    """
    nested = {**sweep.space.nest(values), **more}
    forms = {"env": [], "interpreter": ["python"], "args_json_file": [str(json_file)], **notations(nested)}
    forms["program"] = [sweep.program] if sweep.program else []
    words: list[str] = []
    for word in with_variables(sweep.command, os.environ):
        macro = word.startswith("${") and word.endswith("}")
        words += forms.get(word[2:-1], []) if macro else [word]
    words = words[1:] if words and words[0] == "/usr/bin/env" else words
    if not words or ("${program}" in sweep.command and not sweep.program):
        raise ConfigError(f"{sweep.path} has no `program` to start.")
    return tuple(words)


class Programs:
    """Runs programs, `jobs` at a time; an `Executor` whose trials cannot be paused, only ended."""

    def __init__(self, metric: str, jobs: int, stop_signal: Callable[[], int | None]):
        self._metric, self._jobs, self._stop = metric, jobs, stop_signal
        self._waiting: deque[ProgramRequest] = deque()
        self._running: dict[int, _Process] = {}

    def __enter__(self) -> "Programs":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running.values():
            process.stop()

    def add(self, requests: Iterable[Any]) -> None:
        """As `Executor`; of `ProgramRequest`s."""
        self._waiting.extend(requests)

    def advance(self, until: int | None = None) -> Iterator[Event]:
        """As `Executor`; all to their ends, with a progress event for each value of the metric.

        Raises:
            RunError: a directory cannot be written.
        """
        looks = 0
        while self._stop() is None and (self._waiting or self._running):
            while self._waiting and len(self._running) < self._jobs:
                request = self._waiting.popleft()
                try:
                    self._running[request.number] = _Process(request, self._metric)
                    yield Event(request.number, "begun")
                except FileNotFoundError:
                    yield Event(request.number, "failed", reason=f"there is no program {request.words[0]}")
            looks += 1
            for number, process in list(self._running.items()):
                ended = process.ended()
                if ended or looks % SELDOM == 0:
                    for step, value in process.news():
                        if number in self._running:  # it may have been pruned meanwhile
                            yield Event(number, "progress", step, {self._metric: value})
                if ended and number in self._running:
                    yield self._over(number)
            time.sleep(LOOK)
        self._waiting.clear()
        if self._stop() is not None:
            for number in list(self._running):
                yield self.end(number, signal=self._stop())

    def end(self, number: int, *, signal: int | None = None, pruned: bool = False) -> Event:
        """As `Executor`: with SIGTERM."""
        if self._running[number].ended():  # by itself, before anybody has looked
            return self._over(number)
        process = self._running.pop(number)
        process.stop()
        return Event(number, "ended", summary=process.summary("pruned" if pruned else "interrupted"))

    def _over(self, number: int) -> Event:
        process = self._running.pop(number)
        code = process.ended_with()
        if code:
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            return Event(
                number, "failed", reason=f"its program ended with {how}; see {process.directory / 'stderr.txt'}"
            )
        return Event(number, "ended", summary=process.summary("max_epochs"))


class _Process:
    """One program, and what it has said of the metric so far."""

    def __init__(self, request: ProgramRequest, metric: str):
        self.directory, self._metric, self._values = request.directory, metric, list[float]()
        self._told, self._read_to, self._said = 0, 0, dict[str, float]()
        self._file: wandb_file.WandbFile | None = None
        self._began = time.monotonic()
        _end_left_over(self.directory)
        _clear(self.directory)
        environment = _environment(request)
        held = _held(self.directory / LOCK)
        try:
            text = shlex.join(request.words) + "\n"
            disk.write_text(self.directory / "command.txt", text)
            with (self.directory / "stdout.txt").open("wb") as out, (self.directory / "stderr.txt").open("wb") as err:
                self._process = subprocess.Popen(  # noqa: S603 - a program that the user has named
                    request.words, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment,
                    start_new_session=True, pass_fds=held,
                )  # fmt: skip
            disk.write_text(self.directory / PID, f"{self._process.pid}\n")
        except FileNotFoundError:
            raise
        except OSError as error:
            raise RunError(f"{request.words[0]} cannot be started in {self.directory}: {error}.") from error
        finally:
            for descriptor in held:  # the program has it now, and so all that it starts
                os.close(descriptor)

    def ended(self) -> bool:
        return self._process.poll() is not None

    def ended_with(self) -> int:
        return self._process.wait()

    def stop(self) -> None:
        """SIGTERM to it and to what it has started; SIGKILL where that does not help."""
        for how in (signals.SIGTERM, signals.SIGKILL):
            _signal(self._process.pid, how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=PATIENCE)
                return

    def news(self) -> list[tuple[int, float]]:
        """(which value, value) of the metric since the last time."""
        self._look()
        new = [(i + 1, self._values[i]) for i in range(self._told, len(self._values))]
        self._told = len(self._values)
        return new

    def _look(self) -> None:
        if self._file is None and (path := wandb_file.find(self.directory)) is not None:
            self._file, self._values = wandb_file.WandbFile(path), []
        if self._file is not None:
            self._file.read()
            rows = (wandb_file.number(row.get(self._metric)) for row in self._file.history)
            self._values = [value for value in rows if value is not None]
        else:
            for row in self._lines():
                self._said |= row
                self._values += [row[self._metric]] if self._metric in row else []

    def _lines(self) -> Iterator[dict[str, float]]:
        """Lines of JSON on stdout since the last time."""
        with (self.directory / "stdout.txt").open("rb") as file:
            file.seek(self._read_to)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._read_to += len(whole)
        for line in whole.decode("utf-8", "replace").splitlines():
            with contextlib.suppress(ValueError):
                row = json.loads(line) if line.startswith("{") else None
                if isinstance(row, dict):
                    yield {k: v for k in row if (v := wandb_file.number(row[k])) is not None}

    def summary(self, reason: str) -> dict[str, Any]:
        """As the summary of a fit, also written beside what the program has written."""
        self._look()
        found: dict[str, Any] = {}
        if self._file is not None:
            found = {k: v for k in self._file.summary if (v := wandb_file.number(self._file.summary[k])) is not None}
        elif self._values:
            found = dict(self._said)
        else:
            with contextlib.suppress(OSError, ValueError):
                said = json.loads((self.directory / "summary.json").read_text(encoding="utf-8"))
                found = {k: v for k in said if (v := wandb_file.number(said[k])) is not None}
        if self._metric not in found and self._values:
            found[self._metric] = self._values[-1]
        seconds = round(time.monotonic() - self._began, 3)
        return {**found, "stop_reason": reason, "epochs": len(self._values), "seconds_training": seconds}


def _signal(leader: int, how: int) -> None:
    """A signal to a program and to what it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, how)


def _held(lock: Path) -> tuple[int, ...]:
    """A descriptor that holds a lock for as long as any process has it; () where the system knows no locks."""
    try:
        import fcntl

        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return ()
    return (descriptor,)


def _end_left_over(directory: Path) -> None:
    """End the program that an earlier attempt has started here, where the attempt was killed and the program was not.

    Its lock says that it lives (or what it has started), so that the number is no other process's.
    """
    for how in (signals.SIGTERM, signals.SIGKILL):
        until = time.monotonic() + PATIENCE
        try:
            leader = int((directory / PID).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        while disk.held(directory / LOCK):
            _signal(leader, how)
            if time.monotonic() > until:
                break
            time.sleep(LOOK)
        else:
            return


def _clear(directory: Path) -> None:
    """An empty directory: a program that was interrupted begins again."""
    import shutil

    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, exist_ok=True)


def _environment(request: ProgramRequest) -> dict[str, str]:
    """W&B's variables as its agent sets them, but offline; `python` is the one that runs this."""
    parameters = request.directory / "parameters.yaml"
    values = {name: {"value": value} for name, value in request.values.items()}
    # JSON is YAML
    disk.write_text(parameters, json.dumps({"wandb_version": 1, **values}, default=str))
    disk.write_text(request.directory / "args.json", json.dumps(dict(request.values), default=str))
    beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    ours = {"PATH": beside, "WANDB_MODE": "offline", "WANDB_DIR": str(request.directory.absolute())}
    ours |= {"WANDB_SWEEP_PARAM_PATH": str(parameters.absolute()), "WANDB_SILENT": "true"}
    # of an agent around us, or of a run that the user continues: no trial is that run
    dropped = ("WANDB_RUN_ID", "WANDB_SWEEP_ID", "WANDB_NAME", "WANDB_RESUME")
    return {name: value for name, value in os.environ.items() if name not in dropped} | ours


def requested(
    sweep: Sweep,
    number: int,
    params: Mapping[str, Any],
    directory: Path,
    more: Mapping[str, Any] = MappingProxyType({}),
) -> ProgramRequest:
    """The program of a trial; `more`: what it is given beside the parameters of the sweep.

    Raises:
        ConfigError: as `command`.
    """
    words: Sequence[str] = command(sweep, params, (directory / "args.json").absolute(), more)
    return ProgramRequest(number, tuple(words), directory, {**sweep.space.nest(params), **more})
