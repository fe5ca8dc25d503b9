"""One linear model behind three representations, fitted to Friedman's regression."""

from typing import Any

from figures import style
from figures.fitting import SEEDS, fit, spread

QUICK = False
REPRESENTATIONS = {
    "polynomial, products": [f"polynomial:degree={d}" for d in (1, 2, 3)],
    "polynomial, no products": [f"polynomial:degree={d},interaction=none" for d in (1, 2, 3, 5, 10)],
    "random relu features": [f"random_features:num_features={p},bias=true" for p in (10, 30, 100, 300, 1000)],
}


def numbers() -> dict[str, Any]:
    """Excess risk over the seeds, by number of features."""
    found: dict[str, Any] = {}
    for name, phis in REPRESENTATIONS.items():
        rows = []
        for phi in phis:
            fits = [fit("linear", "friedman", phi=phi, solver="lstsq", seed=seed) for seed in SEEDS]
            features = int(fits[0].found["columns"]) - 1  # the constant is of h
            rows.append({"phi": phi, "features": features, **spread([one.found["excess_risk"] for one in fits])})
        found[name] = rows
    return found


def draw(numbers: dict[str, Any]) -> Any:
    """Excess risk against number of features."""
    figure, (axis,) = style.panels()
    for i, (name, rows) in enumerate(numbers.items()):
        style.band(axis, [row["features"] for row in rows], rows, i, name)
    axis.set(xlabel="features in phi(x)", ylabel="excess risk (units of Y squared)", yscale="log")
    style.ticks(axis, (10, 30, 100, 300, 1000))
    axis.legend()
    return figure
