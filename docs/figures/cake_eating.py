"""How fast a cake is eaten, and how far from the closed form."""

from typing import Any

import numpy as np

from econml_cli.problems.economies.simulation import simulate
from figures import style
from figures.economies import comparable
from figures.fitting import fit, rounded

QUICK = False
PAGE = "economics/cake_eating.md"
SEEDS = (42, 43, 44)
COLUMNS = {
    "policy_error_mean": "policy, mean",
    "policy_error_max": "policy, max",
    "log10_euler_mean": "log10 Euler, mean",
    "log10_euler_max": "max",
    "transversality": "transversality",
    "wealth_error": "wealth at the end",
}


def numbers() -> dict[str, Any]:
    """Verdicts by seed; the error of the share eaten over the states and the path of wealth, of each; the truth."""
    found: dict[str, Any] = {"seeds": {}, "error": {}, "wealth": {}}
    x = np.linspace(-1, 1, 61)
    for seed in SEEDS:
        fitted = fit("mlp", "cake_eating", seed=seed)
        problem = fitted.trainer.setup.problem
        found["seeds"][str(seed)] = fitted.found
        share = 1 / (1 + np.exp(-fitted.at(x[:, None])))
        found["error"][str(seed)] = rounded(np.abs(share / problem.share - 1))
        with fitted.precision():
            path = simulate(problem, fitted.trainer.fitted(), periods=problem.path[0], paths=1)
        found["wealth"][str(seed)] = rounded(path["a"][::5])
    found["a"] = rounded(np.exp(problem.log_range * x))
    found["t"] = rounded(np.arange(problem.path[0])[::5])
    found["truth"] = {"growth": problem.growth, "transversality": problem.factor}
    return found


__all__ = ["PAGE", "QUICK", "comparable", "draw", "numbers", "table"]


def draw(numbers: dict[str, Any]) -> Any:
    """Left: the error of the share eaten. Right: wealth on the path."""
    figure, axes = style.panels(2)
    truth = numbers["truth"]
    for i, seed in enumerate(numbers["error"]):
        look = {"color": style.COLORS[i], "linestyle": style.LINES[i], "label": f"seed {seed}"}
        axes[0].plot(numbers["a"], numbers["error"][seed], **look)
        axes[1].plot(numbers["t"], numbers["wealth"][seed], **look)
    t = np.asarray(numbers["t"])
    axes[1].plot(t, numbers["wealth"]["42"][0] * truth["growth"] ** t, color="0.3", linewidth=1, linestyle=":")
    axes[0].set(xscale="log", yscale="log", xlabel="wealth a", title="|s(a) / s - 1|, the error of the share eaten")
    axes[1].set(yscale="log", xlabel="t", title="wealth on the path (dotted: the truth)")
    axes[0].legend()
    return figure


def table(numbers: dict[str, Any]) -> str:
    """The verdicts, a row a seed, and what they are at the truth."""
    rows = [["seed", *COLUMNS.values()], ["---"] * (len(COLUMNS) + 1)]
    for seed, found in numbers["seeds"].items():
        rows.append([seed, *(f"{found[name]:.3g}" for name in COLUMNS)])
    rows.append(["closed form", "0", "0", "-", "-", f"{numbers['truth']['transversality']:.3g}", "0"])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
