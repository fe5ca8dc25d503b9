"""Cake eating, overlapping generations, a price of smallest norm: closed forms, recipes, and what is no solution."""

import functools
import json
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from scipy import linalg

from econml_cli.config.fit_config import build
from econml_cli.errors import ConfigError
from econml_cli.problems import registry
from econml_cli.problems.economies import economics
from econml_cli.problems.economies.asset_pricing_kernel import AssetPricingKernel
from econml_cli.problems.economies.cake_eating import CakeEating
from econml_cli.problems.economies.collocation import space_of
from econml_cli.problems.economies.olg import OLG, saving_shares
from econml_cli.problems.economies.simulation import impulse_response, simulate
from econml_cli.training.loop.trainer import Trainer
from econml_cli.training.precision import precision
from econml_cli.training.run.summary import losses
from econml_cli.training.setup.setup import assemble
from tests.support.economies import told, verdicts
from tests.support.models import Apply

PASSED = {"verdict_loss": "passed", "verdict_truth": "passed", "verdict_stability": "passed"}


def logits(shares):
    """The model whose sigmoids are these shares in every state."""
    shares = np.atleast_1d(shares)
    return Apply(lambda x: jnp.broadcast_to(jnp.asarray(np.log(shares / (1 - shares)), x.dtype), (len(x), len(shares))))


@functools.cache
def trained(problem, **options):
    """A fit by the problem's recipe: (the trainer, losses and verdicts, what the solver reports); to read."""
    config = build(registry.get(problem).model, problem, [("test", options)])
    with precision(config.trainer.precision):
        trainer = Trainer(assemble(config))
        report = list(trainer.run())[-1].report
        return trainer, losses(trainer.fitted(), trainer.setup, trainer.program), report


# --- cake_eating ------------------------------------------------------------------------------------------------------


def test_the_closed_form_of_the_cake_has_no_residual_and_passes():
    with precision("float64"):
        problem = CakeEating()
        assert problem.share == pytest.approx(0.0300701, abs=5e-8)
        found = verdicts(problem, logits(problem.share))
    assert found["log10_euler_max"] < -13 and found["policy_error_max"] < 1e-13
    assert found["transversality"] == pytest.approx(1 - problem.share, rel=1e-9) and told(found) == PASSED


@pytest.mark.parametrize("options", [{"gamma": 1.0}, {"gamma": 0.5}, {"R": 1.1, "beta": 0.97, "gamma": 3.0}])
def test_the_closed_form_of_the_cake_holds_at_other_parameters(options):
    with precision("float64"):
        problem = CakeEating(**options)
        found = verdicts(problem, logits(problem.share))
    assert found["log10_euler_max"] < -12 and told(found) == PASSED
    if options["gamma"] == 1.0:
        assert problem.share == pytest.approx(1 - 0.96)


def test_the_residual_of_the_cake_is_the_share_of_consumption_that_is_wrong():
    """With one share s everywhere c'/c = R (1 - s), whatever the wealth."""
    with precision("float64"):
        problem = CakeEating()
        residual = problem.residual(logits(0.05), problem.sample(nnx.Rngs(0), "train"))
        np.testing.assert_allclose(residual, 1 - 1.01 * 0.95 / (0.96 * 1.01) ** (1 / 1.5), rtol=1e-12)


def test_a_plan_that_never_eats_its_wealth_solves_the_euler_equation_and_fails_stability():
    """Where s is tiny a' = R a, so that s = C a^p with R^p = 1 - s* has next to no residual."""
    with precision("float64"):
        problem = CakeEating()
        power = math.log(1 - problem.share) / math.log(problem.p.R)
        # s = 1e-6 at the smallest wealth, 1/a_range
        tiny = Apply(lambda x: math.log(1e-6) + power * problem.log_range * (x + 1))
        found = verdicts(problem, tiny)
    assert found["log10_euler_max"] < -4 and found["transversality"] == pytest.approx(1, abs=1e-5)
    assert found["verdict_loss"] == "passed" and found["verdict_stability"] == "FAILED"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0])  # the pages of the docs fit these economies at seed 42
def test_the_recipe_of_the_cake_reaches_its_bars(seed):
    _, found, _ = trained("cake_eating", seed=seed)
    assert told(found) == {**PASSED, "verdict_states": "passed"} and found["policy_error_mean"] < 1e-3


# --- olg --------------------------------------------------------------------------------------------------------------


def test_the_saving_shares_are_those_of_krueger_and_kubler():
    np.testing.assert_allclose(saving_shares(6, 0.7), [0.659999, 0.639393, 0.605211, 0.543379, 0.411765], atol=6e-7)
    np.testing.assert_allclose(saving_shares(3, 1.0), [2 / 3, 1 / 2])


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"ages": 2}, {"ages": 9, "beta": 0.8, "alpha": 0.4, "delta_high": 0.5}])
def test_the_closed_form_of_overlapping_generations_has_no_residual_and_passes(options):
    with precision("float64"):
        problem = OLG(**options)
        found = verdicts(problem, logits(problem.saved))
    assert found["log10_euler_max"] < -13 and found["log10_euler_path_max"] < -13
    assert found["capital_error"] < 1e-12 and found["path_error_max"] < 1e-12 and told(found) == PASSED


@pytest.mark.slow
def test_the_residual_of_overlapping_generations_is_the_mean_over_four_states_written_out():
    with precision("float64"):
        problem = OLG(ages=3)
        s1, s2 = 0.5, 0.3
        x = problem.sample(nnx.Rngs(0), "train").x[:5]
        a2, a3 = (problem.steady_state * np.exp(np.asarray(x[:, :2]))).T
        d, e = np.asarray(x[:, 2:]).T
        K, eta = a2 + a3, 1 + 0.05 * e
        R, w = 0.3 * eta * K**-0.7 + 1 - (0.7 + 0.2 * d), 0.7 * eta * K**0.3
        b2, b3 = s1 * w, s2 * R * a2
        sums = np.zeros((2, 5))
        for delta in (0.5, 0.9):
            for eta in (0.95, 1.05):
                R2 = 0.3 * eta * (b2 + b3) ** -0.7 + 1 - delta
                sums += 0.25 * R2 / np.stack([(1 - s2) * R2 * b2, R2 * b3])
        expected = 1 - 0.7 * np.stack([(1 - s1) * w, (1 - s2) * R * a2]) * sums
        np.testing.assert_allclose(
            problem.residual(logits([s1, s2]), economics.at(x)), expected.T, rtol=1e-10, atol=1e-12
        )


@pytest.mark.slow
def test_the_states_that_generations_are_trained_on_surround_those_of_the_economy():
    problem = OLG()
    sample = np.asarray(problem.sample(nnx.Rngs(0), "train").x)
    shocks = jax.random.normal(jax.random.key(7), (100, 64, 2))
    state, _ = jax.lax.scan(
        lambda at, shock: (problem._next(problem.saved, at, shock)[0], None), problem.start(64), shocks
    )
    visited = np.asarray(problem.observe(state))
    assert set(np.unique(sample[:, 5:])) == {-1, 0, 1} and set(np.unique(visited[:, 5:])) == {-1, 1}
    low, high = sample.min(axis=0), sample.max(axis=0)
    assert np.mean((visited >= low) & (visited <= high)) > 0.98
    assert np.all(high[:5] - low[:5] < 6 * visited[:, :5].std(axis=0) + 1)  # and not much more than those


def test_resources_of_the_generations_add_up():
    """C + K' = Y + (1 - delta) K."""
    with precision("float64"):
        problem = OLG()
        series = simulate(problem, logits(problem.saved), periods=30, paths=3, seed=2)
        K, R, wage = series["K"], series["R"], series["wage"]
        np.testing.assert_allclose(series["c"][:-1] + K[1:], (wage + R * K)[:-1], rtol=1e-12)
        worn, productive = (impulse_response(problem, logits(problem.saved), of, periods=8) for of in ("delta", "eta"))
    # depreciation is higher in period 1: capital returns less in it, and there is less of it after
    assert worn["R"][1] == pytest.approx(-0.2) and worn["K"][1] == worn["wage"][1] == 0 and worn["K"][2] < 0
    # productivity is: labour and capital earn more in it, and there is more capital after
    assert productive["wage"][1] > 0 and productive["R"][1] > 0 and productive["K"][1] == 0 < productive["K"][2]


@pytest.mark.slow
def test_generations_that_save_too_little_fail_stability():
    with precision("float64"):
        problem = OLG()
        found = verdicts(problem, logits(0.9 * problem.saved))
    assert found["capital_error"] > 0.05 and found["verdict_stability"] == "FAILED"


# the recipe is fitted, and its verdicts read, by docs/economics/olg.md


# --- asset_pricing_kernel ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_price_of_smallest_norm_is_that_of_the_source():
    trainer, found, report = trained("asset_pricing_kernel", precision="float64")
    assert found["mu_0"] == pytest.approx(0.6994976, abs=5e-8)
    assert found["policy_error_mean"] == pytest.approx(1.55e-4, abs=5e-7)  # at 100 points of [0, 50]
    assert found["train_loss"] < 1e-25 and told(found) == PASSED
    assert trainer.setup.problem.describe()["mu_0"] == pytest.approx(0.7) and "rounding_error" not in report


def test_the_closed_form_of_the_price_solves_the_differential_equation():
    for options in ({}, {"g": 0.0}, {"g": 0.05}):
        with precision("float64"):
            problem = AssetPricingKernel(**options)
            slope = jax.vmap(jax.grad(lambda t, of=problem: of.truth(t[None, None])[0, 0]))
            t = jnp.linspace(0.0, 30.0, 20)
            right = 0.1 * problem.truth(t[:, None]) - problem.dividend(t[:, None])
            np.testing.assert_allclose(slope(t), right[:, 0], atol=1e-12)


@pytest.mark.slow
def test_the_price_is_the_integral_of_what_the_model_is():
    with precision("float64"):
        problem = AssetPricingKernel()
        t = np.array([[0.0], [0.3], [7.0], [39.99], [40.0], [44.0]])
        price = problem.predict(Apply(jnp.cos), jnp.asarray(t))
        np.testing.assert_allclose(price, (1 + 0.01) / 0.1 + np.sin(t), rtol=1e-12)


def test_the_solution_has_a_smaller_norm_than_the_same_with_a_bubble():
    """Among all that satisfy the equation at the points; the norm is found from the points alone."""
    trainer, _, report = trained("asset_pricing_kernel", precision="float64")
    problem, model = trainer.setup.problem, trainer.fitted()
    t = problem.collocation.points
    gram = np.exp(-np.abs(t[:, None] - t) / 10)
    alpha = np.asarray(model.alpha[...])[:, 0]
    assert report["norm"] == pytest.approx(math.sqrt(alpha @ gram @ alpha), rel=1e-10)
    _, C, _ = problem._system(space_of(model))
    others = linalg.null_space(C)
    assert others.shape[1] == 1 and abs(alpha @ gram @ others).max() < 1e-8
    # what may be added to it is the bubble: mu' grows at the interest rate
    growth = np.diff(np.log(np.abs(gram @ others[:, 0])))
    np.testing.assert_allclose(growth, 0.1, rtol=0.01)


@pytest.mark.slow
def test_a_bubble_solves_the_equation_and_fails_stability():
    with precision("float64"):
        problem = AssetPricingKernel()
        p, zeta = problem.p, 0.01

        def slope(t):
            """mu' of the truth and of zeta e^(r t)."""
            return p.g * (p.x0 + p.c / p.g) * jnp.exp(p.g * t) / (p.r - p.g) + zeta * p.r * jnp.exp(p.r * t)

        found = verdicts(problem, Apply(slope))
    assert found["log10_euler_max"] < -10 and found["verdict_loss"] == "passed"
    assert found["bubble"] == pytest.approx(zeta * math.exp(10), rel=1e-4) and found["verdict_stability"] == "FAILED"


@pytest.mark.slow
def test_a_ridge_gives_up_the_equation_for_a_smaller_norm():
    _, exact, least = trained("asset_pricing_kernel")
    _, found, report = trained("asset_pricing_kernel", ridge=1e-3)
    assert report["norm"] < least["norm"] and found["train_loss"] > 1e3 * exact["train_loss"]


@pytest.mark.slow
def test_one_command_solves_the_price_and_its_run_is_evaluated_predicted_and_inspected(econml):
    ran = econml("fit", "--problem", "asset_pricing_kernel", "--out", "run", "--json")
    summary = json.loads(ran.stdout)
    assert ran.code == 0, ran.stderr
    assert summary["stop_reason"] == "solved" and told(summary) == PASSED
    assert summary["mu_0"] == pytest.approx(0.6994976, abs=1e-5)
    evaluated = econml("eval", "run", "--json")
    assert evaluated.code == 0 and told(json.loads(evaluated.stdout)) == PASSED
    assert econml("inspect", "checkpoint", "run", "--check").code == 0
    assert econml("predict", "run", "--out", "p.csv").code == 0
    rows = Path("p.csv").read_text().splitlines()
    assert len(rows) == 1 + 41 + 40 + 100


def test_a_model_without_a_norm_is_not_solved(econml):
    ran = econml("fit", "polynomial", "--problem", "asset_pricing_kernel", "--out", "run")
    assert ran.code == 2 and "take model kernel" in ran.stderr and not Path("run").exists()


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("problem", "options", "said"),
    [
        ("cake_eating", {"beta": 1.0}, "no plan is best"),
        ("cake_eating", {"gamma": 0.0}, "eaten at once or never"),
        ("cake_eating", {"gamma": 0.5, "R": 1.1}, "better to wait"),
        ("cake_eating", {"R": 0.9, "gamma": 3.0}, "beta R^(1-gamma) must be < 1"),
        ("olg", {"alpha": 1.0}, "without diminishing returns"),
        ("olg", {"delta_low": 0.95}, "shares of capital that wear out"),
        ("olg", {"eta_low": 0.0}, "nothing is produced"),
        ("olg", {"beta": 0.0}, "has no capital"),
        ("asset_pricing_kernel", {"g": 0.1}, "its price is infinite"),
        ("asset_pricing_kernel", {"r": 0.0}, "infinite price"),
        ("asset_pricing_kernel", {"x0": 0.0, "c": 0.0}, "would not be positive"),
    ],
)
def test_parameters_without_a_solution_are_refused_with_the_reason(problem, options, said):
    with pytest.raises(ConfigError, match=r"must") as refused:
        build(registry.get(problem).model, problem, [("test", options)])
    assert said in str(refused.value)


@pytest.mark.slow
@pytest.mark.parametrize("problem", ["cake_eating", "olg", "asset_pricing_kernel"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_all_is_computed_in_the_precision_that_is_asked_for(problem, dtype):
    config = build(registry.get(problem).model, problem, [("test", {"precision": dtype})])
    with precision(dtype):
        setup = assemble(config)
        of, model = setup.problem, setup.model

        def all_of_it(x):
            shock = jnp.zeros((2, of.shock_size))
            return x, of.residual(model, economics.at(x)), of.truth(x), of.step(model, of.start(2), shock)

        found = jax.eval_shape(all_of_it, setup.train.x)
    assert {str(leaf.dtype) for leaf in jax.tree.leaves(found)} == {dtype}
