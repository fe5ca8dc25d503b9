"""The policy of the growth model, by the recipe and by Adam with several networks, and where their economies go."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from econml_cli.problems.economies.simulation import simulate
from figures import style
from figures.economies import comparable, errors, rows
from figures.fitting import Fitted, fit, rounded

__all__ = ["PAGE", "QUICK", "comparable", "draw", "numbers", "table"]

QUICK = False
PAGE = "economics/growth_policy.md"
SEEDS = (42, 43, 44)
#: how often a network finds the solution: of six draws that can be all or half by chance
MANY_SEEDS = range(12)
SOURCE = {"policy_error_mean": "bar: 2e-3", "path_error_mean": "", "saddle_error": ""}
#: depth, width and learning rate of Adam; the last is that of its recipe
NETWORKS = ((2, 32, 1e-2), (2, 64, 3e-3), (2, 128, 1e-3), (4, 128, 1e-3))


def numbers() -> dict[str, Any]:
    """Three seeds; how many of twelve pass by Adam, by network; a policy that passes and one that does not."""
    found: dict[str, Any] = {"seeds": errors("growth_policy", SEEDS), "networks": [], "lines": {}}
    for depth, width, lr in NETWORKS:
        fits = [fit("mlp", "growth_policy", depth=depth, width=width, lr=lr, seed=seed) for seed in MANY_SEEDS]
        stable = [one.found["verdict_stability"] == "passed" for one in fits]
        said = {"depth": depth, "width": width, "lr": lr, "passed": sum(stable), "of": len(stable)}
        found["networks"].append(said | {"test_loss": float(np.median([one.found["test_loss"] for one in fits]))})
        if not all(stable):
            found["lines"]["wrong"] = _lines(fits[stable.index(False)])
    found["lines"]["fitted"] = _lines(fit("mlp", "growth_policy"))
    return found


def _lines(fitted: Fitted) -> dict[str, Any]:
    """k' - k over the grid, beside the truth, and capital over 50 periods."""
    problem, model = fitted.trainer.setup.problem, fitted.trainer.fitted()
    with fitted.precision():
        k = jnp.linspace(problem.p.k_low, problem.p.k_high, 101)[:, None]
        return {
            "k": rounded(k),
            "change": rounded(problem.predict(model, k) - k),
            "truth": rounded(problem.truth(k) - k),
            "path": rounded(simulate(problem, model, periods=51, paths=1)["k"]),
            "k_ss": problem.economy.k_ss,
            "residual": float(jnp.abs(problem.residual(model, fitted.trainer.setup.test)).max()),
        }


def draw(numbers: dict[str, Any]) -> Any:
    """k' - k over capital, and capital over time."""
    figure, axes = style.panels(2)
    labels = {"fitted": "the recipe", "wrong": "Adam, 2 layers, a seed that failed"}
    for i, (name, label) in enumerate(labels.items()):
        if name not in numbers["lines"]:
            continue
        line, look = numbers["lines"][name], {"color": style.COLORS[i], "linestyle": style.LINES[i]}
        axes[0].plot(line["k"], line["change"], label=label, **look)
        axes[1].plot(range(len(line["path"])), line["path"], **look)
    right = numbers["lines"]["fitted"]
    axes[0].plot(right["k"], right["truth"], color="0.3", linestyle=":", label="truth")
    axes[0].set(xlabel="capital k", title="k'(k) - k")
    axes[0].legend()
    axes[1].axhline(right["k_ss"], color="0.3", linewidth=1, linestyle=":")
    axes[1].set(xlabel="t", title="capital from k = 0.8; dotted: steady state")
    return figure


def table(numbers: dict[str, Any]) -> str:
    """Errors at three seeds, then how many of twelve others are stable by Adam, by network."""
    lines = [["Adam, layers", "lr", "median test loss", "stable"], ["---"] * 4]
    for one in numbers["networks"]:
        shape = f"{one['depth']} of {one['width']}"
        lines.append([shape, f"{one['lr']:g}", f"{one['test_loss']:.1e}", f"{one['passed']} of {one['of']}"])
    networks = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return rows(numbers["seeds"], SOURCE) + "\n\n" + networks
