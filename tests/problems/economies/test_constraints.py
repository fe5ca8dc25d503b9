"""Constraints that may bind, several equations, expectations over several shocks."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from econml_cli.errors import ShapeError
from econml_cli.problems.economies import constraints, economics
from tests.support.models import Apply

X = jnp.asarray([[0.0], [1.0], [2.0], [3.0]])
NONE = Apply(lambda x: x)


class Two:
    """Two equations, and a constraint that binds at 0 and 1."""

    equations: ClassVar[tuple[str, ...]] = ("euler", "bond")

    def residual(self, model: Any, batch: Any) -> jax.Array:
        """0.01 and 1e-3 (1 + x), [n, 2]."""
        return jnp.concatenate([jnp.full_like(batch.x, -0.01), 1e-3 * (1 + batch.x)], axis=1)

    def constraints(self, model: Any, x: jax.Array) -> dict[str, Any]:
        """Slack max(x - 1, 0) less an error of .002, a multiplier max(1.5 - x, 0)."""
        return {"limit": (jnp.maximum(x[:, 0] - 1, 0) - 0.002, jnp.maximum(1.5 - x[:, 0], 0))}


def test_kkt_is_zero_only_where_one_is_zero_and_none_is_negative():
    zero = jnp.asarray([0.0, 0.0, 3.0])
    np.testing.assert_allclose(economics.kkt(zero, jnp.asarray([0.0, 2.0, 0.0])), 0, atol=1e-6)
    a, b = jnp.asarray([1.0, -1.0, 0.0, -0.1]), jnp.asarray([1.0, 1.0, -1.0, 0.0])
    np.testing.assert_allclose(economics.kkt(a, b), a + b - np.hypot(a, b), rtol=1e-6)
    assert np.all(np.sign(economics.kkt(a, b)) == [1, -1, -1, -1])
    assert np.isfinite(jax.grad(lambda v: economics.kkt(v, v))(0.0))


def test_kkt_of_two_shapes_is_refused():
    with pytest.raises(ValueError, match=r"got \[4\] and \[4, 1\]"):
        economics.kkt(X[:, 0], X)


@pytest.mark.parametrize("d", [1, 3, 20])
def test_the_monomial_rule_is_exact_to_the_third_degree(d):
    nodes, weights = economics.monomial(d)
    assert nodes.shape == (2 * d, d) and weights.sum() == pytest.approx(1)
    np.testing.assert_allclose(weights @ nodes, 0, atol=1e-12)
    np.testing.assert_allclose((nodes.T * weights) @ nodes, np.eye(d), atol=1e-12)
    cubes = np.einsum("q,qi,qj,qk->ijk", weights, nodes, nodes, nodes)
    np.testing.assert_allclose(cubes, 0, atol=1e-12)


def test_each_equation_and_each_constraint_has_its_numbers():
    found = constraints.numbers(jax.device_get(constraints.look(Two(), NONE, X)))
    assert found["log10_euler_mean"] == found["log10_euler_max"] == pytest.approx(-2, abs=1e-6)
    assert found["log10_bond_max"] == pytest.approx(np.log10(4e-3), abs=1e-6)
    assert found["log10_bond_mean"] == pytest.approx(np.log10([1e-3, 2e-3, 3e-3, 4e-3]).mean(), abs=1e-6)
    assert found["limit_binds"] == 0.5 and found["limit_slack"] == pytest.approx(0.002, abs=1e-6)
    assert constraints.look(object(), NONE, X) == {} and constraints.numbers({"euler": X}) == {}


def test_names_and_pairs_that_do_not_fit_are_refused():
    wrong = Two()
    wrong.equations = ("euler",)  # type: ignore[misc]
    with pytest.raises(ShapeError, match="names 1 equations, and the residual has 2"):
        constraints.look(wrong, NONE, X)

    class Column(Two):
        def constraints(self, model: Any, x: jax.Array) -> dict[str, Any]:
            return {"limit": (x, x[:, 0])}

    with pytest.raises(ShapeError, match=r"'limit' as \[4, 1\] and \[4\], expected twice \[4\]"):
        constraints.look(Column(), NONE, X)
