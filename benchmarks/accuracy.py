"""Optimizers against each other: error against seconds after compilation, in one run.

    uv run python benchmarks/accuracy.py               # all of them on five problems
    uv run python benchmarks/accuracy.py --only growth # one of them

The optimizers take turns (a b c, a b c, ...), each compiled before its first round; of the times the median counts.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from econml_cli.config.fit_config import build
from econml_cli.training.loop.trainer import Trainer
from econml_cli.training.precision import precision
from econml_cli.training.setup.setup import Workshop, arrays_of, with_arrays
from econml_cli.training.step.programs import Programs

SEED = 42
#: looks at the loss and the error on the way, spread evenly over the logarithm of the epoch
LOOKS = 40
#: what the lecture's regression is to reach
TEST_LOSS = 5e-6
DOUBLE = {"precision": "float64"}
#: other first-order methods, each at one learning rate by the advice of its authors and not tuned: lion at a third of
#: 1e-3, schedule_free at three times that, muon at the .02 that it was published with (adam has 1e-3 or 1e-2 here)
FIRST_ORDER: dict[str, dict[str, Any]] = {
    "lion": {"optimizer": "lion", "lr": 3e-4},
    "muon": {"optimizer": "muon", "lr": 0.02},
    "schedule_free": {"optimizer": "schedule_free", "lr": 3e-3, "schedule": "constant"},
}
#: each problem's recipe, which is for adam in float32, against the second-order methods in float64
ECONOMIC = {"adam": {}, **FIRST_ORDER, "lbfgs": {"optimizer": "lbfgs", **DOUBLE}, "lm": {"optimizer": "lm", **DOUBLE}}
#: the lecture's network in float32: its 500 observations are known to 1e-4
LECTURE = {
    "adam": {"optimizer": "adam"},
    **FIRST_ORDER,
    "lbfgs": {"optimizer": "lbfgs"},
    "lm": {"optimizer": "lm", "num_epochs": 12},
}
CASES: dict[str, dict[str, dict[str, Any]]] = {
    "brock_mirman": ECONOMIC,
    "asset_pricing": ECONOMIC,
    "growth": ECONOMIC,
    "growth_policy": ECONOMIC,
    "linear": LECTURE,
}


@dataclass(frozen=True)
class Curve:
    """Where one fit was after so many epochs and seconds of training: mean loss, and mean error against the truth."""

    epochs: list[int]
    seconds: list[float]
    loss: list[float]
    error: list[float]


def main() -> None:
    """Measure, print a Markdown table, write JSON if asked to."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n\n")[0])
    parser.add_argument("--only", choices=CASES, action="append", help="a problem (several times: several)")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved repetitions [3]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here as well")
    args = parser.parse_args()
    jax.config.update("jax_platforms", os.environ.setdefault("JAX_PLATFORMS", "cpu"))
    print(machine := f"Python {platform.python_version()}, jax {version('jax')}; {os.cpu_count()} cores.", flush=True)
    rows = [row for name in args.only or CASES for row in measured(name, args.rounds)]
    print_table(rows)
    if args.json:
        args.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=2) + "\n")


def measured(name: str, rounds: int) -> list[dict[str, Any]]:
    """One row for each optimizer on one problem: the first is what the others are compared with."""
    curves: dict[str, list[Curve]] = {optimizer: [] for optimizer in CASES[name]}
    fitted = {optimizer: Fits(name, options) for optimizer, options in CASES[name].items()}
    for _ in range(rounds):
        for optimizer, fits in fitted.items():
            curves[optimizer].append(fits.curve())
            print(f"{name}, {optimizer}: {curves[optimizer][-1].seconds[-1]:.1f} s", file=sys.stderr)
    adam = curves["adam"]
    rows = []
    for optimizer, of in curves.items():
        seconds = [curve.seconds[-1] for curve in of]
        first = of[0]  # all rounds have the same numbers, and other seconds
        row = {
            "problem": name,
            "optimizer": optimizer,
            "precision": CASES[name][optimizer].get("precision", "float32"),
            "epochs": first.epochs[-1],
            "seconds": statistics.median(seconds),
            "seconds_min_max": [min(seconds), max(seconds)],
            "loss": first.loss[-1],
            "error": first.error[-1],
            "loss_over_adam": adam[0].loss[-1] / first.loss[-1],
            "error_over_adam": adam[0].error[-1] / first.error[-1],
            "seconds_over_adam": statistics.median(s / a.seconds[-1] for s, a in zip(seconds, adam, strict=True)),
            "seconds_to_adams_loss": median([reached(curve, "loss", adam[0].loss[-1]) for curve in of]),
            "seconds_to_thousandth": median([reached(curve, "loss", adam[0].loss[-1] / 1000) for curve in of]),
            "curve": {"epochs": first.epochs, "seconds": first.seconds, "loss": first.loss, "error": first.error},
        }
        if name == "linear":
            row["seconds_to_target"] = fitted[optimizer].seconds_to(TEST_LOSS, rounds)
        rows.append(row)
    return rows


def reached(curve: Curve, what: str, bar: float) -> float | None:
    """Seconds until a number was first no more than a bar; None if it never was."""
    values = getattr(curve, what)
    return next((s for s, value in zip(curve.seconds, values, strict=True) if value <= bar), None)


def median(seconds: list[float | None]) -> float | None:
    """The median; None if one is not known."""
    known = [s for s in seconds if s is not None]
    return statistics.median(known) if len(known) == len(seconds) else None


class Fits:
    """Fits of one problem by one optimizer, compiled once."""

    def __init__(self, problem: str, options: dict[str, Any]):
        self._config = build("mlp", problem, [("the benchmark", {"seed": SEED, **options})])
        self._workshop, self._programs, self._error = Workshop(), Programs(), jax.jit(error, static_argnums=(0, 1))
        with precision(self._config.trainer.precision):
            trainer = self._trainer()
            trainer.compile()
            self._look(trainer)

    def _trainer(self) -> Trainer:
        return Trainer(self._workshop.assemble(self._config), self._programs)

    def curve(self) -> Curve:
        """One fit from its start to its end; what it takes to look at it is not in its seconds."""
        with precision(self._config.trainer.precision):
            trainer, last, seconds, done = self._trainer(), self._config.trainer.num_epochs, 0.0, 0
            found: list[tuple[int, float, float, float]] = []
            for until in sorted({round(last ** (i / LOOKS)) for i in range(LOOKS + 1)}):
                start = time.perf_counter()
                chunks = list(trainer.run(done, until=until))
                seconds += time.perf_counter() - start
                if not chunks:  # it has stopped
                    break
                done = chunks[-1].epoch
                found.append((done, seconds, *self._look(trainer)))
            return Curve(*map(list, zip(*found, strict=True)))

    def seconds_to(self, bar: float, rounds: int) -> float | None:
        """Seconds of training, without looking on the way, to the first epoch whose error is no more than the bar: the
        median of some rounds; None if there is none."""
        with precision(self._config.trainer.precision):
            trainer, last = self._trainer(), self._config.trainer.num_epochs
            epoch = 0
            while self._look(trainer)[1] > bar:
                if epoch == last or not list(trainer.run(epoch, until=epoch + 1)):
                    return None
                epoch += 1
            return statistics.median(self._seconds(epoch) for _ in range(rounds))

    def _seconds(self, epochs: int) -> float:
        trainer = self._trainer()
        start = time.perf_counter()
        for _ in trainer.run(until=epochs):
            pass
        return time.perf_counter() - start

    def _look(self, trainer: Trainer) -> tuple[float, float]:
        """(mean loss on the training sample, error)."""
        setup, (graphdef, state) = trainer.setup, nnx.split(trainer.fitted())
        loss = trainer.program.measure(state, trainer.inputs, {"train": setup.train})["train"]
        return float(loss), float(self._error(setup.problem, graphdef, state, arrays_of(setup.problem), setup.test))


def error(problem: Any, graphdef: Any, state: Any, arrays: Any, batch: Any) -> jax.Array:
    """Mean relative error of the policy on the test sample; without a truth of the kind, the mean loss on it."""
    problem, model = with_arrays(problem, arrays), nnx.merge(graphdef, state)
    if hasattr(problem, "truth"):
        return jnp.mean(jnp.abs(problem.predict(model, batch.x) / problem.truth(batch.x) - 1))
    return jnp.mean(problem.loss(model, batch))


def print_table(rows: list[dict[str, Any]]) -> None:
    """The rows as Markdown."""
    heads = ("problem", "optimizer", "epochs", "s", "min to max", "s / adam's", "loss", "adam's / it", "error")
    heads += ("adam's / it", "s to adam's loss", "s to 1/1000 of it")
    print(f"\n| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    for row in rows:
        low, high = row["seconds_min_max"]
        cells = (row["problem"], row["optimizer"], f"{row['epochs']:,}", f"{row['seconds']:.2f}")
        cells += (f"{low:.2f} to {high:.2f}", f"{row['seconds_over_adam']:.2f}", f"{row['loss']:.1e}")
        cells += (ratio(row["loss_over_adam"]), f"{row['error']:.1e}", ratio(row["error_over_adam"]))
        cells += tuple(after(row[name]) for name in ("seconds_to_adams_loss", "seconds_to_thousandth"))
        print(f"| {' | '.join(cells)} |")
    target = {row["optimizer"]: row["seconds_to_target"] for row in rows if "seconds_to_target" in row}
    if target:
        told = ", ".join(f"{name} {after(seconds)}" for name, seconds in target.items())
        print(f"\nlinear, seconds to test_loss {TEST_LOSS:g}: {told}.")


def after(seconds: float | None) -> str:
    """So many seconds, if it came to that."""
    return "never" if seconds is None else f"{seconds:.2f}"


def ratio(value: float) -> str:
    """Three digits, or a power of ten."""
    return f"{value:.3g}" if value < 1e4 else f"{value:.0e}"


if __name__ == "__main__":
    main()
