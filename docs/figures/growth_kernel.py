"""The path that the smallest norm chooses, and its errors by three kernels."""

from typing import Any

import numpy as np

from econml_cli.training.precision import precision
from figures import style
from figures.fitting import fit, rounded

QUICK = True
PAGE = "economics/growth_kernel.md"
#: kernel: its smoothness, and the largest error of capital that was published
PUBLISHED = {"matern12": ("1/2", "1.8e-3"), "matern32": ("3/2", "5.9e-4"), "matern52": ("5/2", "1.4e-4")}
COLUMNS = ("policy_error_mean", "policy_error_max", "consumption_error_max", "saddle_error")


def numbers() -> dict[str, Any]:
    """Verdicts by kernel (nothing is drawn, so that seeds are all the same); capital, the truth, and the errors after
    t = 0 on [0, 50]."""
    t = np.linspace(0, 50, 201)
    found: dict[str, Any] = {"t": rounded(t), "varied": {}}
    for kernel in PUBLISHED:
        fitted = fit("kernel", "growth_kernel", kernel=kernel)
        found["varied"][kernel] = {name: fitted.found[name] for name in COLUMNS}
        problem = fitted.trainer.setup.problem
        with precision("float64"):
            k = np.asarray(problem.predict(fitted.trainer.fitted(), t[:, None]))[:, 0]
        truth = problem.saddle.at(t)[0]
        found[kernel] = rounded(np.abs(k / truth - 1)[1:])
        found |= {"truth": rounded(truth)} | ({"capital": rounded(k)} if kernel == "matern12" else {})
    return found


def draw(numbers: dict[str, Any]) -> Any:
    """Left: capital and the truth. Right: the error of capital by kernel."""
    figure, axes = style.panels(2)
    t, truth = (np.asarray(numbers[name]) for name in ("t", "truth"))
    axes[0].plot(t, numbers["capital"], color=style.COLORS[0], label="smallest norm, matern12")
    axes[0].plot(t, truth, color="0.1", linewidth=1, linestyle=":", label="saddle path")
    axes[0].set(xlabel="t", ylabel="capital")
    axes[0].legend(loc="lower right")
    for i, kernel in enumerate(PUBLISHED):
        axes[1].semilogy(t[1:], numbers[kernel], color=style.COLORS[i], linestyle=style.LINES[i], label=kernel)
    axes[1].axvline(40, color="0.3", linewidth=1, linestyle=":")
    axes[1].set(xlabel="t", ylim=(1e-10, 1e-2), title="error of capital (no points beyond 40)")
    axes[1].legend(loc="lower left")
    return figure


def table(numbers: dict[str, Any]) -> str:
    """The errors, a row a kernel."""
    rows = [["kernel", "error of k, mean", "max", "published max", "error of c, max", "at twice the horizon"]]
    rows.append(["---"] * len(rows[0]))
    for kernel, (nu, published) in PUBLISHED.items():
        mean, most, consumption, end = (numbers["varied"][kernel][name] for name in COLUMNS)
        rows.append(
            [f"`{kernel}`, nu = {nu}", f"{mean:.1e}", f"{most:.2e}", published, f"{consumption:.1e}", f"{end:.1e}"]
        )
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
