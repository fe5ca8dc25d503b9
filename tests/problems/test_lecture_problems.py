"""The lecture's problems with a known truth: what is drawn, what the verdicts say, the bars by each recipe alone."""

import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from econml_cli.config.fit_config import build
from econml_cli.problems.factor import Factor, pca_mse
from econml_cli.problems.friedman import Friedman, friedman
from econml_cli.problems.symmetric import Symmetric
from econml_cli.problems.xor import Xor
from econml_cli.training.loop.trainer import Trainer
from econml_cli.training.precision import precision
from econml_cli.training.setup.setup import assemble
from tests.support.fits import losses_of
from tests.support.models import Apply

# --- xor --------------------------------------------------------------------------------------------------------------


def test_xor_is_its_four_points_in_every_split():
    setup = assemble(build("linear", "xor", [("test", {})]))
    for batch in (setup.train, setup.val, setup.test):
        np.testing.assert_array_equal(batch.x, [[0, 0], [0, 1], [1, 0], [1, 1]])
        np.testing.assert_array_equal(batch.y, [[0], [1], [1], [0]])
    drawn = Xor(rngs=nnx.Rngs(0)).sample(nnx.Rngs(0), "population", 4000)
    x, y = np.asarray(drawn.x), np.asarray(drawn.y)[:, 0]
    np.testing.assert_array_equal(y, np.logical_xor(x[:, 0], x[:, 1]))
    share = np.mean((x[:, 0] == 1) & (x[:, 1] == 1))
    assert abs(share - 0.25) < 4 * (0.25 * 0.75 / 4000) ** 0.5


def test_a_linear_model_cannot_do_better_on_xor_than_ln_2():
    found = losses_of("xor", "linear")
    assert found["train_loss"] == pytest.approx(math.log(2), abs=1e-3)
    assert found["test_loss"] >= math.log(2) - 1e-6
    assert found["solved"] == 0


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 42])
def test_eight_hidden_units_solve_xor(seed):
    found = losses_of("xor", "mlp", seed=seed)
    assert found["accuracy"] == found["solved"] == 1 and found["test_loss"] < 0.01


def test_the_accuracy_on_xor_counts_points():
    problem = Xor(rngs=nnx.Rngs(0))
    batch = problem.sample(nnx.Rngs(0), "test")
    assert problem.verdicts(Apply(lambda x: x[:, :1] + x[:, 1:] - 0.5), batch) == {"accuracy": 0.75, "solved": 0.0}
    assert problem.verdicts(Apply(lambda x: jnp.square(x[:, :1] - x[:, 1:]) - 0.5), batch)["solved"] == 1


def test_xor_from_the_shell(econml):
    assert econml("fit", "--problem", "xor", "--num-epochs", 20, "--out", "run", "--json").code == 0
    evaluated = econml("eval", "run", "--json", "--draws", 50)
    assert evaluated.code == 0, evaluated.stderr
    assert '"test_accuracy"' in evaluated.stdout and '"solved"' in evaluated.stdout
    assert econml("inspect", "problems", "xor").code == 0


# --- symmetric --------------------------------------------------------------------------------------------------------


def symmetric(**sizes):
    return Symmetric(
        **{"set_size": 16, "set_size_test": 64, "N": 2000, "N_test": 500, "N_val": 0, **sizes}, rngs=nnx.Rngs(3)
    )


def variance(x):
    return jnp.var(x, axis=1, keepdims=True)


def test_the_target_is_the_population_variance_of_the_set():
    batch = symmetric().sample(nnx.Rngs(1), "train")
    x, y = np.asarray(batch.x, np.float64), np.asarray(batch.y)[:, 0]
    assert batch.x.shape == (2000, 16) and batch.y.shape == (2000, 1)
    np.testing.assert_allclose(y, np.mean((x - x.mean(axis=1, keepdims=True)) ** 2, axis=1), rtol=1e-4)


def test_the_sets_have_the_law_that_is_stated():
    batch = symmetric(N=40_000).sample(nnx.Rngs(1), "train")
    x, y = np.asarray(batch.x, np.float64), np.asarray(batch.y, np.float64)[:, 0]
    # log Y = log s^2 + log(chi2(15) / 16): mean E log chi2 = digamma(7.5) + log 2, variance 4/4 + trigamma(7.5)
    mean, var = 1.9467574842459 + math.log(2 / 16), 1 + 0.1426415
    assert abs(np.log(y).mean() - mean) < 4 * (var / 40_000) ** 0.5
    assert np.log(y).var() == pytest.approx(var, rel=0.04)
    # the mean of a set: variance of m + E s^2 / 16, with E s^2 = exp(1/2)
    assert x.mean(axis=1).var() == pytest.approx(1 + math.exp(0.5) / 16, rel=0.04)


def test_the_true_function_has_r2_one_at_every_size_and_no_change_under_permutations():
    problem = symmetric()
    found = problem.verdicts(Apply(variance), problem.sample(nnx.Rngs(1), "test"))
    assert found["r2"] == pytest.approx(1, abs=1e-6) and found["r2_other_size"] == pytest.approx(1, abs=1e-6)
    assert found["permutation_change"] < 1e-4


def test_the_verdicts_of_a_model_that_reads_one_element():
    problem = symmetric()
    batch = problem.sample(nnx.Rngs(1), "test")
    found = problem.verdicts(Apply(lambda x: x[:, :1]), batch)
    x, y = np.asarray(batch.x, np.float64), np.asarray(batch.y, np.float64)[:, 0]
    assert found["r2"] == pytest.approx(1 - np.sum((y - x[:, 0]) ** 2) / np.sum((y - y.mean()) ** 2), rel=1e-5)
    assert 1 < found["permutation_change"] <= np.ptp(x, axis=1).max()


def test_the_verdicts_are_the_same_at_every_call():
    problem, model = symmetric(), Apply(lambda x: jnp.max(x, axis=1, keepdims=True))
    batch = problem.sample(nnx.Rngs(1), "test")
    assert problem.verdicts(model, batch) == problem.verdicts(model, batch)


@pytest.mark.slow
def test_a_model_of_a_fixed_size_has_no_r2_at_another():
    found = losses_of("symmetric", "mlp", num_epochs=2, N=40, N_test=20, N_val=20, width=4, depth=1)
    assert "r2" in found and "permutation_change" in found and "r2_other_size" not in found


@pytest.mark.slow
def test_a_deep_set_reaches_the_bars_at_both_sizes():
    found = losses_of("symmetric", "deep_set")
    assert found["r2"] >= 0.98 and found["r2_other_size"] >= 0.98
    assert found["permutation_change"] <= 1e-4


@pytest.mark.slow
def test_an_mlp_does_worse_and_depends_on_the_order():
    found = losses_of("symmetric", "mlp", width=64)
    assert found["r2"] < 0.98 and found["permutation_change"] > 1


# --- factor -----------------------------------------------------------------------------------------------------------


def factor(**options):
    sizes = {"N": 1000, "N_test": 500, "N_val": 0}
    return Factor(**{"dim": 20, "factors": 3, "sigma": 0.1, **sizes, **options}, rngs=nnx.Rngs(5))


def test_the_factor_model_is_drawn_as_stated():
    problem = factor(N=20_000)
    batch = problem.sample(nnx.Rngs(1), "train")
    x, L = np.asarray(batch.x, np.float64), np.asarray(problem.loadings, np.float64)
    np.testing.assert_array_equal(batch.x, batch.y)
    assert np.abs(x.mean(axis=0)).max() < 1e-6  # demeaned by its own means
    truth = L @ L.T + 0.01 * np.eye(20)
    # a sample covariance has standard errors of at most sqrt(2) var / sqrt(n)
    assert np.abs(np.cov(x.T) - truth).max() < 5 * 2**0.5 * truth.diagonal().max() / 20_000**0.5
    assert np.abs(np.asarray(problem.sample(nnx.Rngs(1), "population").x).mean(axis=0)).max() > 1e-4


def test_the_bound_is_the_error_of_pca():
    problem = factor()
    batch = problem.sample(nnx.Rngs(1), "test")
    x = np.asarray(batch.x, np.float64)
    values, vectors = np.linalg.eigh(x.T @ x / len(x))
    V = vectors[:, -3:]
    found = problem.verdicts(Apply(lambda x: x @ jnp.asarray(V @ V.T, x.dtype)), batch)
    assert found["pca_mse"] == pytest.approx(values[:-3].sum() / 20, rel=1e-6)
    assert found["pca_mse"] == pytest.approx(np.mean((x - x @ V @ V.T) ** 2), rel=1e-6)
    assert found["mse_over_pca"] == pytest.approx(1, rel=1e-4)
    # sigma^2 (D - q) / D, less what three fitted components take of the noise
    assert found["pca_mse"] == pytest.approx(0.01 * 17 / 20, rel=0.05)
    worst = problem.verdicts(Apply(lambda x: 0 * x), batch)
    assert worst["mse_over_pca"] == pytest.approx(values.sum() / values[:-3].sum(), rel=1e-5)


def test_without_noise_there_is_no_bound_to_compare_with():
    problem = factor(sigma=0.0)
    found = problem.verdicts(Apply(lambda x: x), problem.sample(nnx.Rngs(1), "test"))
    assert found == {"pca_mse": 0.0}


def test_no_reconstruction_of_the_rank_beats_the_bound():
    x = np.random.default_rng(0).normal(size=(50, 6))
    bound = pca_mse(x, 2)
    for seed in range(50):
        rng = np.random.default_rng(seed)
        z = x @ rng.normal(size=(6, 2))
        z1 = np.column_stack([np.ones(50), z])
        assert np.mean((x - z1 @ np.linalg.lstsq(z1, x, rcond=None)[0]) ** 2) >= bound


def test_as_many_factors_as_series_are_refused(econml):
    ran = econml("fit", "mlp", "--problem", "factor", "--dim", 4, "--factors", 4)
    assert ran.code == 2 and "--factors 4 must be below --dim 4" in ran.stderr


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 42])
def test_a_linear_autoencoder_reaches_the_pca_bound_and_not_less(seed):
    trainer = Trainer(assemble(build("autoencoder", "factor", [("test", {"seed": seed})])))
    list(trainer.run())
    model, setup = trainer.fitted(), trainer.setup
    for batch in (setup.train, setup.test):
        assert setup.problem.verdicts(model, batch)["mse_over_pca"] <= 1.06
    # rounding of float32 outputs of size 1 to 10 moves a mean of squares of .008 by far less than 1e-4 of it
    assert setup.problem.verdicts(model, setup.train)["mse_over_pca"] >= 1 - 1e-4


# --- friedman ---------------------------------------------------------------------------------------------------------


def test_friedmans_function_and_its_noise():
    x = np.random.default_rng(0).uniform(size=(100, 10))
    expected = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    np.testing.assert_allclose(friedman(x), expected, rtol=1e-13)
    np.testing.assert_allclose(jax.jit(friedman)(jnp.asarray(x)), expected, rtol=1e-5)
    problem = Friedman(N=20_000, noise=2.0, N_test=10, N_val=10, rngs=nnx.Rngs(0))
    batch = problem.sample(nnx.Rngs(1), "train")
    eps = np.asarray(batch.y)[:, 0] - friedman(np.asarray(batch.x, np.float64))
    assert abs(eps.mean()) < 4 * 2 / 20_000**0.5 and abs(eps.std() - 2) < 4 * 2 / 40_000**0.5
    assert problem.verdicts(Apply(lambda x: friedman(x)[:, None] + 1), batch) == {
        "bayes_risk": 4.0,
        "excess_risk": pytest.approx(1, rel=1e-4),
    }


@pytest.mark.slow
def test_least_squares_has_an_excess_risk_of_six_on_friedman():
    with precision("float64"):
        problem = Friedman(N=2000, noise=1.0, N_test=20_000, N_val=0, rngs=nnx.Rngs(0))
        train, test = (problem.sample(nnx.Rngs(seed), split) for seed, split in ((1, "train"), (2, "test")))
        design = np.column_stack([np.ones(2000), train.x])
        b = np.linalg.lstsq(design, np.asarray(train.y), rcond=None)[0]
        found = problem.verdicts(Apply(lambda x: x @ b[1:] + b[0]), test)
    assert found["excess_risk"] == pytest.approx(6.0, abs=0.3)


@pytest.mark.slow
def test_a_linear_model_ends_at_least_squares_on_friedman():
    assert losses_of("friedman", "linear", lr=0.05)["excess_risk"] == pytest.approx(6.0, abs=0.7)


@pytest.mark.slow
def test_an_mlp_has_an_excess_risk_below_the_bar_on_friedman():
    assert losses_of("friedman", "mlp")["excess_risk"] < 0.8


# --- all of them ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ["function", "runge", "xor", "symmetric", "factor", "friedman"])
def test_every_problem_draws_from_its_seed_alone_and_describes_itself(name):
    options = {"expr": "x1 - x2^2"} if name == "function" else {}
    configs = [build("mlp", name, [("test", {**options, "seed": seed})]) for seed in (1, 1, 2)]
    with precision("float64"):
        setups = [assemble(config.replace_trainer(precision="float64")) for config in configs]
    one, same, other = setups
    for split in ("train", "val", "test"):
        first, second = (jax.tree.leaves(getattr(setup, split)) for setup in (one, same))
        assert all(np.array_equal(a, b) and a.dtype == np.float64 for a, b in zip(first, second, strict=True))
    if name != "xor":
        assert not np.array_equal(one.val.x, other.val.x)
    about = one.problem.describe()
    assert {"features", "target", "truth"} <= about.keys() and len(about["features"]) == one.problem.din
    assert json.loads(json.dumps(about)) == about
