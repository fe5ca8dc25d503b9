"""Sequence problems and their recursive twin: exact paths, recipes that reach their bars, and what solves the equations
and is no solution of the economy: a bubble, capital that is never eaten."""

import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from econml_cli.config.fit_config import build
from econml_cli.errors import ConfigError
from econml_cli.problems.economies.asset_pricing import AssetPricing
from econml_cli.problems.economies.growth import Growth
from econml_cli.problems.economies.growth_policy import GrowthPolicy
from econml_cli.problems.economies.neoclassical import Neoclassical
from econml_cli.problems.economies.simulation import simulate
from econml_cli.training.precision import precision
from tests.support.economies import passed, policy, sequence, verdicts
from tests.support.fits import losses_of
from tests.support.models import Apply

#: computed by independent code, residuals < 1e-14: k(t), c(t) from k_0 = .4, and k'(k), c(k)
REFERENCE = Path(__file__).parent / "reference"
SEQUENCE = np.loadtxt(REFERENCE / "growth_k0_0.4.csv", delimiter=",", skiprows=1)
POLICY = np.loadtxt(REFERENCE / "growth_policy_grid.csv", delimiter=",", skiprows=1)
ECONOMY = Neoclassical(alpha=1 / 3, beta=0.9, delta=0.1)
SEQUENCES = {"asset_pricing": AssetPricing, "growth": Growth}


# --- asset_pricing ----------------------------------------------------------------------------------------------------


def discounted(p, start, periods=2000):
    """The sum of discounted dividends from `start` on, by adding them up."""
    y, total = p.y0, 0.0
    for t in range(start + periods):
        total += p.beta ** (t - start) * y if t >= start else 0.0
        y = p.c + (1 + p.g) * y
    return total


@pytest.mark.parametrize("options", [{}, {"g": 0.0}, {"g": 0.05}, {"g": 1e-12}, {"c": 0.0, "beta": 0.5}])
def test_the_price_is_the_sum_of_discounted_dividends(options):
    with precision("float64"):
        problem = AssetPricing(**options)
        prices = problem.truth(jnp.array([[0.0], [7.0]]))
        np.testing.assert_allclose(prices[:, 0], [discounted(problem.p, t) for t in (0, 7)], rtol=1e-10)


def test_the_defaults_of_asset_pricing_are_those_of_the_source():
    problem = AssetPricing()
    found = problem.describe()["H"]
    assert found == pytest.approx([0.473684, 5.263158], abs=5e-7)
    t = jnp.array([[0.0], [10.0], [1000.0]])
    np.testing.assert_allclose(problem.truth(t)[:, 0], [0.894737, 0.963297, 1.0], atol=1e-6)
    assert [len(problem.sample(nnx.Rngs(0), split).x) for split in ("train", "test")] == [30, 49]
    assert problem.sample(nnx.Rngs(0), "val") is None


def price(problem, zeta):
    """The model of the fundamental price plus a bubble zeta beta^-t."""
    t = np.arange(110.0)
    path = np.asarray(problem.truth(jnp.asarray(t[:, None])))[:, 0] + zeta * problem.p.beta**-t
    return sequence(np.maximum(path, 1e-9))  # beyond the test sample, where a bubble makes it negative


@pytest.mark.slow
def test_the_fundamental_price_has_no_residual_and_passes():
    with precision("float64"):
        problem = AssetPricing()
        found = verdicts(problem, price(problem, 0.0))
    assert found["test_loss"] < 1e-28 and found["policy_error_max"] < 1e-14 and found["bubble"] < 1e-14
    assert found["transversality"] == pytest.approx(0.9**48 * 0.9993, rel=1e-3)
    assert passed(found)


@pytest.mark.parametrize("zeta", [0.05, 0.001, -0.001])
def test_a_bubble_has_no_residual_and_is_failed(zeta):
    with precision("float64"):
        problem = AssetPricing()
        found = verdicts(problem, price(problem, zeta))
        fundamental = float(problem.truth(jnp.array([[97.0]]))[0, 0])
    assert found["test_loss"] < 1e-26 and found["log10_euler_max"] < -13
    assert found["bubble"] > 0.3
    if zeta > 0:
        assert found["bubble"] == pytest.approx(abs(zeta) * 0.9**-97 / fundamental, rel=1e-8)
    assert found["verdict_loss"] == "passed" and found["verdict_stability"] == "FAILED"
    assert found["failed"].startswith("stability (bubble")


def test_the_bubble_is_measured_on_a_horizon_on_which_it_would_overflow():
    with precision("float64"):
        problem = AssetPricing(periods_test=20000)
        found = problem.stability(Apply(jnp.zeros_like), problem.sample(nnx.Rngs(0), "test"))
    assert np.isfinite(found["bubble"]) and found["transversality"] == 0


# --- growth -----------------------------------------------------------------------------------------------------------


def test_the_exact_path_of_growth_is_that_of_the_reference():
    k = ECONOMY.path(0.4, 51)
    assert len(k) > 51 and k[-1] == pytest.approx(ECONOMY.k_ss, rel=1e-14)
    c = ECONOMY.resources(k[:-1]) - k[1:]
    np.testing.assert_allclose(k[:51], SEQUENCE[:, 1], rtol=1e-13)
    np.testing.assert_allclose(c[:51], SEQUENCE[:, 2], rtol=1e-12)
    assert (ECONOMY.k_ss, ECONOMY.c_ss) == pytest.approx((1.984045, 1.058157), abs=5e-7)
    assert abs(ECONOMY.k_max - 31.62) < 5e-3


@pytest.mark.parametrize(
    ("economy", "times"),
    [
        (ECONOMY, 0.001),
        (ECONOMY, 5.0),
        (Neoclassical(0.7, 0.99, 0.02, 0.02), 0.1),
        (Neoclassical(0.3, 0.5, 1.0), 2.0),
        (Neoclassical(0.4, 0.95, 0.1, -0.05), 0.3),
    ],
)
def test_the_exact_path_solves_the_euler_equation_from_little_and_from_much_capital(economy, times):
    k = economy.path(times * economy.k_ss, 20)
    c = economy.resources(k[:-1]) - (1 + economy.g) * k[1:]
    gap = (1 + economy.g) * c[1:] / c[:-1] - economy.beta * economy.gross_return(k[1:-1])
    assert np.abs(gap).max() < 1e-10 and np.all(c > 0) and k[-1] == pytest.approx(economy.k_ss, rel=1e-12)
    ratio = (k[30:40] / economy.k_ss - 1) / (k[29:39] / economy.k_ss - 1)
    if economy is ECONOMY:  # the linearised speed, once the path is near its end
        np.testing.assert_allclose(ratio, economy.persistence, rtol=0.02)


def test_with_full_depreciation_a_constant_share_is_saved():
    """Brock and Mirman's closed form: k' = alpha beta k^alpha."""
    k = Neoclassical(0.36, 0.96, 1.0).path(0.05, 10)
    np.testing.assert_allclose(k[1:], 0.36 * 0.96 * k[:-1] ** 0.36, rtol=1e-12)


@pytest.mark.slow
def test_the_saddle_path_has_no_residual_and_passes():
    with precision("float64"):
        for problem in (Growth(), Growth(g=0.02, k0=3.0)):
            found = verdicts(problem, sequence(problem.saddle, problem.p.capital_unit))
            assert found["test_loss"] < 1e-24 and found["policy_error_max"] < 1e-12 and found["infeasible"] == 0
            assert found["steady_state_error"] < 1e-3
            assert passed(found)


def test_the_truth_of_growth_is_the_reference_in_either_precision():
    t = SEQUENCE[:, :1]
    for name, tolerance in (("float32", 1e-6), ("float64", 1e-13)):
        with precision(name):
            truth = Growth().truth(jnp.asarray(t))
            assert truth.dtype == name and truth.shape == (51, 1)
            np.testing.assert_allclose(truth[:, 0], SEQUENCE[:, 1], rtol=tolerance)


@pytest.mark.slow
def test_the_loss_of_growth_is_that_of_the_text():
    """1/2 mean(euler^2) + 1/2 (k(0) - k_0)^2, from a k(t) whose consumption and returns are computed by hand."""
    with precision("float64"):
        problem, k = Growth(), 1.0 + 0.05 * np.arange(40)
        batch = problem.sample(nnx.Rngs(0), "train")
        c = k[:-1] ** (1 / 3) + 0.9 * k[:-1] - k[1:]
        euler = c[1:31] / c[:30] - 0.9 * (0.9 + k[1:31] ** (-2 / 3) / 3)
        expected = 0.5 * np.mean(euler**2) + 0.5 * (k[0] - 0.4) ** 2
        assert float(problem.loss(sequence(k), batch).mean()) == pytest.approx(expected, rel=1e-12)


def overaccumulated(share, periods=60):
    """Capital on the path that the Euler equation gives from k_0 = .4 where c_0 is this share of the right one."""
    k, c = [0.4], share * SEQUENCE[0, 2]
    for _ in range(periods):
        k.append(ECONOMY.resources(k[-1]) - c)
        c *= ECONOMY.beta * ECONOMY.gross_return(k[-1])
    return np.array(k)


@pytest.mark.parametrize("share", [0.95, 0.999])
def test_capital_that_is_never_eaten_has_no_residual_and_is_failed(share):
    k = overaccumulated(share, 200)
    assert k[-1] == pytest.approx(ECONOMY.k_max, rel=1e-3)  # it does run to the wrong fixed point
    with precision("float64"):
        found = verdicts(Growth(), sequence(k))
    assert found["test_loss"] < 1e-20 and found["infeasible"] == 0
    assert found["verdict_loss"] == "passed" and found["verdict_stability"] == "FAILED"
    assert found["steady_state_error"] > 5
    assert found["failed"].startswith("stability (saddle_error")


@pytest.mark.slow
def test_consumption_below_zero_is_penalised_reported_and_finite():
    with precision("float64"):
        problem = Growth()
        batch = problem.sample(nnx.Rngs(0), "train")
        steep = sequence(0.4 * 3.0 ** np.arange(60))  # more is invested than there is
        loss = problem.loss(steep, batch)
        found = verdicts(problem, steep)
        assert bool(jnp.all(jnp.isfinite(loss))) and bool(jnp.all(loss > 1))
        assert found["infeasible"] > 0.9 and found["verdict_loss"] == "FAILED" and found["verdict_truth"] == "FAILED"
        gradient = jax.grad(lambda k: ECONOMY.euler(k[:1], k[1:2], k[2:])[0].sum())
        assert gradient(jnp.array([-1.0, 1.0, 1.0]))[0] < 0 and gradient(jnp.array([1.0, -1.0, 1.0]))[1] > 0


@pytest.mark.slow
def test_a_short_horizon_does_not_ask_the_path_to_be_at_its_end():
    """After 8 periods the exact path is 20 % below the steady state, and passes."""
    with precision("float64"):
        problem = Growth(periods_test=8, periods=5)
        found = verdicts(problem, sequence(problem.saddle))
    assert found["steady_state_error"] > 0.15 and passed(found)


# --- growth_policy ----------------------------------------------------------------------------------------------------


def test_the_exact_policy_is_that_of_the_reference_in_either_precision():
    for name, tolerance in (("float32", 2e-6), ("float64", 1e-10)):
        with precision(name):
            truth = jax.jit(GrowthPolicy().truth)(jnp.asarray(POLICY[:, :1]))
            assert truth.dtype == name
            np.testing.assert_allclose(truth[:, 0], POLICY[:, 1], rtol=tolerance)


@pytest.mark.slow
def test_the_exact_policy_has_no_residual_and_passes():
    with precision("float64"):
        problem = GrowthPolicy()
        exact = policy(lambda k: problem.truth(k) / ECONOMY.resources(k))
        found = verdicts(problem, exact)
        series = simulate(problem, exact, periods=50, paths=2)
    assert found["log10_euler_max"] < -8 and found["policy_error_max"] < 1e-12 and passed(found)
    assert found["steady_state_error"] < 1e-4
    assert series["k"].shape == (50, 2) and np.all(series["k"][0] == 0.8)
    np.testing.assert_allclose(series["k"][1], POLICY[0, 1], rtol=1e-10)
    np.testing.assert_allclose(series["c"][0], POLICY[0, 2], rtol=1e-9)


def test_a_policy_that_saves_too_much_is_failed():
    with precision("float64"):
        problem = GrowthPolicy()
        found = verdicts(problem, policy(lambda k: jnp.minimum(1.2 * problem.truth(k) / ECONOMY.resources(k), 0.99)))
    assert found["verdict_stability"] == found["verdict_truth"] == "FAILED" and found["steady_state_error"] > 0.5


def test_a_saturated_policy_is_finite():
    problem = GrowthPolicy()
    batch = problem.sample(nnx.Rngs(0), "train")
    for output in (-80.0, 80.0):
        extreme = Apply(lambda k, output=output: jnp.full_like(k, output))
        assert bool(jnp.all(jnp.isfinite(problem.residual(extreme, batch))))


# --- recipes ----------------------------------------------------------------------------------------------------------


@functools.cache
def by_its_recipe(problem, seed):
    return losses_of(problem, seed=seed)


def reaches_its_bars(problem, seed, in_sample=1e-3, all_of_it=3e-3):
    found = by_its_recipe(problem, seed)
    assert found["path_error_mean"] <= in_sample and found["policy_error_mean"] <= all_of_it
    assert passed(found) and "failed" not in found


@pytest.mark.slow
def test_growth_policy_is_solved_to_its_bars_by_its_recipe():
    reaches_its_bars("growth_policy", 42, all_of_it=2e-3, in_sample=2e-3)


@pytest.mark.slow  # the pages of the docs fit them at seed 42
@pytest.mark.parametrize(
    ("problem", "seed"), [("asset_pricing", 0), ("growth", 0), ("growth_policy", 0), ("growth_policy", 42)]
)
def test_every_recipe_reaches_its_bars_at_every_seed(problem, seed):
    reaches_its_bars(problem, seed)


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("problem", "options", "said"),
    [
        ("asset_pricing", {"beta": 1.0}, "no plan is best"),
        ("asset_pricing", {"g": 0.12}, "grows as fast as it is discounted, so that its price is infinite"),
        ("asset_pricing", {"g": -1.0}, "change its sign"),
        ("asset_pricing", {"c": -0.01}, "would not be positive"),
        ("asset_pricing", {"c": 0.0, "y0": 0.0}, "would not be positive"),
        ("growth", {"alpha": 1.0}, "without diminishing returns"),
        ("growth", {"k0": 0.0}, "nothing is ever produced"),
        ("growth", {"g": -0.3}, "no steady state"),
        ("growth", {"delta": 0.0}, "wears out"),
        ("growth_policy", {"k_high": 1.5}, "the steady state 1.984 between them"),
        ("growth_policy", {"beta": 0.0}, "no plan is best"),
    ],
)
def test_a_parameter_that_makes_no_economics_is_refused_with_the_reason(problem, options, said):
    with pytest.raises(ConfigError, match=r"must") as refused:
        build("mlp", problem, [("test", options)])
    assert said in str(refused.value)


@pytest.mark.parametrize("problem", sorted(SEQUENCES))
def test_a_horizon_is_an_option(problem):
    made = SEQUENCES[problem](periods=7, periods_test=11)
    assert made.path == (7, 1) and made.sample(nnx.Rngs(0), "train").x[:, 0].tolist() == list(range(7))
    assert made.sample(nnx.Rngs(0), "test").x.shape == (11, 1)
    assert made.sample(nnx.Rngs(0), "test", 3).x[:, 0].tolist() == [0, 1, 2]
