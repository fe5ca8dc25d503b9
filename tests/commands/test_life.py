"""Every command that imports something large says first, on a terminal, that it is at work; in a pipe it does not."""

import json
import shutil
import subprocess
import sys

import pytest

from econml_cli.cli import COMMANDS
from econml_cli.output import working
from tests.support import ROOT

OLD = ROOT / "tests/data/made_by_0.1"
#: a line of each command that goes as far as the first large import
LINES = {
    "fit": "fit linear --num-epochs 2",
    "eval": "eval network",
    "eval risk": "eval risk network",
    "eval effects": "eval effects table",
    "eval compare": "eval compare network table",
    "estimate": "estimate plr --data table.csv --target y --treatment x --controls g",
    "predict": "predict table --out out.csv",
    "simulate": "simulate network",
    "export": "export network --to numpy --out exported",
    "report": "report network --out report.html",
    "inspect checkpoint": "inspect checkpoint network",
    "inspect model": "inspect model mlp",
    "sweep run": "sweep run sweep.yaml",
    "sweep show": "sweep show swept --plot history.png",
}
#: they import nothing that takes long, however much they show; `replicate` leaves its fits to processes of their own
LIGHT = {"runs", "watch", "package", "replicate"}
#: each line in a process of its own, forked from one that has imported the command line alone, at a terminal or a pipe.
#: At its first large import it waits until the spinner is there (at once where there is none), and its exit code says
#: so. Prints what was seen
PROGRAM = """
import json, os, pty, select, sys, time

LARGE = {"numpy", "pandas", "jax", "scipy", "matplotlib", "optax", "orbax", "wandb", "optuna", "flax", "tensorstore"}
REACHED = 77

class AtWork:
    def find_spec(self, name, path=None, target=None):
        if name in LARGE:
            spinner, end = working._CURRENT.get(), time.monotonic() + 20
            while spinner is not None and not spinner._drawn and time.monotonic() < end:
                time.sleep(0.01)
            os._exit(REACHED)

from econml_cli import cli
from econml_cli.output import working
lines, on_terminal = json.loads(sys.argv[1]), sys.argv[2] == "terminal"
assert not LARGE & {*sys.modules}
children = {}
for line in lines:
    reading, writing = pty.openpty() if on_terminal else os.pipe()
    pid = os.fork()
    if pid == 0:
        for stream in (1, 2):
            os.dup2(writing, stream)
        sys.meta_path.insert(0, AtWork())
        sys.argv = ["econml", *line.split()]
        cli.program()
    os.close(writing)
    children[reading] = (line, pid)
seen = {reading: b"" for reading in children}
while open_ones := [reading for reading in seen if reading in children]:
    for reading in select.select(open_ones, [], [])[0]:
        try:
            more = os.read(reading, 65536)
        except OSError:  # the other end of a terminal is closed
            more = b""
        seen[reading] += more
        if not more:
            line, pid = children.pop(reading)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            print(json.dumps({"line": line, "reached": code == REACHED, "seen": seen[reading].decode()}))
"""


def seen(where):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps([*LINES.values()]), where],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return {answer["line"]: answer for answer in map(json.loads, done.stdout.splitlines())}


@pytest.fixture
def runs(isolated, monkeypatch):
    """What the lines speak of."""
    for name in ("network", "table", "swept"):
        shutil.copytree(OLD / name, isolated / "runs" / name)
    for name in ("table.csv", "sweep.yaml"):
        shutil.copy(OLD / name, isolated)
    monkeypatch.setenv("TERM", "xterm")


def test_every_command_is_looked_at():
    assert {line.split()[0] for line in LINES.values()} | LIGHT == {*COMMANDS}


@pytest.mark.slow
def test_life_is_shown_when_the_first_large_import_begins_on_a_terminal_only(runs):
    assert working.DELAY < 0.5  # seconds from the start of the command: a busy machine only draws it later
    shown = seen("terminal")
    assert {line for line, answer in shown.items() if not answer["reached"]} == set(), shown
    silent = {line for line, answer in shown.items() if f"econml {line.split()[0]}: starting" not in answer["seen"]}
    assert silent == set()
    piped = seen("pipe")
    assert {line: answer["seen"] for line, answer in piped.items() if answer["seen"] or not answer["reached"]} == {}
