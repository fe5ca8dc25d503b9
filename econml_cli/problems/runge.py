"""Runge's function: where polynomials on equispaced nodes fail, and those on Chebyshev nodes do not."""

from typing import Any, ClassVar

from flax import nnx

from econml_cli.problems import losses
from econml_cli.problems.base import Batch, Split, Task
from econml_cli.problems.known import Known, Nodes


def runge(x: Any) -> Any:
    """1 / (1 + 25 x^2), [n, 1] -> [n]."""
    return 1 / (1 + 25 * x[:, 0] ** 2)


class Runge:
    """Y = 1 / (1 + 25 X^2) on [-1, 1], without noise.

    The training sample has `nodes` for its X; the test sample is an equispaced grid, the validation sample uniform
    draws. Source: Runge (1901); Trefethen (2019), Approximation Theory and Approximation Practice, chapter 13.
    """

    simulated: ClassVar[bool] = True
    task: Task | None = "regression"
    din = 1
    dout = 1
    loss_scale = 1.0
    loss, predict, observed = losses.loss, losses.predict, losses.observed

    def __init__(self, N: int, nodes: Nodes, N_test: int, N_val: int, *, rngs: nnx.Rngs):
        sizes = {"train": N, "test": N_test, "val": N_val, "population": N_test}
        self.known = Known(runge, 1, -1.0, 1.0, 0.0, sizes, {"train": nodes, "test": "equispaced"})

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch | None:
        """X [n, 1] and Y [n, 1]; None where n is 0."""
        return self.known.sample(rngs, split, n)

    def verdicts(self, model: Any, batch: Batch) -> dict[str, float]:
        """`max_error` and `rms_error` of f against Runge's function on a dense grid of [-1, 1]."""
        return self.known.largest_error(model, batch)

    def describe(self) -> dict[str, Any]:
        """Features, target, the truth, and the nodes of the training sample."""
        truth, nodes = "1/(1 + 25*x^2) on [-1, 1]", self.known.designs["train"]
        return {"features": ["x"], "target": "y", "truth": truth, "nodes": nodes}
