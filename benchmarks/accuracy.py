"""Ways to train against each other: error against seconds after compilation, in one run.

    uv run python benchmarks/accuracy.py                            # all of them on all problems
    uv run python benchmarks/accuracy.py --only growth --method lm   # one of them on one
    uv run python benchmarks/accuracy.py --write benchmarks/README.md  # the table of that page; with --only its other
                                                                     # rows stay

The methods take turns at each seed (a b c, a b c, ...), each compiled before its first round; of losses, errors and
times the median over the seeds counts. Seconds are of the processor: other work on the machine matters less to them.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from benchmarks.many_seeds import FIRST, Place
from econml_cli.config.fit_config import build
from econml_cli.training.loop.trainer import Trainer
from econml_cli.training.precision import precision
from econml_cli.training.setup.setup import Workshop, arrays_of, with_arrays
from econml_cli.training.step.programs import Programs

#: looks at the loss and the error on the way, spread evenly over the logarithm of the epoch
LOOKS = 40
DOUBLE = {"precision": "float64"}
#: other first-order methods, each at one learning rate by the advice of its authors and not tuned: lion at a third of
#: 1e-3, schedule_free at three times that, muon at the .02 that it was published with (adam has 1e-3 or 1e-2 here)
FIRST_ORDER: dict[str, dict[str, Any]] = {
    "lion": {"optimizer": "lion", "lr": 3e-4},
    "muon": {"optimizer": "muon", "lr": 0.02},
    "schedule_free": {"optimizer": "schedule_free", "lr": 3e-3, "schedule": "constant"},
}
#: what `econml fit --problem NAME` does (recipe), and where a method is named: adam in float32 with its own network and
#: epochs, of which adam+lm leaves the last 20 to lm; second-order methods with the same network in float64
ECONOMIC: dict[str, dict[str, Any]] = {
    "adam": {"optimizer": "adam"},
    **FIRST_ORDER,
    "lbfgs": {"optimizer": "lbfgs", **DOUBLE},
    "adam+lm": {"optimizer": "adam+lm"},
    "lm": {"optimizer": "lm", **DOUBLE},
    "recipe": {},
}
#: stochastic_growth has a recipe of lm alone: adam as in the recipe of brock_mirman
BROCK_MIRMAN = {"lr": 1e-2, "num_epochs": 3000, "schedule": "cosine", "precision": "float32"}
OTHERWISE: dict[str, dict[str, Any]] = {
    "adam": {"optimizer": "adam", **BROCK_MIRMAN},
    "adam+lm": {"optimizer": "adam+lm", **BROCK_MIRMAN, **DOUBLE},
    "recipe": {},
}
#: the lecture's network in float32: its 500 observations are known to 1e-4
LECTURE: dict[str, dict[str, Any]] = {
    "adam": {"optimizer": "adam"},
    **FIRST_ORDER,
    "lbfgs": {"optimizer": "lbfgs"},
    "lm": {"optimizer": "lm", "num_epochs": 12},
}
CASES: dict[str, dict[str, dict[str, Any]]] = {
    "brock_mirman": ECONOMIC,
    "stochastic_growth": OTHERWISE,
    "asset_pricing": ECONOMIC,
    "growth": ECONOMIC,
    "growth_policy": ECONOMIC,
    "olg": ECONOMIC,
    "cake_eating": ECONOMIC,
    "linear": LECTURE,
}
HEADS = ("problem", "method", "epochs", "CPU s", "min to max", "adam's / it", "loss", "adam's / it", "error")
HEADS += ("largest", "adam's / it", "s to adam's loss", "s to 1/1000 of it")


@dataclass(frozen=True)
class Curve:
    """Where one fit was after so many epochs and seconds of training: mean loss, and mean error against the truth."""

    epochs: list[int]
    seconds: list[float]
    loss: list[float]
    error: list[float]


def main() -> None:
    """Measure, print a Markdown table, write it where it is asked for."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n\n")[0])
    parser.add_argument("--only", choices=CASES, action="append", help="a problem (several times: several)")
    parser.add_argument("--method", choices=[*ECONOMIC], action="append", help="beside adam (several times: several)")
    parser.add_argument("--seeds", type=int, default=3, help=f"seeds of each, from {FIRST} on [3]")
    parser.add_argument("--write", type=Path, metavar="FILE", help="the page whose table this is")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here as well")
    args = parser.parse_args()
    jax.config.update("jax_platforms", os.environ.setdefault("JAX_PLATFORMS", "cpu"))
    print(machine := f"Python {platform.python_version()}, jax {version('jax')}; {os.cpu_count()} cores.", flush=True)
    place = Place(args.write, "accuracy") if args.write else None
    rows: list[dict[str, Any]] = []
    for name in args.only or CASES:
        methods = [method for method in CASES[name] if not args.method or method in ("adam", *args.method)]
        rows += measured(name, methods, range(FIRST, FIRST + args.seeds))
        if place:
            place.write("\n".join(table(rows, place.lines(2))))
        if args.json:
            args.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=2) + "\n")
    print("\n".join(table(rows, {})))


def measured(name: str, methods: Sequence[str], seeds: Sequence[int]) -> list[dict[str, Any]]:
    """One row for each method on one problem; adam, the first, is what the others are compared with."""
    fitted = {method: Fits(name, CASES[name][method]) for method in methods}
    curves: dict[str, list[Curve]] = {method: [] for method in methods}
    for seed in seeds:
        for method, fits in fitted.items():
            curves[method].append(fits.curve(seed))
            last = curves[method][-1]
            print(f"{name}, {method}, {seed}: {last.seconds[-1]:.2f} s, {last.error[-1]:.1e}", file=sys.stderr)
    return [row(name, method, of, curves["adam"]) for method, of in curves.items()]


def row(name: str, method: str, of: Sequence[Curve], adam: Sequence[Curve]) -> dict[str, Any]:
    """What one method came to on one problem, beside adam at the same seeds."""
    seconds, errors = [curve.seconds[-1] for curve in of], [curve.error[-1] for curve in of]
    pairs = list(zip(of, adam, strict=True))
    found = {f"{what}_over_adam": statistics.median(
        getattr(a, what)[-1] / getattr(curve, what)[-1] for curve, a in pairs) for what in ("seconds", "loss", "error")
    }  # fmt: skip
    return {
        "problem": name,
        "method": method,
        "epochs": max(curve.epochs[-1] for curve in of),
        "seconds": statistics.median(seconds),
        "seconds_min_max": [min(seconds), max(seconds)],
        "loss": statistics.median(curve.loss[-1] for curve in of),
        "error": statistics.median(errors),
        "largest_error": max(errors),
        **found,
        "seconds_to_adams_loss": median([reached(curve, a.loss[-1]) for curve, a in pairs]),
        "seconds_to_thousandth": median([reached(curve, a.loss[-1] / 1000) for curve, a in pairs]),
        "curves": [vars(curve) for curve in of],
    }


def reached(curve: Curve, bar: float) -> float | None:
    """Seconds until the loss was first no more than a bar; None if it never was."""
    return next((s for s, value in zip(curve.seconds, curve.loss, strict=True) if value <= bar), None)


def median(seconds: list[float | None]) -> float | None:
    """The median; None if one is not known."""
    known = [s for s in seconds if s is not None]
    return statistics.median(known) if len(known) == len(seconds) else None


class Fits:
    """Fits of one problem by one method, compiled once for all seeds."""

    def __init__(self, problem: str, options: dict[str, Any]):
        self._config = build("mlp", problem, [("the benchmark", options)])
        self._workshop, self._programs, self._error = Workshop(), Programs(), jax.jit(error, static_argnums=(0, 1))
        with precision(self._config.trainer.precision):
            trainer = self._trainer(FIRST)
            trainer.compile()
            self._look(trainer)

    def _trainer(self, seed: int) -> Trainer:
        return Trainer(self._workshop.assemble(self._config.replace_trainer(seed=seed)), self._programs)

    def curve(self, seed: int) -> Curve:
        """One fit from its start to its end; what it takes to look at it is not in its seconds."""
        with precision(self._config.trainer.precision):
            trainer, last, seconds, done = self._trainer(seed), self._config.trainer.num_epochs, 0.0, 0
            found: list[tuple[int, float, float, float]] = []
            for until in sorted({round(last ** (i / LOOKS)) for i in range(LOOKS + 1)}):
                start = time.process_time()
                chunks = list(trainer.run(done, until=until))
                seconds += time.process_time() - start
                if not chunks:  # it has stopped
                    break
                done = chunks[-1].epoch
                found.append((done, seconds, *self._look(trainer)))
            return Curve(*map(list, zip(*found, strict=True)))

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


def table(rows: Sequence[Mapping[str, Any]], old: Mapping[tuple[str, ...], str]) -> Iterator[str]:
    """Lines of Markdown; `old`: those to keep of what was not measured."""
    yield f"| {' | '.join(HEADS)} |"
    yield "|---" * len(HEADS) + "|"
    found = {(row["problem"], row["method"]): line(row) for row in rows}
    for key in [(name, method) for name, methods in CASES.items() for method in methods]:
        if key in found or key in old:
            yield found.get(key) or old[key]


def line(row: Mapping[str, Any]) -> str:
    """One row as a line of Markdown."""
    low, high = row["seconds_min_max"]
    cells = (row["problem"], row["method"], f"{row['epochs']:,}", f"{row['seconds']:.2f}", f"{low:.2f} to {high:.2f}")
    cells += (ratio(row["seconds_over_adam"]), f"{row['loss']:.1e}", ratio(row["loss_over_adam"]))
    cells += (f"{row['error']:.1e}", f"{row['largest_error']:.1e}", ratio(row["error_over_adam"]))
    cells += tuple(after(row[name]) for name in ("seconds_to_adams_loss", "seconds_to_thousandth"))
    return f"| {' | '.join(cells)} |"


def after(seconds: float | None) -> str:
    """So many seconds, if it came to that."""
    return "never" if seconds is None else f"{seconds:.2f}"


def ratio(value: float) -> str:
    """Three digits, or a power of ten."""
    return f"{value:.3g}" if value < 1e4 else f"{value:.0e}"


if __name__ == "__main__":
    main()
