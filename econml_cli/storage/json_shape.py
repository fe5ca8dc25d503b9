"""JSON that a stranger may have written: read with limits, and compared with what is expected before it is used."""

import fnmatch
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

#: how deep a document may be nested
MOST_DEEP = 100
#: digits of an integer: nothing of ours has more than a 64-bit number
MOST_DIGITS = 20


@dataclass(frozen=True)
class Kind:
    """What a value may be: `said` in words."""

    said: str
    holds: Callable[[Any], bool]


def _integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def at_least(low: int) -> Kind:
    """An integer from `low` on."""
    return Kind(f"an integer of at least {low}", lambda value: _integer(value) and value >= low)


def one_of(*words: str) -> Kind:
    """One of these texts."""
    return Kind(" or ".join(words), lambda value: isinstance(value, str) and value in words)


def optional(kind: Kind) -> Kind:
    """The kind, or null."""
    return Kind(f"{kind.said}, or null", lambda value: value is None or kind.holds(value))


def listed(kind: Kind) -> Kind:
    """A list of the kind."""
    return Kind(f"a list, each {kind.said}", lambda value: isinstance(value, list) and all(map(kind.holds, value)))


TEXT = Kind("text", lambda value: isinstance(value, str))
INTEGER = Kind("an integer", _integer)
NUMBER = Kind("a number", lambda value: isinstance(value, int | float) and not isinstance(value, bool))
SWITCH = Kind("true or false", lambda value: isinstance(value, bool))
OBJECT = Kind("an object", lambda value: isinstance(value, dict))
TEXTS = listed(TEXT)
HEX = Kind("a hexadecimal number", lambda value: isinstance(value, str) and _is_hex(value))

#: key -> what its value is; "key?" may be missing, "*_loss?" is every key that ends so. Any other key may be there, too
Shape = Mapping[str, "Kind | Shape | Each"]


@dataclass(frozen=True)
class Each:
    """A list (or with `keyed` an object) whose every value is of one kind or shape."""

    of: "Kind | Shape | Each"
    keyed: bool = False


def _is_hex(value: str) -> bool:
    try:
        return bytes.fromhex(value) is not None
    except ValueError:
        return False


def loads(data: bytes) -> Any:
    """A document, without what makes reading it costly.

    Raises:
        ValueError: it is no JSON, or nested or numbered beyond reason; says where.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    return json.loads(text, parse_int=_parse_int, parse_constant=_constant)


def _constant(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def _parse_int(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"an integer of {len(digits):,} digits")
    return int(digits)


def check(document: Any, shape: Shape) -> None:
    """Compare a document with what is expected.

    Raises:
        ValueError: names the key, and what was expected there.
    """
    _deep(document)
    _check(document, shape, "")


def _deep(value: Any, depth: int = 0) -> None:
    if depth > MOST_DEEP:
        raise ValueError(f"it is nested more than {MOST_DEEP} deep")
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _deep(inner, depth + 1)


def _check(value: Any, expected: Any, where: str) -> None:
    if isinstance(expected, Kind):
        if not expected.holds(value):
            raise ValueError(f"'{where}' is {_shown(value)}, expected {expected.said}")
        return
    if isinstance(expected, Each):
        kind = dict if expected.keyed else list
        if not isinstance(value, kind):
            raise ValueError(f"'{where}' is {_shown(value)}, expected {'an object' if expected.keyed else 'a list'}")
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            _check(inner, expected.of, f"{where}.{name}")
        return
    if not isinstance(value, dict):
        raise ValueError(f"'{where}' is {_shown(value)}, expected an object" if where else "it is no JSON object")
    for key, inner in expected.items():
        name = key.removesuffix("?")
        found = fnmatch.filter(value, name) if "*" in name else [name] if name in value else []
        for each in found:
            _check(value[each], inner, f"{where}.{each}".lstrip("."))
        if not found and not key.endswith("?"):
            raise ValueError(f"'{f'{where}.{name}'.lstrip('.')}' is missing")


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 40 else f"{text[:37]}..."
