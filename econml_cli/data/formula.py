"""A Wilkinson formula, "log(wage) ~ educ * female + poly(exper, 2)", as a target, terms and checked expressions.

Formulaic knows the algebra of `+ - : * / **`, but it also evaluates expressions as Python, and does so even while it
parses (functions left of `~`). So its tokenizer, which only cuts text, finds the expressions; `expression.parse` checks
each; and what its parser is given is the skeleton "f0 ~ f1 * f2 + f3", in which nothing is left to evaluate.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from econml_cli.data import expression
from econml_cli.data.expression import Node
from econml_cli.errors import ConfigError

MAX_LENGTH, MAX_TERMS, MAX_POWER = 5000, 2000, 9

#: a formula with fixed effects, to show what is expected
ABSORBED = "y ~ x | firm + year"


@dataclass(frozen=True)
class Formula:
    """What is explained by what: names of factors, each with its checked expression in `factors`.

    A term is a product of factors. The `constant` is the model's own bias; `- 1` and `0 +` leave it out. Without a
    target the features themselves are to be reconstructed.
    """

    target: str | None
    terms: tuple[tuple[str, ...], ...]
    factors: Mapping[str, Node]
    constant: bool = True
    #: columns right of |, whose effects are absorbed: ("firm",), or of firm^year both
    absorbed: tuple[tuple[str, ...], ...] = ()

    @property
    def features(self) -> dict[str, Node]:
        """The factors on the right-hand side."""
        return {name: self.factors[name] for term in self.terms for name in term}

    @property
    def feature_columns(self) -> list[str]:
        """The columns of the table that the right-hand side reads, each once."""
        return list(dict.fromkeys(c for node in self.features.values() for c in expression.columns(node)))


def of_columns(target: str | None, features: Sequence[str]) -> Formula:
    """The formula "target ~ a + b + c" of columns taken as they are, whatever their names."""
    named = features if target is None else (target, *features)
    factors: dict[str, Node] = {name: ast.Name(id=name) for name in named}
    return Formula(target, tuple((name,) for name in features), factors)


def parse(text: str, others: Sequence[str]) -> Formula:
    """Read a formula. `.` means all of `others` but what the left-hand side, or a fixed effect, reads.

    Raises:
        ConfigError: it is no formula, or holds an expression that is not admitted; says which and why.
    """
    if len(text) > MAX_LENGTH:
        raise ConfigError(
            f"--formula has {len(text):,} characters, more than {MAX_LENGTH:,}; use --target and --features."
        )
    text, absorbed = _fixed_effects(text)
    apart = {column for names in absorbed for column in names}
    skeleton, factors = _skeleton(text, [name for name in others if name not in apart])
    if skeleton.count("~") != 1 or skeleton.startswith("~"):
        raise _refused(text, "must have one ~ between target and features")
    try:
        left, right, constant = _algebra(skeleton, list(factors))
    except ConfigError:
        raise
    except Exception as error:  # its parser raises all sorts
        raise _refused(text, f"is not a formula ({_plain(error, factors)})") from None
    if len(left) != 1 or len(left[0]) != 1 or expression.called(factors[left[0][0]]) in ("bs", "poly"):
        raise _refused(text, "must have one target on the left of ~")
    if not text.partition("~")[2].strip():
        raise _refused(text, "has nothing on the right of ~ (y ~ 1 is a constant alone)")
    if not right and not constant:
        raise _refused(text, "has neither a feature nor a constant on the right of ~")
    target = left[0][0]
    if any(target in term for term in right):
        raise _refused(text, f"explains '{target}' by itself")
    if absorbed and not constant:
        raise _refused(text, "leaves out the constant, which fixed effects hold; leave out - 1, or 0 +")
    if inside := apart & set(expression.columns(factors[target])):
        raise _refused(text, f"absorbs '{min(inside)}', which it explains")
    return Formula(target, tuple(right), factors, constant, absorbed)


def takes_others(text: str) -> bool:
    """Whether a formula has a `.`, which means all other columns.

    Raises:
        ConfigError: it is none.
    """
    return ("value", ".") in _tokens(_fixed_effects(text)[0])


def _fixed_effects(text: str) -> tuple[str, tuple[tuple[str, ...], ...]]:
    """A formula without what stands right of |, and the columns there: "firm + year" are two fixed effects, "firm^year"
    (or firm:year) one of their combinations.

    Raises:
        ConfigError: anything but names of columns stands there.
    """
    tokens = _tokens(text)
    bar = next((i for i, (kind, token) in enumerate(tokens) if (kind, token) == ("operator", "|")), None)
    if bar is None:
        return text, ()
    found: list[tuple[str, ...]] = [()]
    expects = True
    for kind, token in tokens[bar + 1 :]:
        if expects and kind == "name":
            found[-1] = (*found[-1], token)
        elif expects or kind != "operator" or token not in ("+", "^", ":"):
            raise _refused(text, "has something else than columns right of |", ABSORBED)
        elif token == "+":  # noqa: S105 - a sign, no password
            found.append(())
        expects = not expects
    if expects:
        raise _refused(text, "ends without the column of a fixed effect", ABSORBED)
    if len({frozenset(names) for names in found}) < len(found):
        raise _refused(text, "names a fixed effect twice", ABSORBED)
    return text[: _at(text, bar)], tuple(found)


def _at(text: str, i: int) -> int:
    """Where in the text its token number i begins."""
    from formulaic.parser.algos.tokenize import tokenize

    return int(list(tokenize(text))[i].source_start)


def _refused(text: str, why: str, example: str = "log(wage) ~ educ + exper") -> ConfigError:
    return ConfigError(f"--formula '{text[:200]}' {why}; expected such as \"{example}\".")


def _plain(error: Exception, factors: Mapping[str, Node]) -> str:
    """The first line of a message about the skeleton, with the factors' names put back."""
    line = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    names = list(factors)
    return re.sub(r"\bf(\d+)\b", lambda m: names[int(m[1])] if int(m[1]) < len(names) else m[0], line)


def _skeleton(text: str, others: Sequence[str]) -> tuple[str, dict[str, Node]]:
    """The formula with f0, f1, ... for its expressions, and the expressions by name, in that order."""
    factors: dict[str, Node] = {}
    parts: list[str] = []
    explained: set[str] = set()

    def alias(node: Node) -> str:
        name = expression.show(node)
        factors.setdefault(name, node)
        return f"f{list(factors).index(name)}"

    tokens = _tokens(text)
    for i, (kind, token) in enumerate(tokens):
        if kind == "value" and token == ".":  # noqa: S105 - a sign, no password
            rest = [alias(ast.Name(id=name)) for name in others if name not in explained]
            parts.append(f"( {' + '.join(rest)} )")
        elif kind == "name":
            parts.append(alias(ast.Name(id=token)))
        elif kind == "python":
            parts.append(alias(expression.parse(token)))
        else:
            _check_symbol(text, tokens, i)
            if token.startswith("~"):
                explained = {column for node in factors.values() for column in expression.columns(node)}
            parts.append(token)
    return " ".join(parts), factors


def _tokens(text: str) -> list[tuple[str, str]]:
    """The formula cut into (kind, text): name, python (a call or {...}), value, operator or context (a bracket)."""
    from formulaic.parser.algos.tokenize import tokenize

    try:
        return [(token.kind.value, token.token) for token in tokenize(text)]
    except Exception as error:
        raise _refused(text, f"is not a formula ({_plain(error, {})})") from None


def _check_symbol(text: str, tokens: Sequence[tuple[str, str]], i: int) -> None:
    """Refuse what is neither an operator of the algebra, a bracket, 0, 1, nor the power of a bracket."""
    kind, token = tokens[i]
    before = tokens[i - 1] if i else ("", "")
    if kind == "value":
        power = before[1] in ("**", "^")
        if not (token in ("0", "1") and not power) and not (
            power and token.isdecimal() and 1 <= int(token) <= MAX_POWER
        ):
            raise _refused(
                text, f"holds {token[:20]}, but can hold no values besides 0 and 1; arithmetic goes into I(...)"
            )
    elif kind == "context":
        if token not in ("(", ")"):
            raise _refused(text, f"holds a '{token}'")
    elif "**" in token or "^" in token:
        if token not in ("**", "^") or before[1] != ")":
            raise _refused(text, "takes the power of something not in brackets; a square is I(exper**2)")
    elif not set(token) <= set("~+-*/:"):
        raise _refused(text, f"holds the operator '{token[:20]}', which is none of ~ + - : * / **")


def _algebra(skeleton: str, names: Sequence[str]) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]], bool]:
    """Work out the terms left and right of ~ of a skeleton, with the factors' names put back, and whether there is a
    constant among those on the right."""
    from formulaic.parser import DefaultFormulaParser

    parser = DefaultFormulaParser(feature_flags={"twosided"})
    if (count := _count_terms(parser.get_ast(skeleton))) > MAX_TERMS:
        raise ConfigError(f"--formula has {count:,} terms or more, over {MAX_TERMS:,}; use fewer * and **.")
    terms = parser.get_terms(skeleton)
    sides = []
    for side in (terms.lhs, terms.rhs):
        exprs = [tuple(factor.expr for factor in term.factors) for term in side]
        if any("1" in term and len(term) > 1 for term in exprs):
            raise ConfigError("--formula multiplies by 1; write a product of columns.")
        sides.append([tuple(names[int(expr[1:])] for expr in term) for term in exprs if term != ("1",)])
    return sides[0], sides[1], ("1",) in exprs


def _count_terms(node: Any) -> int:
    """At most how many terms a parsed skeleton has; known before they are written out, which could take for ever."""
    total = 0
    while getattr(node, "args", None) is not None and node.operator.symbol in "+-" and len(node.args) == 2:
        total += _count_terms(node.args[1])  # a sum of hundreds leans left: walk down it, do not recurse
        node = node.args[0]
    args = getattr(node, "args", None)
    if args is None:
        return total + 1
    symbol = node.operator.symbol
    if symbol in ("**", "^"):
        power: int = _count_terms(args[0]) ** int(str(args[1]))
        return total + power
    sizes = [_count_terms(arg) for arg in args]
    if symbol == "*":
        return total + sizes[0] + sizes[1] + sizes[0] * sizes[1]
    return total + (sizes[0] * sizes[1] if symbol == ":" else sum(sizes))
