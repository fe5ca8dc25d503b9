"""Which tests execute which lines: the suite under coverage.py, with a context for each test.

    uv run --with coverage python benchmarks/which_tests.py           writes build/which_tests.json, prints the coverage
    uv run --with coverage python benchmarks/which_tests.py --total   only prints it: half the time

As a plugin of pytest (`-p benchmarks.which_tests`) this file switches the context of coverage.py from test to test, and
writes down what each test costs. Processes that a test starts are measured as well.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build"
MAP = BUILD / "which_tests.json"
#: where workers write what their tests cost
COSTS = "WHICH_TESTS_COSTS"
PASSED = pytest.StashKey[bool]()
CONFIG = """
[run]
branch = true
source_pkgs = econml_cli
parallel = true
patch = subprocess
sigterm = true
data_file = {build}/coverage/data
context = {context}
disable_warnings = no-data-collected,module-not-imported,dynamic-conflict,module-not-measured
"""


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A test that fails, or is skipped, without any fault has nothing to say of one."""
    report = (yield).get_result()
    item.stash[PASSED] = report.passed and item.stash.get(PASSED, True)


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    """What is executed from here on is executed by this test."""
    coverage = sys.modules.get("coverage")  # without it, only the costs are written
    measured = coverage and coverage.Coverage.current()
    if measured:
        measured.switch_context(item.nodeid)
    begun, before = time.time(), _cpu()
    yield
    own, children = (after - before_ for after, before_ in zip(_cpu(), before, strict=True))
    row = {
        "id": item.nodeid, "slow": item.get_closest_marker("slow") is not None, "wall": time.time() - begun,
        "cpu": own, "children": children, "passed": item.stash.get(PASSED, False),
    }  # fmt: skip
    with Path(f"{os.environ[COSTS]}.{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}").open("a") as file:
        file.write(json.dumps(row) + "\n")
    if measured:
        measured.switch_context("")


def _cpu():
    """CPU seconds so far: (of this process, of its children that have ended)."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return [each.ru_utime + each.ru_stime for each in used]


def run(*args):
    """Run the suite with `args` of pytest's under coverage; combine what its processes have measured.

    With "--total" among them no test is told from another, so they share what they compile, as without coverage.
    """
    args, by_test = [arg for arg in args if arg != "--total"], "--total" not in args
    directory = BUILD / "coverage"
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.iterdir():
        old.unlink()
    config = directory / "config"
    config.write_text(CONFIG.format(build=BUILD, context="${PYTEST_CURRENT_TEST-}" if by_test else ""))
    environment = {
        **os.environ,
        **({COSTS: str(directory / "costs")} if by_test else {}),
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    line, plugin = [sys.executable, "-m", "coverage"], ["-p", "benchmarks.which_tests"] if by_test else []
    subprocess.run([*line, "run", f"--rcfile={config}", "-m", "pytest", *plugin, *args], env=environment)
    written = BUILD / "coverage.json"
    for words in (["combine", "-q"], ["json", "-q", "-o", str(written)]):
        subprocess.run([*line, words[0], f"--rcfile={config}", *words[1:]], check=True, cwd=ROOT)
    found = json.loads(written.read_text())["totals"]
    lines, branches = (
        found["covered_lines"] / found["num_statements"],
        found["covered_branches"] / found["num_branches"],
    )
    print(f"lines {lines:.2%}, branches {branches:.2%}")
    if by_test:
        write_map(directory / "data", directory.glob("costs.*"))


def write_map(data, costs):
    """Write {"cost": {test: CPU seconds}, "lines": {file: {line: [tests]}}} of the tests that passed.

    Files are named as seen from the repository.
    """
    import coverage

    rows = [json.loads(line) for path in costs for line in path.read_text().splitlines()]
    cost = {row["id"]: round(row["cpu"] + row["children"], 3) for row in rows if row["passed"]}
    measured = coverage.CoverageData(str(data))
    measured.read()
    lines = {}
    for file in measured.measured_files():
        by_line = defaultdict(set)
        for line, contexts in measured.contexts_by_lineno(file).items():
            by_line[line] |= {test for context in contexts if (test := context.rpartition(" (")[0] or context) in cost}
        lines[_inside(file)] = {line: sorted(tests) for line, tests in by_line.items()}
    MAP.write_text(json.dumps({"cost": cost, "lines": lines}))


def _inside(file):
    return f"econml_cli{file.rpartition('econml_cli')[2]}"


if __name__ == "__main__":
    sys.path.pop(0)  # this folder, in which a benchmark has the name of the library coverage
    run(*sys.argv[1:])
