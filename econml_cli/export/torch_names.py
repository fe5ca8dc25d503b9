"""The arrays of a module under the names and in the shapes that a PyTorch user expects."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from flax import nnx

from econml_cli.models.base import Model

#: what arrays of these layers are called in PyTorch, where it is not what flax calls them
_RENAMED: dict[type, dict[str, str]] = {
    nnx.Linear: {"kernel": "weight"},
    nnx.LayerNorm: {"scale": "weight"},
}
#: what the data pass first; a module read from a checkpoint no longer knows the order in which it was made
_FIRST = ("phi", "encoder", "linear_in", "kernel", "scale")


class TorchTensor(NamedTuple):
    """One tensor of the equivalent PyTorch module: `linear1.weight`, [out, in], float32, from our `linear1.kernel`."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    path: str


class _Found(NamedTuple):
    """One variable: its path, the module that holds it, itself."""

    path: tuple[str, ...]
    owner: Any
    variable: nnx.Variable


def named_parameters(model: Model) -> list[TorchTensor]:
    """What `named_parameters()` of the equivalent PyTorch module lists, in its order.

    A kernel [in, out] of `nnx.Linear` is a weight [out, in], the scale of `nnx.LayerNorm` a weight; everything else
    keeps name and shape. The module may be one of shapes only, from `nnx.eval_shape`.
    """
    return [_tensor(found) for found in _variables(model) if isinstance(found.variable, nnx.Param)]


def own_state(model: Model) -> dict[str, np.ndarray]:
    """All arrays but the keys of random numbers, under our own paths (`linear1.kernel`), on the host."""
    return {".".join(found.path): np.asarray(found.variable[...], order="C") for found in _variables(model)}


def torch_state(model: Model) -> dict[str, np.ndarray]:
    """The same as a PyTorch state_dict: under PyTorch's names and in its shapes."""
    return {_name(found): _array(found) for found in _variables(model)}


def _array(found: _Found) -> np.ndarray:
    array = np.asarray(found.variable[...])
    return np.asarray(array.T if _is_transposed(found) else array, order="C")  # safetensors writes what lies in memory


def _tensor(found: _Found) -> TorchTensor:
    array = found.variable.get_raw_value()
    shape = tuple(array.shape)[::-1] if _is_transposed(found) else tuple(array.shape)
    return TorchTensor(_name(found), shape, str(np.dtype(array.dtype)), ".".join(found.path))


def _name(found: _Found) -> str:
    *parents, last = found.path
    return ".".join([*parents, _RENAMED.get(type(found.owner), {}).get(last, last)])


def _is_transposed(found: _Found) -> bool:
    return type(found.owner) is nnx.Linear and found.path[-1] == "kernel"


def _variables(model: Model) -> Iterator[_Found]:
    """The variables, what the data pass first before the rest, linear2 before linear10; a shared one is listed once."""
    seen: set[int] = set()

    def walk(node: Any, path: tuple[str, ...]) -> Iterator[_Found]:
        for name, value in _children(node):
            if id(value) in seen or isinstance(value, nnx.RngState):
                continue
            if isinstance(value, nnx.Variable):
                seen.add(id(value))
                if hasattr(value.get_raw_value(), "shape"):
                    yield _Found((*path, name), node, value)
            elif isinstance(value, nnx.Module | Mapping | list | tuple):
                seen.add(id(value))
                yield from walk(value, (*path, name))

    return walk(model, ())


def _children(node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, list | tuple | nnx.List):
        return ((str(i), value) for i, value in enumerate(node))
    pairs = node.items() if isinstance(node, Mapping) else vars(node).items()
    named = ((str(name), value) for name, value in pairs if not str(name).startswith("_"))
    return iter(sorted(named, key=lambda pair: (pair[0] not in _FIRST, _counting(pair[0]))))


def _counting(name: str) -> list[tuple[int, str]]:
    """A sort key: linear2 before linear10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name) if part]
