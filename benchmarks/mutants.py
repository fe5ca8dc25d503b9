"""How many planted faults the tests catch: benchmarks/faults.py, one at a time, in a copy of the repository.

    uv run --with coverage python benchmarks/which_tests.py     once: which tests execute which lines
    uv run python benchmarks/mutants.py [--only NAME ...] [--seconds 150] [--jobs 2]
    uv run python benchmarks/mutants.py --check        only whether each stands in the sources exactly once (CI)

A fault is run against the tests that execute its lines, cheapest first, then against the other tests of their files
(which may share a fixture that does), until one fails: caught. Where all pass, or the seconds are used up, it is not.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import local

from faults import FAULTS, Fault
from which_tests import BUILD, MAP, ROOT

#: what a copy of the repository consists of
COPIED = ("econml_cli", "tests", "docs", "sweeps", "benchmarks", "pyproject.toml", "README.md", "CHANGELOG.md",
          "CONTRIBUTING.md", "LICENSE")  # fmt: skip
#: what a test that starts processes costs at least: when a fault makes one wait, its time is up
TIMED_OUT = 124


@dataclass(frozen=True)
class Result:
    """What became of one fault: `caught`, `survived`, or `not decided` where the time was up."""

    fault: str
    kind: str
    room: str
    outcome: str
    tests: int
    seconds: float
    said: str


def place(fault: Fault, root: Path) -> tuple[Path, list[int]]:
    """The file of a fault and the lines that it changes.

    Raises:
        LookupError: its text does not stand exactly once.
    """
    found = [path for path in sorted((root / "econml_cli").rglob("*.py")) if fault.old in path.read_text()]
    if len(found) != 1 or found[0].read_text().count(fault.old) != 1:
        raise LookupError(f"{fault.name}: its text stands in {[str(path) for path in found]}, not exactly once")
    first = found[0].read_text().partition(fault.old)[0].count("\n") + 1
    old, new = fault.old.split("\n"), fault.new.split("\n")
    changed = [i for i, line in enumerate(old) if i >= len(new) or line != new[i]] or [len(old) - 1]
    return found[0], [first + i for i in changed]


def tests_for(file: str, lines: list[int], known: dict) -> list[str]:
    """The tests to run against a fault in these lines, in the order in which they are run."""
    cost, by_line = known["cost"], known["lines"].get(file, {})
    executed = {test for line in lines for test in by_line.get(str(line), ())}
    if not executed:  # in the body of a module, or a line that begins no statement
        near = sorted(by_line, key=lambda line: min(abs(int(line) - at) for at in lines))
        executed = next((set(by_line[line]) for line in near if by_line[line]), set())
    files = {test.partition("::")[0] for test in executed}
    beside = {test for test in cost if test.partition("::")[0] in files} - executed
    return [*sorted(executed, key=cost.__getitem__), *sorted(beside, key=cost.__getitem__)]


def plant(fault: Fault, copy: Path, known: dict, seconds: float) -> Result:
    """Plant one fault in the copy, run the tests, take it out again."""
    path, lines = place(fault, copy)
    file = str(path.relative_to(copy))
    chosen, whole, begun = tests_for(file, lines, known), path.read_text(), time.monotonic()
    path.write_text(whole.replace(fault.old, fault.new))
    names = copy / "tests_of_this_fault.txt"
    names.write_text("\n".join(chosen))
    on_path = os.pathsep.join(filter(None, [str(copy), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": on_path, "PYTHONDONTWRITEBYTECODE": "1"}
    line = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "-n",
        "0",
        "-p",
        "no:cacheprovider",
        "--no-header",
        "--run-all",
        f"@{names}",
    ]
    try:
        done = subprocess.run(line, cwd=copy, env=environment, capture_output=True, text=True, timeout=seconds)
        code, out = done.returncode, done.stdout
    except subprocess.TimeoutExpired:
        code, out = TIMED_OUT, ""
    finally:
        path.write_text(whole)
    outcome = {0: "survived", 5: "survived", 1: "caught", 2: "caught", TIMED_OUT: "not decided"}.get(code, "error")
    said = next((row for row in reversed(out.splitlines()) if row.startswith(("FAILED", "ERROR"))), out[-200:])
    room = file.split("/")[1].removesuffix(".py")
    return Result(fault.name, fault.kind, room, outcome, len(chosen), round(time.monotonic() - begun, 1), said)


def check() -> None:
    """Say which faults have no place any more."""
    wrong = []
    for fault in FAULTS:
        try:
            place(fault, ROOT)
        except LookupError as error:
            wrong.append(str(error))
    if wrong:
        sys.exit("\n".join(wrong))


def main() -> None:
    """Plant the faults, print a line for each and how many were caught, write build/mutants.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="*", default=[], help="names of faults")
    parser.add_argument("--seconds", type=float, default=150, help="for the tests of one fault")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--check", action="store_true", help="plant none: exit 1 where one cannot be")
    given = parser.parse_args()
    if given.check:
        check()
        return
    known, copies = json.loads(MAP.read_text()), local()

    with tempfile.TemporaryDirectory() as scratch:

        def one(fault: Fault) -> Result:
            if not hasattr(copies, "path"):  # a copy of the repository for each thread
                copies.path = Path(tempfile.mkdtemp(dir=scratch))
                for name in COPIED:
                    copied = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
                    copied(ROOT / name, copies.path / name)
            result = plant(fault, copies.path, known, given.seconds)
            print(f"{result.outcome:12} {result.room:12} {result.fault:45} {result.seconds:6.1f} s  {result.said[:90]}")
            return result

        with ThreadPoolExecutor(given.jobs) as pool:
            results = list(pool.map(one, [fault for fault in FAULTS if not given.only or fault.name in given.only]))
    BUILD.mkdir(exist_ok=True)
    (BUILD / "mutants.json").write_text(json.dumps([asdict(result) for result in results], indent=1))
    caught = sum(result.outcome == "caught" for result in results)
    print(f"{caught} of {len(results)} faults caught")


if __name__ == "__main__":
    main()
