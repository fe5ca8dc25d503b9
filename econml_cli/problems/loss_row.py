"""What all other files ask of a loss, as one frozen row; the table of them is `losses`. No jax at module level."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from econml_cli.options import own_code
from econml_cli.problems import per_row
from econml_cli.problems.families import POISSON, Family
from econml_cli.problems.targets import MEAN_AND_SD, NUMBER, Target, Task

if TYPE_CHECKING:
    from econml_cli.problems.metrics import Metric

#: the classical models beside which a fit can be shown
Classical = Literal["OLS", "logit"]


def _as_it_is(output: Any) -> Any:
    return output


def _mean_of_members(predictions: Any) -> Any:
    return predictions.mean(axis=0)


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
        log_density: whether it is minus the log of a density of the target: it is reported for the target in its own
            units (log of the standard deviation more than for the standardised one), and may be negative. Newton's
            method minimises it for a model that is linear in its parameters.
        averages: predictions [K, n, dout] of K members -> that of all together [n, dout].
        power: a mean loss of the standardised target times (standard deviation)^power is reported.
        standardises: whether a number is standardised by its mean and standard deviation in the training rows; not
            where the loss needs y as it is (counts).
        by_mean: whether a number is divided by its mean in the training rows, in place of that: a log link makes a
            shift of the output of the mean. `power` then is that of the mean.
        rates: whether the target may be counted over an exposure.
        levels: of the quantiles that it is the loss of; a linear programme solves a linear model for them.
        delta: the residual, in standard deviations of the target, from which Huber's loss is linear; None of others.
        admits: (the target's values [n] of all rows, its name) -> what is wrong with them, a clause that follows
            "--loss NAME", or None. Numbers as in the file; classes by number.
        words: what it is called in a sentence; its name where that is left out.
        metrics: what `eval` reports beside the loss: names of functions in `problems.metrics`, or functions
            (y, prediction) -> Moments.
        shown: the metrics in the table of a cross-validation.
        classical: the classical model beside whose effects those of a fit are shown: "OLS", "logit", or None.
        linear_model: what a linear model is called that minimises it; "" where `classical`, or its name, says it.
        family: the distribution whose likelihood it is (up to what does not depend on the output), by which
            coefficients of a linear model have standard errors; None: they have none.
    """

    name: str
    per_row: Callable[[Any, Any], Any] | None
    target: Target = NUMBER
    inverse_link: Callable[[Any], Any] = _as_it_is
    least_squares: bool = False
    convex: bool = False
    log_density: bool = False
    averages: Callable[[Any], Any] = _mean_of_members
    power: float = 0
    standardises: bool = True
    by_mean: bool = False
    rates: bool = False
    levels: tuple[float, ...] = ()
    delta: float | None = None
    admits: Callable[[Any, str], str | None] = _any_numbers
    words: str = ""
    metrics: "tuple[str | Metric, ...]" = ("regression",)
    shown: tuple[str, ...] = ("rmse", "r2")
    classical: Classical | None = None
    linear_model: str = ""
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
        return self.least_squares or self.by_newton or bool(self.levels)

    @property
    def absorbs(self) -> bool:
        """Whether fixed effects of a linear model can be absorbed under it: squared error of a number, and counts."""
        return (self.least_squares and not self.reconstructs) or self.family is POISSON

    @property
    def by_newton(self) -> bool:
        """Whether a model that is linear in its parameters is solved by Newton's method."""
        return not self.least_squares and (self.convex or self.log_density)

    @property
    def observed(self) -> bool:
        """Whether there is an outcome that a prediction can be compared with."""
        return self.target.observed

    @property
    def classifies(self) -> bool:
        """Whether predictions are probabilities of classes."""
        return self.target.classifies

    @property
    def is_log_loss(self) -> bool:
        """Whether it is minus the log of the probability of the class that was observed."""
        return self.per_row in (per_row.binary_cross_entropy, per_row.cross_entropy)

    @property
    def is_multinomial(self) -> bool:
        """Whether a model that is linear in its parameters is a multinomial logit: the score of one class is free."""
        return self.per_row is per_row.cross_entropy

    @property
    def reconstructs(self) -> bool:
        """Whether x itself is predicted."""
        return self.target.reconstructs

    @property
    def is_normal(self) -> bool:
        """Whether mean and standard deviation of a normal distribution are predicted."""
        return self.target is MEAN_AND_SD

    @property
    def has_residuals(self) -> bool:
        """Whether y less its prediction is a residual in units of the target."""
        return self.target.is_number
