"""Whether a second-order method can train a model on a problem, found out before anything is trained."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from econml_cli.errors import ConfigError
from econml_cli.models.base import Model, Penalised
from econml_cli.options.trainer import POLISH_EPOCHS, POLISHED, SECOND_ORDER, TrainerOptions
from econml_cli.problems.base import Batch, Equations, Redraws
from econml_cli.problems.known import has_residual, residual
from econml_cli.training.setup.setup import Setup, available_memory, num_params
from econml_cli.training.setup.squared_error import TOLERANCE, are_proportional, first_rows, is_squared_error

FIRST_ORDER = "--optimizer adam"


def check(setup: Setup) -> None:
    """Refuse a fit that its second-order method cannot make; other optimizers take everything.

    Raises:
        ConfigError: as `check_structure` and `check_least_squares`.
    """
    if not setup.solved:
        check_structure(setup)
        check_least_squares(setup)


def check_structure(setup: Setup) -> None:
    """Refuse, for a second-order method, what needs no number to tell.

    Raises:
        ConfigError: minibatches, random layers, or (lm) no residuals.
    """
    name, batch_size = setup.config.trainer.optimizer, setup.config.trainer.batch_size
    check_phases(setup.config.trainer)
    if name not in SECOND_ORDER and name not in POLISHED:
        return
    if name in SECOND_ORDER and 0 < batch_size < setup.n_train:
        raise ConfigError(
            f"--optimizer {name} needs all {setup.n_train:,} observations at every step; leave out --batch-size "
            f"{batch_size} (or set it to 0), or use {FIRST_ORDER}."
        )
    if _random(setup.model):
        raise ConfigError(
            f"--optimizer {name} needs the same loss every time it looks, and dropout draws another one; set --dropout "
            f"0, or use {FIRST_ORDER}."
        )
    if isinstance(setup.problem, Redraws):
        raise ConfigError(
            f"--optimizer {name} needs the same loss every time it looks, and problem {setup.config.problem} draws "
            f"other shocks in every epoch (`redraw`); use {FIRST_ORDER}."
        )
    if _has_lm(setup) and not has_residual(setup.problem):
        raise ConfigError(
            f"--optimizer {name} minimises a sum of squared residuals, and problem {setup.config.problem} has another "
            f"loss; use --optimizer lbfgs, or {FIRST_ORDER}."
        )


def check_phases(options: TrainerOptions) -> None:
    """Refuse epochs of a second phase that there is not, or that leave none for the first.

    Raises:
        ConfigError: `--polish-epochs` without such an optimizer, or no fewer than `--num-epochs`; early stopping, which
            would end the fit before its second phase.
    """
    if options.optimizer not in POLISHED:
        if options.polish_epochs is not None:
            raise ConfigError("--polish-epochs are those of lm after adam: add --optimizer adam+lm, or leave it out.")
        return
    polish = options.polish_epochs or POLISH_EPOCHS
    if polish >= options.num_epochs:
        raise ConfigError(
            f"--num-epochs {options.num_epochs:,} are those of both phases of --optimizer {options.optimizer}, and lm "
            f"makes the last {polish:,}: say more of them, or fewer --polish-epochs."
        )
    if options.patience:
        raise ConfigError(
            f"--patience would end --optimizer {options.optimizer} before lm begins; leave it out (or set it to 0)."
        )


def check_least_squares(setup: Setup) -> None:
    """Refuse for lm what only numbers tell: a loss that is not the mean square of the residuals, residuals of one
    observation that depend on another, a penalty, weights, or a Jacobian that does not fit into memory.

    Raises:
        ConfigError: any of these.
    """
    if not _has_lm(setup) or not has_residual(setup.problem):
        return
    name = setup.config.trainer.optimizer
    instead = f"use --optimizer lbfgs, or {FIRST_ORDER}"
    problem = f"problem {setup.config.problem}"
    if setup.train.w is not None:
        raise ConfigError(
            f"--optimizer {name} weighs observations alike, and those of {problem} have weights; {instead}."
        )
    found = jax.device_get(_try(setup, first_rows(setup.train)))
    if found["penalty"] != 0:
        raise ConfigError(
            f"--optimizer {name} minimises squared residuals alone, and model {setup.config.model} adds a penalty to "
            f"them; set its weight to 0, or {instead}."
        )
    squares = np.mean(np.square(found["together"]), axis=1)
    own_residual = isinstance(setup.problem, Equations)
    if not are_proportional(found["losses"], squares) or not (own_residual or is_squared_error(setup)):
        raise ConfigError(
            f"--optimizer {name} minimises the mean square of the residuals, and the loss of {problem} is another; "
            f"{instead}."
        )
    size = float(np.max(np.abs(found["together"])))
    if not np.allclose(found["alone"], found["together"], rtol=TOLERANCE, atol=TOLERANCE * size):
        raise ConfigError(
            f"--optimizer {name} needs residuals that depend on one observation each, and those of {problem} depend on "
            f"others; {instead}."
        )
    residuals, there = found["together"].shape[1] * setup.n_train, available_memory()
    needed = memory(residuals, num_params(setup.model), found["together"].dtype.itemsize)
    if there is not None and needed > there:
        raise ConfigError(
            f"--optimizer {name} needs {needed / 1e9:,.0f} GB for the derivatives of {residuals:,} residuals by "
            f"{num_params(setup.model):,} parameters, more than the {there / 1e9:,.0f} GB that are free here; "
            f"{instead}."
        )


def _has_lm(setup: Setup) -> bool:
    name = setup.config.trainer.optimizer
    return "lm" in POLISHED.get(name, (name,))


def memory(num_residuals: int, num_params: int, itemsize: int) -> int:
    """Bytes that a step needs: the Jacobian, its transpose and its derivative, and the matrix that is factored."""
    return itemsize * (4 * num_residuals * num_params + 3 * min(num_residuals, num_params) ** 2)


def _random(model: Model) -> bool:
    """Whether a model draws random numbers when it is called, or keeps running statistics of what it is called with."""
    return bool(jax.tree.leaves(nnx.state(model, nnx.Any(nnx.RngState, nnx.BatchStat))))


def _try(setup: Setup, batch: Batch) -> dict[str, jax.Array]:
    """Residuals of a few observations together and one by one, their losses, and the penalty."""
    graphdef, params, other = nnx.split(setup.model, nnx.Param, ...)

    @jax.jit
    def measure(params: Any, batch: Batch) -> dict[str, jax.Array]:
        def of(batch: Batch) -> jax.Array:
            return residual(setup.problem, nnx.merge(graphdef, params, other), batch)

        model = nnx.merge(graphdef, params, other)
        # away from weights at which a penalty is 0 whatever its weight
        moved = nnx.merge(graphdef, jax.tree.map(lambda leaf: leaf + 1, params), other)
        penalty = moved.penalty(batch.x) if isinstance(moved, Penalised) else 0.0
        alone = jax.lax.map(lambda row: of(jax.tree.map(lambda leaf: leaf[None], row))[0], batch)
        return {
            "together": of(batch),
            "alone": alone,
            "losses": setup.problem.loss(model, batch),
            "penalty": jnp.asarray(penalty),
        }

    found: dict[str, jax.Array] = measure(params, batch)
    return found
