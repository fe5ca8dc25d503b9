"""Reconstruction error against the size of the representation, with PCA's bound."""

from typing import Any

from econml_cli.problems.factor import pca_mse
from figures import style
from figures.fitting import fit

QUICK = False
LATENT = (1, 2, 3, 4, 6)
OPTIONS = {"batch_size": 100, "num_epochs": 300, "schedule": "cosine"}
WAYS = {"linear": {"linear": True, "lr": 1e-2}, "two hidden layers of 64": {"linear": False, "lr": 3e-3}}


def numbers() -> dict[str, Any]:
    """Training error of a linear and a nonlinear autoencoder on `factor` (three factors), and of PCA; seed 42."""
    found: dict[str, Any] = {"latent": list(LATENT), "train_loss": {}}
    for name, way in WAYS.items():
        fits = [fit("autoencoder", "factor", latent=k, **OPTIONS, **way) for k in LATENT]
        found["train_loss"][name] = [one.found["train_loss"] for one in fits]
        found["pca"] = [pca_mse(fits[0].trainer.setup.train.x, k) for k in LATENT]
    return found


def draw(numbers: dict[str, Any]) -> Any:
    """Training error against latent numbers."""
    figure, (axis,) = style.panels()
    axis.plot(numbers["latent"], numbers["pca"], color="0.8", linewidth=6, label="PCA")
    for i, (name, values) in enumerate(numbers["train_loss"].items()):
        drawn = {"color": style.COLORS[i], "linestyle": style.LINES[i], "marker": style.MARKERS[i]}
        axis.plot(numbers["latent"], values, label=f"autoencoder, {name}", **drawn)
    axis.set(xlabel="--latent", yscale="log", xticks=numbers["latent"])
    axis.set_ylabel("mean squared error")
    axis.legend()
    return figure
