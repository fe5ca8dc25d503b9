"""Kinds of target: the arrays that y and its predictions are, and what they are called in files and in words.

A loss says in its row which kind it takes (`losses.Loss.target`). Standard library only; NumPy inside functions.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from econml_cli.problems.base import Problem

#: a kind of target as `Problem.task`, preprocessing.json and `eval --json` say it
Task = Literal["regression", "binary", "multiclass", "reconstruction"]


@dataclass(frozen=True)
class Names:
    """What a problem calls its target and features, and its classes in the order of their numbers (None: numbers)."""

    target: str
    features: tuple[str, ...]
    classes: tuple[Any, ...] | None

    def labels(self, width: int) -> tuple[Any, ...]:
        """The classes of predictions [n, width]: one probability is that of the second of two."""
        return self.classes or tuple(range(max(width, 2)))


def names_of(problem: "Problem") -> Names:
    """The names of a problem, as `describe()` and `classes` give them; "y" where the target has none of its own."""
    about, classes = problem.describe(), getattr(problem, "classes", None)
    target = about.get("target")
    named = target if isinstance(target, str) else "y"
    return Names(named, tuple(map(str, about.get("features") or ())), tuple(classes) if classes else None)


@dataclass(frozen=True)
class Target:
    """One kind of target.

    Attributes:
        task: as files say it; None where nothing is observed.
        does: what a model of it does, a clause that follows the name of a run.
        columns: (names, number of outputs) -> the columns that `econml predict` writes, one an output.
        outputs: the same for the names of what an effect is on.
        meaning: (names, number of outputs) -> what a prediction is, in words.
        width: (number of classes, number of features) -> the outputs of a model.
        encoded: numbers [n, 1] or class numbers [n] -> `Batch.y`.
        classify: probabilities [n, outputs] -> class numbers [n]; None where there are no classes.
        observed: whether there is an outcome that a prediction can be compared with.
        reconstructs: whether y is x itself. several: whether the outputs are several statistics of one number.
        location: of each of several, 1 where it moves with the number, 0 where it does not (a standard deviation); ():
            all do.
    """

    task: Task | None
    does: str
    columns: Callable[[Names, int], tuple[str, ...]]
    outputs: Callable[[Names, int], tuple[str, ...]]
    meaning: Callable[[Names, int], str]
    width: Callable[[int, int], int] = lambda classes, features: 1
    encoded: Callable[[Any], Any] = lambda y: y
    classify: Callable[[Any], Any] | None = None
    observed: bool = True
    reconstructs: bool = False
    several: bool = False
    location: tuple[float, ...] = ()

    @property
    def classifies(self) -> bool:
        """Whether predictions are probabilities of classes."""
        return self.classify is not None

    @property
    def is_number(self) -> bool:
        """Whether the outcome is a number (or several), and y less its prediction a residual in its units."""
        return self.observed and not self.classifies and not self.reconstructs and not self.several


def _numbered(name: str) -> Callable[[Names, int], tuple[str, ...]]:
    """("yhat",), or ("yhat_1", "yhat_2", ...)."""
    return lambda names, width: (name,) if width == 1 else tuple(f"{name}_{i + 1}" for i in range(width))


def _predicted(names: Names, width: int) -> tuple[str, ...]:
    """As `_numbered`; of a target that is a function of a column "yhat_log_wage", since it is not in the column's
    units."""
    call = re.fullmatch(r"\w+\(.+\)", names.target)
    return _numbered("yhat_" + "_".join(re.findall(r"\w+", names.target)) if call else "yhat")(names, width)


def _target(names: Names, width: int) -> tuple[str, ...]:
    return _numbered(names.target)(names, width)


def _own_units(names: Names, width: int) -> str:
    return "prediction in the target's own units"


def _of_second(names: Names, width: int) -> tuple[str, ...]:
    return (f"P({names.target} = {names.labels(width)[1]})",)


def _of_each(names: Names, width: int) -> tuple[str, ...]:
    return tuple(f"P({names.target} = {label})" for label in names.labels(width))


def _second(names: Names, width: int) -> str:
    first, second, *_ = names.labels(width)
    return f"probability of {second}, not {first}"


def _more_probable(p: Any) -> Any:
    return (p[:, 0] >= 0.5).astype(int)


def _most_probable(p: Any) -> Any:
    return p.argmax(axis=1)


def _column(codes: Any) -> Any:
    return codes[:, None].astype("float64")


#: y [n, 1] (or [n, dout]) float
NUMBER = Target("regression", "predicts a number", _predicted, _target, _own_units)


def quantiles(labels: Sequence[str]) -> Target:
    """y [n, 1] float, of which several quantiles with these names (q10, q50) are predicted."""
    if len(labels) == 1:
        return NUMBER
    return Target(
        "regression", "predicts several quantiles",
        lambda names, width: tuple(f"{_predicted(names, 1)[0]}_{label}" for label in labels),
        lambda names, width: tuple(f"{label} of {names.target}" for label in labels),
        lambda names, width: "quantiles in the target's own units",
        width=lambda classes, features: len(labels),
        several=True,
    )  # fmt: skip


#: y [n, 1] float, of which the mean and the standard deviation are predicted
MEAN_AND_SD = Target(
    "regression", "predicts a mean and a standard deviation",
    lambda names, width: (_predicted(names, 1)[0], "sd"),
    lambda names, width: (names.target, f"sd of {names.target}"),
    lambda names, width: "mean and standard deviation in the target's own units",
    width=lambda classes, features: 2,
    several=True,
    location=(1.0, 0.0),
)  # fmt: skip
#: y [n, 1] float, 0 or 1; one output, from which the probability of 1 follows
TWO_CLASSES = Target(
    "binary", "predicts classes", lambda names, width: ("p",), _of_second, _second,
    encoded=_column, classify=_more_probable,
)  # fmt: skip
#: y [n] int, class numbers; an output a class
CLASSES = Target(
    "multiclass",
    "predicts classes",
    lambda names, width: tuple(f"p_{label}" for label in names.labels(width)),
    _of_each,
    lambda names, width: "probability of each class",
    width=lambda classes, features: classes,
    classify=_most_probable,
)
#: y is x
FEATURES = Target(
    "reconstruction",
    "reconstructs its features",
    lambda names, width: tuple(f"{name}_hat" for name in names.features),
    _target,
    _own_units,
    width=lambda classes, features: features,
    reconstructs=True,
)
#: nothing is observed: the loss is the problem's own, of equations that should be zero
NOTHING = Target(None, "has no observed outcome", _numbered("yhat"), _target, _own_units, observed=False)
