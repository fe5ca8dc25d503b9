"""The losses by name: one frozen row each, which says all that other files ask of a loss.

Add one: a function (output, y) -> [n] in per_row.py and a row here (loss_row.py says what is in one); a metric that no
loss has yet is a function in metrics.py, whose name stands in the row. Packages offer rows as entry points, users in
files of their own (`--loss ./mine.py:my_loss`). No jax at module level: the command line reads this table to say what
--loss can be.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from econml_cli.errors import ConfigError, suggest
from econml_cli.options import plugins
from econml_cli.problems import per_row
from econml_cli.problems.families import BINOMIAL, GAMMA, GAUSSIAN, POISSON
from econml_cli.problems.loss_row import Loss as Loss
from econml_cli.problems.targets import CLASSES, FEATURES, MEAN_AND_SD, NOTHING, NUMBER, TWO_CLASSES, quantiles

if TYPE_CHECKING:
    from econml_cli.models.base import Model
    from econml_cli.problems.base import Batch, Problem
    from econml_cli.problems.metrics import Metric

#: the entry points by which installed packages offer losses
GROUP = "econml_cli.losses"


def _two_values(values: Any, target: str) -> str | None:
    count = len(set(values.tolist()))
    if count == 2:
        return None
    return f"needs a target with two values, but '{target}' has {count:,}; try --loss multiclass"


def _counts(values: Any, target: str) -> str | None:
    if (values < 0).any():
        return f"needs counts, and '{target}' is negative somewhere"
    return None if values.any() else f"needs counts, and '{target}' is 0 everywhere"


def _positive(values: Any, target: str) -> str | None:
    return None if (values > 0).all() else f"needs positive numbers, and '{target}' is 0 or negative somewhere"


def _quantile(*levels: float) -> Loss:
    """The row of quantile regression at these levels.

    Raises:
        ConfigError: one is not strictly between 0 and 1, or they do not increase.
    """
    if not levels or not all(0 < level < 1 for level in levels) or sorted(set(levels)) != list(levels):
        said = ",".join(f"{level:g}" for level in levels)
        raise ConfigError(
            f"--quantiles {said} must be strictly between 0 and 1, each larger than the one before, such as .1,.5,.9."
        )
    alone = levels == (0.5,)
    return Loss(
        "quantile" if alone else f"quantile:{','.join(f'{level:.10g}' for level in levels)}",
        per_row.pinball(levels), quantiles([per_row.named(level) for level in levels]), per_row.in_order,
        power=1, levels=levels, metrics=(_coverage(levels),), shown=tuple(f"below_{per_row.named(q)}" for q in levels),
        words="that of the median" if alone else "that of quantiles",
    )  # fmt: skip


def _coverage(levels: tuple[float, ...]) -> "Metric":
    def coverage(y: Any, prediction: Any) -> Any:
        from econml_cli.problems import metrics

        return metrics.coverage(y, prediction, levels)

    return coverage


def _huber(*delta: float) -> Loss:
    """The row of Huber's loss: squared up to `delta` standard deviations of the target.

    Raises:
        ConfigError: not one number above 0.
    """
    if len(delta) != 1 or not 0 < delta[0] < float("inf"):
        raise ConfigError(f"--delta {','.join(f'{d:g}' for d in delta)} must be one number above 0, such as 1.345.")
    name = "huber" if delta == (HUBER,) else f"huber:{delta[0]:.10g}"
    return Loss(name, per_row.huber(delta[0]), power=2, convex=True, delta=delta[0], words="Huber's loss")


#: the residual at which Huber's loss turns linear, in standard deviations: 95 % efficient under normal errors
HUBER = 1.345
#: losses that take numbers after a colon: quantile:.1,.9, huber:2
_WITH_NUMBERS: Mapping[str, Callable[..., Loss]] = {"quantile": _quantile, "huber": _huber}

_TABLE = (
    Loss(
        "mse", per_row.squared_error,
        words="squared error", least_squares=True, power=2, classical="OLS", family=GAUSSIAN,
    ),
    Loss(
        "binary", per_row.binary_cross_entropy, TWO_CLASSES, per_row.sigmoid,
        words="cross-entropy", admits=_two_values, metrics=("binary",), shown=("accuracy", "auc"), classical="logit",
        convex=True, family=BINOMIAL,
    ),
    Loss(
        "multiclass", per_row.cross_entropy, CLASSES, per_row.softmax,
        words="cross-entropy", metrics=("multiclass",), shown=("accuracy", "auc"), convex=True,
        linear_model="multinomial logit",
    ),
    Loss(
        "reconstruction", per_row.squared_error, FEATURES,
        words="squared error", least_squares=True, power=2, metrics=("explained",), shown=("r2",),
    ),
    Loss(
        "poisson", per_row.poisson, inverse_link=per_row.exponential, convex=True, power=1, by_mean=True, rates=True,
        words="half the Poisson deviance", admits=_counts, metrics=("counts", "regression"), shown=("d2",),
        linear_model="Poisson", family=POISSON,
    ),
    Loss(
        "gamma", per_row.gamma, inverse_link=per_row.exponential, convex=True, by_mean=True,
        words="half the gamma deviance", admits=_positive, metrics=("durations", "regression"), shown=("d2",),
        family=GAMMA,
    ),
    Loss(
        "gaussian", per_row.gaussian, MEAN_AND_SD, per_row.mean_and_sd,
        words="minus the log density of a normal distribution", log_density=True, averages=per_row.of_mixture,
        metrics=("normal",), shown=("rmse", "r2", "between_90"), classical="OLS",
        linear_model="heteroscedastic regression",
    ),
    _huber(HUBER),
    _quantile(0.5),
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
    if row := _of_numbers(name):
        return row
    found = plugins.load(name, GROUP, what="loss", fits=_is_loss)
    if found is None:
        known = [*LOSSES, *plugins.offered(GROUP)]
        raise ConfigError(
            f"Unknown loss '{name}': choose one of {', '.join(known)}.{suggest(name, known)} Your own: "
            "./FILE.py:NAME, a function of (output, y)."
        )
    return dataclasses.replace(found[0], name=name) if isinstance(found[0], Loss) else Loss(name, found[0])


def _of_numbers(name: str) -> Loss | None:
    """The row of `quantile:.1,.9` or `huber:2`; None where a name is not of this kind.

    Raises:
        ConfigError: what follows the colon is no number, or the wrong ones.
    """
    head, colon, numbers = name.partition(":")
    if not colon or head not in _WITH_NUMBERS:
        return None
    try:
        given = [float(number) for number in numbers.split(",")]
    except ValueError:
        raise ConfigError(f"--loss {name}: numbers must follow the colon, such as {head}:0.5.") from None
    return _WITH_NUMBERS[head](*given)


def with_numbers(name: str | None, quantiles: tuple[float, ...] | None, delta: float | None) -> str | None:
    """The name of a loss with the numbers that other options give it.

    Raises:
        ConfigError: they are given to a loss that takes none, or twice.
    """
    given = {"quantile": ("--quantiles", quantiles), "huber": ("--delta", None if delta is None else (delta,))}
    for head, (option, numbers) in given.items():
        if numbers is None:
            continue
        if name != head:
            raise ConfigError(f"{option} is of --loss {head}, not of --loss {name or '(by the target)'}.")
        name = f"{head}:{','.join(f'{number:.10g}' for number in numbers)}"
    return name


def is_solvable(name: str) -> bool:
    """Whether a model that is linear in its parameters is solved for the loss of this name; False for one of a file."""
    head = name.partition(":")[0]
    return head in LOSSES and LOSSES[head].solvable


def _is_loss(found: Any) -> bool:
    return isinstance(found, Loss) or (callable(found) and not isinstance(found, type))


def of(problem: "Problem") -> Loss:
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


def loss(problem: "Problem", model: "Model", batch: "Batch") -> Any:
    """The loss of each observation by the problem's row, [n]: what a problem has as its `loss`."""
    found, weights = unweighted(problem, model, batch), getattr(problem, "loss_weights", None)
    return found if weights is None else found * weights[batch.y.reshape(-1).astype("int32")]


def unweighted(problem: "Problem", model: "Model", batch: "Batch") -> Any:
    """The same without the weights of classes: what is reported."""
    row = of(problem)
    assert row.per_row is not None  # a problem of equations has a loss of its own
    found = row.per_row(model(batch.x), batch.y)
    return found + getattr(problem, "loss_shift", 0.0) if row.log_density else found


def weights_in(problem: "Problem", batch: "Batch") -> Any:
    """The weights of observations in the loss that is minimised, NumPy float64 [n]; None where all are 1."""
    import numpy as np

    own, classes = batch.w, getattr(problem, "class_weights", {})
    found = None if own is None else np.asarray(own, np.float64)
    if not classes:
        return found
    of_class = np.array(list(classes.values()))[np.asarray(batch.y).reshape(-1).astype(int)]
    return of_class if found is None else found * of_class


def predict(problem: "Problem", model: "Model", x: Any) -> Any:
    """The prediction by the problem's row, [n, dout]: what a problem has as its `predict`."""
    return of(problem).inverse_link(model(x))


def observed(problem: "Problem", batch: "Batch") -> Any:
    """y as it is: what a problem has as its `observed`."""
    return batch.y


def is_own(problem: "Problem") -> bool:
    """Whether a problem writes its loss as a method of its own, of which its row says nothing."""
    return getattr(getattr(problem, "loss", None), "__func__", None) is not loss
