"""Arithmetic that somebody typed: checked against lists, then computed node by node, never run as Python.

It is saved in a config that others will run, so it must not be able to do anything else. Python's own parser makes a
tree; here stands which nodes are admitted and what each is worth. A formula (`data.expression`) and `--expr`
(`problems.expression`) say which names and calls they have. Nothing is handed to `eval`, and depth and numbers are
bounded, so that no text can hang or exhaust the machine.
"""

import ast
import functools
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from econml_cli.errors import ConfigError

OPERATORS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}  # fmt: skip
COMPARISONS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}  # fmt: skip


@dataclass(frozen=True)
class Grammar:
    """One language. Its rules answer what is wrong with a node, None where nothing is; `refused` words it for a text.

    Attributes:
        name, call, exponent: the rules for a name, a call at some depth (0: outermost), a checked exponent.
        foreign, deep, large: what is said of a node that is not on the lists, and of one beyond the two bounds.
    """

    refused: Callable[[str, ast.expr, str], ConfigError]
    name: Callable[[str], str | None]
    call: Callable[[ast.Call, int], str | None]
    max_depth: int
    max_number: float
    foreign: str
    deep: str
    large: str
    exponent: Callable[[ast.expr], str | None] = lambda node: None
    comparisons: bool = False

    def check(self, text: str, node: ast.expr, depth: int = 0) -> None:
        """Refuse whatever is not on the lists. Every branch either has something wrong or looks at all children.

        Raises:
            ConfigError: as `refused` words it.
        """
        wrong, inner = self.deep if depth > self.max_depth else None, list[ast.expr]()
        match node:
            case _ if wrong:
                pass
            case ast.Name(id=name):
                wrong = self.name(name)
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                wrong = self.large if abs(value) > self.max_number else None
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
                inner = [operand]
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                inner = [left, right]
            case ast.Compare(left=left, ops=[op], comparators=[right]) if self.comparisons and type(op) in COMPARISONS:
                inner = [left, right]
            case ast.Call(args=inner):
                wrong = self.call(node, depth)
            case _:
                wrong = self.foreign
        if wrong:
            raise self.refused(text, node, wrong)
        for child in inner:
            self.check(text, child, depth + 1)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and (wrong := self.exponent(node.right)):
            raise self.refused(text, node.right, wrong)


def compute(
    node: ast.expr,
    number: Callable[[float], Any],
    name: Callable[[str], Any],
    call: Callable[[str, ast.Call, Callable[[ast.expr], Any]], Any],
    exponent: Callable[[ast.expr], Any] = lambda node: None,
) -> Any:
    """The value of a checked node, given those of a constant, a name, a call (which is handed what computes its
    arguments), and of exponents that are to be other than their value (None: they are not)."""

    # no function that knows itself: what it reads, a table perhaps, would stay in memory until cycles are collected
    of = functools.partial(compute, number=number, name=name, call=call, exponent=exponent)
    match node:
        case ast.Constant(value=int() | float() as value):
            return number(value)
        case ast.Name(id=identifier):
            return name(identifier)
        case ast.UnaryOp(op=op, operand=operand):
            return -of(operand) if isinstance(op, ast.USub) else of(operand)
        case ast.BinOp(left=left, op=op, right=right):
            power = exponent(right) if isinstance(op, ast.Pow) else None
            return OPERATORS[type(op)](of(left), of(right) if power is None else power)
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            import numpy as np  # here, since the options of a problem, which are light, import this file

            a, b = of(left), of(right)
            return np.where(np.isnan(a) | np.isnan(b), np.nan, COMPARISONS[type(op)](a, b))
        case ast.Call(func=ast.Name(id=function)):
            return call(function, node, of)
    raise AssertionError(f"unchecked expression {ast.dump(node)}")
