"""How many planted faults the tests catch: benchmarks/faults.py, one at a time, in a copy of the repository.

    uv run --with coverage python benchmarks/which_tests.py     once: which tests execute which lines (an hour)
    uv run python benchmarks/mutants.py [--only NAME ...] [--seconds 150] [--jobs 2] [--results FILE]
    uv run python benchmarks/mutants.py --check        only whether each can be planted, exactly once (CI)

A fault is run first against the test that caught it before, which benchmarks/caught.json names, then against the
tests that execute its lines, those nearest by name and cheapest first, then against the other tests of their files
(which may share a fixture that does), until one fails: caught. Without a map of them it is run against the files of
tests that name its module or are of its room, quick tests first. Where all pass, or the seconds are used up, it is
not. Each result is a line of build/mutants.jsonl (--results FILE) once it is there; run again, it goes on with the
faults that have none. What caught a fault is written to benchmarks/caught.json in the end.
"""

import argparse
import ast
import json
import os
import re
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
#: {fault: the test that caught it last}, of all faults that were ever caught
CAUGHT = ROOT / "benchmarks" / "caught.json"
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


def near(test: str, file: str) -> int:
    """How near a test is to a file of the package by name: 0 has its name, 1 is of its room, 2 is neither."""
    path, module = Path(test.partition("::")[0]), Path(file)
    if path.stem.removeprefix("test_") == module.stem:
        return 0
    return 1 if path.parts[1:2] == module.parts[1:2] else 2


def tests_for(file: str, lines: list[int], known: dict) -> list[str]:
    """The tests to run against a fault in these lines, in the order in which they are run."""
    cost, by_line = known["cost"], known["lines"].get(file, {})

    def order(test: str) -> tuple[int, float]:
        return near(test, file), cost[test]

    executed = {test for line in lines for test in by_line.get(str(line), ())}
    if not executed:  # in the body of a module, or a line that begins no statement
        nearest = sorted(by_line, key=lambda line: min(abs(int(line) - at) for at in lines))
        executed = next((set(by_line[line]) for line in nearest if by_line[line]), set())
    files = {test.partition("::")[0] for test in executed}
    beside = {test for test in cost if test.partition("::")[0] in files} - executed
    return [*sorted(executed, key=order), *sorted(beside, key=order)]


def files_for(file: str, root: Path) -> list[str]:
    """Without a map: the files of tests that name the module or are of its room, the nearest first."""
    module = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    package, _, name = module.rpartition(".")
    words = re.compile(rf"\b{re.escape(module)}\b|from {re.escape(package)} import [^\n]*\b{re.escape(name)}\b")
    found = {}
    for path in sorted((root / "tests").rglob("test_*.py")):
        test = path.relative_to(root).as_posix()
        distance = near(test, file)
        if words.search(path.read_text()):
            found[test] = min(distance, 0.5)
        elif distance < 2:
            found[test] = distance
    return sorted(found, key=found.__getitem__)


def caught_by() -> dict[str, str]:
    """The test that caught each fault when it was last caught."""
    return json.loads(CAUGHT.read_text()) if CAUGHT.exists() else {}


def rounds_for(file: str, lines: list[int], copy: Path, known: dict | None, before: str | None):
    """What to run one after the other against a fault in these lines: (tests, options of pytest)."""
    if before and (copy / before.partition("::")[0]).exists():
        yield [before], []
    if known and (tests := tests_for(file, lines, known)):
        yield tests, []
    else:  # without a map, or in a file that is newer than it
        files = files_for(file, copy)
        yield from ((files, ["-m", marks]) for marks in ("not slow", "slow") if files)


def plant(fault: Fault, copy: Path, known: dict | None, before: str | None, seconds: float) -> Result:
    """Plant one fault in the copy, run the tests, take it out again."""
    path, lines = place(fault, copy)
    file = str(path.relative_to(copy))
    whole, begun = path.read_text(), time.monotonic()
    path.write_text(whole.replace(fault.old, fault.new))
    outcome, said, tried = "survived", "", 0
    try:
        for tests, marks in rounds_for(file, lines, copy, known, before):
            outcome, said = run(tests, marks, copy, seconds - (time.monotonic() - begun))
            tried = max(tried, len(tests))
            if outcome in ("caught", "not decided"):
                break
    finally:
        path.write_text(whole)
    room = file.split("/")[1].removesuffix(".py")
    return Result(fault.name, fault.kind, room, outcome, tried, round(time.monotonic() - begun, 1), said)


def run(tests: list[str], marks: list[str], copy: Path, seconds: float) -> tuple[str, str]:
    """Run tests of the copy until one fails: the outcome, and the row of pytest's that says why."""
    names = copy / "tests_of_this_fault.txt"
    names.write_text("\n".join(tests))
    on_path = os.pathsep.join(filter(None, [str(copy), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": on_path, "PYTHONDONTWRITEBYTECODE": "1"}
    words = ["-x", "-q", "-n", "0", "-p", "no:cacheprovider", "--no-header", "--run-all"]
    line = [sys.executable, "-m", "pytest", *words, *marks, f"@{names}"]
    try:
        done = subprocess.run(line, cwd=copy, env=environment, capture_output=True, text=True, timeout=max(seconds, 1))
        code, out = done.returncode, done.stdout
    except subprocess.TimeoutExpired:
        code, out = TIMED_OUT, ""
    outcome = {0: "survived", 5: "survived", 1: "caught", 2: "caught", TIMED_OUT: "not decided"}.get(code, "error")
    return outcome, next((row for row in reversed(out.splitlines()) if row.startswith(("FAILED", "ERROR"))), out[-200:])


def check() -> None:
    """Say which faults have no place any more, or are no Python, so that no test would run."""
    wrong = []
    for fault in FAULTS:
        try:
            path, _ = place(fault, ROOT)
            ast.parse(path.read_text().replace(fault.old, fault.new))
        except LookupError as error:
            wrong.append(str(error))
        except SyntaxError as error:
            wrong.append(f"{fault.name}: with it {path.name} is no Python: {error.msg}, line {error.lineno}")
    if wrong:
        sys.exit("\n".join(wrong))


def read(file: Path, chosen: list[Fault]) -> dict[str, Result]:
    """What became of these faults in an earlier run that wrote this file."""
    names = {fault.name for fault in chosen}
    rows = [Result(**json.loads(line)) for line in file.read_text().splitlines()] if file.exists() else []
    return {row.fault: row for row in rows if row.fault in names}


def record(results: dict[str, Result]) -> None:
    """Keep which test caught which fault; what is no fault any more goes."""
    found = caught_by()
    for result in results.values():
        test = re.match(r"(?:FAILED|ERROR) (tests/.*?)(?: - |$)", result.said)
        if result.outcome == "caught" and test:
            found[result.fault] = test[1]
    names = {fault.name for fault in FAULTS}
    text = json.dumps({name: test for name, test in sorted(found.items()) if name in names}, indent=1)
    CAUGHT.write_text(text + "\n")


def tell(result: Result) -> str:
    """One line for a person."""
    return f"{result.outcome:12} {result.room:12} {result.fault:45} {result.seconds:6.1f} s  {result.said[:90]}"


def main() -> None:
    """Plant the faults, print a line for each and how many were caught."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="*", default=[], help="names of faults")
    parser.add_argument("--seconds", type=float, default=150, help="for the tests of one fault")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--results", type=Path, default=BUILD / "mutants.jsonl", help="a line for each; goes on there")
    parser.add_argument("--check", action="store_true", help="plant none: exit 1 where one cannot be")
    given = parser.parse_args()
    if given.check:
        check()
        return
    known, copies = json.loads(MAP.read_text()) if MAP.exists() else None, local()
    chosen = [fault for fault in FAULTS if not given.only or fault.name in given.only]
    given.results.parent.mkdir(parents=True, exist_ok=True)
    results = read(given.results, chosen)
    waiting, before = [fault for fault in chosen if fault.name not in results], caught_by()

    with tempfile.TemporaryDirectory() as scratch:

        def one(fault: Fault) -> Result:
            if not hasattr(copies, "path"):  # a copy of the repository for each thread
                copies.path = Path(tempfile.mkdtemp(dir=scratch))
                for name in COPIED:
                    copied = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
                    copied(ROOT / name, copies.path / name)
            result = plant(fault, copies.path, known, before.get(fault.name), given.seconds)
            with given.results.open("a") as file:
                file.write(json.dumps(asdict(result)) + "\n")
            print(tell(result), flush=True)
            return result

        with ThreadPoolExecutor(given.jobs) as pool:
            results |= {result.fault: result for result in pool.map(one, waiting)}
    record(results)
    caught = sum(result.outcome == "caught" for result in results.values())
    print(f"{caught} of {len(results)} faults caught")


if __name__ == "__main__":
    main()
