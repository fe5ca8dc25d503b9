"""A case: what econml 0.1.0 made, one file of it changed, and a command that reads it. The number alone decides all."""

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

from tests.fuzz import mutations
from tests.support import ROOT, running

MADE = ROOT / "tests" / "data" / "made_by_0.1"
#: seconds and bytes that a case may take; exit codes that a command may have
SECONDS, BYTES, CODES = 10.0, 2 * 2**30, (0, 1, 2, 3, 4, 5)
#: (weight, files that may be changed, command)
COMMANDS: tuple[tuple[int, tuple[str, ...], tuple[str, ...]], ...] = (
    (4, ("table/manifest.json", "network/summary.json", "network/metrics.jsonl", "table/config.yaml"),
     ("inspect", "runs", "--runs-dir", ".", "--json")),
    (2, ("table/manifest.json", "network/summary.json", "network/metrics.jsonl", "table/config.yaml"),
     ("inspect", "runs", "--runs-dir", ".")),
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
    (4, ("network/config.yaml", "table/config.yaml"), ("fit", "--config", "{}", "--print-config")),
    (4, ("sweep.yaml",), ("sweep", "check", "sweep.yaml")),
    (2, ("sweep.yaml",), ("sweep", "sample", "sweep.yaml", "-n", "3")),
    (2, ("swept/sweep.json", "swept/study.journal"), ("sweep", "show", "swept")),
    (2, ("table.csv",),
     ("fit", "linear", "--solver", "lstsq", "--data", "table.csv", "--target", "y", "--out", "new", "--quiet")),
)  # fmt: skip


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


def run(number: int, directory: Path) -> Outcome:
    """Run one case in this process, in an empty directory."""
    random_ = random.Random(number)
    _, files, command = random_.choices(COMMANDS, [weight for weight, *_ in COMMANDS])[0]
    file = random_.choice(files)
    shutil.copytree(MADE, directory, dirs_exist_ok=True)
    path = directory / file
    change = mutations.BY_SUFFIX.get(path.suffix, mutations.of_bytes)
    path.write_bytes(change(path.read_bytes(), random_))
    words = [file if word == "{}" else word for word in command]
    _imported()
    before = Path.cwd()
    os.chdir(directory)
    began, code, said = time.process_time(), None, b""
    try:
        with _at_most(SECONDS * 6), running.one_stream() as stream:
            try:
                code = running.here(*words)
            except BaseException as error:
                said = f"{type(error).__name__}: {error}".encode()
            stream.seek(0)
            said = stream.read() + said
    finally:
        os.chdir(before)
    seconds = time.process_time() - began  # of the processor: the machine may be busy
    text = said.decode("utf-8", "replace")
    return Outcome(number, " ".join(words), file, code, text[-2000:], seconds, _fault(code, text, seconds))


def _fault(code: int | None, said: str, seconds: float) -> str | None:
    if code not in CODES:
        return f"exit code {code}"
    if found := re.search(r"Unexpected \w+:|Traceback .most recent call last|\w+Warning: ", said):
        return found[0]
    if "\x1b]" in said or "\x1b[2J" in said:
        return "a control character of the file"
    if seconds > SECONDS:
        return f"{seconds:.1f} s"
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return f"{used / 2**30:.1f} GiB" if used > BYTES else None


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
