"""The graphdef of a model as a tree: modules, their static attributes, and the arrays they hold."""

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from flax import nnx
from flax.nnx import graphlib

from econml_cli.inspection.state import abbreviate, natural, raw

#: what flax keeps about every variable, and says nothing about the model
_VARIABLE_NOISE = {"hijax", "ref", "eager_sharding"}


@dataclass(frozen=True)
class Node:
    """One module or array of a model.

    Attributes:
        name: its name in the module that holds it; "" for the model itself.
        type: the class (MLP, Linear, List, Param, ...).
        attributes: the static ones, by name: numbers and strings as they are, functions and dtypes by their names.
        children: submodules and arrays.
        array: shape and dtype as f32[2,128]; None for modules, and where no state was given.
        params: trainable numbers in and below it; None where no state was given.
        shared: the path where this same object was met first, if it was; its children and numbers are listed there.
    """

    name: str
    type: str
    attributes: Mapping[str, Any]
    children: tuple["Node", ...] = ()
    array: str | None = None
    params: int | None = None
    shared: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The tree as JSON values; every static attribute is kept, also those that the text leaves out."""
        out: dict[str, Any] = {"name": self.name, "type": self.type, "attributes": dict(self.attributes)}
        out |= {key: value for key in ("array", "params", "shared") if (value := getattr(self, key)) is not None}
        return out | ({"children": [child.to_json() for child in self.children]} if self.children else {})


def describe_graph(model: Any, state: Any = None) -> Node:
    """The tree of a module, or of a graphdef.

    Args:
        model: an `nnx.Module` (also one of shapes only, from `nnx.eval_shape`), or the graphdef of one.
        state: with a graphdef, its state; without it arrays have no shapes, and parameters are not counted.
    """
    if not isinstance(model, nnx.GraphDef):
        model, state = nnx.split(model)
    arrays = None if state is None else dict(nnx.to_flat_state(state))
    return _Walk(iter(model.nodes), iter(model.attributes), arrays).node("", ())


class _Walk:
    """Reads the two lists in which flax writes a graph down: nodes, and their attributes, both depth first."""

    def __init__(self, nodes: Iterator[Any], attributes: Iterator[Any], arrays: Mapping[Any, Any] | None):
        self.nodes, self.attributes, self.arrays = nodes, attributes, arrays
        self.seen: dict[int, tuple[str, str]] = {}

    def node(self, name: str, path: tuple[Any, ...]) -> Node:
        definition = next(self.nodes)
        if isinstance(definition, graphlib.NodeRef):
            kind, first = self.seen[definition.index]
            return Node(name, kind, {}, params=None if self.arrays is None else 0, shared=first)
        kind = getattr(definition, "type", type(None)).__name__
        if definition.index is not None:
            self.seen[definition.index] = kind, ".".join(map(str, path)) or "the model"
        if isinstance(definition, graphlib.NodeDef):
            return self._module(name, path, kind, definition.num_attributes)
        metadata = dict(getattr(definition, "metadata", {}))
        shown = {k: plain(v) for k, v in metadata.items() if k not in _VARIABLE_NOISE}
        trains = isinstance(getattr(definition, "type", None), type) and issubclass(definition.type, nnx.Param)
        return self._array(name, path, kind, shown, trains)

    def _module(self, name: str, path: tuple[Any, ...], kind: str, count: int) -> Node:
        static: dict[str, Any] = {}
        children: list[Node] = []
        for _ in range(count):
            key, attribute = next(self.attributes)
            below = (*path, key)
            if isinstance(attribute, graphlib.Static):
                static[str(key)] = attribute.value
            elif isinstance(attribute, graphlib.NodeAttr):
                children.append(self.node(str(key), below))  # reads its part of both lists, so never skipped
            else:
                children.append(self._array(str(key), below, "Array", {}, trains=False))
        static |= {child.name: None for child in children if child.type == "NoneType"}  # the bias of use_bias=False
        shown = {k: plain(v) for k, v in sorted(static.items()) if not _internal(k, kind)}
        kept = [child for child in children if child.type != "NoneType" and not _internal(child.name, kind)]
        params = None if self.arrays is None else sum(child.params or 0 for child in kept)
        return Node(name, kind, shown, tuple(sorted(kept, key=lambda c: natural(c.name))), params=params)

    def _array(self, name: str, path: tuple[Any, ...], kind: str, shown: dict[str, Any], trains: bool) -> Node:
        if self.arrays is None:
            return Node(name, kind, shown)
        array: Any = raw(self.arrays.get(path))
        if not hasattr(array, "dtype"):
            return Node(name, kind, shown, params=0)
        size = int(np.prod(array.shape, dtype=np.int64)) if trains else 0
        return Node(name, kind, shown, array=abbreviate(tuple(array.shape), str(array.dtype)), params=size)


def _internal(name: str, kind: str) -> bool:
    """Flax's own bookkeeping, as against what the author of a module stored."""
    return name.startswith("_pytree__") or (kind == "List" and name == "_length")


def plain(value: Any) -> Any:
    """A static attribute as a JSON value: functions, classes and dtypes by their names, no memory addresses."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in value]
    if isinstance(value, functools.partial):
        given = [str(plain(v)) for v in value.args] + [f"{k}={plain(v)}" for k, v in value.keywords.items()]
        return f"{plain(value.func)}({', '.join(given)})"
    if isinstance(value, np.dtype):
        return value.name
    if (
        not isinstance(value, type) and hasattr(value, "shape") and hasattr(value, "dtype")
    ):  # an array of a module of shapes only
        return abbreviate(tuple(value.shape), str(value.dtype))
    name = getattr(value, "__name__", None)
    return name if isinstance(name, str) else re.sub(r" at 0x[0-9a-f]+", "", repr(value))
