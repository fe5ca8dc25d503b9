"""The position of a fit: all that changes while it is trained."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

RUNNING, STOPPED_EARLY, DIVERGED, SOLVED, CONVERGED = 0, 1, 2, 3, 4


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Carry:
    """All that changes while training; a checkpoint holds exactly this."""

    params: Any
    other: Any  # the model's state that is not trained: RNG streams of dropout, running statistics
    opt_state: Any
    key: jax.Array  # of the shuffling
    epoch: jax.Array  # int32, epochs done
    status: jax.Array  # int32: RUNNING, STOPPED_EARLY, DIVERGED, SOLVED or CONVERGED
    best: Any  # (params, other) at the best val_loss; None without early stopping
    best_val: jax.Array
    best_epoch: jax.Array
    states: Any = None  # x of the training sample, where it is simulated (`--states`)

    @property
    def done(self) -> int:
        """Epochs done; of several members, by the one that has done most."""
        return int(np.max(jax.device_get(self.epoch)))

    @property
    def kept(self) -> tuple[Any, Any]:
        """(params, other) to be kept: the best ones under early stopping, once there are such, else the current."""
        current = (self.params, self.other)
        if self.best is None:
            return current
        found = self.best_epoch > 0

        def choose(best: jax.Array, now: jax.Array) -> jax.Array:
            return jnp.where(found.reshape(found.shape + (1,) * (now.ndim - found.ndim)), best, now)

        kept: tuple[Any, Any] = jax.tree.map(choose, self.best, current)
        return kept
