"""The columns of a design for some rows of a table at a time, so that the whole of it is never held twice.

What a factor reads stays as the table has it: a number in the type of its column, labels as the codes of their levels.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from econml_cli.data import columns, expression, transforms
from econml_cli.data.expression import Node
from econml_cli.data.formula import Formula
from econml_cli.data.transforms import Learnt
from econml_cli.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

MAX_COLUMNS = 20_000
#: numbers of a design that are made at a time, 256 KiB, which stay close to the processor; but no fewer rows than these
NUMBERS, LEAST = 2**15, 2**11
#: a product of so many numbers of 32 bits is far from `columns.LARGEST`
FACTORS = 3
#: the design column of y ~ 1, of which nothing can be learnt beside the constant of the model: it is 0 in every row
CONSTANT = "1"
#: rows of a table: from one to another, or their positions
Rows = slice | np.ndarray
#: writes some columns of a design for some rows, into an array [rows, these columns]
_Write = Callable[[Rows, np.ndarray], None]


@dataclass(frozen=True)
class _Part:
    """One column of one factor: a number [n], or whether the code of a row [n] is that of one level."""

    name: str
    values: np.ndarray
    level: int | None = None

    def at(self, rows: Rows) -> np.ndarray:
        """The column in some rows."""
        found: np.ndarray = self.values[rows]
        return found if self.level is None else found == self.level

    def write(self, rows: Rows, out: np.ndarray) -> None:
        """The column in some rows, into [rows, 1]."""
        out[:, 0] = self.at(rows)


@dataclass(frozen=True)
class _Factor:
    """The columns of a factor; of labels `full` has one for each level, `reduced` none for the first."""

    full: list[_Part]
    reduced: list[_Part] | None = None


class Terms:
    """The design columns of a formula over a table, before they are standardised.

    Attributes:
        names: of the columns. n: rows of the table. small: whether the types of the columns rule out numbers beyond
            `columns.LARGEST`.
    """

    def __init__(
        self,
        formula: Formula,
        frame: "pd.DataFrame",
        levels: Mapping[str, list[str]],
        learnt: Learnt,
        made: Mapping[str, np.ndarray] | None = None,
    ):
        """Args:
            levels: of the factors that are labels. learnt: what transforms have learnt. made: values of factors that
                are there already, [n] or [n, k].

        Raises:
            DataError: text where there were numbers, or a term of too many columns.
        """
        self.n = len(frame)
        self.names: list[str] = []
        self.small = True
        self._writes: list[tuple[int, _Write]] = []
        if not formula.terms:
            self._add([CONSTANT], _one)
        factors: dict[str, _Factor] = {}
        for name, node in formula.features.items():
            value = None if made is None else made.get(name)
            factors[name] = _factor(name, node, frame, levels.get(name), learnt, value)
        present: set[frozenset[str]] = {frozenset(term) for term in formula.terms}
        spanned = formula.constant
        for term in formula.terms:
            self._add_term(_sides(term, present, spanned, factors))
            # all levels of labels sum to a constant: those that come later are coded as if it were there
            spanned = spanned or all(factors[name].reduced is not None for name in term)

    def _add(self, names: list[str], write: _Write) -> None:
        self.names += names
        self._writes.append((len(names), write))

    def _add_term(self, sides: list[list[_Part]]) -> None:
        """The columns of one term, the first factor's running fastest."""
        kept = (part.level is not None or part.values.dtype.kind != "f" or part.values.dtype.itemsize <= 4
                for side in sides for part in side[:1])  # fmt: skip
        self.small &= len(sides) <= FACTORS and all(kept)
        if len(sides) == 1 and sides[0] and sides[0][0].level is not None:
            self._add([part.name for part in sides[0]], _Dummies(sides[0]).write)
            return
        for product in itertools.product(*reversed(sides)):
            parts = product[::-1]
            write = parts[0].write if len(parts) == 1 else _Product(parts).write
            self._add([":".join(part.name for part in parts)], write)

    def at(self, rows: Rows) -> np.ndarray:
        """The design in some rows, float64 [rows, p], in an array of its own, whose columns are contiguous."""
        count = len(range(*rows.indices(self.n))) if isinstance(rows, slice) else len(rows)
        out = np.empty((len(self.names), count)).T
        self.write(rows, out)
        return out

    def write(self, rows: Rows, out: np.ndarray) -> None:
        """The design in some rows, into an array [rows, p]."""
        place = 0
        for width, write in self._writes:
            write(rows, out[:, place : place + width])
            place += width

    def blocks(self) -> Iterator[slice]:
        """The rows of the table, cut so that a block of the design is small; of a single column they are not."""
        yield from cut(self.n, len(self.names))


def cut(n: int, width: int) -> Iterator[slice]:
    """n rows in blocks of `NUMBERS` numbers. One column is a block: its sum is taken pairwise."""
    step = n if width == 1 else max(LEAST, NUMBERS // width)
    for start in range(0, n, max(step, 1)):
        yield slice(start, min(start + step, n))


class _Dummies:
    """The columns of one factor of labels: each row has a 1 in one of them at most."""

    def __init__(self, parts: list[_Part]):
        self._codes = parts[0].values
        numbers = [part.level for part in parts if part.level is not None]
        # the last place is that of codes below 0: of what is missing, or not known
        self._places = np.full(max(numbers) + 3, -1)
        self._places[numbers] = np.arange(len(numbers))

    def write(self, rows: Rows, out: np.ndarray) -> None:
        """The columns in some rows."""
        places = self._places[self._codes[rows]]
        out[:] = 0.0
        there = np.flatnonzero(places >= 0)
        out[there, places[there]] = 1.0


@dataclass(frozen=True)
class _Product:
    """The product of columns of several factors."""

    parts: tuple[_Part, ...]

    def write(self, rows: Rows, out: np.ndarray) -> None:
        """The column in some rows."""
        with np.errstate(all="ignore"):  # in rows that are not used
            out[:, 0] = self.parts[0].at(rows)
            for part in self.parts[1:]:
                out[:, 0] *= part.at(rows)


def _one(rows: Rows, out: np.ndarray) -> None:
    out[:] = 1.0


def numbers_of(node: Node, frame: "pd.DataFrame", learnt: Learnt, rows: np.ndarray | None = None) -> np.ndarray:
    """As `transforms.evaluate`, but a column of numbers without gaps of its own kind as it stands, in its own type."""
    if expression.is_column(node):
        plain = columns.as_stored(frame[expression.columns(node)[0]])
        if plain is not None:
            return plain
    return transforms.evaluate(node, frame, learnt, rows)


def _factor(
    name: str,
    node: Node,
    frame: "pd.DataFrame",
    levels: list[str] | None,
    learnt: Learnt,
    value: np.ndarray | None,
) -> _Factor:
    if levels is None:
        value = numbers_of(node, frame, learnt) if value is None else value
        if value.ndim == 1:
            return _Factor([_Part(name, value)])
        return _Factor([_Part(f"{name}[{i + 1}]", v) for i, v in enumerate(value.T)])
    codes = columns.codes(columns.labelled(node, frame), levels)
    full = [_Part(f"{name}[{level}]", codes, i) for i, level in enumerate(levels)]
    return _Factor(full, [_Part(f"{name}[T.{level}]", codes, i) for i, level in enumerate(levels) if i])


def _sides(
    term: tuple[str, ...], present: Set[frozenset[str]], spanned: bool, factors: Mapping[str, _Factor]
) -> list[list[_Part]]:
    """The columns of the factors of one term.

    R's rule for labels: without their first level if the term without them is `present` (the empty one is the
    constant, which may be `spanned`), else with all levels, so that y ~ female:educ gives each of the two a slope,
    y ~ 0 + female each a mean.
    """
    sides = []
    for name in term:
        factor, without = factors[name], frozenset(term) - {name}
        marginal = without in present or (spanned and not without)
        sides.append(factor.reduced if factor.reduced is not None and marginal else factor.full)
    if (count := int(np.prod([len(side) for side in sides], dtype=float))) > MAX_COLUMNS:
        raise DataError(f"{':'.join(term)} makes {count:,} columns, more than {MAX_COLUMNS:,}; use fewer levels.")
    return sides
