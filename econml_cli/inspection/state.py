"""The state of a model as rows: path, shape, dtype, size and moments of every array."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

import jax
import numpy as np
from flax import nnx

from econml_cli.storage.checkpoint import path_name

#: elements whose moments are taken at once
BLOCK = 2**20
_SHORT = {"float": "f", "bfloat": "bf", "int": "i", "uint": "u", "complex": "c"}


@dataclass(frozen=True)
class Leaf:
    """One array. The moments are over its finite elements, in float64; None where there are none to take: abstract
    arrays (shapes only), RNG keys, empty, complex, or wholly non-finite ones."""

    path: str
    kind: str
    shape: tuple[int, ...]
    dtype: str
    count: int
    bytes: int
    mean: float | None = None
    std: float | None = None
    min: float | None = None
    max: float | None = None
    nonfinite: int | None = None
    values: np.ndarray | None = field(default=None, compare=False, repr=False)

    @property
    def short(self) -> str:
        """The array in one word: f32[2,128]."""
        return abbreviate(self.shape, self.dtype)

    def to_json(self, values: bool = False) -> dict[str, Any]:
        """The row as JSON values; `values` adds the numbers themselves as nested lists."""
        row = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "values"} | {"shape": list(self.shape)}
        if values and self.values is not None:
            row["values"] = self.values.tolist()
        return row


def describe_state(state: Any) -> list[Leaf]:
    """Every array of a state, in the order of its paths with numbers counted (linear2 before linear10).

    Args:
        state: an `nnx.State`, a module, or any pytree of arrays; its arrays may be shapes only (`nnx.eval_shape`).
    """
    if isinstance(state, nnx.Module):
        state = nnx.state(state)
    found = jax.tree_util.tree_leaves_with_path(state, is_leaf=lambda x: isinstance(x, nnx.Variable))
    leaves = [_describe(path_name(path), leaf) for path, leaf in found]
    return sorted(leaves, key=lambda leaf: [natural(part) for part in leaf.path.split(".")])


def natural(name: Any) -> list[tuple[int, str]]:
    """A sort key that counts: linear2 before linear10."""
    parts = re.split(r"(\d+)", str(name))
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts if part]


def abbreviate(shape: tuple[int, ...], dtype: str) -> str:
    """((2, 128), "float32") -> "f32[2,128]"."""
    head = re.match(r"(bfloat|float|uint|int|complex)(?=\d)", dtype)
    short = _SHORT[head[1]] + dtype[head.end() :] if head else dtype
    return f"{short}[{','.join(map(str, shape))}]"


def is_key(leaf: Any) -> bool:
    """Whether an array (or its shape) is a typed RNG key."""
    return bool(jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key))


def raw(leaf: Any) -> Any:
    """The array inside an nnx variable; anything else as it is."""
    return leaf.get_value() if isinstance(leaf, nnx.Variable) else leaf


def _describe(path: str, leaf: Any) -> Leaf:
    kind = type(leaf).__name__ if isinstance(leaf, nnx.Variable) else "Array"
    array = raw(leaf)
    if not hasattr(array, "dtype"):
        array = np.asarray(array)
    shape, count = tuple(array.shape), math.prod(array.shape)
    row: dict[str, Any] = {"path": path, "kind": kind, "shape": shape, "dtype": str(array.dtype), "count": count}
    row["bytes"] = count * array.dtype.itemsize
    if isinstance(array, jax.ShapeDtypeStruct):
        return Leaf(**row)
    if is_key(array):
        return Leaf(**row, values=np.asarray(jax.random.key_data(array)))
    values = np.asarray(array)
    return Leaf(**row, **_moments(values), values=values)


def _moments(values: np.ndarray) -> dict[str, Any]:
    if np.iscomplexobj(values):
        return {"nonfinite": int(np.size(values) - np.isfinite(values).sum())}
    good = sum(found.size for found in _finite(values))
    nonfinite = values.size - good
    if good == 0:
        return {"nonfinite": nonfinite}
    with np.errstate(over="ignore", invalid="ignore"):
        mean = sum(found.sum() for found in _finite(values)) / good
        squares = sum(((found - mean) ** 2).sum() for found in _finite(values))
        ends = [(found.min(), found.max()) for found in _finite(values) if found.size]
    moments = {"mean": mean, "std": np.sqrt(squares / good)}
    moments |= {"min": min(low for low, _ in ends), "max": max(high for _, high in ends)}
    return {name: float(value) for name, value in moments.items()} | {"nonfinite": nonfinite}


def _finite(values: np.ndarray) -> Iterator[np.ndarray]:
    """The finite elements in float64, block by block: of a large array there are no further copies."""
    flat = values.reshape(-1)
    for start in range(0, flat.size, BLOCK):
        wide = flat[start : start + BLOCK].astype(np.float64)  # also from bfloat16, which NumPy cannot average
        yield wide[np.isfinite(wide)]
