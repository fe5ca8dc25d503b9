"""What problems with a known truth share: where f is observed, the residuals, and how far a model is from f."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from econml_cli.models.base import Model
from econml_cli.problems import losses
from econml_cli.problems.base import Batch, Equations, Problem, Split
from econml_cli.problems.equation_weights import weights_of
from econml_cli.problems.nodes import Nodes, nodes

#: points of the dense grid on which a function of one input is compared with the truth
GRID = 4001


def has_residual(problem: Problem) -> bool:
    """Whether a problem says that its loss is a mean of squared residuals that are known: its own, or those of a
    target."""
    return isinstance(problem, Equations) or losses.of(problem).least_squares


def residual(problem: Problem, model: Model, batch: Batch) -> jax.Array:
    """The residuals whose mean square is the loss, [n, equations]: the problem's own, times the root of their weights
    where they have some, or f(x) - y."""
    found: jax.Array = problem.residual(model, batch) if isinstance(problem, Equations) else model(batch.x) - batch.y
    weights = weights_of(problem)
    return found if weights is None else found * jnp.sqrt(weights)


def _outputs(model: Model, x: jax.Array) -> jax.Array:
    return model(x)


#: f(x), [n, dout]; compiled once for all models of one shape
outputs: Callable[[Model, jax.Array], jax.Array] = nnx.jit(_outputs)


@dataclass(frozen=True)
class Known:
    """Y = f(X) + noise eps with a known f, X in the box [low, high]^dim and eps ~ N(0, 1).

    The best predictor under squared error is f, and the Bayes risk noise^2.

    Attributes:
        f: [n, dim] -> [n], of NumPy and of JAX arrays alike.
        sizes: observations of each split.
        designs: how the one x of a split is laid out; uniform draws where a split is not named here.
    """

    f: Callable[[Any], Any]
    dim: int
    low: float
    high: float
    noise: float
    sizes: Mapping[str, int]
    designs: Mapping[str, Nodes] = field(default_factory=dict)

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch | None:
        """X [n, dim] and Y [n, 1]; None where n is 0. Draws X, where it is drawn, then eps."""
        n = self.sizes[split] if n is None else n
        if n == 0:
            return None
        design = self.designs.get(split, "uniform")
        if design == "uniform":
            x = jax.random.uniform(rngs(), (n, self.dim), minval=self.low, maxval=self.high)
        else:
            x = jnp.asarray(nodes(design, n, self.low, self.high)[:, None], float)
        eps = jax.random.normal(rngs(), (n,))
        return Batch(x, (self.f(x) + self.noise * eps)[:, None])

    @property
    def bayes_risk(self) -> float:
        """noise^2."""
        return self.noise**2

    def best(self, x: Any) -> Any:
        """f*(x) = f(x), [n, 1]."""
        return self.f(x)[:, None]

    def error(self, model: Model, batch: Batch) -> np.ndarray:
        """f_hat - f in float64, [n]: on a dense grid of the interval where there is one input, else on the batch."""
        x = batch.x
        if self.dim == 1:
            x = jnp.asarray(nodes("equispaced", GRID, self.low, self.high)[:, None], x.dtype)
        # the truth at the very points that the model was given, which float32 has rounded
        error: np.ndarray = np.asarray(outputs(model, x), np.float64)[:, 0] - self.f(np.asarray(x, np.float64))
        return error

    def largest_error(self, model: Model, batch: Batch) -> dict[str, float]:
        """`max_error`, the largest |f_hat - f|, and `rms_error`, the root of the mean of its square."""
        error = self.error(model, batch)
        return {"max_error": float(np.abs(error).max()), "rms_error": float(np.sqrt(np.mean(np.square(error))))}

    def risk(self, model: Model, batch: Batch) -> dict[str, float]:
        """`bayes_risk`, noise^2, and `excess_risk`, the mean of (f_hat - f)^2: the population risk above it."""
        error = self.error(model, batch)
        return {"bayes_risk": self.noise**2, "excess_risk": float(np.mean(np.square(error)))}
