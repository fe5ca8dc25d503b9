"""One run of a comparison: its evaluation, what it was fitted with, and the test of it against the baseline."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from econml_cli.evaluation.comparing.accuracy_tests import Difference
from econml_cli.evaluation.evaluation import Evaluation

#: the parts of a test that have names of their own in a flat row
NAMES = {"value": "difference", "p_value": "p_value"}


@dataclass(frozen=True)
class Column:
    """One run of a comparison.

    Attributes:
        label: "(1)", "(2)", ... options: those in which the runs differ, that this one has.
        target: what is explained, where it has a name. features: how many numbers the model reads an observation.
        n_train: observations that it was fitted to.
        against: the test against the baseline; None for the baseline itself, and where there can be none.
        method: what its model is called in a paper: "OLS", "logit", "mlp".
        labels: what the file calls its variables (Stata's variable labels), by column.
        weighted: how its rows count in the loss, {row of a paper's table: cell}: "Weights", "Exposure", "Offset",
            "Class weights"; {} where all count the same.
    """

    label: str
    evaluation: Evaluation
    target: str | None
    features: int
    n_train: int | None
    options: dict[str, Any]
    num_params: int | None
    seconds: float | None
    against: Difference | None = None
    method: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    weighted: Mapping[str, str] = field(default_factory=dict)

    def called(self, column: str) -> str:
        """The label of a column, the column itself where it has none."""
        return self.labels.get(column) or column

    @property
    def name(self) -> str:
        """The run, and which member of it where one was chosen."""
        member = self.evaluation.member
        return self.evaluation.run if member is None else f"{self.evaluation.run} #{member}"

    @property
    def epochs(self) -> int | None:
        """Epochs of training up to these weights; None for a model that is solved."""
        return None if self.evaluation.status == "solved" else self.evaluation.epoch

    def to_dict(self) -> dict[str, Any]:
        """One JSON object: that of the evaluation, and what a comparison adds."""
        found = {"column": self.label, **self.evaluation.to_dict(), "target": self.target, "features": self.features}
        found |= {
            "n_train": self.n_train,
            "options": self.options,
            "num_params": self.num_params,
            "seconds": self.seconds,
        }
        return {**found, "against": self.against and self.against.to_dict()}

    def row(self) -> dict[str, Any]:
        """The same as one flat row; a test of equal accuracy has the names difference, difference_low, ..., p_value."""
        row: dict[str, Any] = {"column": self.label, **self.evaluation.rows()[0], "target": self.target}
        row |= {
            "features": self.features,
            "n_train": self.n_train,
            "num_params": self.num_params,
            "seconds": self.seconds,
        }
        row |= {f"option_{name}": _joined(value) for name, value in self.options.items()}
        for name, value in (self.against.to_dict() if self.against else {}).items():
            row[NAMES.get(name, f"difference_{name}")] = value
        return row


def _joined(value: Any) -> Any:
    return ",".join(map(str, value)) if isinstance(value, list) else value
