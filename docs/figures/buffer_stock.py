"""Consumption against the exact policy, its error, and the residual, along cash on hand."""

from typing import Any

import jax
import numpy as np

from econml_cli.problems.economies.buffer_stock import UNIT
from econml_cli.training.precision import precision
from figures import style
from figures.economies import comparable, rows
from figures.fitting import fit, rounded

#: three fits of half a minute
QUICK = False
PAGE = "economics/buffer_stock.md"
SEEDS = (42, 43, 44)
#: what is asked of it
SOURCE = {"path_error_max": "1e-3", "limit_slack": "1e-4", "limit_binds": "-"}


def numbers() -> dict[str, Any]:
    """Verdicts at three seeds; at seed 42 consumption, its error and the residual along cash on hand."""
    fits = {seed: fit("mlp", "buffer_stock", seed=seed) for seed in SEEDS}
    found: dict[str, Any] = {"seeds": {str(seed): one.found for seed, one in fits.items()}}
    fitted = fits[SEEDS[0]]
    problem, model = fitted.trainer.setup.problem, fitted.trainer.fitted()
    m = np.exp(np.linspace(np.log(problem.p.m_low), np.log(problem.p.m_high), 201))
    with precision("float64"):
        x = jax.numpy.asarray(np.log(m) / UNIT)[:, None]
        eaten, truth = (np.asarray(each)[:, 0] for each in (problem.predict(model, x), problem.truth(x)))
        gap = np.abs(np.asarray(problem.euler(model, x)))
    found |= {"m": rounded(m), "c": rounded(eaten), "error": rounded(np.abs(eaten / truth - 1)), "gap": rounded(gap)}
    return found


__all__ = ["PAGE", "QUICK", "comparable", "draw", "numbers", "table"]


def draw(numbers: dict[str, Any]) -> Any:
    """Consumption, its error, and the residual, along cash on hand."""
    figure, axes = style.panels(3)
    axes[0].plot(numbers["m"], numbers["c"], color=style.COLORS[0], label="consumption c(m)")
    axes[0].plot(numbers["m"], numbers["m"], color=style.COLORS[1], linestyle=style.LINES[1], label="all cash")
    axes[0].set(xlabel="cash on hand", title="consumption c(m)", ylim=(0.4, 1.6))
    axes[0].legend()
    for axis, name, title in ((axes[1], "error", "|c / exact - 1|"), (axes[2], "gap", "|residual|")):
        shown = np.asarray(numbers[name])
        shown[shown < 1e-10] = np.nan  # all is eaten, which is exact: no logarithm of zero
        axis.plot(numbers["m"], shown, color=style.COLORS[0])
        axis.set(xlabel="cash on hand", title=title, yscale="log", ylim=(1e-10, 1e-2))
    return figure


def table(numbers: dict[str, Any]) -> str:
    """Errors at three seeds against what is asked for."""
    return rows(numbers["seeds"], SOURCE)
