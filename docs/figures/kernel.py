"""What the kernel and what the ridge assume about a function."""

from typing import Any

import numpy as np

from econml_cli.output import figure_style
from figures import style
from figures.fitting import fit, rounded

QUICK = True
EXPR = "sin(2*pi*x)"
EXACT = {"expr": EXPR, "noise": 0.0, "N": 6, "nodes": "equispaced", "ridge": 0.0, "length_scale": 0.12}
NOISY = {"expr": EXPR, "noise": 0.3, "N": 40, "kernel": "matern32", "length_scale": 0.3}
KERNELS = ("matern12", "matern32", "rbf")
RIDGES = (0.0, 0.09, 9.0)


def numbers() -> dict[str, Any]:
    """Interpolants of six exact values by kernel; fits of forty noisy ones by ridge and their excess risk; seed 42."""
    found: dict[str, Any] = {"exact": {}, "noisy": {}, "excess_risk": {}}
    for kernel in KERNELS:
        fitted = fit("kernel", "function", kernel=kernel, precision="float64", **EXACT)
        found["x"], found["exact"][kernel] = fitted.along(-0.25, 1.25, 301)
        found["nodes"] = _data(fitted)
    for ridge in RIDGES:
        fitted = fit("kernel", "function", ridge=ridge, precision="float64", **NOISY)
        found["noisy"][f"{ridge:g}"] = fitted.along(-0.25, 1.25, 301)[1]
        found["excess_risk"][f"{ridge:g}"] = fitted.found["excess_risk"]
        found["data"] = _data(fitted)
    return found


def _data(fitted: Any) -> dict[str, list[float]]:
    train = fitted.trainer.setup.train
    return {"x": rounded(train.x), "y": rounded(train.y)}


def draw(numbers: dict[str, Any]) -> Any:
    """Left: kernels, ridge 0. Right: ridges, Matern 3/2."""
    figure, axes = style.panels(2)
    shown = (("exact", "nodes", "{}"), ("noisy", "data", "--ridge {}"))
    for axis, (curves, data, label) in zip(axes, shown, strict=True):
        x = np.asarray(numbers["x"])
        axis.plot(x, np.sin(2 * np.pi * x), color="0.3", linewidth=1, linestyle=":")
        for i, (name, curve) in enumerate(numbers[curves].items()):
            axis.plot(x, curve, color=style.COLORS[i], linestyle=style.LINES[i], label=label.format(name))
        axis.plot(numbers[data]["x"], numbers[data]["y"], "o", color="0.15", markersize=3)
        axis.set(xlabel="x", ylim=(-2.1, 2.1))
        figure_style.key(axis, columns=3)
    axes[0].set(ylabel="Y and f(x)", title="six exact values, ridge 0 (dotted: the truth)")
    axes[1].set(title="forty values with noise of sd 0.3, matern32")
    return figure
