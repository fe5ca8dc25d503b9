"""Method bayes at thirty trials against W&B's own sampler and Optuna's: regret on functions whose optimum is known.

    uv run python benchmarks/optimizers.py [--seeds 20] [--first-seed 0] [--trials 30] [--samplers gp] [--peer PYTHON]

Ours is asked through the study that `econml sweep run` keeps, in its batches. W&B's sampler (`sweeps` on PyPI: NumPy 1)
runs in the interpreter that --peer names, one point after another: `uv venv peer; uv pip install --python
peer/bin/python sweeps scikit-learn`. Printed: median and mean regret, how often ours is the better one of a pair, and
the one-sided p of Wilcoxon's signed rank test that ours is worse.

The settings of ours were chosen on Branin, Hartmann6 and mixed with seeds 0 to 7. Nothing was chosen on Ackley3, Levy4
and Rosenbrock3, nor with seeds from 100 on.
"""

import argparse
import itertools
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Point = Mapping[str, Any]
SAMPLERS = ("gp", "tpe", "qmc", "random")
#: Hartmann's six-dimensional function (Dixon and Szegö 1978)
_ALPHA = (1.0, 1.2, 3.0, 3.2)
_A = ((10, 3, 17, 3.5, 1.7, 8), (0.05, 10, 17, 0.1, 8, 14), (3, 3.5, 1.7, 10, 17, 8), (17, 8, 0.05, 10, 0.1, 14))
_P = (
    (1312, 1696, 5569, 124, 8283, 5886),
    (2329, 4135, 8307, 3736, 1004, 9991),
    (2348, 1451, 3522, 2883, 3047, 6650),
    (4047, 8828, 8732, 5743, 1091, 381),
)


def branin(p: Point) -> float:
    """Regret of Branin's function: minimum 0.397887."""
    x, y = p["x"], p["y"]
    inner = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
    return inner**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10 - 0.39788735772973816


def hartmann6(p: Point) -> float:
    """Regret of Hartmann's function: minimum -3.322368."""
    x = [p[f"x{i}"] for i in range(6)]
    terms = (
        a * math.exp(-sum(w * (u - c * 1e-4) ** 2 for w, u, c in zip(row, x, centre, strict=True)))
        for a, row, centre in zip(_ALPHA, _A, _P, strict=True)
    )
    return 3.32236801141551 - sum(terms)


def mixed(p: Point) -> float:
    """A surface as of a network's loss: a rate, a width, a depth, an optimizer, a share; minimum 0."""
    rate, offset = {"adam": (-2.5, 0.0), "sgd": (-1.0, 0.15), "rmsprop": (-3.0, 0.05)}[p["optimizer"]]
    loss = 0.5 * (math.log10(p["lr"]) - rate) ** 2 + 0.075 * (math.log2(p["width"]) - 6) ** 2
    return loss + 0.1 * (p["depth"] - 3) ** 2 + offset + 2 * (p["dropout"] - 0.2) ** 2


def ackley3(p: Point) -> float:
    """Ackley's function of three dimensions; minimum 0, off the centre of the box."""
    x = [p[f"x{i}"] for i in range(3)]
    square, wave = (sum(term) / 3 for term in ((u * u for u in x), (math.cos(2 * math.pi * u) for u in x)))
    return 20 + math.e - 20 * math.exp(-0.2 * math.sqrt(square)) - math.exp(wave)


def levy4(p: Point) -> float:
    """Levy's function of four dimensions; minimum 0 at 1."""
    w = [1 + (p[f"x{i}"] - 1) / 4 for i in range(4)]
    middle = sum((u - 1) ** 2 * (1 + 10 * math.sin(math.pi * u + 1) ** 2) for u in w[:-1])
    end = (w[-1] - 1) ** 2 * (1 + math.sin(2 * math.pi * w[-1]) ** 2)
    return math.sin(math.pi * w[0]) ** 2 + middle + end


def rosenbrock3(p: Point) -> float:
    """Logarithm of 1 + Rosenbrock's function of three dimensions; minimum 0 at 1."""
    x = [p[f"x{i}"] for i in range(3)]
    return math.log1p(sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in itertools.pairwise(x)))


FUNCTIONS: dict[str, tuple[Callable[[Point], float], dict[str, Any]]] = {
    "Branin": (branin, {"x": {"min": -5.0, "max": 10.0}, "y": {"min": 0.0, "max": 15.0}}),
    "Hartmann6": (hartmann6, {f"x{i}": {"min": 0.0, "max": 1.0} for i in range(6)}),
    "mixed": (
        mixed,
        {
            "lr": {"min": 1e-5, "max": 1.0, "distribution": "log_uniform_values"},
            "width": {"values": [16, 32, 64, 128, 256]},
            "depth": {"min": 1, "max": 6},
            "optimizer": {"values": ["adam", "sgd", "rmsprop"]},
            "dropout": {"min": 0.0, "max": 0.8},
        },
    ),
    "Ackley3": (ackley3, {f"x{i}": {"min": -4.0, "max": 6.0} for i in range(3)}),
    "Levy4": (levy4, {f"x{i}": {"min": -10.0, "max": 10.0} for i in range(4)}),
    "Rosenbrock3": (rosenbrock3, {f"x{i}": {"min": -2.0, "max": 2.0} for i in range(3)}),
}
METRIC = {"name": "loss", "goal": "minimize"}


def ours(name: str, seed: int, trials: int, sampler: str) -> float:
    """The least regret of a study of ours."""
    import yaml

    from econml_cli.sweeps.spec import schema

    function, parameters = FUNCTIONS[name]
    text = yaml.safe_dump({"method": "bayes", "program": "a.py", "metric": METRIC, "parameters": parameters})
    return least(schema.parse(text, Path("s.yaml")), function, seed, trials, sampler)


def least(sweep: Any, function: Callable[[Mapping[str, Any]], float], seed: int, trials: int, sampler: str) -> float:
    """The least value that a study finds of a function of the parameters of its points."""
    from econml_cli.sweeps.run.batches import BATCH
    from econml_cli.sweeps.study.study import Study

    best = math.inf
    with tempfile.TemporaryDirectory() as directory:
        study = Study.open(
            sweep, str(Path(directory, "s")), name="s", seed=seed, count=trials, batch=BATCH, alone=True, worker="w",
            sampler=sampler,
        )  # fmt: skip
        while taken := study.take(trials):
            for trial in taken:
                value = function(trial.params)
                study.complete(trial.number, value)
                best = min(best, value)
    return best


def theirs(name: str, seed: int, trials: int) -> float:
    """The least regret of W&B's sampler, in an interpreter that has `sweeps`."""
    import numpy as np

    import sweeps

    function, parameters = FUNCTIONS[name]
    np.random.seed(seed)
    config = {"method": "bayes", "metric": METRIC, "parameters": {k: dict(v) for k, v in parameters.items()}}
    runs: list[Any] = []
    for i in range(trials):
        run = sweeps.next_run(config, runs)
        value = float(function({key: found["value"] for key, found in run.config.items()}))
        run.name, run.state = str(i), sweeps.RunState.finished
        run.summary_metrics, run.history = {"loss": value}, [{"loss": value}]
        runs.append(run)
    return min(run.summary_metrics["loss"] for run in runs)


def peer(python: str, seeds: range, trials: int) -> dict[str, list[float]]:
    """{function: regrets by seed} of W&B's sampler."""
    done = subprocess.run(
        [python, "-W", "ignore", __file__, "--as-peer", "--seeds", str(len(seeds)), "--first-seed", str(seeds.start),
         "--trials", str(trials)],
        stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    return dict(json.loads(done.stdout))


def main() -> None:
    """Print a table for each function."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--samplers", nargs="+", default=SAMPLERS, choices=SAMPLERS)
    parser.add_argument("--peer", help="a Python that has W&B's `sweeps`")
    parser.add_argument("--as-peer", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    if options.as_peer:
        found = {name: [theirs(name, seed, options.trials) for seed in seeds] for name in FUNCTIONS}
        json.dump(found, sys.stdout)
        return
    import numpy as np
    from scipy.stats import wilcoxon

    them = peer(options.peer, seeds, options.trials) if options.peer else {}
    for name in FUNCTIONS:
        print(f"{name}: regret after {options.trials} trials, seeds {seeds[0]} to {seeds[-1]}")
        if name in them:
            print(f"  {'W&B bayes':<10} median {np.median(them[name]):.4f}  mean {np.mean(them[name]):.4f}")
        for sampler in options.samplers:
            began = time.process_time()
            got = np.array([ours(name, seed, options.trials, sampler) for seed in seeds])
            spent = (time.process_time() - began) / len(got)
            line = f"  {sampler:<10} median {np.median(got):.4f}  mean {got.mean():.4f}  {spent:.2f} s CPU a study"
            if name in them:
                p = wilcoxon(got, them[name], alternative="greater").pvalue
                line += f"  better than W&B's {np.mean(got < np.array(them[name])):.0%}, worse: p = {p:.3f}"
            print(line, flush=True)


if __name__ == "__main__":
    main()
