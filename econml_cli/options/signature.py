"""The constructor of a class as declared options: its annotated arguments become flags, config keys and sweep keys."""

import dataclasses
import functools
import inspect
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from econml_cli.errors import ConfigError
from econml_cli.options.fields import Option, coerce, option

_PLAIN = (int, float, str, bool)


@functools.cache
def options_from(cls: type, given: tuple[str, ...]) -> type:
    """A frozen dataclass of options with the annotated arguments of `cls`'s constructor.

    `given` are the names of arguments that are no options. `Annotated[int, "help line"]` gives an argument its help.
    Arguments may be int, float, str, bool, Literal["a", "b"], tuple[int, ...], tuple[float, ...], tuple[str, ...], or
    one of these or None; those without an annotation keep their defaults and are no options.

    Raises:
        ConfigError: an argument has no default, or an annotation that no flag can have.
    """
    hints = _hints(cls)
    fields: list[tuple[str, Any, Any]] = []
    for parameter in _arguments(cls, given):
        where = f"Argument '{parameter.name}' of {cls.__name__}"
        if parameter.default is parameter.empty:
            raise ConfigError(
                f"{where} has no default; give it one, such as `{parameter.name}: int = 64` (what comes without: "
                f"{', '.join(given)})."
            )
        if parameter.annotation is parameter.empty:
            continue
        kind, text = _unpack(hints[parameter.name])
        if not _can_be_typed(kind):
            raise ConfigError(
                f"{where} is annotated {parameter.annotation}, which no flag can be; use int, float, str, bool, "
                "Literal[...] or tuple[int, ...], or leave the annotation out."
            )
        try:  # `rate: float = 1` is 1.0, as a config.yaml would give it back
            default = coerce(Option(parameter.name, kind, parameter.default, "", {}, ""), parameter.default)
        except ValueError as error:
            raise ConfigError(f"{where} has a default that it would not take: it {error}.") from None
        fields.append((parameter.name, hints[parameter.name], option(default, text or f"argument of {cls.__name__}")))
    return dataclasses.make_dataclass(f"{cls.__name__}Options", fields, frozen=True)


def accepted(cls: type) -> frozenset[str]:
    """The names of the arguments of `cls`'s constructor."""
    return frozenset(p.name for p in _parameters(cls))


def recipe_of(cls: type) -> Mapping[str, Any]:
    """The recipe that a class has: defaults of other options that suit it.

    Raises:
        ConfigError: it is no dict.
    """
    recipe = getattr(cls, "recipe", {})
    if not isinstance(recipe, Mapping):
        raise ConfigError(f"{cls.__name__}.recipe must be a dict such as {{'lr': 1e-2}}, got {recipe!r}.")
    return dict(recipe)


def help_line(cls: type) -> str:
    """The first line of a class's docstring, without its full stop."""
    lines = (inspect.getdoc(cls) or "").strip().splitlines()
    # a dataclass without a docstring gets its signature for one
    own = lines and cls.__doc__ and not lines[0].startswith(f"{cls.__name__}(")
    return lines[0].rstrip(".") if own else cls.__name__


def _constructor(cls: type) -> Any:
    return cls.__init__  # type: ignore[misc]


def _parameters(cls: type) -> list[inspect.Parameter]:
    """Those of the constructor but `self`; of the class itself a metaclass (that of nnx.Module) would hide them."""
    return list(inspect.signature(_constructor(cls)).parameters.values())[1:]


def _hints(cls: type) -> dict[str, Any]:
    try:
        return typing.get_type_hints(_constructor(cls), include_extras=True)
    except (NameError, TypeError) as error:
        raise ConfigError(f"The annotations of {cls.__name__}'s constructor cannot be read: {error}.") from error


def _arguments(cls: type, given: Sequence[str]) -> list[inspect.Parameter]:
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [p for p in _parameters(cls) if p.kind in named and p.name not in given]


def _unpack(hint: Any) -> tuple[Any, str | None]:
    """(the type, the help line) of an annotation."""
    if typing.get_origin(hint) is typing.Annotated:
        hint, *notes = typing.get_args(hint)
        text = next((note for note in notes if isinstance(note, str)), None)
        return _unpack(hint)[0], text
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        inner = [arm for arm in typing.get_args(hint) if arm is not type(None)]
        return _unpack(inner[0]) if len(inner) == 1 else (hint, None)
    return hint, None


def _can_be_typed(kind: Any) -> bool:
    if typing.get_origin(kind) is tuple:
        args = typing.get_args(kind)
        return len(args) == 2 and args[1] is Ellipsis and args[0] in (int, float, str)
    if typing.get_origin(kind) is Literal:
        return all(isinstance(word, str) for word in typing.get_args(kind))
    return kind in _PLAIN
