"""Fixed effects absorbed exactly, in NumPy float64: what is left of columns within the levels, and the effects.

No dummies are made. The effects of the column with the most levels are means, whatever they are of; those of all others
then solve normal equations of their own size (Frisch, Waugh and Lovell), by which a panel of 100,000 firms and 20 years
is a system of 20 equations. Where there are more than `DENSE` of those, LSMR iterates on sparse dummies.

Sources: Frisch and Waugh (1933), Econometrica 1; Guimaraes and Portugal (2010), Stata Journal 10; Fong and Saunders
(2011), SIAM Journal on Scientific Computing 33 (LSMR).
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

#: levels of all fixed effects but the largest up to which their normal equations are solved directly
DENSE = 1500
#: what LSMR leaves of the normal equations, relative, and how many iterations it may take
TOLERANCE, MOST = 1e-13, 20_000
#: what may be left of them, relative to the column
LEFT = 1e-9
#: a column of which no more than this share varies within the levels is absorbed by them
VARIES = 1e-8


class FixedEffects:
    """The levels of rows: `codes` [n, q] int, `sizes` how many levels each of the q columns has (some without rows),
    `w` [n] weights of the rows (None: all are 1)."""

    def __init__(self, codes: np.ndarray, sizes: Sequence[int], w: np.ndarray | None = None):
        self.codes, self.sizes = np.asarray(codes, np.int64), tuple(sizes)
        self.w = np.ones(len(self.codes)) if w is None else np.asarray(w, np.float64)
        order = np.argsort(self.sizes, kind="stable")[::-1]
        self._largest, self._others = int(order[0]), [int(i) for i in np.sort(order[1:])]
        self._mass = [np.bincount(self.codes[:, j], self.w, size) for j, size in enumerate(self.sizes)]

    @property
    def levels(self) -> list[int]:
        """How many levels each has that rows with a weight have."""
        return [int(np.count_nonzero(mass)) for mass in self._mass]

    def within(self, columns: np.ndarray) -> np.ndarray:
        """What is left of columns [n, k] once the effects are taken off: 0 where nothing is.

        Raises:
            ValueError: LSMR does not come to its end.
        """
        found = np.array(columns, np.float64)
        for j, column in enumerate(found.T):
            left = column - self.sum_of(self.of(column))
            varied = np.sqrt(self.w @ np.square(column))
            found[:, j] = left if np.sqrt(self.w @ np.square(left)) > VARIES * varied else 0.0
        return found

    def of(self, column: np.ndarray) -> list[np.ndarray]:
        """The effects [levels] of each fixed effect that fit a column [n] best by weighted least squares: 0 of a level
        without rows, and of smallest norm where several do (but for those of the largest).

        Raises:
            ValueError: LSMR does not come to its end.
        """
        found = [np.zeros(size) for size in self.sizes]
        rest = np.asarray(column, np.float64)
        if self._others:
            for j, effects in zip(self._others, self._split(self._solved(rest)), strict=True):
                found[j] = effects
            rest = rest - self.sum_of(found)
        found[self._largest] = self._means(rest)
        return found

    def sum_of(self, effects: Sequence[np.ndarray]) -> np.ndarray:
        """The sum of the effects of the levels of each row, [n]."""
        return np.asarray(np.sum([one[self.codes[:, j]] for j, one in enumerate(effects)], axis=0))

    def centred(self, effects: Sequence[np.ndarray]) -> tuple[list[np.ndarray], float]:
        """The same effects with a mean of 0 each over the rows, and the constant that this leaves."""
        total = float(self.w.sum())
        means = [float(mass @ one) / total for mass, one in zip(self._mass, effects, strict=True)]
        parts = zip(self._mass, effects, means, strict=True)
        there = [np.where(mass > 0, one - mean, 0.0) for mass, one, mean in parts]
        return there, float(sum(means))

    def _means(self, column: np.ndarray) -> np.ndarray:
        """The weighted mean of a column [n] in each level of the largest, 0 where there is none."""
        sums = np.bincount(self.codes[:, self._largest], self.w * column, self.sizes[self._largest])
        mass = self._mass[self._largest]
        return np.asarray(np.divide(sums, mass, out=np.zeros_like(sums), where=mass > 0))

    def _solved(self, column: np.ndarray) -> np.ndarray:
        """The effects of all others than the largest, one after the other, once the largest are taken off."""
        rest = column - self._means(column)[self.codes[:, self._largest]]
        aim = np.concatenate([np.bincount(self.codes[:, j], self.w * rest, self.sizes[j]) for j in self._others])
        if len(aim) <= DENSE:
            return np.asarray(self._inverse @ aim)
        from scipy.sparse.linalg import LinearOperator, lsmr

        root, dummies, scale = np.sqrt(self.w), self._dummies, self._scale

        def apart(v: np.ndarray) -> np.ndarray:
            """Dummies times scaled effects, the largest taken off, times the roots of the weights."""
            fitted = dummies @ (scale * v)
            return np.asarray(root * (fitted - self._means(fitted)[self.codes[:, self._largest]]))

        def back(v: np.ndarray) -> np.ndarray:
            scores = np.divide(v, root, out=np.zeros_like(v), where=root > 0)
            scores = scores - self._means(scores)[self.codes[:, self._largest]]
            return np.asarray(scale * (dummies.T @ (self.w * scores)))

        operator = LinearOperator((len(column), len(aim)), matvec=apart, rmatvec=back, dtype=np.float64)
        found: np.ndarray = lsmr(operator, root * rest, atol=TOLERANCE, btol=TOLERANCE, conlim=0, maxiter=MOST)[0]
        left = back(root * rest - apart(found))
        if not np.linalg.norm(left) <= LEFT * max(float(np.linalg.norm(root * column)), 1e-300):
            raise ValueError(
                f"its fixed effects are not found in {MOST:,} iterations; take fewer of them, or coarser ones"
            )
        return np.asarray(scale * found)

    def _split(self, effects: np.ndarray) -> list[np.ndarray]:
        return np.split(effects, np.cumsum([self.sizes[j] for j in self._others])[:-1])

    @cached_property
    def _dummies(self) -> Any:
        """Those of all others than the largest, sparse [n, levels]."""
        return _sparse(self.codes[:, self._others], [self.sizes[j] for j in self._others])

    @cached_property
    def _scale(self) -> np.ndarray:
        mass = np.concatenate([self._mass[j] for j in self._others])
        return np.asarray(np.divide(1.0, np.sqrt(mass), out=np.zeros_like(mass), where=mass > 0))

    @cached_property
    def _inverse(self) -> np.ndarray:
        """The pseudoinverse of the normal equations of all others than the largest."""
        from scipy.sparse import diags_array

        weighted = diags_array(self.w) @ self._dummies
        crossed = _sparse(self.codes[:, [self._largest]], [self.sizes[self._largest]]).T @ weighted
        mass = self._mass[self._largest]
        over = diags_array(np.divide(1.0, mass, out=np.zeros_like(mass), where=mass > 0))
        normal = (self._dummies.T @ weighted - crossed.T @ (over @ crossed)).toarray()
        scaled = self._scale[:, None] * normal * self._scale
        inverse = np.linalg.pinv(scaled, rcond=1e-11, hermitian=True)
        return np.asarray(self._scale[:, None] * inverse * self._scale)


def _sparse(codes: np.ndarray, sizes: Sequence[int]) -> Any:
    """Dummies of the levels `codes` [n, q] of columns of these sizes, [n, sum of sizes]."""
    from scipy.sparse import csr_array

    n, q = codes.shape
    first = np.cumsum([0, *sizes[:-1]])
    pointers = np.arange(0, n * q + 1, q)
    return csr_array((np.ones(n * q), (codes + first).reshape(-1), pointers), shape=(n, int(sum(sizes))))
