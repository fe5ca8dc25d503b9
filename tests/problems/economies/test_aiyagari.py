"""Many households and one market for capital: the exact policy and the rate against ones written once more, planted
wrong policies, the recipe, what is refused."""

import functools

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from econml_cli.errors import ConfigError
from econml_cli.problems.economies import economics
from econml_cli.problems.economies.aiyagari import Aiyagari
from econml_cli.problems.economies.heterogeneous import Chain, clearing, mean_assets, rouwenhorst
from econml_cli.problems.economies.simulation import simulate
from econml_cli.training.precision import precision
from tests.support.fits import losses_of
from tests.support.planted import PLANTED

BETA, GAMMA, ALPHA, DELTA = 0.96, 3.0, 0.36, 0.08


def chain_written_once_more(n: int, rho: float, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """(incomes [n] with mean 1, chances [n, n]): a state is how many of n - 1 coins, each kept with the chance (1 +
    rho) / 2, show heads."""
    kept = (1 + rho) / 2
    chances = np.empty((n, n))
    for heads in range(n):
        law = np.ones(1)
        for coin in range(n - 1):
            up = kept if coin < heads else 1 - kept
            law = np.convolve(law, [1 - up, up])
        chances[heads] = law
    levels = np.exp(2 * sigma * (np.arange(n) - (n - 1) / 2) / np.sqrt(n - 1))
    share = np.linalg.matrix_power(chances, 500)[0]
    return levels / (share @ levels), chances


def supplied(r: float, n: int, rho: float, sigma: float) -> float:
    """Mean assets at a rate: the policy of the last period backwards until nothing changes, and then the shares of
    households at 500 levels of assets forwards. Source: Carroll (2006), Young (2010)."""
    incomes, chances = chain_written_once_more(n, rho, sigma)
    ends, eaten = 50 * np.linspace(0, 1, 250) ** 2.5, np.ones((n, 250))
    for _ in range(1200):
        wealth = [np.append(0.0, ends + one) for one in eaten]
        food = [np.append(0.0, one) for one in eaten]
        ahead = np.stack([np.interp((1 + r) * ends + incomes[j], wealth[j], food[j]) for j in range(n)])
        eaten = (BETA * (1 + r) * chances @ ahead**-GAMMA) ** (-1 / GAMMA)
    grid = 40 * np.linspace(0, 1, 500) ** 2.5
    lower, weight = [], []
    for j in range(n):
        then = np.interp((1 + r) * grid + incomes[j], np.append(0.0, ends + eaten[j]), np.append(0.0, ends))
        lower.append(np.minimum(np.searchsorted(grid, then, side="right") - 1, 498))
        weight.append((then - grid[lower[j]]) / (grid[lower[j] + 1] - grid[lower[j]]))
    mass, before = np.full((n, 500), 1 / (500 * n)), np.inf
    for _ in range(8000):
        moved = np.stack([
            np.bincount(lower[j], (1 - weight[j]) * mass[j], 500) + np.bincount(lower[j] + 1, weight[j] * mass[j], 500)
            for j in range(n)
        ])  # fmt: skip
        mass, mean = chances.T @ moved, float(moved.sum(axis=0) @ grid)
        if abs(mean - before) < 1e-10:
            break
        before = mean
    return mean


@pytest.mark.slow
@pytest.mark.parametrize("given", [{}, {"incomes": 3, "rho": 0.3, "sigma": 0.3}])
def test_the_rate_is_that_of_an_endogenous_grid_and_a_distribution_written_once_more(given):
    problem = Aiyagari(**given)
    rate, held = problem.exact
    assert held == pytest.approx(ALPHA / (1 - ALPHA) / (rate + DELTA), rel=1e-5)
    chain = (problem.p.incomes, problem.p.rho, problem.p.sigma)
    low, high = (supplied(r, *chain) - ALPHA / (1 - ALPHA) / (r + DELTA) for r in (rate - 2e-5, rate + 2e-5))
    assert low < 0 < high  # so that the other solution's rate is within 2e-5


def test_the_chain_of_incomes_has_the_persistence_and_the_deviation_that_were_asked_for():
    chain = rouwenhorst(7, 0.6, 0.2)
    incomes, chances = chain_written_once_more(7, 0.6, 0.2)
    np.testing.assert_allclose(chain.levels, incomes, rtol=1e-12)
    np.testing.assert_allclose(chain.moves, chances, atol=1e-14)
    log = np.log(chain.levels) - chain.share @ np.log(chain.levels)
    assert chain.share @ log**2 == pytest.approx(0.04, rel=1e-12)
    np.testing.assert_allclose(chain.moves @ log, 0.6 * log, atol=1e-14)
    assert chain.share @ chain.levels == pytest.approx(1) and chain.share.sum() == pytest.approx(1)


def test_mean_assets_are_those_of_a_distribution_that_is_known():
    chain = Chain(np.ones(2), np.full((2, 2), 0.5), np.full(2, 0.5))
    points = np.linspace(0, 4, 9)
    # half of them keep half of what they have and 1 more, the others 0: E a = (E a / 2 + 1) / 2
    kept = np.stack([points / 2 + 1, np.zeros(9)])
    assert mean_assets(chain, points, kept) == pytest.approx(2 / 3, abs=1e-8)
    assert np.isnan(mean_assets(chain, points, np.full((2, 9), np.inf)))


def test_mean_assets_are_at_rest_where_wealth_moves_slowly():
    """Against the eigenvector of the dense matrix."""
    chain = rouwenhorst(3, 0.95, 0.3)
    points = np.linspace(0, 20, 81)
    kept = np.clip(0.9995 * points + 0.02 * (chain.levels[:, None] - 0.8), 0, 20)
    moves = np.zeros((243, 243))
    for j, i in np.ndindex(3, 81):
        for after in range(3):
            weights = np.clip(1 - np.abs(points - kept[j, i]) / 0.25, 0, 1)
            moves[after * 81 : (after + 1) * 81, j * 81 + i] += chain.moves[j, after] * weights
    values, vectors = np.linalg.eig(moves)
    assert np.sort(np.abs(values))[-2] > 0.999
    mass = np.real(vectors[:, np.argmax(np.real(values))])
    exact = (mass / mass.sum()).reshape(3, 81).sum(axis=0) @ points
    assert mean_assets(chain, points, kept) == pytest.approx(exact, rel=1e-8)


def test_where_two_distributions_are_at_rest_households_stay_in_their_part():
    chain = Chain(np.array([1.0, 1.0]), np.full((2, 2), 0.5), np.array([0.5, 0.5]))
    points = np.linspace(0, 3, 4)
    kept = np.tile([0.0, 0.0, 3.0, 3.0], (2, 1))  # half of them come to have nothing, half of them 3
    assert mean_assets(chain, points, kept) == pytest.approx(1.5, rel=1e-6)


def test_a_market_that_does_not_clear_has_no_rate():
    assert clearing(lambda r: r - 0.03, 0.02, 0.04) == pytest.approx(0.03, abs=1e-8)
    assert np.isnan(clearing(lambda r: r - 0.05, 0.02, 0.04)) and np.isnan(clearing(lambda r: np.nan, 0.02, 0.04))


@functools.cache
def small() -> Aiyagari:
    """Three states of income: as good to plant policies in, and faster."""
    with precision("float64"):
        return Aiyagari(incomes=3, N_test=200)


@pytest.mark.slow
def test_the_exact_policy_clears_the_market_at_the_exact_rate():
    with precision("float64"):
        problem = small()
        found = problem.stability(PLANTED["aiyagari"](problem)["exact"], problem.sample(nnx.Rngs(0), "test"))
    assert found["rate"] == pytest.approx(problem.exact[0], abs=2e-6) and found["rate_error"] < 2e-6


def test_what_is_minimised_is_the_residual_over_what_is_eaten_of_one_more_unit():
    m, free = jnp.array([9.0, 9.0, 1.0]), jnp.array([2.0, 18.0, 0.5])
    found = economics.by_propensity(jnp.array([0.01, 0.01, -0.01]), m, free, 0.01)
    np.testing.assert_allclose(found[:, 0], [0.5, 1.0, -0.01 / 0.26], rtol=1e-6)
    in_wages = economics.by_propensity(jnp.full(1, 0.01), 2 * m[:1], free[:1], 0.01, income=2.0)
    assert in_wages.shape == (1, 1) and float(in_wages[0, 0]) == pytest.approx(0.5)


@pytest.mark.slow
def test_what_is_not_eaten_earns_the_rate_and_incomes_follow_the_chain():
    with precision("float64"):
        problem = small()
        series = simulate(problem, PLANTED["aiyagari"](problem)["exact"], periods=80, paths=200, seed=1)
    m, c, a, y = (series[name] for name in ("m", "c", "a", "y"))
    rate = problem.exact[0]
    np.testing.assert_allclose(m[1:], (1 + rate) * a[:-1] + y[1:], rtol=1e-10)
    np.testing.assert_allclose(a, m - c, rtol=1e-10)
    log = np.log(y[20:])
    assert y[20:].mean() == pytest.approx(1, abs=0.01) and log.std() == pytest.approx(0.2, abs=0.01)
    assert np.corrcoef(log[1:].ravel(), log[:-1].ravel())[0, 1] == pytest.approx(0.6, abs=0.03)


@pytest.mark.slow
def test_its_recipe_finds_the_rate_and_passes():
    found = losses_of("aiyagari", seed=42)
    assert "failed" not in found and found["verdict_states"] == "passed"
    assert found["rate_error"] < 1e-4


def test_samples_are_uniform_over_incomes_and_rates_and_more_where_cash_is_little():
    problem = Aiyagari()
    x = problem.sample(nnx.Rngs(0), "test").x
    m, j, r = (np.asarray(each) for each in problem._state(x))
    assert x.shape == (1000, 3) and problem.sample(nnx.Rngs(0), "test", 0) is None
    assert problem.p.m_low <= m.min() < 0.6 and 29 < m.max() <= 30.001
    assert np.mean(np.asarray(x)[:, 0] < 0) == pytest.approx(0.5**0.5, abs=0.04)
    np.testing.assert_allclose(np.bincount(j, minlength=7) / 1000, 1 / 7, atol=0.04)
    assert r.min() == pytest.approx(problem.p.r_low, abs=1e-4) and r.max() == pytest.approx(problem.p.r_high, abs=1e-4)
    again = np.asarray(problem._read(jnp.asarray(m), jnp.asarray(j), jnp.asarray(r)))
    np.testing.assert_allclose(again, x, atol=1e-3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"beta": 1.0}, "--beta must be > 0 and < 1"),
        ({"rho": 1.0}, "--rho must be >= 0 and < 1, got 1: log income would not be stationary"),
        ({"r_high": 0.05}, "--r-high must be below the rate of time preference 1/beta - 1 = 0.04167, got 0.05"),
        ({"r_low": 0.0412, "r_high": 0.04}, "--r-low must be below --r-high"),
        ({"r_low": -0.1}, "--r-low must be > -delta, got -0.1 with --delta 0.08: capital that costs nothing"),
        ({"m_low": 0.9}, "--m-low must not be above the least income 0.6006, got 0.9"),
    ],
)
def test_parameters_without_a_solution_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        Aiyagari(**options)


@pytest.mark.slow
def test_rates_among_which_no_market_clears_are_refused():
    with pytest.raises(
        ConfigError, match=r"clears at no rate between --r-low 0.04 and --r-high 0.04117: .* the rate is lower"
    ):
        Aiyagari(r_low=0.04, incomes=3).check_equilibrium()
    with pytest.raises(ConfigError, match=r"the rate is higher; try --r-high 0.0414167"):
        Aiyagari(sigma=0.05, rho=0.0, incomes=3).check_equilibrium()


@pytest.mark.slow
def test_an_economy_whose_market_clears_at_no_rate_is_refused_before_anything_is_trained(econml, tmp_path):
    ran = econml("fit", "--problem", "aiyagari", "--sigma", "0.4", "--out", tmp_path / "run")
    assert ran.code == 2 and "try --r-low 0.01167" in ran.stderr and not (tmp_path / "run").exists()
    ran = econml("fit", "--problem", "aiyagari", "--sigma", "0.4", "--dry-run")
    assert ran.code == 2 and "clears at no rate" in ran.stderr
