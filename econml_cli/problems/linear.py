"""The lecture's regression: a linear truth, so that every error is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from econml_cli.options.fields import option
from econml_cli.problems import losses
from econml_cli.problems.lazily import base, jax, known, nnx, np
from econml_cli.problems.sizes import sizes_of

if TYPE_CHECKING:
    from econml_cli.models.base import Model
    from econml_cli.problems.base import Batch, Split, Task


@dataclass(frozen=True)
class LinearProblemOptions:
    """The lecture's regression: theta ~ N(0, I_M), X ~ N(0, I), Y = X theta + sigma eps."""

    N: int = option(500, "observations in the training sample", ge=1)
    M: int = option(2, "number of features", ge=1)
    sigma: float = option(1e-4, "standard deviation of the noise", ge=0, traced=True)
    N_test: int = option(200, "observations in the test sample", ge=0)
    N_val: int = option(200, "observations in the validation sample", ge=0)


class LinearProblem:
    """Y = X theta + sigma eps with theta ~ N(0, I_M), X ~ N(0, I), eps ~ N(0, 1).

    Draws, in the lecture's order: theta here; then X, eps of the train sample; (the model draws its weights;) X, eps of
    the test sample; X, eps of the validation sample, last, so that it disturbs nothing that the lecture draws.
    The best predictor is f*(x) = x'theta and the Bayes risk sigma^2.

    Source: lecture "Machine Learning Fundamentals for Economists", linear regression as empirical risk minimisation.
    """

    simulated: ClassVar[bool] = True
    made_in_jit: ClassVar[bool] = True
    task: Task | None = "regression"
    dout = 1
    loss_scale = 1.0
    loss, predict, observed = losses.loss, losses.predict, losses.observed

    def __init__(self, *values: Any, rngs: nnx.Rngs, **options: Any):
        p = LinearProblemOptions(*values, **options)
        self.din = p.M
        self.sigma = p.sigma
        self.bayes_risk = p.sigma**2
        self.sizes = sizes_of(p)
        self.theta = jax.random.normal(rngs(), (p.M,))

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch | None:
        """X [n, M] and Y [n, 1]; None where n is 0."""
        n = self.sizes[split] if n is None else n
        if n == 0:
            return None
        x = jax.random.normal(rngs(), (n, self.din))
        eps = jax.random.normal(rngs(), (n,))
        return base.Batch(x, (x @ self.theta + self.sigma * eps)[:, None])

    def best(self, x: jax.Array) -> jax.Array:
        """f*(x) = x'theta, [n, 1]."""
        return (x @ self.theta)[:, None]

    def verdicts(self, model: Model, batch: Batch) -> dict[str, float]:
        """Errors against theta and f*, computed in float64 from f on the batch.

        `theta_error` is ||theta_hat - theta||, where theta_hat is the slope of the least-squares projection of f(x) on
        (1, x) over the batch: a linear model's own weights exactly, and defined for every other model too.
        `excess_risk` is the mean of (f(x) - x'theta)^2: the population risk above the Bayes risk sigma^2.
        """
        f = np.asarray(known.outputs(model, batch.x), np.float64)[:, 0]
        x, theta = np.asarray(batch.x, np.float64), np.asarray(self.theta, np.float64)
        theta_hat = np.linalg.lstsq(np.column_stack([np.ones_like(f), x]), f, rcond=None)[0][1:]
        return {
            "theta_error": float(np.linalg.norm(theta_hat - theta)),
            "bayes_risk": self.sigma**2,
            "excess_risk": float(np.mean(np.square(f - x @ theta))),
        }

    def describe(self) -> dict[str, Any]:
        """Features, target and the drawn theta."""
        return {"features": [f"x{i + 1}" for i in range(self.din)], "target": "y", "theta": self.theta.tolist()}
