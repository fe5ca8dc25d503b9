"""A YAML file as plain data that knows its lines, and what is found wrong with it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from econml_cli.errors import ConfigError
from econml_cli.storage import limited_yaml

Keys = tuple[str | int, ...]
#: what YAML 1.2 reads as a number and PyYAML (W&B too) as text: 1e-4, 2.5e3
_BARE_FLOAT = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+")


def _line(found: tuple[int, str]) -> int:
    return found[0]


@dataclass
class Findings:
    """Problems and notes, gathered before anything is said, so that all of them can be.

    Attributes:
        where: the keys of a value -> its line, and the words that say where it is.
    """

    where: Callable[[Keys], tuple[int, str]]
    problems: list[tuple[int, str]] = field(default_factory=list)
    notes: list[tuple[int, str]] = field(default_factory=list)

    def problem(self, keys: Keys, text: str) -> None:
        line, place = self.where(keys)
        self.problems.append((line, place + text))

    def note(self, keys: Keys, text: str) -> None:
        line, place = self.where(keys)
        self.notes.append((line, place + text))

    def said(self) -> tuple[str, ...]:
        """The notes, by line."""
        return tuple(text for _, text in sorted(self.notes, key=_line))

    def refuse(self, what: str) -> None:
        """Raise one ConfigError with a line for each problem, if there are any."""
        lines = list(dict.fromkeys(text for _, text in sorted(self.problems, key=_line)))
        if len(lines) == 1:
            raise ConfigError(lines[0])
        if lines:
            raise ConfigError("\n".join([f"{what} has {len(lines)} problems.", *lines]))


@dataclass(frozen=True)
class Document:
    """A YAML file: plain data, and the line of every value."""

    path: Path
    data: Any
    lines: Mapping[Keys, int]

    def where(self, keys: Keys) -> tuple[int, str]:
        """The line of a value, or of the nearest thing around it; and "FILE:LINE: "."""
        while keys not in self.lines:
            keys = keys[:-1]
        return self.lines[keys], f"{self.path}:{self.lines[keys]}: "


class _Loader(limited_yaml.Loader):
    """A SafeLoader that reads `1e-4` as a number and remembers keys that are given twice."""

    def __init__(self, stream: str):
        super().__init__(stream)
        self.twice: list[tuple[int, str]] = []
        self.bare: list[tuple[int, str]] = []
        self._seen: set[int] = set()

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """As PyYAML, after a look at the keys: the later of two would silently win."""
        if id(node) not in self._seen:
            self._seen.add(id(node))
            first: dict[str, int] = {}
            for key, _ in node.value:
                line = key.start_mark.line + 1
                name = str(key.value)
                if name in first:
                    self.twice.append((line, f"'{name}' is given twice (first in line {first[name]})"))
                first.setdefault(name, line)
        super().flatten_mapping(node)

    def construct_yaml_str(self, node: yaml.ScalarNode) -> Any:
        """Text; a number where the text is bare and YAML 1.2 would read one."""
        text = super().construct_yaml_str(node)
        if node.style is None and _BARE_FLOAT.fullmatch(text):
            self.bare.append((node.start_mark.line + 1, text))
            return float(text)
        return text


_Loader.add_constructor("tag:yaml.org,2002:str", _Loader.construct_yaml_str)


def read(path: Path) -> str:
    """The text of a file.

    Raises:
        ConfigError: there is no such file, or it is not text.
    """
    try:
        return limited_yaml.read_text(path)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; `econml sweep create` writes one.") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.") from None


def parse(text: str, path: Path) -> tuple[Document, Findings]:
    """Read YAML; keys that are given twice are problems already.

    Raises:
        ConfigError: not YAML (with the line), or nested or multiplied beyond reason.
    """
    node = None
    try:
        loader = _Loader(text)
        node = limited_yaml.compose(loader)
        data = None if node is None else loader.construct_document(node)
        lines: dict[Keys, int] = {(): 1}
        if node is not None:
            _note_lines(node, (), lines)
    except yaml.YAMLError as error:
        line, reason = limited_yaml.told(error, node)
        where = f"{path}:{line}" if line else str(path)
        raise ConfigError(f"{where}: not valid YAML: {reason}.") from None
    document = Document(path, data, lines)
    findings = Findings(document.where)
    findings.problems += [(line, f"{path}:{line}: {text}.") for line, text in loader.twice]
    findings.notes += [
        (line, f"{path}:{line}: W&B reads {text} as text; write {_dotted(text)} for a number everywhere.")
        for line, text in loader.bare
    ]
    return document, findings


def _dotted(text: str) -> str:
    """1e-4 as PyYAML needs it to be a float: 1.0e-4."""
    mantissa, _, exponent = text.lower().partition("e")
    mantissa += "" if "." in mantissa else ".0"
    return f"{mantissa}e{exponent if exponent[0] in '+-' else '+' + exponent}"


def _note_lines(node: yaml.Node, keys: Keys, lines: dict[Keys, int]) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*keys, str(key.value))
            lines[inner] = key.start_mark.line + 1
            _note_lines(value, inner, lines)
    elif isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            lines[*keys, i] = item.start_mark.line + 1
            _note_lines(item, (*keys, i), lines)
