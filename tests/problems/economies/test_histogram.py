"""Distributions over points: those between two points are divided so that means are right, in NumPy as in JAX."""

import jax.numpy as jnp
import numpy as np
import pytest

from econml_cli.problems.economies import histogram

ASSETS = np.array([0.0, 1.0, 3.0, 7.0])


def test_who_is_between_two_points_is_divided_by_the_distance():
    below, share = histogram.between(ASSETS, np.array([0.0, 0.25, 2.5, 7.0, -1.0, 9.0]))
    np.testing.assert_array_equal(below, [0, 0, 1, 2, 0, 2])
    np.testing.assert_allclose(share, [0, 0.25, 0.75, 1, 0, 1])


def test_a_move_keeps_everybody_and_what_is_saved():
    rng = np.random.default_rng(0)
    mass, kept = rng.random((2, 4)), rng.random((2, 4)) * 7
    after = np.asarray(histogram.moved(ASSETS, jnp.asarray(mass, jnp.float32), jnp.asarray(kept, jnp.float32)))
    np.testing.assert_allclose(after.sum(axis=1), mass.sum(axis=1), rtol=1e-5)
    assert (after @ ASSETS) == pytest.approx((mass * kept).sum(axis=1), rel=1e-5)
