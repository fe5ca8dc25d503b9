"""Poisson pseudo maximum likelihood with absorbed fixed effects, and the rows that leave it no maximum; NumPy float64.

Newton's method by weighted least squares within the levels: no dummies are made, and each step is the one that Newton's
method with all of them makes.

Sources: Correia, Guimaraes and Zylkin (2020), Stata Journal 20, 95-115 (ppmlhdfe); for separation Correia, Guimaraes
and Zylkin (2019), "Verifying the existence of maximum likelihood estimates for generalized linear models",
arXiv:1903.01633.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from econml_cli.models.fixed_effects import FixedEffects

#: singular values of columns within levels, over the largest, that are taken for 0: what is left of them is rounding
COLLINEAR = 1e-9
#: the length of a step, as the root of the mean squared change of the index, at which it ends; steps at most
TOLERANCE, MOST = 1e-10, 100
#: the length below which a step that is no shorter than the one before is taken for rounding
ROUNDING = 1e-6
#: how often a step is halved that does not lower the deviance
HALVINGS = 30
#: the combination of columns that tells zeros apart is 0 where there is something to count, up to this; rounds at most
NEAR_ZERO, ROUNDS = 1e-4, 100


@dataclass(frozen=True)
class Fit:
    """Where the method ended.

    Attributes:
        slopes: [k]. effects: of each level of each fixed effect, of mean 0 over the rows each; constant: what that
            leaves. index: log of the mean of each row, [n]. steps: made. score: Euclidean norm of the mean score, of
            slopes and levels, over the mean outcome. rank, condition: of the columns within the levels, at the last
            weights.
    """

    slopes: np.ndarray
    effects: list[np.ndarray]
    constant: float
    index: np.ndarray
    steps: int
    score: float
    rank: int
    condition: float


def fit(x: np.ndarray, codes: np.ndarray, sizes: Sequence[int], y: np.ndarray, w: np.ndarray | None) -> Fit:
    """Maximise the Poisson likelihood of y [n] >= 0 with mean exp(x b + effects of the levels `codes` [n, q]).

    Args:
        sizes: how many levels each fixed effect has. w: weights [n]; None: all are 1.

    Raises:
        ValueError: it does not come to its end: y is 0 wherever some combination of columns is not (see `separated`),
            or fixed effects are not found.
    """
    own = np.ones(len(y)) if w is None else np.asarray(w, np.float64)
    index = _start(x, codes, sizes, y, own)
    length = before = float("inf")
    for steps in range(1, MOST + 1):  # noqa: B007  it is told
        slopes, aim, rank, s = _step(x, codes, sizes, y, own, index)
        length = float(np.sqrt(_mean(np.square(aim - index), own * np.exp(index))))
        index = _along(index, aim - index, y, own)
        if length <= TOLERANCE or ROUNDING > length >= before:  # what is left is rounding
            break
        before = length
    if length > ROUNDING:
        raise ValueError(f"the Poisson likelihood with its fixed effects has no maximum in {MOST} steps")
    levels = FixedEffects(codes, sizes, own * np.exp(index))
    effects, constant = FixedEffects(codes, sizes, own).centred(levels.of(index - x @ slopes))
    condition = float(s[0] / s[-1]) if len(s) and s[-1] > 0 else float("inf")
    return Fit(slopes, effects, constant, index, steps, _score(x, codes, sizes, y, own, index), rank, condition)


def within(
    x: np.ndarray, codes: np.ndarray, sizes: Sequence[int], mean: np.ndarray, w: np.ndarray | None
) -> tuple[np.ndarray, FixedEffects]:
    """What of columns x [n, k] varies within the levels where rows weigh w times their mean [n], which is what the
    score of the slopes is of; and these levels."""
    levels = FixedEffects(codes, sizes, mean if w is None else w * mean)
    return levels.within(x), levels


def _start(x: np.ndarray, codes: np.ndarray, sizes: Sequence[int], y: np.ndarray, w: np.ndarray) -> np.ndarray:
    """A first index [n] that columns and effects give: one whole step from halfway between each outcome and their mean
    (nearer to the outcomes than any fit, so that its deviance says nothing), or the log of the mean."""
    middle = _mean(y, w)
    found = _step(x, codes, sizes, y, w, np.log((y + middle) / 2))[1]
    flat = np.full(len(y), np.log(middle))
    return found if _deviance(found, y, w) < _deviance(flat, y, w) else flat


def _step(
    x: np.ndarray, codes: np.ndarray, sizes: Sequence[int], y: np.ndarray, w: np.ndarray, index: np.ndarray
) -> tuple[np.ndarray, np.ndarray, int, np.ndarray]:
    """Slopes and index [n] of Newton's next step, and rank and singular values of the columns within the levels."""
    mean = np.exp(index)
    aim = index + (y - mean) / mean
    z, levels = within(x, codes, sizes, mean, w)
    left = aim - levels.sum_of(levels.of(aim))
    root = np.sqrt(levels.w)
    slopes, _, rank, s = np.linalg.lstsq(root[:, None] * z, root * left, rcond=COLLINEAR)
    return slopes, aim - (left - z @ slopes), int(rank), s


def _along(index: np.ndarray, moved: np.ndarray, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The first point on a step, halved again and again, at which the deviance is not higher; the start if none is."""
    before = _deviance(index, y, w)
    rounding = 16 * np.finfo(np.float64).eps * (1 + abs(before))
    for length in 0.5 ** np.arange(HALVINGS):
        if _deviance(index + length * moved, y, w) <= before + rounding:
            return np.asarray(index + length * moved)
    return index


def _deviance(index: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    """Half of it per row, up to what does not depend on the index; infinite where the mean overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        found = _mean(np.exp(index) - y * index, w)
    return found if np.isfinite(found) else float("inf")


def _mean(values: np.ndarray, w: np.ndarray) -> float:
    return float(w @ values / w.sum())


def _score(
    x: np.ndarray, codes: np.ndarray, sizes: Sequence[int], y: np.ndarray, w: np.ndarray, index: np.ndarray
) -> float:
    left = w * (y - np.exp(index)) / w.sum()
    parts = [x.T @ left, *(np.bincount(codes[:, j].astype(np.int64), left, size) for j, size in enumerate(sizes))]
    return float(np.linalg.norm(np.concatenate(parts)) / _mean(y, w))


def separated(
    x: np.ndarray, codes: np.ndarray, sizes: Sequence[int], y: np.ndarray, w: np.ndarray | None
) -> np.ndarray:
    """Which rows a Poisson likelihood would fit by a mean of exactly 0, [n] bool: y is 0 in them, and some combination
    of columns [n, k] and levels is positive there, and 0 in all rows but these. Estimates exist without them alone.

    Levels in which nothing is counted are found by their sums, what columns tell by the method of the iterative
    rectifier (Correia, Guimaraes and Zylkin 2019, section 3).
    """
    weight = np.ones(len(y)) if w is None else np.asarray(w, np.float64)
    levels, found = np.asarray(codes, np.int64), np.zeros(len(y), dtype=bool)
    for j, size in enumerate(sizes):
        found |= np.bincount(levels[:, j], weight * y, size)[levels[:, j]] == 0
    rest = np.flatnonzero(~found & (weight > 0))
    if len(rest) and (y[rest] == 0).any():
        found[rest] = _rectified(x[rest], levels[rest], sizes, y[rest])
    return found


def _rectified(x: np.ndarray, codes: np.ndarray, sizes: Sequence[int], y: np.ndarray) -> np.ndarray:
    zero = y == 0
    weight = np.where(zero, 1.0, np.ceil(zero.sum() / NEAR_ZERO**2))
    levels, aim = FixedEffects(codes, sizes, weight), zero.astype(np.float64)
    z, root = levels.within(x), np.sqrt(weight)
    for _ in range(ROUNDS):
        left = aim - levels.sum_of(levels.of(aim))
        b = np.linalg.lstsq(root[:, None] * z, root * left, rcond=COLLINEAR)[0]
        fitted = aim - (left - z @ b)
        fitted = np.where(np.abs(fitted) < NEAR_ZERO, 0.0, fitted)
        if (fitted[~zero] != 0).any():  # weights do not hold them at 0: too badly conditioned to tell
            break
        if (fitted >= 0).all():
            return fitted > 0
        aim = np.maximum(fitted, 0.0)
    return np.zeros(len(y), dtype=bool)
