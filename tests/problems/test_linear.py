"""The lecture's regression: its own draws, its own initial weights, its own numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from econml_cli.config.fit_config import build
from econml_cli.training.loop.trainer import Trainer
from econml_cli.training.precision import precision
from econml_cli.training.run.summary import losses
from econml_cli.training.setup.setup import assemble, num_params


def setup_of(model="mlp", **options):
    return assemble(build(model, "linear", [("test", options)]))


@pytest.mark.slow
def test_seed_42_gives_the_lectures_data_and_initial_weights():
    # the lecture's script, line by line: one stream of keys for theta, X, eps, the weights, X_test, eps_test
    rngs = nnx.Rngs(42)
    theta = jax.random.normal(rngs(), (2,))
    X = jax.random.normal(rngs(), (500, 2))
    Y = X @ theta + 1e-4 * jax.random.normal(rngs(), (500,))
    layers = [nnx.Linear(2, 128, rngs=rngs), nnx.Linear(128, 128, rngs=rngs), nnx.Linear(128, 1, rngs=rngs)]
    X_test = jax.random.normal(rngs(), (200, 2))
    Y_test = X_test @ theta + 1e-4 * jax.random.normal(rngs(), (200,))

    ours = setup_of()
    np.testing.assert_array_equal(ours.problem.theta, theta)
    np.testing.assert_array_equal(ours.train.x, X)
    np.testing.assert_allclose(ours.train.y[:, 0], Y, rtol=1e-6)
    np.testing.assert_array_equal(ours.test.x, X_test)
    np.testing.assert_allclose(ours.test.y[:, 0], Y_test, rtol=1e-6)
    for i, layer in enumerate(layers, start=1):
        mine = getattr(ours.model, f"linear{i}")
        np.testing.assert_allclose(mine.kernel[...], layer.kernel[...], rtol=1e-5, atol=1e-7)
        np.testing.assert_array_equal(mine.bias[...], layer.bias[...])
    assert num_params(ours.model) == 17_025


def test_the_validation_sample_is_drawn_last_and_disturbs_nothing():
    with_val, without = setup_of(), setup_of(N_val=0)
    assert without.val is None
    np.testing.assert_array_equal(with_val.test.x, without.test.x)
    assert not np.array_equal(with_val.val.x, with_val.test.x)


@pytest.mark.slow
def test_sgd_at_the_defaults_gives_the_lectures_losses():
    trainer = Trainer(setup_of(optimizer="sgd"))
    rows = [row for chunk in trainer.run() for row in chunk.rows]
    found = losses(trainer.fitted(), trainer.setup)
    assert len(rows) == 2000
    assert found["train_loss"] == pytest.approx(2.9735e-4, rel=0.05)
    assert found["test_loss"] == pytest.approx(2.7243e-4, rel=0.10)


@pytest.mark.slow
def test_adam_at_the_defaults_reaches_1e_5():
    trainer = Trainer(setup_of())
    list(trainer.run())
    assert losses(trainer.fitted(), trainer.setup)["test_loss"] <= 1e-5


@pytest.mark.slow
def test_a_linear_model_recovers_theta():
    trainer = Trainer(setup_of("linear", bias=False, sigma=1e-3, optimizer="sgd", batch_size=64, num_epochs=500))
    list(trainer.run())
    theta_hat = trainer.fitted().linear.kernel[...][:, 0]
    error = float(jnp.linalg.norm(theta_hat - trainer.setup.problem.theta))
    assert error <= 1e-3
    # the verdict's projection of f on x is the linear model's own weights
    assert losses(trainer.fitted(), trainer.setup)["theta_error"] == pytest.approx(error, abs=2e-6)


def test_float64_draws_and_computes_in_float64():
    config = build("mlp", "linear", [("test", {"precision": "float64", "num_epochs": 3, "width": 4})])
    with precision("float64"):
        setup = assemble(config)
        trainer = Trainer(setup)
        list(trainer.run())
        kinds = {leaf.dtype for leaf in jax.tree.leaves((setup.train, trainer.carry.params, trainer.carry.opt_state))}
        # the noise is really drawn in float64: it does not survive a round trip through float32
        assert not np.array_equal(setup.train.x, np.asarray(setup.train.x).astype(np.float32))
    assert kinds <= {jnp.dtype("float64"), jnp.dtype("int32")} and jnp.dtype("float64") in kinds


def test_torch_uniform_draws_kernel_and_bias_within_its_bound():
    model = setup_of(init="torch_uniform").model
    for layer, fan_in in ((model.linear1, 2), (model.linear2, 128)):
        bound = fan_in**-0.5
        for leaf in (layer.kernel[...], layer.bias[...]):
            assert float(jnp.abs(leaf).max()) <= bound
            assert float(jnp.abs(leaf).max()) > 0.9 * bound
            assert float(leaf.std()) == pytest.approx(bound / 3**0.5, rel=0.15)
