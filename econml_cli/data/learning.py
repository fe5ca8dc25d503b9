"""Learning from a table what encodes any table like it: which rows can be used, levels, scales, and the target."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from econml_cli.data import columns, design, entities, expression, fills, missing, target
from econml_cli.data import panel as panels
from econml_cli.data import weights as weighting
from econml_cli.data.expression import Node
from econml_cli.data.formula import Formula
from econml_cli.data.preprocessing import Preprocessing
from econml_cli.data.specification import Specification
from econml_cli.data.weights import RowWeights
from econml_cli.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

#: the columns of units and of time
Panel = tuple[str | None, str | None]


def learn(
    frame: "pd.DataFrame",
    where: str,
    specification: Specification,
    rule: missing.Rule,
    choose: target.Choose,
    split: Callable[..., dict[str, np.ndarray]],
    parted_by: str | None,
    constant: bool | None = None,
    panel: Panel | None = None,
    weights: RowWeights | None = None,
    embed: Mapping[tuple[str, ...], int] | None = None,
) -> tuple[Preprocessing, target.Loss, dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Learn from the training rows of a table: (preprocessing, the loss that `choose` gives the target, usable
    positions of each split, rows that `encode` keeps when it needs no target [n] bool, rows without missing values
    [n] bool).

    `parted_by` is the column of groups, or of time, by which rows are parted: those without it are left out.
    `panel` are the columns of units and of time by which lag(...) goes. `split` gives {split: positions}; it is told
    the rows `kept` once they are known. `constant`: whether there is one; None: as the formula says. `weights`: of the
    rows, by which means and standard deviations are taken. `embed`: {columns: width} of the embeddings. Rows for
    validation and testing of a level of a fixed effect that no training row has are not usable.

    Raises:
        ConfigError: the formula is not admitted. DataError: the table cannot be used; says why.
    """
    read = specification.formula()
    if constant is not None:
        read = dataclasses.replace(read, constant=constant)
    left = {} if read.target is None else {read.target: read.factors[read.target]}
    explained = [column for node in left.values() for column in expression.columns(node)]
    wanted: dict[tuple[str, ...], int | None] = {**dict.fromkeys(read.absorbed), **(embed or {})}
    named = [column for names in wanted for column in names]
    columns.require([*read.feature_columns, *explained, *named], frame, where)
    train = _mask(split()["train"], len(frame))
    without = _without(frame, where, left, parted_by, weights, named)
    known = _panel(read, frame, panel, where)
    filled_with: fills.Fills = {}
    if rule == "indicate":
        filled_with = _fills(read, frame, known, without, split, weights, where)
        read, frame = fills.extended(read, filled_with), fills.apply(filled_with, frame)
    absent, with_features = _gaps(read, left, frame, known, train, without, named, where)
    apart = (parted_by, None if weights is None else weights.column, *named)
    absent |= {name: gaps for name, gaps in without.items() if name in apart}
    filling = "; or fill the gaps of features, beside columns that say so: --missing indicate"
    kept = missing.keep(absent, len(frame), rule, where, filling if absent.keys() - without.keys() else "")
    parts = split(kept=kept)
    train = _mask(parts["train"], len(frame)) & kept
    levels = entities.learn(wanted, frame, kept, train)
    told = entities.known(levels, frame)
    usable = _usable(parts, kept, told, where)
    w = _weights(weights, frame, kept, usable, where)
    exposed = w if weights is not None and weights.is_exposure else None
    encoding = design.learn(read, frame, kept, train, read.constant, known, w)
    binary = columns.zeros_and_ones(frame, read.feature_columns, kept)
    aims, loss = _learn_target(read, frame, kept, train, choose, known, w, exposed, where)
    notes = entities.notes(levels, frame, {name: rows[kept[rows]] for name, rows in parts.items()})
    found = Preprocessing(
        specification, read, rule, encoding, aims, binary, constant=read.constant, weights=weights,
        filled_with=filled_with, entities=levels, of_levels=tuple(notes),
    )  # fmt: skip
    return found, loss, usable, with_features & told, kept


def _gaps(
    read: Formula,
    left: Mapping[str, Node],
    frame: "pd.DataFrame",
    known: dict[str, Any],
    train: np.ndarray,
    without: Mapping[str, np.ndarray],
    levels: Sequence[str],
    where: str,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Where the features, and what they explain, are missing: {name: [n] bool}; and the rows without missing values of
    features and `levels`, [n] bool."""
    absent = missing.missing_by(read.features, frame, known, train, where, without)
    gone = [gaps for name, gaps in without.items() if name in levels]
    with_features = ~missing.any_of([*gone, *absent.values()], len(frame))
    absent |= missing.missing_by(left, frame, known, train, where, {**absent, **without})
    return absent, with_features


def _weights(
    weights: RowWeights | None, frame: "pd.DataFrame", kept: np.ndarray, usable: dict[str, np.ndarray], where: str
) -> np.ndarray | None:
    """The weights of the rows of a table, in each split some above 0; None where there are none."""
    if weights is None:
        return None
    found = weights.values(frame, kept, where)
    weighting.check_each_split(found, usable, weights.column, where)
    return found


def _without(
    frame: "pd.DataFrame",
    where: str,
    explained: Mapping[str, Node],
    parted_by: str | None,
    weights: RowWeights | None,
    levels: Sequence[str],
) -> dict[str, np.ndarray]:
    """Where a column is missing that is no feature: what is explained, what rows are parted by, weights, and those of
    fixed effects and embeddings; {column: [n] bool} of those that are missing anywhere."""
    found = missing.columns_missing(explained, frame, where)
    if parted_by is not None and (gaps := frame[parted_by].isna().to_numpy(dtype=bool)).any():
        found[parted_by] = gaps
    if weights is not None and (gaps := weights.missing(frame, where)).any():
        found[weights.column] = gaps
    return found | {name: gaps for name in levels if (gaps := frame[name].isna().to_numpy(dtype=bool)).any()}


def _learn_target(
    read: Formula,
    frame: "pd.DataFrame",
    kept: np.ndarray,
    train: np.ndarray,
    choose: target.Choose,
    known: dict[str, Any],
    w: np.ndarray | None,
    exposure: np.ndarray | None,
    where: str,
) -> tuple[target.TargetEncoding, target.Loss]:
    """How the target of a formula is encoded, or the features where there is none, and the loss that is chosen."""
    if read.target is None:
        loss = choose(None, False)
        return target.of_features(loss), loss
    own = (frame, kept, train, choose, read.constant, known, w)
    return target.learn(read.target, read.factors[read.target], *own, exposure=exposure, where=where)


def _fills(
    read: Formula,
    frame: "pd.DataFrame",
    known: dict[str, Any],
    without: Mapping[str, np.ndarray],
    split: Callable[..., dict[str, np.ndarray]],
    weights: RowWeights | None,
    where: str,
) -> fills.Fills:
    """What stands for missing values: learnt from the training rows that are not left out `without` something else."""
    shifting = {name: node for name, node in read.features.items() if expression.shifts(node)}
    gone = missing.missing_by(shifting, frame, known, None, where, without)
    kept = ~missing.any_of([*without.values(), *gone.values()], len(frame))
    train = _mask(split(kept=kept)["train"], len(frame)) & kept
    return fills.learn(read, frame, kept, train, None if weights is None else weights.values(frame, kept, where))


def _panel(read: Formula, frame: "pd.DataFrame", panel: Panel | None, where: str) -> dict[str, Any]:
    """What is known of units and time where a factor asks for it."""
    shifts = any(expression.shifts(node) for node in read.factors.values())
    return {panels.KEY: panels.learn(frame, *panel, where)} if shifts and panel is not None else {}


def _mask(rows: np.ndarray, n: int) -> np.ndarray:
    found = np.zeros(n, dtype=bool)
    found[rows] = True
    return found


def _usable(parts: dict[str, np.ndarray], kept: np.ndarray, told: np.ndarray, where: str) -> dict[str, np.ndarray]:
    """The positions of each split that are kept and whose fixed effects are known.

    Raises:
        DataError: a split has none of these, or too few.
    """
    there = kept & told
    usable = parts if there.all() else {name: rows[there[rows]] for name, rows in parts.items()}
    _check_told(parts, kept, told, where)
    _check_sizes(parts, usable, where)
    return usable


def _check_told(parts: dict[str, np.ndarray], kept: np.ndarray, told: np.ndarray, where: str) -> None:
    """Refuse a split none of whose rows has the fixed effects of a training row."""
    for split, rows in parts.items():
        if kept[rows].any() and not (kept & told)[rows].any():
            raise DataError(
                f"{where}: every row of the {split} split has a level of a fixed effect that no training row has, so "
                "none can be predicted; use another split (groups and times are new to it by design), or "
                "--val-fraction 0 --test-fraction 0."
            )


def _check_sizes(parts: dict[str, np.ndarray], usable: dict[str, np.ndarray], where: str) -> None:
    for split, rows in usable.items():
        least = 2 if split == "train" else min(1, len(parts[split]))
        if len(rows) < least:
            sizes = ", ".join(f"{len(r):,} {s}" for s, r in usable.items())
            raise DataError(
                f"{where} has too few rows for its splits ({sizes}, where {split} needs {least}); use other "
                "--val-fraction and --test-fraction, or another --split-seed."
            )
