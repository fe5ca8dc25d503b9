"""Double descent: the excess risk of the minimum-norm fit against the number of features."""

from typing import Any

import numpy as np

from figures import style
from figures.fitting import fit

QUICK = False
#: y = x'b + 0.3 eps with b ~ N(0, I/5), all times sqrt(5): the problem `linear` draws its theta from N(0, I)
N, M, SIGMA = 40, 5, 0.3 * 5**0.5
FEATURES = (5, 10, 20, 30, 36, 40, 44, 50, 80, 200, 1000, 4000)
RIDGES = {"minimum norm (--ridge 0)": 0.0, "--ridge 0.1": 0.1}
SEEDS = range(30)


def numbers() -> dict[str, Any]:
    """Median and quartiles over 30 seeds of the excess risk, over 5: as a share of the truth's variance, on average."""
    found: dict[str, Any] = {"features": list(FEATURES), "excess": {}}
    for name, ridge in RIDGES.items():
        found["excess"][name] = [_excess(p, ridge) for p in FEATURES]
    return found


def _excess(p: int, ridge: float) -> dict[str, float]:
    fits = [
        fit(
            *("random_features", "linear"),
            **{"num_features": p, "ridge": ridge, "seed": seed},
            **{"N": N, "M": M, "sigma": SIGMA, "N_test": 1000, "N_val": 0},
        )
        for seed in SEEDS
    ]
    low, median, high = np.quantile([one.found["excess_risk"] / M for one in fits], [0.25, 0.5, 0.75])
    return {"median": float(median), "low": float(low), "high": float(high)}


def draw(numbers: dict[str, Any]) -> Any:
    """Excess risk against features."""
    figure, (axis,) = style.panels()
    for i, (name, spreads) in enumerate(numbers["excess"].items()):
        style.band(axis, numbers["features"], spreads, i, name)
    axis.axvline(N, color="0.3", linewidth=1, linestyle=":")
    axis.text(N * 1.1, 45, "features = observations", color="0.3", fontsize=8, va="top")
    axis.set(xlabel="--num-features", ylabel="excess risk / variance of the truth", yscale="log", ylim=(0.02, 60))
    style.ticks(axis, (5, 10, 40, 200, 1000, 4000))
    axis.legend(loc="upper right", bbox_to_anchor=(1, 0.9))
    return figure
