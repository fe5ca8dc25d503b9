"""From options to an optax optimizer.

Numbers that do not change the compiled program (lr, weight decay, ...) arrive as arguments of it, in `hyper`: another
`--lr` finds the program in the compilation cache, and many values can be trained side by side in one `vmap`.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from econml_cli.options.fields import options_of
from econml_cli.options.trainer import POLISHED, TrainerOptions
from econml_cli.training.step.phases import descent_epochs

#: the options that the compiled program takes as arguments
HYPER = tuple(opt.name for opt in options_of(TrainerOptions) if opt.traced and opt.type is float)


def hyperparameters(options: TrainerOptions) -> dict[str, jax.Array]:
    """The numeric options as scalars of the default floating dtype; a bound that is not given is minus infinity."""
    given = {name: getattr(options, name) for name in HYPER}
    return {name: jnp.asarray(-jnp.inf if value is None else value, dtype=float) for name, value in given.items()}


def schedule(options: TrainerOptions, steps_per_epoch: int) -> optax.Schedule:
    """The learning rate as a multiple of --lr at each step (optax's schedules with a start value of 1)."""
    total = descent_epochs(options) * steps_per_epoch
    decay = options.decay_epochs * steps_per_epoch
    match options.schedule:
        case "cosine":
            return optax.cosine_decay_schedule(1.0, total, alpha=options.lr_end)
        case "step":
            return optax.exponential_decay(1.0, decay, options.decay_rate, staircase=True)
        case "exponential":
            return optax.exponential_decay(1.0, decay, options.decay_rate)
        case "warmup_cosine":
            warmup = options.warmup_epochs * steps_per_epoch or max(total // 10, 1)
            warmup = min(warmup, total - 1) if total > 1 else 0
            return optax.warmup_cosine_decay_schedule(0.0, 1.0, warmup, total, end_value=options.lr_end)
        case _:
            return optax.constant_schedule(1.0)


def optimizer(options: TrainerOptions, hyper: dict[str, Any], steps_per_epoch: int) -> optax.GradientTransformation:
    """Clipping, then weight decay, then the method (of two phases, that of the first); only the parts that the options
    switch on."""
    method = POLISHED.get(options.optimizer, (options.optimizer,))[0]
    shape = schedule(options, steps_per_epoch)
    # optax hands the step count to a callable learning rate; a constant one needs no count in the optimizer's state
    lr = hyper["lr"] if options.schedule == "constant" else lambda step: hyper["lr"] * shape(step)
    parts = []
    if options.grad_clip > 0:
        parts.append(optax.clip_by_global_norm(hyper["grad_clip"]))
    if options.weight_decay > 0 and method != "adamw":
        parts.append(optax.add_decayed_weights(hyper["weight_decay"]))
    match method:
        case "adam":
            parts.append(optax.adam(lr))
        case "adamw":
            parts.append(optax.adamw(lr, weight_decay=hyper["weight_decay"]))
        case "sgd":
            parts.append(optax.sgd(lr, momentum=hyper["momentum"] if options.momentum > 0 else None))
    return optax.chain(*parts)
