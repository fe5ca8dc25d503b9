"""What starting and ending a command costs: whole processes against `import jax` and one compiled function.

    uv run python benchmarks/startup.py
    uv run python benchmarks/startup.py --write benchmarks/README.md    # the table of that page
    uv run python benchmarks/startup.py --beside before=/path/to/another/checkout --rounds 5 --bytecode on
    uv run python benchmarks/startup.py --command "eval net" --rounds 9 --bytecode on

Every command, the two floors, and the same commands of another checkout take turns within a round. CPU seconds (of the
process and its children) stand beside the clock's, which on a busy machine says more about the others. `prompt` is the
time from the last line that a command has printed, at a terminal, to the end of its process: until the prompt is back.
What is compiled, by XLA and by Python, is there before the first round; without its bytecode cache Python compiles
every file again in every process, a round takes several times as long, and there is one.
"""

import argparse
import json
import os
import pty
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.many_seeds import Place

HERE = Path(__file__).resolve().parent.parent
TYPER, FLOOR = "import typer", "floor"
#: what nothing that computes with JAX can be faster than
PROGRAMS = {
    TYPER: "import typer",
    FLOOR: "import jax, jax.numpy as jnp; jax.jit(lambda x: x + 1)(jnp.zeros(3)).block_until_ready()",
}
#: a command -> (its floor, the most that it may take: times its floor, or CPU seconds beyond it and its own computing)
COMMANDS = {
    "--help": (TYPER, "2 x"),
    "fit mlp --help": (TYPER, "3 x"),
    "fit mlp --name again --force --quiet": (FLOOR, "+ 0.8 s"),
    "eval net": (FLOOR, "+ 0.5 s"),
    "predict net --out p.csv": (FLOOR, "+ 0.5 s"),
    "inspect checkpoint net": (FLOOR, "+ 0.5 s"),
    "inspect runs": (TYPER, ""),
    "sweep show sweep": (FLOOR, ""),
    "sweep check sweep.yaml": (TYPER, ""),
}
SWEEP = "method: random\nmetric: {name: val_loss, goal: minimize}\nparameters: {lr: {min: 1.0e-4, max: 1.0e-2}}\n"


def environment(package: Path, bytecode: bool, there: Path) -> dict[str, str]:
    """Variables under which `econml_cli` is that of a checkout, with Python's bytecode cache on or off."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")}
    kept |= {"PYTHONPATH": str(package), "XDG_CACHE_HOME": str(there / "cache"), "HOME": str(there)}
    # a cache of its own, empty at first: what lies beside the sources is read neither way
    kept["PYTHONPYCACHEPREFIX"] = str(there / ("bytecode" if bytecode else "no-bytecode"))
    return kept if bytecode else kept | {"PYTHONDONTWRITEBYTECODE": "1"}


class Took(NamedTuple):
    """Seconds of a process: by the clock, of the processor (its children among them), and from what it printed last to
    its end (0 of one that prints nothing)."""

    wall: float
    cpu: float
    prompt: float


def timed(line: Sequence[str], variables: Mapping[str, str], there: Path) -> Took:
    """What a process took whose stdout is a terminal, so that each line is there when it is printed."""
    reading, writing = pty.openpty()
    with tempfile.TemporaryFile("w+") as errors, os.fdopen(reading, "rb", buffering=0) as terminal:
        before, started = os.times(), time.perf_counter()
        process = subprocess.Popen(line, env=dict(variables), cwd=there, stdout=writing, stderr=errors)
        os.close(writing)
        printed = None
        try:
            while terminal.read(65536):
                printed = time.perf_counter()
        except OSError:  # how Linux says that nobody writes there any more
            pass
        process.wait()
        ended, after = time.perf_counter(), os.times()
        if process.returncode:
            errors.seek(0)
            sys.exit(f"{' '.join(line)} failed: {errors.read()}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Took(ended - started, cpu, 0.0 if printed is None else ended - printed)


def one_round(
    commands: Sequence[str], packages: Mapping[str, Path], bytecode: bool, there: Path
) -> dict[tuple[str, str], Took]:
    """{(package, command): seconds}; the floors are those of package ""."""
    found = {}
    for name, program in PROGRAMS.items():
        variables = environment(HERE, bytecode, there)
        found["", name] = timed([sys.executable, "-c", program], variables, there)
    for command in commands:
        for name, package in packages.items():
            line = [sys.executable, "-m", "econml_cli", *command.split()]
            found[name, command] = timed(line, environment(package, bytecode, there), there)
    return found


def computing(there: Path) -> float:
    """The seconds that the training loop of the last fit took; 0 where there was none."""
    summary = there / "runs/again/summary.json"
    return float(json.loads(summary.read_text())["seconds_training"]) if summary.exists() else 0.0


def prepare(commands: Sequence[str], packages: Mapping[str, Path], there: Path) -> None:
    """The runs and the sweep that the commands read, and what each of them finds compiled."""
    (there / "sweep.yaml").write_text("program: econml\ncommand: [econml, fit, mlp, '${args}']\n" + SWEEP)
    for package in packages.values():
        line = [sys.executable, "-m", "econml_cli", "fit", "mlp", "--name", "net", "--force", "--quiet"]
        timed(line, environment(package, True, there), there)
    if any(command.startswith("sweep") for command in commands):
        run = [sys.executable, "-m", "econml_cli", "sweep", "run", "sweep.yaml", "--trials", "2"]
        timed(run, environment(HERE, True, there), there)
    one_round(commands, packages, True, there)


def measure(
    commands: Sequence[str], packages: Mapping[str, Path], bytecode: bool, rounds: int, there: Path
) -> list[dict[str, Any]]:
    """The rows of the table of one state of the bytecode cache."""
    each = [one_round(commands, packages, bytecode, there) for _ in range(rounds)]
    seconds = computing(there)
    rows = []
    for package, command in each[0]:
        floor = COMMANDS[command][0] if command in COMMANDS else command
        wall, cpu, prompt = (statistics.median(one[package, command][i] for one in each) for i in range(3))
        ratio = statistics.median(one[package, command].cpu / one["", floor].cpu for one in each)
        over = statistics.median(one[package, command].cpu - one["", floor].cpu for one in each)
        target = COMMANDS[command][1] if command in COMMANDS else ""
        rows.append(
            {"command": command, "package": package, "bytecode": bytecode, "wall": wall, "cpu": cpu}
            | {
                "prompt": prompt,
                "floor": floor,
                "ratio": ratio,
                "over": over,
                "target": target,
                "computing": seconds if "fit mlp --name" in command else 0.0,
            }
        )
    return rows


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = [
        "| bytecode | command | of | wall, s | CPU, s | prompt, s | floor | CPU / floor | CPU - floor, s | target |"
    ]
    lines.append("|---|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        of = row["package"] or "Python"
        target = row["target"] + (f" + {row['computing']:.1f} s of training" if row["computing"] else "")
        shown = [f"{row[key]:.2f}" for key in ("wall", "cpu")] + [f"{row['prompt']:.3f}"]
        figures = [f"{row['ratio']:.2f}", f"{row['over']:.2f}"]
        cells = ["on" if row["bytecode"] else "off", row["command"], of, *shown, row["floor"], *figures, target]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2, help="with the bytecode cache; one without it [2]")
    parser.add_argument("--beside", metavar="NAME=DIR", action="append", default=[], help="another checkout")
    parser.add_argument("--command", choices=COMMANDS, action="append", help="only this; may be repeated [all]")
    parser.add_argument("--bytecode", choices=["on", "off", "both"], default="both")
    parser.add_argument("--write", type=Path, metavar="FILE", help="the page whose table this is")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures")
    asked = parser.parse_args()
    packages = {"this": HERE} | {name: Path(place) for name, _, place in (one.partition("=") for one in asked.beside)}
    states = {"on": [True], "off": [False], "both": [True, False]}[asked.bytecode]
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        commands = asked.command or list(COMMANDS)
        prepare(commands, packages, Path(name))
        for bytecode in states:
            rows += measure(commands, packages, bytecode, asked.rounds if bytecode else 1, Path(name))
            if asked.write:  # those that there are, should the rest be stopped
                Place(asked.write, "startup").write(table(rows))
            if asked.json:
                asked.json.write_text(json.dumps(rows, indent=2))
    print(table(rows))


if __name__ == "__main__":
    main()
