"""Economic models away from their default parameters: verdicts of exact and of wrong solutions, and fits in other
economies."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
import yaml
from flax import nnx
from scipy import optimize

from econml_cli.config.fit_config import build, usual
from econml_cli.errors import ConfigError
from econml_cli.problems.economies import economics
from econml_cli.problems.economies.asset_pricing import AssetPricing
from econml_cli.problems.economies.asset_pricing_kernel import AssetPricingKernel
from econml_cli.problems.economies.growth import Growth
from econml_cli.problems.economies.growth_policy import GrowthPolicy
from econml_cli.problems.economies.investment import Investment, _demand, linear_policy
from econml_cli.runs.directory import Run
from econml_cli.training.precision import precision
from econml_cli.training.setup.setup import Workshop, assemble, units_of
from tests.support.economies import passed, policy, sequence, verdicts
from tests.support.models import Apply


def linear(problem):
    H0, H1 = linear_policy(problem.p)
    return Apply(lambda x: H0 + H1 * x.mean(axis=1, keepdims=True))


#: a quarterly calibration, in which half of a distance to the steady state is left after some 15 periods
QUARTERLY = {"beta": 0.99, "delta": 0.025}


@pytest.mark.slow
def test_an_exact_policy_passes_where_capital_settles_slowly():
    with precision("float64"):
        problem = GrowthPolicy(**QUARTERLY, k_low=11.0, k_high=37.0)
        unit = problem.p.capital_unit
        exact = policy(lambda k: problem.truth(unit * k) / problem.economy.resources(unit * k))
        found = verdicts(problem, exact)
    # the path is as many units of time as at the defaults, in which more than 200 periods pass
    assert problem.path[0] > 200 and found["steady_state_error"] < 1e-3 and found["saddle_error"] < 1e-9
    assert passed(found)


@pytest.mark.slow
def test_capital_that_is_piled_up_slowly_is_failed_though_it_passes_by_the_steady_state():
    """Too little is eaten by 1.2 %: on its way to where nothing is left, the path is as near k_ss as the exact one."""
    with precision("float64"):
        problem = Growth(**QUARTERLY, alpha=0.36, k0=10.0, periods=30, periods_test=50)
        e, k = problem.economy, [10.0]
        c = 0.988 * (e.resources(k[0]) - problem.saddle[1])
        for _ in range(2 * problem.p.periods_test + 4):
            k.append(e.resources(k[-1]) - c)
            c *= e.beta * e.gross_return(k[-1])
        units = (problem.p.capital_unit, problem.p.time_unit)
        wrong, right = (verdicts(problem, sequence(path, *units)) for path in (np.array(k), problem.saddle))
    assert wrong["steady_state_error"] < right["steady_state_error"] + 0.1  # that number does not tell them apart
    assert wrong["verdict_loss"] == "passed" and wrong["verdict_stability"] == "FAILED"
    assert passed(right) and right["saddle_error"] < 1e-9


@pytest.mark.slow
def test_full_depreciation_has_one_root_and_passes():
    with precision("float64"):
        problem = Investment(rngs=nnx.Rngs(0), N=4, delta=1.0, trajectories_test=2)
        found = verdicts(problem, linear(problem))
    assert problem.H1 == 0 and pytest.approx(0.95 / (90 + 0.95), rel=1e-12) == problem.H0
    assert passed(found) and "slope_error" not in found


def test_an_industry_that_settles_slowly_is_given_the_time():
    with precision("float64"):
        problem = Investment(rngs=nnx.Rngs(0), N=4, gamma=1e4, delta=0.01, trajectories_test=2)
        found = verdicts(problem, linear(problem))
    assert found["eigenvalue"] == pytest.approx(0.98866, abs=1e-5) and problem.settled > 300
    assert passed(found)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [{"nu": 3.0, "alpha1": 0.2, "gamma": 9.0}, {"nu": 0.5, "alpha1": 2.0, "gamma": 9.0}]
)
def test_another_curvature_of_demand_has_its_own_steady_state(options):
    """In units of its cost there, and with trajectories that go there: the steady state by brentq on the residual."""
    with precision("float64"):
        problem = Investment(rngs=nnx.Rngs(0), N=2, sigma=0.0, eta=0.0, **options)

        def residual(X):
            stays = Apply(lambda x: jnp.full((len(x), 1), problem.p.delta * X))
            return float(problem.residual(stays, economics.at(jnp.full((1, 2), X)))[0, 0])

        steady = optimize.brentq(residual, 0.05, 5.0)
        assert problem.steady_state == pytest.approx(steady, rel=1e-9)
        X = np.asarray(problem.sample(nnx.Rngs(0), "train").x).mean(axis=1).reshape(-1, 64)
        assert abs(X[0, -1] - steady) < 0.05 * abs(X[0, 0] - steady)
        # the line that touches inverse demand there
        p, (intercept, slope) = problem.p, _demand(problem.p)
        height = [p.alpha0 - p.alpha1 * x**p.nu for x in (steady - 1e-5, steady, steady + 1e-5)]
        assert slope == pytest.approx((height[0] - height[2]) / 2e-5, rel=1e-6)
        assert intercept - slope * steady == pytest.approx(height[1], rel=1e-6)


def test_a_slope_that_is_nearly_none_does_not_cost_the_dividend_its_digits():
    t = jnp.linspace(0.0, 30.0, 7)[:, None]
    with precision("float64"):
        exact = np.asarray(AssetPricingKernel(g=1e-6).dividend(np.asarray(t, np.float64)))
    rounded = np.asarray(AssetPricingKernel(g=1e-6).dividend(t))
    np.testing.assert_allclose(rounded, exact, rtol=1e-6)


def test_a_horizon_of_less_than_a_period_is_a_path_of_one():
    problem = AssetPricingKernel(horizon_test=0.5)
    assert problem.path == (1, 1)


def test_a_price_that_only_flattens_has_no_bubble():
    """Dividends that vanish: .01 too much at the end is much of what is left, and no bubble."""
    with precision("float64"):
        problem = AssetPricing(c=0.0)
        t = np.arange(110.0)
        truth = np.asarray(problem.truth(jnp.asarray(t[:, None])))[:, 0]
        scale = problem.p.price_unit * np.asarray(problem.trend(jnp.asarray(t)))
        flat = verdicts(problem, sequence(np.maximum(truth, 1.1 * truth[48]), scale))
        bubble = verdicts(problem, sequence(truth + 1e-3 * problem.p.beta**-t, scale))
    assert flat["verdict_truth"] == "FAILED" and flat["bubble"] < 0.1 * bubble["bubble"]
    assert bubble["verdict_stability"] == "FAILED"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("problem", "changed", "state"),
    [
        ("brock_mirman", {"beta": 0.8}, {"k": jnp.array([0.2]), "z": jnp.array([0.01])}),
        ("cake_eating", {"a_range": 1e6}, jnp.array([1.5])),
        ("olg", {"beta": 0.8}, {"a": jnp.full((1, 5), 0.05), "d": jnp.zeros(1), "e": jnp.zeros(1)}),
    ],
)
def test_in_another_economy_the_same_policy_reads_the_same_state_the_same_way(problem, changed, state):
    config = build("mlp", problem, [("test", {"N": 64})])
    other = build("mlp", problem, [("test", {"N": 64, "precision": "float32", **changed})])
    own, fitted = assemble(other), assemble(config).problem
    there = Workshop(units=units_of(config)).assemble(other)
    np.testing.assert_array_equal(there.problem.observe(state), fitted.observe(state))
    assert not np.allclose(own.problem.observe(state), fitted.observe(state), rtol=1e-3)
    # the states are those of the other economy, read in the units of the fit, and its truth still solves it there
    model = exact(there.problem)
    assert float(there.problem.loss(model, there.test).max()) < 1e-8
    back = np.asarray(own.problem.units) / np.asarray(there.problem.units)
    moved = np.log(back) if problem != "cake_eating" else 0.0
    scale = back if problem == "cake_eating" else 1.0
    width = np.size(moved)
    expected = scale * np.asarray(own.train.x)[:, :width] + moved
    np.testing.assert_allclose(np.asarray(there.train.x)[:, :width], expected, rtol=1e-4, atol=1e-5)


def exact(problem):
    """The model whose sigmoid is the truth."""
    return policy(problem.truth)


def test_units_and_horizons_follow_the_parameters_and_a_run_says_which(tmp_path):
    slow = build("mlp", "growth", [("test", {"beta": 0.99, "delta": 0.025, "k0": 10.0})])
    p = slow.problem_options
    assert (p.periods, p.periods_test) == (math.ceil(30 * p.time_unit), math.ceil(50 * p.time_unit)) and p.periods > 100
    said = slow.to_dict()
    assert said["time_unit"] == p.time_unit and said["capital_unit"] == p.capital_unit > 10
    own = build("mlp", "growth", []).problem_options
    assert (own.periods, own.periods_test, own.time_unit, own.capital_unit) == (30, 50, 1.0, 1.0)
    asset, kernel = build("mlp", "asset_pricing", []), build("kernel", "asset_pricing_kernel", [])
    assert (asset.problem_options.periods, asset.problem_options.price_unit) == (30, 1.0)
    assert (kernel.problem_options.horizon, kernel.problem_options.points) == (40.0, 41)
    # a run that was made before there were units has none
    former = {name: value for name, value in said.items() if name not in ("time_unit", "capital_unit")}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({**former, "periods": 30, "periods_test": 50}))
    read = Run(tmp_path).config().problem_options
    assert (read.periods, read.time_unit, read.capital_unit, read.beta) == (30, 1.0, 1.0, 0.99)


def test_an_economy_of_few_states_is_trained_by_lm_unless_somebody_says_how_to_train():
    def trainer(problem="growth", **options):
        return build("mlp", problem, [("test", options)]).trainer

    steps = {**dict.fromkeys(("brock_mirman", "growth_policy", "olg", "cake_eating"), 28), "growth": 120}
    for problem, most in {**steps, "asset_pricing": 120}.items():
        found = trainer(problem)
        assert (found.optimizer, found.precision, found.num_epochs) == ("lm", "float64", most), problem
        assert trainer(problem, lr=1e-3).optimizer == "adam", problem
    assert trainer(k0=4.0) == trainer() and trainer(optimizer="adam").num_epochs == 5000
    assert trainer(num_epochs=7).num_epochs == 7 and trainer(num_epochs=7).precision == "float32"
    assert trainer(batch_size=8).schedule == "cosine"
    assert build("mlp", "growth", []).model_options.width == (32,)
    assert build("mlp", "growth", [("test", {"optimizer": "adam+lm"})]).model_options.width == (128,)
    assert build("mlp", "olg", []).model_options.width == (16,)
    # what a sweep varies is something that is said, too
    assert "optimizer" not in usual("mlp", "growth", [], {"lr"})
    assert usual("mlp", "growth", [], {"width"})["optimizer"] == "lm"
    firms = build("deep_set", "investment", [("test", {"gamma": 30.0})]).trainer
    assert firms.optimizer == "adam" and firms.stop_loss < 1e-6


def test_a_price_that_grows_with_dividends_is_learnt_for_as_long_as_a_bubble_shows():
    def periods(**options):
        return build("mlp", "asset_pricing", [("test", options)]).problem_options.periods

    assert periods(g=0.02) == periods(g=0.05) == 90 and periods(beta=0.95, y0=0.2) == 62
    # relative to dividends without a constant part a payment is discounted by beta (1+g)
    assert periods(beta=0.95, g=0.04, c=0.0) == math.ceil(30 * math.log(0.9) / math.log(0.95 * 1.04))
    with pytest.raises(ConfigError, match=r"2.96-fold relative to dividends, and 148-fold"):
        periods(beta=0.95, g=0.04)


@pytest.mark.parametrize(
    ("problem", "options"),
    [
        ("growth", {"beta": 0.9995, "delta": 0.002}),
        ("asset_pricing", {"g": -0.001}),
        ("asset_pricing", {"beta": 0.95, "g": 0.04}),
        ("asset_pricing_kernel", {"g": -0.001}),
    ],
)
def test_what_is_out_of_reach_is_said_before_training_and_may_be_tried(problem, options):
    with pytest.raises(ConfigError, match="out of reach"):
        build("mlp", problem, [("test", options)])
    asked = {"horizon": 50.0} if problem == "asset_pricing_kernel" else {"periods": 50, "periods_test": 60}
    build("mlp", problem, [("test", {**options, **asked})])
