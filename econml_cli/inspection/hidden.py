"""Dead units: hidden units that are zero whatever the training sample shows them, and so learn nothing."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from econml_cli.evaluation.samples import small_blocks
from econml_cli.inspection.calls import listen
from econml_cli.inspection.state import raw
from econml_cli.models.base import Model


@dataclass(frozen=True)
class Hidden:
    """The units that one layer reads: how many there are, and how many are zero at every observation."""

    read_by: str
    units: int
    dead: int

    def to_json(self) -> dict[str, Any]:
        """The row as JSON values."""
        return dict(vars(self))


def hidden_units(model: Model, x: Any) -> tuple[Hidden, ...] | None:
    """The hidden units of a model, by the layer that reads them, over a sample of inputs x [n, ...].

    A unit is dead where what the next layer reads of it is exactly 0 at every observation: so is a relu whose
    preactivation is never positive, with layer normalisation before it or without. The weights into it and out of it
    have no gradient. The first layer that is called reads the data, not hidden units. Empty for a model of one layer;
    None where layers run inside a loop of JAX, which nothing can be read out of.
    """
    graphdef, state = nnx.split(model)

    @jax.jit
    def zero(state: Any, x: Any) -> dict[str, jax.Array]:
        return _zero_inputs(nnx.merge(graphdef, state), x)

    always: dict[str, np.ndarray] = {}
    try:
        for block in small_blocks(x):
            found = jax.device_get(zero(state, block))
            always = {path: found[path] & always.get(path, True) for path in found}
    except jax.errors.UnexpectedTracerError:
        return None
    # jit returns a dict sorted by its keys; modules are in the order in which they were made
    order = [".".join(map(str, path)) for path, _ in nnx.iter_modules(model)]
    return tuple(Hidden(p, int(always[p].size), int(always[p].sum())) for p in sorted(always, key=order.index))


def _zero_inputs(model: Model, x: Any) -> dict[str, jax.Array]:
    """For each layer but the first that is called: which of its inputs [k] are zero at every observation."""
    layers = {".".join(map(str, path)) for path, module in nnx.iter_modules(model) if _is_layer(module)}
    heard: list[tuple[int, str, jax.Array]] = []

    def tell(number: int, path: str, args: Any, kwargs: Any, result: Any) -> None:
        if path in layers and len(args) == 1 and hasattr(args[0], "ndim") and args[0].ndim > 1:
            heard.append((number, path, jnp.all(args[0] == 0, axis=tuple(range(args[0].ndim - 1)))))

    listen(model, tell)
    model(x)
    found: dict[str, jax.Array] = {}
    for _, path, dead in sorted(heard, key=lambda call: call[0])[1:]:
        found[path] = dead & found.get(path, True)
    return found


def _is_layer(module: Any) -> bool:
    """Whether a module mixes its inputs: it has a trainable matrix of its own."""
    own = [value for value in vars(module).values() if isinstance(value, nnx.Param)]
    return any(len(raw(value).shape) > 1 for value in own)
