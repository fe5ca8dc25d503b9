"""Interpolation of Runge's function by polynomials: the nodes decide."""

from typing import Any

import numpy as np

from figures import style
from figures.fitting import fit, rounded

QUICK = True
DEGREES = (4, 10, 16, 20, 30, 40)
NODES = ("equispaced", "chebyshev")
SHOWN = 10


def numbers() -> dict[str, Any]:
    """The largest error of the interpolant at degree + 1 nodes, by degree; the two interpolants of degree 10."""
    found: dict[str, Any] = {"degrees": list(DEGREES), "max_error": {}, "curves": {}}
    for nodes in NODES:
        fits = {d: _interpolant(d, nodes) for d in DEGREES}
        found["max_error"][nodes] = [fits[d].found["max_error"] for d in DEGREES]
        found["x"], found["curves"][nodes] = fits[SHOWN].along(-1, 1)
    found["truth"] = rounded(1 / (1 + 25 * np.square(found["x"])))
    return found


def _interpolant(degree: int, nodes: str) -> Any:
    return fit("polynomial", "runge", degree=degree, N=degree + 1, nodes=nodes, precision="float64")


def draw(numbers: dict[str, Any]) -> Any:
    """Left: the interpolants of degree 10. Right: largest error against degree."""
    figure, (left, right) = style.panels(2)
    left.plot(numbers["x"], numbers["truth"], color="0.3", linewidth=1, linestyle=":", label="1/(1 + 25 x²)")
    for i, nodes in enumerate(NODES):
        drawn = {"color": style.COLORS[i], "linestyle": style.LINES[i], "label": f"{nodes} nodes"}
        left.plot(numbers["x"], numbers["curves"][nodes], **drawn)
        right.plot(numbers["degrees"], numbers["max_error"][nodes], marker=style.MARKERS[i], **drawn)
    left.set(xlabel="x", ylabel="f(x)", title=f"degree {SHOWN}, {SHOWN + 1} nodes")
    left.set_xticks((-1, -0.5, 0, 0.5, 1))
    right.set(
        xlabel="degree", ylabel="largest error on [-1, 1]", yscale="log", title="interpolation at degree + 1 nodes"
    )
    left.legend(loc="upper center")
    return figure
