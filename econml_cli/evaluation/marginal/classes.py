"""The effects of columns on the probabilities of a multinomial logit, with the standard errors of its coefficients."""

from dataclasses import dataclass

import numpy as np

from econml_cli.data.identified import moved
from econml_cli.evaluation.estimate import Estimate
from econml_cli.evaluation.standard_errors import around
from econml_cli.problems.means import mean


@dataclass(frozen=True)
class Multinomial:
    """P(y = j | x) = exp(b_0j + x'b_j) / sum over l of exp(b_0l + x'b_l) for J classes, with b_0 = 0.

    Attributes:
        params: of classes 1, ..., J - 1, [1 + p, J - 1], the constants first. covariance: of them, those of class 1
            first, [(J - 1) (1 + p), (J - 1) (1 + p)].
        free: directions [1 + p, d] in which those of a class can be moved without changing a fitted value.
    """

    params: np.ndarray
    covariance: np.ndarray
    free: np.ndarray

    def derivative(self, x: np.ndarray, slope: np.ndarray, w: np.ndarray | None = None) -> list[Estimate]:
        """The mean over rows, with weights w [n], of dP(y = j)/dc for inputs x [n, p] that move by slope, by class.

        With a_j = slope'b_j it is P_j (a_j - sum over l of P_l a_l).
        """
        z, toward = _with(x, 1.0), _with(slope, 0.0)
        share, along = self._shares(z), toward @ self._of_all()
        apart = along - (share * along).sum(axis=1, keepdims=True)
        found = []
        for j, one in enumerate(share.T):
            gradients = []
            for k in range(1, share.shape[1]):
                other = share[:, k]
                of_shares = one * ((j == k) - other) * apart[:, j] - one * other * apart[:, k]
                gradients.append(of_shares[:, None] * z + (one * ((j == k) - other))[:, None] * toward)
            found.append(self._estimate(float(mean(one * apart[:, j], w)), [mean(each, w) for each in gradients]))
        return found

    def change(self, before: np.ndarray, after: np.ndarray, w: np.ndarray | None = None) -> list[Estimate]:
        """The mean over rows, with weights w [n], of P(y = j | after) - P(y = j | before), by class."""
        designs = [_with(x, 1.0) for x in (before, after)]
        shares = [self._shares(z) for z in designs]
        found = []
        for j in range(shares[0].shape[1]):
            gradients = []
            for k in range(1, shares[0].shape[1]):
                then, now = (
                    (p[:, j] * ((j == k) - p[:, k]))[:, None] * z for p, z in zip(shares, designs, strict=True)
                )
                gradients.append(mean(now - then, w))
            found.append(self._estimate(float(mean(shares[1][:, j] - shares[0][:, j], w)), gradients))
        return found

    def _of_all(self) -> np.ndarray:
        """The parameters of all classes, [1 + p, J]."""
        return np.pad(self.params, ((0, 0), (1, 0)))

    def _shares(self, z: np.ndarray) -> np.ndarray:
        from scipy.special import softmax

        return np.asarray(softmax(z @ self._of_all(), axis=1))

    def _estimate(self, value: float, gradients: list[np.ndarray]) -> Estimate:
        if moved(self.free, np.stack(gradients)).any():
            return Estimate(float("nan"))
        gradient = np.concatenate(gradients)
        return around(value, float(np.sqrt(max(gradient @ self.covariance @ gradient, 0.0))))


def _with(x: np.ndarray, first: float) -> np.ndarray:
    return np.column_stack([np.full(len(x), first), x])
