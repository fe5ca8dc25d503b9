"""How often `econml report` and `econml eval compare A B` read each file of a run, and how long they take.

    uv run python benchmarks/reads.py

The seconds are the shortest of a few in one process, after a first time that compiles: compare them with those of
another version on one idle machine. The counts are the same everywhere; tests/evaluation/test_opened.py holds them.
"""

import contextlib
import io
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.reads import counted
from tests.support.running import here

NAMES = ("config.yaml", "manifest.json", "checkpoint", "data")
TIMES = 5
ROWS = 5000


def econml(*words: str) -> None:
    """The command in this process, its output thrown away."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        code = here(*words)
    if code:
        raise SystemExit(f"econml {' '.join(words)} ended with exit code {code}.")


def make() -> None:
    """Two runs on one data file."""
    import numpy as np

    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, 3))
    y = x @ [1.0, -0.5, 0.25] + 0.1 * rng.normal(size=ROWS)
    lines = [",".join(f"{value:.6f}" for value in (*row, outcome)) for row, outcome in zip(x, y, strict=True)]
    Path("data.csv").write_text("\n".join(["a,b,c,y", *lines]) + "\n")
    table = ("--data", "data.csv", "--target", "y", "--test-fraction", "0.3", "--num-epochs", "5")
    econml("fit", "mlp", "--width", "8", *table, "--out", "A")
    econml("fit", "mlp", "--width", "16", *table, "--out", "B")


def run() -> None:
    """Count and time both commands."""
    print(f"{'':24}{''.join(f'{name:>15}' for name in NAMES)}{'seconds':>10}")
    for words in (("report", "A", "--out", "A.html"), ("eval", "compare", "A", "B")):
        econml(*words)  # compiles
        seconds = []
        for _ in range(TIMES):
            with counted() as found:
                start = time.perf_counter()
                econml(*words)
                seconds.append(time.perf_counter() - start)
        print(f"{' '.join(words[:4]):24}{''.join(f'{found[name]:>15}' for name in NAMES)}{min(seconds):>10.2f}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        make()
        run()
