"""Stochastic growth with partial depreciation: the exact policy, the recipe, what is refused."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from econml_cli.errors import ConfigError
from econml_cli.problems.economies import stochastic_growth
from econml_cli.problems.economies.simulation import simulate
from econml_cli.problems.economies.stochastic_growth import StochasticGrowth
from econml_cli.problems.economies.surface import Surface
from econml_cli.training.precision import precision
from tests.support.fits import losses_of
from tests.support.planted import PLANTED

#: states well within the samples, (log(k/k_ss), z)
STATES = np.stack([np.linspace(-0.35, 0.35, 15), 0.08 * np.cos(np.arange(15))], axis=1)


def test_the_exact_policy_is_the_closed_form_where_capital_does_not_last():
    problem = StochasticGrowth(alpha=0.36, beta=0.96, delta=1.0)
    c = problem.economy.c_ss * np.exp(problem.exact(STATES, np))
    y = np.exp(STATES[:, 1]) * (problem.economy.k_ss * np.exp(STATES[:, 0])) ** 0.36
    np.testing.assert_allclose(c, (1 - 0.36 * 0.96) * y, rtol=1e-9)


def test_the_exact_policy_solves_the_euler_equation_written_down_once_more():
    """u'(c) = beta E[(1 - delta + alpha e^z' k'^(alpha-1)) u'(c')], with twice as many nodes."""
    problem = StochasticGrowth()
    alpha, beta, delta = problem.p.alpha, 0.99, 0.025
    k_ss = (alpha / (1 / beta - 1 + delta)) ** (1 / (1 - alpha))
    c_ss = k_ss**alpha - delta * k_ss
    nodes, weights = np.polynomial.hermite.hermgauss(15)
    k, z = k_ss * np.exp(STATES[:, 0]), STATES[:, 1]
    c = c_ss * np.exp(problem.exact(STATES, np))
    k_next, expected = np.exp(z) * k**alpha + (1 - delta) * k - c, 0.0
    for node, weight in zip(nodes, weights / np.sqrt(np.pi), strict=True):
        z_next = 0.9 * z + 0.01 * np.sqrt(2) * node
        c_next = c_ss * np.exp(problem.exact(np.stack([np.log(k_next / k_ss), z_next], axis=1), np))
        expected = expected + weight * (1 - delta + alpha * np.exp(z_next) * k_next ** (alpha - 1)) / c_next
    np.testing.assert_allclose(beta * c * expected, 1, atol=1e-8)


@pytest.mark.slow
def test_a_polynomial_of_higher_degree_gives_the_same_policy(monkeypatch):
    low = StochasticGrowth().exact(STATES, np)
    monkeypatch.setattr(stochastic_growth, "DEGREES", (14, 8))
    np.testing.assert_allclose(StochasticGrowth().exact(STATES, np), low, atol=1e-7)


def test_a_surface_goes_on_along_its_tangent():
    plane = Surface(np.array([0.0, -1.0]), np.array([2.0, 1.0]), np.array([[1.0, 0.5], [2.0, 0.0]]))  # 2 x - 1 + y / 2
    x = np.array([[0.5, 0.5], [3.0, 0.0], [-1.0, 4.0]])
    np.testing.assert_allclose(plane(x, np), 2 * x[:, 0] - 1 + x[:, 1] / 2)
    np.testing.assert_allclose(plane(jnp.asarray(x), jnp), 2 * x[:, 0] - 1 + x[:, 1] / 2, rtol=1e-6)


def test_simulated_capital_is_what_is_not_eaten():
    with precision("float64"):
        problem = StochasticGrowth()
        series = simulate(problem, PLANTED["stochastic_growth"](problem)["exact"], periods=40, paths=3, seed=1)
    k, z, y, c = (series[name] for name in ("k", "z", "y", "c"))
    np.testing.assert_allclose(k[1:], y[:-1] + 0.975 * k[:-1] - c[:-1], rtol=1e-12)
    np.testing.assert_allclose(y, np.exp(z) * k ** (1 / 3), rtol=1e-12)
    assert np.abs((z[1:] - 0.9 * z[:-1]) / 0.01).std() == pytest.approx(0.6, abs=0.15)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0])  # the page of the docs fits it at seed 42
def test_its_recipe_reaches_its_bars(seed):
    found = losses_of("stochastic_growth", seed=seed)
    assert "failed" not in found and found["verdict_states"] == "passed"
    assert found["test_loss"] < 1e-12 and found["log10_euler_path_mean"] < -6
    assert found["path_error_max"] < 1e-5 and found["transversality"] == pytest.approx(0.99, abs=1e-5)


def test_samples_are_uniform_on_the_box_of_states():
    problem = StochasticGrowth()
    x = np.asarray(problem.sample(nnx.Rngs(0), "test").x)
    assert x.shape == (1000, 2) and np.abs(x).max() <= 1 and np.abs(x).min(axis=0).max() < 0.01
    assert problem.p.z_range == pytest.approx(4 * 0.01 / np.sqrt(1 - 0.81))
    assert problem.sample(nnx.Rngs(0), "test", 0) is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"beta": 1.0}, "--beta must be > 0 and < 1"),
        ({"rho": 1.0}, "--rho must be > -1 and < 1"),
        ({"delta": 0.0}, "--delta must be > 0"),
        ({"sigma": 1.0}, "try a smaller --sigma"),
    ],
)
def test_parameters_without_a_solution_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        StochasticGrowth(**options)
