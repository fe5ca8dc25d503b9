"""How often the 95 % intervals of double machine learning cover the true effect.

    uv run python benchmarks/dml_coverage.py                         # 1,000 data sets of each model
    uv run python benchmarks/dml_coverage.py --replications 100 --json FILE

Each data set is drawn anew; its nuisances are small networks (`econml estimate --nuisance mlp`), cross-fitted. The
fits of 64 folds of different data sets are one `vmap`. 95 % of 1,000 has a standard error of 0.7 points.
"""

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np

from econml_cli.causal import scores
from econml_cli.causal.folds import folds_of
from econml_cli.causal.nuisance import Job, Trainable, config_of
from econml_cli.training import compilation_cache

#: rows, controls, folds; data sets that are held in memory at a time
N, P, FOLDS, BLOCK = 500, 3, 4, 64
Z = 1.959963984540054
NETWORK = {"width": "16", "depth": "1", "lr": "0.02", "num_epochs": "80", "patience": "0", "batch_size": "0"}
NETWORK |= {"optimizer": "adamw", "weight_decay": "1.0"}
NONE = np.empty(0, dtype=int)
#: of each model its nuisances, and whether they are probabilities
NUISANCES = {"plr": {"l": False, "m": False}, "irm": {"g0": False, "g1": False, "m": True}}
TRUTH = {"plr": 0.5, "irm": 1.0}


def draw(model: str, seed: int) -> dict[str, np.ndarray]:
    """A data set: controls x, treatment d, outcome y."""
    r = np.random.default_rng([seed, len(model)])
    x = r.normal(size=(N, P))
    index, base = 0.5 * x[:, 0] + 0.5 * np.tanh(x[:, 1]), np.cos(x[:, 0]) + 0.5 * x[:, 1]
    if model == "plr":
        d = index + r.normal(size=N)
        return {"x": x, "d": d, "y": TRUTH[model] * d + base + r.normal(size=N)}
    d = (r.uniform(size=N) < 1 / (1 + np.exp(-index))).astype(float)
    return {"x": x, "d": d, "y": (TRUTH[model] + 0.5 * x[:, 0]) * d + base + r.normal(size=N)}


def rows_of(name: str, data: dict[str, np.ndarray]) -> np.ndarray:
    """The rows that a nuisance is fitted in, [N] bool."""
    return data["d"] == float(name[1]) if name[0] == "g" else np.ones(N, dtype=bool)


def target_of(name: str, data: dict[str, np.ndarray]) -> np.ndarray:
    """What it predicts."""
    return data["d"] if name == "m" else data["y"]


def predicted(fitter: Trainable, name: str, block: list[tuple[int, dict[str, np.ndarray], np.ndarray]]) -> np.ndarray:
    """Out-of-fold predictions of a nuisance in data sets (seed, data, folds), [sets, N]."""
    jobs = [
        Job(
            data["x"], target_of(name, data), np.flatnonzero(rows_of(name, data) & (folds != k)), NONE,
            np.flatnonzero(folds == k), seed * FOLDS + k,
        )
        for seed, data, folds in block
        for k in range(FOLDS)
    ]  # fmt: skip
    values = np.empty((len(block), N))
    found = fitter.predictions(jobs)
    assert found is not None
    for i, (job, own) in enumerate(zip(jobs, found, strict=True)):
        values[i // FOLDS, job.test] = own
    return values


def run(model: str, replications: int) -> dict[str, Any]:
    """Estimates of so many data sets, and how they lie about the truth."""
    most, fitters = N - N // FOLDS, dict[str, Trainable]()
    for name, binary in NUISANCES[model].items():
        size = math.ceil(0.65 * most) if name[0] == "g" else most  # an arm has half of the rows; six s.e. more
        config = config_of("mlp", NETWORK, 1, "-", f"{model}.{name}", binary)
        fitters[name] = Trainable(config, binary, (size, 0, N // FOLDS))
    found = list[scores.Estimated]()
    start = time.perf_counter()
    for first in range(0, replications, BLOCK):
        block = []
        for seed in range(first, min(first + BLOCK, replications)):
            data = draw(model, seed)
            strata = data["d"] if model == "irm" else None
            block.append((seed, data, folds_of(N, FOLDS, (seed, 1), strata=strata)))
        values = {name: predicted(fitter, name, block) for name, fitter in fitters.items()}
        for i, (_, data, folds) in enumerate(block):
            own = {name: each[i] for name, each in values.items()}
            if model == "irm":
                own["m"] = scores.limited(own["m"], 0.01)
            found.append(scores.solve(scores.SCORES[model](data["y"], data["d"], None, own), folds))
    value, error = (np.array([getattr(each, name) for each in found]) for name in ("value", "standard_error"))
    covers = np.abs(value - TRUTH[model]) < Z * error
    return {
        "model": model, "replications": replications, "covers": float(covers.mean()),
        "standard_error": float(covers.std() / math.sqrt(replications)), "bias": float(value.mean() - TRUTH[model]),
        "sd": float(value.std(ddof=1)), "mean_error": float(error.mean()), "seconds": time.perf_counter() - start,
    }  # fmt: skip


def main() -> None:
    """Print a line of a Markdown table as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replications", type=int, default=1000)
    parser.add_argument("--models", default="plr,irm")
    parser.add_argument("--json", type=Path, help="keep the figures here")
    options = parser.parse_args()
    compilation_cache.enable()
    print("| model | data sets | covers | bias | sd of estimates | mean std. error | seconds |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    rows = []
    for model in options.models.split(","):
        row = run(model, options.replications)
        rows.append(row)
        covers = f"{row['covers']:.1%} ({row['standard_error']:.1%})"
        numbers = " | ".join(f"{row[name]:.4f}" for name in ("bias", "sd", "mean_error"))
        print(f"| {model} | {row['replications']:,} | {covers} | {numbers} | {row['seconds']:.0f} |", flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
