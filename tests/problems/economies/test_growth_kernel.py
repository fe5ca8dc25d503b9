"""Growth in continuous time by paths of smallest norm: published figures, the exact path, derivatives, what is
refused."""

import functools

import numpy as np
import pytest
from scipy.integrate import solve_bvp

from econml_cli.config.fit_config import build
from econml_cli.errors import ConfigError
from econml_cli.models.kernel import KERNELS
from econml_cli.problems.economies.collocation import Collocation, smallest_norm_of
from econml_cli.problems.economies.growth_kernel import GrowthKernel
from econml_cli.problems.economies.saddle import SaddlePath
from econml_cli.training.precision import precision
from tests.support.economies import passed
from tests.support.fits import losses_of


def test_the_steady_state_and_the_path_are_those_of_the_source():
    """Values of its test of the boundary value problem, which it compares to 1e-3."""
    saddle = SaddlePath(1 / 3, 0.1, 0.11, 1.0)
    assert saddle.technology.k_ss == pytest.approx(1.999812026503847, rel=1e-12)
    k, c = saddle.at(np.array([0.0, 5.0, 10.0, 20.0]))
    np.testing.assert_allclose(k, [1, 1.657592, 1.886185, 1.987437], rtol=1e-3)
    np.testing.assert_allclose(c, [0.693384, 0.942817, 1.021765, 1.055809], rtol=1e-3)


@pytest.mark.parametrize("k0", [0.5, 4.0])
def test_the_exact_path_solves_its_boundary_value_problem(k0):
    saddle = SaddlePath(0.3, 0.08, 0.05, k0)
    k_ss, c_ss = saddle.technology.k_ss, saddle.technology.c_ss

    def moves(t, y):
        return np.stack([y[0] ** 0.3 - 0.08 * y[0] - y[1], y[1] * (0.3 * y[0] ** -0.7 - 0.13)])

    t = np.linspace(0, 150, 400)
    guess = np.stack([k_ss + (k0 - k_ss) * np.exp(-0.1 * t), c_ss * (k0 / k_ss) ** (0.5 * np.exp(-0.1 * t))])
    found = solve_bvp(moves, lambda a, b: [a[0] - k0, b[0] - k_ss], t, guess, tol=1e-9, max_nodes=50_000)
    assert found.success
    at = np.linspace(0, 60, 31)
    np.testing.assert_allclose(saddle.at(at), found.sol(at), rtol=1e-6)


def test_a_path_that_begins_at_the_steady_state_stays_there():
    at_rest = SaddlePath(1 / 3, 0.1, 0.11, 1.999812026503847)
    np.testing.assert_allclose(at_rest.at(np.array([0.0, 30.0]))[0], 1.999812026503847, rtol=1e-12)


def test_the_derivatives_of_the_equations_are_their_differences():
    problem = GrowthKernel(points=7)
    t = problem.collocation.points
    K, S = Collocation(t).of(lambda at: np.exp(-np.abs(at[..., None] - t) / 10))
    z = 0.01 * np.random.default_rng(0).normal(size=(14, 1))

    def residual(z):
        c0 = problem._net(1.0) - K[:1] @ z[:7]
        return problem._equations(K, S, z, 1 + S @ z[:7], 1 / c0 + S @ z[7:])

    J = residual(z)[1]
    for j, unit in enumerate(np.eye(14)):
        step = 1e-6 * unit[:, None]
        change = (residual(z + step)[0] - residual(z - step)[0]) / 2e-6
        np.testing.assert_allclose(J[:, j], change[:, 0], atol=1e-7)


def test_no_neighbour_that_satisfies_the_equations_has_a_smaller_norm():
    problem = GrowthKernel(points=21)
    t, n = problem.collocation.points, 21
    K, S = problem.collocation.of(lambda at: np.exp(-np.abs(at[..., None] - t) / 10))
    gram = np.kron(np.eye(2), K)

    def levels(z):
        return 1 + S @ z[:n], 1 / (problem._net(1.0) - K[:1] @ z[:n]) + S @ z[n:]

    z, J = smallest_norm_of(
        gram, lambda z: problem._equations(K, S, z, *levels(z)), lambda z: np.concatenate(levels(z)), 0.0
    )
    assert np.abs(problem._equations(K, S, z, *levels(z))[0]).max() < 1e-9
    others = np.linalg.svd(J)[2][len(J) :]
    assert len(others) == 1 and abs(others @ gram @ z).max() < 1e-6


@functools.cache
def solved(**options):
    """Losses and verdicts of the recipe; to read."""
    return losses_of("growth_kernel", **options)


@pytest.mark.slow
@pytest.mark.parametrize(("kernel", "published"), [("matern12", 1.8e-3), ("matern32", 5.9e-4), ("matern52", 1.4e-4)])
def test_the_largest_errors_are_the_published_ones_to_their_digits(kernel, published):
    found = solved(kernel=kernel)
    assert float(f"{found['policy_error_max']:.1e}") == published and passed(found)


def test_the_smoother_kernel_has_its_own_values():
    assert KERNELS["matern52"](np.array(1.0), np) == pytest.approx((1 + 5**0.5 + 5 / 3) * np.exp(-(5**0.5)), rel=1e-14)


@pytest.mark.slow
def test_the_table_of_the_exact_path_is_the_path():
    with precision("float64"):
        problem = GrowthKernel(k0=0.5)
        t = np.linspace(0, 90, 37)[:, None]
        k, c = problem.exact(t)
        np.testing.assert_allclose(np.concatenate([k, c], axis=1), problem.saddle.at(t[:, 0]).T, rtol=1e-8)


def test_a_model_without_a_norm_is_not_solved(econml):
    ran = econml("fit", "polynomial", "--problem", "growth_kernel", "--out", "run")
    assert ran.code == 2 and "take model kernel" in ran.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"alpha": 1.0}, "without diminishing returns"),
        ({"delta": 0.0}, "piled up without end"),
        ({"rho": 0.0}, "no path is best"),
        ({"k0": 0.0}, "nothing is ever produced"),
        ({"k0": 40.0}, "has nothing to eat"),
        ({"delta": 0.01, "rho": 0.005}, "out of reach"),
    ],
)
def test_parameters_without_a_solution_are_refused_with_the_economics(options, said):
    with pytest.raises(ConfigError, match=said):
        build("kernel", "growth_kernel", [("test", options)])
