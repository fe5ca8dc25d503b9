"""Effects on the mean of counts under absorbed fixed effects, with the errors that all the dummies would give them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from econml_cli.data.identified import moved
from econml_cli.evaluation.estimate import Estimate
from econml_cli.evaluation.linear_estimate import WithinLevels
from econml_cli.evaluation.standard_errors import critical
from econml_cli.models.fixed_effects import FixedEffects
from econml_cli.models.linear import Linear
from econml_cli.problems.means import mean

#: the weight of a row that is averaged over beside those of the fit, over their mean weight: it moves no level's effect
FAINT = 1e-9


@dataclass(frozen=True)
class WithinCounts:
    """A Poisson model E[y|x] = exp(x'b + effects of levels), of inputs x [n, p + q] whose last q columns are codes.

    An average effect depends on slopes and effects of levels, and its variance by the delta method is that of a model
    with all the dummies D: with m, its derivative by the effects of levels, and the weights W of the likelihood, what
    the levels add to the influence of a row is v = D (D'WD)^-1 m times its residual. At W it is orthogonal to the
    columns within the levels, so that it is a column of its own beside these, and no dummies are made.

    Attributes:
        model: of the outcome over `scale`. fit: the rows that the errors are of.
    """

    model: Linear
    scale: float
    fit: WithinLevels

    def derivative(self, x: np.ndarray, slope: np.ndarray, w: np.ndarray | None = None) -> list[Estimate]:
        """The mean over rows, with weights w [n], of the slope of the mean, for inputs x that move by slope
        [n, p + q]."""
        p = len(self.fit.slopes)
        here, along = self._mean(x), slope[:, :p] @ self.fit.slopes
        direct = mean(here[:, None] * slope[:, :p], w)
        return [self._estimate(float(mean(here * along, w)), direct, [(x, here * along)], w)]

    def change(self, before: np.ndarray, after: np.ndarray, w: np.ndarray | None = None) -> list[Estimate]:
        """The mean over rows, with weights w [n], of the mean after less that before."""
        low, high = self._mean(before), self._mean(after)
        direct = np.zeros(len(self.fit.slopes))
        return [self._estimate(float(mean(high - low, w)), direct, [(before, -low), (after, high)], w)]

    def _mean(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(np.exp(self.model.index(x)) * self.scale)

    def _estimate(
        self, value: float, direct: np.ndarray, parts: Sequence[tuple[np.ndarray, np.ndarray]], w: np.ndarray | None
    ) -> Estimate:
        """An effect whose derivative by the slopes is `direct`, and by the index of each of the rows x [n, p + q] of
        `parts` the other array [n], of which the mean over rows is meant."""
        gradient, v = direct, np.zeros(len(self.fit.x))
        for x, by_index in parts:
            gradient = gradient + mean(by_index[:, None] * x[:, : len(direct)], w)
            v = v + self._of_levels(x, by_index * (1 / len(x) if w is None else w / w.sum()))
        gradient = gradient - (self.fit.weights * v) @ self.fit.x[:, : len(direct)]  # what the levels give way by
        if moved(self.fit.free, gradient[None])[0]:
            return Estimate(float("nan"))
        error = self.fit.error(gradient, v)
        wide = critical() * error
        return Estimate(value, value - wide, value + wide, standard_error=error)

    def _of_levels(self, x: np.ndarray, q: np.ndarray) -> np.ndarray:
        """v [rows of the fit], for the derivatives q [n] of an effect by the index of rows x: least squares within the
        levels, to which these rows come with next to no weight."""
        faint = np.full(len(x), FAINT * float(self.fit.weights.mean()))
        codes = np.vstack([self.fit.x[:, len(self.fit.slopes) :], x[:, len(self.fit.slopes) :]]).astype(np.int64)
        levels = FixedEffects(codes, self.model.absorbed, np.r_[self.fit.weights, faint])
        aim = np.r_[np.zeros(len(self.fit.x)), q / faint]
        return np.asarray(levels.sum_of(levels.of(aim))[: len(self.fit.x)])
