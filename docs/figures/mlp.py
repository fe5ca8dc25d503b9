"""One noisy sine, and MLPs from too narrow to wide."""

from typing import Any

import numpy as np

from figures import style
from figures.fitting import SEEDS, fit, rounded, spread

QUICK = False
WIDTHS = (1, 2, 4, 8, 16, 64, 256)
SHOWN = (2, 8, 256)
OPTIONS = {"expr": "sin(2*pi*x)", "noise": 0.2, "N": 40, "num_epochs": 3000, "lr": 3e-3, "activation": "tanh"}


def numbers() -> dict[str, Any]:
    """Training loss and excess risk by width over the seeds; fits and data of the first seed."""
    found: dict[str, Any] = {"widths": list(WIDTHS), "train_loss": [], "excess_risk": [], "curves": {}}
    for width in WIDTHS:
        fits = [fit("mlp", "function", width=width, seed=seed, **OPTIONS) for seed in SEEDS]
        for name in ("train_loss", "excess_risk"):
            found[name].append(spread([one.found[name] for one in fits]))
        if width in SHOWN:
            found["x"], found["curves"][str(width)] = fits[0].along(0, 1)
        train = fits[0].trainer.setup.train
    found["data"] = {"x": rounded(train.x), "y": rounded(train.y)}
    return found


def draw(numbers: dict[str, Any]) -> Any:
    """Left: three fits. Right: training loss and excess risk against width."""
    figure, (left, right) = style.panels(2)
    left.plot(numbers["data"]["x"], numbers["data"]["y"], ".", color="0.6", label="data")
    left.plot(numbers["x"], np.sin(2 * np.pi * np.asarray(numbers["x"])), color="0.3", linewidth=1, linestyle=":")
    for i, (width, curve) in enumerate(numbers["curves"].items()):
        style_of = {"color": style.COLORS[i], "linestyle": style.LINES[i]}
        left.plot(numbers["x"], curve, label=f"width {width}", **style_of)
    left.set(xlabel="x", ylabel="Y and f(x)", title="seed 42 (dotted: the truth)")
    left.legend()
    style.band(right, numbers["widths"], numbers["train_loss"], 0, "training loss")
    style.band(right, numbers["widths"], numbers["excess_risk"], 1, "excess risk")
    right.axhline(OPTIONS["noise"] ** 2, color="0.3", linewidth=1, linestyle=":", label="Bayes risk")
    right.set(xlabel="--width", ylabel="units of Y squared", yscale="log", title="six seeds: median, range")
    style.ticks(right, numbers["widths"])
    right.legend()
    return figure
