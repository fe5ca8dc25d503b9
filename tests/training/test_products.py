"""`--precision bfloat16`: products of a step are rounded, weights and all that is measured are not."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from econml_cli.errors import ConfigError
from econml_cli.evaluation.evaluate import evaluate
from econml_cli.evaluation.opened import open_run
from econml_cli.runs.directory import Run
from econml_cli.training.step import products
from tests.support.fits import fitted

FIT = {"num_epochs": "20", "width": "4", "N": "200", "batch_size": "20", "lr": "0.02"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    there = tmp_path_factory.mktemp("runs")
    return {name: fitted(there / name, "mlp", precision=name, **FIT) for name in ("float32", "bfloat16")}


def test_layers_multiply_rounded_numbers_forwards_and_backwards():
    layer = nnx.Linear(3, 2, rngs=nnx.Rngs(0))
    x = jnp.asarray(np.random.default_rng(0).normal(size=(5, 3)), jnp.float32)
    exact = layer(x)
    slope = jax.grad(lambda x: jnp.sum(layer(x)))(x)
    products.round_in(layer)
    y, rounded_slope = layer(x), jax.grad(lambda x: jnp.sum(layer(x)))(x)
    assert y.dtype == rounded_slope.dtype == layer.kernel[...].dtype == jnp.float32
    np.testing.assert_array_equal(y, y.astype(jnp.bfloat16).astype(jnp.float32))
    np.testing.assert_array_equal(rounded_slope, rounded_slope.astype(jnp.bfloat16).astype(jnp.float32))
    for found, expected in ((y, exact), (rounded_slope, slope)):
        difference = np.max(np.abs(found - expected))
        assert 0 < difference < 2**-6


@pytest.mark.slow
def test_a_fit_is_near_that_in_float32_and_its_weights_have_its_digits(runs: dict[str, Run]):
    losses = {name: run.summary()["test_loss"] for name, run in runs.items()}
    assert losses["bfloat16"] != losses["float32"]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.05)
    with open_run(runs["bfloat16"]) as opened:
        weights = jax.tree.leaves(nnx.state(opened.loaded().model, nnx.Param))
    assert all(leaf.dtype == jnp.float32 for leaf in weights)
    assert any((leaf != leaf.astype(jnp.bfloat16).astype(jnp.float32)).any() for leaf in weights)


def test_what_is_measured_is_not_rounded(runs: dict[str, Run]):
    found = evaluate(runs["bfloat16"], bootstrap=0)
    measured = {quantity.label: one.value for quantity, one in found.measured.items()}
    assert measured["test_loss"] == pytest.approx(runs["bfloat16"].summary()["test_loss"], rel=1e-6)


@pytest.mark.parametrize(
    ("model", "options", "said"),
    [
        ("linear", {"problem": "linear", "solver": "lstsq"}, "model linear is solved"),
        ("mlp", {"problem": "linear", "optimizer": "lm"}, "--optimizer lm goes on to where"),
        ("random_features", {"problem": "linear", "solver": "gradient"}, "has no layer"),
    ],
)
def test_it_is_refused_where_it_makes_no_sense(model: str, options: dict[str, str], said: str, tmp_path: Path):
    with pytest.raises(ConfigError, match=said):
        fitted(tmp_path / "run", model, precision="bfloat16", num_epochs="2", **options)
