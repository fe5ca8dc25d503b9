"""What each age saves, and the capital of an economy in which they do."""

from typing import Any

import numpy as np

from econml_cli.problems.economies.simulation import simulate
from figures import style
from figures.economies import comparable
from figures.fitting import fit, rounded

QUICK = False
PAGE = "economics/olg.md"
SEEDS = (42, 43, 44)
PERIODS = 40


def numbers() -> dict[str, Any]:
    """Verdicts by seed, and the share that each age saves on average on a simulated path; at seed 42 that path of
    capital, and its extremes."""
    found: dict[str, Any] = {"seeds": {}, "saved": {}, "spread": {}}
    for seed in SEEDS:
        fitted = fit("mlp", "olg", seed=seed)
        problem = fitted.trainer.setup.problem
        found["seeds"][str(seed)] = fitted.found
        with fitted.precision():
            path = simulate(problem, fitted.trainer.fitted(), periods=1000, paths=1)
        saved = np.stack([path[f"saved_{h}"][:, 0] for h in range(1, problem.p.ages)], axis=1)
        found["saved"][str(seed)] = [float(f"{value:.8g}") for value in saved.mean(axis=0)]
        found["spread"][str(seed)] = rounded(np.ptp(saved, axis=0))
        if seed == SEEDS[0]:
            found["K"] = rounded(path["K"][:PERIODS])
    found["truth"] = [float(f"{value:.8g}") for value in problem.saved]
    found["mean_shock_K"] = float(problem.steady_state.sum())
    return found


__all__ = ["PAGE", "QUICK", "comparable", "draw", "numbers", "table"]


def draw(numbers: dict[str, Any]) -> Any:
    """Left: shares saved by age. Right: a path of capital."""
    figure, axes = style.panels(2)
    ages = np.arange(1, len(numbers["truth"]) + 1)
    axes[0].plot(ages, numbers["truth"], color="0.3", linewidth=1, linestyle=":", label="closed form")
    axes[0].plot(ages, numbers["saved"]["42"], style.MARKERS[0], color=style.COLORS[0], label="network")
    axes[0].set(xlabel="age h", ylabel="share of cash at hand saved", xticks=ages, title="what each age saves")
    axes[0].legend()
    axes[1].plot(numbers["K"], color=style.COLORS[0])
    axes[1].axhline(numbers["mean_shock_K"], color="0.3", linewidth=1, linestyle=":")
    axes[1].set(xlabel="t", ylabel="K", title="capital (dotted: steady state at mean shocks)")
    return figure


def table(numbers: dict[str, Any]) -> str:
    """Shares saved by age, a row a seed, and the verdicts."""
    ages = [f"age {h}" for h in range(1, len(numbers["truth"]) + 1)]
    more = {
        "policy_error_mean": "mean error",
        "policy_error_max": "max",
        "log10_euler_mean": "log10 Euler, mean",
        "capital_error": "mean capital",
    }
    rows = [["seed", *ages, *more.values()], ["---"] * (1 + len(ages) + len(more))]
    for seed, saved in numbers["saved"].items():
        found = numbers["seeds"][seed]
        rows.append([seed, *(f"{value:.5f}" for value in saved), *(f"{found[name]:.3g}" for name in more)])
    rows.append(["closed form", *(f"{value:.5f}" for value in numbers["truth"]), "0", "0", "-", "0"])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
