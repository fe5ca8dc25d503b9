"""Whether a network on a table follows its training rows too closely: its validation loss rose, nothing holds it back,
a linear model predicts better."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from econml_cli.data.identified import MOST
from econml_cli.data.stored import Stored
from econml_cli.data.triangle import design_blocks, squared_rows
from econml_cli.models.least_squares import least_squares, weighted, with_constant
from econml_cli.models.linear import Linear
from econml_cli.problems import losses
from econml_cli.problems.base import Batch
from econml_cli.problems.means import mean
from econml_cli.problems.tabular import Tabular
from econml_cli.training.setup.setup import Setup
from econml_cli.training.step.newton import minimise

#: the share by which a validation loss is above another from which it is said
ABOVE = 0.05
#: what a problem keeps of it
HELD = "_val_loss_of_linear"


def overfitting(setup: Setup, found: Mapping[str, Any], history: Sequence[np.ndarray]) -> dict[str, Any]:
    """What summary.json says of a trained network on a table; {} of a model that is solved or linear, and of ensembles.

    `val_rose`: [lowest val_loss, its epoch among those of `history`, the last one], where no best weights are kept.
    `unregularised`: [parameters, training rows], where there are more of the first and neither patience, weight decay
    nor dropout. `linear_val_loss`: of a linear model of the same inputs, where it is lower.

    Args:
        found: what summary.json says otherwise. history: validation losses of successive epochs, in chunks.
    """
    trainer = setup.config.trainer
    if not isinstance(setup.problem, Tabular) or setup.solved or isinstance(setup.model, Linear) or trainer.members > 1:
        return {}
    told: dict[str, Any] = {}
    values = np.concatenate(history) if history else np.empty(0)
    if trainer.patience == 0 and len(values) and np.isfinite(values).all():
        lowest = int(values.argmin())
        # shares of a loss that may be negative mean nothing: of a log density nats count
        unit = 1.0 if losses.of(setup.problem).log_density else float(values[lowest])
        if values[-1] > values[lowest] + ABOVE * unit:
            told["val_rose"] = [float(values[lowest]), lowest + 1, float(values[-1])]
    held = trainer.patience > 0 or trainer.weight_decay > 0 or getattr(setup.config.model_options, "dropout", 0) > 0
    if found["num_params"] > setup.n_train and not held:
        told["unregularised"] = [found["num_params"], setup.n_train]
    if (linear := _of_linear(setup)) is not None and found.get("val_loss", 0.0) > (1 + ABOVE) * linear:
        told["linear_val_loss"] = linear
    return told


def _of_linear(setup: Setup) -> float | None:
    """The validation loss of the linear model that minimises the training loss (least squares, a logit, ...), in
    reported units; None where its loss is not convex, where there is no such split, or where it would take long.

    It is kept with the problem, which the fits of a sweep share.
    """
    held = vars(setup.problem)
    if HELD not in held:
        held[HELD] = _fitted_linear(setup)
    found: float | None = held[HELD]
    return found


def _fitted_linear(setup: Setup) -> float | None:
    problem, val, row = setup.problem, setup.val, losses.of(setup.problem)
    assert isinstance(problem, Tabular)
    if val is None or row.reconstructs or not (row.least_squares or row.convex) or row.per_row is None:
        return None
    p = len(problem.features.names)
    size, most = setup.n_train * (p * problem.dout) ** 2, MOST / 10 if row.least_squares else MOST / 300
    if size > most or setup.n_train <= p * problem.dout:
        return None

    def design(x: Any) -> np.ndarray:
        rows = np.asarray(x, np.float64)[:, :p]
        return with_constant(rows) if problem.constant else rows

    if isinstance(setup.train.x, Stored):  # --stream fits by squared error
        return _fitted_by_blocks(setup, problem, val)
    train, z, y = setup.train, design(setup.train.x), np.asarray(setup.train.y)
    weights = None if train.w is None else np.asarray(train.w, np.float64)
    if row.least_squares:
        w, _ = least_squares(*weighted(z, y.astype(np.float64), weights))
    else:
        w = minimise(row.per_row, z, y, problem.dout, weights, classes=row.is_multinomial).w
    with jax.enable_x64(True):
        each = np.asarray(row.per_row(jnp.asarray(design(val.x) @ w), jnp.asarray(val.y)), np.float64)
    found = float(mean(each, None if val.w is None else np.asarray(val.w, np.float64))) * float(problem.loss_scale)
    return found if np.isfinite(found) else None


def _fitted_by_blocks(setup: Setup, problem: Tabular, val: Batch) -> float | None:
    """The same of squared error on samples that lie in files."""
    per_row, total = losses.of(problem).per_row, 0.0
    assert per_row is not None  # asked of losses that have one
    w, _ = least_squares(*squared_rows(setup.train.x, setup.train.y, constant=problem.constant))
    with jax.enable_x64(True):
        for block in design_blocks(val.x, constant=problem.constant, y=val.y):
            total += float(jnp.sum(per_row(jnp.asarray(block[:, :-1] @ w), jnp.asarray(block[:, -1:]))))
    found = total / len(val.x) * float(problem.loss_scale)
    return found if np.isfinite(found) else None
