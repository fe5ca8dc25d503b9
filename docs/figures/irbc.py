"""Capital of two countries along a simulated path, and the residuals of their Euler equations there."""

from typing import Any

import jax
import numpy as np

from econml_cli.problems.economies.simulation import at, simulate
from econml_cli.training.precision import precision
from figures import style
from figures.economies import comparable, rows
from figures.fitting import fit, rounded

#: a fit of minutes
QUICK = False
PAGE = "economics/irbc.md"
SEEDS = (42,)
#: what is asked of it
SOURCE = {"euler_error_mean": "1e-4", "log10_euler_path_max": "-3", "slope_error": "-"}
PERIODS, SHOWN = 1000, 200


def numbers() -> dict[str, Any]:
    """Verdicts; of a path of one fit, capital of each country and the size of its residuals, from large to small."""
    fits = {seed: fit("mlp", "irbc", seed=seed) for seed in SEEDS}
    found: dict[str, Any] = {"seeds": {str(seed): one.found for seed, one in fits.items()}}
    fitted = fits[SEEDS[0]]
    problem, model = fitted.trainer.setup.problem, fitted.trainer.fitted()
    with precision("float64"):
        series = simulate(problem, model, periods=PERIODS, paths=1, seed=1)
        columns = {name: [series[f"{name}{j}"][:, 0] for j in (1, 2)] for name in "ka"}
        state = {name: jax.numpy.asarray(np.stack(of, axis=1)) for name, of in columns.items()}
        gaps = np.abs(np.asarray(problem.residual(model, at(problem.observe(state)))))
    for j in (0, 1):
        found[f"k{j + 1}"] = rounded(series[f"k{j + 1}"][:SHOWN, 0])
        found[f"gap{j + 1}"] = rounded(np.sort(gaps[:, j])[::-1][:: PERIODS // SHOWN])
    return found


__all__ = ["PAGE", "QUICK", "comparable", "draw", "numbers", "table"]


def draw(numbers: dict[str, Any]) -> Any:
    """Capital, and the residuals."""
    figure, axes = style.panels(2)
    for j in (0, 1):
        look = {"color": style.COLORS[j], "linestyle": style.LINES[j], "label": f"country {j + 1}"}
        axes[0].plot(numbers[f"k{j + 1}"], **look)
        axes[1].plot(np.linspace(0, 1, SHOWN), numbers[f"gap{j + 1}"], **look)
    axes[0].set(xlabel="period", title="capital / steady state")
    axes[0].legend()
    axes[1].set(xlabel="share of simulated periods", title="|Euler residual|", yscale="log")
    return figure


def table(numbers: dict[str, Any]) -> str:
    """Errors against what is asked for."""
    return rows(numbers["seeds"], SOURCE)
