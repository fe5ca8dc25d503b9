"""Least squares solved exactly, in NumPy float64, and the parts that models solved by it share."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.lax import Precision


class Fixed(nnx.Variable):
    """An array of a model that is not trained: random weights, a domain, the training inputs."""


def weights(features: int, dout: int, *, param_dtype: Any, rngs: nnx.Rngs) -> nnx.Linear:
    """The map W'z, [..., features] -> [..., dout], at W = 0.

    From zero, gradient descent goes to the least-squares solution of smallest norm, which is also what `solve_layer`
    finds. Multiplied in full precision on every device: exact weights may be large and of both signs.
    """
    return nnx.Linear(
        features,
        dout,
        use_bias=False,
        kernel_init=nnx.initializers.zeros_init(),
        precision=Precision.HIGHEST,
        param_dtype=param_dtype,
        rngs=rngs,
    )


def with_constant(z: np.ndarray) -> np.ndarray:
    """z [n, k] and a column of ones at its end."""
    return np.column_stack([z, np.ones(len(z))])


def assign(layer: nnx.Linear, w: np.ndarray) -> None:
    """Set a layer to the weights w [k, dout] of its inputs and, last, of the constant, where it has a bias."""
    if layer.bias is not None:
        layer.bias[...] = jnp.asarray(w[-1], layer.bias[...].dtype)
        w = w[:-1]
    layer.kernel[...] = jnp.asarray(w, layer.kernel[...].dtype)


def solve_layer(layer: nnx.Linear, z: np.ndarray, y: Any, ridge: float = 0.0, w: Any = None) -> dict[str, Any]:
    """Set a layer to the least-squares fit of y [n, dout] on z [n, k] (and a constant, where it has a bias), with
    weights w [n] of the squares (None: all are 1).

    Returns:
        What `least_squares` reports, and `fitted`, the solution at z, float64 [n, dout], with which what the model
        computes there in its own precision can be compared.

    Raises:
        ValueError: z or y has values that are not finite, or the weights cannot be kept in the layer's precision.
    """
    z = np.asarray(z, np.float64)
    if layer.bias is not None:
        z = with_constant(z)
    y = np.asarray(y, np.float64)
    exact, report = least_squares(*weighted(z, y, w), ridge, at=z)
    rounded(z, exact, y, layer.kernel[...].dtype)
    assign(layer, exact)
    return {**report, "fitted": z @ exact}


def weighted(z: np.ndarray, y: np.ndarray, w: Any) -> tuple[np.ndarray, np.ndarray]:
    """z [n, k] and y [n, dout] times the root of weights w [n], whose least squares are the weighted ones; None: 1."""
    if w is None:
        return z, y
    root = np.sqrt(np.asarray(w, np.float64))[:, None]
    return root * z, root * y


def rounded(design: np.ndarray, w: np.ndarray, y: np.ndarray, dtype: Any) -> tuple[np.ndarray, float]:
    """Weights [k, dout] in the precision of a model, and the root mean square of what that changes in design w.

    Raises:
        ValueError: it changes design w by more than y [n, dout] has: large weights of both signs, which cancel in
            float64, do not in float32.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        kept = w.astype(dtype)
        error = float(np.sqrt(np.mean(np.square(design @ (w - kept.astype(np.float64))))))
    if not error <= np.sqrt(np.mean(np.square(y))):
        raise ValueError(
            f"its weights, up to {np.abs(w).max():.0e}, change the fit by {error:.0e} when rounded to "
            f"{np.dtype(dtype).name}; take --precision float64, fewer or better conditioned features, or a ridge where "
            "the model has one"
        )
    return kept, error


def least_squares(
    design: np.ndarray, y: np.ndarray, ridge: float = 0.0, at: np.ndarray | None = None
) -> tuple[np.ndarray, dict[str, float]]:
    """The w [k, dout] that minimises ||y - design w||^2 + ridge ||w||^2; that of smallest norm where several do.

    One QR factorisation of the design [n, k] or, where it is wider than tall, of its transpose; a singular value
    decomposition of R where R is singular in float64 or a ridge asks for it. Sources: Golub and Van Loan (2013),
    Matrix Computations, chapter 5 (least squares, full rank or not) and section 6.1 (ridge).

    Args:
        at: rows [m, k] at which it is to be said how wrong `at w` can be.

    Returns:
        (w, report). Of the design: `condition_number`, largest over smallest singular value (as computed: above 1e16 it
        says no more than that), and `rank`, which is below min(n, `columns`) where it is singular in float64. With `at`
        and where there is no ridge and the rank is full, `fitted_error`, a bound (of a design wider than tall: where
        `at` is the design itself).

    Raises:
        ValueError: the design or y has values that are not finite.
    """
    from scipy import linalg  # what is not solved waits for no scipy

    n, k = design.shape
    tall = n >= k
    q, r = linalg.qr(design if tall else design.T, mode="economic")
    s = np.linalg.svd(design, compute_uv=False)
    rank, condition = _rank(r, s, max(n, k))
    plain = rank == len(s) and ridge == 0
    if plain:
        w = linalg.solve_triangular(r, q.T @ y) if tall else q @ linalg.solve_triangular(r, y, trans="T")
    else:
        u, of_r, vt = linalg.svd(r)
        kept = (of_r > 0) if ridge > 0 else np.arange(len(of_r)) < rank
        gain = np.where(kept, of_r / np.where(kept, of_r**2 + ridge, 1.0), 0.0)[:, None]
        w = vt.T @ (gain * (u.T @ (q.T @ y))) if tall else q @ (u @ (gain * (vt @ y)))
    report = {"condition_number": _ratio(s), "rank": int(rank), "columns": k}
    if at is not None and plain and tall:
        report["fitted_error"] = fitted_error(design, y, w, (q, r), condition, at)
    elif at is design and plain:  # y itself is fitted
        report["fitted_error"] = float(np.max(np.abs(y - design @ w) + 2 * sums_rounded(design, w, y)))
    return w, report


def sums_rounded(design: np.ndarray, w: np.ndarray, y: np.ndarray | float = 0.0) -> np.ndarray:
    """What rounding in float64 does to y - design w at most, [n, dout].

    Source: Higham (2002), Accuracy and Stability of Numerical Algorithms, section 3.1.
    """
    found: np.ndarray = (len(w) + 2) * np.finfo(np.float64).eps * (np.abs(design) @ np.abs(w) + np.abs(y))
    return found


def fitted_error(
    design: np.ndarray,
    y: np.ndarray,
    w: np.ndarray,
    qr: tuple[np.ndarray, np.ndarray],
    condition: float,
    at: np.ndarray,
) -> float:
    """A bound of |at w - at v|, the largest over rows and columns, where v is the solution without rounding.

    v - w solves the least squares of what w leaves, so that at (v - w) = at R^-1 Q'(y - design w), of each row no more
    than the length of that of at R^-1 times three errors: what is found so; how what w leaves is itself rounded; and
    how far Q is from what the design spans, which is `condition`, that of the design with columns of length one, times
    the error of the factorisation, of each column the root of n k rounding errors of its length. And the sums of `at w`
    are rounded.

    Sources: Higham (2002), Accuracy and Stability of Numerical Algorithms, sections 3.1, 19.3 and 20.1; Higham and Mary
    (2019), A New Approach to Probabilistic Rounding Error Analysis, for the root of n k in place of n k.
    """
    from scipy import linalg

    (q, r), (n, k), eps = qr, design.shape, float(np.finfo(np.float64).eps)
    left = y - design @ w
    found = np.linalg.norm(q.T @ left, axis=0)
    evaluated = np.linalg.norm(sums_rounded(design, w, y), axis=0)
    spanned = np.sqrt(n * k) * eps * condition * np.linalg.norm(left, axis=0)
    reach = np.linalg.norm(linalg.solve_triangular(r, at.T, trans="T"), axis=0)[:, None]
    return float(np.max(reach * (found + evaluated + spanned) + sums_rounded(at, w)))


def _rank(r: np.ndarray, s: np.ndarray, size: int) -> tuple[int, float]:
    """The rank of R in float64, and the condition number of R with columns of length one. Columns in other units do not
    make a design singular: full rank is looked for in those."""
    from scipy import linalg  # what is not solved waits for no scipy

    tolerance = size * np.finfo(np.float64).eps
    length = np.linalg.norm(r, axis=0)
    scaled = linalg.svdvals(r / np.where(length > 0, length, 1.0))
    if scaled[-1] > tolerance * scaled[0]:
        return len(s), _ratio(scaled)
    return int(np.sum(s > tolerance * s[0])), _ratio(scaled)


def _ratio(s: np.ndarray) -> float:
    return float(s[0] / s[-1]) if s[-1] > 0 else float("inf")
