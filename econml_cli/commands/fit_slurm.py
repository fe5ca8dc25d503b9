"""`econml fit ... --slurm "nodes=2,gpus=4"`: the script with which Slurm does this fit, on all devices it is given."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from econml_cli.config.fit_config import FitConfig
from econml_cli.errors import ConfigError, suggest
from econml_cli.options.devices import ALL, FOUND, DeviceOptions
from econml_cli.runs import slurm
from econml_cli.runs.slurm import NOTICE, Limits
from econml_cli.sweeps.run.directory import slug

WORDS = ("time", "memory", "partition", "account", "setup")
COUNTS = ("nodes", "gpus", "cpus")


@dataclass(frozen=True, kw_only=True)
class FitJob(Limits):
    """One fit on so many nodes, a process on each, which computes on all GPUs of its node."""

    nodes: int = 1


def read(text: str) -> FitJob:
    """The job that "nodes=2,gpus=4" asks for.

    Raises:
        ConfigError: a name is unknown, stands twice, or has no such value.
    """
    found: dict[str, str | int] = {}
    for word in text.split(","):
        name, equals, value = word.partition("=")
        name = name.strip()
        if not equals or name not in (*WORDS, *COUNTS):
            known = (*COUNTS, *WORDS)
            raise ConfigError(f"--slurm {word!r}: write NAME=VALUE of {', '.join(known)}.{suggest(name, known)}")
        if name in found:
            raise ConfigError(f"--slurm says {name} twice.")
        least = 0 if name == "gpus" else 1
        if name in COUNTS and not (value.isdecimal() and least <= int(value) < 10**6):
            raise ConfigError(f"--slurm {name}={value}: expected a number from {least} on.")
        found[name] = int(value) if name in COUNTS else value
    try:
        return FitJob(**found)  # type: ignore[arg-type]  # counts are numbers, all others text
    except ConfigError as error:
        raise ConfigError(f"--slurm: {str(error).removeprefix('--')}") from None


def script(job: FitJob, name: str, arguments: Sequence[str], run: Path, directory: Path) -> str:
    """The text of an sbatch script of the fit `econml ARGUMENTS`, whose run is at an absolute path that all nodes see,
    started in a directory."""
    what = [
        f"One fit on {job.nodes} node{'s' if job.nodes > 1 else ''}; its run is {run}",
        "Before the time limit it is saved; `sbatch` this again to go on, as Slurm itself does after a preemption.",
    ]
    directives = {
        "job-name": name, "nodes": str(job.nodes), "ntasks-per-node": "1", **job.directives(),
        "output": f"{name}-%j.log", "open-mode": "append", "signal": f"TERM@{NOTICE}",
    }  # fmt: skip
    several = ["--coordinator", FOUND] if job.nodes > 1 else []
    several += ["--devices", ALL] if job.nodes > 1 or job.gpus > 1 else []
    # srun, also on one node: the signal before the time limit is for its processes
    start = ["exec", "srun", *slurm.program(job)]
    there = shlex.quote(str(run))
    lines = [
        *slurm.head(what, ["econml", *sys.argv[1:]], directives, job, directory),
        f"if [ -e {there}/manifest.json ]; then",
        f"  {shlex.join([*start, 'fit', '--resume', str(run), *several])}",
        "fi",
        shlex.join([*start, *arguments, *several]),
    ]
    return "\n".join(lines) + "\n"


def write(config: FitConfig, where: DeviceOptions, run: Path, *, named: bool) -> None:
    """Print the script of the fit of this command line, whose run is to be in a directory; `named`: as --out says.

    Raises:
        ConfigError: as `read`; devices are named, too.
    """
    if where.several:
        raise ConfigError("--slurm gives a fit all devices of its job; leave out --devices and --coordinator.")
    job, run = read(str(where.slurm)), run.absolute()
    arguments = [*_without(sys.argv[1:], "--slurm"), *([] if named else ["--out", str(run)])]
    name = slug(f"fit-{Path(config.model).name}-{Path(config.problem).name}")
    sys.stdout.write(script(job, name, arguments, run, Path.cwd()))


def _without(arguments: Sequence[str], flag: str) -> list[str]:
    """A command line without an option and its value."""
    kept: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == flag:
            next(words, None)
        elif not word.startswith(f"{flag}="):
            kept.append(word)
    return kept
