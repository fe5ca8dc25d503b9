"""What it takes to get a large table ready for training: peak memory and CPU seconds, against the file's own reader.

    uv run python benchmarks/big_data.py                              # 10^6 rows of ten columns, Parquet
    uv run python benchmarks/big_data.py --rows 10000000 --beside before=/path/to/another/checkout
    uv run python benchmarks/big_data.py --rows 10000000 --stream     # a fit, streamed: encoded, trained, evaluated
    uv run python benchmarks/big_data.py --rows 100000000 --stream --without reader   # which would hold all of it
    uv run python benchmarks/big_data.py --columns 1250,2500,5000     # CPU seconds of wide tables of 2,000 rows

Each figure is of a process of its own. *floor* imports JAX and Flax and compiles one function; *reader* is pyarrow
reading the file, all of it (pandas, of a .dta); *prepare* is what `econml fit mlp --data FILE --target y` does before
its first epoch, *table* what of it is reading and encoding. With `--stream`, *encode* is `prepare` of a table that is
not held whole, *epoch* an epoch from what was encoded, *fit* `econml fit` of one epoch, *eval* `econml eval --bootstrap
0` of its run, all three from what *encode* has written; *eval --data* the same with intervals of the file as a new one,
*predict* `econml predict --data FILE --out P.parquet`, *effects* `econml eval effects` of the training rows, *linear*
an exact fit of model linear (which encodes the table again, in float64), *eval linear* its `econml eval --vcov HC1`.
Memory is the most that the process ever held (VmHWM), beyond the floor, as a multiple of the numbers as
float32.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent.parent
COLUMNS = 10
#: rows that are drawn and written at once: a row group of Parquet as pyarrow makes them
BLOCK = 2**20
PEAK = """
import json, os, sys, time
def told():
    lines = open("/proc/self/status").read().splitlines()
    peak = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    print(json.dumps({"peak": peak, "cpu": sum(os.times()[:2])}))
"""
PROGRAMS = {
    "floor": "import jax, jax.numpy as jnp, flax.nnx; jax.jit(lambda x: x + 1)(jnp.zeros(3)).block_until_ready()",
    "reader": """
if FILE.endswith(".dta"):
    import pandas
    table = pandas.read_stata(FILE)
else:
    from pyarrow import csv, parquet
    table = (csv.read_csv if FILE.endswith(".csv") else parquet.read_table)(FILE)
""",
    "table": """
import jax, jax.numpy as jnp, flax.nnx; jax.jit(lambda x: x + 1)(jnp.zeros(3)).block_until_ready()
from econml_cli.problems.tabular import Tabular
problem = Tabular(rngs=None, data=FILE, target="y")
""",
    "prepare": """
from econml_cli.config.fit_config import build
from econml_cli.training.precision import precision
from econml_cli.training.setup.setup import Workshop
config = build("mlp", "tabular", [("the benchmark", {"data": FILE, "target": "y", "width": "8"})])
with precision("float32"):
    setup = Workshop().assemble(config)
""",
}
STREAMED = """
from pathlib import Path
from econml_cli.config.fit_config import build
from econml_cli.training.fit import make_trainer
from econml_cli.training.precision import precision
from econml_cli.training.setup.setup import Workshop
options = {"data": FILE, "target": "y", "width": "8", "batch_size": "8192", "num_epochs": "1", "stream": "true"}
config = build("mlp", "tabular", [("the benchmark", options)])
"""
STREAMING = {
    "encode": STREAMED
    + """
with precision("float32"):
    trainer = make_trainer(config, Workshop())
""",
    "epoch": STREAMED
    + """
with precision("float32"):
    trainer = make_trainer(config, Workshop())
    list(trainer.run())
""",
    "fit": STREAMED
    + """
from econml_cli.training.fit import fit
fit(config, Path(FILE + ".run"))
""",
    "eval": """
from pathlib import Path
from econml_cli.evaluation.evaluate import evaluate
from econml_cli.runs.directory import Run
evaluate(Run(Path(FILE + ".run")), bootstrap=0)
""",
    "eval --data": """
from pathlib import Path
from econml_cli.evaluation.evaluate import evaluate
from econml_cli.runs.directory import Run
evaluate(Run(Path(FILE + ".run")), data=FILE)
""",
    "effects": """
from pathlib import Path
from econml_cli.evaluation.marginal.effects import effects
from econml_cli.runs.directory import Run
effects(Run(Path(FILE + ".run")))
""",
    "predict": """
from pathlib import Path
from econml_cli.evaluation import large_predictions
from econml_cli.runs.directory import Run
run, out = Run(Path(FILE + ".run")), Path(FILE + ".predicted.parquet")
assert large_predictions.suits(run, FILE)
large_predictions.predict(run, FILE, out, step=None, say=print)
""",
    "linear": """
from pathlib import Path
from econml_cli.config.fit_config import build
from econml_cli.training.fit import fit
options = {"data": FILE, "target": "y", "stream": "true"}
fit(build("linear", "tabular", [("the benchmark", options)]), Path(FILE + ".linear"))
""",
    "eval linear": """
from pathlib import Path
from econml_cli.evaluation.evaluate import evaluate
from econml_cli.runs.directory import Run
evaluate(Run(Path(FILE + ".linear")), vcov="HC1")
""",
}


def streamed(rows: int, without: list[str]) -> None:
    """Print what a streamed fit takes, row by row as it is measured; of one round, `without` these rows."""
    size = 4 * rows * COLUMNS
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "table.parquet"
        write(file, rows)
        os.environ["XDG_CACHE_HOME"] = folder  # what is encoded lies there, and is found by the next
        print(f"{rows:,} rows x {COLUMNS} columns, {size / 2**20:,.0f} MiB as float32\n")
        print("| | peak, MiB | (peak - floor) / float32 | CPU, s |\n|---|---|---|---|", flush=True)
        floor = measured(PROGRAMS["floor"], file, HERE)["peak"]
        cases = {"floor": PROGRAMS["floor"], "reader": PROGRAMS["reader"], **STREAMING}
        for name, program in cases.items():
            if name in without:
                continue
            found = measured(program, file, HERE)
            peak = found["peak"]
            print(f"| {name} | {peak / 2**20:,.0f} | {(peak - floor) / size:.1f} | {found['cpu']:.2f} |", flush=True)


def write(path: Path, rows: int, count: int = COLUMNS) -> None:
    """A table of count - 1 features and the target y, drawn and written (but for Stata's) by blocks."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import csv, parquet

    rng = np.random.default_rng(0)

    def drawn(rows: int) -> pa.Table:
        columns = {f"x{i}": rng.standard_normal(rows, dtype=np.float32) for i in range(count - 1)}
        columns["y"] = columns["x0"] - columns["x1"] + rng.standard_normal(rows, dtype=np.float32)
        return pa.table(columns)

    if path.suffix == ".dta":
        drawn(rows).to_pandas().to_stata(path, write_index=False)
        return
    make, first = csv.CSVWriter if path.suffix == ".csv" else parquet.ParquetWriter, drawn(min(rows, BLOCK))
    with make(path, first.schema) as writer:
        writer.write_table(first)
        for start in range(BLOCK, rows, BLOCK):
            writer.write_table(drawn(min(rows - start, BLOCK)))


def measured(program: str, file: Path, package: Path) -> dict[str, float]:
    """Peak memory in bytes, and CPU seconds, of a program in a process of its own."""
    text = f"{PEAK}\nFILE = {str(file)!r}\n{program}\ntold()\n"
    variables = os.environ | {"PYTHONPATH": str(package), "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", text], env=variables, capture_output=True, text=True, cwd=file.parent)
    if done.returncode:
        sys.exit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def wide(counts: list[int], rounds: int, packages: dict[str, Path]) -> None:
    """Print what tables of 2,000 rows and so many columns take."""
    with tempfile.TemporaryDirectory() as folder:
        print("| columns | | CPU beyond the floor, s | per 1,000 columns |\n|---|---|---|---|")
        for count in counts:
            file = Path(folder) / f"wide{count}.parquet"
            write(file, 2000, count)
            for name, package in packages.items():
                took = []
                for _ in range(rounds):
                    floor, table = (measured(PROGRAMS[what], file, package)["cpu"] for what in ("floor", "table"))
                    took.append(table - floor)
                cpu = statistics.median(took)
                print(f"| {count:,} | {name} | {cpu:.2f} | {cpu / count * 1000:.2f} |", flush=True)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10**6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--format", choices=["parquet", "csv", "dta"], default="parquet")
    parser.add_argument("--beside", metavar="NAME=DIR", action="append", default=[], help="another checkout")
    parser.add_argument("--columns", type=lambda text: [*map(int, text.split(","))], help="of wide tables instead")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures")
    parser.add_argument("--stream", action="store_true", help="a streamed fit instead")
    parser.add_argument("--without", metavar="ROW", action="append", default=[], help="with --stream: leave it out")
    asked = parser.parse_args()
    packages = {"this": HERE} | {name: Path(place) for name, _, place in (one.partition("=") for one in asked.beside)}
    if asked.stream:
        streamed(asked.rows, asked.without)
        return
    if asked.columns:
        wide(asked.columns, asked.rounds, packages)
        return
    ours = [(program, name) for name in packages for program in ("table", "prepare")]
    cases = [("floor", "this"), ("reader", "this"), *ours]
    rounds: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"table.{asked.format}"
        write(file, asked.rows)
        for _ in range(asked.rounds):
            rounds.append({f"{c} ({p})": measured(PROGRAMS[c], file, packages[p]) for c, p in cases})
    size = 4 * asked.rows * COLUMNS
    print(f"{asked.rows:,} rows x {COLUMNS} columns, {size / 2**20:,.0f} MiB as float32, {asked.format}\n")
    print("| | peak, MiB | (peak - floor) / float32 | CPU, s | (CPU - floor) / reader's |\n|---|---|---|---|---|")
    for name in rounds[0]:
        peak, cpu = (statistics.median(one[name][key] for one in rounds) for key in ("peak", "cpu"))
        floor, floor_cpu = (statistics.median(one["floor (this)"][key] for one in rounds) for key in ("peak", "cpu"))
        reading = statistics.median(one["reader (this)"]["cpu"] for one in rounds)
        last = f"{(cpu - floor_cpu) / reading:.1f}" if name.startswith(("prepare", "table")) else ""
        print(f"| {name} | {peak / 2**20:,.0f} | {(peak - floor) / size:.1f} | {cpu:.2f} | {last} |")
    if asked.json:
        asked.json.write_text(json.dumps({"rows": asked.rows, "format": asked.format, "rounds": rounds}, indent=2))


if __name__ == "__main__":
    main()
