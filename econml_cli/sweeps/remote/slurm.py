"""A Slurm array job whose tasks are workers of one sweep: each takes trials from the shared study till none is left."""

import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from econml_cli.errors import RunError
from econml_cli.runs.slurm import NOTICE, Limits, head, program
from econml_cli.sweeps.run.directory import slug

#: seconds that sbatch may take
SUBMIT_SECONDS = 120

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
class Job(Limits):
    """What is asked of Slurm: so many workers, each a task of an array of that name, with their limits.

    With `requeue` a worker asks at the time limit to be started again, until the sweep is done.
    """

    name: str
    workers: int
    requeue: bool = False


def script(job: Job, arguments: Sequence[str], directory: Path, written_by: Sequence[str] = ()) -> str:
    """The text of an sbatch script.

    Args:
        arguments: of each worker's `econml sweep run`; its paths absolute, or below `directory`.
        directory: where each worker starts, absolute and on the shared file system.
        written_by: the command line that asked for it.
    """
    what = [
        f"{job.workers} workers of one sweep: each takes trials from the shared study until none is left.",
        "`sbatch` it again to go on with what a time limit, a preemption or a crash has left.",
    ]
    lines = head(what, written_by, _directives(job), job, directory)
    start = shlex.join([*program(job), "sweep", "run", *arguments])
    if job.requeue:
        lines += [line.format(start=start) if line.startswith("{start}") else line for line in _REQUEUED]
    else:
        lines += [
            "# exec: econml itself gets Slurm's SIGTERM, ends its trial, and leaves the rest to the other workers",
            f"exec {start}",
        ]
    return "\n".join(lines) + "\n"


def _directives(job: Job) -> dict[str, str | None]:
    name = slug(job.name)
    return {
        "job-name": name,
        "array": f"1-{job.workers}",
        **job.directives(),
        "output": f"{name}-%A_%a.log",
        "open-mode": "append",
        "signal": f"B:{'USR1' if job.requeue else 'TERM'}@{NOTICE}",
    }


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
