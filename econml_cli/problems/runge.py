"""Runge's function: where polynomials on equispaced nodes fail, and those on Chebyshev nodes do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from econml_cli.options.fields import option
from econml_cli.problems import losses
from econml_cli.problems.lazily import known, nnx
from econml_cli.problems.nodes import Nodes
from econml_cli.problems.sizes import sizes_of

if TYPE_CHECKING:
    from econml_cli.models.base import Model
    from econml_cli.problems.base import Batch, Split, Task


def runge(x: Any) -> Any:
    """1 / (1 + 25 x^2), [n, 1] -> [n]."""
    return 1 / (1 + 25 * x[:, 0] ** 2)


@dataclass(frozen=True)
class RungeOptions:
    """Runge's function 1/(1 + 25 x^2) on [-1, 1], without noise."""

    N: int = option(64, "observations in the training sample", ge=1)
    nodes: Nodes = option("chebyshev", "x of the training sample: fixed nodes, or uniform draws")
    N_test: int = option(2001, "points of the grid that is the test sample", ge=0)
    N_val: int = option(200, "observations in the validation sample", ge=0)


class Runge:
    """Y = 1 / (1 + 25 X^2) on [-1, 1], without noise.

    The training sample has `nodes` for its X; the test sample is an equispaced grid, the validation sample uniform
    draws. Source: Runge (1901); Trefethen (2019), Approximation Theory and Approximation Practice, chapter 13.
    """

    # a smooth f of one input: Flax's zero biases would put all kinks of the first layer at 0
    recipe: ClassVar = {
        "width": 64,
        "activation": "tanh",
        "init": "torch_uniform",
        "lr": 1e-2,
        "schedule": "cosine",
        "num_epochs": 5000,
    }
    simulated: ClassVar[bool] = True
    task: Task | None = "regression"
    din = 1
    dout = 1
    loss_scale = 1.0
    loss, predict, observed = losses.loss, losses.predict, losses.observed

    def __init__(self, *, rngs: nnx.Rngs, **options: Any):
        p = RungeOptions(**options)
        sizes = sizes_of(p)
        self.known = known.Known(runge, 1, -1.0, 1.0, 0.0, sizes, {"train": p.nodes, "test": "equispaced"})

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch | None:
        """X [n, 1] and Y [n, 1]; None where n is 0."""
        return self.known.sample(rngs, split, n)

    def verdicts(self, model: Model, batch: Batch) -> dict[str, float]:
        """`max_error` and `rms_error` of f against Runge's function on a dense grid of [-1, 1]."""
        return self.known.largest_error(model, batch)

    def describe(self) -> dict[str, Any]:
        """Features, target, the truth, and the nodes of the training sample."""
        truth, nodes = "1/(1 + 25*x^2) on [-1, 1]", self.known.designs["train"]
        return {"features": ["x"], "target": "y", "truth": truth, "nodes": nodes}
