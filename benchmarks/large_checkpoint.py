"""What it costs to look at a checkpoint of 10^8 parameters: seconds and peak memory of whole processes.

    uv run python benchmarks/large_checkpoint.py
    uv run python benchmarks/large_checkpoint.py --beside before=/path/to/another/checkout --width 700

Each checkout fits its own run (an MLP of two hidden layers by Adam, one step), and looks at it. Memory is the largest
resident size of the process; `import jax` alone is the floor.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent.parent
FLOOR = "import jax, jax.numpy as jnp; jax.jit(lambda x: x + 1)(jnp.zeros(3)).block_until_ready()"
LOOKS = (
    "inspect checkpoint large --view summary",
    "inspect checkpoint large --view graphdef",
    "inspect checkpoint large --path linear1",
    "inspect checkpoint large",
    "eval large",
)


def watched(line: list[str], there: Path, package: Path) -> tuple[float, float, float]:
    """(wall seconds, CPU seconds, peak bytes) of a process."""
    variables = os.environ | {"PYTHONPATH": str(package), "XDG_CACHE_HOME": str(there / "cache")}
    started = time.perf_counter()
    with (there / "said.txt").open("w+") as said:
        process = subprocess.Popen(line, env=variables, cwd=there, stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(line)} failed: {(there / 'said.txt').read_text()}")
    unit = 1 if sys.platform == "darwin" else 1024
    return time.perf_counter() - started, used.ru_utime + used.ru_stime, float(used.ru_maxrss * unit)


def measure(name: str, package: Path, width: int) -> list[dict[str, Any]]:
    """The rows of one checkout."""
    rows = []
    fit = f"fit mlp --width {width} --N 32 --N_test 8 --N_val 8 --num-epochs 1 --batch_size 32 --name large --quiet"
    with tempfile.TemporaryDirectory() as folder:
        for command in (fit, *LOOKS):
            line = [sys.executable, "-m", "econml_cli", *command.split()]
            rows.append((name, command, *watched(line, Path(folder), package)))
        rows.append(("Python", "floor", *watched([sys.executable, "-c", FLOOR], Path(folder), package)))
    return [dict(zip(("package", "command", "wall", "cpu", "peak"), row, strict=True)) for row in rows]


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = ["| command | of | wall, s | CPU, s | peak, GB |", "|---|---|---|---|---|"]
    for row in rows:
        figures = f"{row['wall']:.1f} | {row['cpu']:.1f} | {row['peak'] / 1e9:.2f}"
        lines.append(f"| {row['command']} | {row['package']} | {figures} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=10_000, help="of two hidden layers (default: 10^8 parameters)")
    parser.add_argument("--beside", metavar="NAME=DIR", action="append", default=[], help="another checkout")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures")
    asked = parser.parse_args()
    packages = {"this": HERE} | {name: Path(place) for name, _, place in (one.partition("=") for one in asked.beside)}
    rows = [row for name, package in packages.items() for row in measure(name, package, asked.width)]
    print(table(rows))
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
