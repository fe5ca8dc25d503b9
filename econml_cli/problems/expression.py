"""The f of `--expr "sin(2*pi*x)"`: arithmetic of inputs, read and checked, never run as Python.

An expression is saved in a config that others will run, so it can do nothing but arithmetic: Python's own parser makes
a tree of it, what is not on the lists below is refused, and what is left is computed node by node. Its length, depth
and constant exponents are bounded, so that no text can hang or exhaust the machine.
"""

import ast
import math
import operator
import re
from dataclasses import dataclass
from typing import Any

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
OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}

MAX_LENGTH = 1000
MAX_DEPTH = 60
MAX_INPUTS = 1000
MAX_EXPONENT = 100
MAX_NUMBER = 1e30

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
        raise _refused(text, foreign.start(), f"{foreign[0]!r} has no meaning here; {_ADMITTED}")
    try:
        tree = ast.parse(text.replace("^", "**"), mode="eval").body
    except SyntaxError as error:
        where = _place(text, (error.offset or 1) - 1)
        raise _refused(text, where, "this is not arithmetic (is a * or a parenthesis missing?)") from None
    except (ValueError, RecursionError, MemoryError):
        raise _refused(text, 0, "this is nested too deep") from None
    _check(tree, text, 0)
    read = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and _INPUT.fullmatch(node.id)]
    names = {node.id for node in read}
    if not names:
        raise _refused(text, 0, "there is no x in it; write a function of x, or of x1, x2, ...")
    if "x" in names and len(names) > 1:
        raise _refused(
            text, _place(text, read[0].col_offset), "x is the one input, x1, x2, ... are several; use either"
        )
    return Expression(text, tree, max(int(name[1:] or 1) for name in names), "x" in names)


_ADMITTED = (
    f"write numbers, x (or x1, x2, ...), pi, e, + - * / ^, parentheses and {', '.join(sorted([*FUNCTIONS, *FOLDED]))}."
)


def _refused(text: str, start: int, why: str) -> ConfigError:
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


def _check(node: ast.expr, text: str, depth: int) -> None:
    """Refuse whatever is not on the lists. Every branch either raises or looks at all children."""
    start = _place(text, node.col_offset)
    if depth > MAX_DEPTH:
        raise _refused(text, start, f"this is nested more than {MAX_DEPTH} deep")
    inner: list[ast.expr] = []
    match node:
        case ast.Name(id=name):
            _check_name(name, text, start)
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            if abs(value) > MAX_NUMBER:
                raise _refused(text, start, f"this number is beyond {MAX_NUMBER:g}")
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            inner = [operand]
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            inner = [left, right]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            inner = [left, right]
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            _check_call(name, len(args), text, start)
            inner = args
        case _:
            raise _refused(text, start, f"this is not arithmetic; {_ADMITTED}")
    for child in inner:
        _check(child, text, depth + 1)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        power = _constant(node.right)
        if power is not None and not abs(power) <= MAX_EXPONENT:
            where = _place(text, node.right.col_offset)
            raise _refused(text, where, f"this exponent is beyond {MAX_EXPONENT} in absolute value")


def _check_name(name: str, text: str, start: int) -> None:
    if name in CONSTANTS:
        return
    if name in FUNCTIONS or name in FOLDED:
        raise _refused(
            text, start, f"{name} is a function; write {name}(x)" if name in FUNCTIONS else f"write {name}(x, 0)"
        )
    if not (found := _INPUT.fullmatch(name)):
        raise _refused(
            text, start, f"'{name}' is not known; {_ADMITTED}{suggest(name, ['x', *CONSTANTS, *FUNCTIONS, *FOLDED])}"
        )
    if int(found[1] or 1) > MAX_INPUTS:
        raise _refused(text, start, f"'{name}' is beyond x{MAX_INPUTS}")


def _check_call(name: str, given: int, text: str, start: int) -> None:
    if name in FUNCTIONS and given != 1:
        raise _refused(text, start, f"{name} takes one argument, got {given}")
    if name in FOLDED and given < 2:
        raise _refused(text, start, f"{name} takes two or more arguments, got {given}; write {name}(x, 0)")
    if name in CONSTANTS or _INPUT.fullmatch(name):
        raise _refused(text, start, f"{name} is not a function; write {name}*(...) for a product")
    if name not in FUNCTIONS and name not in FOLDED:
        raise _refused(text, start, f"'{name}' is not known; {_ADMITTED}{suggest(name, [*FUNCTIONS, *FOLDED])}")


def _constant(node: ast.expr) -> float | None:
    """The value of a checked expression without inputs; None where it has some."""
    if any(isinstance(part, ast.Name) and _INPUT.fullmatch(part.id) for part in ast.walk(node)):
        return None
    with np.errstate(all="ignore"):
        return float(_value(node, np.zeros((1, 1)), np))


def _value(node: ast.expr, x: Any, xp: Any) -> Any:
    """The value of a checked node at x [n, d], in x's dtype: [n], or a scalar where it has no input."""
    match node:
        case ast.Constant(value=value):
            return xp.asarray(value, dtype=x.dtype)
        case ast.Name(id=name):
            return xp.asarray(CONSTANTS[name], dtype=x.dtype) if name in CONSTANTS else x[:, int(name[1:] or 1) - 1]
        case ast.UnaryOp(op=op, operand=operand):
            value = _value(operand, x, xp)
            return -value if isinstance(op, ast.USub) else value
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _value(left, x, xp) ** _exponent(right, x, xp)
        case ast.BinOp(left=left, op=op, right=right):
            return OPERATORS[type(op)](_value(left, x, xp), _value(right, x, xp))
        case ast.Call(func=ast.Name(id=name), args=args):
            values = [_value(arg, x, xp) for arg in args]
            if name in FUNCTIONS:
                return getattr(xp, FUNCTIONS[name])(values[0])
            folded = values[0]
            for value in values[1:]:
                folded = getattr(xp, FOLDED[name])(folded, value)
            return folded
    raise AssertionError("parse admits no other node")


def _exponent(node: ast.expr, x: Any, xp: Any) -> Any:
    """The value of an exponent; a whole constant as a Python number, so that powers of a negative base are exact."""
    power = _constant(node)
    if power is None:
        return _value(node, x, xp)
    return int(power) if power == int(power) else xp.asarray(power, dtype=x.dtype)
