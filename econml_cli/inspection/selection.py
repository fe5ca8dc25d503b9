"""`--path`: the part of a model whose paths match a pattern."""

import dataclasses
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from econml_cli.errors import ConfigError, suggest
from econml_cli.inspection.graph import Node


def matches(pattern: str | None, path: str) -> bool:
    """Whether a pattern selects a path: `linear2`, `linear2/*`, `*.kernel`; "/" and "." both separate, and what selects
    a module selects all that is in it. None selects everything."""
    if pattern is None:
        return True
    wanted, parts = _dotted(pattern), path.split(".")
    return any(fnmatchcase(".".join(parts[:i]), wanted) for i in range(1, len(parts) + 1))


def check(pattern: str | None, paths: Sequence[str]) -> None:
    """Refuse a pattern that selects none of the paths.

    Raises:
        ConfigError: names the nearest path, and what is at the top.
    """
    if any(matches(pattern, path) for path in paths):
        return
    if pattern is None or not paths:
        return
    tops = list(dict.fromkeys(path.partition(".")[0] for path in paths))
    first = _dotted(pattern).partition(".")[0]
    near = suggest(first, tops) or suggest(_dotted(pattern), paths)
    raise ConfigError(f"--path '{pattern}' selects nothing of this model.{near} At its top are {', '.join(tops)}.")


def rows(pattern: str | None, found: Iterable[Any]) -> tuple[Any, ...]:
    """The rows whose `path` a pattern selects."""
    return tuple(row for row in found if matches(pattern, row.path))


def layers(pattern: str | None, found: Iterable[Any], leaves: Iterable[Any]) -> tuple[Any, ...]:
    """The layers that a pattern selects, and those that hold an array (of `leaves`) that it selects."""
    holders = {leaf.path.rpartition(".")[0] for leaf in rows(pattern, leaves)}
    return tuple(row for row in found if matches(pattern, row.path) or row.path in holders)


def select(pattern: str | None, node: Node) -> Node:
    """The tree with only the arrays that a pattern selects, and the modules on the way to them."""
    return node if pattern is None else dataclasses.replace(node, children=tuple(_children(pattern, node, "")))


def _children(pattern: str, node: Node, above: str) -> Iterable[Node]:
    for child in node.children:
        path = f"{above}{child.name}"
        if matches(pattern, path):
            yield child
        elif below := tuple(_children(pattern, child, f"{path}.")):
            yield dataclasses.replace(child, children=below)


def _dotted(pattern: str) -> str:
    return pattern.replace("/", ".").strip(".")
