"""The right-hand side of a formula as the matrix a model reads: learnt on the rows of a fit, applied to any others."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from econml_cli.data import columns, expression
from econml_cli.data.expression import Node
from econml_cli.data.formula import Formula
from econml_cli.data.terms import Rows, Terms, cut, numbers_of
from econml_cli.data.transforms import Learnt
from econml_cli.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Encoding:
    """What encoding rows needs: the levels of each factor of labels {factor: levels}, what transforms learnt, and of
    each design column its name and the mean and standard deviation that are taken off.

    `idle` are the columns of which the training rows say nothing, as they are the same in all of them (the dummy of a
    level that only the test split has): they are 0 in every row, so that no model can read anything into them.
    """

    levels: dict[str, list[str]]
    learnt: Learnt
    names: list[str]
    mean: list[float]
    scale: list[float]
    idle: list[str] = field(default_factory=list)


def learn(
    formula: Formula,
    frame: "pd.DataFrame",
    kept: np.ndarray,
    train: np.ndarray,
    constant: bool = True,
    panel: Learnt | None = None,
    weights: np.ndarray | None = None,
) -> Encoding:
    """Learn how to encode rows. `kept` [n] bool: the rows without missing values; `train` [n] bool: some of them.

    Levels are those of all rows kept, so that no split has one that another lacks; all else (means and standard
    deviations, knots, polynomials) is learnt from the training rows alone. Without a `constant` no means are taken off:
    a column at 0 stays there. `panel` is what is known of units and time before anything is learnt. `weights` [n] are
    those of means and standard deviations; None: all are 1.

    Raises:
        DataError: a feature is the same in all rows, or cannot be encoded.
    """
    levels: dict[str, list[str]] = {}
    learnt: Learnt = dict(panel or {})
    same: list[str] = []
    made: dict[str, np.ndarray] = {}
    for name, node in formula.features.items():
        if (column := columns.of_labels(node, frame)) is not None:
            levels[name] = levels_of(columns.labelled(node, frame)[kept], node, column)
            is_same = len(levels[name]) < 2
        else:
            made[name] = numbers_of(node, frame, learnt, train)
            is_same = alike(made[name], kept)
        if is_same:
            same.append(name)
    refuse_same(same)
    terms = Terms(formula, frame, levels, learnt, made)
    mean, scale, varies = _moments(terms, kept, train, weights, constant)
    idle = [name for name, there in zip(terms.names, varies, strict=True) if not there]
    return Encoding(levels, learnt, terms.names, mean.tolist(), scale.tolist(), idle)


def refuse_same(names: list[str]) -> None:
    """Refuse features that are the same in all rows.

    Raises:
        DataError: there are any.
    """
    if names:
        named = f"Feature '{names[0]}' is" if len(names) == 1 else f"Features {', '.join(map(repr, names))} are"
        raise DataError(
            f"{named} the same in all rows used, so nothing can be learnt from {'it' if len(names) == 1 else 'them'}; "
            f"leave {'it' if len(names) == 1 else 'them'} out."
        )


def levels_of(labels: "pd.Series", node: Node, column: str) -> list[str]:
    """The levels of a factor of labels, the reference level first.

    Raises:
        DataError: there are too many, or no such reference level.
    """
    return _from_base(columns.levels(labels, column), node, column)


def alike(values: np.ndarray, kept: np.ndarray) -> bool:
    """Whether values [n] or [n, k] are the same in all rows `kept` [n] bool."""
    first = int(kept.argmax())
    head = slice(first, first + columns.FIRST)  # most columns show at once that they are not
    if not (values[head][kept[head]] == values[first]).all():
        return False
    return bool((values[kept] == values[first]).all())


def _moments(
    terms: Terms, kept: np.ndarray, train: np.ndarray, weights: np.ndarray | None, constant: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(means, what columns are divided by, whether they vary), each [p], in the rows `train` [n] bool, with `weights`
    [n] (None: all are 1). Without a `constant` means are 0. The sums are taken row after row.

    Raises:
        DataError: a number beyond `LARGEST` in the rows `kept` [n] bool.
    """
    p = len(terms.names)
    if not terms.small:
        largest = np.zeros(p)
        for rows, x in _each(terms):
            largest = np.maximum(largest, _largest(x, kept[rows]))
        _refuse(terms.names, largest)
    # of a row of weight 0 nothing is learnt
    informs = np.flatnonzero(train if weights is None else train & (weights > 0))
    total = len(informs) if weights is None else weights[informs][:, None].sum(axis=0)
    low, high, sums = np.full(p, np.inf), np.full(p, -np.inf), _Sums(p)
    for block in cut(len(informs), p):
        x = terms.at(informs[block])
        low, high = np.minimum(low, x.min(axis=0)), np.maximum(high, x.max(axis=0))
        sums.add(x, None if weights is None else weights[informs[block]])
    mean = sums.total / total if constant else np.zeros(p)
    varies = high > low if constant else (high != 0) | (low != 0)
    sums = _Sums(p)
    for block in cut(len(informs), p):
        x = terms.at(informs[block])
        x -= mean
        sums.add(np.square(x, out=x), None if weights is None else weights[informs[block]])
    sd = np.sqrt(sums.total / total)
    return mean, np.where(varies & (sd > 0), sd, 1.0), varies  # rounding gives a constant column an sd of 1e-17


class _Sums:
    """Sums of columns, in the order of the rows: how the rows are cut makes no difference to the last digit."""

    def __init__(self, p: int):
        self.total = np.zeros(p)
        self._begun = False
        self._room = np.empty((0, p))

    def add(self, x: np.ndarray, w: np.ndarray | None) -> None:
        """Add rows [m, p], with weights [m]."""
        if len(self._room) < len(x) + 1:
            self._room = np.empty((len(x) + 1, x.shape[1]))
        room = self._room[: len(x) + 1]
        room[0] = self.total
        np.multiply(x, 1.0 if w is None else w[:, None], out=room[1:])
        self.total, self._begun = np.add.reduce(room if self._begun else room[1:], axis=0), True


class Moments:
    """`_moments` of a table of which a block of rows is there at a time: all blocks are added, then `next`, and again.

    The first time they give the means, the second time the standard deviations.
    """

    def __init__(self, names: list[str], constant: bool):
        """`names`: of the design columns. `constant`: whether means are taken off."""
        self.names, self._constant, p = names, constant, len(names)
        self._low, self._high, self._largest = np.full(p, np.inf), np.full(p, -np.inf), np.zeros(p)
        self._sums, self._rows = _Sums(p), 0
        self._mean: np.ndarray | None = None

    def add(self, terms: Terms, train: np.ndarray) -> None:
        """Take a block, whose rows `train` (positions) are for training."""
        p = len(self.names)
        if self._mean is None and not terms.small:
            for _, x in _each(terms):
                self._largest = np.maximum(self._largest, _largest(x, None))
        for block in cut(len(train), p):
            x = terms.at(train[block])
            if self._mean is None:
                self._low, self._high = np.minimum(self._low, x.min(axis=0)), np.maximum(self._high, x.max(axis=0))
                self._rows += len(x)
            else:
                x -= self._mean
                np.square(x, out=x)
            self._sums.add(x, None)

    def next(self) -> None:
        """All blocks have been added.

        Raises:
            DataError: a number beyond `LARGEST`.
        """
        p = len(self.names)
        if self._mean is None:
            _refuse(self.names, self._largest)
            self._mean = self._sums.total / self._rows if self._constant else np.zeros(p)
            self._sums = _Sums(p)

    def encoding(self, levels: dict[str, list[str]]) -> Encoding:
        """What they give, with the levels of the factors of labels."""
        assert self._mean is not None
        varies = self._high > self._low if self._constant else (self._high != 0) | (self._low != 0)
        sd = np.sqrt(self._sums.total / self._rows)
        idle = [name for name, there in zip(self.names, varies, strict=True) if not there]
        scale = np.where(varies & (sd > 0), sd, 1.0)
        return Encoding(levels, {}, self.names, self._mean.tolist(), scale.tolist(), idle)


def _each(terms: Terms) -> Iterator[tuple[slice, np.ndarray]]:
    """Block by block (rows, the design of them, which may be changed)."""
    for rows in terms.blocks():
        yield rows, terms.at(rows)


def _from_base(levels: list[str], node: Node, column: str) -> list[str]:
    """The levels with the reference level that C(x, base=...) names first.

    Raises:
        DataError: there is no such level.
    """
    base = expression.base(node)
    if base is None:
        return levels
    if base not in levels:
        shown = ", ".join(levels[:10]) + (", ..." if len(levels) > 10 else "")
        raise DataError(f"Column '{column}' has no level '{base}' to be the base of C(...); it has {shown}.")
    return [base, *(level for level in levels if level != base)]


class Encoder:
    """The standardised design of a table, for some of its rows at a time."""

    def __init__(self, formula: Formula, encoding: Encoding, frame: "pd.DataFrame"):
        """Raises:
        DataError: text where there were numbers, or an encoding that is damaged.
        """
        self._terms = Terms(formula, frame, encoding.levels, encoding.learnt)
        names = self._terms.names
        for what in ("names", "mean", "scale"):
            if len(getattr(encoding, what)) != len(names):
                raise DataError(
                    f"preprocessing.json is damaged ({what} has {len(getattr(encoding, what)):,} values for "
                    f"{len(names):,} columns); fit again, or restore it from a copy."
                )
        self._mean, self._scale = np.asarray(encoding.mean), np.asarray(encoding.scale)
        self._idle = np.isin(encoding.names, encoding.idle) if encoding.idle else None

    def at(self, rows: Rows, used: np.ndarray | None = None) -> np.ndarray:
        """The design of some rows (from one to another, or positions), float64 [rows, p]; `used` [n] bool: the rows of
        the table in which no number may be beyond `LARGEST` (None: all).

        Raises:
            DataError: one is.
        """
        terms, p = self._terms, len(self._terms.names)
        first, last = (rows.start, rows.stop) if isinstance(rows, slice) else (0, len(rows))
        x, largest = np.empty((last - first, p)), np.zeros(p)
        for block in cut(len(x), p):
            own = slice(first + block.start, first + block.stop) if isinstance(rows, slice) else rows[block]
            part = terms.at(own)
            if not terms.small:
                largest = np.maximum(largest, _largest(part, None if used is None else used[own], finite=True))
            with np.errstate(all="ignore"):  # in rows that are not used
                part -= self._mean
                part /= self._scale
            if self._idle is not None:
                part[:, self._idle] = 0.0
            x[block] = part
        _refuse(terms.names, largest)
        return x


def apply(formula: Formula, encoding: Encoding, frame: "pd.DataFrame", rows: np.ndarray | None = None) -> np.ndarray:
    """The standardised design matrix of every row, float64 [n, p]; rows with missing values, or with levels that the
    fit did not have (`refuse_unseen`), hold anything. `rows` [n] bool: those that are used; None: all.

    Raises:
        DataError: text where there were numbers, or a number beyond `LARGEST`.
    """
    return Encoder(formula, encoding, frame).at(slice(0, len(frame)), rows)


def _largest(x: np.ndarray, rows: np.ndarray | None, *, finite: bool = False) -> np.ndarray:
    """The largest absolute value of each column of a design [n, p] in some `rows` [n] bool (None: in any), [p];
    `finite`: of those that are numbers at all."""
    with np.errstate(invalid="ignore"):
        high, low = x.max(axis=0, initial=0), x.min(axis=0, initial=0)
    found = np.maximum(high, -low)
    if (found < columns.LARGEST).all():  # no gaps, and nothing too large in any row
        return np.zeros(x.shape[1])
    block = np.abs(x)
    counted = np.isfinite(block) if finite else np.ones(block.shape, dtype=bool)
    if rows is not None:
        counted &= rows[:, None]
    largest: np.ndarray = np.max(block, axis=0, initial=0, where=counted)
    return largest


def _refuse(names: list[str], largest: np.ndarray) -> None:
    """Refuse a design with a number beyond `LARGEST`.

    Raises:
        DataError: names the first column.
    """
    for name, value in zip(names, largest, strict=True):
        columns.refuse_large("Feature", name, float(value))


def too_large(formula: Formula, encoding: Encoding, frame: "pd.DataFrame") -> dict[str, np.ndarray]:
    """Which rows hold a number beyond `LARGEST`: {design column: [n] bool}, where any does."""
    terms, found = Terms(formula, frame, encoding.levels, encoding.learnt), dict[str, np.ndarray]()
    for rows, x in _each(terms):
        large = ~(np.abs(x) < columns.LARGEST) & ~np.isnan(x)
        for i in np.flatnonzero(large.any(axis=0)):
            found.setdefault(terms.names[i], np.zeros(terms.n, dtype=bool))[rows] = large[:, i]
    return {name: found[name] for name in terms.names if name in found}


def refuse_unseen(formula: Formula, encoding: Encoding, frame: "pd.DataFrame", rows: np.ndarray, where: str) -> None:
    """Refuse levels that the fit did not have in any of some `rows` [n] bool of the file `where`.

    Raises:
        DataError: names the first, and its column.
    """
    for name, levels in encoding.levels.items():
        node = formula.features[name]
        columns.refuse_unseen(columns.labelled(node, frame), levels, expression.columns(node)[0], rows, where)


def unlike(formula: Formula, encoding: Encoding, frame: "pd.DataFrame") -> dict[str, np.ndarray]:
    """Which rows have another value of an idle column than all training rows: {column: [n] bool}, where any has."""
    if not encoding.idle:
        return {}
    terms, found = Terms(formula, frame, encoding.levels, encoding.learnt), dict[str, np.ndarray]()
    idle = np.flatnonzero(np.isin(terms.names, encoding.idle))
    for rows, x in _each(terms):
        other = x[:, idle] != np.asarray(encoding.mean)[idle]
        for j in np.flatnonzero(other.any(axis=0)):
            found.setdefault(terms.names[idle[j]], np.zeros(terms.n, dtype=bool))[rows] = other[:, j]
    return {name: found[name] for name in terms.names if name in found}
