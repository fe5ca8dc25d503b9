"""The expressions that stand in a formula: log(wage), I(exper**2), poly(age, 3). Read and checked, never run as Python.

`arithmetic` says what is admitted of any expression, this file which functions a formula has; `transforms.evaluate`
computes them. No name but that of a column or a listed function means anything.
"""

import ast
import copy
import keyword
import re
from collections.abc import Iterator

from econml_cli.data.arithmetic import Grammar
from econml_cli.errors import ConfigError, suggest

#: functions of one column, value by value
ELEMENTWISE = ("abs", "cos", "exp", "expm1", "I", "log", "log10", "log1p", "log2", "sin", "sqrt", "square", "tanh")
#: functions with whole-number options: {name: {option: (smallest, largest, default; None: it must be given)}}
WITH_OPTIONS: dict[str, dict[str, tuple[int, int, int | None]]] = {
    "lag": {"k": (-10_000, 10_000, 1)},
    "lead": {"k": (-10_000, 10_000, 1)},
    "diff": {"k": (-10_000, 10_000, 1)},
    "poly": {"degree": (1, 20, 1)},
    "bs": {"df": (1, 100, None), "degree": (0, 10, 3)},
}
#: functions of one column that learn from the training rows
STANDARDISING = ("center", "scale", "standardize")
#: functions of a column of dates
OF_DATES = ("year", "quarter", "month", "day", "weekday", "trend")
#: functions of the order of the rows
SHIFTING = ("lag", "lead", "diff")
#: functions that must be the whole expression: they make labels, or several columns
OUTERMOST = ("C", "bs", "poly")
FUNCTIONS = (*ELEMENTWISE, *WITH_OPTIONS, *STANDARDISING, *OF_DATES, "C")

Node = ast.expr


def parse(text: str) -> Node:
    """Read one expression; columns with odd names stand in backquotes. Names keep the column's own spelling.

    Raises:
        ConfigError: not an expression, or it holds anything but columns, numbers, arithmetic and listed functions.
    """
    quoted: list[str] = []
    mark = "q_"
    while mark in text:
        mark += "_"

    def hide(match: re.Match[str]) -> str:
        quoted.append(match[1])
        return f" {mark}{len(quoted) - 1} "

    try:
        tree = ast.parse(re.sub(r"`([^`]*)`", hide, text).strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise _refused(text, None, "is not an expression (put odd column names in backquotes)") from None
    tree = _with_base(tree)
    _GRAMMAR.check(text, tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id.startswith(mark):
            node.id = quoted[int(node.id.removeprefix(mark))]
    if not columns(tree):
        raise _refused(text, tree, "holds no column")
    return tree


def columns(node: Node) -> list[str]:
    """The columns that a checked expression reads, each once."""
    return list(dict.fromkeys(_names(node)))


def uses(node: Node, function: str) -> bool:
    """Whether a checked expression calls a function."""
    return any(
        isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == function for n in ast.walk(node)
    )


def shifts(node: Node) -> bool:
    """Whether a checked expression reads other rows than its own."""
    return any(uses(node, function) for function in SHIFTING)


def base(node: Node) -> str | None:
    """The reference level that C(x, base="b") names; None: the first."""
    if isinstance(node, ast.Call) and called(node) == "C" and node.keywords:
        return str(getattr(node.keywords[0].value, "value", ""))
    return None


def _with_base(node: ast.expr) -> ast.expr:
    """C(x, Treatment("b")) and C(x, base=b) as C(x, base="b")."""
    match node:
        case ast.Call(
            func=ast.Name(id="C"), args=[column, ast.Call(func=ast.Name(id="Treatment")) as treatment], keywords=[]
        ):
            values = [*treatment.args, *(given.value for given in treatment.keywords)]
        case ast.Call(func=ast.Name(id="C"), args=[column], keywords=[ast.keyword(arg="base", value=value)]):
            values = [value]
        case _:
            return node
    if len(values) != 1:
        return node
    level = ast.Constant(values[0].id) if isinstance(values[0], ast.Name) else values[0]
    return ast.Call(node.func, [column], [ast.keyword("base", level)])


def called(node: Node) -> str | None:
    """The function that a checked expression is a call of; None where it is no call."""
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else None


def is_column(node: Node) -> bool:
    """Whether a checked expression is a column as it stands."""
    return isinstance(node, ast.Name)


def arguments(call: ast.Call) -> dict[str, int | None]:
    """The options of a checked call by name, with defaults filled in."""
    admitted = WITH_OPTIONS.get(called(call) or "", {})
    given = dict(zip(admitted, call.args[1:], strict=False)) | {str(k.arg): k.value for k in call.keywords}
    return {name: _integer(given[name]) if name in given else default for name, (_, _, default) in admitted.items()}


def show(node: Node) -> str:
    """The expression as text in one spelling, which `parse` reads again."""
    named = copy.deepcopy(node)
    for part in ast.walk(named):
        if isinstance(part, ast.Name) and not (part.id.isidentifier() and not keyword.iskeyword(part.id)):
            part.id = f"`{part.id}`"
    return ast.unparse(named)


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Call):
        yield from _names(node.args[0])
    else:
        for child in ast.iter_child_nodes(node):
            yield from _names(child)


def _refused(text: str, node: ast.expr | None, why: str) -> ConfigError:
    return ConfigError(f"--formula: '{text[:80]}' {why}.")


def _wrong_call(call: ast.Call, depth: int) -> str | None:
    """What is wrong with a call's function or options."""
    name = called(call)
    if name is None:
        by_name = isinstance(call.func, ast.Attribute) and call.func.attr in FUNCTIONS and call.func.attr
        return f"must call {by_name}(...) by its bare name" if by_name else _FOREIGN
    if name not in FUNCTIONS:
        known = ", ".join(sorted(FUNCTIONS, key=str.lower))
        near = suggest(name, FUNCTIONS).replace(" Did", "; did").removesuffix("?")
        return f"calls {name}, which is none of {known}{near}"
    if name in OUTERMOST and depth:
        return f"holds {name}(...) inside another expression; it can only stand by itself"
    if name == "C" and len(call.args) == 1 and call.keywords:
        given = call.keywords[0]
        plain = isinstance(given.value, ast.Constant) and isinstance(given.value.value, str | int | float)
        if len(call.keywords) > 1 or given.arg != "base" or not plain:
            return 'must name the reference level of C(...) as in C(region, base="north")'
        call = ast.Call(call.func, call.args, [])
    admitted = WITH_OPTIONS.get(name, {})
    names = [*list(admitted)[: max(len(call.args) - 1, 0)], *(given.arg for given in call.keywords)]
    if not call.args or len(call.args) > 1 + len(admitted) or not set(names) <= set(admitted):
        return f"must call {name}({', '.join(['column', *admitted])})"
    if len(set(names)) < len(names):
        return f"gives {name} an option twice"
    dated = called(call.args[0]) in OF_DATES
    if name == "C" and not isinstance(call.args[0], ast.Name) and not dated:
        return "must give C(...) a column, or a part of a date as in C(quarter(when))"
    if name in OF_DATES and not isinstance(call.args[0], ast.Name):
        return f"must give {name}(...) a column of dates"
    if name == "bs" and not names:
        return "must give bs its degrees of freedom, as in bs(age, df=5)"
    values = [*call.args[1:], *(given.value for given in call.keywords)]
    for option, node in zip(names, values, strict=True):
        low, high, _ = admitted[str(option)]
        value = _integer(node)
        if value is None or not low <= value <= high:
            return f"must give {option} as a whole number from {low:,} to {high:,}"
    return None


def _integer(node: ast.expr) -> int | None:
    """The whole number that a node is, else None."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _integer(node.operand)
        return None if value is None else -value
    if isinstance(node, ast.Constant) and isinstance(node.value, int) and not isinstance(node.value, bool):
        return node.value
    return None


_FOREIGN = "holds more than columns, numbers, + - * / **, comparisons and functions such as log(...)"
_GRAMMAR = Grammar(
    _refused, lambda column: None, _wrong_call, 40, 1e300, _FOREIGN,
    "is nested more than 40 deep", "holds a number beyond 1e300", comparisons=True,
)  # fmt: skip
