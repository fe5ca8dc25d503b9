"""A Slurm array job whose tasks are workers of one sweep: each takes trials from the shared study till none is left."""

import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from econml_cli.errors import ConfigError, RunError
from econml_cli.sweeps.run.directory import slug

#: seconds before the time limit at which a worker is told to stop; seconds that sbatch may take
NOTICE, SUBMIT_SECONDS = 60, 120
#: seconds by which Slurm may send a signal too early (sbatch, --signal); the shortest limit with time to train
SLACK, SHORTEST = 60, 300
_TIME = re.compile(r"\d+(:\d\d){0,2}|\d+-\d+(:\d\d){0,2}")
_MEMORY = re.compile(r"\d+[KMGT]?")
#: what a directive may hold without quotes: sbatch reads them, no shell does
_WORD = re.compile(r"[\w.,:/@%+=-]+")


#: Slurm's USR1 comes before the time limit: econml saves its trial, and the worker asks for another turn. TERM (of
#: scancel or a preemption) is passed on, and what becomes of the job is Slurm's. A signal ends `wait`: it is repeated.
_REQUEUED = (
    "# Before the time limit econml saves its trials, and Slurm is asked to start this worker again.",
    "again=",
    "{start} &",
    "worker=$!",
    """trap 'again=yes; kill -TERM "$worker" 2>/dev/null' USR1""",
    """trap 'kill -TERM "$worker" 2>/dev/null' TERM INT""",
    'wait "$worker"; code=$?',
    'while kill -0 "$worker" 2>/dev/null; do wait "$worker"; code=$?; done',
    'if [ -n "$again" ] && [ "$code" -gt 128 ]; then  # it was stopped, so there is something left to do',
    '  exec scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"',
    "fi",
    'exit "$code"',
)


@dataclass(frozen=True)
class Job:
    """What is asked of Slurm.

    Attributes:
        name: of the job. workers: how many, each a task of the array.
        time: the limit of each, as Slurm writes it: 90 (minutes), 2:00:00, 1-12:00:00; None: the partition's.
        cpus, gpus: of each worker. memory: of each, such as 8G; None: the partition's.
        partition, account: None: the user's own.
        setup: shell lines before econml starts (`module load ...`); None: this very econml is started by its path.
        requeue: at the time limit a worker asks to be started again, until the sweep is done.
    """

    name: str
    workers: int
    time: str | None = None
    cpus: int = 1
    gpus: int = 0
    memory: str | None = None
    partition: str | None = None
    account: str | None = None
    setup: str | None = None
    requeue: bool = False

    def __post_init__(self) -> None:
        if self.time is not None and not _TIME.fullmatch(self.time):
            raise ConfigError(f"--time {self.time} is no time of Slurm; write MINUTES, H:MM:SS or DAYS-HH:MM:SS.")
        if self.time is not None and seconds(self.time) < SHORTEST:
            raise ConfigError(
                f"--time {self.time} leaves no time to train: a worker is told to stop {NOTICE} s before the limit, up "
                f"to {SLACK} s early by Slurm's own clock; give {SHORTEST // 60} minutes or more."
            )
        if self.memory is not None and not _MEMORY.fullmatch(self.memory):
            raise ConfigError(f"--memory {self.memory} is no amount; write 800M or 8G.")
        for option, value in (("--partition", self.partition), ("--account", self.account)):
            if value is not None and not _WORD.fullmatch(value):
                raise ConfigError(f"{option} {value!r} holds what no name has in Slurm.")


def seconds(time: str) -> int:
    """A limit as Slurm writes it, MINUTES, M:SS, H:MM:SS, D-H, D-H:MM or D-H:MM:SS, in seconds."""
    days, dash, rest = time.rpartition("-")
    parts = [int(part) for part in rest.split(":")]
    if dash:
        hours, minutes, rest_seconds = [*parts, 0, 0][:3]
        return int(days) * 86400 + hours * 3600 + minutes * 60 + rest_seconds
    hours, minutes, rest_seconds = {1: [0, *parts, 0], 2: [0, *parts], 3: parts}[len(parts)]
    return hours * 3600 + minutes * 60 + rest_seconds


def script(job: Job, arguments: Sequence[str], directory: Path, written_by: Sequence[str] = ()) -> str:
    """The text of an sbatch script.

    Args:
        arguments: of each worker's `econml sweep run`; its paths absolute, or below `directory`.
        directory: where each worker starts, absolute and on the shared file system.
        written_by: the command line that asked for it.
    """
    lines = ["#!/bin/bash"]
    lines += [f"# {job.workers} workers of one sweep: each takes trials from the shared study until none is left."]
    if written_by:
        lines += [f"# Written by: {_one_line(shlex.join(written_by))}"]
    lines += ["# `sbatch` it again to go on with what a time limit, a preemption or a crash has left."]
    lines += [f"#SBATCH {directive}" for directive in _directives(job)]
    lines += ["", f"cd {shlex.quote(str(directory))} || exit 1", *_jax(job)]
    if job.setup:
        lines += ["", *job.setup.splitlines(), ""]
    start = shlex.join([*_program(job), "sweep", "run", *arguments])
    if job.requeue:
        lines += [line.format(start=start) if line.startswith("{start}") else line for line in _REQUEUED]
    else:
        lines += [
            "# exec: econml itself gets Slurm's SIGTERM, ends its trial, and leaves the rest to the other workers",
            f"exec {start}",
        ]
    return "\n".join(lines) + "\n"


def _directives(job: Job) -> list[str]:
    name = slug(job.name)
    wanted = {
        "job-name": name,
        "array": f"1-{job.workers}",
        "time": job.time,
        "cpus-per-task": str(job.cpus),
        "gres": f"gpu:{job.gpus}" if job.gpus else None,
        "mem": job.memory,
        "partition": job.partition,
        "account": job.account,
        "output": f"{name}-%A_%a.log",
        "open-mode": "append",
        "signal": f"B:{'USR1' if job.requeue else 'TERM'}@{NOTICE}",
    }
    said = [f"--{key}={value}" for key, value in wanted.items() if value is not None]
    return [*said, "--requeue"]


def _jax(job: Job) -> list[str]:
    """Where JAX computes, said rather than left to what a node happens to have."""
    if job.gpus:
        return [
            "# A worker without its GPU fails, rather than computing on the CPU for hours.",
            'export JAX_PLATFORMS="${JAX_PLATFORMS:-cuda}"',
        ]
    return [
        "# JAX uses the cores that --cpus-per-task gives to a worker, and looks for no GPU.",
        'export JAX_PLATFORMS="${JAX_PLATFORMS:-cpu}"',
    ]


def _program(job: Job) -> list[str]:
    if job.setup:
        return ["econml"]
    beside = Path(sys.executable).with_name("econml")
    return [str(beside)] if beside.exists() else [sys.executable, "-P", "-m", "econml_cli"]


def _one_line(text: str) -> str:
    return text.replace("\n", "\\n")


def submit(text: str, file: Path | None = None) -> str:
    """Hand a script to sbatch; the job's number.

    Args:
        file: where it is written already; None: it goes through stdin.

    Raises:
        RunError: there is no sbatch, or it refuses the job.
    """
    command = ["sbatch", "--parsable", *([str(file)] if file else [])]
    try:
        done = subprocess.run(  # noqa: S603 - sbatch of the PATH is what the user wants
            command,
            input=None if file else text,
            stdin=subprocess.DEVNULL if file else None,
            capture_output=True,
            text=True,
            timeout=SUBMIT_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise RunError(
            "There is no sbatch here; run it on a login node of the cluster, or leave out --submit."
        ) from None
    except subprocess.TimeoutExpired:
        raise RunError(f"sbatch did not answer within {SUBMIT_SECONDS} s; try again, or see `sinfo`.") from None
    if done.returncode:
        said = " ".join(done.stderr.split()).removeprefix("sbatch: ").rstrip(".") or f"exit code {done.returncode}"
        raise RunError(f"sbatch refused the job ({said}); change the options, or look at `sinfo` and `sacctmgr`.")
    return done.stdout.strip().partition(";")[0]  # "JOB;CLUSTER" where there are several clusters
