"""A case: what econml has made, one file of it changed, and a command that reads it. The number alone decides all."""

import contextlib
import functools
import importlib
import os
import random
import re
import resource
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz import made, mutations
from tests.support import running

#: CPU seconds and bytes that a case may take (on a slow machine a whole report takes 10 s); exit codes of a command
SECONDS, BYTES, CODES = 20.0, 2 * 2**30, (0, 1, 2, 3, 4, 5)
#: bytes that a process has once it has imported what commands import: a case in a process of its own has them, too
LIBRARIES = 2**29
RUN = ("manifest.json", "config.yaml", "summary.json", "metrics.jsonl")
TABLE = ("table/manifest.json", "network/summary.json", "network/metrics.jsonl", "table/config.yaml")
NOW = tuple(f"now/{name}" for name in (*RUN, "preprocessing.json", "labels.json"))
DATA = tuple(f"data{ending}" for ending in made.FORMATS)
KEPT = (*NOW, "cv/cross_validation.json", "cv/fold1/manifest.json", "est/estimate.json", "swept/sweep.json",
        "swept/0000/summary.json", "swept/0000/metrics.jsonl", "swept/0000/manifest.json")  # fmt: skip
FIT = ("fit", "linear", "--solver", "lstsq", "--out", "new", "--quiet")
#: (weight, files that may be changed, as patterns, command; {} is the file)
COMMANDS: tuple[tuple[int, tuple[str, ...], tuple[str, ...]], ...] = (
    # what 0.1 has made
    (4, TABLE, ("inspect", "runs", "--runs-dir", ".", "--json")),
    (2, TABLE, ("inspect", "runs", "--runs-dir", ".")),
    (4, ("network/manifest.json", "network/config.yaml", "network/summary.json",
         "network/checkpoints/6/default/_METADATA"),
     ("inspect", "checkpoint", "network")),
    (3, ("table/manifest.json", "table/config.yaml", "table/summary.json", "table/preprocessing.json", "table.csv"),
     ("eval", "table", "--bootstrap", "0", "--json")),
    (3, ("table/preprocessing.json", "table/manifest.json", "table/config.yaml", "table.csv"),
     ("predict", "table", "--data", "table.csv", "--out", "-")),
    (1, ("network/manifest.json", "network/config.yaml", "network/metrics.jsonl"),
     ("fit", "--resume", "network", "--quiet")),
    (1, ("table/preprocessing.json", "table/manifest.json"), ("report", "table", "--out", "page.html")),
    (4, ("network/config.yaml", "table/config.yaml", "now/config.yaml"), ("fit", "--config", "{}", "--print-config")),
    (4, ("sweep.yaml", "newer.yaml"), ("sweep", "check", "{}")),
    (2, ("sweep.yaml", "newer.yaml"), ("sweep", "sample", "{}", "-n", "3")),
    (1, ("sweep.yaml", "newer.yaml"), ("sweep", "slurm", "{}")),
    (2, ("swept/sweep.json", "swept/study.journal", "swept/sweep.yaml", "swept/0000/summary.json"),
     ("sweep", "show", "swept")),
    (1, ("swept/sweep.json", "swept/study.journal", "swept/0000/config.yaml"),
     ("sweep", "show", "swept", "--html", "page.html")),
    (2, ("table.csv",), (*FIT, "--data", "table.csv", "--target", "y")),
    # what it makes now
    (4, KEPT, ("runs", "list", "--runs-dir", ".", "--json")),
    (2, KEPT, ("runs", "list", "--runs-dir", ".", "--where", "train_loss<2", "--sort", "created")),
    (2, NOW, ("runs", "show", "now", "--runs-dir", ".")),
    (1, ("cv/cross_validation.json", "cv/config.yaml", "cv/fold1/summary.json"), ("runs", "show", "cv")),
    (1, ("est/estimate.json",), ("runs", "show", "est")),
    (1, ("now/labels.json",), ("runs", "tag", "now", "better", "--runs-dir", ".")),
    (1, NOW, ("runs", "archive", "now", "--runs-dir", ".")),
    (3, KEPT, ("watch", ".", "--once")),
    (1, ("swept/sweep.yaml", "swept/sweep.json", "swept/0000/metrics.jsonl"), ("watch", "swept", "--once")),
    (4, DATA, ("inspect", "data", "{}")),
    (2, DATA, (*FIT, "--data", "{}", "--target", "y", "--drop-columns", "when,d", "--missing", "drop")),
    (2, DATA, ("predict", "now", "--data", "{}", "--out", "out.csv")),
    (1, ("data.parquet", "now/preprocessing.json"), ("predict", "now", "--data", "data.parquet", "--out", "o.parquet")),
    (3, ("schema.yaml",), (*FIT, "--data", "data.csv", "--schema", "schema.yaml", "--formula", made.FORMULA,
                           "--missing", "drop")),
    (3, ("now/preprocessing.json",), ("inspect", "data", "data.csv", "--schema", "{}")),
    (2, NOW, ("eval", "now", "--bootstrap", "0", "--json")),
    (1, ("eval.yaml",), ("eval", "now", "--config", "{}")),
    (1, NOW, ("eval", "effects", "now", "--json")),
    (1, ("now/summary.json", "table/summary.json", "now/preprocessing.json"),
     ("eval", "compare", "now", "table", "--format", "latex")),
    (1, ("cv/cross_validation.json", "cv/config.yaml", "cv/fold2/manifest.json", "cv/fold2/checkpoints/1/default/*"),
     ("fit", "--resume", "cv", "--quiet")),
    (1, ("est/estimate.json", "est/predictions/*"), ("estimate", "resume", "est")),
    (1, (*NOW, "cv/cross_validation.json"), ("package", "now", "cv", "--out", "out.zip")),
    (1, NOW, ("report", "now", "--out", "page.html")),
    (2, ("network/checkpoints/6/default/**/*",), ("inspect", "checkpoint", "network", "--view", "split")),
    (2, ("repository/.git/*", "repository/.git/objects/**/*", "repository/.git/refs/heads/*", "repository/a.py"),
     ("fit", "linear", "--solver", "lstsq", "--N", "9", "--N-val", "9", "--N-test", "9", "--quiet", "--out", "../new")),
)  # fmt: skip
#: how the commands begin that only read, and little
QUICK = {("inspect", "runs"), ("inspect", "data"), ("fit", "--config"), ("runs", "list"), ("runs", "show"),
         ("sweep", "check"), ("sweep", "sample"), ("watch", ".")}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What a case came to; `fault`: what is wrong with that, or None."""

    number: int
    command: str
    file: str
    code: int | None
    said: str
    seconds: float
    fault: str | None

    def told(self) -> str:
        """The case in a line, with the end of what was said."""
        return f"{self.number}: {self.fault}: {self.command} with {self.file}: {self.said[-300:]}"


def run(number: int, directory: Path) -> Outcome:
    """Run one case in this process, in an empty directory."""
    shutil.copytree(made.directory(), directory, dirs_exist_ok=True, symlinks=True)
    return _run_in(number, directory)


def is_quick(number: int) -> bool:
    """Whether the command of a case only reads, and little."""
    return _drawn(number)[2][:2] in QUICK


def run_quickly(number: int, directory: Path) -> Outcome:
    """Run a quick case in a copy of what is made, which is as it was afterwards: copying takes longer than reading."""
    kept = dict[Path, bytes]()
    try:
        return _run_in(number, directory, kept)
    finally:
        for path, contents in kept.items():
            path.write_bytes(contents)


def _drawn(number: int) -> tuple[random.Random, tuple[str, ...], tuple[str, ...]]:
    """What draws all else of a case, the patterns of the file, the command."""
    random_ = random.Random(number)
    _, patterns, command = random_.choices(COMMANDS, [weight for weight, *_ in COMMANDS])[0]
    return random_, patterns, command


def _run_in(number: int, directory: Path, kept: dict[Path, bytes] | None = None) -> Outcome:
    """Run one case in a copy of what is made; `kept` is given what the changed file held."""
    random_, patterns, command = _drawn(number)
    file = _one_of(directory, random_.choice(patterns), random_)
    path = directory / file
    change = mutations.BY_SUFFIX.get(path.suffix, mutations.of_binary)
    path.chmod(0o600)  # git's objects cannot be written
    before = path.read_bytes()
    if kept is not None:
        kept[path] = before
    path.write_bytes(change(before, random_))
    words = [file if word == "{}" else word for word in command]
    return done(number, words, file, directory / "repository" if file.startswith("repository") else directory)


def _one_of(directory: Path, pattern: str, random_: random.Random) -> str:
    """A file that a pattern fits; of none the pattern itself, which is a new file of a single byte."""
    found = sorted(path for path in directory.glob(pattern) if path.is_file() and path.stat().st_size)
    if not found:
        (directory / pattern.replace("*", "x")).parent.mkdir(parents=True, exist_ok=True)
        (directory / pattern.replace("*", "x")).write_bytes(b"x")
        return pattern.replace("*", "x")
    return str(random_.choice(found).relative_to(directory))


def done(number: int, words: list[str], file: str, directory: Path) -> Outcome:
    """Run a command in a directory, and judge what it does."""
    _imported()
    before, memory = Path.cwd(), _memory(forget=True)
    os.chdir(directory)
    began, code, said = time.process_time(), None, b""
    try:
        with _at_most(SECONDS * 3), running.one_stream() as stream:
            try:
                code = running.here(*words)
            except BaseException as error:
                said = f"{type(error).__name__}: {error}".encode()
            stream.seek(0)
            said = stream.read() + said
    finally:
        os.chdir(before)
    seconds = time.process_time() - began  # of the processor: the machine may be busy
    text, taken = said.decode("utf-8", "replace"), _memory() - memory
    return Outcome(number, " ".join(words), file, code, text[-2000:], seconds, _fault(code, text, seconds, taken))


def _memory(*, forget: bool = False) -> int:
    """The most bytes that this process has had; where the system can, since it was told to forget them."""
    if sys.platform != "linux":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    if forget:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0])


def _fault(code: int | None, said: str, seconds: float, taken: int) -> str | None:
    if code not in CODES:
        return f"exit code {code}"
    if found := re.search(r"Unexpected \w{1,40}:|Traceback .most recent call last|\w{1,40}Warning: ", said):
        return found[0]
    if "\x1b]" in said or "\x1b[2J" in said:
        return "a control character of the file"
    if seconds > SECONDS:
        return f"{seconds:.1f} s"
    return f"{(taken + LIBRARIES) / 2**30:.1f} GiB" if taken + LIBRARIES > BYTES else None


@functools.cache
def _imported() -> None:
    """Import what commands import later: a library that a case's time limit stops on its way in fails all that come
    after it."""
    for name in (
        "evaluation.evaluate",
        "evaluation.predictions",
        "inspection",
        "report.page",
        "sweeps.show",
        "training.fit",
    ):
        importlib.import_module(f"econml_cli.{name}")


@contextlib.contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Breaks off what takes longer."""

    def late(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"it had not ended after {seconds:g} s")

    before: Any = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
