"""`nnx.grad` of the training loss at the weights of a checkpoint, leaf by leaf, and what a step would change."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from econml_cli.evaluation.opened import OpenedRun
from econml_cli.evaluation.samples import size, small_blocks
from econml_cli.inspection.hidden import Hidden, hidden_units
from econml_cli.inspection.state import natural
from econml_cli.models.base import Model, Penalised
from econml_cli.problems.base import Batch, Problem
from econml_cli.problems.means import total
from econml_cli.storage import checkpoint
from econml_cli.training.precision import to_device
from econml_cli.training.run.restore import Loaded
from econml_cli.training.step.epoch import num_batches, weighing_one
from econml_cli.training.step.optimizers import hyperparameters, optimizer, schedule
from econml_cli.training.step.phases import polishes
from econml_cli.training.step.second_order import is_second_order


@dataclass(frozen=True)
class LeafGradient:
    """The gradient of one array of weights.

    Attributes:
        gradient, weight: Euclidean norms, |g| and |w|.
        step_ratio: lr |g| / |w|: how much one step theta - lr grad, on the whole sample, would change the array.
        update_ratio: |u| / |w|, where u is what the run's own optimizer, with the state in the checkpoint, would add.
        Ratios are None where w is zero, and where no such step would be made.
    """

    path: str
    shape: tuple[int, ...]
    gradient: float
    weight: float
    step_ratio: float | None
    update_ratio: float | None

    def to_json(self) -> dict[str, Any]:
        """The row as JSON values."""
        return dict(vars(self)) | {"shape": list(self.shape)}


@dataclass(frozen=True)
class Gradients:
    """Gradients of the mean loss over the training sample (plus the model's penalty, where it has one).

    Attributes:
        leaves: one row an array of trainable weights. gradient: the norm of all of it.
        loss: the mean loss, without the penalty, in the units that are minimised. n: observations.
        lr: the learning rate of the epoch; None for a model that is solved, not trained.
        optimizer: whose update is reported; None where the checkpoint has none for these weights.
        hidden: dead units, by the layer that reads them; None where they cannot be seen.
        tree: the gradient itself, an `nnx.State` of the structure of the parameters.
    """

    leaves: tuple[LeafGradient, ...]
    gradient: float
    loss: float
    n: int
    penalised: bool
    lr: float | None
    optimizer: str | None
    hidden: tuple[Hidden, ...] | None
    tree: Any

    def to_json(self) -> dict[str, Any]:
        """All but the arrays themselves, as JSON values."""
        out = {key: value for key, value in vars(self).items() if key not in ("leaves", "hidden", "tree")}
        hidden = None if self.hidden is None else [row.to_json() for row in self.hidden]
        return out | {"leaves": [leaf.to_json() for leaf in self.leaves], "hidden": hidden}


def describe_gradients(run: OpenedRun) -> Gradients:
    """The gradients at the weights of the checkpoint that a run is opened with.

    Raises:
        DataError, RunError: the training sample cannot be had again. CheckpointError: the optimizer's state is damaged.
    """
    loaded, samples, options = run.loaded(), run.own_samples(), run.config().trainer
    train = to_device(samples.parts["train"], run.dtype)
    loss, grads = mean_gradient(samples.problem, loaded.model, train)
    params, n = nnx.state(loaded.model, nnx.Param), size(train)
    steps = num_batches(n, options.batch_size)[0]
    lr, updates = None, None
    trained = getattr(loaded.model, "solver", "gradient") == "gradient"
    if trained and not is_second_order(options) and not polishes(options):  # lm finds each step by a search of its own
        lr = options.lr * float(schedule(options, steps)(loaded.epoch * steps))
        updates = _updates(loaded, params, grads, (steps, n), f"The checkpoint of epoch {loaded.step} in {run.path}")
    names, weights, given = _norms(params), _by_path(params), _norms(grads)
    changes = {} if updates is None else _norms(updates)
    return Gradients(
        leaves=tuple(
            LeafGradient(
                path=path,
                shape=tuple(weights[path].shape),
                gradient=given[path],
                weight=names[path],
                step_ratio=_ratio(None if lr is None else lr * given[path], names[path]),
                update_ratio=_ratio(changes.get(path), names[path]),
            )
            for path in sorted(names, key=lambda path: [natural(part) for part in path.split(".")])
        ),
        gradient=float(np.sqrt(sum(norm**2 for norm in given.values()))),
        loss=loss,
        n=n,
        penalised=isinstance(loaded.model, Penalised),
        lr=lr,
        optimizer=None if updates is None else options.optimizer,
        hidden=hidden_units(loaded.model, train.x),
        tree=grads,
    )


def mean_gradient(problem: Problem, model: Model, batch: Batch) -> tuple[float, Any]:
    """(mean loss, `nnx.grad` of the mean loss plus the model's penalty) over a sample, summed over blocks of its rows.

    The gradient has the structure of `nnx.state(model, nnx.Param)`.
    """
    graphdef, state = nnx.split(model)
    n, batch = size(batch), weighing_one(batch)

    def shares(model: Model, part: Batch) -> tuple[jax.Array, jax.Array]:
        losses = problem.loss(model, part)
        summed = objective = total(losses, part.w)
        if isinstance(model, Penalised):
            objective += losses.shape[0] * model.penalty(part.x)
        return objective / n, summed / n

    @jax.jit
    def measure(state: Any, part: Batch) -> tuple[jax.Array, Any]:
        (_, loss), grads = nnx.value_and_grad(shares, has_aux=True)(nnx.merge(graphdef, state), part)
        return loss, grads

    loss, grads = 0.0, None
    for part in small_blocks(batch):
        more, of_part = measure(state, part)
        loss += float(more)
        grads = of_part if grads is None else jax.tree.map(jnp.add, grads, of_part)
    return loss, grads


def _updates(loaded: Loaded, params: Any, grads: Any, size: tuple[int, int], what: str) -> Any:
    """What the optimizer would add to the weights after this gradient, with `size` batches in an epoch and training
    rows; None where its state is of other weights."""
    if loaded.section != "model":
        return None
    options, (steps, rows) = loaded.config.trainer, size
    tx = optimizer(options, hyperparameters(options, rows), steps)
    abstract = jax.eval_shape(tx.init, params)
    saved = checkpoint.unflatten(abstract, loaded.sections.get("optimizer", {}), f"{what}, section optimizer")
    return tx.update(grads, saved, params)[0]


def _by_path(tree: Any) -> dict[str, Any]:
    return {checkpoint.path_name(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def _norms(tree: Any) -> dict[str, float]:
    return {path: float(np.linalg.norm(np.asarray(leaf, np.float64))) for path, leaf in _by_path(tree).items()}


def _ratio(change: float | None, weight: float) -> float | None:
    return None if change is None or weight == 0 else change / weight
