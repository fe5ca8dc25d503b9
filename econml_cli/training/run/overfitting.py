"""Whether a network on a table follows its training rows too closely: its validation loss rose, nothing holds it back,
a linear model predicts better."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from econml_cli.data.identified import MOST
from econml_cli.models.least_squares import least_squares, weighted, with_constant
from econml_cli.models.linear import Linear
from econml_cli.problems import losses
from econml_cli.problems.means import mean
from econml_cli.problems.tabular import Tabular
from econml_cli.training.setup.setup import Setup

#: the share by which a validation loss is above another from which it is said
ABOVE = 0.05


def overfitting(setup: Setup, found: Mapping[str, Any], history: Sequence[np.ndarray]) -> dict[str, Any]:
    """What summary.json says of a trained network on a table; {} of a model that is solved or linear, and of ensembles.

    `val_rose`: [lowest val_loss, its epoch among those of `history`, the last one], where no best weights are kept.
    `unregularised`: [parameters, training rows], where there are more of the first and neither patience, weight decay
    nor dropout. `linear_val_loss`: of least squares on the same inputs, where it is lower.

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
    if (linear := _of_least_squares(setup)) is not None and found.get("val_loss", 0.0) > (1 + ABOVE) * linear:
        told["linear_val_loss"] = linear
    return told


def _of_least_squares(setup: Setup) -> float | None:
    """The validation loss of least squares, in reported units; None where it is not of squared error, where there is
    no such split, or where it would take long."""
    problem, val = setup.problem, setup.val
    assert isinstance(problem, Tabular)
    if val is None or not losses.of(problem).least_squares or losses.of(problem).reconstructs:
        return None
    p = len(problem.features.names)
    if setup.n_train * p**2 > MOST / 10 or setup.n_train <= p:
        return None

    def design(x: Any) -> np.ndarray:
        rows = np.asarray(x, np.float64)[:, :p]
        return with_constant(rows) if problem.constant else rows

    y = np.asarray(setup.train.y, np.float64)
    w, _ = least_squares(*weighted(design(setup.train.x), y, setup.train.w))
    squares = np.square(np.asarray(val.y, np.float64) - design(val.x) @ w)[:, 0]
    weights = None if val.w is None else np.asarray(val.w, np.float64)
    return float(mean(squares, weights)) * float(problem.loss_scale)
