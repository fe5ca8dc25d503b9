"""An option, declared once: a field of a frozen dataclass with its type, default, bounds and help line.

The same field becomes a flag (`options.py`), a key of a YAML config, an `ECONML_*` environment variable and a sweep
parameter, and all four are read by `coerce`.
"""

import dataclasses
import functools
import math
import operator
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from econml_cli.options import own_code, plugins, synonyms

_COMPARE = {">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt}
_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


def option(
    default: Any,
    help: str,
    *,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    metavar: str | None = None,
    traced: bool = False,
    table: tuple[str, ...] = (),
    group: str | None = None,
    required: bool = False,
    repeated: bool = False,
    hidden: bool = False,
    short: str | None = None,
) -> Any:
    """Declare one option: a dataclass field with its help line and its bounds (>=, >, <=, <). A field `with_` is the
    option `with`.

    `traced`: a number that the compiled training takes as an argument, or that only the data depend on, so that fits
    which differ in nothing else share one program. `table`, `group`: the value is a name of this table, of what
    packages offer as entry points of this group, or FILE.py:NAME in a file of the user's. `required`: there is no
    default. `repeated`: texts, of which a command line gives one at a time. `hidden`: not in the help. `short`: another
    spelling, such as -n.
    """
    bounds = {">=": ge, ">": gt, "<=": le, "<": lt}
    kept = {k: v for k, v in bounds.items() if v is not None}
    metadata = {"help": help, "bounds": kept, "metavar": metavar, "traced": traced, "table": table, "group": group}
    more = {"required": required, "repeated": repeated, "hidden": hidden, "short": short}
    return dataclasses.field(default=default, metadata={**metadata, **more})


@dataclass(frozen=True)
class Option:
    """One declared option, read off a dataclass: what a flag, a YAML key and a sweep parameter need to know."""

    name: str
    type: Any
    default: Any
    help: str
    bounds: Mapping[str, float]
    metavar: str
    traced: bool = False
    table: tuple[str, ...] = ()
    group: str | None = None
    required: bool = False
    repeated: bool = False
    hidden: bool = False
    short: str | None = None
    attribute: str = ""

    @property
    def flag(self) -> str:
        """The option as typed: `num_epochs` -> `--num-epochs`."""
        return "--" + self.name.replace("_", "-")

    @property
    def choices(self) -> tuple[str, ...]:
        """The admissible words of a Literal option, or the names of its table, else ()."""
        return typing.get_args(self.type) if typing.get_origin(self.type) is Literal else self.table

    @property
    def is_bool(self) -> bool:
        return self.type is bool

    @property
    def element(self) -> Any:
        """The type of one value: int for `tuple[int, ...]`, else the option's own type."""
        return typing.get_args(self.type)[0] if typing.get_origin(self.type) is tuple else self.type

    @property
    def lists_text(self) -> bool:
        """Whether the value is a list of words, in which a comma does not separate alternatives."""
        return self.element is not self.type and self.element is str


def _unwrap(annotation: Any) -> Any:
    """`X | None` -> X; anything else as it is."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return next(a for a in typing.get_args(annotation) if a is not type(None))
    return annotation


def _metavar(kind: Any, given: str | None) -> str:
    if given:
        return given
    if typing.get_origin(kind) is Literal:
        return "NAME"
    if typing.get_origin(kind) is tuple:
        return "A,B,..." if typing.get_args(kind)[0] is str else "N,..."
    return {int: "INT", float: "FLOAT", str: "TEXT", bool: "BOOL"}[kind]


def options_of(cls: type) -> tuple[Option, ...]:
    """The options that a config dataclass declares, in order."""
    return _declared(cls)


@functools.cache  # to evaluate the annotations takes long, and one command asks for them dozens of times
def _declared(cls: type) -> tuple[Option, ...]:
    hints = typing.get_type_hints(cls)
    found = []
    for field in dataclasses.fields(cls):
        kind, meta = _unwrap(hints[field.name]), field.metadata
        shown = {**meta, "metavar": _metavar(kind, meta["metavar"])}
        found.append(Option(field.name.removesuffix("_"), kind, field.default, attribute=field.name, **shown))
    return tuple(found)


def values_of(options: Any, cls: type) -> dict[str, Any]:
    """The values that an options object has of the options that `cls`, a dataclass it inherits from, declares."""
    return {field.name: getattr(options, field.name) for field in dataclasses.fields(cls)}


def coerce(opt: Option, raw: Any) -> Any:
    """Read one value as the option's type, from a flag, YAML, JSON or the environment.

    `"1e-4"` (which PyYAML leaves a string) is a number and `2.0` an int where the option is one.

    Raises:
        ValueError: with a clause such as "must be > 0, got -1" when the type or a bound does not fit.
    """
    none = isinstance(raw, str) and raw.lower() in {"none", "null"} and raw not in opt.choices
    if raw is None or (none and (opt.type is not str or opt.table)):
        if opt.default is None:
            return None
        raise ValueError(f"must be {_describe(opt)}, got {raw!r}")
    if opt.choices:
        return _read_choice(opt, raw)
    if typing.get_origin(opt.type) is tuple:
        return _read_list(opt, raw)
    if opt.type is bool:
        return _read_bool(raw)
    if opt.type is str:
        return str(raw)
    return _read_number(opt, raw)


def written(value: Any) -> Any:
    """A value as YAML and JSON write it: a tuple is a list, a tuple of one number is that number."""
    if not isinstance(value, tuple):
        return value
    return value[0] if len(value) == 1 and not isinstance(value[0], str) else list(value)


def as_text(value: Any) -> Any:
    """A value as one word of a command line where it is a list: (128, 64) -> "128,64"; other values as `written`."""
    plain = written(value)
    return ",".join(map(str, plain)) if isinstance(plain, list) else plain


def _read_list(opt: Option, raw: Any) -> tuple[Any, ...]:
    separated = isinstance(raw, str) and not opt.repeated
    parts = raw.split(",") if separated else raw if isinstance(raw, list | tuple) else [raw]
    words = [part for part in parts if str(part).strip()]
    if opt.element is str:
        return tuple(str(word).strip() for word in words)
    if not words:
        raise ValueError(f"must be {_describe(opt)}, or several with commas between, got {raw!r}")
    return tuple(_read_number(opt, word.strip() if isinstance(word, str) else word) for word in words)


def _describe(opt: Option) -> str:
    kind = {int: "an integer", float: "a number", bool: "true or false"}.get(opt.element, "text")
    limits = " and ".join(f"{k} {v:g}" if abs(v) < 1e5 else f"{k} {v}" for k, v in opt.bounds.items())
    return f"{kind} {limits}".strip()


def _read_choice(opt: Option, raw: Any) -> str:
    known = list(opt.choices)
    word = synonyms.named(str(raw), known)
    if word in known:
        return word
    if opt.group is not None:
        known += plugins.offered(opt.group)
        if word in known or own_code.parse(word) is not None:
            return word
    or_own = "" if opt.group is None else ", or ./FILE.py:NAME of your own"
    raise ValueError(
        f"must be one of {', '.join(known)}{or_own}, got '{word}'.{synonyms.choice(word, known)}".rstrip(".")
    )


def _read_bool(raw: Any) -> bool:
    word = str(raw).lower()
    if word not in _TRUE | _FALSE:
        raise ValueError(f"must be true or false, got {raw!r}")
    return word in _TRUE


def _read_number(opt: Option, raw: Any) -> int | float:
    wrong = ValueError(f"must be {_describe(opt)}, got {raw!r}")
    if isinstance(raw, bool):
        raise wrong
    try:
        value = (
            int(raw) if isinstance(raw, int) or (isinstance(raw, str) and raw.lstrip("+-").isdigit()) else float(raw)
        )
    except (TypeError, ValueError, OverflowError):
        raise wrong from None
    if not math.isfinite(value):
        raise wrong
    if opt.element is int:
        if value != int(value):
            raise wrong
        value = int(value)
    if not all(_COMPARE[sign](value, bound) for sign, bound in opt.bounds.items()):
        raise wrong
    number: int | float = opt.element(value)
    return number
