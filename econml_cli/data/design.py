"""The right-hand side of a formula as the matrix a model reads: learnt on the rows of a fit, applied to any others."""

import itertools
from collections.abc import Set
from dataclasses import dataclass, field
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
#: rows of a design that are looked at together
BLOCK = 2**16
#: the design column of y ~ 1, of which nothing can be learnt beside the constant of the model: it is 0 in every row
CONSTANT = "1"


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


@dataclass(frozen=True)
class Block:
    """The columns of one factor: {suffix of the name: [n]}. For labels `reduced` is without the first level."""

    name: str
    full: dict[str, np.ndarray]
    reduced: dict[str, np.ndarray] | None = None


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
    for name, node in formula.features.items():
        if (column := columns.of_labels(node, frame)) is not None:
            levels[name] = _from_base(columns.levels(columns.labelled(node, frame)[kept], column), node, column)
            alike = len(levels[name]) < 2
        else:
            value = transforms.evaluate(node, frame, learnt, train)[kept]
            alike = bool((value == value[0]).all())
        if alike:
            same.append(name)
    if same:
        named = f"Feature '{same[0]}' is" if len(same) == 1 else f"Features {', '.join(map(repr, same))} are"
        raise DataError(
            f"{named} the same in all rows used, so nothing can be learnt from {'it' if len(same) == 1 else 'them'}; "
            f"leave {'it' if len(same) == 1 else 'them'} out."
        )
    names, matrix = _matrix(formula, frame, levels, learnt)
    _refuse_large(names, matrix, kept)
    rows, w = matrix[train], None if weights is None else weights[train]
    del matrix
    if w is not None:  # of a row of weight 0 nothing is learnt
        rows, w = rows[w > 0], w[w > 0]
    mean = np.average(rows, axis=0, weights=w) if constant else np.zeros(len(names))
    varies = np.ptp(rows, axis=0) > 0 if constant else np.any(rows, axis=0)
    # in place: a table may be most of what memory holds
    rows -= mean
    sd = np.sqrt(np.average(np.square(rows, out=rows), axis=0, weights=w))
    scale = np.where(varies & (sd > 0), sd, 1.0)  # rounding gives a constant column an sd of 1e-17
    idle = [name for name, there in zip(names, varies, strict=True) if not there]
    return Encoding(levels, learnt, names, mean.tolist(), scale.tolist(), idle)


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


def apply(formula: Formula, encoding: Encoding, frame: "pd.DataFrame", rows: np.ndarray | None = None) -> np.ndarray:
    """The standardised design matrix of every row, float64 [n, p]; rows with missing values, or with levels that the
    fit did not have (`refuse_unseen`), hold anything. `rows` [n] bool: those that are used; None: all.

    Raises:
        DataError: text where there were numbers, or a number beyond `LARGEST`.
    """
    names, matrix = _matrix(formula, frame, encoding.levels, encoding.learnt)
    for what in ("names", "mean", "scale"):
        if len(getattr(encoding, what)) != len(names):
            raise DataError(
                f"preprocessing.json is damaged ({what} has {len(getattr(encoding, what)):,} values for {len(names):,} "
                "columns); fit again, or restore it from a copy."
            )
    _refuse_large(names, matrix, rows, finite=True)
    with np.errstate(all="ignore"):  # in rows that are not used
        matrix -= np.asarray(encoding.mean)
        matrix /= np.asarray(encoding.scale)
    if encoding.idle:
        matrix[:, np.isin(encoding.names, encoding.idle)] = 0.0
    return matrix


def _refuse_large(names: list[str], matrix: np.ndarray, rows: np.ndarray | None, *, finite: bool = False) -> None:
    """Refuse a design [n, p] with a number beyond `LARGEST` in some `rows` [n] bool (None: in any); `finite`: of those
    that are numbers at all. Block by block: what is computed on the way is small beside the matrix.

    Raises:
        DataError: names the first column.
    """
    largest = np.zeros(len(names))
    for start in range(0, len(matrix), BLOCK):
        block = np.abs(matrix[start : start + BLOCK])
        counted = np.isfinite(block) if finite else np.ones(block.shape, dtype=bool)
        if rows is not None:
            counted &= rows[start : start + BLOCK, None]
        largest = np.maximum(largest, np.max(block, axis=0, initial=0, where=counted))
    for name, value in zip(names, largest, strict=True):
        columns.refuse_large("Feature", name, float(value))


def too_large(formula: Formula, encoding: Encoding, frame: "pd.DataFrame") -> dict[str, np.ndarray]:
    """Which rows hold a number beyond `LARGEST`: {design column: [n] bool}, where any does."""
    names, matrix = _matrix(formula, frame, encoding.levels, encoding.learnt)
    large = ~(np.abs(matrix) < columns.LARGEST) & ~np.isnan(matrix)
    return {name: large[:, i] for i, name in enumerate(names) if large[:, i].any()}


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
    names, matrix = _matrix(formula, frame, encoding.levels, encoding.learnt)
    found: dict[str, np.ndarray] = {}
    for i, name in enumerate(names):
        if name in encoding.idle:
            other = matrix[:, i] != encoding.mean[i]
            found |= {name: other} if other.any() else {}
    return found


def _matrix(
    formula: Formula, frame: "pd.DataFrame", levels: dict[str, list[str]], learnt: Learnt
) -> tuple[list[str], np.ndarray]:
    """Names and values [n, p] of the design columns, in an array of their own, before they are standardised."""
    if not formula.terms:
        return [CONSTANT], np.ones((len(frame), 1))
    blocks = {name: _block(name, node, frame, levels, learnt) for name, node in formula.features.items()}
    present: set[frozenset[str]] = {frozenset(term) for term in formula.terms}
    named = []
    spanned = formula.constant
    for term in formula.terms:
        named += _products(term, present | ({frozenset()} if spanned else set()), blocks)
        # all levels of labels sum to a constant: those that come later are coded as if it were there
        spanned = spanned or all(blocks[name].reduced is not None for name in term)
    matrix = np.column_stack([values for _, values in named])
    return [name for name, _ in named], matrix.astype(np.float64, copy=False)


def _block(name: str, node: Node, frame: "pd.DataFrame", levels: dict[str, list[str]], learnt: Learnt) -> Block:
    if name not in levels:
        value = transforms.evaluate(node, frame, learnt, None)
        return Block(name, {"": value} if value.ndim == 1 else {f"[{i + 1}]": v for i, v in enumerate(value.T)})
    codes = columns.codes(columns.labelled(node, frame), levels[name])
    dummies = [(codes == i).astype(np.float64) for i in range(len(levels[name]))]
    full = {f"[{level}]": dummy for level, dummy in zip(levels[name], dummies, strict=True)}
    return Block(name, full, {f"[T.{level}]": dummies[i] for i, level in enumerate(levels[name]) if i})


def _products(
    term: tuple[str, ...], present: Set[frozenset[str]], blocks: dict[str, Block]
) -> list[tuple[str, np.ndarray]]:
    """The columns of one term, the first factor's running fastest.

    R's rule for labels: without their first level if the term without them is `present` (the empty one is the
    constant), else with all levels, so that y ~ female:educ gives each of the two a slope, y ~ 0 + female each a mean.
    """
    sides = []
    for name in term:
        block = blocks[name]
        marginal = frozenset(term) - {name} in present
        part = block.reduced if block.reduced is not None and marginal else block.full
        sides.append([(f"{name}{suffix}", values) for suffix, values in part.items()])
    if (count := int(np.prod([len(side) for side in sides], dtype=float))) > MAX_COLUMNS:
        raise DataError(f"{':'.join(term)} makes {count:,} columns, more than {MAX_COLUMNS:,}; use fewer levels.")
    found = []
    for product in itertools.product(*reversed(sides)):
        parts = product[::-1]
        values = parts[0][1] if len(parts) == 1 else np.prod([values for _, values in parts], axis=0)
        found.append((":".join(name for name, _ in parts), values))
    return found
