"""Digests of arrays by name: what shows damage that the format of a checkpoint lets pass, and two fits to be equal."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np


def _leaves(sections: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """(section, leaf) in the order of their names."""
    return ((section, leaf) for section in sorted(sections) for leaf in sorted(sections[section]))


def _update(sha: Any, section: str, name: str, value: np.ndarray) -> None:
    leaf = np.ascontiguousarray(value)
    sha.update(f"{section}/{name}{leaf.dtype}{leaf.shape}".encode())
    # as bytes where they lie; kinds of numbers that NumPy does not know (bfloat16) lend no other view
    sha.update(leaf.reshape(-1).view(np.uint8) if leaf.size else b"")


def whole(sections: Mapping[str, Mapping[str, np.ndarray]]) -> str:
    """SHA-256 over the names, shapes, dtypes and bytes of all leaves (hex)."""
    sha = hashlib.sha256()
    for section, name in _leaves(sections):
        _update(sha, section, name, sections[section][name])
    return sha.hexdigest()


def by_leaf(sections: Mapping[str, Mapping[str, np.ndarray]]) -> np.ndarray:
    """SHA-256 of every leaf, its names, shape and dtype included: uint8 [leaves, 32], in the order of their names.

    A part of a checkpoint can be checked by them without reading the rest.
    """
    rows = []
    for section, name in _leaves(sections):
        sha = hashlib.sha256()
        _update(sha, section, name, sections[section][name])
        rows.append(np.frombuffer(sha.digest(), np.uint8))
    return np.stack(rows) if rows else np.zeros((0, 32), np.uint8)


def agree(stored: np.ndarray, sections: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the leaves of a checkpoint that were read are those whose digests it holds.

    Args:
        stored: as `by_leaf`, of the whole checkpoint. sections: all its leaves; those that are no NumPy arrays but
            shapes were not read, and are not looked at.
    """
    names = list(_leaves(sections))
    if stored.dtype != np.uint8 or stored.shape != (len(names), 32):
        return False
    read = ((row, section, leaf) for row, (section, leaf) in zip(stored, names, strict=True))
    return all(
        np.array_equal(row, by_leaf({section: {leaf: sections[section][leaf]}})[0])
        for row, section, leaf in read
        if isinstance(sections[section][leaf], np.ndarray)
    )
