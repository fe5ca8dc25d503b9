"""Friedman's regression: an interaction, a square, two linear terms, and five inputs that do not matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from econml_cli.options.fields import option
from econml_cli.problems import losses
from econml_cli.problems.lazily import known, nnx, np
from econml_cli.problems.sizes import sizes_of

if TYPE_CHECKING:
    from econml_cli.models.base import Model
    from econml_cli.problems.base import Batch, Split, Task

INPUTS = 10


def friedman(x: Any) -> Any:
    """10 sin(pi x1 x2) + 20 (x3 - 1/2)^2 + 10 x4 + 5 x5, [n, 10] -> [n]."""
    sin = x.__array_namespace__().sin
    return 10 * sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]


@dataclass(frozen=True)
class FriedmanOptions:
    """Friedman's regression: 10 sin(pi x1 x2) + 20 (x3 - 1/2)^2 + 10 x4 + 5 x5 + noise eps, five more inputs idle."""

    N: int = option(2000, "observations in the training sample", ge=1)
    noise: float = option(1.0, "standard deviation of the noise", ge=0, traced=True)
    N_test: int = option(2000, "observations in the test sample", ge=0)
    N_val: int = option(500, "observations in the validation sample", ge=0)


class Friedman:
    """Y = 10 sin(pi X1 X2) + 20 (X3 - 1/2)^2 + 10 X4 + 5 X5 + noise eps, X ~ U[0, 1]^10, eps ~ N(0, 1).

    The best predictor is the sum without eps and the Bayes risk noise^2; the best affine one has an excess risk of
    about 6.0.

    Source: Friedman (1991), "Multivariate Adaptive Regression Splines", Annals of Statistics 19, equation 61.
    """

    recipe: ClassVar = {
        "width": 64,
        "activation": "tanh",
        "lr": 1e-2,
        "schedule": "cosine",
        "num_epochs": 150,
        "batch_size": 64,
    }
    simulated: ClassVar[bool] = True
    task: Task | None = "regression"
    din = INPUTS
    dout = 1
    loss_scale = 1.0
    loss, predict, observed = losses.loss, losses.predict, losses.observed

    def __init__(self, *, rngs: nnx.Rngs, **options: Any):
        p = FriedmanOptions(**options)
        sizes = sizes_of(p)
        self.known = known.Known(friedman, INPUTS, 0.0, 1.0, p.noise, sizes)

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch | None:
        """X [n, 10] and Y [n, 1]; None where n is 0."""
        return self.known.sample(rngs, split, n)

    def verdicts(self, model: Model, batch: Batch) -> dict[str, float]:
        """`bayes_risk` and `excess_risk`, the mean of (f_hat - f)^2 over the batch."""
        return self.known.risk(model, batch)

    def describe(self) -> dict[str, Any]:
        """Features, target and the truth."""
        truth = "10*sin(pi*x1*x2) + 20*(x3 - 0.5)^2 + 10*x4 + 5*x5"
        return {"features": [f"x{i + 1}" for i in range(INPUTS)], "target": "y", "truth": truth}
