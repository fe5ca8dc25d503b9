"""Two checkpoints compared: their modules, and their arrays leaf by leaf."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from econml_cli.inspection import selection
from econml_cli.inspection.graph import Node
from econml_cli.inspection.report import Report
from econml_cli.inspection.state import Leaf


@dataclass(frozen=True)
class Change:
    """One difference of two graphs: what the first has at a path, and what the second has there (None: nothing)."""

    path: str
    first: str | None
    second: str | None

    def to_json(self) -> dict[str, Any]:
        """The row as JSON values."""
        return dict(vars(self))


@dataclass(frozen=True)
class LeafDifference:
    """One array in both models.

    Attributes:
        max_abs: the largest |a - b|; infinite where one is finite and the other not, or their infinities differ.
        relative: |a - b| / |a|, Euclidean norms; None where a is zero and b is not, or a is infinite. Both are None
            where shapes differ.
        changed: how many elements differ.
    """

    path: str
    first: str
    second: str
    max_abs: float | None
    relative: float | None
    changed: int | None

    def to_json(self) -> dict[str, Any]:
        """The row as JSON values."""
        return dict(vars(self))


@dataclass(frozen=True)
class Difference:
    """Two models compared; `same`: they are of one graph, and no element differs by more than `tolerance`."""

    first: str
    second: str
    tolerance: float
    same: bool
    graph: tuple[Change, ...]
    leaves: tuple[LeafDifference, ...]

    def to_json(self) -> dict[str, Any]:
        """As JSON values; an infinite difference is null."""
        out = {key: value for key, value in vars(self).items() if key not in ("graph", "leaves")}
        rows = {"graph": [row.to_json() for row in self.graph], "leaves": [row.to_json() for row in self.leaves]}
        return out | rows


def compare(first: Report, second: Report, tolerance: float = 0.0, path: str | None = None) -> Difference:
    """Compare two models.

    Args:
        tolerance: the largest absolute difference of two elements that is none. path: compare only what it selects.

    Raises:
        ConfigError: the path selects nothing of either.
    """
    ours, theirs = ({leaf.path: leaf for leaf in report.leaves} for report in (first, second))
    graph = tuple(_changes(first.graph, second.graph))
    names = [row.path for row in graph if row.path]
    selection.check(path, [*ours, *theirs, *names])
    graph = tuple(row for row in graph if selection.matches(path, row.path))
    both = [name for name in ours if name in theirs and selection.matches(path, name)]
    leaves = tuple(_compare(ours[name], theirs[name]) for name in both)
    far = [row for row in leaves if row.max_abs is None or row.max_abs > tolerance]
    return Difference(_name(first), _name(second), tolerance, same=not graph and not far, graph=graph, leaves=leaves)


def _name(report: Report) -> str:
    return f"{report.summary['run']}, epoch {report.summary['epoch']:,}"


def _compare(a: Leaf, b: Leaf) -> LeafDifference:
    if a.shape != b.shape or a.values is None or b.values is None:
        return LeafDifference(a.path, a.short, b.short, None, None, None)
    wide = np.complex128 if np.iscomplexobj(a.values) or np.iscomplexobj(b.values) else np.float64
    x, y = np.asarray(a.values, wide), np.asarray(b.values, wide)
    alike = (x == y) | (np.isnan(x) & np.isnan(y))
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.where(alike, 0.0, np.abs(x - y))
    gap = np.where(np.isnan(gap), np.inf, gap)
    moved, length = float(np.linalg.norm(gap)), float(np.linalg.norm(np.where(alike & ~np.isfinite(x), 0, x)))
    relative = 0.0 if moved == 0 else moved / length if 0 < length < np.inf else None
    largest = float(gap.max()) if gap.size else 0.0
    return LeafDifference(a.path, a.short, b.short, largest, relative, int((~alike).sum()))


def _changes(a: Node, b: Node, path: str = "") -> Iterator[Change]:
    """Classes, static attributes, shapes and submodules that differ, depth first; parameter counts follow from them."""
    for key in sorted(a.attributes.keys() | b.attributes.keys()):
        ours, theirs = (_said(node.attributes, key) for node in (a, b))
        if ours != theirs:
            yield Change(f"{path}.{key}".strip("."), ours, theirs)
    if (a.type, a.array, a.shared) != (b.type, b.array, b.shared):
        yield Change(path, _words(a), _words(b))
    first, second = ({child.name: child for child in node.children} for node in (a, b))
    for name in [*first, *(name for name in second if name not in first)]:
        below = f"{path}.{name}".strip(".")
        if name in first and name in second:
            yield from _changes(first[name], second[name], below)
        else:
            yield Change(below, *(_words(there[name]) if name in there else None for there in (first, second)))


def _said(attributes: Any, key: str) -> str | None:
    return str(attributes[key]) if key in attributes else None


def _words(node: Node) -> str:
    return " ".join(filter(None, (node.type, node.array, node.shared and f"(the same as {node.shared})")))
