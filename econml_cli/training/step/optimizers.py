"""From options to an optax optimizer.

Numbers that do not change the compiled program (lr, weight decay, ...) arrive as arguments of it, in `hyper`: another
`--lr` finds the program in the compilation cache, and many values can be trained side by side in one `vmap`.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from optax import contrib

from econml_cli.options.fields import options_of
from econml_cli.options.trainer import POLISHED, TrainerOptions
from econml_cli.training.step.phases import descent_epochs

#: methods whose weight decay is their own, decoupled from the gradient; of the others it is an L2 penalty
DECOUPLED = ("adamw", "lion", "muon", "schedule_free")
#: of schedule_free: how far the gradient is taken towards the averaged weights, from the fast ones (0: at these)
TOWARDS_AVERAGE = 0.9
#: the options that the compiled program takes as arguments
HYPER = tuple(opt.name for opt in options_of(TrainerOptions) if opt.traced and opt.type is float)


def hyperparameters(options: TrainerOptions, rows: int) -> dict[str, jax.Array]:
    """The numeric options of a fit to so many training rows, as scalars of the default floating dtype; a bound that is
    not given is minus infinity."""
    given = {name: getattr(options, name) for name in HYPER} | {"weight_decay": options.decay_of(rows)}
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
    switch on.

    Source: Kingma and Ba (2015), adam; Loshchilov and Hutter (2019), adamw; Chen et al. (2023), lion; Jordan et al.
    (2024), muon (adam for what is no matrix); Defazio et al. (2024), schedule_free adamw.
    """
    method = POLISHED.get(options.optimizer, (options.optimizer,))[0]
    shape = schedule(options, steps_per_epoch)
    # optax hands the step count to a callable learning rate; a constant one needs no count in the optimizer's state
    lr = hyper["lr"] if options.schedule == "constant" else lambda step: hyper["lr"] * shape(step)
    decay = hyper["weight_decay"]
    parts = []
    if options.grad_clip > 0:
        parts.append(optax.clip_by_global_norm(hyper["grad_clip"]))
    if options.weight_decay > 0 and method not in DECOUPLED:
        parts.append(optax.add_decayed_weights(decay))
    match method:
        case "adam":
            parts.append(optax.adam(lr))
        case "adamw":
            parts.append(optax.adamw(lr, weight_decay=decay))
        case "sgd":
            parts.append(optax.sgd(lr, momentum=hyper["momentum"] if options.momentum > 0 else None))
        case "lion":
            parts.append(optax.lion(lr, weight_decay=decay))
        case "muon":
            parts.append(contrib.muon(lr, weight_decay=decay, adam_weight_decay=decay))
        case "schedule_free":
            parts.append(contrib.schedule_free_adamw(lr, b1=TOWARDS_AVERAGE, weight_decay=decay))
    return optax.chain(*parts)


def where_differentiated(options: TrainerOptions, params: Any, opt_state: Any) -> Any:
    """The weights at which the gradient is taken: `params`, or of schedule_free a point between them, which are
    averaged, and the fast ones."""
    if options.optimizer != "schedule_free":
        return params
    return jax.tree.map(lambda x, z: (1 - TOWARDS_AVERAGE) * z + TOWARDS_AVERAGE * x, params, opt_state[-1].z)


def averaged(options: TrainerOptions, moved: Any, opt_state: Any) -> Any:
    """The weights after a step that took `where_differentiated` to `moved`: its inverse. They are what is evaluated,
    kept and saved."""
    if options.optimizer != "schedule_free":
        return moved
    return jax.tree.map(lambda y, z: (y - (1 - TOWARDS_AVERAGE) * z) / TOWARDS_AVERAGE, moved, opt_state[-1].z)
