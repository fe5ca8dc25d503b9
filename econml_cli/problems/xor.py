"""Exclusive or: the smallest problem that no linear model solves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from econml_cli.problems import losses
from econml_cli.problems.lazily import base, jax, jnp, known, nnx, np

if TYPE_CHECKING:
    from econml_cli.models.base import Model
    from econml_cli.problems.base import Batch, Split, Task

POINTS = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0))
LABELS = ((0.0,), (1.0,), (1.0,), (0.0,))


@dataclass(frozen=True)
class XorOptions:
    """Exclusive or of two inputs: four points, binary cross-entropy."""


class Xor:
    """y = 1 where just one of x1, x2 in {0, 1} is 1; binary cross-entropy. Train, val and test are the four points.

    The best loss is 0; the best affine model says 1/2 everywhere and has a loss of ln 2.

    Source: Minsky and Papert (1969), Perceptrons; Goodfellow, Bengio and Courville (2016), Deep Learning, section 6.1.
    """

    recipe: ClassVar = {"width": 8, "depth": 1, "activation": "tanh", "lr": 0.05, "num_epochs": 500}
    simulated: ClassVar[bool] = True
    task: Task | None = "binary"
    din = 2
    dout = 1
    loss_scale = 1.0
    bayes_risk = 0.0
    loss, predict, observed = losses.loss, losses.predict, losses.observed

    def __init__(self, *, rngs: nnx.Rngs):
        pass

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch | None:
        """The four points, x [4, 2] and y [4, 1]; with `n`, that many draws of them."""
        x, y = jnp.asarray(POINTS, float), jnp.asarray(LABELS, float)
        if n is None:
            return base.Batch(x, y)
        drawn = jax.random.randint(rngs(), (n,), 0, len(POINTS))
        return base.Batch(x[drawn], y[drawn])

    def verdicts(self, model: Model, batch: Batch) -> dict[str, float]:
        """`accuracy`, the share of the four points on the right side of 1/2, and `solved`: 1 where all are, else 0."""
        odds = np.asarray(known.outputs(model, jnp.asarray(POINTS, batch.x.dtype)), np.float64)
        accuracy = float(np.mean((odds >= 0) == (np.asarray(LABELS) == 1)))
        return {"accuracy": accuracy, "solved": float(accuracy == 1)}

    def describe(self) -> dict[str, Any]:
        """Features, target and the truth."""
        return {"features": ["x1", "x2"], "target": "y", "truth": "y = 1 where x1 != x2, else 0"}
