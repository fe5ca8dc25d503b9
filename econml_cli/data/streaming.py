"""A table that is larger than memory: looked at a column at a time, encoded a block of rows at a time, into files.

What is learnt from it is to the last digit what `learning.learn` learns from the same table in memory (where there
is one design column alone, whose sum is taken pairwise there, up to rounding), and what is written are the numbers that
the samples in memory hold. In memory are a column at a time, the target, and a byte a row.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from econml_cli.data import columns, design, expression, formula, missing, target, transforms
from econml_cli.data.asked import Asked
from econml_cli.data.blocks import Source
from econml_cli.data.convert import convert
from econml_cli.data.expression import Node
from econml_cli.data.formula import Formula
from econml_cli.data.infer import decide
from econml_cli.data.preprocessing import Preprocessing
from econml_cli.data.schema import Column, Schema
from econml_cli.data.series import autocorrelation
from econml_cli.data.specification import Specification
from econml_cli.data.split import SPLITS, sides_of
from econml_cli.data.terms import Terms, numbers_of
from econml_cli.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Plan:
    """What a fit wants of a table, as somebody has typed it.

    Attributes:
        specify: (names of all columns, their schema) -> what is explained by what. refuse: raises DataError where these
            columns cannot be used. choose: the loss. admit: raises ConfigError where the table cannot be streamed for
            it. constant: whether there is one; None: as the formula says.
        val_fraction, test_fraction, seed: of the split.
    """

    specify: Callable[[Sequence[str], Schema], Specification]
    refuse: Callable[[Formula, Schema, int], None]
    choose: target.Choose
    admit: Callable[[target.Loss], None]
    constant: bool | None
    val_fraction: float
    test_fraction: float
    seed: int


@dataclass(frozen=True)
class Learnt:
    """What was learnt: how to encode, the loss, which of `SPLITS` each row is in, int8 [n], the encoded target [n, 1],
    and the first autocorrelation of it in the order of the file (None where all rows are for training)."""

    preprocessing: Preprocessing
    loss: target.Loss
    side: np.ndarray
    y: np.ndarray
    autocorrelation: float | None


@dataclass(frozen=True)
class _Judged:
    """What all rows of a factor say: its levels (None: numbers), whether they are all the same, whether zeros and ones;
    and why it cannot be used, should it be."""

    levels: list[str] | None = None
    same: bool = False
    binary: bool = False
    wrong: DataError | None = None


def learn(source: Source, asked: Asked, plan: Plan) -> Learnt:
    """Learn from a table.

    Raises:
        ConfigError: the formula is not admitted, or needs more than a row at a time. DataError: the table cannot be
            used; says why.
    """
    decided, plain = _columns(source, asked)
    specification = plan.specify(source.names, decided)
    read = specification.formula()
    if plan.constant is not None:
        read = dataclasses.replace(read, constant=plan.constant)
    _refuse_needing_more(read)
    columns.require([*read.feature_columns, *_of_target(read)], source.names, source.where)
    plan.refuse(read, decided, source.rows)
    side = sides_of(source.rows, plan.val_fraction, plan.test_fraction, plan.seed)
    _check_sizes(side, source.where)
    found = {
        name: plain[own[0]]
        if expression.is_column(node) and (own := expression.columns(node))[0] in plain
        else _judged(name, node, _frame(source, expression.columns(node), decided), source.where)
        for name, node in read.features.items()
    }
    for one in found.values():
        if one.wrong is not None:
            raise one.wrong
    design.refuse_same([name for name, one in found.items() if one.same])
    aims, loss, y = _target(source, read, decided, side == 0, plan)
    levels = {name: one.levels for name, one in found.items() if one.levels is not None}
    encoding = _encoding(source, read, decided, levels, side)
    binary = [name for name in read.feature_columns if name in plain and plain[name].binary]
    learnt = Preprocessing(specification, read, "error", encoding, aims, binary, constant=read.constant, schema=decided)
    tested = bool((side > 0).any())
    return Learnt(learnt, loss, side, y, autocorrelation(y[:, 0]) if tested else None)


def _refuse_needing_more(read: Formula) -> None:
    """Refuse factors whose value in a row depends on other rows.

    Raises:
        ConfigError: names the first.
    """
    if read.absorbed:
        raise ConfigError("--stream absorbs no fixed effects (right of | in a formula); leave out --stream.")
    if read.target is None:
        raise ConfigError("--stream is of a target that is explained; leave out --stream.")
    for name, node in read.factors.items():
        if transforms.of_several_rows(node):
            raise ConfigError(
                f"--stream: {name} is computed from more than one row at a time; write it into the file as a column, "
                "or leave out --stream."
            )


def _of_target(read: Formula) -> list[str]:
    return [] if read.target is None else expression.columns(read.factors[read.target])


def _columns(source: Source, asked: Asked) -> tuple[Schema, dict[str, _Judged]]:
    """(what the columns are, what each says as a factor by itself), of one column after the other."""
    found, judged = dict[str, Column](), dict[str, _Judged]()
    for name in source.chosen:
        raw = source.read([name])
        one = decide(raw, asked, source.where)
        found[name] = one[name]
        if one[name].kind in ("number", "category", "boolean"):
            frame, node = convert(raw, one)[0], formula.of_columns(None, (name,)).features[name]
            judged[name] = _judged(name, node, frame, source.where)
        del raw
    order = [name for name in source.names if name in found]
    unread = tuple(name for name in source.names if name not in found)
    return Schema(tuple(found[name] for name in order), asked, unread), judged


def _judged(name: str, node: Node, frame: "pd.DataFrame", where: str) -> _Judged:
    every = np.ones(len(frame), dtype=bool)
    try:
        _refuse_missing(name, node, frame, where)
        if (column := columns.of_labels(node, frame)) is not None:
            levels = design.levels_of(columns.labelled(node, frame), node, column)
            return _Judged(levels, len(levels) < 2)
        same = design.alike(numbers_of(node, frame, {}), every)
        return _Judged(None, same, bool(columns.zeros_and_ones(frame, [name])))
    except DataError as error:  # it may be that nobody uses it
        return _Judged(wrong=error)


def _refuse_missing(name: str, node: Node, frame: "pd.DataFrame", where: str) -> None:
    absent = missing.missing_by({name: node}, frame, {}, None, where)
    missing.keep(absent, len(frame), "error", where, " in the file itself, as --stream leaves out none")


def _frame(source: Source, names: Sequence[str], decided: Schema) -> "pd.DataFrame":
    """Some columns, whole, as the schema says."""
    return convert(source.read(list(dict.fromkeys(names))), decided)[0]


def _check_sizes(side: np.ndarray, where: str) -> None:
    if np.count_nonzero(side == 0) < 2:
        raise DataError(f"{where} has too few rows for its splits; use other --val-fraction and --test-fraction.")


def _target(
    source: Source, read: Formula, decided: Schema, train: np.ndarray, plan: Plan
) -> tuple[target.TargetEncoding, target.Loss, np.ndarray]:
    """(how the target is encoded, its loss, the target as the model is compared with it [n, 1])."""
    name = read.target
    assert name is not None  # refused
    node, every = read.factors[name], np.ones(source.rows, dtype=bool)
    frame = _frame(source, expression.columns(node), decided)
    _refuse_missing(name, node, frame, source.where)
    aims, loss = target.learn(name, node, frame, every, train, plan.choose, read.constant, where=source.where)
    plan.admit(loss)
    return aims, loss, target.apply(name, node, aims, frame, every, source.where)


def _frames(source: Source, read: Formula, decided: Schema) -> "Iterator[tuple[slice, pd.DataFrame]]":
    """The columns of the features block by block, and which rows of the table these are."""
    place = 0
    # y ~ 1 reads a column for the number of rows
    names = read.feature_columns or [decided.names[0]]
    for raw in source.blocks(names):
        frame = convert(raw, decided)[0]
        yield slice(place, place + len(frame)), frame
        place += len(frame)
    if place != source.rows:
        raise DataError(f"{source.where} has {place:,} rows where it says that it has {source.rows:,}.")


def _encoding(
    source: Source, read: Formula, decided: Schema, levels: dict[str, list[str]], side: np.ndarray
) -> design.Encoding:
    """Means and standard deviations of the design columns in the training rows: the file is read twice."""
    moments: design.Moments | None = None
    for _ in range(2):
        for rows, frame in _frames(source, read, decided):
            terms = Terms(read, frame, levels, {})
            moments = moments or design.Moments(terms.names, read.constant)
            moments.add(terms, np.flatnonzero(side[rows] == 0))
        assert moments is not None
        moments.next()
    assert moments is not None
    return moments.encoding(levels)


def write(
    source: Source, learnt: Learnt, y: np.ndarray, folder: Path, dtype: np.dtype[Any]
) -> dict[str, tuple[int, int]]:
    """Write the encoded rows of each split into files SPLIT.x and SPLIT.y of a folder, row after row: {split: (rows,
    design columns)}. `y` [n, 1] as the loss takes it.

    Raises:
        DataError: a number is too large. OSError: the disk is full.
    """
    own, count = learnt.preprocessing, dict.fromkeys(SPLITS, 0)
    assert own.schema is not None
    width = len(own.features.names)
    handles = {split: ((folder / f"{split}.x").open("wb"), (folder / f"{split}.y").open("wb")) for split in SPLITS}
    try:
        for rows, frame in _frames(source, own.formula, own.schema):
            encoder = design.Encoder(own.formula, own.features, frame)
            for i, split in enumerate(SPLITS):
                chosen = np.flatnonzero(learnt.side[rows] == i)
                for array, file in zip((encoder.at(chosen), y[rows][chosen]), handles[split], strict=True):
                    cast(array, dtype).tofile(file)
                count[split] += len(chosen)
    finally:
        for pair in handles.values():
            for file in pair:
                file.close()
    return {split: (n, width) for split, n in count.items()}


def cast(array: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Numbers in the precision of the fit.

    Raises:
        DataError: one is too large for it.
    """
    with np.errstate(over="ignore"):
        found = np.ascontiguousarray(array, dtype)
    if not np.isfinite(found).all():
        raise DataError(
            f"The data hold a number beyond {np.finfo(dtype).max:.2g}, the largest of --precision {dtype}; leave that "
            "row out, measure in other units, or take --precision float64."
        )
    return found
