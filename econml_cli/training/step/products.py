"""`--precision bfloat16`: the products of a training step have 8 bits of precision, all else is float32.

Weights, their updates, activations, losses and what is measured after training are float32. Source: Kalamkar et al.
(2019), "A study of BFLOAT16 for deep learning training", arXiv:1905.12322.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from econml_cli.errors import ConfigError
from econml_cli.options.trainer import POLISHED, SECOND_ORDER
from econml_cli.training.setup.setup import Setup

#: as `TrainerOptions.precision` has it
BFLOAT16 = "bfloat16"


def round_in(model: Any) -> None:
    """Let the layers of a model multiply in bfloat16, forwards and in the gradient; not those that ask for a precision
    of their own, since their weights cancel."""
    for layer in _layers(model):
        layer.dot_general = rounded


def rounded(x: jax.Array, kernel: jax.Array, dimensions: Any, precision: Any = None, **more: Any) -> jax.Array:
    """`jax.lax.dot_general` of operands in bfloat16, in the type of x."""
    y = jax.lax.dot_general(x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16), dimensions, **more)
    return y.astype(x.dtype)


def _layers(model: Any) -> list[nnx.Linear]:
    every = (module for _, module in nnx.iter_modules(model))
    return [module for module in every if isinstance(module, nnx.Linear) and module.precision is None]


def check(setup: Setup) -> None:
    """Refuse bfloat16 where rounding would be all that a fit is left with, or nothing is rounded.

    Raises:
        ConfigError: the model is solved, the optimizer is of second order, or there is no layer whose products can be.
    """
    trainer, model = setup.config.trainer, setup.config.model
    if trainer.precision != BFLOAT16:
        return
    if setup.solved:
        why = f"model {model} is solved, to more digits than that"
    elif trainer.optimizer in SECOND_ORDER or trainer.optimizer in POLISHED:
        why = f"--optimizer {trainer.optimizer} goes on to where rounding to 3 digits is all that is left of a gradient"
    elif not _layers(setup.model):
        why = f"model {model} has no layer (nnx.Linear) whose products could be"
    else:
        return
    raise ConfigError(f"--precision bfloat16 rounds the products of training steps, and {why}; use float32 or float64.")
