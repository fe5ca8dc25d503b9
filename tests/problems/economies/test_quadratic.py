"""A polynomial of the second degree through its values at few points is that polynomial everywhere."""

import jax.numpy as jnp
import numpy as np
import pytest

from econml_cli.problems.economies import quadratic


@pytest.mark.parametrize("d", [2, 4])
def test_every_polynomial_of_the_second_degree_is_found_again(d: int):
    rng = np.random.default_rng(d)
    square, slope = rng.normal(size=(d, d)), rng.normal(size=d)

    def f(u: np.ndarray) -> np.ndarray:
        return 0.3 + u @ slope + np.einsum("ni,ij,nj->n", u, square, u)

    points = quadratic.points(d)
    assert points.shape == (1 + 2 * d + d * (d - 1) // 2, d) and not points[0].any()
    u = rng.uniform(-1, 1, (20, d))
    found = np.asarray(quadratic.weights(jnp.asarray(u, jnp.float32))) @ f(points)
    np.testing.assert_allclose(found, f(u), atol=1e-5)
