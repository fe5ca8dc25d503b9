"""`--param NAME=RANGE` as W&B's settings of one parameter."""

from collections.abc import Mapping
from typing import Any

from econml_cli.errors import suggest
from econml_cli.models import representations
from econml_cli.options.fields import Option, as_text, coerce


def parse(text: str, options: Mapping[str, Option]) -> tuple[str, dict[str, Any]]:
    """One --param as (name, settings), with an explicit distribution and every value as its option's type.

    Forms: NAME=VALUE, NAME=V1,V2,..., NAME=MIN..MAX, NAME=log:MIN..MAX, NAME=[V1, V2] (YAML, for text with commas).
    A range of an integer option is one of integers.

    Raises:
        ValueError: a clause that says what is wrong.
    """
    name, equals, rest = text.partition("=")
    name, rest = name.strip().replace("-", "_"), rest.strip()
    if not equals or not name or not rest:
        raise ValueError("is not NAME=VALUE, NAME=V1,V2 or NAME=MIN..MAX")
    if name == "features" and representations.looks_like(rest):
        name = "phi"
    if name not in options:
        raise ValueError(f"there is no such option.{suggest(name, options)}")
    option = options[name]
    if option.element in (int, float) and ".." in rest:
        return name, _range(rest, option)
    values = [_value(option, value) for value in _split(rest, option)]
    if len(values) == 1:
        return name, {"distribution": "constant", "value": values[0]}
    return name, {"distribution": "categorical", "values": values}


def _value(option: Option, raw: Any) -> Any:
    # agents would hand over a tuple in Python's notation; as text it reads the same everywhere
    return as_text(coerce(option, raw))


def _split(text: str, option: Option) -> list[Any]:
    if text.startswith("["):
        from econml_cli.storage import limited_yaml

        try:
            listed = limited_yaml.load(text)
        except ValueError:
            raise ValueError("opens a list that YAML cannot read; write [A, B]") from None
        if not listed:
            raise ValueError("is an empty list")
        return list(listed)
    if option.lists_text:
        return [text]
    return [part.strip() for part in text.split(",")]


def _range(text: str, option: Option) -> dict[str, Any]:
    kind, colon, ends = text.rpartition(":")
    if colon and kind != "log":
        raise ValueError(f"has an unknown prefix '{kind}:'; log: is the one there is")
    low, _, high = ends.partition("..")
    try:
        # the bounds may be open (lr > 0), and whoever sweeps from 0 wants to know now
        lower, upper = (as_text(coerce(option, end.strip())) for end in (low, high))
    except ValueError as error:
        raise ValueError(f"is out of range: each end {error}") from None
    settings: dict[str, Any] = {"distribution": _distribution(option, bool(colon)), "min": lower, "max": upper}
    return settings | ({"q": 1} if settings["distribution"].startswith("q_") else {})


def _distribution(option: Option, log: bool) -> str:
    if option.element is int:
        return "q_log_uniform_values" if log else "int_uniform"
    return "log_uniform_values" if log else "uniform"
