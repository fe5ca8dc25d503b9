"""The layers of a model as a table: what each reads, gives, holds and costs. Shapes only: no weight is allocated."""

from dataclasses import dataclass
from typing import Any

import jax
from flax import nnx

from econml_cli.inspection.calls import listen
from econml_cli.inspection.state import abbreviate
from econml_cli.models.base import Model
from econml_cli.training.setup.setup import num_params


@dataclass(frozen=True)
class Layer:
    """One call of a module for one observation; a module that is not called has neither inputs nor outputs nor flops.

    Attributes:
        path: of the module; "" for the model itself, whose row is the total.
        type: its class. inputs, outputs: arrays as f32[1,2]; the first axis is usually that of observations.
        params: trainable numbers in and below it, counted at its first call.
        flops: of this call, as XLA counts the program before it optimises it: a multiplication and an addition are two,
            an elementwise operation one an element; exp, tanh and the like none.
    """

    path: str
    type: str
    inputs: str | None
    outputs: str | None
    params: int | None
    flops: int | None

    def to_json(self) -> dict[str, Any]:
        """The row as JSON values."""
        return dict(vars(self))


def describe_layers(model: Model, observation: tuple[int, ...], dtype: str) -> tuple[Layer, ...]:
    """The layers in the order in which the model calls them, each before those that it calls; then those it does not.

    Args:
        model: an `nnx.Module`, also one of shapes only. observation: the shape of one observation.
        dtype: of the inputs.
    """
    graphdef, state = nnx.split(model)
    state = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), state)
    modules = {".".join(map(str, path)): module for path, module in nnx.iter_modules(nnx.merge(graphdef, state))}
    heard: dict[int, tuple[str, Any, Any, Any]] = {}

    def tell(number: int, path: str, args: Any, kwargs: Any, result: Any) -> None:
        heard[number] = path, _shapes(args), _shapes(kwargs), _shapes(result)

    def run(state: Any, x: Any) -> Any:
        copy = nnx.merge(graphdef, state)
        listen(copy, tell)
        return copy(x)

    jax.eval_shape(run, state, jax.ShapeDtypeStruct((1, *observation), dtype))
    rows: list[Layer] = []
    for number in sorted(heard):
        path, args, kwargs, result = heard[number]
        first = all(row.path != path for row in rows)
        params = num_params(modules[path]) if first else None
        cost = _flops(modules[path], args, kwargs)
        rows.append(Layer(path, type(modules[path]).__name__, _words((args, kwargs)), _words(result), params, cost))
    called = {row.path for row in rows}
    silent = [path for path, module in modules.items() if path not in called and _holds_params(module)]
    return *rows, *(Layer(p, type(modules[p]).__name__, None, None, num_params(modules[p]), None) for p in silent)


def _shapes(tree: Any) -> Any:
    """The arrays of a call as shapes; anything else as it is."""

    def is_array(leaf: Any) -> bool:
        return hasattr(leaf, "shape") and hasattr(leaf, "dtype")

    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) if is_array(leaf) else leaf, tree)


def _words(tree: Any) -> str:
    found = [leaf for leaf in jax.tree.leaves(tree) if isinstance(leaf, jax.ShapeDtypeStruct)]
    return ", ".join(abbreviate(tuple(leaf.shape), str(leaf.dtype)) for leaf in found) or "-"


def _holds_params(module: Any) -> bool:
    """Whether trainable numbers are its own, not those of a module in it."""
    return any(isinstance(value, nnx.Param) for value in vars(module).values())


def _flops(module: Any, args: Any, kwargs: Any) -> int | None:
    """XLA's count for one call; None where it has none, or where an argument is no array."""
    if not all(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in jax.tree.leaves((args, kwargs))):
        return None
    graphdef, state = nnx.split(module)
    run = jax.jit(lambda state, args, kwargs: nnx.merge(graphdef, state)(*args, **kwargs))
    cost: Any = run.lower(state, args, kwargs).cost_analysis()
    cost = cost[0] if isinstance(cost, list) and cost else cost
    return int(cost.get("flops", 0)) if cost else None
