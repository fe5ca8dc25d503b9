"""Training on 10^5 rows or more, several ways, in one run: CPU milliseconds a step of ours and of its peers.

    uv run --group bench python benchmarks/large_fit.py
    uv run --group bench python benchmarks/large_fit.py --rows 1000000 --rounds 1

Twenty features, two hidden layers of 256, Adam, batches of 1024 in a new order each epoch. What is counted is the time
of the processor, of all threads, as others may use the machine; the ways take turns, an epoch each, and what counts is
the ratio within a round. *plain JAX* is one jitted scan over the batches of an epoch, whose order NumPy has made.
PyTorch gathers an epoch by its order once and slices it. Peers that are not installed are skipped.
"""

import argparse
import importlib.util
import itertools
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from econml_cli.config.fit_config import build
from econml_cli.training.loop.trainer import Trainer
from econml_cli.training.setup.setup import assemble

FEATURES, WIDTH, BATCH, LR, SEED = 20, 256, 1024, 1e-3, 42
OURS = "econml"
#: the CPU time of a step of each over that of ours, at least
TARGETS = {"plain JAX": 1.0, "PyTorch": 1.3, "scikit-learn": 2.0}
#: trains one epoch, waits for its end, returns the steps
Train = Callable[[], int]


def make_setup(rows: int) -> Any:
    """Our setup: data and initial weights, from the seed."""
    options = {"N": rows, "M": FEATURES, "width": WIDTH, "batch_size": BATCH, "lr": LR, "seed": SEED}
    return assemble(build("mlp", "linear", [("the benchmark", options | {"num_epochs": 10**9})]))


def data(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """The training sample."""
    train = make_setup(rows).train
    return np.asarray(train.x), np.asarray(train.y)


def plain_jax(rows: int) -> Train:
    """One jitted scan over the whole batches of an epoch."""
    x, y = map(jnp.asarray, data(rows))
    optimizer, rng, steps = optax.adam(LR), np.random.default_rng(SEED), rows // BATCH
    sizes, key = (FEATURES, WIDTH, WIDTH, 1), jax.random.key(SEED)
    params = [
        (jax.random.normal(jax.random.fold_in(key, i), (a, b)) / np.sqrt(a), jnp.zeros(b))
        for i, (a, b) in enumerate(itertools.pairwise(sizes))
    ]
    position = params, optimizer.init(params)

    def loss(params: Any, x: jax.Array, y: jax.Array) -> jax.Array:
        for w, b in params[:-1]:
            x = jax.nn.relu(x @ w + b)
        w, b = params[-1]
        return jnp.mean((x @ w + b - y) ** 2)

    def step(position: Any, index: jax.Array) -> Any:
        params, state = position
        value, gradient = jax.value_and_grad(loss)(params, x[index], y[index])
        updates, state = optimizer.update(gradient, state)
        return (optax.apply_updates(params, updates), state), value

    epoch = jax.jit(lambda position, order: jax.lax.scan(step, position, order), donate_argnums=0)

    def train() -> int:
        nonlocal position
        order = rng.permutation(rows)[: steps * BATCH].reshape(steps, BATCH)
        position, _ = jax.block_until_ready(epoch(position, order))
        return steps

    return train


def torch_eager(rows: int) -> Train:
    """PyTorch: an epoch is gathered once, and sliced."""
    import torch

    torch.manual_seed(SEED)
    x, y = (torch.tensor(part) for part in data(rows))
    relu, linear = torch.nn.ReLU, torch.nn.Linear
    model = torch.nn.Sequential(linear(FEATURES, WIDTH), relu(), linear(WIDTH, WIDTH), relu(), linear(WIDTH, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)

    def train() -> int:
        order = torch.randperm(rows)
        mixed, target = x[order], y[order]
        for start in range(0, rows, BATCH):
            optimizer.zero_grad()
            part = slice(start, start + BATCH)
            torch.nn.functional.mse_loss(model(mixed[part]), target[part]).backward()
            optimizer.step()
        return -(-rows // BATCH)

    return train


def scikit_learn(rows: int) -> Train:
    """`MLPRegressor`, an epoch of a fit from the start."""
    from sklearn.neural_network import MLPRegressor

    warnings.filterwarnings("ignore", message=".*Maximum iterations.*reached")
    x, y = data(rows)
    options = {"hidden_layer_sizes": (WIDTH, WIDTH), "batch_size": BATCH, "learning_rate_init": LR, "alpha": 0}

    def train() -> int:
        MLPRegressor(**options, max_iter=1, random_state=SEED).fit(x, y[:, 0])
        return -(-rows // BATCH)

    return train


def econml(rows: int) -> Train:
    """Our trainer as `econml fit` drives it, an epoch at a time, with the loss on 200 validation observations."""
    trainer = Trainer(make_setup(rows))

    def train() -> int:
        done = int(trainer.carry.epoch)
        list(trainer.run(done, 1, done + 1))
        return -(-rows // BATCH)

    return train


#: name -> (the module it needs, rows -> Train)
WAYS: dict[str, tuple[str, Callable[[int], Train]]] = {
    "plain JAX": ("jax", plain_jax),
    "PyTorch": ("torch", torch_eager),
    "scikit-learn": ("sklearn", scikit_learn),
    OURS: ("econml_cli", econml),
}


def main() -> None:
    """Measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n\n")[0])
    parser.add_argument("--rows", type=int, default=10**5)
    parser.add_argument("--rounds", type=int, default=3, help="epochs of each way [3]")
    args = parser.parse_args()
    jax.config.update("jax_platforms", os.environ.setdefault("JAX_PLATFORMS", "cpu"))
    there = {name: make for name, (needs, make) in WAYS.items() if importlib.util.find_spec(needs)}
    modules = {"jax": "jax", "torch": "torch", "scikit-learn": "sklearn"}
    versions = [f"{name} {version(name)}" for name, module in modules.items() if importlib.util.find_spec(module)]
    print(f"Python {platform.python_version()}, {', '.join(versions)}; {os.cpu_count()} cores; {args.rows:,} rows.\n")
    ways = {name: make(args.rows) for name, make in there.items()}
    for train in ways.values():
        train()  # compiles
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(args.rounds):
        for name, train in ways.items():
            begun = time.process_time()
            steps = train()
            took[name].append((time.process_time() - begun) / steps * 1000)
    print("| way | CPU ms a step | min to max | its / econml | min to max | target |\n|---|---|---|---|---|---|")
    for name, each in took.items():
        ratios = [theirs / ours for theirs, ours in zip(each, took[OURS], strict=True)]
        ratio = f"{statistics.median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f}" if name != OURS else " | "
        target = f">= {TARGETS[name]:g}" if name in TARGETS else ""
        shown = f"{statistics.median(each):.1f} | {min(each):.1f} to {max(each):.1f}"
        print(f"| {name} | {shown} | {ratio} | {target} |")


if __name__ == "__main__":
    main()
