"""One program of the user's own while it runs: how it is started and ended, and what it has said of its metric.

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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from econml_cli.errors import RunError
from econml_cli.storage import disk
from econml_cli.tracking import wandb_file

#: seconds between two looks at the programs that run, and that one gets to end after SIGTERM
LOOK, PATIENCE = 0.05, 10.0
#: in a trial's directory: what its program holds while it lives, and its number
LOCK, PID = ".lock", ".pid"


@dataclass(frozen=True)
class ProgramRequest:
    """One program to be run: its words, its directory, the parameters as W&B's agent would hand them over."""

    number: int
    words: tuple[str, ...]
    directory: Path
    values: Mapping[str, Any] = field(default_factory=dict)


class Process:
    """One program, and what it has said of the metric so far."""

    def __init__(self, request: ProgramRequest, metric: str, others: Sequence[str] = ()):
        self._kept = (metric, *others)
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
                self._said |= {name: row[name] for name in self._kept if name in row}
                self._values += [row[self._metric]] if self._metric in row else []

    def _lines(self) -> Iterator[dict[str, float]]:
        """Lines of JSON on stdout since the last time."""
        with (self.directory / "stdout.txt").open("rb") as file:
            file.seek(self._read_to)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._read_to += len(whole)
        for line in whole.decode("utf-8", "replace").splitlines():
            with contextlib.suppress(ValueError, RecursionError):
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
            with contextlib.suppress(OSError, ValueError, RecursionError):
                said = json.loads(disk.read_bytes(self.directory / "summary.json"))
                entries = said.items() if isinstance(said, dict) else ()
                found = {k: v for k, value in entries if (v := wandb_file.number(value)) is not None}
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
            leader = int(disk.read_bytes(directory / PID))
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
