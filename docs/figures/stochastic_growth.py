"""The share of resources that is eaten against the truth, and the Euler residual over the states."""

from typing import Any

import jax
import numpy as np

from econml_cli.training.precision import precision
from figures import style
from figures.economies import comparable, errors, rows
from figures.fitting import fit, rounded

#: three fits of half a minute
QUICK = False
PAGE = "economics/stochastic_growth.md"
SEEDS = (42, 43, 44)
#: the bars, and what the test of the paper's code asks for
SOURCE = {"test_loss": "1e-7", "policy_error_mean": "-", "log10_euler_mean": "-"}
PRODUCTIVITY = (-0.05, 0.0, 0.05)


def numbers() -> dict[str, Any]:
    """Verdicts at three seeds; at seed 42 the share, its error and the residual along capital at three
    productivities."""
    found: dict[str, Any] = {"seeds": errors("stochastic_growth", SEEDS), "slices": {}}
    fitted = fit("mlp", "stochastic_growth")
    problem, model = fitted.trainer.setup.problem, fitted.trainer.fitted()
    log_k = np.linspace(-problem.p.k_range, problem.p.k_range, 141)
    found["k"] = rounded(np.exp(log_k))
    for z in PRODUCTIVITY:
        with precision("float64"):
            x = jax.numpy.asarray(
                np.stack([log_k / problem.p.k_range, np.full_like(log_k, z / problem.p.z_range)], axis=1)
            )
            eaten, truth = (np.asarray(each)[:, 0] for each in (problem.predict(model, x), problem.truth(x)))
            found["slices"][str(z)] = {
                "share": rounded(eaten),
                "error": rounded(np.abs(eaten / truth - 1)),
                "euler": rounded(np.abs(np.asarray(problem.euler(model, x)))),
            }
    return found


__all__ = ["PAGE", "QUICK", "comparable", "draw", "numbers", "table"]


def draw(numbers: dict[str, Any]) -> Any:
    """The share eaten, its error, and the Euler residual, along capital."""
    figure, axes = style.panels(3)
    names = {"share": "share eaten s(k, z)", "error": "|s / truth - 1|", "euler": "|Euler residual|"}
    for axis, (name, title) in zip(axes, names.items(), strict=True):
        for i, (z, line) in enumerate(numbers["slices"].items()):
            look = {"color": style.COLORS[i], "linestyle": style.LINES[i], "label": f"z = {z}"}
            axis.plot(numbers["k"], line[name], **look)
        axis.set(xlabel="capital / steady state", title=title)
        if name != "share":
            axis.set(yscale="log", ylim=(1e-10, 1e-4))
    axes[0].legend()
    return figure


def table(numbers: dict[str, Any]) -> str:
    """Errors at three seeds against what the paper's test asks for."""
    return rows(numbers["seeds"], SOURCE)
