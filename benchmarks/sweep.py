"""A sweep in one process against one process a trial, as an agent starts them: whole wall time of 30 trials.

Both fit the same points, on the same machine in the same run: the peer is timed between runs of ours. Its commands are
those of W&B's agent, without the five seconds between two looks at the server, and without W&B itself.

cold: each side starts with an empty compilation cache of its own. warm: it finds the programs that an earlier run has
compiled, which is the default of `econml` (for the peer: 30 times the median of its trials).

With `--many 1000`: the CPU milliseconds that one more trial of one epoch and four units costs, its training included,
between a sweep of `FEW` trials and one of so many; those that Orbax takes to write the checkpoint of such a trial; and
the CPU seconds of `econml sweep show`.
"""

import argparse
import csv
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

OURS = [sys.executable, "-m", "econml_cli"]
LECTURE = Path(__file__).parents[1] / "sweeps/lecture.yaml"
#: name, what of the lecture's sweep is changed, the ratio to reach
SMALL = {"values: [64, 128, 256]": "values: [16, 32]", "  - ${args}": "  - --batch_size=32\n  - ${args}"}
CASES = (("lecture", {}, 6.0), ("width 16/32, batch 32", SMALL, 15.0))
FEW = 20
TINY = """
name: tiny
method: random
metric: {name: val_loss, goal: minimize}
parameters:
  lr: {distribution: log_uniform_values, min: 1.0e-4, max: 1.0e-1}
  seed: {distribution: int_uniform, min: 0, max: 100000}
command: ["${env}", econml, fit, mlp, --problem=linear, --width=4, --num_epochs=1, "${args}"]
"""
#: writes the checkpoint of a run, again and again; CPU seconds of each, all threads together
WRITING = """
import sys, tempfile, time
from pathlib import Path
from econml_cli.storage.checkpoint import CheckpointWriter, load
step, sections = load(Path(sys.argv[1]))
with tempfile.TemporaryDirectory() as folder:
    def write(name):
        writer = CheckpointWriter(Path(folder, name), 1)
        writer.save(step, sections)
        writer.close()
    write("first")
    begun = time.process_time()
    for k in range(20):
        write(str(k))
    print((time.process_time() - begun) / 20)
"""


def main() -> None:
    """Time both cases and print two rows for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=2, help="times that ours is run before the peer, and after it")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--json", type=Path, help="keep the figures in this file")
    parser.add_argument("--many", type=int, metavar="N", help="what each of N tiny trials costs, instead")
    arguments = parser.parse_args()
    if arguments.many:
        many(arguments.many)
        return
    titles = ("sweep", "cache", "ours, s", "min to max", "one process a trial, s", "ratio", "target")
    print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}")
    found = []
    for name, changes, target in CASES:
        for cache, ours, peer in case(changes, arguments):
            figures = {"sweep": name, "cache": cache, "ours": ours, "peer": peer, "target": target}
            found.append({**figures, "ratio": peer / statistics.median(ours)})
            seconds = f"{statistics.median(ours):.1f} | {min(ours):.1f} to {max(ours):.1f} | {peer:.0f}"
            print(f"| {name} | {cache} | {seconds} | {found[-1]['ratio']:.1f} | >= {target:g} |", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")


def case(changes: dict[str, str], arguments: argparse.Namespace) -> list[tuple[str, list[float], float]]:
    """(cache, seconds of each run of ours, seconds of all the peer's trials), cold and warm."""
    with tempfile.TemporaryDirectory() as folder:
        text = LECTURE.read_text()
        for old, new in changes.items():
            text = text.replace(old, new)
        file = Path(folder, "sweep.yaml")
        file.write_text(text)
        words = ["--trials", str(arguments.trials), "--engine", arguments.engine, "--quiet", "--no-resume"]
        command = [*OURS, "sweep", "run", str(file), *words]
        cold, warm = [], []

        def ours() -> None:
            for _ in range(arguments.rounds):
                i = len(cold)
                cold.append(wall([*command, "--out", f"{folder}/cold{i}"], f"{folder}/cache{i}"))
                warm.append(wall([*command, "--out", f"{folder}/warm{i}"], f"{folder}/cache{i}"))

        ours()
        peer = [wall(each, f"{folder}/peer-cache") for each in commands(folder)]
        ours()
        return [("cold", cold, sum(peer)), ("warm", warm, len(peer) * statistics.median(peer))]


def commands(folder: str) -> list[list[str]]:
    """`econml fit ...` for each trial of our first run."""
    shown = subprocess.run(
        [*OURS, "sweep", "show", f"{folder}/cold0", "--format", "csv"], check=True, capture_output=True, text=True
    )
    rows = list(csv.DictReader(io.StringIO(shown.stdout)))
    start = ["/usr/bin/env", *OURS, "fit"]
    return [[*start, "--config", f"{row['run']}/config.yaml", "--out", f"{folder}/peer{row['number']}"] for row in rows]


def many(count: int) -> None:
    """Print what each of so many tiny trials costs."""
    with tempfile.TemporaryDirectory() as folder:
        file, cache = Path(folder, "sweep.yaml"), f"{folder}/cache"
        file.write_text(TINY)

        def sweep(trials: int) -> float:
            out = ["--out", f"{folder}/of{trials}"]
            return cpu([*OURS, "sweep", "run", str(file), "--trials", str(trials), "--quiet", *out], cache)

        sweep(FEW + 1)  # compiles
        few, all_ = sweep(FEW), sweep(count)
        show = cpu([*OURS, "sweep", "show", f"{folder}/of{count}"], cache)
        line = [sys.executable, "-c", WRITING, f"{folder}/of{FEW}/0000/checkpoints"]
        orbax = float(subprocess.run(line, check=True, capture_output=True, text=True).stdout)
    print("| trials | CPU of the sweep, s | a trial more, ms | of which Orbax, ms | `sweep show`, CPU s |")
    print("|---|---|---|---|---|")
    each = (all_ - few) / (count - FEW)
    print(f"| {count:,} | {all_:.1f} | {each * 1000:.0f} | {orbax * 1000:.0f} | {show:.2f} |")


def cpu(command: list[str], cache: str) -> float:
    """CPU seconds of a command, of all its threads."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall(command, cache)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def wall(command: list[str], cache: str) -> float:
    """Seconds from start to exit."""
    drop = ("ECONML_", "WANDB_", "JAX_COMPILATION_CACHE", "JAX_PERSISTENT_CACHE")
    env: dict[str, Any] = {name: value for name, value in os.environ.items() if not name.startswith(drop)}
    env |= {"JAX_COMPILATION_CACHE_DIR": cache, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    start = time.perf_counter()
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
