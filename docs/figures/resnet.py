"""Depth with and without residual blocks."""

from typing import Any

from figures import style
from figures.fitting import fit, rounded

QUICK = False
OPTIONS = {
    **{"N": 1000, "width": 32, "activation": "relu"},
    **{"lr": 1e-3, "schedule": "constant", "batch_size": 100, "num_epochs": 60},
}
#: hidden layers: an MLP of so many, and blocks of two layers after the first affine map
LAYERS = (4, 40)


def numbers() -> dict[str, Any]:
    """Training loss by epoch on `friedman`, seed 42."""
    found: dict[str, Any] = {"curves": {}}
    for layers in LAYERS:
        for model, depth in (("mlp", layers), ("resnet", layers // 2)):
            curve = fit(model, "friedman", depth=depth, **OPTIONS).curve["train_loss"]
            found["curves"][f"{model}, {layers} layers"] = rounded(curve)
    return found


def draw(numbers: dict[str, Any]) -> Any:
    """Training loss against epochs."""
    figure, (axis,) = style.panels()
    for i, (name, curve) in enumerate(numbers["curves"].items()):
        drawn = {"color": style.COLORS[i % 2], "linestyle": style.LINES[i // 2]}
        axis.plot(range(1, len(curve) + 1), curve, label=name, **drawn)
    axis.set(xlabel="epochs", ylabel="training loss (units of Y squared)", yscale="log")
    axis.legend()
    return figure
