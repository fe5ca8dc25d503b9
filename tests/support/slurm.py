"""A Slurm of one node, of the tests' own: Debian's slurmctld, slurmd and munge, as root, in a directory."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.support.waiting import wait_until

NEEDED = ("slurmctld", "slurmd", "munged", "sbatch", "scontrol", "scancel", "squeue", "sinfo")
CONF = """
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={home}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={home}/state
SlurmdSpoolDir={home}/spool
SlurmctldPidFile={home}/slurmctld.pid
SlurmdPidFile={home}/slurmd.pid
SlurmctldLogFile={home}/slurmctld.log
SlurmdLogFile={home}/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2
MailProg=/bin/true
ReturnToService=2
JobRequeue=1
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str | None:
    """Why there can be no Slurm here."""
    absent = [name for name in NEEDED if shutil.which(name) is None]
    if absent:
        return f"no Slurm is installed ({absent[0]}; Debian's packages: slurmctld slurmd slurm-client munge)"
    return None if os.geteuid() == 0 else "slurmd has to be started by root"


@contextlib.contextmanager
def running(home: Path) -> Iterator[None]:
    """A Slurm, which the commands find by SLURM_CONF while it runs."""
    host, ports = socket.gethostname(), []
    for probe in (socket.socket(), socket.socket()):
        probe.bind(("127.0.0.1", 0))
        ports.append(probe.getsockname()[1])
        probe.close()
    for name in ("state", "spool"):
        (home / name).mkdir()
    key = home / "munge.key"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o400)
    conf = home / "slurm.conf"
    conf.write_text(CONF.format(host=host, ports=ports, home=home))
    files = {"key-file": key, "socket": home / "munge.socket", "pid-file": home / "munge.pid"}
    files |= {"log-file": home / "munge.log", "seed-file": home / "munge.seed"}
    munge = ["munged", "--foreground", "--force", *(f"--{name}={path}" for name, path in files.items())]
    environment = {**os.environ, "SLURM_CONF": str(conf)}
    started: list[subprocess.Popen[bytes]] = []

    def start(*words: str) -> None:
        with (home / f"{words[0]}.out").open("wb") as out:
            started.append(subprocess.Popen(words, env=environment, stdout=out, stderr=out))

    os.environ["SLURM_CONF"] = str(conf)
    try:
        start(*munge)
        wait_until((home / "munge.socket").exists)
        start("slurmctld", "-D")
        start("slurmd", "-D", "-N", host)
        wait_until(lambda: "idle" in asked("sinfo", "--noheader", "--format=%T"), 60)
        yield
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):  # a job that a failed test has left
            asked("scancel", "--partition=main")
        del os.environ["SLURM_CONF"]
        for process in reversed(started):
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=20)
            process.kill()


def asked(*words: str) -> str:
    """What a command of Slurm says."""
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False).stdout
