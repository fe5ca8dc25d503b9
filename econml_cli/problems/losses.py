"""The losses by name: one frozen row each, which says all that other files ask of a loss.

Add one: a function (output, y) -> [n] and a row here; a metric that no loss has yet is a function in metrics.py, whose
name stands in the row. Packages offer rows as entry points, users in files of their own (`--loss ./mine.py:my_loss`).
No jax at module level: the command line reads this table to say what --loss can be.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from econml_cli.errors import ConfigError, suggest
from econml_cli.options import own_code, plugins
from econml_cli.problems.families import BINOMIAL, GAUSSIAN, Family
from econml_cli.problems.targets import CLASSES, FEATURES, NOTHING, NUMBER, TWO_CLASSES, Target, Task

if TYPE_CHECKING:
    from econml_cli.problems.metrics import Metric

#: the classical models beside which a fit can be shown
Classical = Literal["OLS", "logit"]
#: the entry points by which installed packages offer losses
GROUP = "econml_cli.losses"


def _as_it_is(output: Any) -> Any:
    return output


def _any_numbers(values: Any, target: str) -> str | None:
    return None


@dataclass(frozen=True)
class Loss:
    """One loss l(output of the model, y).

    Attributes:
        name: as --loss writes it.
        per_row: (output [n, dout], y) -> the loss of each observation, [n]; `target` says the shape of y. Called
            inside jit. None where the problem alone knows (equations).
        target: the kind of target that it takes.
        inverse_link: output [n, dout] -> prediction [n, dout]; probabilities where the target is classes.
        least_squares: whether it is the mean square of output - y over outputs, so that least squares minimises it.
        convex: whether it is convex and twice differentiable in the output, so that Newton's method minimises it for a
            model that is linear in its parameters.
        power: a mean loss of the standardised target times (standard deviation)^power is reported.
        standardises: whether a number is standardised by its mean and standard deviation in the training rows; not
            where the loss needs y as it is (counts).
        admits: (the target's values [n] of all rows, its name) -> what is wrong with them, a clause that follows
            "--loss NAME", or None. Numbers as in the file; classes by number.
        words: what it is called in a sentence; its name where that is left out.
        metrics: what `eval` reports beside the loss: names of functions in `problems.metrics`, or functions
            (y, prediction) -> Moments.
        shown: the metrics in the table of a cross-validation.
        classical: the classical model beside whose effects those of a fit are shown: "OLS", "logit", or None.
        family: the distribution whose likelihood it is (up to what does not depend on the output), by which
            coefficients of a linear model have standard errors; None: they have none.
    """

    name: str
    per_row: Callable[[Any, Any], Any] | None
    target: Target = NUMBER
    inverse_link: Callable[[Any], Any] = _as_it_is
    least_squares: bool = False
    convex: bool = False
    power: float = 0
    standardises: bool = True
    admits: Callable[[Any, str], str | None] = _any_numbers
    words: str = ""
    metrics: "tuple[str | Metric, ...]" = ("regression",)
    shown: tuple[str, ...] = ("rmse", "r2")
    classical: Classical | None = None
    family: Family | None = None

    @property
    def task(self) -> Task | None:
        """The kind of target as `Problem.task`, preprocessing.json and `eval --json` say it."""
        return self.target.task

    @property
    def called(self) -> str:
        """What it is called in a sentence."""
        return self.words or own_code.label(self.name)

    @property
    def solvable(self) -> bool:
        """Whether a model that is linear in its parameters can be solved for it, not trained."""
        return self.least_squares or self.convex

    @property
    def observed(self) -> bool:
        """Whether there is an outcome that a prediction can be compared with."""
        return self.target.observed

    @property
    def classifies(self) -> bool:
        """Whether predictions are probabilities of classes."""
        return self.target.classifies

    @property
    def reconstructs(self) -> bool:
        """Whether x itself is predicted."""
        return self.target.reconstructs

    @property
    def has_residuals(self) -> bool:
        """Whether y less its prediction is a residual in units of the target."""
        return self.target.is_number


def squared_error(output: Any, y: Any) -> Any:
    """The mean over outputs [n, dout] of (output - y)^2, [n]."""
    import jax.numpy as jnp

    return jnp.mean(jnp.square(output - y), axis=1)


def binary_cross_entropy(output: Any, y: Any) -> Any:
    """Cross-entropy in nats of log odds [n, 1] and y [n, 1] of 0 and 1, [n]."""
    import optax

    return optax.sigmoid_binary_cross_entropy(output, y)[:, 0]


def cross_entropy(output: Any, y: Any) -> Any:
    """Cross-entropy in nats of logits [n, classes] and class numbers y [n], [n]."""
    import optax

    return optax.softmax_cross_entropy_with_integer_labels(output, y)


def _sigmoid(output: Any) -> Any:
    import jax

    return jax.nn.sigmoid(output)


def _softmax(output: Any) -> Any:
    import jax

    return jax.nn.softmax(output)


def _two_values(values: Any, target: str) -> str | None:
    count = len(set(values.tolist()))
    if count == 2:
        return None
    return f"needs a target with two values, but '{target}' has {count:,}; try --loss multiclass"


_TABLE = (
    Loss("mse", squared_error, words="squared error", least_squares=True, power=2, classical="OLS", family=GAUSSIAN),
    Loss(
        "binary", binary_cross_entropy, TWO_CLASSES, _sigmoid,
        words="cross-entropy", admits=_two_values, metrics=("binary",), shown=("accuracy", "auc"), classical="logit",
        convex=True, family=BINOMIAL,
    ),
    Loss(
        "multiclass", cross_entropy, CLASSES, _softmax,
        words="cross-entropy", metrics=("multiclass",), shown=("accuracy", "auc"), convex=True,
    ),
    Loss(
        "reconstruction", squared_error, FEATURES,
        words="squared error", least_squares=True, power=2, metrics=("explained",), shown=("r2",),
    ),
)  # fmt: skip

#: what --loss can be; the first row with a kind of target is that of a target of this kind
LOSSES: Mapping[str, Loss] = {row.name: row for row in _TABLE}
#: of a problem whose loss is its own and which has nothing observed (task None)
EQUATIONS = Loss("equations", None, NOTHING, words="not the squared error of a target", metrics=(), shown=())


def get(name: str) -> Loss:
    """The row of a loss: of ours, of an installed package, or of a file (`./mine.py:my_loss`), under this name.

    What a file or a package has is a `Loss`, or a function (output, y) -> [n], which is taken for a loss of a
    number: with the identity as its link, reported of the standardised target, and not solved by least squares.

    Raises:
        ConfigError: there is no such loss (the nearest name is suggested), or it cannot be loaded.
    """
    if name in LOSSES:
        return LOSSES[name]
    found = plugins.load(name, GROUP, what="loss", fits=_is_loss)
    if found is None:
        known = [*LOSSES, *plugins.offered(GROUP)]
        raise ConfigError(
            f"Unknown loss '{name}': choose one of {', '.join(known)}.{suggest(name, known)} Your own: "
            "./FILE.py:NAME, a function of (output, y)."
        )
    return dataclasses.replace(found[0], name=name) if isinstance(found[0], Loss) else Loss(name, found[0])


def _is_loss(found: Any) -> bool:
    return isinstance(found, Loss) or (callable(found) and not isinstance(found, type))


def of(problem: Any) -> Loss:
    """The row of a problem: its `loss_row`, or that of its `task`.

    Raises:
        ConfigError: it has a task that is none.
    """
    row = getattr(problem, "loss_row", None)
    return row if row is not None else of_task(problem.task)


def of_task(task: str | None) -> Loss:
    """The row that files of 0.1 mean: that of squared error, or cross-entropy, of a target of this kind.

    Raises:
        ConfigError: there is no such task.
    """
    found = next((row for row in (*LOSSES.values(), EQUATIONS) if row.task == task), None)
    if found is None:
        tasks = [str(row.task) for row in LOSSES.values()]
        raise ConfigError(
            f"A problem's task is {', '.join(tasks)}, or None where nothing is observed, but it is {task!r}."
            f"{suggest(str(task), tasks)}"
        )
    return found


def for_target(values: int | None, labels: bool) -> Loss:
    """The loss of a target where none is asked for.

    Two values are two classes, text and categories (`labels`) are classes, other numbers are numbers.

    Args:
        values: how many different ones it has; None where there is no target but the features themselves.
    """
    kind = FEATURES if values is None else TWO_CLASSES if values == 2 else CLASSES if labels else NUMBER
    return of_task(kind.task)


def beside_task(row: Loss) -> str | None:
    """The name of a loss where its task does not say it: what files of 0.1 do not have."""
    return None if row is of_task(row.task) else row.name


def saved(name: str | None, task: str | None) -> Loss:
    """The row that a file means: that of the name, where `beside_task` gave one.

    Raises:
        ConfigError: as `get` and `of_task`.
    """
    return get(name) if name is not None else of_task(task)


def loss(problem: Any, model: Any, batch: Any) -> Any:
    """The loss of each observation by the problem's row, [n]: what a problem has as its `loss`."""
    per_row = of(problem).per_row
    assert per_row is not None  # a problem of equations has a loss of its own
    return per_row(model(batch.x), batch.y)


def predict(problem: Any, model: Any, x: Any) -> Any:
    """The prediction by the problem's row, [n, dout]: what a problem has as its `predict`."""
    return of(problem).inverse_link(model(x))


def observed(problem: Any, batch: Any) -> Any:
    """y as it is: what a problem has as its `observed`."""
    return batch.y


def is_own(problem: Any) -> bool:
    """Whether a problem writes its loss as a method of its own, of which its row says nothing."""
    return getattr(getattr(problem, "loss", None), "__func__", None) is not loss
