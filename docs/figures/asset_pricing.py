"""An asset price as a sequence, with and without a bubble."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from econml_cli.problems.economies.asset_pricing import AssetPricing
from econml_cli.training.precision import precision
from figures.economies import comparable
from figures.fitting import rounded
from figures.sequences import compared, drawn, sequences, wrong_residual

__all__ = ["PAGE", "QUICK", "comparable", "draw", "numbers", "table"]

QUICK = True
PAGE = "economics/asset_pricing.md"
SOURCE = {"path_error_mean": "0.7e-4 to 3.8e-4", "policy_error_mean": "3e-4 to 1e-3"}
#: the bubble of the figure
ZETA = 0.002


def numbers() -> dict[str, Any]:
    """Three seeds; the price with a bubble, and its residual."""
    found = sequences("asset_pricing")
    with precision("float64"):
        problem, t = AssetPricing(), np.arange(len(found["t"]) + 1.0)
        bubble = np.asarray(problem.truth(jnp.asarray(t[:, None])))[:, 0] + ZETA * problem.p.beta**-t
        found |= {"wrong": rounded(bubble[:-1]), "wrong_residual": wrong_residual(problem, bubble)}
    return found


def draw(numbers: dict[str, Any]) -> Any:
    """Prices and their errors."""
    return drawn(numbers, "price p(t)", f"bubble, zeta = {ZETA}", (0.85, 1.3))


def table(numbers: dict[str, Any]) -> str:
    """Errors at three seeds against the source's figures."""
    return compared(numbers, SOURCE, ("bubble", "transversality"))
