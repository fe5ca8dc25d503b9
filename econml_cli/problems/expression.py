"""The f of `--expr "sin(2*pi*x)"`: arithmetic of inputs, read and checked, never run as Python.

`data.arithmetic` says what is admitted of any expression, and computes it; this file says which functions and names
there are. Length and constant exponents are bounded too, so that no text can hang or exhaust the machine.
"""

import ast
import functools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from econml_cli.data.arithmetic import Grammar, compute
from econml_cli.errors import ConfigError, suggest
from econml_cli.problems.lazily import np

#: function of one argument -> its name in NumPy and jax.numpy
FUNCTIONS = {
    "abs": "abs", "acos": "arccos", "asin": "arcsin", "atan": "arctan", "ceil": "ceil", "cos": "cos", "cosh": "cosh",
    "exp": "exp", "expm1": "expm1", "floor": "floor", "ln": "log", "log": "log", "log10": "log10", "log1p": "log1p",
    "log2": "log2", "sign": "sign", "sin": "sin", "sinh": "sinh", "sqrt": "sqrt", "tan": "tan", "tanh": "tanh",
}  # fmt: skip
#: functions of two or more arguments
FOLDED = {"max": "maximum", "min": "minimum"}
CONSTANTS = {"pi": math.pi, "e": math.e}

MAX_LENGTH = 1000
MAX_INPUTS = 1000
MAX_EXPONENT = 100

_FOREIGN = re.compile(r"[^A-Za-z0-9_.,+\-*/^() ]")
_INPUT = re.compile(r"x([1-9][0-9]{0,8})?")


@dataclass(frozen=True)
class Expression:
    """A checked expression: call it with x [n, inputs or more], a NumPy or JAX array, for its values [n].

    Attributes:
        text: as it was typed. tree: what was read. inputs: the largest index among x1, x2, ...; 1 where it is x alone.
        bare: whether it is of x, not of x1, x2, ...
    """

    text: str
    tree: ast.expr
    inputs: int
    bare: bool

    def __call__(self, x: Any) -> Any:
        xp = x.__array_namespace__()
        return xp.broadcast_to(_value(self.tree, x, xp), (x.shape[0],))


def parse(text: str) -> Expression:
    """Read one expression of x, or of x1, x2, ...

    Numbers, pi, e, + - * /, powers (** or ^), parentheses, and the functions above.

    Raises:
        ConfigError: it holds anything else; says at which character, what, and what there is instead.
    """
    text = " ".join(text.split())
    if len(text) > MAX_LENGTH:
        raise ConfigError(f"--expr has {len(text):,} characters; the longest one that is read has {MAX_LENGTH:,}.")
    if foreign := _FOREIGN.search(text):
        raise _at(text, foreign.start(), f"{foreign[0]!r} has no meaning here; {_ADMITTED}")
    try:
        tree = ast.parse(text.replace("^", "**"), mode="eval").body
    except SyntaxError as error:
        where = _place(text, (error.offset or 1) - 1)
        raise _at(text, where, "this is not arithmetic (is a * or a parenthesis missing?)") from None
    except (ValueError, RecursionError, MemoryError):
        raise _at(text, 0, "this is nested too deep") from None
    _GRAMMAR.check(text, tree)
    read = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and _INPUT.fullmatch(node.id)]
    names = {node.id for node in read}
    if not names:
        raise _at(text, 0, "there is no x in it; write a function of x, or of x1, x2, ...")
    if "x" in names and len(names) > 1:
        raise _at(text, _place(text, read[0].col_offset), "x is the one input, x1, x2, ... are several; use either")
    return Expression(text, tree, max(int(name[1:] or 1) for name in names), "x" in names)


_ADMITTED = (
    f"write numbers, x (or x1, x2, ...), pi, e, + - * / ^, parentheses and {', '.join(sorted([*FUNCTIONS, *FOLDED]))}."
)


def _at(text: str, start: int, why: str) -> ConfigError:
    shown = text if len(text) <= 60 else f"{text[:57]}..."
    return ConfigError(f"--expr '{shown}', character {start + 1}: {why}{'' if why.endswith(('.', '?')) else '.'}")


def _place(text: str, column: int) -> int:
    """The position in the text of a column of what Python's parser was given, where ^ was **."""
    at = 0
    for position, char in enumerate(text):
        if at >= column:
            return position
        at += 2 if char == "^" else 1
    return max(len(text) - 1, 0)


def _refused(text: str, node: ast.expr, why: str) -> ConfigError:
    return _at(text, _place(text, node.col_offset), why)


def _wrong_name(name: str) -> str | None:
    """What is wrong with a name that stands by itself; None where nothing is."""
    if name in CONSTANTS:
        return None
    if name in FUNCTIONS or name in FOLDED:
        return f"{name} is a function; write {name}(x)" if name in FUNCTIONS else f"write {name}(x, 0)"
    if not (found := _INPUT.fullmatch(name)):
        return f"'{name}' is not known; {_ADMITTED}{suggest(name, ['x', *CONSTANTS, *FUNCTIONS, *FOLDED])}"
    return f"'{name}' is beyond x{MAX_INPUTS}" if int(found[1] or 1) > MAX_INPUTS else None


def _wrong_call(call: ast.Call, depth: int) -> str | None:
    """What is wrong with a call's function or number of arguments; None where nothing is."""
    if not isinstance(call.func, ast.Name) or call.keywords:
        return _OTHER
    name, given = call.func.id, len(call.args)
    if name in FUNCTIONS:
        return None if given == 1 else f"{name} takes one argument, got {given}"
    if name in FOLDED:
        return None if given > 1 else f"{name} takes two or more arguments, got {given}; write {name}(x, 0)"
    if name in CONSTANTS or _INPUT.fullmatch(name):
        return f"{name} is not a function; write {name}*(...) for a product"
    return f"'{name}' is not known; {_ADMITTED}{suggest(name, [*FUNCTIONS, *FOLDED])}"


def _wrong_exponent(node: ast.expr) -> str | None:
    power = _constant(node)
    beyond = power is not None and not abs(power) <= MAX_EXPONENT
    return f"this exponent is beyond {MAX_EXPONENT} in absolute value" if beyond else None


def _constant(node: ast.expr) -> float | None:
    """The value of a checked expression without inputs; None where it has some."""
    if any(isinstance(part, ast.Name) and _INPUT.fullmatch(part.id) for part in ast.walk(node)):
        return None
    with np.errstate(all="ignore"):
        return float(_value(node, np.zeros((1, 1)), np))


def _value(node: ast.expr, x: Any, xp: Any) -> Any:
    """The value of a checked node at x [n, d], in x's dtype: [n], or a scalar where it has no input."""

    def number(value: float) -> Any:
        return xp.asarray(value, dtype=x.dtype)

    def name(name: str) -> Any:
        return number(CONSTANTS[name]) if name in CONSTANTS else x[:, int(name[1:] or 1) - 1]

    def call(name: str, node: ast.Call, of: Callable[[ast.expr], Any]) -> Any:
        values = [of(arg) for arg in node.args]
        return (
            functools.reduce(getattr(xp, FOLDED[name]), values)
            if name in FOLDED
            else getattr(xp, FUNCTIONS[name])(*values)
        )

    def exponent(node: ast.expr) -> Any:
        """A whole constant as a Python number, so that powers of a negative base are exact."""
        power = _constant(node)
        return power if power is None else int(power) if power == int(power) else number(power)

    return compute(node, number, name, call, exponent)


_OTHER = f"this is not arithmetic; {_ADMITTED}"
_GRAMMAR = Grammar(
    _refused, _wrong_name, _wrong_call, 60, 1e30, _OTHER,
    "this is nested more than 60 deep", "this number is beyond 1e+30", _wrong_exponent,
)  # fmt: skip
