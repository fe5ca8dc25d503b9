"""Counts with fixed effects: rows that a Poisson likelihood would fit by a mean of exactly 0 are left out, and said."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from econml_cli.data import entities
from econml_cli.errors import DataError, plural
from econml_cli.models import absorbed_poisson

if TYPE_CHECKING:
    import pandas as pd

    from econml_cli.data.preprocessing import Preprocessing

#: positions, or inputs, of each split
Rows = dict[str, np.ndarray]


def without_separated(
    learnt: Preprocessing,
    frame: pd.DataFrame,
    usable: Rows,
    with_features: np.ndarray,
    x: Rows,
    y: np.ndarray,
    w: np.ndarray | None,
    where: str,
) -> tuple[Preprocessing, Rows, np.ndarray, Rows]:
    """What was learnt, the usable positions of each split, the rows that can be encoded [n] bool and the inputs of each
    split, without training rows that are separated, and then without the rows of all levels that no training row tells
    any more: their fixed effect would be minus infinity. As ppmlhdfe and fixest do.

    Args:
        y, w: outcomes and weights of all rows of the table, [n].

    Raises:
        DataError: nothing is left to train on, or of a split.
    """
    every, train = learnt.entities, usable["train"]
    q, sizes = len(every), [len(one.levels) for one in every]
    codes = x["train"][:, -q:].astype(np.int64)
    gone = absorbed_poisson.separated(x["train"][:, :-q], codes, sizes, y[train], None if w is None else w[train])
    if not gone.any():
        return learnt, usable, with_features, x
    seen = [np.bincount(codes[~gone, j], minlength=size) > 0 for j, size in enumerate(sizes)]
    told = tuple(
        dataclasses.replace(one, unseen=np.flatnonzero(~there).tolist()) for one, there in zip(every, seen, strict=True)
    )
    known = entities.known(told, frame)
    keeps = {split: known[rows] for split, rows in usable.items()}
    keeps["train"] = ~gone
    kept = {split: rows[keeps[split]] for split, rows in usable.items()}
    for split, rows in kept.items():
        if len(rows) < (2 if split == "train" else min(1, len(usable[split]))):
            raise DataError(
                f"{where}: every row of the {split} split, or all but one, is separated (0, in levels or under "
                "combinations of columns that have nothing but 0), so that a Poisson likelihood has no maximum; take "
                "coarser fixed effects, or fewer columns."
            )
    notes = [*_told(every, codes, gone, seen), *entities.notes(told, frame, kept)]
    out = sum(len(usable[split]) - len(rows) for split, rows in kept.items() if split != "train")
    if out:
        notes.append(
            f"{plural(out, 'row')} for validation and testing {'is' if out == 1 else 'are'} left out with them."
        )
    found = dataclasses.replace(learnt, entities=told, of_levels=tuple(notes))
    inputs = {split: rows[keeps[split]] for split, rows in x.items()}
    return found, kept, with_features & known, inputs


def _told(
    every: tuple[entities.Entities, ...], codes: np.ndarray, gone: np.ndarray, seen: list[np.ndarray]
) -> list[str]:
    """Which training rows are left out, and why, in a sentence each."""
    said, of_levels = [], np.zeros(len(gone), dtype=bool)
    for j, one in enumerate(every):
        lost = np.setdiff1d(np.unique(codes[gone, j]), np.flatnonzero(seen[j]))
        inside = np.isin(codes[:, j], lost) & ~of_levels
        if inside.any():
            of_levels |= inside
            said.append(
                f"{plural(int(inside.sum()), 'training row')} of {plural(len(lost), 'level')} of the fixed effect "
                f"'{one.name}' left out: nothing but 0 is counted there, so that the effect would be minus infinity "
                "(separation)."
            )
    if rest := int((gone & ~of_levels).sum()):
        said.append(
            f"{plural(rest, 'training row')} left out: a combination of columns and fixed effects is positive in "
            f"{'it' if rest == 1 else 'them'} alone, where nothing but 0 is counted, so that estimates would be "
            "infinite (separation)."
        )
    return said
