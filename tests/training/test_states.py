"""The states that an economic model is trained on, and those that it visits: the verdict on them, `--states`."""

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from econml_cli.errors import ConfigError
from econml_cli.evaluation.opened import open_run
from econml_cli.problems.economies.brock_mirman import BrockMirman
from econml_cli.problems.economies.growth import Growth
from econml_cli.problems.economies.visited import moves, outside
from econml_cli.runs.directory import Run
from econml_cli.storage import checkpoint
from econml_cli.training.fit import check, fit, resume
from econml_cli.training.loop.ensemble import Ensemble
from econml_cli.training.loop.trainer import Trainer
from econml_cli.training.precision import precision
from econml_cli.training.setup.setup import Workshop, assemble
from econml_cli.training.setup.state_plan import StatePlan
from econml_cli.training.step.visiting import visited
from tests.support.fits import config
from tests.support.models import Apply

FILE = Path(__file__).parents[1] / "support" / "buffer_stock.py"
SMALL = {"width": "4", "N": 20, "N_val": 0, "N_test": 10, "num_epochs": 12, "schedule": "constant"}
BOTH = {**SMALL, "states": "both", "resample_every": 4, "burn_in": 2}
NOTHING = jax.random.key(1)


def logit(share: float) -> Apply:
    """The model that makes this share of a sigmoid."""
    return Apply(lambda x: jnp.full((len(x), 1), float(np.log(share) - np.log1p(-share))))


@pytest.mark.slow
def test_an_economy_of_a_users_that_leaves_its_sample_has_failed_whatever_its_residual_is(econml):
    ran = econml("fit", "--problem", f"{FILE}:NoLimit", "--name", "no-limit", "--seed", "1")
    assert ran.code == 5
    assert "the policy leaves the states it was trained on: 9" in ran.stderr and "--states both" in ran.stderr
    summary = json.loads(Path("runs/no-limit/summary.json").read_text())
    assert summary["verdict_loss"] == "passed" and summary["verdict_states"] == "FAILED"
    assert summary["states_outside"] > 0.9
    told = json.loads(econml("eval", "no-limit", "--json", "--bootstrap", "0").stdout)
    assert f"{summary['states_outside']}"[:8] in json.dumps(told) and "leaves the states" in json.dumps(told)
    assert econml("fit", "--problem", f"{FILE}:NoLimit", "--name", "taken", "--accept-failed", "states").code == 0


@pytest.mark.slow
def test_the_same_economy_with_its_borrowing_limit_passes_on_states_of_its_own(econml):
    given = ("--states", "both", "--burn-in", "20", "--optimizer", "lm", "--precision", "float64", "--num-epochs", "25")
    ran = econml("fit", "--problem", f"{FILE}:BufferStock", "--name", "limit", *given)
    assert ran.code == 0, ran.stderr
    summary = json.loads(Path("runs/limit/summary.json").read_text())
    assert summary["states_outside"] < 0.01 and summary["log10_euler_path_mean"] < -2
    assert 0.01 < summary["limit_binds"] < 0.9 and summary["limit_slack"] < 0.05
    sample = checkpoint.load(Path("runs/limit/checkpoints"))[1]["states"]["x"]
    assert len(sample) == 64 and 0.7 < np.median(sample[32:]) < 1.3  # half of it where the economy goes
    with open_run(Run(Path("runs/limit"))) as opened:
        np.testing.assert_array_equal(opened.samples().parts["train"].x, sample)


def test_the_share_outside_counts_states_that_are_too_far_or_no_numbers():
    economy = BrockMirman()
    x = jnp.asarray([[-0.7, -3.0], [0.7, 3.0]])
    exact = logit(economy.savings_rate)
    assert outside(economy, exact, x) == {"states_outside": 0.0}
    assert outside(economy, exact, x + jnp.asarray([5.0, 0])) == {"states_outside": 1.0}
    nothing = outside(economy, logit(1e-6), x)["states_outside"]  # all but the first state
    assert nothing == pytest.approx(199 / 200)
    lost = outside(economy, Apply(lambda x: jnp.full((len(x), 1), jnp.nan)), x)["states_outside"]
    assert lost == pytest.approx(199 / 200)
    wide = jnp.asarray([[0.5, -3.0], [10.5, 3.0]])  # log k about 0 is outside, by less than a tenth of the range
    assert outside(economy, exact, wide) == {"states_outside": 0.0}
    assert outside(economy, exact, wide + jnp.asarray([2.0, 0])) == {"states_outside": 1.0}


def test_dates_are_no_states_that_a_policy_could_leave():
    assert moves(BrockMirman()) and not moves(Growth()) and not moves(object())
    assert outside(Growth(), logit(0.5), jnp.zeros((2, 1))) == {}


def test_simulated_states_are_those_of_the_policy_and_some_of_the_sample():
    economy, sample = BrockMirman(), jnp.linspace(10, 11, 20)[:, None] * jnp.ones(2)
    plan = StatePlan(every=1, burn_in=3, periods=5, paths=4, box=5, n=20)
    x = np.asarray(visited(economy, logit(economy.savings_rate), NOTHING, sample, plan))
    assert x.shape == (20, 2)
    kept = x[x[:, 0] > 9]
    assert len(kept) == 5 and np.ptp(kept[:, 0]) > 0.7  # from all over the sample
    assert np.abs(x[x[:, 0] < 9]).max() < 2 and len(np.unique(x[:, 0])) == 20
    explodes = np.asarray(visited(economy, Apply(lambda x: jnp.full((len(x), 1), jnp.nan)), NOTHING, sample, plan))
    np.testing.assert_allclose(np.sort(explodes[:, 0]), np.asarray(sample[:, 0]))


def trained(**options: Any) -> Any:
    of = config("mlp", "brock_mirman", **options)
    with precision(of.trainer.precision):
        trainer = Trainer(assemble(of))
        check(trainer.setup)
        list(trainer.run())
        return jax.device_get(trainer.carry)


@pytest.mark.slow
def test_states_move_when_they_are_due_and_the_run_is_another_one():
    box, both = trained(**SMALL), trained(**BOTH)
    assert box.states is None and both.states.shape == (20, 2)
    early = trained(**{**BOTH, "num_epochs": 4})  # none due yet: those of the sample
    assert not np.array_equal(early.states, both.states)
    weights = [np.concatenate([leaf.ravel() for leaf in jax.tree.leaves(one.params)]) for one in (box, both)]
    assert np.abs(weights[0] - weights[1]).max() > 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"states": "both"}, {"states": "simulated", "batch_size": 8}])
def test_a_run_on_states_of_its_own_resumes_bit_for_bit(tmp_path, options):
    given = {**BOTH, **options}
    whole = fit(config("mlp", "brock_mirman", **given), tmp_path / "whole")
    fit(config("mlp", "brock_mirman", **{**given, "num_epochs": 6}), tmp_path / "half")
    half = resume(Run(tmp_path / "half"), {"num_epochs": 12})
    assert half.summary["state_sha256"] == whole.summary["state_sha256"]
    assert half.summary["train_loss"] == whole.summary["train_loss"]
    one, other = (checkpoint.load(tmp_path / name / "checkpoints")[1]["states"]["x"] for name in ("half", "whole"))
    np.testing.assert_array_equal(one, other)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"batch_size": 8}])
def test_members_each_have_the_states_that_they_would_have_alone(options):
    of = config("mlp", "brock_mirman", members=2, **{**BOTH, **options})
    with precision("float32"):
        ensemble = Ensemble(Workshop().ensemble(of))
        list(ensemble.run())
        whole = jax.device_get(ensemble.carry)
    alone = trained(**{**BOTH, **options})
    np.testing.assert_allclose(whole.states[0], alone.states, rtol=1e-3, atol=1e-4)
    assert np.abs(whole.states[0] - whole.states[1]).max() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(("optimizer", "reached"), [("lm", 1e-5), ("lbfgs", 1e-3)])
def test_second_order_methods_go_on_with_states_of_their_own(optimizer, reached):
    of = {"states": "both", "optimizer": optimizer, "precision": "float64", "num_epochs": 20, "width": "8", "N": 40}
    carry = trained(**of)
    assert int(carry.epoch) == 20 and float(carry.opt_state.lowest) < reached


@pytest.mark.parametrize(
    ("problem", "options", "said"),
    [
        ("brock_mirman", {"burn_in": 3}, "--burn-in says how states are simulated"),
        ("brock_mirman", {"states": "simulated", "box_share": 0.5}, "--box-share keeps some states"),
        ("growth", {"states": "both"}, "a state that is not the date"),
        ("linear", {"states": "simulated"}, "has none that a policy moves"),
    ],
)
def test_states_that_cannot_be_simulated_are_refused(problem, options, said):
    with pytest.raises(ConfigError, match=said):
        check(assemble(config("mlp", problem, width="4", **options)))
