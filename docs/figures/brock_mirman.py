"""The savings rate of Brock and Mirman against its closed form, and the Euler residual over the states."""

from typing import Any

import numpy as np

from figures import style
from figures.economies import comparable, errors, rows
from figures.fitting import fit, rounded

QUICK = True
PAGE = "economics/brock_mirman.md"
SEEDS = (42, 43, 44)
#: what is said of this problem by those who solved it before: the bars
SOURCE = {"policy_error_mean": "2e-4 to 3e-4", "policy_error_max": "1.1e-3", "log10_euler_mean": "-3.6"}
PRODUCTIVITY = (-0.1, 0.0, 0.1)


def numbers() -> dict[str, Any]:
    """By Adam: verdicts at three seeds; at seed 42 savings rate and residual along capital at three productivities."""
    found: dict[str, Any] = {"seeds": errors("brock_mirman", SEEDS, optimizer="adam")}
    fitted = fit("mlp", "brock_mirman", optimizer="adam")
    problem, model = fitted.trainer.setup.problem, fitted.trainer.fitted()
    log_k = np.linspace(-0.7, 0.7, 141)
    found |= {"truth": problem.savings_rate, "k": rounded(problem.kbar * np.exp(log_k)), "slices": {}}
    for z in PRODUCTIVITY:
        x = np.stack([log_k, np.full_like(log_k, z / 0.05)], axis=1).astype("float32")
        found["slices"][str(z)] = {
            "savings_rate": rounded(problem.predict(model, x)),
            "euler": rounded(np.abs(np.asarray(problem.euler(model, x)))),
        }
    return found


__all__ = ["PAGE", "QUICK", "comparable", "draw", "numbers", "table"]


def draw(numbers: dict[str, Any]) -> Any:
    """The savings rate, and log10 of the Euler residual, along capital."""
    figure, axes = style.panels(2)
    for i, (z, line) in enumerate(numbers["slices"].items()):
        look = {"color": style.COLORS[i], "linestyle": style.LINES[i], "label": f"z = {z}"}
        axes[0].plot(numbers["k"], line["savings_rate"], **look)
        axes[1].plot(numbers["k"], line["euler"], **look)
    axes[0].axhline(numbers["truth"], color="0.3", linewidth=1, linestyle=":", label="truth: alpha beta")
    axes[0].set(xlabel="capital k", title="savings rate s(k, z)", ylim=(0.343, 0.349))
    axes[1].set(xlabel="capital k", title="|Euler residual|", yscale="log", ylim=(1e-7, 1e-2))
    axes[0].legend()
    return figure


def table(numbers: dict[str, Any]) -> str:
    """Errors at three seeds against the source's figures."""
    return rows(numbers["seeds"], SOURCE)
