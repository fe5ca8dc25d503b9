"""YAML that a stranger may have written, as plain data: text, numbers, switches, lists and mappings, within limits.

PyYAML's safe loader runs nothing, but a file of a few lines can stand for billions of values (aliases of aliases), and
its constructors raise ValueError, OverflowError and others at values that are none of their type.
"""

from collections.abc import Set
from pathlib import Path
from typing import Any

import yaml

from econml_cli.storage import disk

#: bytes of a file, values that it stands for once its aliases are followed, their depth, digits of a number
MOST_BYTES, MOST_VALUES, MOST_DEEP, MOST_DIGITS = 1_000_000, 100_000, 50, 400
_PLAIN = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map", "merge")}


class Loader(yaml.SafeLoader):
    """A SafeLoader that refuses, with the line, what is too deep, too long, or of another type than its tag says."""

    def __init__(self, stream: str):
        super().__init__(stream)
        self._deep = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """As PyYAML's, to a depth."""
        self._deep += 1
        if self._deep > MOST_DEEP:
            mark = self.peek_event().start_mark
            raise yaml.composer.ComposerError(None, None, f"it is nested more than {MOST_DEEP} deep", mark)
        node = super().compose_node(parent, index)
        self._deep -= 1
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """As PyYAML's; whatever is wrong with a value is said with its line.

        Raises:
            yaml.constructor.ConstructorError: what is wrong.
        """
        if node.tag == "tag:yaml.org,2002:timestamp":
            raise _wrong(node, f"{node.value} is a date; write it in quotes if it is meant as text")
        if node.tag not in _PLAIN:
            raise _wrong(node, f"{node.tag} is no type that is read here")
        text = node.value if isinstance(node, yaml.ScalarNode) else ""
        if "\0" in text:
            raise _wrong(node, "it holds a character of code 0")
        if len(text) > MOST_DIGITS and node.tag.endswith((":int", ":float")):
            raise _wrong(node, f"a number of {len(text):,} characters")
        try:
            return super().construct_object(node, deep)
        except (ValueError, TypeError, OverflowError, KeyError, AttributeError, IndexError):
            raise _wrong(node, f"{text[:40]!r} is no {node.tag.rpartition(':')[2]}") from None


def _wrong(node: yaml.Node, said: str) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, said, node.start_mark)


def compose(loader: Loader) -> Any:
    """The one document of a loader as nodes; None where it is empty.

    Raises:
        yaml.YAMLError: it is not YAML, or more than the limits; with its mark.
    """
    node = loader.get_single_node()
    if node is not None:
        _weight(node, {}, set())
    return node


def _refuse_twice(node: Any) -> None:
    """Refuse a key that stands twice in one mapping: of PyYAML's values the last would win."""
    if isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_twice(value)
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            name = str(key.value).replace("-", "_")
            if name in lines:
                raise _wrong(key, f"'{key.value}' stands twice, first at line {lines[name]}; leave one of them out")
            lines[name] = key.start_mark.line + 1
            _refuse_twice(value)


def _as_text(node: yaml.Node, alone: bool = True) -> None:
    """Make a scalar, or what is in a list or a mapping (its keys, too), the text that it was written as; null by itself
    stays nothing."""
    if isinstance(node, yaml.SequenceNode):
        for part in node.value:
            _as_text(part, alone=False)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            _as_text(key, alone=False)
            _as_text(value)
    elif isinstance(node, yaml.ScalarNode) and not (alone and node.tag.endswith(":null")):
        node.tag = "tag:yaml.org,2002:str"


def _weight(node: yaml.Node, known: dict[int, int], open_: set[int]) -> int:
    """How many values a node stands for."""
    if id(node) in open_:
        raise yaml.composer.ComposerError(None, None, "it contains itself", node.start_mark)
    if id(node) not in known:
        open_.add(id(node))
        children = node.value if isinstance(node, yaml.CollectionNode) else ()
        inner = [part for child in children for part in (child if isinstance(child, tuple) else (child,))]
        known[id(node)] = 1 + sum(_weight(part, known, open_) for part in inner)
        open_.remove(id(node))
    if known[id(node)] > MOST_VALUES:
        said = f"it stands for more than {MOST_VALUES:,} values (aliases that repeat each other?)"
        raise yaml.composer.ComposerError(None, None, said, node.start_mark)
    return known[id(node)]


def told(error: yaml.YAMLError, root: Any = None) -> tuple[int | None, str]:
    """(the line, or None; what is wrong there, and under which key) of an error.

    Args:
        root: the nodes of the document, where they could be composed.
    """
    mark = getattr(error, "problem_mark", None)
    reason = " ".join((getattr(error, "problem", None) or str(error)).split())
    keys = _keys_of(root, mark.index) if root is not None and mark is not None else None
    return mark and mark.line + 1, f"{'.'.join(keys)}: {reason}" if keys else reason


def _keys_of(node: yaml.Node, index: int) -> list[str] | None:
    """The keys that lead to the value which begins at a character of the file."""
    if node.start_mark.index == index and not isinstance(node, yaml.CollectionNode):
        return []
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if (found := _keys_of(value, index)) is not None:
                return [str(key.value)[:40], *found]
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            if (found := _keys_of(value, index)) is not None:
                return [str(i), *found]
    return None


def read_text(path: Path) -> str:
    """The text of a YAML file.

    Raises:
        OSError, ValueError: it cannot be read, or is no text of a reasonable size.
    """
    return disk.read_bytes(path, MOST_BYTES).decode("utf-8-sig")


class RefusedError(ValueError):
    """What is wrong with a document: `line` (or None), and the message."""

    def __init__(self, line: int | None, said: str):
        super().__init__(said)
        self.line = line


def load(text: str, verbatim: Set[str] = frozenset(), *, unique: bool = False) -> Any:
    """The data of a document.

    Args:
        verbatim: keys of the document whose values are text, as it was written: `no`, `010` and `1:30` are words there.
        unique: whether a key that stands twice in a mapping is refused.

    Raises:
        RefusedError: it is not YAML, or not within the limits; with its line.
    """
    node = None
    try:
        loader = Loader(text)
        node = compose(loader)
        if unique:
            _refuse_twice(node)
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if str(key.value).replace("-", "_") in verbatim:
                    _as_text(value)
        return None if node is None else loader.construct_document(node)
    except yaml.YAMLError as error:
        raise RefusedError(*told(error, node)) from None
