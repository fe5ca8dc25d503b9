"""The left-hand side: which task it makes, its classes, and the numbers that the loss compares predictions with."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from econml_cli.data import columns, transforms
from econml_cli.data.expression import Node
from econml_cli.data.transforms import Learnt
from econml_cli.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Task = Literal["regression", "binary", "multiclass", "reconstruction"]
TASKS: dict[str, Task] = {"mse": "regression", "binary": "binary", "multiclass": "multiclass"}


@dataclass(frozen=True)
class TargetEncoding:
    """The task; `classes` as the file has them (None: regression); `mean` and `scale` taken off (classes: 0, 1)."""

    task: Task
    classes: list[Any] | None
    mean: float
    scale: float
    learnt: Learnt


def of_features() -> TargetEncoding:
    """The target of a reconstruction: the encoded features, as they are."""
    return TargetEncoding("reconstruction", None, 0.0, 1.0, {})


def learn(
    name: str, node: Node, frame: "pd.DataFrame", kept: np.ndarray, train: np.ndarray, loss: str | None
) -> TargetEncoding:
    """Learn how to encode the target `name`. `kept`, `train` [n] bool as in `design.learn`; `loss` as in --loss.

    Classes are those of all rows kept; mean and standard deviation are those of the training rows. Without `loss`, two
    values make a binary task, text and categories a multiclass one, other numbers a regression.

    Raises:
        DataError: one value only, also in the training rows; or the target does not fit the loss.
    """
    learnt: Learnt = {}
    column = _column(name, node, frame, learnt, train)
    labels = columns.of_labels(node, frame) is not None
    found = column[kept].nunique()
    if found < 2:
        raise DataError(
            f"Target '{name}' has the same value in all {int(kept.sum()):,} rows; nothing is to be explained."
        )
    task = TASKS[loss] if loss else "binary" if found == 2 else "multiclass" if labels else "regression"
    if task == "regression":
        values = columns.as_numbers(column, name)[train]
        if np.ptp(values) == 0:
            raise DataError(f"Target '{name}' is the same in all training rows; try another --split-seed.")
        return TargetEncoding(task, None, float(values.mean()), float(values.std()), learnt)
    if task == "binary" and found != 2:
        raise DataError(
            f"--loss binary needs a target with two values, but '{name}' has {found:,}; try --loss multiclass."
        )
    return TargetEncoding(task, _classes(name, column[kept], column[train]), 0.0, 1.0, learnt)


def apply(name: str, node: Node, encoding: TargetEncoding, frame: "pd.DataFrame") -> np.ndarray:
    """The target of every row as a `Batch.y`; rows with missing values hold anything.

    Raises:
        DataError: a class that the fit did not have, or text where there were numbers.
    """
    column = _column(name, node, frame, encoding.learnt, None)
    if encoding.classes is None:
        return ((columns.as_numbers(column, name) - encoding.mean) / encoding.scale)[:, None]
    codes = columns.codes(column, [columns.level_name(value) for value in encoding.classes], name)
    return codes if encoding.task == "multiclass" else codes[:, None].astype(np.float64)


def _column(name: str, node: Node, frame: "pd.DataFrame", learnt: Learnt, train: np.ndarray | None) -> "pd.Series":
    """The target as a column: as it stands in the table where it can be labels, else computed."""
    import pandas as pd

    if (source := columns.of_labels(node, frame)) is not None:
        return frame[source]
    return pd.Series(transforms.evaluate(node, frame, learnt, train), index=frame.index)


def _classes(name: str, column: "pd.Series", train: "pd.Series") -> list[Any]:
    """The classes as plain numbers, booleans or text, in order."""
    order = columns.levels(column, name)
    if len(order) >= len(column):
        raise DataError(f"Target '{name}' has as many classes as rows ({len(order)}); is it an identifier?")
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
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, bool | int | float) else columns.level_name(value)
