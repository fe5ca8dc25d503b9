"""Models made by hand, whose values are known."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from flax import nnx

from econml_cli.models.mlp import MLP


class Apply(nnx.Module):
    """A function as a model."""

    def __init__(self, f: Callable[[Any], Any]):
        self.f = f

    def __call__(self, x: Any) -> Any:
        return self.f(x)


def constant_mlp(depth: int = 1) -> MLP:
    """An MLP 2 -> 4 -> 1 whose weights are all 0.5 and whose biases are 0."""
    model = MLP(2, 1, width=4, depth=depth, rngs=nnx.Rngs(0))
    for path, variable in nnx.to_flat_state(nnx.state(model, nnx.Param)):
        variable.set_value(jnp.full(variable.shape, 0.5 if path[-1] == "kernel" else 0.0))
    return model
