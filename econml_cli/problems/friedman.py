"""Friedman's regression: an interaction, a square, two linear terms, and five inputs that do not matter."""

from typing import Any, ClassVar

import numpy as np
from flax import nnx

from econml_cli.problems import losses
from econml_cli.problems.base import Batch, Split, Task
from econml_cli.problems.known import Known

INPUTS = 10


def friedman(x: Any) -> Any:
    """10 sin(pi x1 x2) + 20 (x3 - 1/2)^2 + 10 x4 + 5 x5, [n, 10] -> [n]."""
    sin = x.__array_namespace__().sin
    return 10 * sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]


class Friedman:
    """Y = 10 sin(pi X1 X2) + 20 (X3 - 1/2)^2 + 10 X4 + 5 X5 + noise eps, X ~ U[0, 1]^10, eps ~ N(0, 1).

    The best predictor is the sum without eps and the Bayes risk noise^2; the best affine one has an excess risk of
    about 6.0.

    Source: Friedman (1991), "Multivariate Adaptive Regression Splines", Annals of Statistics 19, equation 61.
    """

    simulated: ClassVar[bool] = True
    task: Task | None = "regression"
    din = INPUTS
    dout = 1
    loss_scale = 1.0
    loss, predict, observed = losses.loss, losses.predict, losses.observed

    def __init__(self, N: int, noise: float, N_test: int, N_val: int, *, rngs: nnx.Rngs):
        sizes = {"train": N, "test": N_test, "val": N_val, "population": N_test}
        self.known = Known(friedman, INPUTS, 0.0, 1.0, noise, sizes)

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch | None:
        """X [n, 10] and Y [n, 1]; None where n is 0."""
        return self.known.sample(rngs, split, n)

    def verdicts(self, model: Any, batch: Batch) -> dict[str, float]:
        """`bayes_risk` and `excess_risk`, the mean of (f_hat - f)^2 over the batch."""
        return self.known.risk(model, batch)

    def describe(self) -> dict[str, Any]:
        """Features, target and the truth."""
        truth = "10*sin(pi*x1*x2) + 20*(x3 - 0.5)^2 + 10*x4 + 5*x5"
        return {"features": [f"x{i + 1}" for i in range(INPUTS)], "target": "y", "truth": truth}
