"""An economy as small as can be whose expectation is known, as a user writes it with draws in place of a rule."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import nnx

from econml_cli.problems.base import Batch, Split
from econml_cli.problems.economies import economics


class InverseMean:
    """1 = E[f(x) e^(x e)], e ~ N(0, 1): solved by f = e^(-x^2/2). The square under one draw has its minimum at f =
    e^(-3 x^2/2)."""

    model = "polynomial"
    recipe: ClassVar = {"degree": 4, "solver": "gradient", "lr": 3e-2, "num_epochs": 400, "schedule": "cosine"}
    simulated, task, din, dout, loss_scale = True, None, 1, 1, 1.0
    loss, redraw = economics.all_in_one, economics.redraw
    verdicts, observed = economics.verdicts, economics.zero

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch:
        """x, uniform on [-1, 1], [n, 1], with two draws of e."""
        n = n or 512
        return economics.drawn(jax.random.uniform(rngs(), (n, 1), minval=-1.0), rngs())

    def predict(self, model: Any, x: jax.Array) -> jax.Array:
        """f(x), [n, 1]."""
        return model(x)

    def realised(self, model: Any, x: jax.Array, shocks: jax.Array, weights: jax.Array) -> jax.Array:
        """1 - f(x) e^(x e) over the values of e, [n]."""
        return (1 - self.predict(model, x) * jnp.exp(x * shocks)) @ weights

    def residual(self, model: Any, batch: Batch) -> jax.Array:
        """The same by a rule, for the verdicts, [n, 1]."""
        nodes, weights = economics.gauss_hermite(7)
        x = batch.x
        return self.realised(model, x, jnp.asarray(nodes, x.dtype)[None], jnp.asarray(weights, x.dtype))[:, None]

    def truth(self, x: jax.Array) -> jax.Array:
        """e^(-x^2/2), [n, 1]."""
        return jnp.exp(-(x**2) / 2)

    def describe(self) -> dict[str, Any]:
        """The input."""
        return {"features": ["x"], "target": "f"}


class OneDraw(InverseMean):
    """The same by the square under one draw, which is wrong."""

    def loss(self, model: Any, batch: Batch) -> jax.Array:
        """(1 - f(x) e^(x e))^2, [n]."""
        return self.realised(model, batch.x, batch.y[:, :1], jnp.ones(1, batch.x.dtype)) ** 2
