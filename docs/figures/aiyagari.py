"""Supply of and demand for assets along the interest rate, consumption along cash on hand, and its error."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from econml_cli.problems.economies import economics
from econml_cli.problems.economies.heterogeneous import mean_assets
from econml_cli.training.precision import precision
from figures import style
from figures.economies import along_cash, comparable, rows
from figures.fitting import fit, rounded

#: a fit of minutes
QUICK = False
PAGE = "economics/aiyagari.md"
SEEDS = (42,)
#: what is asked of it
SOURCE = {"rate": "-", "rate_error": "1e-4", "wealth_error": "2e-2", "path_error_mean": "1e-3"}


def numbers() -> dict[str, Any]:
    """Verdicts; at seed 42 supply of and demand for assets along the rate, consumption and its error along cash."""
    fits = {seed: fit("mlp", "aiyagari", seed=seed) for seed in SEEDS}
    fitted = fits[SEEDS[0]]
    found = {str(seed): one.found for seed, one in fits.items()}
    return {"seeds": found, **drawn_of(fitted.trainer.setup.problem, fitted.trainer.fitted())}


def drawn_of(problem: Any, model: Any) -> dict[str, Any]:
    """What is drawn of one fit."""
    p = problem.p
    with precision("float64"):
        rate, held = problem.exact
        rates = np.linspace(p.r_low, rate + 0.4 * (p.r_high - rate), 9)
        kept = [economics.values(problem, "_kept", model, jnp.asarray(float(r))) for r in rates]
        supply = [mean_assets(problem.chain, problem.assets, one) for one in kept]
        m = np.exp(np.linspace(np.log(p.m_low), np.log(p.m_high), 121))
        eaten, error = {}, {}
        for j in (0, p.incomes // 2, p.incomes - 1):
            x = problem._read(jnp.asarray(m), jnp.full(len(m), j), jnp.full(len(m), rate))
            c, exact = (np.asarray(each)[:, 0] for each in (problem.predict(model, x), problem.truth(x)))
            name = f"{problem.chain.levels[j]:.2f}"
            eaten[name], error[name] = rounded(c), rounded(np.abs(c / exact - 1))
    wanted = [problem.wanted(float(r)) for r in rates]
    drawn = {"rates": rounded(rates), "supply": rounded(supply), "demand": rounded(wanted), "rate": rate, "held": held}
    return {**drawn, "m": rounded(m), "c": eaten, "error": error}


__all__ = ["PAGE", "QUICK", "comparable", "draw", "numbers", "table"]


def draw(numbers: dict[str, Any]) -> Any:
    """Supply and demand, consumption, and its error."""
    figure, axes = style.panels(3)
    percent = 100 * np.asarray(numbers["rates"])
    axes[0].plot(numbers["supply"], percent, color=style.COLORS[0], label="households")
    axes[0].plot(numbers["demand"], percent, color=style.COLORS[1], linestyle=style.LINES[1], label="firms")
    axes[0].plot([numbers["held"]], [100 * numbers["rate"]], "o", color="black", label="exact")
    axes[0].set(xlabel="assets", title="interest rate, %", xlim=(0, 10))
    axes[0].legend()
    along_cash(axes[1:], numbers, "income ")
    return figure


def table(numbers: dict[str, Any]) -> str:
    """The rate and errors against what is asked for."""
    return rows(numbers["seeds"], SOURCE)
