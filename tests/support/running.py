"""Commands as a user types them: in this process, where they start at once, or in one of their own."""

import io
import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import caches

PROGRAM = (sys.executable, "-m", "econml_cli")


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    stdout: str
    stderr: str


def here(*args: Any) -> int:
    """Run `econml ARGS` in this process, with its streams and its directory; the exit code."""
    from econml_cli.cli import main

    argv, interrupt, hook = sys.argv, signal.getsignal(signal.SIGINT), sys.unraisablehook
    raising = logging.raiseExceptions
    sys.argv = ["econml", *map(str, args)]
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    finally:
        sys.argv, sys.unraisablehook, logging.raiseExceptions = argv, hook, raising
        signal.signal(signal.SIGINT, interrupt)
    raise AssertionError("econml always ends by SystemExit")


def alone(*args: Any, **options: Any) -> Ran:
    """Run `econml ARGS` in a process of its own, which costs a second of imports; `options` are subprocess.run's."""
    line = [*PROGRAM, *map(str, args)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120, **options)
    return Ran(done.returncode, done.stdout, done.stderr)


def to_be_killed(*args: Any, **options: Any) -> "subprocess.Popen[str]":
    """`econml ARGS` in a process of its own that the test signals or kills; `options` are Popen's."""
    environment = dict(options.pop("env", os.environ))
    caches.read_only(environment)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen([*PROGRAM, *map(str, args)], text=True, env=environment, **streams)


@contextmanager
def one_stream() -> Iterator[io.BufferedRandom]:
    """What this process and its children write to stdout and stderr meanwhile, in the order in which they do."""
    streams = sys.stdout, sys.stderr
    for stream in streams:
        stream.flush()
    kept = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
        with _text(1) as sys.stdout, _text(2) as sys.stderr:
            try:
                yield file
            finally:
                sys.stdout.flush(), sys.stderr.flush()
                sys.stdout, sys.stderr = streams
                for descriptor, was in zip((1, 2), kept, strict=True):
                    os.dup2(was, descriptor)
                    os.close(was)


def _text(descriptor: int) -> io.TextIOWrapper:
    """A text stream without a buffer, so that what goes to both stays in order."""
    raw = open(descriptor, "wb", buffering=0, closefd=False)  # noqa: SIM115
    return io.TextIOWrapper(raw, encoding="utf-8", write_through=True)


@contextmanager
def environment(changes: dict[str, str], directory: Path) -> Iterator[None]:
    """Other variables and another working directory meanwhile; what is done to the environment inside is undone."""
    variables, before = dict(os.environ), Path.cwd()
    os.environ.update(changes)
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)
        os.environ.clear()
        os.environ.update(variables)
