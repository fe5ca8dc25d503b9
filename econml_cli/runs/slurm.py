"""What any job of Slurm has: its limits, the head of its script, and how it starts this very econml."""

import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from econml_cli.errors import ConfigError

#: seconds before the time limit at which a process is told to stop
NOTICE = 60
#: seconds by which Slurm may send a signal too early (sbatch, --signal); the shortest limit with time to train
SLACK, SHORTEST = 60, 300
_TIME = re.compile(r"\d+(:\d\d){0,2}|\d+-\d+(:\d\d){0,2}")
_MEMORY = re.compile(r"\d+[KMGT]?")
#: what a directive may hold without quotes: sbatch reads them, no shell does
_WORD = re.compile(r"[\w.,:/@%+=-]+")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What each process of a job is given.

    Attributes:
        time: the limit, as Slurm writes it: 90 (minutes), 2:00:00, 1-12:00:00; None: the partition's.
        cpus, gpus: of each. memory: of each, such as 8G; None: the partition's.
        partition, account: None: the user's own.
        setup: shell lines before econml starts (`module load ...`); None: this very econml is started by its path.
    """

    time: str | None = None
    cpus: int = 1
    gpus: int = 0
    memory: str | None = None
    partition: str | None = None
    account: str | None = None
    setup: str | None = None

    def __post_init__(self) -> None:
        if self.time is not None and not _TIME.fullmatch(self.time):
            raise ConfigError(f"--time {self.time} is no time of Slurm; write MINUTES, H:MM:SS or DAYS-HH:MM:SS.")
        if self.time is not None and seconds(self.time) < SHORTEST:
            raise ConfigError(
                f"--time {self.time} leaves no time to train: it is told to stop {NOTICE} s before the limit, up "
                f"to {SLACK} s early by Slurm's own clock; give {SHORTEST // 60} minutes or more."
            )
        if self.memory is not None and not _MEMORY.fullmatch(self.memory):
            raise ConfigError(f"--memory {self.memory} is no amount; write 800M or 8G.")
        for option, value in (("--partition", self.partition), ("--account", self.account)):
            if value is not None and not _WORD.fullmatch(value):
                raise ConfigError(f"{option} {value!r} holds what no name has in Slurm.")

    def directives(self) -> dict[str, str | None]:
        """{option of sbatch: value, or None where the cluster decides}."""
        return {
            "time": self.time,
            "cpus-per-task": str(self.cpus),
            "gres": f"gpu:{self.gpus}" if self.gpus else None,
            "mem": self.memory,
            "partition": self.partition,
            "account": self.account,
        }


def seconds(time: str) -> int:
    """A limit as Slurm writes it, MINUTES, M:SS, H:MM:SS, D-H, D-H:MM or D-H:MM:SS, in seconds."""
    days, dash, rest = time.rpartition("-")
    parts = [int(part) for part in rest.split(":")]
    if dash:
        hours, minutes, rest_seconds = [*parts, 0, 0][:3]
        return int(days) * 86400 + hours * 3600 + minutes * 60 + rest_seconds
    hours, minutes, rest_seconds = {1: [0, *parts, 0], 2: [0, *parts], 3: parts}[len(parts)]
    return hours * 3600 + minutes * 60 + rest_seconds


def head(
    what: Sequence[str],
    written_by: Sequence[str],
    directives: Mapping[str, str | None],
    limits: Limits,
    directory: Path,
) -> list[str]:
    """The lines of a script before econml starts in a directory: `what` it is, the directives, where JAX computes."""
    lines = ["#!/bin/bash", f"# {what[0]}"]
    if written_by:
        lines += [f"# Written by: {_one_line(shlex.join(written_by))}"]
    lines += [f"# {line}" for line in what[1:]]
    lines += [f"#SBATCH --{key}={value}" for key, value in directives.items() if value is not None]
    lines += ["#SBATCH --requeue", "", f"cd {shlex.quote(str(directory))} || exit 1", *_jax(limits)]
    return [*lines, "", *limits.setup.splitlines(), ""] if limits.setup else lines


def _jax(limits: Limits) -> list[str]:
    """Where JAX computes, said rather than left to what a node happens to have."""
    if limits.gpus:
        return [
            "# A process without its GPU fails, rather than computing on the CPU for hours.",
            'export JAX_PLATFORMS="${JAX_PLATFORMS:-cuda}"',
        ]
    return [
        "# JAX uses the cores that --cpus-per-task gives to a process, and looks for no GPU.",
        'export JAX_PLATFORMS="${JAX_PLATFORMS:-cpu}"',
    ]


def program(limits: Limits) -> list[str]:
    """How econml is started: by its path, or as what `setup` makes available."""
    if limits.setup:
        return ["econml"]
    beside = Path(sys.executable).with_name("econml")
    return [str(beside)] if beside.exists() else [sys.executable, "-P", "-m", "econml_cli"]


def _one_line(text: str) -> str:
    return text.replace("\n", "\\n")
