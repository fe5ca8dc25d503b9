"""What a design can tell apart: which coefficients of a linear model are identified, which classes are separated."""

import numpy as np

#: numbers n k^2 above which nothing is looked for: a factorisation would take minutes
MOST = 3e10
#: a coefficient moves along a direction that changes no prediction if its share of it is above this
SHARE = 1e-7
#: log odds from which a fitted probability is taken for 0 or 1, so that separation is looked for
EXTREME = 15.0


def null_space(z: np.ndarray, tolerance: float = 0.0) -> np.ndarray:
    """The directions [k, d], orthonormal, in which weights of the columns of z [n, k] change no row of the design.

    Columns should be of like size. d is 0 where z has full rank in float64, or is too large to look. `tolerance`:
    singular values, over the largest, that are taken for 0 where rounding in z leaves more than that of float64.
    """
    n, k = z.shape
    if n * k * k > MOST or k == 0:
        return np.empty((k, 0))
    r = np.linalg.qr(z, mode="r")
    _, s, vt = np.linalg.svd(r, full_matrices=True)
    rank = int(np.sum(s > max(max(n, k) * np.finfo(np.float64).eps, tolerance) * s[0])) if len(s) and s[0] > 0 else 0
    return vt[rank:].T


def moved(directions: np.ndarray, functionals: np.ndarray) -> np.ndarray:
    """Which linear functionals [m, k] of the weights differ along directions [k, d]: [m] bool."""
    length = np.linalg.norm(functionals, axis=1)
    along = np.linalg.norm(functionals @ directions, axis=1) if directions.size else np.zeros(len(functionals))
    return along > SHARE * np.where(length > 0, length, 1.0)


def separation(z: np.ndarray, positive: np.ndarray) -> np.ndarray | None:
    """A direction [k] in which the likelihood of a logit never stops rising: all positives lie on one side of it, all
    others on the other, or on it. None where there is none, so that the estimate exists.

    Args:
        z: the design [n, k] with its constant. positive: [n] bool.

    Source: Albert and Anderson (1984), Biometrika 71; as a linear programme Konis (2007), thesis, Oxford, section 4.2.
    """
    from scipy.optimize import linprog

    signed = np.where(positive, 1.0, -1.0)[:, None] * z
    found = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(z)), bounds=(-1, 1), method="highs")
    if found.status != 0 or -found.fun <= 1e-7 * len(z):
        return None
    return np.asarray(found.x)


def separation_of_counts(z: np.ndarray, zero: np.ndarray) -> np.ndarray | None:
    """The same of a Poisson likelihood: a direction [k] in which the mean of some rows without counts, `zero` [n] bool,
    falls for ever, and that of all other rows stays as it is.

    Source: Correia, Guimaraes and Zylkin (2019), "Verifying the existence of maximum likelihood estimates for
    generalized linear models", arXiv:1903.01633, proposition 1.
    """
    free = null_space(z[~zero])
    if not free.shape[1] or not zero.any():
        return None
    found = separation(z[zero] @ free, np.zeros(int(zero.sum()), dtype=bool))
    return None if found is None else np.asarray(free @ found)


def separation_of_classes(z: np.ndarray, y: np.ndarray, classes: int) -> np.ndarray | None:
    """The same of a multinomial logit: directions [k, classes] of the weights of classes (0 of the first) in which the
    odds of the class of each row, y [n], against every other rise or stay. None where there are none, or where the
    design is too large to look.

    Source: Albert and Anderson (1984), Biometrika 71, section 3.
    """
    (n, k), rest = z.shape, classes - 1
    if n * rest * (k * rest) ** 2 > MOST:
        return None
    own = np.eye(classes)[y]
    apart = np.concatenate([own - np.eye(classes)[j] for j in range(classes)])  # 0 of the class against itself
    rows = np.einsum("na,nk->nak", apart[:, 1:], np.tile(z, (classes, 1))).reshape(len(apart), rest * k)
    rows = rows[apart.any(axis=1)]
    found = separation(rows, np.ones(len(rows), dtype=bool))
    return None if found is None else np.column_stack([np.zeros(k), found.reshape(rest, k).T])
