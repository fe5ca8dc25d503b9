"""Capital as a sequence, to the steady state and to where nothing is eaten."""

from typing import Any

import numpy as np

from econml_cli.problems.economies.growth import Growth
from econml_cli.training.precision import precision
from figures.economies import comparable
from figures.fitting import rounded
from figures.sequences import compared, drawn, sequences, wrong_residual

__all__ = ["PAGE", "QUICK", "comparable", "draw", "numbers", "table"]

QUICK = False
PAGE = "economics/growth.md"
SOURCE = {"path_error_mean": "0.9e-4 to 2.9e-4", "policy_error_mean": "0.4e-3 to 1.3e-3"}
#: what is eaten in period 0 of the wrong path, as a share of what should be
SHARE = 0.99


def numbers() -> dict[str, Any]:
    """Three seeds; the path that begins with too little consumption, and its residual."""
    found = sequences("growth")
    with precision("float64"):
        problem = Growth()
        e, k = problem.economy, [problem.p.k0]
        c = SHARE * (e.resources(k[0]) - problem.saddle[1])
        for _ in range(len(found["t"]) + 1):
            k.append(e.resources(k[-1]) - c)
            c *= e.beta * e.gross_return(k[-1])
        wrong = np.array(k)
        found |= {"wrong": rounded(wrong[: len(found["t"])]), "wrong_residual": wrong_residual(problem, wrong)}
    return found


def draw(numbers: dict[str, Any]) -> Any:
    """Capital and its errors."""
    return drawn(numbers, "capital k(t)", f"{1 - SHARE:.0%} too little eaten at t = 0", (0, 6))


def table(numbers: dict[str, Any]) -> str:
    """Errors at three seeds against the source's figures."""
    return compared(numbers, SOURCE, ("saddle_error",))
