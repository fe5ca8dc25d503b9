"""The left-hand side: its classes, and the numbers that a loss compares predictions with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from econml_cli.data import columns, transforms
from econml_cli.data import rows as rows_of
from econml_cli.data.expression import Node
from econml_cli.data.transforms import Learnt
from econml_cli.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


class Loss(Protocol):
    """What of a loss the target has to know."""

    @property
    def name(self) -> str:
        """As --loss writes it."""

    @property
    def task(self) -> str | None:
        """The kind of target that it takes, as preprocessing.json says it."""

    @property
    def classifies(self) -> bool:
        """Whether it takes classes, not a number."""

    @property
    def standardises(self) -> bool:
        """Whether it takes a number less its mean, over its standard deviation."""

    @property
    def by_mean(self) -> bool:
        """Whether it takes a number over its mean."""

    @property
    def admits(self) -> Callable[[Any, str], str | None]:
        """(values [n], name of the target) -> what is wrong with them, after "--loss NAME"; None: nothing."""


#: (how many different values a target has, or None: it has none; whether they are labels) -> the loss that it gets
Choose = Callable[[int | None, bool], Loss]


@dataclass(frozen=True)
class TargetEncoding:
    """The task of the loss; `classes` as the file has them (None: a number); `mean` and `scale` taken off it."""

    task: str | None
    classes: list[Any] | None
    mean: float
    scale: float
    learnt: Learnt


def of_features(loss: Loss) -> TargetEncoding:
    """The target of a reconstruction: the encoded features, as they are."""
    return TargetEncoding(loss.task, None, 0.0, 1.0, {})


def learn(
    name: str,
    node: Node,
    frame: "pd.DataFrame",
    kept: np.ndarray,
    train: np.ndarray,
    choose: Choose,
    constant: bool = True,
    panel: Learnt | None = None,
    weights: np.ndarray | None = None,
    exposure: np.ndarray | None = None,
    where: str = "the file",
) -> tuple[TargetEncoding, Loss]:
    """Learn how to encode the target `name`, for the loss that `choose` gives it. `kept`, `train` [n] bool as in
    `design.learn`.

    Classes are those of all rows kept; mean and standard deviation are those of the training rows. Without a `constant`
    no mean is taken off. `weights` [n] are those of mean and standard deviation; None: all are 1.
    The target is taken over the `exposure` [n]. `where` is the file, for an error.

    Raises:
        DataError: one value only, also in the training rows; or the target does not fit the loss.
    """
    learnt: Learnt = dict(panel or {})
    column = _column(node, frame, learnt, train)
    labels = columns.of_labels(node, frame) is not None
    found = columns.different(column, kept)
    if found < 2:
        raise DataError(
            f"Target '{name}' has the same value in all {int(kept.sum()):,} rows; nothing is to be explained."
        )
    loss = choose(found, labels)
    if loss.classifies:
        _check_admitted(loss, column[kept].factorize()[0], name, "")
        return TargetEncoding(loss.task, _classes(name, column[kept], column[train]), 0.0, 1.0, learnt), loss
    numbers = columns.as_numbers(column, name)
    least = int((numbers if kept.all() else np.where(kept, numbers, np.inf)).argmin())
    place = f" (row {rows_of.number(least, where):,} of {where}: {numbers[least]:g})"
    del column
    used = numbers if kept.all() else numbers[kept]
    _check_admitted(loss, used, name, place if numbers[least] <= 0 else "")
    columns.refuse_large("Target", name, float(max(np.max(used), -np.min(used))))
    del used
    if exposure is not None:
        numbers = numbers / exposure
    values, w = numbers[train], None if weights is None else weights[train]
    if w is not None:
        values, w = values[w > 0], w[w > 0]
    if np.ptp(values) == 0:
        raise DataError(f"Target '{name}' is the same in all training rows; try another --split-seed.")
    if loss.by_mean:
        unit = float(np.average(values, weights=w)) if constant else 1.0
        return TargetEncoding(loss.task, None, 0.0, unit, learnt), loss
    mean, scale = _moments(values, w) if loss.standardises else (0.0, 1.0)
    return TargetEncoding(loss.task, None, mean if constant else 0.0, scale, learnt), loss


def _moments(values: np.ndarray, w: np.ndarray | None) -> tuple[float, float]:
    """Mean and standard deviation."""
    if w is None:
        return float(values.mean()), float(values.std())
    mean = float(np.average(values, weights=w))
    return mean, float(np.sqrt(np.average(np.square(values - mean), weights=w)))


def _check_admitted(loss: Loss, values: np.ndarray, name: str, place: str) -> None:
    if wrong := loss.admits(values, name):
        raise DataError(f"--loss {loss.name} {wrong}{place}; correct it, or take another --loss.")


def apply(
    name: str, node: Node, encoding: TargetEncoding, frame: "pd.DataFrame", rows: np.ndarray, where: str
) -> np.ndarray:
    """The target of every row, a number [n, 1] or the number of its class [n]; others than `rows` [n] bool hold
    anything.

    Raises:
        DataError: a class that the fit did not have, or text where there were numbers.
    """
    column = _column(node, frame, encoding.learnt, None)
    if encoding.classes is None:
        return ((columns.as_numbers(column, name) - encoding.mean) / encoding.scale)[:, None]
    known = [columns.level_name(value) for value in encoding.classes]
    columns.refuse_unseen(column, known, name, rows, where)
    return columns.codes(column, known)


def _column(node: Node, frame: "pd.DataFrame", learnt: Learnt, train: np.ndarray | None) -> "pd.Series":
    """The target as a column: as it stands in the table where it can be labels, else computed."""
    import pandas as pd

    if columns.of_labels(node, frame) is not None:
        return columns.labelled(node, frame)
    return pd.Series(transforms.evaluate(node, frame, learnt, train), index=frame.index)


def _classes(name: str, column: "pd.Series", train: "pd.Series") -> list[Any]:
    """The classes as plain numbers, booleans or text, in order."""
    order = columns.levels(column, name)
    if len(order) >= len(column):
        raise DataError(
            f"Target '{name}' has as many classes as rows ({len(order)}); is it an identifier, or numbers but "
            "for a word that means missing (--na-values WORD)?"
        )
    if train.nunique() < 2:
        raise DataError(f"The training split has one class of '{name}' only; try another --split-seed.")
    if len(order) > len(train):
        raise DataError(
            f"The training split has {len(train)} rows for the {len(order)} classes of '{name}'; use smaller "
            "--val-fraction and --test-fraction."
        )
    plain = {columns.level_name(value): _plain(value) for value in column.dropna().unique()}
    return [plain[level] for level in order]


def _plain(value: Any) -> Any:
    """A class as JSON can hold it: True, 1, 1.5 or its text."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value if isinstance(value, bool | int | float) else columns.level_name(value)
