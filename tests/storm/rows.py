"""The rows of the storm: each tries one thing that can go wrong, and says what was lost by it, or None."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from econml_cli.errors import EconmlError
from econml_cli.runs.directory import Run
from econml_cli.storage import checkpoint
from tests.support import caches, running

#: the fit that is killed, and what a kill must not change: its weights
FIT = ("fit", "mlp", "--width", "4", "--N", "20", "--N-val", "10", "--N-test", "10", "--num-epochs", "4000")
#: seconds for a command: a worker waits for two minutes until it takes another for dead
PATIENCE = 600
SWEEP = """\
name: storm
method: random
metric: {name: val_loss, goal: minimize}
run_cap: 6
parameters:
  lr: {min: 0.001, max: 0.01}
  num_epochs: {value: 1500}
  width: {value: 4}
  N: {value: 20}
  N_val: {value: 10}
  N_test: {value: 10}
command: ["${env}", econml, fit, mlp, "${args}"]
"""


def start(*words: str, **options: Any) -> "subprocess.Popen[str]":
    """A command in a process group of its own."""
    environment = {**os.environ}
    caches.read_only(environment)
    line = [*running.PROGRAM, *words]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(line, env=environment, text=True, start_new_session=True, **{**quiet, **options})


def kill(process: "subprocess.Popen[str]", after: float, number: int = signal.SIGKILL) -> None:
    """Send a signal to a process and its children, if it still runs."""
    time.sleep(after)
    if process.poll() is None:
        os.killpg(process.pid, number)
    process.wait(timeout=60)


def done(*words: str) -> tuple[int, str]:
    """Run a command to its end: its code, and the end of what it said."""
    process = start(*words, stderr=subprocess.PIPE)
    _, said = process.communicate(timeout=PATIENCE)
    return process.returncode, said[-300:]


def _whole(directory: Path) -> str | None:
    """Whether all that a kill has left can be read."""
    run = Run(directory)
    try:
        run.manifest(), run.summary(), run.config(), run.metrics()
        if checkpoint.steps(run.checkpoints):
            checkpoint.load(run.checkpoints)
    except EconmlError as error:
        return str(error)
    rest = [path.name for path in directory.parent.iterdir() if path.name.startswith(".") and path.suffix == ".new"]
    return None if len(rest) < 2 else f"left behind: {rest}"


def _resumed(directory: Path, whole: str) -> str | None:
    """Go on to the end, and compare with a fit that nobody disturbed."""
    code, said = done("fit", "--resume", str(directory), "--quiet")
    if code:
        return said
    found = Run(directory).summary()["state_sha256"]
    return None if found == whole else "other weights than without a kill"


def kill_fit(scratch: Path, random_: random.Random, *more: str) -> str | None:
    """A fit is killed, any number of times, and resumed."""
    directory, words = scratch / "r", (*FIT, *more, "--checkpoint-every", "100", "--quiet")
    whole = _undisturbed(scratch, *words)
    process = start(*words, "--out", str(directory))
    kill(process, random_.uniform(1.0, 6.0))
    for _ in range(random_.randint(0, 1)):
        if not directory.exists():
            break
        if fault := _whole(directory):
            return fault
        kill(start("fit", "--resume", str(directory), "--quiet"), random_.uniform(1.0, 5.0))
    if not directory.exists():
        return None  # killed before there was anything
    if fault := _whole(directory):
        return fault
    if not checkpoint.steps(Run(directory).checkpoints):
        return None
    return _resumed(directory, whole)


def _undisturbed(scratch: Path, *words: str) -> str:
    """The weights of the same fit, made once for all rows that ask."""
    kept = scratch.parent / f"whole-{abs(hash(words))}"
    if not kept.exists():
        code, said = done(*words, "--out", str(kept))
        assert code == 0, said
    return str(Run(kept).summary()["state_sha256"])


def kill_members(scratch: Path, random_: random.Random) -> str | None:
    """The same of an ensemble."""
    return kill_fit(scratch, random_, "--members", "3")


def kill_force(scratch: Path, random_: random.Random) -> str | None:
    """A fit with --force is killed: the old run or the new one is there, with a checkpoint."""
    directory = scratch / "r"
    shutil.copytree(Path(__file__).parents[1] / "data" / "made_by_0.1" / "network", directory)
    kill(start(*FIT, "--out", str(directory), "--force", "--quiet"), random_.uniform(0.5, 5.0))
    code, said = done("eval", str(directory), "--json")
    return None if code == 0 else said


def kill_folds(scratch: Path, random_: random.Random) -> str | None:
    """A cross-validation is killed and resumed: folds that had ended are not fitted again."""
    rows = "".join(f"{i / 7:.3f},{(i * 37 % 11) / 5},{i % 5}\n" for i in range(60))
    (scratch / "d.csv").write_text("y,a,b\n" + rows)
    cv, data = scratch / "cv", str(scratch / "d.csv")
    words = ("fit", "mlp", "--data", data, "--target", "y", "--width", "4", "--folds", "4", "--num-epochs", "1500")
    kill(start(*words, "--out", str(cv), "--quiet"), random_.uniform(1.0, 8.0))
    if not cv.exists():
        return None
    runs = [Run(path) for path in sorted(cv.glob("fold*"))]
    ended = {run.name: run.summary() for run in runs if run.status() == "max_epochs"}
    code, said = done("fit", "--resume", str(cv), "--quiet")
    if code:
        return said
    again = [name for name, summary in ended.items() if Run(cv / name).summary() != summary]
    return f"fitted again: {again}" if again else None


def kill_estimate(scratch: Path, random_: random.Random) -> str | None:
    """An estimate of a treatment effect is killed and resumed: it is the one that nobody disturbed."""
    rows = "".join(f"{i / 7 + i % 3:.3f},{(i * 37 % 11) / 5},{i % 5},{i * 7 % 3 // 2}\n" for i in range(80))
    data = scratch.parent / "d.csv"
    data.write_text("y,a,b,d\n" + rows)
    words = ("estimate", "plr", "--data", str(data), "--target", "y", "--treatment", "d", "--controls", "a,b",
             "--nuisance", "mlp", "--with", "width=4", "--with", "num_epochs=300", "--folds", "2", "--repeats", "6",
             "--json")  # fmt: skip
    kept = scratch.parent / "undisturbed"
    if not kept.exists():
        code, said = done(*words, "--runs-dir", str(scratch.parent), "--name", kept.name)
        assert code == 0, said
    process = start(*words, "--runs-dir", str(scratch), "--name", "e")
    kill(process, random_.uniform(2.0, 9.0))
    if not (scratch / "e" / "estimate.json").exists():
        return None
    code, said = done("estimate", "resume", str(scratch / "e"), "--json")
    if code:
        return said
    wanted, found = (json.loads((path / "estimate.json").read_text())["results"] for path in (kept, scratch / "e"))
    return None if wanted["estimate"] == found["estimate"] else "another estimate than without a kill"


def kill_sweep(scratch: Path, random_: random.Random, *more: str, workers: int = 1) -> str | None:
    """A sweep is killed and goes on: no finished trial is lost, every point is tried."""
    (scratch / "s.yaml").write_text(SWEEP)
    words = ("sweep", "run", str(scratch / "s.yaml"), "--out", str(scratch / "s"), "--quiet", *more)
    for process in [start(*words) for _ in range(workers)]:
        kill(process, random_.uniform(2.0, 8.0))
    before = {path.name: json.loads((path / "summary.json").read_text()) for path in _ended(scratch / "s")}
    code, said = done(*words)
    if code:
        return said
    after = {path.name: json.loads((path / "summary.json").read_text()) for path in _ended(scratch / "s")}
    lost = [name for name, summary in before.items() if after.get(name) != summary]
    if lost:
        return f"lost: {lost}"
    shown = running.alone("sweep", "show", str(scratch / "s"), "--json")
    complete = {trial["index"] for trial in json.loads(shown.stdout)["trials"] if trial["state"] == "complete"}
    return None if complete == set(range(6)) else f"points {sorted(complete)} of 6"


def kill_workers(scratch: Path, random_: random.Random) -> str | None:
    """Two workers on one storage are killed, one after the other; a third does what they have left."""
    return kill_sweep(scratch, random_, "--engine", "serial", "--storage", str(scratch / "j.journal"), workers=2)


def _ended(sweep: Path) -> list[Path]:
    return [path.parent for path in sweep.glob("*/summary.json") if Run(path.parent).status() == "max_epochs"]


def full_disk(scratch: Path, random_: random.Random) -> str | None:
    """A small tmpfs runs full in mid-fit: one sentence, and what was there can be read."""
    disk = scratch / "disk"
    disk.mkdir()
    size = random_.randint(40, 400)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "none", disk], capture_output=True).returncode:
        return "skipped: no tmpfs can be mounted here"
    try:
        code, said = done(*FIT, "--checkpoint-every", "20", "--keep", "50", "--out", str(disk / "r"), "--quiet")
        if code not in (0, 1) or said.count("\n") > 1 or "Unexpected" in said or "os_error" in said:
            return said
        return _whole(disk / "r") if (disk / "r").exists() else None
    finally:
        subprocess.run(["umount", disk], capture_output=True)


def probes(scratch: Path, random_: random.Random) -> str | None:
    """A folder of a stranger: nothing in it runs."""
    ran = scratch / "it_ran"
    for name in ("typing_extensions.py", "random.py", "sitecustomize.py", "json.py"):
        (scratch / name).write_text(f"open({str(ran)!r}, 'w')\nraise SystemExit\n")
    (scratch / "evil.py").write_text(f"open({str(ran)!r}, 'w')\n")
    subprocess.run(["git", "init", "-q", scratch], check=False)
    subprocess.run(["git", "-C", scratch, "config", "core.fsmonitor", f"touch {ran}; true"], check=False)
    (scratch / "s.yaml").write_text(SWEEP.replace("1500", "2").replace("run_cap: 6", "run_cap: 1"))
    (scratch / "best=evil.py:M").mkdir()
    program = str(Path(running.PROGRAM[0]).with_name("econml"))
    for words in (
        ["sweep", "run", "s.yaml", "--engine", "process", "--quiet"],
        [*FIT[:-1], "2", "--out", "r", "--quiet"],
        ["eval", "best=evil.py:M", "r"],
        ["export", "r", "--to", "numpy", "--out", "out"],
    ):
        done_ = subprocess.run([program, *words], cwd=scratch, capture_output=True, text=True, timeout=PATIENCE)
        if ran.exists():
            return f"code of the folder ran: {words}"
        if done_.returncode and words[0] != "eval":
            return done_.stderr[-300:]
    return None


Row = Callable[[Path, random.Random], str | None]
#: name -> (share of the kills, the row)
ROWS: dict[str, tuple[int, Row]] = {
    "fit": (4, kill_fit),
    "fit, members": (1, kill_members),
    "fit --force": (2, kill_force),
    "cross-validation": (2, kill_folds),
    "sweep, serial": (1, lambda scratch, random_: kill_sweep(scratch, random_, "--engine", "serial")),
    "sweep, vmap": (1, lambda scratch, random_: kill_sweep(scratch, random_, "--engine", "vmap")),
    "sweep, process": (1, lambda scratch, random_: kill_sweep(scratch, random_, "--engine", "process", "--jobs", "2")),
    "sweep, two workers": (1, kill_workers),
    "estimate": (1, kill_estimate),
    "full disk": (1, full_disk),
    "a stranger's folder": (0, probes),
}
#: rows that take minutes by their nature: the suite leaves them to `python -m tests.storm`
#: (tests/sweeps/test_workers.py kills workers with a shorter patience)
LONG = ("sweep, two workers",)
