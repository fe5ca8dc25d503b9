"""How often the 95 % intervals of `econml eval effects --refit` cover the average partial effects of a known truth.

    uv run python benchmarks/refit_coverage.py                        # 200 data sets, 100 refits of each
    uv run python benchmarks/refit_coverage.py --json FILE            # keeps what is finished, and goes on from there

Each data set is drawn anew, a small network fitted to it and to bootstrap samples of its rows, with the package's own
refits, weights of a bootstrap sample and interval. Beside it the interval given the fit, Student's t of the derivatives
over the rows. The truth is x1 + .3 x1^2 + tanh(x2) of three normal columns, the last of which does nothing: the effects
are 1, E[1 - tanh(x2)^2] and 0. 95 % of 200 has a standard error of 1.5 points.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from flax import nnx

from econml_cli.evaluation.marginal.refitting import _drawn
from econml_cli.evaluation.risk.refits import refit
from econml_cli.evaluation.standard_errors import around
from econml_cli.problems.base import Batch
from econml_cli.python.api import resolve
from econml_cli.training import compilation_cache
from econml_cli.training.setup.setup import Workshop

#: rows of a data set; data sets that are fitted together
N, BLOCK = 200, 10
NETWORK: dict[str, Any] = {
    "width": (16,), "optimizer": "adamw", "lr": 0.02, "weight_decay": 0.1, "num_epochs": 150, "batch_size": 0,
    "val_fraction": 0.0, "test_fraction": 0.0,
}  # fmt: skip
_NODES = np.polynomial.hermite_e.hermegauss(80)
#: the average partial effects of the three columns
TRUTH = np.array([1.0, float(_NODES[1] @ (1 - np.tanh(_NODES[0]) ** 2) / _NODES[1].sum()), 0.0])


def draw(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """x [N, 3] and y [N, 1] of one data set."""
    r = np.random.default_rng([seed, 77])
    x = r.normal(size=(N, 3))
    return x, (x[:, 0] + 0.3 * x[:, 0] ** 2 + np.tanh(x[:, 1]) + r.normal(size=N))[:, None]


def blocks(replications: int, refits: int, keep: Path | None) -> list[dict[str, Any]]:
    """Of each data set the effects [3], their s.e. by refits [3], and the interval given the fit [3] each."""
    done: list[dict[str, Any]] = json.loads(keep.read_text()) if keep is not None and keep.exists() else []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.parquet"
        pd.DataFrame(draw(0)[0], columns=["a", "b", "c"]).assign(y=draw(0)[1]).to_parquet(path)
        config = resolve("mlp", data=str(path), target="y", **NETWORK)
        problem = Workshop().assemble(config).problem  # of every data set: columns are of mean 0 and variance 1 already
    while len(done) < replications:
        seeds = range(len(done), min(len(done) + BLOCK, replications))
        samples, weights, inputs = list[Batch](), list[np.ndarray](), list[np.ndarray]()
        for seed in seeds:
            (x, y), rng = draw(seed), np.random.default_rng([seed, 5])
            own = [np.ones(N), *(_drawn(rng, N, None, None, None) for _ in range(refits))]
            single = [np.asarray(values, np.float32) for values in (x, y)]
            samples += [Batch(*map(jnp.asarray, single), jnp.asarray(w, jnp.float32)) for w in own]
            weights, inputs = [*weights, *own], [*inputs, *([x] * len(own))]
        found = refit(config, problem, None, samples, seeds[0])
        assert not found.diverged
        slopes = [_slopes(model, x) for model, x in zip(found.models, inputs, strict=True)]
        effects = np.array([w @ s / w.sum() for w, s in zip(weights, slopes, strict=True)]).reshape(len(seeds), -1, 3)
        for i, one in enumerate(effects):
            rows = slopes[i * (1 + refits)]
            given = rows.std(axis=0, ddof=1) / np.sqrt(N)
            done.append(
                {"effect": one[0].tolist(), "refit": one[1:].std(axis=0, ddof=1).tolist(), "given": given.tolist()}
            )
        if keep is not None:
            keep.write_text(json.dumps(done))
        print(f"{len(done)} of {replications}", flush=True)
    return done[:replications]


def _slopes(model: Any, x: np.ndarray) -> np.ndarray:
    """The derivatives of a model in its inputs at x [n, 3], [n, 3]."""
    graphdef, state = nnx.split(model)
    return np.asarray(_derivatives(graphdef)(state, jnp.asarray(x, jnp.float32)), np.float64)


_COMPILED: dict[Any, Any] = {}


def _derivatives(graphdef: Any) -> Any:
    if graphdef not in _COMPILED:
        of_one = jax.grad(lambda x, state: nnx.merge(graphdef, state)(x[None])[0, 0])
        _COMPILED[graphdef] = jax.jit(lambda state, x: jax.vmap(of_one, (0, None))(x, state))
    return _COMPILED[graphdef]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n\n")[0])
    parser.add_argument("--replications", type=int, default=200, help="data sets [200]")
    parser.add_argument("--refits", type=int, default=100, help="refits of each [100]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep what is finished here, and go on from it")
    args = parser.parse_args()
    compilation_cache.enable()
    found = blocks(args.replications, args.refits, args.json)
    effects = np.array([one["effect"] for one in found])
    print("column  truth  mean    s.d.    s.e. by refits  covers  s.e. given the fit  covers")
    for j, truth in enumerate(TRUTH):
        cells = [f"x{j + 1}      {truth:.3f}  {effects[:, j].mean():.3f}   {effects[:, j].std(ddof=1):.3f}"]
        for kind in ("refit", "given"):
            errors = np.array([one[kind][j] for one in found])
            ends = [around(float(b), float(s)) for b, s in zip(effects[:, j], errors, strict=True)]
            covers = np.mean([one.low <= truth <= one.high for one in ends])
            cells.append(f"{errors.mean():.3f}           {covers:.1%}")
        print("   ".join(cells))


if __name__ == "__main__":
    main()
