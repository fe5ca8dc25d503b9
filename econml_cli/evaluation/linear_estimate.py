"""The weights of a linear model of standardised inputs as an estimate: their covariance, and what is not identified."""

import copy
from dataclasses import dataclass

import numpy as np

from econml_cli.evaluation.covariances import Design, covariance_with
from econml_cli.evaluation.standard_errors import critical
from econml_cli.problems.families import Family

TOO_FEW = "standard errors under this loss need more rows, and rows that all weigh the same (or frequencies)"


@dataclass(frozen=True)
class Weights:
    """The weights of a linear model of standardised inputs, of the outcome in its own units, as an estimate.

    Attributes:
        logit: whether the outcome is the log odds of a class. w: of the constant (first) and of the inputs, [1 + p];
            without a constant the first is 0. covariance: of them, [1 + p, 1 + p]; 0 of what is not there. vcov: which.
        free: directions [1 + p, d] in which w can be moved without changing a fitted value. freedom: of Student's
            distribution; None: the normal one. within: of counts with fixed effects, what their errors are of.
    """

    logit: bool
    w: np.ndarray
    covariance: np.ndarray
    vcov: str
    free: np.ndarray
    freedom: float | None
    within: "WithinLevels | None" = None

    def critical(self) -> float:
        """The 97.5 % quantile of its distribution."""
        return critical(self.freedom)


@dataclass(frozen=True)
class WithinLevels:
    """The rows of a fit of counts with fixed effects, and the covariance that its slopes have.

    Attributes:
        x: the rows that have a weight above 0, [n, k + q], the last q columns the codes of levels. slopes: [k]. free:
            directions [k, d] in which they can be moved without changing a fitted value. mean: of each row, [n].
    """

    x: np.ndarray
    slopes: np.ndarray
    free: np.ndarray
    design: Design
    kind: str
    family: Family
    mean: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        """Of the rows in the information of the likelihood, [n]."""
        return np.asarray(self.design.weights * self.mean)

    def error(self, gradient: np.ndarray, v: np.ndarray) -> float:
        """The standard error of a function of slopes and effects of levels: `gradient` [k] is its derivative by the
        slopes where the effects of levels give way, v [n] what the residual of a row moves it by through the levels."""
        total, size = float(self.weights.sum()), float(self.weights @ np.square(v))
        of, along = copy.copy(self.design), gradient
        if size > 0:  # a column of the length of the others, whose coefficient is estimated beside theirs
            of.z, along = np.column_stack([of.z, v * np.sqrt(total / size)]), np.r_[gradient, np.sqrt(total * size)]
            of.rank += 1  # one of the levels, which are counted: no parameter more
        # which asks the mean, not the slopes
        covariance = covariance_with(of, along, self.kind, self.family, self.mean)
        return float(np.sqrt(max(along @ covariance @ along, 0.0)))


def constant_first(
    w: np.ndarray, covariance: np.ndarray, free: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights [k], their covariance [k, k] and directions [k, d] of a model without a constant, with 0 in its place."""
    return np.r_[0.0, w], np.pad(covariance, ((1, 0), (1, 0))), np.pad(free, ((1, 0), (0, 0)))
