"""A checkpoint of ours read through TensorStore, without Orbax, whose import takes longer than the reading.

Orbax writes checkpoints and stays the format of record: one that is not, to the letter, what it writes for us (a tree
of two levels of NumPy arrays, zarr arrays in one OCDBT store) is left to Orbax.
"""

import json
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

#: bytes of metadata beyond which Orbax's own reader is worth its import
MOST_METADATA = 2**24
#: what Orbax calls the key of a dict, and a leaf that was a NumPy array
_DICT, _LEAF = 2, "np.ndarray"
#: numbers, with their byte order; what NumPy has no name for (bfloat16) is unusual
_KINDS = frozenset("fiub")


class UnusualError(Exception):
    """It is not what Orbax writes for us: ask Orbax."""


class UnreadableError(Exception):
    """It says that it is what Orbax writes for us, and TensorStore cannot read it, as Orbax, which asks TensorStore,
    could not."""


@dataclass(frozen=True)
class Unread:
    """An array that was not read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def read(
    place: Path, most_bytes: float, wanted: Callable[[Mapping[str, Collection[str]]], Collection[tuple[str, str]]]
) -> dict[str, dict[str, Any]]:
    """The sections of the checkpoint in a step's directory: NumPy arrays, and `Unread` ones of what is not wanted.

    Args:
        place: the step's directory. most_bytes: what its arrays may claim, all together.
        wanted: from {section: leaves} to the (section, leaf) that are read.

    Raises:
        UnusualError: it is of another kind. UnreadableError: TensorStore cannot read it, or the system. Whatever the
        system raises for metadata that cannot be read.
    """
    folder = place / "default"
    names = _names(folder)
    leaves: dict[str, list[str]] = {}
    for section, leaf in names.values():
        leaves.setdefault(section, []).append(leaf)
    chosen = frozenset(wanted(leaves))
    try:
        return _arrays(folder, names, chosen, most_bytes)
    except (UnusualError, UnreadableError, MemoryError):
        raise
    except Exception as error:  # TensorStore raises a dozen kinds
        raise UnreadableError(str(error)) from error


def _arrays(
    folder: Path, names: dict[str, tuple[str, str]], chosen: Collection[tuple[str, str]], most_bytes: float
) -> dict[str, dict[str, Any]]:
    """The sections whose keys in the store are those of `names`; the arrays of those that are chosen."""
    import tensorstore as ts

    base = {"driver": "ocdbt", "base": f"file://{folder}/"}
    store = ts.KvStore.open(base).result()
    described = {key: store.read(f"{key}/.zarray") for key in names}
    shapes = {key: _described(found.result().value) for key, found in described.items()}
    if sum(map(_claimed, shapes.values())) > most_bytes:
        raise UnusualError("it claims more than it can hold")
    keys = [key for key, name in names.items() if name in chosen]
    opened = {key: ts.open({"driver": "zarr", "kvstore": {**base, "path": f"{key}/"}}, read=True) for key in keys}
    reading = {key: found.result().read() for key, found in opened.items()}
    sections: dict[str, dict[str, Any]] = {}
    for key, (section, leaf) in names.items():
        shape, dtype, _ = shapes[key]
        value = np.asarray(reading.pop(key).result()) if key in reading else Unread(shape, dtype)
        if value.shape != shape or value.dtype != dtype:
            raise UnusualError(f"{key} is not what it says")
        sections.setdefault(section, {})[leaf] = value
    return sections


def _names(folder: Path) -> dict[str, tuple[str, str]]:
    """{its key in the store: (section, leaf)} of every array that Orbax's metadata list."""
    file = folder / "_METADATA"
    if file.stat().st_size > MOST_METADATA:
        raise UnusualError("large metadata")
    metadata = _mapping(json.loads(file.read_bytes()))
    if metadata.get("use_zarr3", False) is not False or metadata.get("use_ocdbt", True) is not True:
        raise UnusualError("another format of arrays")
    found: dict[str, tuple[str, str]] = {}
    for entry in _mapping(metadata.get("tree_metadata")).values():
        keys = _mapping(entry).get("key_metadata")
        value = _mapping(_mapping(entry).get("value_metadata"))
        if not isinstance(keys, list) or len(keys) != 2 or value.get("value_type") != _LEAF:
            raise UnusualError("another tree")
        words = [_mapping(key).get("key") for key in keys if _mapping(key).get("key_type") == _DICT]
        if len(words) != 2 or not all(isinstance(word, str) and word and "/" not in word for word in words):
            raise UnusualError("another tree")
        section, leaf = str(words[0]), str(words[1])
        found[f"{section}.{leaf}"] = (section, leaf)
    if len(found) != len(metadata["tree_metadata"]) or not found:
        raise UnusualError("two leaves of one name, or none")
    return found


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise UnusualError("another tree")
    return value


def _described(text: bytes) -> tuple[tuple[int, ...], np.dtype[Any], tuple[int, ...]]:
    """(shape, dtype, shape of a chunk) that an array's own metadata give; `text` is empty where it has none."""
    if not text:
        raise UnreadableError("its store lacks an array")
    about = _mapping(json.loads(text))
    shape, chunks, dtype = about.get("shape"), about.get("chunks"), about.get("dtype")
    if about.get("zarr_format") != 2 or not isinstance(dtype, str):
        raise UnusualError("another format of arrays")
    for sizes in (shape, chunks):
        if not isinstance(sizes, list) or not all(isinstance(n, int) and n >= 0 for n in sizes):
            raise UnusualError("a shape that is none")
    try:
        kind = np.dtype(dtype)
    except TypeError as error:
        raise UnusualError(f"dtype {dtype}") from error
    if kind.kind not in _KINDS:
        raise UnusualError(f"dtype {dtype}")
    return tuple(shape or ()), kind, tuple(chunks or ())


def _claimed(described: tuple[tuple[int, ...], np.dtype[Any], tuple[int, ...]]) -> int:
    shape, dtype, chunks = described
    return max(math.prod(shape), math.prod(chunks)) * dtype.itemsize
