"""The price that the smallest norm chooses, and what kernels make of it."""

from typing import Any

import numpy as np

from econml_cli.training.precision import precision
from figures import style
from figures.fitting import fit, rounded

QUICK = True
PAGE = "economics/asset_pricing_kernel.md"
#: what is varied: label -> options
VARIED: dict[str, dict[str, Any]] = {
    "matern12, length scale 10, 41 points": {},
    "11 points": {"points": 11},
    "length scale 2": {"length_scale": 2.0},
    "length scale 50": {"length_scale": 50.0},
    "matern32": {"kernel": "matern32"},
}
COLUMNS = {
    "mu_0": "mu(0)",
    "policy_error_mean": "error, mean",
    "policy_error_max": "max",
    "log10_euler_max": "log10 residual, max",
    "bubble": "bubble",
}
#: bubbles to compare with, of size zeta at t = 0
BUBBLES = (0.0005, 0.002)


def numbers() -> dict[str, Any]:
    """Verdicts by what is varied (nothing is drawn, so that seeds are all the same); the price, the truth and two
    bubbles on [0, 50]."""
    found: dict[str, Any] = {"varied": {}}
    for label, options in VARIED.items():
        fitted = fit("kernel", "asset_pricing_kernel", precision="float64", **options)
        found["varied"][label] = {name: fitted.found[name] for name in COLUMNS}
        if not options:
            problem, t = fitted.trainer.setup.problem, np.linspace(0, 50, 101)
            with precision("float64"):
                price = np.asarray(problem.predict(fitted.trainer.fitted(), t[:, None]))
                truth = np.asarray(problem.truth(t[:, None]))
            found |= {"t": rounded(t), "price": rounded(price), "truth": rounded(truth)}
            found["bubbles"] = [rounded(truth[:, 0] + zeta * np.exp(problem.p.r * t)) for zeta in BUBBLES]
    return found


def draw(numbers: dict[str, Any]) -> Any:
    """Left: price, truth and bubbles. Right: the error of the price."""
    figure, axes = style.panels(2)
    t, truth, price = (np.asarray(numbers[name]) for name in ("t", "truth", "price"))
    for i, (zeta, bubble) in enumerate(zip(BUBBLES, numbers["bubbles"], strict=True)):
        axes[0].plot(t, bubble, color=style.COLORS[i + 1], linestyle=style.LINES[i + 1], label=f"bubble of {zeta:g}")
    axes[0].plot(t, price, color=style.COLORS[0], label="smallest norm")
    axes[0].plot(t, truth, color="0.1", linewidth=1, linestyle=":", label="closed form")
    axes[0].set(xlabel="t", ylabel="price", ylim=(0.65, 1.35), title="all four solve the equation")
    axes[0].legend(loc="upper left")
    axes[1].plot(t, price / truth - 1, color=style.COLORS[0])
    axes[1].axvline(40, color="0.3", linewidth=1, linestyle=":")
    axes[1].set(xlabel="t", title="error of the price (no points beyond 40)")
    return figure


def table(numbers: dict[str, Any]) -> str:
    """The verdicts, a row a kernel."""
    rows = [["kernel", *COLUMNS.values()], ["---"] * (len(COLUMNS) + 1)]
    for label, found in numbers["varied"].items():
        shown = [f"{found['mu_0']:.7f}", *(f"{found[name]:.3g}" for name in list(COLUMNS)[1:])]
        rows.append([label, *shown])
    rows.append(["closed form", "0.7", "0", "0", "-", "0"])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
