"""Expectations by two draws (Maliar, Maliar and Winant) against exact ones, and against rules of quadrature."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from econml_cli.errors import ConfigError
from econml_cli.options import own_code
from econml_cli.problems.economies import economics
from econml_cli.runs.directory import Run
from econml_cli.training.fit import check, fit, resume
from econml_cli.training.setup.setup import assemble
from tests.support.fits import config, losses_of
from tests.support.inverse_mean import InverseMean
from tests.support.models import Apply

FILE = Path(__file__).parents[2] / "support" / "inverse_mean.py"
BOTH, ONE = f"{FILE}:InverseMean", f"{FILE}:OneDraw"
FLAT = Apply(lambda x: jnp.full((len(x), 1), 1.2))
SPREAD = (0.3, 0.4)


class TwoShocks:
    """r = 1.2 - e^(.3 e_1 + .4 e_2), whose mean is 1.2 - e^(1/8)."""

    def realised(self, model: Any, x: jax.Array, shocks: jax.Array, weights: jax.Array) -> jax.Array:
        """The residual at shocks [n or 1, q, 2], [n]."""
        return (model(x) - jnp.exp(shocks @ jnp.asarray(SPREAD, x.dtype))) @ weights


@pytest.fixture(autouse=True)
def _named() -> None:
    own_code.name(BOTH)


def test_the_mean_of_the_products_is_the_square_of_the_exact_expectation():
    states = jnp.full((50_000, 1), 0.5)
    one = np.asarray(economics.all_in_one(InverseMean(), FLAT, economics.drawn(states, jax.random.key(0))))
    exact = (1 - 1.2 * np.exp(1 / 8)) ** 2  # .13; the mean square under one draw is .59
    error = one.std() / np.sqrt(len(one))
    assert one.shape == (50_000,) and error < 0.006 and abs(one.mean() - exact) < 4 * error
    two = np.asarray(economics.all_in_one(TwoShocks(), FLAT, economics.drawn(states, jax.random.key(1), shocks=2)))
    exact, error = (1.2 - np.exp(1 / 8)) ** 2, two.std() / np.sqrt(len(two))
    assert error < 4e-3 and abs(two.mean() - exact) < 4 * error


def test_the_rules_of_quadrature_have_the_same_exact_expectation():
    x, problem = jnp.full((3, 1), 0.5), InverseMean()
    nodes, weights = economics.gauss_hermite(9)
    found = problem.realised(FLAT, x, jnp.asarray(nodes)[None], jnp.asarray(weights))
    np.testing.assert_allclose(found, 1 - 1.2 * np.exp(1 / 8), rtol=1e-5)
    nodes, weights = economics.monomial(2)
    found = TwoShocks().realised(FLAT, x, jnp.asarray(nodes)[None], jnp.asarray(weights))
    np.testing.assert_allclose(found, 1.2 - np.exp(1 / 8), atol=6e-3)  # terms of the fourth degree are left out


@pytest.mark.slow
def test_a_fit_by_two_draws_finds_the_solution_where_one_draw_does_not():
    both, one = losses_of(BOTH, precision="float64"), losses_of(ONE, precision="float64")
    assert both["policy_error_mean"] < 0.03 and both["log10_euler_mean"] < -1.5
    assert one["policy_error_mean"] > 0.2


@pytest.mark.slow
def test_draws_are_other_ones_in_every_epoch(tmp_path):
    given = {"num_epochs": 6, "schedule": "constant", "optimizer": "sgd", "lr": 1e-30, "width": "4"}
    still = fit(config("mlp", BOTH, **given), tmp_path / "still")
    losses = [row["train_loss"] for row in still.run.metrics()]
    assert len(set(losses)) == 6  # of the same weights


@pytest.mark.slow
def test_a_resumed_run_has_the_draws_of_a_whole_one(tmp_path):
    given = {"batch_size": 128, "num_epochs": 6, "schedule": "constant"}
    whole = fit(config(None, BOTH, **given), tmp_path / "whole")
    fit(config(None, BOTH, **{**given, "num_epochs": 3}), tmp_path / "half")
    assert resume(Run(tmp_path / "half"), {"num_epochs": 6}).summary["state_sha256"] == whole.summary["state_sha256"]


def test_a_method_that_needs_one_loss_is_refused():
    with pytest.raises(ConfigError, match=r"draws other shocks in every epoch \(`redraw`\); use --optimizer adam"):
        check(assemble(config(None, BOTH, optimizer="lbfgs", schedule="constant")))
