"""Economic models: equations against their closed forms, verdicts that tell a root from a solution, exit code 5."""

import io
import json
import math
import os
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from econml_cli.config.fit_config import build
from econml_cli.errors import ConfigError
from econml_cli.problems.economies import economics
from econml_cli.problems.economies.brock_mirman import BrockMirman
from econml_cli.problems.economies.investment import Investment, InvestmentOptions, linear_policy
from econml_cli.problems.economies.simulation import impulse_response, simulate
from econml_cli.problems.economies.verdicts import judge
from econml_cli.runs.directory import Run
from econml_cli.training.fit import fit
from econml_cli.training.precision import precision
from tests.support import running
from tests.support.economies import affine, passed, verdicts
from tests.support.fits import losses_of
from tests.support.models import Apply

#: a model that stays where it was made: u = H0 + H1 mean(X)
FIXED = """
import jax.numpy as jnp
from flax import nnx

class Affine(nnx.Module):
    '''An affine policy of the mean.'''
    def __init__(self, din, dout, *, h0: float = {H0}, h1: float = {H1}, rngs):
        self.h = nnx.Param(jnp.array([h0, h1]))
    def __call__(self, x):
        return self.h[0] + self.h[1] * x.mean(axis=1, keepdims=True)
"""


# --- what they share --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 5, 7])
def test_gauss_hermite_is_exact_for_moments_of_the_normal_up_to_its_degree(n):
    nodes, weights = economics.gauss_hermite(n)
    for power in range(2 * n):
        moment = math.prod(range(power - 1, 0, -2)) if power % 2 == 0 else 0
        assert weights @ nodes**power == pytest.approx(moment, rel=1e-9, abs=1e-9)


@pytest.mark.slow
def test_a_decision_that_is_not_feasible_is_penalised_and_finite():
    value = jnp.array([-100.0, -1.0, 0.0, 0.009, 0.01, 0.5])
    kept, short = economics.positive(value, 0.01)
    assert jnp.all(kept > 0) and jnp.all(jnp.diff(kept) > 0)
    np.testing.assert_allclose(kept[4:], value[4:], rtol=1e-6)
    assert jnp.all(short[:4] > 0) and jnp.all(jnp.diff(short[:4]) < 0) and jnp.all(short[4:] == 0)
    slope = jax.vmap(jax.grad(lambda v: economics.positive(v, 0.01)[0]))(value)
    assert jnp.all(slope > 0) and slope[-1] == 1  # there is a way back


class Barred:
    bars: ClassVar = {
        "loss": {"test_loss": 1e-3},
        "truth": {"policy_error_mean": 0.01},
        "stability": {"eigenvalue": 1.0},
    }


def test_a_verdict_passes_below_its_bar_and_what_is_not_finite_does_not():
    good = {"test_loss": 1e-4, "eigenvalue": 0.9}  # nothing is known of the truth
    assert judge(Barred(), good) == {
        "verdict_loss": "passed",
        "verdict_stability": "passed",
    }
    bad = judge(Barred(), {"test_loss": math.nan, "policy_error_mean": 0.01, "eigenvalue": 1.2})
    assert [bad[f"verdict_{name}"] for name in ("loss", "truth", "stability")] == ["FAILED"] * 3
    assert bad["failed"].startswith("stability (eigenvalue 1.2 is not below 1); loss (test_loss nan")
    assert judge(object(), good) == {}


# --- brock_mirman -----------------------------------------------------------------------------------------------------


def exact_savings(problem):
    """The model whose savings rate is alpha beta everywhere."""
    logit = math.log(problem.savings_rate / (1 - problem.savings_rate))
    return Apply(lambda x: jnp.full((len(x), 1), logit, x.dtype))


@pytest.mark.slow
def test_the_closed_form_of_brock_mirman_has_no_residual_and_passes():
    with precision("float64"):
        problem = BrockMirman()
        assert problem.kbar == pytest.approx(0.190117, abs=5e-7) and problem.savings_rate == pytest.approx(0.3456)
        found = verdicts(problem, exact_savings(problem))
    assert found["log10_euler_max"] < -14 and found["policy_error_max"] < 1e-14 and found["path_error_max"] < 1e-14
    assert [found[f"verdict_{name}"] for name in ("loss", "truth", "stability")] == ["passed"] * 3


@pytest.mark.slow
def test_the_residual_of_brock_mirman_is_the_error_of_the_euler_equation():
    """With a savings rate of s everywhere the residual is 1 - beta alpha / s, whatever the state."""
    with precision("float64"):
        problem, s = BrockMirman(), 0.4
        batch = problem.sample(nnx.Rngs(0), "train")
        model = Apply(lambda x: jnp.full((len(x), 1), math.log(s / (1 - s))))
        np.testing.assert_allclose(problem.residual(model, batch), 1 - 0.3456 / s, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0])  # the page of the docs fits it at seed 42
def test_brock_mirman_is_solved_to_its_bars_by_its_recipe(seed):
    found = losses_of("brock_mirman", seed=seed)
    assert found["policy_error_mean"] <= 1e-3 and found["policy_error_max"] <= 3e-3
    assert found["log10_euler_mean"] <= -3.3
    assert "failed" not in found and found["verdict_stability"] == "passed"


def test_simulated_capital_follows_the_closed_form():
    """log k' = log(alpha beta) + z + alpha log k, z' = rho z + sigma eps."""
    with precision("float64"):
        problem = BrockMirman()
        series = simulate(problem, exact_savings(problem), periods=50, paths=4, seed=1)
        k, z = series["k"], series["z"]
        assert k.shape == (50, 4) and np.all(k[0] == problem.kbar)
        np.testing.assert_allclose(np.log(k[1:]), math.log(0.3456) + z[:-1] + 0.36 * np.log(k[:-1]), rtol=1e-12)
        np.testing.assert_allclose(series["c"] + 0.3456 * series["y"], series["y"], rtol=1e-12)
        shocks = (z[1:] - 0.9 * z[:-1]) / 0.02
        assert abs(shocks.mean()) < 4 / 196**0.5 and 0.8 < shocks.std() < 1.2
        response = impulse_response(problem, exact_savings(problem), "z", periods=10)
        np.testing.assert_allclose(response["z"], [0, *(0.02 * 0.9**t for t in range(9))], atol=1e-12)


#: the policy does not depend on how many firms there are, the time of training does; the recipe's test has all 128
FIRMS = 4

# --- investment -------------------------------------------------------------------------------------------------------


def test_the_linear_policy_of_investment_is_that_of_the_paper():
    assert linear_policy(InvestmentOptions()) == pytest.approx((0.0687224391, -0.0504613550), rel=1e-8)
    assert linear_policy(InvestmentOptions(), explosive=True) == pytest.approx((-0.116422, 0.220191), abs=1e-6)


@pytest.mark.slow
def test_both_roots_have_no_residual_and_only_one_is_a_solution():
    with precision("float64"):
        problem = Investment(rngs=nnx.Rngs(0), trajectories_test=2)
        right = verdicts(problem, affine(linear_policy(problem.p)))
        wrong = verdicts(problem, affine(linear_policy(problem.p, explosive=True)))
    assert right["log10_euler_max"] < -10 and wrong["log10_euler_max"] < -10
    assert right["eigenvalue"] == pytest.approx(0.899539, abs=1e-6)
    assert right["steady_state"] == pytest.approx(0.684068, rel=1e-4)
    assert right["verdict_truth"] == right["verdict_stability"] == right["verdict_loss"] == "passed"
    assert wrong["eigenvalue"] == pytest.approx(1.1702, abs=1e-4)
    assert wrong["verdict_loss"] == "passed" and wrong["verdict_stability"] == "FAILED"
    assert wrong["failed"].startswith("stability (eigenvalue 1.17 is not below 1")


@pytest.mark.parametrize(("N", "sigma", "eta"), [(2, 0.005, 0.001), (300, 0.05, 0.02)])
def test_the_closed_form_does_not_depend_on_the_number_of_firms_nor_on_the_shocks(N, sigma, eta):
    with precision("float64"):
        problem = Investment(rngs=nnx.Rngs(1), N=N, sigma=sigma, eta=eta, trajectories=2)
        batch = problem.sample(nnx.Rngs(0), "train")
        assert batch.x.shape == (2 * 64, N)
        residual = problem.residual(affine(linear_policy(problem.p)), batch)
        assert float(jnp.abs(residual).max()) < 1e-12


def test_trajectories_begin_at_one_draw_and_follow_the_linear_policy():
    with precision("float64"):
        problem = Investment(rngs=nnx.Rngs(3), sigma=0.0, eta=0.0)
        X = np.asarray(problem.sample(nnx.Rngs(0), "val").x).reshape(8, 64, 128)
    np.testing.assert_array_equal(X[:, 0], np.broadcast_to(X[0, 0], (8, 128)))
    assert abs(X[0, 0].mean() - 0.9) < 4 * 0.05 / 128**0.5
    u = problem.H0 + problem.H1 * X[:, :-1].mean(axis=2, keepdims=True)
    np.testing.assert_allclose(X[:, 1:], u + 0.95 * X[:, :-1], rtol=1e-12)
    w = np.asarray(problem.w)
    assert abs(w.mean()) < 1e-12 and w.std() == pytest.approx(1)


@pytest.mark.slow
@pytest.mark.parametrize("nu", [0.5, 1.5])
def test_without_a_closed_form_the_truth_is_computed_and_is_no_line(nu):
    """It solves the Euler equation to rounding, has the slope of the linearised economy at the steady state, and the
    line with that slope, which the training states follow, is not it."""
    with precision("float64"):
        problem = Investment(rngs=nnx.Rngs(0), N=FIRMS, nu=nu, eta=0.0, trajectories_test=2)
        exact = verdicts(problem, Apply(problem.truth))
        steady, step = problem.steady_state, 1e-5
        u = problem.curve(np.array([steady - step, steady, steady + step]), np)
        line = verdicts(problem, affine(linear_policy(problem.p)))
    assert exact["log10_euler_max"] < -12 and exact["log10_euler_path_max"] < -12 and passed(exact)
    assert u[1] == pytest.approx(problem.p.delta * steady, rel=1e-9)
    assert (u[2] - u[0]) / (2 * step) == pytest.approx(problem.H1, rel=1e-5)
    assert line["policy_error_max"] > 0.01 and line["slope_error"] > 0.01


# the recipe itself is fitted, and its verdicts read, by docs/economics/investment.md
@pytest.mark.slow
def test_thirty_epochs_of_investment_are_within_a_tenth_of_a_per_cent():
    found = losses_of("investment", N=FIRMS, num_epochs=30, schedule="cosine", stop_loss=None)
    assert found["policy_error_mean"] <= 1e-3 and found["slope_error"] <= 0.01 and found["eigenvalue"] < 1
    assert "failed" not in found


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("problem", "options", "said"),
    [
        ("brock_mirman", {"beta": 1.0}, "--beta must be > 0 and < 1, got 1: the sum of beta^t"),
        ("brock_mirman", {"alpha": 1.2}, "without diminishing returns"),
        ("brock_mirman", {"rho": -1.0}, "would not be stationary"),
        ("investment", {"beta": 1.01}, "no plan is best"),
        ("investment", {"gamma": 0.0}, "without a cost of adjustment"),
        ("investment", {"alpha1": -1.0}, "demand would not slope down"),
        ("investment", {"delta": 0.0}, "wears out"),
    ],
)
def test_a_parameter_that_makes_no_economics_is_refused_with_the_reason(problem, options, said):
    with pytest.raises(ConfigError, match=r"must be") as refused:
        build("mlp", problem, [("test", options)])
    assert said in str(refused.value)


def test_all_that_is_wrong_is_said_at_once_without_importing_jax(shell):
    ran = shell("fit", "--problem", "brock_mirman", "--beta", "1.2", "--alpha", "0")
    assert ran.code == 2 and "--beta must be" in ran.stderr and "--alpha must be" in ran.stderr


# --- from the shell ---------------------------------------------------------------------------------------------------


def explosive(path="explosive.py", root=True):
    H0, H1 = linear_policy(InvestmentOptions(), explosive=root)
    Path(path).write_text(FIXED.format(H0=H0, H1=H1))
    return f"./{path}:Affine"


FEW = (
    *("--problem", "investment", "--N", FIRMS, "--lr", 1e-12, "--num-epochs", 1),
    *("--trajectories", 2, "--trajectories-val", 2, "--trajectories-test", 2),
)


@pytest.fixture(scope="module")
def fitted_roots(tmp_path_factory):
    """(where the runs `bad` and `good` are, of the explosive and the right root; what fitting them said); to read."""
    where, said = tmp_path_factory.mktemp("roots"), {}
    for name, *more in (("bad", "--json"), ("good",)):
        out, err = io.StringIO(), io.StringIO()
        with running.environment({"HOME": str(where)}, where), redirect_stdout(out), redirect_stderr(err):
            model = explosive(f"{name}.py", root=name == "bad")
            code = running.here("fit", model, *FEW, "--out", name, *more)
        said[name] = running.Ran(code, out.getvalue(), err.getvalue())
    return where, said


@pytest.fixture
def roots(fitted_roots, monkeypatch):
    """What fitting the runs `bad` and `good` said; they are here, and their code is trusted."""
    where, said = fitted_roots
    monkeypatch.chdir(where)
    monkeypatch.setenv("ECONML_SOURCES", os.pathsep.join(["bad.py", "good.py"]))
    return said


@pytest.mark.slow
def test_the_explosive_root_is_failed_stability_and_exit_code_5(econml, roots):
    ran = roots["bad"]
    summary = json.loads(ran.stdout)
    assert ran.code == 5 and summary["test_loss"] < 1e-8
    assert summary["verdict_stability"] == "FAILED"
    assert "FAILED: stability (eigenvalue 1.17" in ran.stderr and "explodes" in ran.stderr
    assert "--seed 43" in ran.stderr and "--retries" in ran.stderr
    evaluated = econml("eval", "bad", "--json")
    assert evaluated.code == 5 and json.loads(evaluated.stdout)["verdict_stability"] == "FAILED"
    assert Run(Path("bad")).summary()["verdict_stability"] == "FAILED"


@pytest.mark.slow
def test_a_failed_verdict_of_any_kind_is_exit_code_5_and_may_be_accepted(econml, isolated):
    """The policy is off by 2 %, on a path that goes where it should."""
    H0, H1 = linear_policy(InvestmentOptions())
    (isolated / "off.py").write_text(FIXED.format(H0=1.02 * H0, H1=1.02 * H1))
    fit_it = ("fit", "./off.py:Affine", *FEW)
    ran = econml(*fit_it, "--out", "off")
    assert ran.code == 5 and "FAILED: loss (" in ran.stderr and "; truth (policy_error_mean" in ran.stderr, ran.stderr
    assert "the equations do not hold yet" in ran.stderr and "--accept-failed loss,truth ends" in ran.stderr
    assert "verdict stability" in ran.stdout and econml("eval", "off").code == 5
    only_loss = econml(*fit_it, "--out", "loss", "--accept-failed", "loss")
    assert only_loss.code == 5 and "--accept-failed truth ends" in only_loss.stderr
    assert "not near enough to that of the solution" in only_loss.stderr
    every = econml(*fit_it, "--out", "every", "--accept-failed", "loss,truth")
    assert every.code == 0 and "accepted: loss (" in every.stderr, every.stderr
    assert Run(Path("every")).summary()["verdict_truth"] == "FAILED"  # it is what it is
    assert econml(*fit_it, "--out", "all", "--accept-failed", "all", "--retries", 3, "--quiet").code == 0
    assert not Path("all.seed42").exists()
    assert econml("eval", "off", "--accept-failed", "all").code == 0
    # what the policy is worth in another economy is a question, not a failure
    assert econml("eval", "off", "--with", "beta=.9").code == 0


def test_a_verdict_that_there_is_not_is_refused_at_once(econml):
    ran = econml("fit", "--problem", "investment", "--accept-failed", "thruth")
    assert ran.code == 2 and "--accept-failed thruth: no such verdict" in ran.stderr and "'truth'" in ran.stderr


@pytest.mark.slow
def test_the_verdicts_reach_where_metrics_go():
    """W&B's sink, like every other, is handed the whole summary."""
    told = []

    class Kept:
        def log(self, rows):
            pass

        def finish(self, summary, *, exit_code):
            told.append(summary)

    config = build("mlp", "brock_mirman", [("test", {"num_epochs": 2})])
    fit(config, Path("run"), open_sinks=lambda run, config, done: [Kept()])
    assert {told[0][f"verdict_{name}"] for name in ("loss", "truth", "stability")} <= {"passed", "FAILED"}
    assert "log10_euler_mean" in told[0] and "policy_error_max" in told[0] and "steady_state_error" in told[0]


def test_the_right_root_passes_and_the_command_succeeds(econml, roots):
    ran = roots["good"]
    assert ran.code == 0, ran.stderr
    assert "verdict stability" in ran.stdout and "FAILED" not in ran.stdout
    shown = econml("eval", "good").stdout
    assert "Verdicts\n" in shown and "Equations, truth and stability" in shown


def test_several_runs_say_in_how_many_the_verdicts_passed(econml, roots):
    ran = econml("eval", "bad", "good", "--bootstrap", 0)
    assert ran.code == 0, ran.stderr
    assert ran.stdout.split("Verdicts passed\n")[1].split()[-4:] == ["stability", "1", "of", "2", "50%"][-4:]


#: fails at seed 42, passes at the next
LUCKY = FIXED.replace("jnp.array([h0, h1])", "jnp.where(seed_is_42(rngs), jnp.array([h0, h1]), jnp.array({right}))")


@pytest.mark.slow
def test_retries_go_on_to_the_next_seed_until_the_verdicts_pass(econml):
    parameters = InvestmentOptions()
    (H0, H1), right = linear_policy(parameters, explosive=True), linear_policy(parameters)
    source = LUCKY.replace("{right}", str(list(right))).format(H0=H0, H1=H1)
    # what seed 42 draws first tells it from 43
    helper = "import jax\n\ndef seed_is_42(rngs):\n    return (jax.random.key_data(rngs.params.key[...])[-1] == 42)\n"
    Path("lucky.py").write_text(source + helper)
    ran = econml("fit", "./lucky.py:Affine", *FEW, "--retries", 3, "--out", "run", "--json")
    assert ran.code == 0, ran.stderr
    summary = json.loads(ran.stdout)
    assert summary["attempts"] == 2 and summary["verdict_stability"] == "passed"
    assert "seed 42 failed, stability (eigenvalue" in ran.stderr and "trying seed 43" in ran.stderr
    assert Run(Path("run")).config().trainer.seed == 43 and Run(Path("run")).summary() == {
        name: value for name, value in summary.items() if name != "run"
    }
    assert Run(Path("run.seed42")).summary()["verdict_stability"] == "FAILED"


@pytest.mark.slow
def test_after_all_retries_the_last_run_stays_and_the_code_is_5(econml):
    ran = econml("fit", explosive(), *FEW, "--retries", 1, "--out", "run", "--json")
    assert ran.code == 5 and json.loads(ran.stdout)["attempts"] == 2
    assert Path("run").is_dir() and Path("run.seed42").is_dir()


@pytest.mark.slow
def test_a_sweep_does_not_choose_an_explosive_root(econml):
    H1 = linear_policy(InvestmentOptions(), explosive=True)[1]
    right = linear_policy(InvestmentOptions())[1] * 1.01
    model = explosive()
    Path("sweep.yaml").write_text(
        "name: roots\nmethod: grid\nmetric: {name: test_loss, goal: minimize}\n"
        f"parameters:\n  h1: {{values: [{H1}, {right}]}}\n  N: {{value: {FIRMS}}}\n  lr: {{value: 1.0e-12}}\n"
        "  num_epochs: {value: 1}\n  trajectories: {value: 2}\n  trajectories_test: {value: 2}\n"
        f"command: ['${{env}}', econml, fit, '{model}', --problem=investment, '${{args}}']\n"
    )
    ran = econml("sweep", "run", "sweep.yaml", "--engine", "serial", "--source", "explosive.py")
    assert ran.code == 4, ran.stderr
    assert "FAILED: stability" in ran.stdout + ran.stderr and "1 of 2 trials complete" in ran.stdout


SMALL = ("--N", 40, "--N-test", 20, "--N-val", 20, "--width", 4, "--depth", 1)

# --- the stop rule ----------------------------------------------------------------------------------------------------


def test_training_stops_in_the_first_epoch_below_stop_loss(econml):
    common = ("fit", "mlp", *SMALL, "--lr", 3e-2, "--num-epochs", 300)
    ran = econml(*common, "--stop-loss", 0.01, "--out", "run", "--json")
    summary = json.loads(ran.stdout)
    rows = Run(Path("run")).metrics()
    assert summary["stop_reason"] == "converged" and summary["epochs"] == len(rows) < 300
    assert rows[-1]["val_loss"] < 0.01 and all(row["val_loss"] >= 0.01 for row in rows[:-1])
    assert "converged after" in econml(*common, "--stop-loss", 0.01, "--out", "again").stdout
    alone = econml(*common, "--N-val", 0, "--stop-loss", 0.01, "--out", "train", "--json")
    assert json.loads(alone.stdout)["stop_reason"] == "converged"
    assert Run(Path("train")).metrics()[-1]["train_loss"] < 0.01
