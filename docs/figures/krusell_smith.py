"""Capital of all households by their histogram and by the law alone, consumption along cash on hand, and its error."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from econml_cli.problems.economies import economics, perceived
from econml_cli.problems.economies.krusell_smith import TESTED, TESTED_ON
from econml_cli.training.precision import precision
from figures import style
from figures.economies import along_cash, comparable, rows
from figures.fitting import fit, rounded

#: a fit of minutes
QUICK = False
PAGE = "economics/krusell_smith.md"
SEEDS = (42,)
#: the law of Maliar, Maliar and Valli (2010), and what is asked of the rest
SOURCE = {
    "intercept_bad": "0.1238", "slope_bad": "0.9656", "intercept_good": "0.1378", "slope_good": "0.9632",
    "law_error_max": "5e-3", "capital_error_max": "2e-3", "consumption_error_max": "1e-2", "path_error_mean": "1e-3",
}  # fmt: skip
#: who is drawn: (work, times) by name
DRAWN = {"working, good": (1, 1), "jobless, good": (0, 1), "jobless, bad": (0, 0)}


def numbers() -> dict[str, Any]:
    """Verdicts; at seed 42 capital by the histogram and by the law, consumption and its error along cash."""
    fits = {seed: fit("mlp", "krusell_smith", seed=seed) for seed in SEEDS}
    fitted = fits[SEEDS[0]]
    found = {str(seed): one.found for seed, one in fits.items()}
    return {"seeds": found, **drawn_of(fitted.trainer.setup.problem, fitted.trainer.fitted(), found[str(SEEDS[0])])}


def drawn_of(problem: Any, model: Any, found: dict[str, Any]) -> dict[str, Any]:
    """What is drawn of one fit."""
    with precision("float64"):
        law, _, mass = problem.exact
        mine = []
        for times in ("bad", "good"):
            slope = found[f"slope_{times}"]
            mine += [found[f"intercept_{times}"] - (1 - slope) * problem.middle, slope]
        kept = economics.values(problem, "_kept", model, jnp.asarray(mine))
        z = perceived.states(TESTED, problem.p.lasts, TESTED_ON)
        x, _ = problem.households.capital(kept, z, mass)
        alone = perceived.foretold(np.array(mine), z, x[0])
        m = np.exp(np.linspace(problem._m[0] - problem._m[1], problem._m[0] + problem._m[1], 121))
        eaten, error = {}, {}
        for name, (e, times) in DRAWN.items():
            states = (jnp.full(len(m), value) for value in (e, times))
            at = problem._read(jnp.asarray(m), *states, jnp.zeros(len(m)), jnp.asarray(law)[None])
            c, exact = (np.asarray(each)[:, 0] for each in (problem.predict(model, at), problem.truth(at)))
            eaten[name], error[name] = rounded(c), rounded(np.abs(c / exact - 1))
    last = slice(TESTED - 400, TESTED)
    paths = {"histogram": x[last], "law alone": alone[last]}
    capital = {name: rounded(np.exp(problem.middle + path)) for name, path in paths.items()}
    return {"capital": capital, "m": rounded(m), "c": eaten, "error": error}


__all__ = ["PAGE", "QUICK", "comparable", "draw", "numbers", "table"]


def draw(numbers: dict[str, Any]) -> Any:
    """The last 400 of 10,000 periods of capital, consumption, and its error."""
    figure, axes = style.panels(3)
    for number, (name, path) in enumerate(numbers["capital"].items()):
        look = {"color": style.COLORS[number], "linestyle": style.LINES[number], "label": name}
        axes[0].plot(range(TESTED - len(path), TESTED), path, **look)
    axes[0].set(xlabel="period", title="capital K")
    axes[0].legend()
    along_cash(axes[1:], numbers)
    return figure


def table(numbers: dict[str, Any]) -> str:
    """The law and errors against the published law and what is asked for."""
    return rows(numbers["seeds"], SOURCE)
