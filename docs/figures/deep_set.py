"""A variance within a set, at the size of training and at another."""

from typing import Any

import numpy as np

from figures import style
from figures.fitting import fit, rounded

QUICK = False
PAGE = "models/deep_set.md"
SIZES = (16, 64)
SETS = 200


def numbers() -> dict[str, Any]:
    """Predicted and true variance of fresh sets of both sizes, and the verdicts; seed 42. An MLP's beside them."""
    fitted = fit("deep_set", "symmetric")
    mlp = fit("mlp", "symmetric")
    found: dict[str, Any] = {"deep_set": fitted.found, "mlp": mlp.found, "sets": {}}
    rng = np.random.default_rng(0)
    for size in SIZES:
        m, log_s = rng.normal(size=(SETS, 1)), 0.5 * rng.normal(size=(SETS, 1))
        x = m + np.exp(log_s) * rng.normal(size=(SETS, size))
        found["sets"][str(size)] = {"truth": rounded(x.var(axis=1)), "predicted": rounded(fitted.at(x))}
    return found


def draw(numbers: dict[str, Any]) -> Any:
    """Predicted against true variance, a panel a size."""
    figure, axes = style.panels(2)
    titles = {"16": ("as in training", "r2"), "64": ("never seen", "r2_other_size")}
    for i, (axis, (size, points)) in enumerate(zip(axes, numbers["sets"].items(), strict=True)):
        said, r2 = titles[size]
        ends = (0.8 * min(points["truth"]), 1.2 * max(points["truth"]))
        axis.plot(ends, ends, color="0.3", linewidth=1, linestyle=":")
        axis.plot(
            points["truth"], points["predicted"], style.MARKERS[i], color=style.COLORS[i], alpha=0.6, markersize=3
        )
        share = numbers["deep_set"][r2]
        axis.set(xlabel="variance within the set", title=f"sets of {size} ({said}): R² {share:.4f}")
        axis.set(xlim=ends, ylim=ends, xscale="log", yscale="log")
    axes[0].set_ylabel("f(set)")
    return figure


def table(numbers: dict[str, Any]) -> str:
    """The verdicts of both models."""
    names = {"r2": "R² on sets of 16", "r2_other_size": "R² on sets of 64", "permutation_change": "largest change"}
    rows = [["model", *names.values()], ["---"] * 4]
    for model in ("deep_set", "mlp"):
        found = numbers[model]
        rows.append([model, *(f"{found[key]:.4g}" if key in found else "-" for key in names)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
