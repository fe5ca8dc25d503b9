"""Ordinary least squares, and how descent comes to it."""

from typing import Any

from figures import style
from figures.fitting import fit, path

QUICK = True
EPOCHS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500)
PROBLEM = {"bias": False, "sigma": 0.1, "M": 5}
WAYS: dict[str, dict[str, Any]] = {
    "SGD, full batch": {"optimizer": "sgd", "lr": 0.05, "batch_size": 0},
    "SGD, batches of 64": {"optimizer": "sgd", "lr": 0.05, "batch_size": 64},
    "Adam, batches of 64": {"optimizer": "adam", "lr": 0.01, "batch_size": 64},
}


def numbers() -> dict[str, Any]:
    """Excess risk by epoch for three ways of training, and of the exact solution; seed 42."""
    found: dict[str, Any] = {"epochs": list(EPOCHS), "ways": {}}
    for name, way in WAYS.items():
        found["ways"][name] = [after["excess_risk"] for after in path("linear", "linear", EPOCHS, **PROBLEM, **way)]
    found["ols"] = fit("linear", "linear", solver="lstsq", **PROBLEM).found["excess_risk"]
    return found


def draw(numbers: dict[str, Any]) -> Any:
    """Excess risk against epochs."""
    figure, (axis,) = style.panels()
    for i, (name, values) in enumerate(numbers["ways"].items()):
        axis.plot(numbers["epochs"], values, color=style.COLORS[i], linestyle=style.LINES[i], label=name)
    axis.axhline(numbers["ols"], color="0.3", linewidth=1, linestyle=":", label="least squares (--solver lstsq)")
    axis.set_yscale("log")
    style.ticks(axis, (1, 3, 10, 30, 100, 300))
    axis.set_xlabel("epochs")
    axis.set_ylabel("excess risk (units of Y squared)")
    figure.legend(loc="outside upper center", ncols=2)
    return figure
