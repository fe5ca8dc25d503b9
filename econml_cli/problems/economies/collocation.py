"""Functions of time of smallest norm that satisfy differential equations at points, in the space of a kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from econml_cli.problems.economies import economics
from econml_cli.problems.lazily import jax, jnp, np

if TYPE_CHECKING:
    from econml_cli.models.base import Model
    from econml_cli.models.kernel import KernelRegression
    from econml_cli.problems.base import Batch, Split

#: Gauss-Legendre nodes of the integral between two of the points; a kernel has its kinks there, and is smooth between
QUADRATURE = 8
#: Gauss-Newton steps, at most; the norm of a step after which nothing but rounding is left, as a share of that of the
#: solution (errors are squared in a step); and halvings of one
STEPS, CONVERGED, HALVINGS = 100, 1e-5, 20


@dataclass(frozen=True)
class Collocation:
    """Points of time [n], equally spaced from 0, at which differential equations are to hold.

    Unknown are derivatives; what they are of is their integral from 0, which is computed panel by panel between points.
    """

    points: np.ndarray

    def sample(self, split: Split, n: int | None, horizon_test: float, points_test: int) -> Batch | None:
        """x = t, [n, 1]: the points (train), those halfway between them (val), and `points_test` equally spaced ones of
        [0, horizon_test] (test, and wherever it is said how many, `n`); None where there are none. Nothing is drawn."""
        if split == "train" and n is None:
            t = self.points
        elif split == "val" and n is None:
            t = 0.5 * (self.points[1:] + self.points[:-1])
        else:
            t = np.linspace(0.0, horizon_test, points_test if n is None else n)
        return economics.at(jnp.asarray(t[:, None], float)) if len(t) else None

    def integral(self, slope: Callable[[jax.Array], jax.Array], t: jax.Array) -> jax.Array:
        """The integral from 0 to each t [n, 1] of a function [m, 1] -> [m, d] of time, [n, d]."""
        edges = jnp.asarray(self.points, t.dtype)
        step = self.points[1]
        # whole panels between points, and what is left to t from the last point below it
        whole = self._panels(slope, edges[:-1], jnp.full(len(edges) - 1, step, t.dtype))
        upto = jnp.concatenate([jnp.zeros_like(whole[:1]), jnp.cumsum(whole, axis=0)])
        below = jnp.clip(jnp.floor(t[:, 0] / step).astype(int), 0, len(edges) - 1)
        found: jax.Array = upto[below] + self._panels(slope, edges[below], t[:, 0] - edges[below])
        return found

    def _panels(self, slope: Callable[[jax.Array], jax.Array], start: jax.Array, length: jax.Array) -> jax.Array:
        """The integral from each start over each length, [n, d]."""
        nodes, weights = (jnp.asarray(part, start.dtype) for part in legendre())
        t = start[:, None] + length[:, None] * nodes
        values = slope(t.reshape(-1, 1)).reshape(*t.shape, -1)
        return length[:, None] * jnp.einsum("pqd,q->pd", values, weights)

    def of(self, function: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """(values, integrals from 0), each [n, m], at the points, of a function [...] -> [..., m] in NumPy."""
        nodes, weights = legendre()
        width = np.diff(self.points)
        inside = function(self.points[:-1, None] + width[:, None] * nodes)
        panels = width[:, None] * np.einsum("pqm,q->pm", inside, weights)
        return function(self.points), np.concatenate([np.zeros_like(panels[:1]), np.cumsum(panels, axis=0)])


def legendre() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of Gauss-Legendre's rule on [0, 1], each [`QUADRATURE`]."""
    nodes, weights = np.polynomial.legendre.leggauss(QUADRATURE)
    return 0.5 * (1 + nodes), 0.5 * weights


class Space(NamedTuple):
    """What spans the functions of a kernel `model`: k(t, t_j) as a function [...] -> [..., n] in NumPy float64, and the
    points t_j that it keeps; with its `ridge` and length `scale`."""

    model: KernelRegression
    at: Callable[[np.ndarray], np.ndarray]
    collocation: Collocation
    ridge: float
    scale: float


def space_of(model: Model) -> Space:
    """The space of a model.

    Raises:
        ValueError: the model is no kernel.
    """
    from econml_cli.models.kernel import KERNELS, KernelRegression

    if not isinstance(model, KernelRegression):
        raise ValueError(
            "the problem is solved by the smallest norm of a kernel's space; take model kernel, or one that is "
            "trained, such as mlp"
        )
    points, scale, ridge = (
        np.asarray(fixed[...], np.float64) for fixed in (model.inputs, model.length_scale, model.ridge)
    )
    kernel, centres = KERNELS[model.kernel], points[:, 0]

    def at(t: np.ndarray) -> np.ndarray:
        found: np.ndarray = kernel(np.square((t[..., None] - centres) / scale), np)
        return found

    return Space(model, at, Collocation(centres), float(ridge), float(scale))


def smallest_norm(gram: np.ndarray, C: np.ndarray, y: np.ndarray, ridge: float) -> np.ndarray:
    """The z [m, 1] that minimises z' gram z + |C z - y|^2 / ridge; with ridge 0 z' gram z among all with C z = y.

    The conditions of first order are one linear system in z and the multipliers. It is solved in NumPy float64, and by
    singular values where it is singular there.

    Args:
        gram: [m, m], positive semidefinite; 0 where a coefficient has no norm. C: [r, m]. y: [r, 1].
    """
    from scipy import linalg

    system = _first_order(gram, C, ridge)
    right = np.concatenate([np.zeros((len(gram), 1)), y])
    factor, pivots, singular = linalg.lapack.dgetrf(system)
    reciprocal = 0.0 if singular else linalg.lapack.dgecon(factor, np.linalg.norm(system, 1))[0]
    if reciprocal > len(system) * np.finfo(np.float64).eps:
        solution: np.ndarray = linalg.lapack.dgetrs(factor, pivots, right)[0]
    else:
        solution = linalg.lstsq(system, right)[0]
    return solution[: len(gram)]


def condition_number(gram: np.ndarray, C: np.ndarray, ridge: float) -> float:
    """That of the system of `smallest_norm`, in the 2-norm."""
    return float(np.linalg.cond(_first_order(gram, C, ridge)))


def _first_order(gram: np.ndarray, C: np.ndarray, ridge: float) -> np.ndarray:
    return np.block([[gram, C.T], [C, -ridge * np.eye(len(C))]])


def smallest_norm_of(
    gram: np.ndarray,
    equations: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    positive: Callable[[np.ndarray], np.ndarray],
    ridge: float,
) -> tuple[np.ndarray, np.ndarray]:
    """The same for equations that are not linear in z [m, 1], by Gauss and Newton's method from z = 0: each step is the
    smallest norm that satisfies the equations linearised where the last one ended.

    Args:
        equations: z -> (r [r, 1], which is to be 0, and its derivatives [r, m]). positive: z -> what has to stay
            positive, of any shape; a step that would leave less than a twentieth of it is halved.

    Returns:
        (z, the derivatives there).

    Raises:
        ValueError: it does not converge.
    """
    z = np.zeros((len(gram), 1))
    for _ in range(STEPS):
        r, J = equations(z)
        wanted = smallest_norm(gram, J, J @ z - r, ridge)
        least = 0.05 * positive(z)
        sizes = (0.5**i for i in range(HALVINGS))
        size = next((size for size in sizes if np.all(positive(z + size * (wanted - z)) > least)), 0.0)
        change = size * (wanted - z)
        z = z + change
        moved, norm = (float((of.T @ gram @ of).item()) for of in (change, z))
        if size == 1 and moved <= CONVERGED**2 * norm:
            return z, equations(z)[1]
    raise ValueError(f"Gauss and Newton's method has not converged after {STEPS} steps; try more points, or another "
                     "length scale")  # fmt: skip
