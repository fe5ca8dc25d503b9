"""What an epoch costs when it is put into random order by sorting, and by a bijection: seconds a step, and their ratio.

    uv run python benchmarks/shuffling.py

A 2-16-1 relu network is trained by Adam on n observations in batches. Both ways run in turn, in chunks of epochs inside
one compiled program, as `econml fit` drives it; the ratio is that of the medians.
"""

import argparse
import statistics
import time
from typing import Any

import numpy as np

#: (observations, batch, members)
CASES = ((10_000, 32, 1), (10_000, 512, 1), (100_000, 512, 1), (1_000_000, 1024, 1), (10_000, 512, 16))
WAYS = ("sort", "feistel")


def runner(n: int, batch: int, members: int, how: str) -> Any:
    """A function of a number of epochs that trains so many."""
    import jax

    from econml_cli.config.fit_config import build
    from econml_cli.training.loop.stack import Stack
    from econml_cli.training.setup.setup import Workshop
    from econml_cli.training.step.epoch import inputs_of
    from econml_cli.training.step.programs import Programs

    values = {
        "N": n, "N_val": 10, "N_test": 10, "width": 16, "depth": 1, "batch_size": batch, "num_epochs": 10**6,
        "shuffle": how,
    }  # fmt: skip
    given = {name: str(value) for name, value in values.items()} | ({"members": str(members)} if members > 1 else {})
    config = build("mlp", "linear", [("the benchmark", given)])
    workshop, programs = Workshop(), Programs()
    if members > 1:
        stack: Any = Stack(workshop.ensemble(config), programs)

        def many(epochs: int) -> None:
            last = stack.epoch + epochs
            stack._carry, _ = stack._run(stack._carry, stack._inputs, np.int32(stack.epoch), np.int32(last))
            stack.epoch = last
            jax.block_until_ready(stack._carry.params)

        return many
    setup = workshop.assemble(config)
    program, inputs = programs.get(setup), inputs_of(setup)
    state = {"carry": program.begin(setup, inputs), "epoch": 0}

    def one(epochs: int) -> None:
        state["epoch"] += epochs
        state["carry"], _ = program.chunk(state["carry"], inputs, np.int32(state["epoch"]))
        jax.block_until_ready(state["carry"].params)

    return one


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each timing")
    parser.add_argument("--observations", type=int, help="only the cases of so many")
    asked = parser.parse_args()
    from econml_cli.training.precision import precision

    print("| observations | batch | members | sort, ms a step | feistel, ms a step | sort / feistel |")
    print("|---|---|---|---|---|---|")
    cases = [case for case in CASES if asked.observations in (None, case[0])]
    for n, batch, members in cases:
        steps, found = -(-n // batch), {}
        with precision("float32"):
            runs = {how: runner(n, batch, members, how) for how in WAYS}
            epochs = {}
            for how, run in runs.items():
                run(1)
                start = time.perf_counter()
                run(1)
                epochs[how] = max(1, round(asked.seconds / (time.perf_counter() - start)))
                found[how] = list[float]()
            for _ in range(asked.rounds):
                for how, run in runs.items():
                    start = time.perf_counter()
                    run(epochs[how])
                    found[how].append((time.perf_counter() - start) / epochs[how] / steps * 1000)
        sort, feistel = (statistics.median(found[how]) for how in WAYS)
        print(f"| {n:,} | {batch:,} | {members} | {sort:.4f} | {feistel:.4f} | {sort / feistel:.2f} |", flush=True)


if __name__ == "__main__":
    main()
