"""One training, several ways, in one run: steps a second of ours and of its peers, and the ratios between them.

    uv run --group bench python benchmarks/fit.py              # the training loops
    uv run --group bench python benchmarks/fit.py --process    # whole processes, from start to exit

The ways are interleaved (a b c d, a b c d, ...), so that whatever else the machine does falls on all of them; what
counts is the ratio within a round, not the absolute figure. Peers that are not installed are skipped.
"""

import argparse
import importlib.util
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
from flax import nnx
from lecture_script import batches, train_step

from econml_cli.config.fit_config import build
from econml_cli.training.loop.trainer import Trainer
from econml_cli.training.setup.setup import assemble

N, LR, SEED = 500, 1e-3, 42
OURS, NNX, NNX_NUMPY, NNX_BARE = "econml", "nnx loop", "nnx loop, NumPy batches", "nnx loop, no loader"
#: trains about so many epochs, waits for the end, returns how many it were
Train = Callable[[int], int]
#: steps/s ours / peer to reach, by (peer, batch size, width); batch size 0 is the full batch
TARGETS = {(NNX, 0, 128): 2.5, ("scikit-learn", 32, 128): 2.0}
TARGETS |= {(way, 32, width): 15.0 for way in (NNX, NNX_NUMPY) for width in (16, 128)}


def main() -> None:
    """Measure, print a Markdown table, write JSON if asked to."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="interleaved repetitions [5]")
    parser.add_argument("--seconds", type=float, default=0.7, help="length of each timed section [0.7]")
    parser.add_argument("--quick", action="store_true", help="2 rounds of 0.2 seconds: does it run?")
    parser.add_argument("--process", action="store_true", help="time whole processes instead of training loops")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here as well")
    args = parser.parse_args()
    jax.config.update("jax_platforms", os.environ.setdefault("JAX_PLATFORMS", "cpu"))
    rounds, seconds = (2, 0.2) if args.quick else (args.rounds, args.seconds)
    modules = {"jax": "jax", "flax": "flax", "torch": "torch", "scikit-learn": "sklearn"}
    versions = [f"{name} {version(name)}" for name, module in modules.items() if importlib.util.find_spec(module)]
    print(machine := f"Python {platform.python_version()}, {', '.join(versions)}; {os.cpu_count()} cores.", flush=True)
    rows = processes(rounds) if args.process else loops(rounds, seconds)
    if args.json:
        args.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=2) + "\n")


def loops(rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Every way of training at every setting; prints rows as they come."""
    there = {name: make for name, (needs, make) in WAYS.items() if importlib.util.find_spec(needs)}
    for name in sorted(set(WAYS) - set(there)):
        print(f"\nSkipped {name}: not installed.")
    print_row("batch", "width", "way", "steps/s", "min to max", "econml / it", "min to max", "target", header=True)
    found = []
    for batch_size, width in itertools.product((0, 32), (16, 128)):
        # only the full batch can do without a loader, and only smaller ones are picked on the host
        left_out = NNX_BARE if batch_size else NNX_NUMPY
        ways = {name: make(width, batch_size) for name, make in there.items() if name != left_out}
        rates = interleave(ways, -(-N // (batch_size or N)), rounds, seconds)
        for name, its in rates.items():
            ratio = spread([a / b for a, b in zip(rates[OURS], its, strict=True)]) if name != OURS else None
            target = TARGETS.get((name, batch_size, width))
            shown = [batch_size or "full", width, name, *cells(spread(its), ",.0f"), *cells(ratio, ".2f")]
            print_row(*shown, f">= {target:g}" if target else "")
            figures = {"steps_per_second": spread(its), "ratio": ratio, "target": target}
            found.append({"batch_size": batch_size, "width": width, "way": name, **figures})
    return found


def interleave(ways: dict[str, Train], steps: int, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Steps a second of each way in each round; compiled and warmed up before the first."""
    epochs = {}
    for name, train in ways.items():
        train(2)
        start, ran = time.perf_counter(), 0
        while time.perf_counter() - start < seconds / 2:
            ran += train(max(2 * ran, 4))
        epochs[name] = max(1, round(ran * seconds / (time.perf_counter() - start)))
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, train in ways.items():
            start = time.perf_counter()
            ran = train(epochs[name])
            rates[name].append(ran * steps / (time.perf_counter() - start))
    return rates


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and greatest."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def cells(s: dict[str, float] | None, form: str) -> tuple[str, str]:
    """A spread as two cells of a table."""
    return (f"{s['median']:{form}}", f"{s['min']:{form}} to {s['max']:{form}}") if s else ("", "")


def print_row(*row: Any, header: bool = False) -> None:
    """One row of a Markdown table."""
    line = f"| {' | '.join(map(str, row))} |"
    print(f"\n{line}\n{'|---' * len(row)}|" if header else line, flush=True)


def make_setup(width: int, batch_size: int) -> Any:
    """Our setup: data and initial weights, from the seed."""
    options = {"N": N, "M": 2, "width": width, "batch_size": batch_size, "lr": LR, "seed": SEED, "num_epochs": 10**9}
    return assemble(build("mlp", "linear", [("the benchmark", options)]))


def nnx_loop(width: int, batch_size: int, *, on_host: bool = False, loader: bool = True) -> Train:
    """A Python loop over an `nnx.jit` step. Batches are picked by index on the device, as the lecture's loader does, or
    from NumPy arrays on the host; without a loader the full batch is passed as it is."""
    setup = make_setup(width, batch_size)
    x, y = setup.train.x, setup.train.y[:, 0]
    x_host, y_host = np.asarray(x), np.asarray(y)
    model, rngs, rng = setup.model, nnx.Rngs(SEED), np.random.default_rng(SEED)
    optimizer = nnx.Optimizer(model, optax.adam(LR), wrt=nnx.Param)

    def epoch() -> Iterable[Any]:
        if on_host:
            index = np.split(rng.permutation(N), range(batch_size, N, batch_size))
            return ((x_host[i], y_host[i]) for i in index)
        return batches(rngs(), x, y, batch_size or N) if loader else [(x, y)]

    def train(epochs: int) -> int:
        for batch in itertools.chain.from_iterable(epoch() for _ in range(epochs)):
            train_step(model, optimizer, *batch)
        jax.block_until_ready(nnx.state(model))
        return epochs

    return train


def torch_eager(width: int, batch_size: int) -> Train:
    """PyTorch as usually written: randperm, index, backward, step. One thread: two mostly wait for each other here."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    x, y = (torch.tensor(np.asarray(part)) for part in make_setup(width, batch_size).train)
    relu, linear = torch.nn.ReLU, torch.nn.Linear
    model = torch.nn.Sequential(linear(2, width), relu(), linear(width, width), relu(), linear(width, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)

    def train(epochs: int) -> int:
        for _ in range(epochs):
            for index in torch.randperm(N).split(batch_size) if batch_size else [slice(None)]:
                optimizer.zero_grad()
                torch.nn.functional.mse_loss(model(x[index]), y[index]).backward()
                optimizer.step()
        return epochs

    return train


def scikit_learn(width: int, batch_size: int) -> Train:
    """`MLPRegressor` with nothing to stop it early; a call is one `fit` from the start. One thread as well."""
    from sklearn.neural_network import MLPRegressor
    from threadpoolctl import threadpool_limits

    warnings.filterwarnings("ignore", message=".*Maximum iterations.*reached")
    x, y = (np.asarray(part) for part in make_setup(width, batch_size).train)
    options = {"hidden_layer_sizes": (width, width), "batch_size": batch_size or N, "learning_rate_init": LR}

    def train(epochs: int) -> int:
        model = MLPRegressor(**options, max_iter=epochs, alpha=0, tol=0, n_iter_no_change=10**9, random_state=SEED)
        with threadpool_limits(1):
            model.fit(x, y[:, 0])
        return model.n_iter_

    return train


def econml(width: int, batch_size: int) -> Train:
    """Our trainer as `econml fit` drives it, in chunks, with the loss on 200 validation observations every epoch."""
    trainer = Trainer(make_setup(width, batch_size))
    chunks = trainer.run()

    def train(epochs: int) -> int:
        first = epoch = int(trainer.carry.epoch)
        while epoch - first < epochs:
            epoch = next(chunks).epoch
        return epoch - first

    return train


#: name -> (the module it needs, (width, batch size) -> Train)
WAYS: dict[str, tuple[str, Callable[[int, int], Train]]] = {
    NNX: ("flax", nnx_loop),
    NNX_NUMPY: ("flax", lambda *at: nnx_loop(*at, on_host=True)),
    NNX_BARE: ("flax", lambda *at: nnx_loop(*at, loader=False)),
    "PyTorch": ("torch", torch_eager),
    "scikit-learn": ("sklearn", scikit_learn),
    OURS: ("econml_cli", econml),
}


def processes(rounds: int) -> list[dict[str, Any]]:
    """Wall time of whole processes, ours (with a warm compilation cache) against a peer's."""
    ours, lecture = [sys.executable, "-m", "econml_cli"], [sys.executable, f"{Path(__file__).parent}/lecture_script.py"]
    print_row("ours", "peer", "ours, s", "peer, s", "ours / peer", "min to max", "target", header=True)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        fit = [*ours, "fit", "mlp", "--optimizer", "sgd", "--quiet", "--force", "--out", f"{folder}/run"]
        typer = [sys.executable, "-c", "import typer"]
        for name, command, peer, peer_command, target in (
            ("econml fit mlp", fit, "lecture_script.py", lecture, 0.65),
            ("econml fit mlp", fit, "lecture_script.py with JAX's cache", lecture, None),
            ("econml --help", [*ours, "--help"], "python -c 'import typer'", typer, 2.0),
        ):
            runs = [(command, f"{folder}/cache"), (peer_command, f"{folder}/cache" if "cache" in peer else None)]
            times = [[wall(*run) for run in runs] for _ in range(rounds + 1)][1:]  # the first round fills the caches
            (seconds, peer_seconds), ratio = map(spread, zip(*times, strict=True)), spread([a / b for a, b in times])
            shown = [name, peer, cells(seconds, ".2f")[0], cells(peer_seconds, ".2f")[0], *cells(ratio, ".2f")]
            print_row(*shown, f"<= {target:g}" if target else "")
            figures = {"seconds": seconds, "peer_seconds": peer_seconds, "ratio": ratio, "target": target}
            found.append({"ours": name, "peer": peer, **figures})
    return found


def wall(command: list[str], cache: str | None) -> float:
    """Seconds from start to exit; `cache` is where JAX keeps compiled programs, if at all."""
    drop = ("ECONML_", "WANDB_", "JAX_COMPILATION_CACHE", "JAX_PERSISTENT_CACHE")
    env = {name: value for name, value in os.environ.items() if not name.startswith(drop)}
    if cache:
        env |= {"JAX_COMPILATION_CACHE_DIR": cache, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    start = time.perf_counter()
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
