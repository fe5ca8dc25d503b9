"""An ensemble against as many fits: `econml fit --members 32` and 32 times `econml fit --seed S`.

commands: whole processes, from start to exit, one after another; what a loop in a shell script would take. Both sides
find their programs compiled from an earlier start, which is the default of `econml`.

training: the training alone, in one process, everything compiled before the first round: `training.ensemble.Ensemble`
against `training.trainer.Trainer` for one seed after another.

The two ways take turns, and the ratio is the median of those of the rounds.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sweep import wall

ECONML = [sys.executable, "-m", "econml_cli"]
OPTIONS = {"width": "16", "batch_size": 32, "num_epochs": 300, "lr": 1e-3}
#: what the ratio of whole commands is to reach
TARGET = 8.0


def main() -> None:
    """Time both ways and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="only show that everything runs")
    parser.add_argument("--json", type=Path, help="keep the figures in this file")
    arguments = parser.parse_args()
    members, rounds = (4, 1) if arguments.quick else (arguments.members, arguments.rounds)
    titles = (f"{members} members, width 16, batch 32", "ensemble, s", "fits, s", "ratio", "min to max", "target")
    print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}")
    found = []
    for name, pairs, target in (
        ("commands", commands(members, rounds), TARGET),
        ("training", training(members, rounds), None),
    ):
        ratios = [fits / ours for ours, fits in pairs]
        row = {
            "way": name,
            "ensemble": statistics.median(ours for ours, _ in pairs),
            "fits": statistics.median(fits for _, fits in pairs),
            "ratio": statistics.median(ratios),
            "ratios": ratios,
            "target": target,
        }
        found.append(row)
        spread, bar = f"{min(ratios):.1f} to {max(ratios):.1f}", f">= {target:g}" if target else ""
        print(
            f"| {name} | {row['ensemble']:.2f} | {row['fits']:.2f} | {row['ratio']:.1f} | {spread} | {bar} |",
            flush=True,
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")


def commands(members: int, rounds: int) -> list[tuple[float, float]]:
    """(seconds of the ensemble, seconds of all fits) of each round, as commands."""
    pairs = []
    with tempfile.TemporaryDirectory() as folder:
        words = [word for name, value in OPTIONS.items() for word in (f"--{name}", str(value))]

        def fit(name: str, *more: str) -> float:
            return wall(
                [*ECONML, "fit", "mlp", *words, *more, "--quiet", "--out", f"{folder}/{name}"], f"{folder}/cache"
            )

        fit("warm-up", "--members", str(members))
        fit("warm-up-one")
        for i in range(rounds):
            ours = fit(f"ensemble{i}", "--members", str(members))
            pairs.append((ours, sum(fit(f"fit{i}-{k}", "--seed", str(42 + k)) for k in range(members))))
    return pairs


def training(members: int, rounds: int) -> list[tuple[float, float]]:
    """(seconds of the ensemble, seconds of all fits) of each round, of training alone."""
    from econml_cli.config.fit_config import build
    from econml_cli.training.loop.ensemble import Ensemble
    from econml_cli.training.loop.trainer import Trainer
    from econml_cli.training.precision import precision
    from econml_cli.training.setup.setup import Workshop
    from econml_cli.training.step.programs import Programs

    config = build("mlp", "linear", [("benchmark", {**OPTIONS, "members": members})])
    setups, programs = Workshop().ensemble(config), Programs()

    def together() -> float:
        return trained([Ensemble(setups, programs)])

    def one_by_one() -> float:
        return trained([Trainer(setup, programs) for setup in setups])

    with precision("float32"):  # as `econml fit` trains
        one_by_one(), together()
        return [(together(), one_by_one()) for _ in range(rounds)]


def trained(trainers: list[Any]) -> float:
    """Seconds that trainers take for all their epochs, one after another."""
    import jax

    start = time.perf_counter()
    for trainer in trainers:
        for _ in trainer.run():
            pass
        jax.block_until_ready(trainer.carry.params)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
