"""The rows of the storm: each tries one thing that can go wrong, and says what was lost by it, or None.

What begins with "skipped" could not be tried here; what begins with "missed" is a kill that came before there was
anything to lose, or after its process had ended.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from econml_cli.errors import EconmlError
from econml_cli.runs.directory import Run
from econml_cli.storage import checkpoint
from tests.support import caches, running

#: the fit that is killed, and what a kill must not change: its weights
FIT = ("fit", "mlp", "--width", "4", "--N", "20", "--N-val", "10", "--N-test", "10", "--num-epochs", "4000")
MADE = Path(__file__).parents[1] / "data" / "made_by_0.1" / "network"
#: seconds for a command: a worker waits for two minutes until it takes another for dead, and cores may be shared
PATIENCE = 1800
#: of how many kills one comes while the process may still be importing
EARLY = 8
MISSED = "missed: it came before there was anything, or after the end"
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


def start(*words: str, program: Sequence[str] = running.PROGRAM, **options: Any) -> "subprocess.Popen[str]":
    """A command in a process group of its own."""
    environment = options.pop("env", None) or {**os.environ}
    if environment.get("JAX_COMPILATION_CACHE_DIR") == os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        caches.read_only(environment)
    line = [*program, *words]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(line, env=environment, text=True, start_new_session=True, **{**quiet, **options})


def kill(process: "subprocess.Popen[str]", random_: random.Random, reached: Callable[[], bool]) -> bool:
    """Kill a process and its children once it has come so far, or a moment later; one in `EARLY` soon after its start.

    Returns:
        whether it still ran.
    """
    until = time.monotonic() + (random_.uniform(0.5, 4.0) if random_.randrange(EARLY) == 0 else PATIENCE)
    moment = random_.choice((0.0, random_.uniform(0.0, 0.05), random_.uniform(0.0, 0.5)))
    while not reached() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.005)
    time.sleep(moment)
    ran = process.poll() is None
    if ran:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=60)
    return ran


def _reached(directory: Path, epochs: int) -> Callable[[], bool]:
    """Whether a run has logged so many epochs; 0: whether it is there."""
    metrics = directory / "metrics.jsonl"
    return lambda: directory.exists() and (epochs == 0 or _lines(metrics) >= epochs)


def _lines(path: Path) -> int:
    try:
        return path.read_bytes().count(b"\n")
    except OSError:
        return 0


def _several(directory: Path, pattern: str, many: int) -> Callable[[], bool]:
    """Whether so many of what is made one after the other are there."""
    return lambda: sum(1 for _ in directory.glob(pattern)) >= many


def done(*words: str, **options: Any) -> tuple[int, str]:
    """Run a command to its end: its code, and the end of what it said."""
    process = start(*words, stderr=subprocess.PIPE, **options)
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
    """A fit is killed, once or twice, and resumed."""
    directory, words = scratch / "r", (*FIT, *more, "--checkpoint-every", "100", "--quiet")
    whole = _undisturbed(scratch, *words)
    epochs = random_.randrange(0, 3900)
    ran = kill(start(*words, "--out", str(directory)), random_, _reached(directory, epochs))
    if not ran or not directory.exists():
        return MISSED
    if fault := _whole(directory):
        return fault
    if not checkpoint.steps(Run(directory).checkpoints):
        return None
    if random_.randint(0, 1):
        further = _reached(directory, random_.randrange(epochs, 4000))
        kill(start("fit", "--resume", str(directory), "--quiet"), random_, further)
        if fault := _whole(directory):
            return fault
    return _resumed(directory, whole)


def _undisturbed(scratch: Path, *words: str) -> str:
    """The weights of the same fit, made once for all rows that ask."""
    kept = scratch.parent / f"whole-{hashlib.sha256(repr(words).encode()).hexdigest()[:8]}"
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
    shutil.copytree(MADE, directory, ignore=shutil.ignore_patterns(".lock"))
    # the old run has its lines from the start; the new one is moved to its place with none
    process, old = start(*FIT, "--out", str(directory), "--force", "--quiet"), directory.stat().st_ino
    epochs = random_.choice((0, 0, random_.randrange(4000)))
    far = _reached(directory, epochs)
    ran = kill(process, random_, lambda: directory.exists() and directory.stat().st_ino != old and far())
    code, said = done("eval", str(directory), "--json")
    return said if code else None if ran else MISSED


def kill_folds(scratch: Path, random_: random.Random) -> str | None:
    """A cross-validation is killed and resumed: folds that had ended are not fitted again."""
    rows = "".join(f"{i / 7:.3f},{(i * 37 % 11) / 5},{i % 5}\n" for i in range(60))
    (scratch / "d.csv").write_text("y,a,b\n" + rows)
    cv, data = scratch / "cv", str(scratch / "d.csv")
    words = ("fit", "mlp", "--data", data, "--target", "y", "--width", "4", "--folds", "4", "--num-epochs", "1500")
    ran = kill(start(*words, "--out", str(cv), "--quiet"), random_, _several(cv, "fold*", random_.randrange(5)))
    if not ran or not cv.exists():
        return MISSED
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
    ran = kill(process, random_, _several(scratch / "e", "**/*", random_.randrange(1, 13)))
    if not ran or not (scratch / "e" / "estimate.json").exists():
        return MISSED
    code, said = done("estimate", "resume", str(scratch / "e"), "--json")
    if code:
        return said
    wanted, found = (json.loads((path / "estimate.json").read_text())["results"] for path in (kept, scratch / "e"))
    differ = [path.name for path in (kept / "predictions").iterdir()
              if path.read_bytes() != (scratch / "e" / "predictions" / path.name).read_bytes()]  # fmt: skip
    if differ or any(wanted[name] != found[name] for name in ("estimate", "repeats")):
        return f"{found['estimate']}, {wanted['estimate']} without a kill; other predictions: {sorted(differ)}"
    return None


def kill_sweep(scratch: Path, random_: random.Random, *more: str, workers: int = 1) -> str | None:
    """A sweep is killed and goes on: no finished trial is lost, every point is tried."""
    (scratch / "s.yaml").write_text(SWEEP)
    words = ("sweep", "run", str(scratch / "s.yaml"), "--out", str(scratch / "s"), "--quiet", *more)
    killed = [
        kill(process, random_, _several(scratch / "s", "0*", random_.randrange(7)))
        for process in [start(*words) for _ in range(workers)]
    ]
    before = {path.name: json.loads((path / "summary.json").read_text()) for path in _ended(scratch / "s")}
    code, said = done(*words)
    if code:
        return said
    after = {path.name: json.loads((path / "summary.json").read_text()) for path in _ended(scratch / "s")}
    lost = [name for name, summary in before.items() if after.get(name) != summary]
    if lost:
        return f"lost: {lost}"
    shown, _ = start("sweep", "show", str(scratch / "s"), "--json", stdout=subprocess.PIPE).communicate(
        timeout=PATIENCE
    )
    complete = {trial["index"] for trial in json.loads(shown)["trials"] if trial["state"] == "complete"}
    if complete != set(range(6)):
        return f"points {sorted(complete)} of 6"
    return None if any(killed) else MISSED


def kill_workers(scratch: Path, random_: random.Random) -> str | None:
    """Two workers on one storage are killed, one after the other; a third does what they have left."""
    return kill_sweep(scratch, random_, "--engine", "serial", "--storage", str(scratch / "j.journal"), workers=2)


def _ended(sweep: Path) -> list[Path]:
    return [path.parent for path in sweep.glob("*/summary.json") if Run(path.parent).status() == "max_epochs"]


def full_disk(scratch: Path, random_: random.Random) -> str | None:
    """A small tmpfs runs full in mid-fit: one sentence, and what was there can be read."""
    disk = scratch / "disk"
    disk.mkdir()
    size = random_.randint(40, 900)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "none", disk], capture_output=True).returncode:
        return "skipped: no tmpfs can be mounted here"
    try:
        # its programs may be kept on the same disk, which then is full before there is a run
        kept = {"JAX_COMPILATION_CACHE_DIR": str(disk / "programs")} if random_.randrange(3) == 0 else {}
        words = (*FIT, "--checkpoint-every", "20", "--keep", "50", "--out", str(disk / "r"), "--quiet")
        code, said = done(*words, env={**os.environ, **kept})
        if code not in (0, 1) or said.count("\n") > 1 or "Unexpected" in said or "os_error" in said:
            return said
        return _whole(disk / "r") if (disk / "r").exists() else None
    finally:
        subprocess.run(["umount", disk], capture_output=True)


FAULTY = (sys.executable, "-m", "tests.storm.faulty")
#: what a call fails with: once, or from then on
ERRNOS = ("EIO", "EACCES", "ENOSPC", "EDQUOT", "ESTALE", "EIO+", "ENOSPC+", "EROFS+")


def a_call_fails(scratch: Path, random_: random.Random) -> str | None:
    """A call to the system fails in a fit, one that replaces, one that is resumed: a sentence, and nothing is lost."""
    return _at_a_call(scratch, random_, random_.choice(ERRNOS))


def killed_at_a_call(scratch: Path, random_: random.Random) -> str | None:
    """The same, and the call is the process's last."""
    return _at_a_call(scratch, random_, "kill")


def _at_a_call(scratch: Path, random_: random.Random, what: str) -> str | None:
    shape, directory = ("fit", "force", "resume")[random_.randrange(3)], scratch / "r"
    options = (*FIT, "--checkpoint-every", "1000", "--quiet")
    line = ("fit", "--resume", str(directory), "--quiet") if shape == "resume" else (*options, "--out", str(directory))
    line = (*line, "--force") if shape == "force" else line
    whole = _undisturbed(scratch, *options)
    _before(scratch, shape, directory, whole)
    counted = scratch.parent / f"calls-{shape}"
    if not counted.exists():
        start("count", str(counted), str(scratch), *line, program=FAULTY, cwd=running_root()).wait(timeout=PATIENCE)
        shutil.rmtree(directory)
        _before(scratch, shape, directory, whole)
    number = str(random_.randint(1, int(counted.read_text())))
    process = start(what, number, str(scratch), *line, program=FAULTY, cwd=running_root(), stderr=subprocess.PIPE)
    _, said = process.communicate(timeout=PATIENCE)
    at = f"{shape}, {what} at call {number}"
    if what != "kill" and (process.returncode not in (0, 1, 2) or "Traceback" in said or "Unexpected" in said):
        return f"{at}: {process.returncode}: {said[-300:]}"
    if not directory.exists():
        return f"{at}: the run is gone" if shape != "fit" else None
    if fault := _whole(directory):
        return f"{at}: {fault}"
    if not checkpoint.steps(Run(directory).checkpoints):
        if shape == "fit":
            return None
        code, said = done("eval", str(directory), "--json")
        return f"{at}: {said}" if code else None
    if (
        shape == "force"
        and Run(directory).summary().get("epochs") == json.loads((MADE / "summary.json").read_text())["epochs"]
    ):
        return None  # the run that was there
    fault = _resumed(directory, whole)
    return f"{at}: {fault}" if fault else None


def _before(scratch: Path, shape: str, directory: Path, whole: str) -> None:
    """What is there before: nothing, a run to be replaced, or a run that was stopped."""
    if shape == "force":
        shutil.copytree(MADE, directory)
    if shape == "resume":
        stopped = scratch.parent / "stopped"
        if not stopped.exists():
            code, said = done(*FIT, "--checkpoint-every", "1000", "--quiet", "--keep", "9", "--out", str(stopped))
            assert code == 0 and Run(stopped).summary()["state_sha256"] == whole, said
            for step in checkpoint.steps(Run(stopped).checkpoints)[1:]:
                shutil.rmtree(stopped / "checkpoints" / str(step))
            (stopped / "summary.json").unlink()
        shutil.copytree(stopped, directory)


def running_root() -> Path:
    """Where `tests` can be imported."""
    return Path(__file__).parents[2]


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


def secrets(scratch: Path, random_: random.Random) -> str | None:
    """Passwords, files of others, escapes of a terminal, a name that is code: nothing of it comes through."""
    password, victim, ran = f"hunter{random_.randrange(10**6)}", scratch / "victim", scratch / "it_ran"
    victim.write_text("precious")
    (scratch / "s.yaml").write_text(SWEEP)
    (scratch / "link.html").symlink_to(victim)
    named = 'a"""+open(\'it_ran\',\'w\').name+"""'
    shutil.copytree(MADE, scratch / named)
    shutil.copytree(MADE, scratch / "runs" / "escaped")
    manifest = scratch / "runs" / "escaped" / "manifest.json"
    text = json.loads(manifest.read_text())
    text.update(command=["econml", "\x1b]52;c;aGk=\x07"], problem="\x1b[2J", model="\x1b[2Jmlp")
    manifest.write_text(json.dumps(text))
    url = f"postgresql://me:{password}@127.0.0.1:1/study"
    for words in (
        ("sweep", "slurm", "s.yaml", "--storage", url, "--out", "job.sh"),
        ("sweep", "run", "s.yaml", "--storage", url, "--quiet"),
        ("inspect", "checkpoint", named, "--html", "link.html"),
        ("report", named, "--out", "link.html"),
        ("export", named, "--to", "numpy", "--out", "out"),
        ("runs", "list"),
        ("runs", "show", "escaped"),
        ("eval", "runs/escaped"),
        ("inspect", "runs", "runs/escaped"),
    ):
        program = str(Path(running.PROGRAM[0]).with_name("econml"))
        ended = subprocess.run([program, *words], cwd=scratch, capture_output=True, text=True, timeout=PATIENCE)
        said = ended.stdout + ended.stderr
        if password in said or "\x1b" in said or "Traceback" in said:
            return f"{words}: {said[-300:]!r}"
        if ran.exists():
            return f"a name was run: {words}"
    if victim.read_text() != "precious":
        return "what a link leads to was overwritten"
    kept = [path for path in scratch.rglob("*") if path.is_file() and password.encode() in path.read_bytes()]
    return f"the password is in {kept}" if kept else None


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
    "a call fails": (3, a_call_fails),
    "killed at a call": (3, killed_at_a_call),
    "a stranger's folder": (0, probes),
    "secrets": (0, secrets),
}
#: rows that take minutes by their nature: the suite leaves them to `python -m tests.storm`
#: (tests/sweeps/test_workers.py kills workers with a shorter patience)
LONG = ("sweep, two workers",)
