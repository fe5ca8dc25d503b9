"""Models of which it is known what they say: any function of the state, with numbers."""

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
from flax import nnx

#: shares are kept so far from 0 and 1
EDGE = 1e-9
#: a level, or a bubble at the last period, that is wrong by this share
ONE_PER_CENT = 0.01
#: and one so small that a policy which is wrong by it is right
RIGHT = 2e-4

Planted = Mapping[str, nnx.Module]


class WithNumbers(nnx.Module):
    """f(x, numbers) as a model."""

    def __init__(self, f: Callable[[Any, Any], Any], numbers: Any):
        self.f, self.numbers = f, nnx.Param(jnp.asarray(numbers, float))

    def __call__(self, x: Any) -> Any:
        return self.f(x, self.numbers[...])


def models(f: Callable[[Any, Any], Any], numbers: Mapping[str, Any]) -> Planted:
    """A model of each set of numbers."""
    return {what: WithNumbers(f, values) for what, values in numbers.items()}


def logit(share: Any) -> Any:
    """What a sigmoid makes this share, which is kept between 0 and 1."""
    share = jnp.clip(share, EDGE, 1 - EDGE)
    return jnp.log(share) - jnp.log1p(-share)


def inverse_softplus(y: Any, module: Any = jnp) -> Any:
    """What softplus makes this, of the shape of y > 0, without overflow."""
    return y + module.log(-module.expm1(-y))
