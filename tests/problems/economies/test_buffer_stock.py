"""Saving with a borrowing limit: the exact policy against an endogenous grid written once more, the recipe, what is
refused."""

from statistics import NormalDist

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from econml_cli.errors import ConfigError
from econml_cli.problems.economies.buffer_stock import UNIT, BufferStock
from econml_cli.problems.economies.simulation import simulate
from econml_cli.training.precision import precision
from tests.support.fits import losses_of
from tests.support.planted import PLANTED

CASH = np.exp(np.linspace(np.log(0.5), np.log(4.0), 40))


def endogenous_grid(beta: float, gamma: float, R: float, sigma: float) -> np.ndarray:
    """c(m) at `CASH`: from the policy of the last period backwards until nothing changes, with the probabilities of 300
    intervals of log income. Source: Carroll (2006)."""
    edges = np.linspace(-6, 6, 301)
    chance = np.diff([NormalDist().cdf(z) for z in edges])
    incomes = np.exp(sigma * (edges[:-1] + edges[1:]) / 2 - sigma**2 / 2)
    saved = 10 * np.linspace(0, 1, 250) ** 3
    m, c = np.array([0.0, 50.0]), np.array([0.0, 50.0])
    for _ in range(400):
        ahead = np.interp(R * saved[:, None] + incomes, m, c)
        eaten = (beta * R * (ahead**-gamma) @ chance) ** (-1 / gamma)
        m, c = np.append(0.0, saved + eaten), np.append(0.0, eaten)
    return np.interp(CASH, m, c)


@pytest.mark.parametrize("given", [{}, {"gamma": 5.0, "sigma": 0.3}])
def test_the_exact_policy_is_that_of_an_endogenous_grid_written_once_more(given):
    with precision("float64"):
        problem = BufferStock(**given)
        p = problem.p
        exact = np.asarray(problem.truth(jnp.asarray(np.log(CASH) / UNIT)[:, None]))[:, 0]
    np.testing.assert_allclose(exact, endogenous_grid(p.beta, p.gamma, p.R, p.sigma), rtol=2e-4)
    poor = problem.exact[0][1]  # up to here all is eaten
    assert 0.6 < poor < 1.1 and np.all(exact[poor > CASH] == pytest.approx(CASH[poor > CASH]))
    assert np.all(exact[poor < CASH] < CASH[poor < CASH]) and np.all(np.diff(exact) > 0)


def test_what_is_not_eaten_is_there_tomorrow_and_income_has_mean_one():
    with precision("float64"):
        problem = BufferStock()
        series = simulate(problem, PLANTED["buffer_stock"](problem)["exact"], periods=60, paths=50, seed=1)
    m, c, saved = (series[name] for name in ("m", "c", "a"))
    incomes = m[1:] - 1.03 * (m - c)[:-1]
    assert np.all(c <= m) and np.any(c == m) and np.any(c < m)
    np.testing.assert_allclose(saved, m - c)
    assert incomes.mean() == pytest.approx(1, abs=0.01) and np.log(incomes).std() == pytest.approx(0.15, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0])  # the page of the docs fits it at seed 42
def test_its_recipe_reaches_its_bars(seed):
    found = losses_of("buffer_stock", seed=seed)
    assert "failed" not in found and found["verdict_states"] == "passed"
    assert found["path_error_max"] < 1e-3 and found["limit_slack"] < 1e-4
    assert 0.05 < found["limit_binds"] < 0.5


def test_samples_are_uniform_in_the_log_of_cash():
    x = np.asarray(BufferStock().sample(nnx.Rngs(0), "test").x) * UNIT
    assert x.shape == (1000, 1)
    assert np.log(0.7) < x.min() < np.log(0.71) and np.log(3.9) < x.max() < np.log(4)
    assert BufferStock().sample(nnx.Rngs(0), "test", 0) is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"beta": 1.0}, "--beta must be > 0 and < 1"),
        ({"beta": 0.98}, "--beta times --R must be < 1, got 1.009: the patient save for ever"),
        ({"m_low": 1.5}, "must have the mean income 1 between them"),
    ],
)
def test_parameters_without_a_solution_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        BufferStock(**options)
