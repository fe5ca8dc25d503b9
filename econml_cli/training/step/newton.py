"""Newton's method for a model that is linear in its parameters and a loss that is convex in the output: a logit, a
multinomial logit. In float64 whatever the precision of the model."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

#: the gradient, over the loss of the model that knows nothing (weights 0), at which it ends
TOLERANCE = 1e-12
#: steps: a logit takes 5 to 10, one whose estimate is infinite a step for each factor e of the loss
MOST = 100
#: directions of less curvature than this share of the most are not moved in (the estimate of smallest norm)
FLAT = 1e-13
#: how often a step is halved that does not lower the loss
HALVINGS = 40

PerRow = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Minimum:
    """Where the method ended.

    Attributes:
        w: weights, [k, dout]. loss: the mean loss there. gradient_norm: Euclidean, over the loss at w = 0. steps: made.
        hessian: of the mean loss, [k dout, k dout]; of classes, in the weights of all but the first.
    """

    w: np.ndarray
    loss: float
    gradient_norm: float
    steps: int
    hessian: np.ndarray

    @property
    def converged(self) -> bool:
        """Whether the gradient is rounding: else the loss has no minimum, or the steps ran out."""
        return self.gradient_norm <= 100 * TOLERANCE


def minimise(
    per_row: PerRow,
    z: np.ndarray,
    y: np.ndarray,
    dout: int,
    weights: np.ndarray | None = None,
    *,
    classes: bool = False,
) -> Minimum:
    """The w [k, dout] at which the mean of per_row(z w, y) is least; the one of smallest norm where several are.

    Args:
        per_row: (output [n, dout], y) -> the loss of each observation [n], convex in the output (else what is found is
            a local minimum). z: the design, float64 [n, k]. y: as the loss takes it. weights: of the observations [n];
            None: all are 1.
        classes: whether the loss stays as it is where all outputs move together, as of classes: the first is the base
            while it is minimised, so that the Hessian is not singular.

    Source: Nocedal and Wright (2006), Numerical Optimization, algorithm 3.2 (Newton's method with a modified Hessian
    and backtracking).
    """
    base, share = int(classes), np.full(len(z), 1 / len(z)) if weights is None else weights / np.sum(weights)
    with jax.enable_x64(True):
        derivatives = jax.jit(_derivatives(per_row))
        there = jnp.asarray(y, None if np.issubdtype(y.dtype, np.integer) else jnp.float64)

        def at(w: np.ndarray) -> Point:
            output = np.pad(z @ w, ((0, 0), (base, 0)))
            loss, slope, curvature = (np.asarray(part) for part in derivatives(jnp.asarray(output), there))
            slope, curvature = slope[:, base:], curvature[:, base:, base:]
            gradient = z.T @ (share[:, None] * slope)
            hessian = np.einsum("na,nij,nb->aibj", z, share[:, None, None] * curvature, z, optimize=True)
            return Point(w, float(share @ loss), gradient.reshape(-1), hessian.reshape(gradient.size, gradient.size))

        found = _descend(at, np.zeros((z.shape[1], dout - base)))
    if not classes:
        return found
    w = np.pad(found.w, ((0, 0), (1, 0)))
    return replace(found, w=w - w.mean(axis=1, keepdims=True))


@dataclass(frozen=True)
class Point:
    """Weights [k, dout], the mean loss there, its gradient [k dout] and its Hessian."""

    w: np.ndarray
    loss: float
    gradient: np.ndarray
    hessian: np.ndarray


def _descend(at: Callable[[np.ndarray], Point], start: np.ndarray) -> Minimum:
    here, steps = at(start), 0
    scale = abs(here.loss) or 1.0
    while np.linalg.norm(here.gradient) > TOLERANCE * scale and steps < MOST:
        values, vectors = np.linalg.eigh(here.hessian)
        values = np.abs(values)  # downhill too where the loss is not convex there
        kept = values > FLAT * values.max()
        step = -(vectors[:, kept] @ ((vectors[:, kept].T @ here.gradient) / values[kept]))
        found = _along(at, here, step)
        if found is None:  # what is left is rounding
            break
        stays = found.loss >= here.loss and np.linalg.norm(found.gradient) >= np.linalg.norm(here.gradient)
        here, steps = (here if stays else found), steps + 1
        if stays:  # neither the loss nor the gradient falls: rounding, too
            break
    return Minimum(here.w, here.loss, float(np.linalg.norm(here.gradient)) / scale, steps, here.hessian)


def _along(at: Callable[[np.ndarray], Point], here: Point, step: np.ndarray) -> Point | None:
    """The first point on a step, halved again and again, at which the loss falls by a share of what the slope says."""
    slope, rounding = float(here.gradient @ step), 4 * np.finfo(np.float64).eps * abs(here.loss)
    for length in 0.5 ** np.arange(HALVINGS):
        found = at(here.w + length * step.reshape(here.w.shape))
        if found.loss <= here.loss + 1e-4 * length * slope + rounding:
            return found
    return None


def _derivatives(per_row: PerRow) -> Callable[[Any, Any], Any]:
    """(output [n, dout], y) -> (loss [n], its gradient [n, dout] and Hessian [n, dout, dout] in the output)."""

    def of_one(output: Any, y: Any) -> Any:
        return per_row(output[None], y[None])[0]

    def all_of(output: Any, y: Any) -> Any:
        found = (of_one, jax.grad(of_one), jax.hessian(of_one))
        return tuple(jax.vmap(f)(output, y) for f in found)

    return all_of
