"""Whether a fit has come to its end, in numbers: how steep the loss still is, how much it still falls, and how far the
coefficients of a linear model are from the solution."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from econml_cli.models.base import Model
from econml_cli.models.least_squares import least_squares
from econml_cli.models.linear import Linear
from econml_cli.problems import losses
from econml_cli.problems.tabular import Tabular
from econml_cli.training.loop.ensemble import member
from econml_cli.training.setup.setup import Setup
from econml_cli.training.step.carry import RUNNING, Carry
from econml_cli.training.step.epoch import inputs_of, trained_on
from econml_cli.training.step.newton import minimise
from econml_cli.training.step.programs import Program
from econml_cli.training.step.solving import in_float64, squared_rows

#: shares of the epochs whose mean losses are compared
LAST = 10
#: the share by which the loss still falls, and the gradient, from which a fit of a network to a table has not
#: converged. Both are conventions: no theory says where a network is done, and minibatches leave some gradient
FALLS, STEEP = 1e-2, 1e-1
#: standard errors of a coefficient by which it may miss the solution: with a hundredth of one a 95 % interval covers
#: 94.999 % of samples; and a share of the largest coefficient, which is what rounding in float32 leaves
NEAR, ROUNDING = 1e-2, 1e-4


@dataclass(frozen=True)
class History:
    """Training losses of successive epochs of one process, [epochs]; `first` is that of epoch 1, NaN where unknown."""

    losses: np.ndarray
    first: float

    def falls(self, log_density: bool = False) -> float | None:
        """The mean loss over the tenth of the epochs before the last tenth, less that over the last tenth, as a share
        of the latter (of minus a log density, which may be 0 or negative, in nats); None of fewer than 20 epochs."""
        k = len(self.losses) // LAST
        if k < 2:
            return None
        before, last = (float(np.mean(part, dtype=np.float64)) for part in (self.losses[-2 * k : -k], self.losses[-k:]))
        if log_density:
            return before - last
        return (before - last) / abs(last) if last else 0.0


def measures(setup: Setup, program: Program, carry: Carry, history: History) -> dict[str, Any]:
    """What summary.json says of the convergence of a trained model; {} of one that is solved.

    `gradient_norm`: of the whole training loss at the weights kept, over the loss of the first epoch. `loss_fall`: see
    `History.falls`. `solution_distance`: the largest distance of a coefficient of a linear model on a table from the
    one at which the loss is least, in standard errors. `not_converged`: why a fit to a table is not done, in words. Of
    an ensemble the largest over its members that have not diverged.
    """
    if setup.solved:
        return {}
    members = setup.config.trainer.members
    alone = [carry] if members == 1 else [member(carry, k) for k in range(members)]
    inputs = inputs_of(setup)
    given = [inputs if one.states is None else inputs_of(trained_on(setup, one)) for one in alone]
    norms = np.array([float(program.gradient_norm(*one.kept, own)) for one, own in zip(alone, given, strict=True)])
    log_density = losses.of(setup.problem).log_density
    scale = 1.0 if log_density else abs(history.first) / float(setup.problem.loss_scale)
    found: dict[str, Any] = {}
    if np.isfinite(norms).any():
        found["gradient_norm"] = float(np.nanmax(norms)) / (scale if np.isfinite(scale) and scale > 0 else 1.0)
    falls = history.falls(log_density)
    if falls is not None and np.isfinite(falls):
        found["loss_fall"] = falls
    if isinstance(setup.problem, Tabular):
        found |= _of_table(setup, program, carry, found)
    return found


def _of_table(setup: Setup, program: Program, carry: Carry, found: dict[str, Any]) -> dict[str, Any]:
    """What is said of a fit to a table, on whose coefficients or effects somebody will rely."""
    alone = setup.config.trainer.members == 1
    if alone and (missed := _missed(setup, program.epoch.fitted(carry))) is not None:
        distance, far = missed
        told = f"coefficients are up to {distance:.2g} standard errors from the solution"
        return {"solution_distance": distance, **({"not_converged": told} if far else {})}
    if np.any(np.atleast_1d(jax.device_get(carry.status)) != RUNNING):  # it stopped by a rule, or diverged
        return {}
    falls, steep = found.get("loss_fall", 0.0), found.get("gradient_norm", 0.0)
    if falls > FALLS:
        return {"not_converged": f"the training loss fell by {falls:.1%} over the last tenth of the epochs"}
    return {"not_converged": f"the gradient is {steep:.2g} of the first loss"} if steep > STEEP else {}


def _missed(setup: Setup, model: Model) -> tuple[float, bool] | None:
    """How far a linear model is from the solution: (in standard errors at most, whether that is far); None where there
    is no such solution."""
    row, options = losses.of(setup.problem), setup.config.trainer
    classes = row.is_multinomial
    if not isinstance(model, Linear) or (setup.problem.dout != 1 and not classes):
        return None
    if not (row.least_squares or row.convex) or options.weight_decay > 0 or losses.is_own(setup.problem):
        return None
    n, k = setup.n_train, len(model.linear.kernel[...]) + (model.linear.bias is not None)
    if n <= k * max(setup.problem.dout - 1, 1):
        return None
    if row.least_squares:
        rows, aims = squared_rows(setup, model)
        solution, _ = least_squares(rows, aims)
        curvature = rows.T @ rows * max(float(np.sum(np.square(aims - rows @ solution))) / n, 1e-30) ** -1
    else:
        assert row.per_row is not None
        sample = in_float64(setup)
        w = losses.weights_in(setup.problem, sample)
        z = model.design(sample.x)
        least = minimise(row.per_row, z, np.asarray(sample.y), setup.problem.dout, w, classes=classes)
        if classes and not least.converged:  # classes that are separated have no solution
            return None
        solution, curvature = least.w, least.hessian * n
    covariance = np.linalg.pinv(curvature, rcond=1e-12, hermitian=True)
    weights = [np.asarray(model.linear.kernel[...], np.float64)]
    if model.linear.bias is not None:
        weights.append(np.asarray(model.linear.bias[...], np.float64)[None])
    stopped = np.concatenate(weights)
    if classes:  # log odds against the first
        stopped, solution = (w[:, 1:] - w[:, :1] for w in (stopped, solution))
    # what is not identified is left out of the difference
    difference = np.abs(covariance @ (curvature @ (stopped - solution).reshape(-1)))
    errors = np.sqrt(np.clip(np.diag(covariance), 0, None))
    far = difference > NEAR * errors + ROUNDING * np.max(np.abs(solution), initial=0.0)
    distance = float(np.max(np.divide(difference, errors, out=np.zeros_like(errors), where=errors > 0)))
    return distance, bool(far.any())


def history_of(parts: Sequence[np.ndarray], first: float | None) -> History:
    """The history of the chunks of one process."""
    seen = np.concatenate(parts) if parts else np.empty(0)
    return History(seen, float("nan") if first is None else first)
