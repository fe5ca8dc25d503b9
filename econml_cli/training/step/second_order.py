"""Methods that take the whole sample at every step and find the length of a step themselves: lbfgs and lm."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import optax

from econml_cli.options.trainer import SECOND_ORDER, TrainerOptions
from econml_cli.training.step.least_squares import LeastSquares, Residual

#: a method has converged when this many epochs in a row have not lowered its objective by this share
WAIT, SHARE = 20, 1e-5

Objective = Callable[[Any], jax.Array]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Search:
    """Where a method is: `method` its own state, `lowest` the objective that later ones are compared with, `waited`
    (int32) the epochs since it was reached."""

    method: Any
    lowest: jax.Array
    waited: jax.Array


class LineSearch:
    """Limited-memory BFGS: a quasi-Newton direction from the last ten steps, and a length on it that satisfies the
    strong Wolfe conditions. Source: Nocedal and Wright (2006), Numerical Optimization, algorithms 7.5 and 3.5."""

    def __init__(self) -> None:
        self._tx = optax.lbfgs()

    def init(self, params: Any) -> Any:
        """optax's state: the last steps and changes of the gradient, and the value and gradient found last."""
        # of the dtypes that a step returns, not of Python's numbers: the program would be compiled a second time
        return jax.tree.map(lambda leaf: jnp.asarray(leaf, leaf.dtype), self._tx.init(params))

    def step(self, params: Any, state: Any, objective: Objective) -> tuple[Any, Any, jax.Array]:
        """(params, state, the objective before the step)."""
        # the line search has computed both at the point where it stopped
        value, grad = optax.value_and_grad_from_state(objective)(params, state=state)
        updates, state = self._tx.update(grad, state, params, value=value, grad=grad, value_fn=objective)
        return optax.apply_updates(params, updates), state, value


class SecondOrder:
    """One of the methods, with the rule by which it ends."""

    def __init__(self, name: str):
        self._name = name
        self._method: Any = LeastSquares() if name == "lm" else LineSearch()

    def init(self, params: Any) -> Search:
        """The state before the first step."""
        return Search(self._method.init(params), jnp.asarray(jnp.inf, float), jnp.int32(0))

    def renewed(self, params: Any, search: Search) -> Search:
        """The state on another sample: what was found on the former one is forgotten, but for lm's damping."""
        fresh = self.init(params)
        return replace(fresh, method=search.method) if self._name == "lm" else fresh

    def step(
        self, params: Any, search: Search, objective: Objective, residual: Residual, batch: Any
    ) -> tuple[Any, Search, jax.Array]:
        """(params, state, the objective before the step)."""
        given = (residual, batch) if self._name == "lm" else (objective,)
        params, method, value = self._method.step(params, search.method, *given)
        better = value < search.lowest * (1 - SHARE)
        lowest = jnp.where(better, value, search.lowest)
        waited = jnp.where(better, 0, search.waited + 1).astype(jnp.int32)
        return params, Search(method, lowest, waited), value


def is_second_order(options: TrainerOptions) -> bool:
    """Whether the optimizer of a fit is one of these methods."""
    return options.optimizer in SECOND_ORDER


def converged(opt_state: Any) -> Any:
    """Whether an optimizer's state says that nothing improves any more; a first-order one never does, and one of two
    phases by what polishes."""
    opt_state = getattr(opt_state, "polish", opt_state)
    return opt_state.waited >= WAIT if isinstance(opt_state, Search) else False
