"""Polynomials: a fixed representation phi(x) of products of orthogonal polynomials, and a model linear in it."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from numpy.polynomial import chebyshev, hermite_e, legendre, polynomial

from econml_cli.models.least_squares import Fixed, solve_layer, weights
from econml_cli.models.table import PolynomialFeaturesOptions, PolynomialOptions
from econml_cli.models.terms import terms
from econml_cli.options.fields import values_of

Array = TypeVar("Array", jax.Array, np.ndarray)

#: P_{k+1}(u) = a_k u P_k(u) - c_k P_{k-1}(u) with P_0 = 1: k -> (a_k, c_k). Source: Abramowitz and Stegun, 22.7
RECURRENCES: dict[str, Callable[[int], tuple[float, float]]] = {
    "monomial": lambda k: (1.0, 0.0),
    "chebyshev": lambda k: (1.0 if k == 0 else 2.0, 1.0),
    "legendre": lambda k: ((2 * k + 1) / (k + 1), k / (k + 1)),
    "hermite": lambda k: (1.0, float(k)),
}
#: the same in NumPy: (u [...], degree) -> [..., degree + 1]
VANDER: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "monomial": polynomial.polyvander,
    "chebyshev": chebyshev.chebvander,
    "legendre": legendre.legvander,
    "hermite": hermite_e.hermevander,
}


class PolynomialFeatures(nnx.Module):
    """phi(x) = products of P_0(u_j) .. P_degree(u_j): [n, din] -> [n, dout], u = (x - centre) / scale.

    The P are the `basis`: powers, Chebyshev's T, Legendre's P, or the probabilists' Hermite polynomials He, which are
    orthogonal under the standard normal law (He_2 = u^2 - 1; the physicists' H_2 = 4 u^2 - 2 is another scaling).
    u is x with its domain mapped to [-1, 1]. The domain is learnt from the training inputs, for each of them: its
    smallest and largest value, or its mean -/+ one standard deviation under `hermite`, so that u is standardised.

    Args:
        constant: whether the constant is one of the features (h may have a bias of its own).
        options: those of `PolynomialFeaturesOptions`. The products with `interaction` "total" are those of total degree
            <= `degree`; "tensor": all with degree <= `degree` in each input; "none": powers of one input at a time.
            `domain` is (low, high) of every input, or such a pair for each of them, in place of what the data say.

    Attributes:
        dout: number of features, by total degree, the constant first.

    Raises:
        ValueError: no pairs low < high in `domain`, too many features, or none.
    """

    def __init__(
        self,
        din: int,
        *,
        constant: bool = True,
        param_dtype: Any = jnp.float32,
        rngs: nnx.Rngs | None = None,
        **options: Any,
    ):
        p = PolynomialFeaturesOptions(**options)
        self.degree, self.basis, self.interaction, self.constant = p.degree, p.basis, p.interaction, constant
        self.from_data = p.domain is None
        low, high = bounds(p.domain, din) if p.domain is not None else (-np.ones(din), np.ones(din))
        self.centre = Fixed(jnp.asarray((low + high) / 2, param_dtype))
        self.scale = Fixed(jnp.asarray((high - low) / 2, param_dtype))
        self.din, self.dout = din, len(self._terms(din))

    def __call__(self, x: jax.Array) -> jax.Array:
        """phi(x) of x [n, ...], shaped [n, dout]; an observation that is not a vector is read as one."""
        u = (x.reshape(len(x), -1) - self.centre[...]) / self.scale[...]
        return products(evaluate(self.basis, u, self.degree), self._terms(self.din), jnp)

    def design(self, x: Any) -> np.ndarray:
        """phi(x) in float64, whatever the precision of the model."""
        x = np.asarray(x, np.float64).reshape(len(x), -1)
        u = (x - np.asarray(self.centre[...], np.float64)) / np.asarray(self.scale[...], np.float64)
        return products(VANDER[self.basis](u, self.degree), self._terms(self.din), np)

    def adapt(self, x: Any) -> None:
        """Learn the domain from the training inputs x [n, ...], unless it was given."""
        if not self.from_data:
            return
        x = np.asarray(x, np.float64).reshape(len(x), -1)
        if self.basis == "hermite":
            centre, scale = x.mean(axis=0), x.std(axis=0)
        else:
            low, high = x.min(axis=0), x.max(axis=0)
            centre, scale = (low + high) / 2, (high - low) / 2
        scale = np.where(scale > 0, scale, 1.0)  # an input that does not vary
        self.centre[...] = jnp.asarray(centre, self.centre[...].dtype)
        self.scale[...] = jnp.asarray(scale, self.scale[...].dtype)

    def _terms(self, din: int) -> np.ndarray:
        return terms(din, self.degree, self.interaction, self.constant)


class Polynomial(nnx.Module):
    """f(x) = W'phi(x): [n, din] -> [n, dout], phi(x) the polynomial features of x with a constant.

    Args:
        options: those of `PolynomialOptions`; by gradient it is trained from W = 0.
    """

    def __init__(self, din: int, dout: int, *, param_dtype: Any = jnp.float32, rngs: nnx.Rngs, **options: Any):
        p = PolynomialOptions(**options)
        self.solver = p.solver
        self.phi = PolynomialFeatures(din, param_dtype=param_dtype, **values_of(p, PolynomialFeaturesOptions))
        self.W = weights(self.phi.dout, dout, param_dtype=param_dtype, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Values at x [n, ...], shaped [n, dout]."""
        out: jax.Array = self.W(self.embed(x))
        return out

    def embed(self, x: jax.Array) -> jax.Array:
        """The representation z = phi(x) of x [n, ...], [n, number of features]."""
        return self.phi(x)

    def adapt(self, x: Any) -> None:
        """Learn the domain from the training inputs x [n, ...], unless it was given."""
        self.phi.adapt(x)

    def solve(self, x: Any, y: Any, w: Any = None) -> dict[str, Any]:
        """Set W to the least-squares fit of y [n, dout] on phi(x), x [n, ...].

        Returns:
            `condition_number`, `rank` and `columns` of the design phi(x), and `fitted`, as `least_squares.solve_layer`.
        """
        return solve_layer(self.W, self.phi.design(x), y, w=w)


def evaluate(basis: str, u: jax.Array, degree: int) -> jax.Array:
    """P_0(u) .. P_degree(u) of a basis, [...] -> [..., degree + 1], by its three-term recurrence."""
    values = [jnp.ones_like(u)]
    for k in range(degree):
        a, c = RECURRENCES[basis](k)
        ahead = a * u * values[k]
        values.append(ahead - c * values[k - 1] if k > 0 else ahead)
    return jnp.stack(values, axis=-1)


def products(values: Array, factors: np.ndarray, module: Any) -> Array:
    """The features [n, k] from the polynomials of each input [n, din, degree + 1]; `module` is jnp or np.

    `factors` [k, m] are those of `terms`: 0 stands for the constant 1, the rest for columns of the values.
    """
    n = len(values)
    columns = module.concatenate([module.ones_like(values[:, :1, 0]), values[:, :, 1:].reshape(n, -1)], axis=1)
    found: Array = columns[:, factors[:, 0]]
    for column in factors.T[1:]:
        found = found * columns[:, column]
    return found


def bounds(domain: Sequence[float], din: int) -> tuple[np.ndarray, np.ndarray]:
    """(low [din], high [din]) from one pair for all inputs, or from a pair for each.

    Raises:
        ValueError: neither, or a low that is not below its high.
    """
    pairs = np.asarray(domain, np.float64)
    if len(pairs) == 2:
        pairs = np.tile(pairs, din)
    if len(pairs) != 2 * din or np.any(pairs[::2] >= pairs[1::2]):
        given = ",".join(f"{bound:g}" for bound in domain)
        more = f", or such a pair for each of the {din} inputs in turn" if din > 1 else ""
        raise ValueError(f"--domain {given} must be LOW,HIGH with LOW < HIGH{more}")
    return pairs[::2], pairs[1::2]
