"""A problem of two equations whose residuals have different units, as a user writes it."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import nnx

from econml_cli.problems.base import Batch, Split
from econml_cli.problems.economies import economics

#: the unit of the second equation
SMALL = 1e-3


class TwoEquations:
    """f(x) = (x, x^2) by two equations, the second of which is measured in thousandths."""

    model = "mlp"
    recipe: ClassVar = {
        "width": 8, "activation": "tanh", "lr": 3e-2, "num_epochs": 200, "batch_size": 0, "precision": "float64",
    }  # fmt: skip
    simulated, task, din, dout, loss_scale = True, None, 1, 2, 1.0
    loss, verdicts, observed = economics.loss, economics.verdicts, economics.zero
    bars: ClassVar = {"loss": {"log10_bond_max": 9.0}}
    equations: ClassVar[tuple[str, ...]] = ("euler", "bond")

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch:
        """Uniform on [-1, 1], [n, 1]."""
        return economics.at(jax.random.uniform(rngs(), (n or 32, 1), minval=-1.0))

    def predict(self, model: Any, x: jax.Array) -> jax.Array:
        """Both functions, [n, 2]."""
        return model(x)

    def residual(self, model: Any, batch: Batch) -> jax.Array:
        """What is left of both, [n, 2]."""
        x = batch.x
        return (model(x) - jnp.concatenate([x, x**2], axis=1)) * jnp.array([1.0, SMALL], x.dtype)

    def describe(self) -> dict[str, Any]:
        """The input."""
        return {"features": ["x"], "target": "y"}


class Unnamed(TwoEquations):
    """The same, without names."""

    equations: ClassVar[tuple[str, ...]] = ()


class OwnLoss(TwoEquations):
    """The same with a loss of its own."""

    def loss(self, model: Any, batch: Batch) -> jax.Array:
        """The sum of squares."""
        return jnp.sum(self.residual(model, batch) ** 2, axis=1)
