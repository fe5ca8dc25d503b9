"""The power mean of a set: what is drawn, its options, and that one latent number is enough for it."""

import numpy as np
import pytest
from flax import nnx

from econml_cli.errors import ConfigError
from econml_cli.problems.power_mean import PowerMean
from tests.support.fits import losses_of
from tests.support.models import Apply


def made(**options):
    return PowerMean(rngs=nnx.Rngs(0), **options)


def test_the_target_is_the_power_mean_of_the_set():
    problem = made(set_size=5, power=3.0)
    x, y = problem.sample(nnx.Rngs(1), "test", 50)
    assert x.shape == (50, 5) and y.shape == (50, 1)
    np.testing.assert_allclose(y[:, 0], np.mean(np.abs(np.asarray(x, float)) ** 3, axis=1) ** (1 / 3), rtol=1e-5)
    assert problem.sample(nnx.Rngs(1), "val") is None


def test_location_scale_and_skewness_of_the_sets_are_between_their_bounds():
    x, _ = made(set_size=4000).sample(nnx.Rngs(1), "train", 300)
    mean, sd = np.asarray(x).mean(axis=1), np.asarray(x).std(axis=1)
    assert 0.95 < mean.min() < 1.1 and 2.9 < mean.max() < 3.05
    assert 0.09 < sd.min() < 0.12 and 0.48 < sd.max() < 0.53
    skewed = made(set_size=4000, location_high=1.0, scale_low=0.5, skew_low=1.0, skew_high=1.0)
    x = np.asarray(skewed.sample(nnx.Rngs(1), "train", 20).x)
    # the mean of sinh(asinh(e) + k) is sinh(k) E sqrt(1 + e^2)
    expected = 1 + 0.5 * np.sinh(1) * np.sqrt(1 + np.random.default_rng(0).normal(size=10**6) ** 2).mean()
    assert x.mean() == pytest.approx(expected, rel=0.01)
    assert skewed.describe()["varying"] == [] and made().describe()["varying"] == ["location", "scale"]


def test_the_error_is_relative():
    problem = made(set_size=5)
    batch = problem.sample(nnx.Rngs(1), "test", 20)
    exact = Apply(lambda x: 1.1 * (abs(x) ** 1.5).mean(axis=1, keepdims=True) ** (2 / 3))
    assert problem.verdicts(exact, batch)["relative_error"] == pytest.approx(0.1, abs=1e-5)


def test_bounds_in_the_wrong_order_are_refused():
    with pytest.raises(ConfigError, match=r"--scale-low 0.6 must not be above --scale-high 0.5"):
        made(scale_low=0.6)


@pytest.mark.slow
def test_one_latent_number_is_enough():
    found = losses_of(
        "power_mean", "deep_set", latent=1, set_size=16, phi_width=8, rho_width=8, N=200, N_test=300, num_epochs=60
    )
    assert found["relative_error"] < 2e-3
