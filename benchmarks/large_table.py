"""How long `econml fit mlp` by its defaults takes on 20,640 rows (as California housing has), how well it predicts.

    uv run --group bench python benchmarks/large_table.py
    uv run --group bench python benchmarks/large_table.py --rows 2000
    uv run --group bench python benchmarks/large_table.py --alone -- --weight-decay 0.1

A made table of 20,640 rows and 8 columns (nothing is downloaded): positions on a map, skewed sizes and incomes, a price
that depends on them smoothly, with steps and interactions, and noise of half of its variance. Wall and CPU seconds are
those of the process, its start and its compilation included; beside it OLS, scikit-learn's network and boosting on the
same rows.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from tables import PEERS, Ours


def made(rows: int, seed: int = 0) -> pd.DataFrame:
    """A table of so many rows; `y` is explained by the other 8 columns, which explain half of its variance."""
    r = np.random.default_rng(seed)
    lon, lat = r.uniform(-1, 1, rows), r.uniform(-1, 1, rows)
    income, size = r.lognormal(0, 0.5, rows), r.lognormal(0.5, 0.4, rows)
    age, people = r.integers(1, 53, rows).astype(float), r.lognormal(1, 0.7, rows)
    share, rooms = r.beta(2, 5, rows), size * r.lognormal(0, 0.2, rows)
    coast = np.exp(-4 * np.abs(lon + 0.5 * np.sin(3 * lat)))
    mean = np.log(income) * (1 + coast) + 2 * coast + 0.3 * np.log(rooms / people) + 0.2 * (age > 30) - share**2
    y = mean + np.std(mean) * r.normal(size=rows)
    columns = {"lon": lon, "lat": lat, "income": income, "size": size, "age": age, "people": people}
    return pd.DataFrame({**columns, "share": share, "rooms": rooms, "y": y})


def fitted(path: Path, folder: Path, more: list[str]) -> dict[str, float]:
    """Wall and CPU seconds of `econml fit mlp`, the epochs it took, and its RMSE on the rows for testing."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    words = [
        "fit",
        "mlp",
        "--data",
        str(path),
        "--target",
        "y",
        "--runs-dir",
        str(folder),
        "--name",
        "net",
        "--quiet",
        *more,
    ]
    subprocess.run([sys.executable, "-m", "econml_cli", *words], check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    summary = json.loads((folder / "net" / "summary.json").read_text())
    return {"wall": wall, "cpu": cpu, **summary}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n\n")[0])
    parser.add_argument("--rows", type=int, default=20_640, help="rows of the table [20,640]")
    parser.add_argument("--alone", action="store_true", help="leave out what it is compared with")
    parser.add_argument("more", nargs="*", help="options of econml fit, behind --")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.parquet"
        made(args.rows).to_parquet(path)
        rows = Ours(path, {}).rows(0)
        scale = float(np.std(pd.read_parquet(path)["y"]))
        for method in () if args.alone else ("OLS / logit", "scikit-learn MLP", "boosting"):
            cpu, start = time.process_time(), time.perf_counter()
            loss = rows.loss(PEERS[method](rows))
            took = time.process_time() - cpu, time.perf_counter() - start
            print(f"{method}: RMSE {loss:.4f} s.d., {took[0]:.0f} s of CPU, {took[1]:.0f} s", flush=True)
        found = fitted(path, Path(folder), args.more)
        loss = found["test_loss"] ** 0.5 / scale
        print(
            f"econml fit mlp: RMSE {loss:.4f} s.d., {found['cpu']:.0f} s of CPU, {found['wall']:.0f} s, "
            f"{found['epochs']} epochs"
        )


if __name__ == "__main__":
    main()
