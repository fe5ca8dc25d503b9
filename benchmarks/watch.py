"""How long `econml watch` takes to draw a directory again: 1,000 runs, twenty of them training, on 120 x 50 columns.

    uv run python benchmarks/watch.py
    uv run python benchmarks/watch.py --runs 5000 --rounds 20

A redraw looks at every run, reads what has changed (each of the twenty has logged an epoch since), and draws the table.
Exit code 1 where the median is over --most seconds.
"""

import argparse
import io
import json
import shutil
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from econml_cli.inspection import watch_text
from econml_cli.inspection.watch_text import Look
from econml_cli.runs import directory
from econml_cli.runs.directory import Run
from econml_cli.runs.watching import Watched

SOURCE = Path(__file__).resolve().parent.parent / "tests" / "data" / "made_by_0.1" / "network"
TRAINING = 20


def lay(place: Path, count: int) -> list[Run]:
    """So many runs of 200 logged epochs, without weights; those of the returned are under way."""
    rows = "".join(
        json.dumps({"epoch": i + 1, "lr": 1e-3, "train_loss": 1 / (i + 1), "val_loss": 1.1 / (i + 1)}) + "\n"
        for i in range(200)
    )
    for number in range(count):
        path = place / f"mlp-linear-{number:05d}"
        shutil.copytree(SOURCE, path, ignore=shutil.ignore_patterns("checkpoints"))
        (path / "metrics.jsonl").write_text(rows)
        if number < TRAINING:
            (path / "summary.json").unlink()
            Run(path).update_manifest(status="running")
    return [Run(place / f"mlp-linear-{number:05d}") for number in range(min(TRAINING, count))]


def main() -> None:
    """Lay the runs, draw them, say how long it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--most", type=float, default=0.2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as locks:
        training = lay(Path(folder), asked.runs)
        for run in training:
            locks.enter_context(directory.training_lock(run))
        watched, look = Watched(Path(folder)), Look(120, 50)
        console = Console(file=io.StringIO(), width=120, height=50)
        wall, cpu = [], []
        for turn in range(asked.rounds + 1):
            for run in training:
                row = {"epoch": 201 + turn, "train_loss": 1 / (201 + turn), "val_loss": 1.1 / (201 + turn)}
                directory.append_metrics(run, json.dumps(row) + "\n", sync=False)
            began, used = time.perf_counter(), time.process_time()
            console.print(watch_text.frame(watched, watched.poll(), look))
            wall.append(time.perf_counter() - began)
            cpu.append(time.process_time() - used)
    print(f"{asked.runs:,} runs, {len(training)} under way")
    print(f"first drawing   {wall[0]:.3f} s ({cpu[0]:.3f} CPU s)")
    middle = statistics.median(wall[1:])
    print(f"a redraw        {middle:.3f} s ({statistics.median(cpu[1:]):.3f} CPU s), the longest {max(wall[1:]):.3f} s")
    sys.exit(middle > asked.most)


if __name__ == "__main__":
    main()
