"""The error of the savings rate of Brock and Mirman, and the Euler residual, over the states."""

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
    """Verdicts at three seeds; at seed 42 the error of the savings rate and the residual along capital at three
    productivities."""
    found: dict[str, Any] = {"seeds": errors("brock_mirman", SEEDS)}
    fitted = fit("mlp", "brock_mirman")
    problem, model = fitted.trainer.setup.problem, fitted.trainer.fitted()
    log_k = np.linspace(-0.7, 0.7, 141)
    found |= {"k": rounded(problem.kbar * np.exp(log_k)), "slices": {}}
    with fitted.precision():
        for z in PRODUCTIVITY:
            x = np.stack([log_k, np.full_like(log_k, z / 0.05)], axis=1)
            error, euler = problem.predict(model, x) / problem.savings_rate - 1, problem.euler(model, x)
            found["slices"][str(z)] = {"error": rounded(np.abs(error)), "euler": rounded(np.abs(euler))}
    return found


__all__ = ["PAGE", "QUICK", "comparable", "draw", "numbers", "table"]


def draw(numbers: dict[str, Any]) -> Any:
    """The error of the savings rate, and the Euler residual, along capital."""
    figure, axes = style.panels(2)
    for i, (z, line) in enumerate(numbers["slices"].items()):
        look = {"color": style.COLORS[i], "linestyle": style.LINES[i], "label": f"z = {z}"}
        axes[0].plot(numbers["k"], line["error"], **look)
        axes[1].plot(numbers["k"], line["euler"], **look)
    for axis, title in zip(axes, ("|savings rate / (alpha beta) - 1|", "|Euler residual|"), strict=True):
        axis.set(xlabel="capital k", title=title, yscale="log", ylim=(1e-10, 1e-4))
    axes[0].legend()
    return figure


def table(numbers: dict[str, Any]) -> str:
    """Errors at three seeds against the source's figures."""
    return rows(numbers["seeds"], SOURCE)
