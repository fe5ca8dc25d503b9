"""`econml simulate`: tables, moments and impulse responses against closed forms, figures, errors."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from econml_cli.config.fit_config import build
from econml_cli.evaluation.simulation import fan
from econml_cli.evaluation.simulation.simulated import at_truth, simulate
from econml_cli.problems.economies.brock_mirman import BrockMirman
from econml_cli.runs.directory import Run
from econml_cli.training.fit import fit

#: a savings rate that is the same in every state: alpha beta unless `share` says another
CONSTANT = """
import jax.numpy as jnp
from flax import nnx

class Constant(nnx.Module):
    '''A policy that does not depend on the state.'''
    def __init__(self, din, dout, *, share: float = 0.36 * 0.96, rngs):
        self.logit = nnx.Param(jnp.log(jnp.array([share / (1 - share)])))
    def __call__(self, x):
        return jnp.broadcast_to(self.logit[...], (len(x), 1))
"""
SMALL = {"N": 32, "N_test": 32, "N_val": 0, "num_epochs": 3, "width": 4}
MUCH = {"periods": 9, "paths": 20}
FLAGS = ("--periods", 9, "--paths", 20)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs: `stochastic`, a savings rate hardly trained; `sequence`, a path of prices; `linear`, no economic model."""
    directory = tmp_path_factory.mktemp("runs")
    fit(build("mlp", "brock_mirman", [("test", SMALL)]), directory / "stochastic")
    fit(build("mlp", "asset_pricing", [("test", {"num_epochs": 3, "width": 4, "depth": 1})]), directory / "sequence")
    fit(
        build("linear", "linear", [("test", {"N": 40, "N_test": 20, "N_val": 20, "num_epochs": 1})]),
        directory / "linear",
    )
    return directory


@pytest.fixture(scope="module")
def simulated(made):
    """Series of `stochastic`, not to be changed: 9 periods of 20 paths."""
    return simulate(Run(made / "stochastic"), **MUCH)


@pytest.mark.slow
def test_the_table_has_path_and_period_then_the_series_in_the_order_of_the_problem(econml, made):
    done = econml("simulate", made / "stochastic", *FLAGS, "--out", "s.csv")
    said, written = done.stderr.splitlines()
    assert done.code == 0 and written == "econml simulate: 180 rows written to s.csv"
    assert "stochastic is FAILED: stability" in said and "paths are not those of the solution" in said
    found = pd.read_csv("s.csv")
    assert list(found) == ["path", "period", "k", "z", "y", "c", "savings_rate"]
    assert found["path"].tolist() == np.repeat(range(20), 9).tolist() and found["period"].tolist() == [*range(9)] * 20
    first = found[found["period"] == 0]
    assert first["k"].to_numpy() == pytest.approx(BrockMirman().kbar) and (first["z"] == 0).all()
    assert np.allclose(found["c"] + found["savings_rate"] * found["y"], found["y"], rtol=1e-6)
    last = found[found["period"] == 8]["y"]
    assert f"{last.mean():.4g}" in done.stdout and "Period 8, over 20 paths" in done.stdout


@pytest.mark.slow
def test_parquet_and_stdout_hold_the_same_numbers_and_a_seed_gives_the_same_paths(econml, made):
    few = ("simulate", made / "stochastic", *FLAGS)
    econml(*few, "--out", "s.parquet")
    done = econml(*few, "--out", "-")
    Path("again.csv").write_text(done.stdout)
    pd.testing.assert_frame_equal(pd.read_parquet("s.parquet"), pd.read_csv("again.csv"), check_dtype=False)
    assert econml(*few, "--out", "-").stdout == done.stdout != econml(*few, "--out", "-", "--seed", 1).stdout


def test_the_next_state_is_that_of_the_equations(simulated):
    found = simulated.series
    assert np.allclose(found["k"][1:], (found["savings_rate"] * found["y"])[:-1], rtol=1e-6)
    assert np.allclose(found["y"], np.exp(found["z"]) * found["k"] ** 0.36, rtol=1e-5)


@pytest.mark.slow
def test_a_model_that_is_the_truth_has_the_moments_of_the_closed_form(econml):
    Path("constant.py").write_text(CONSTANT)
    few = ("--N", 32, "--N-test", 32, "--N-val", 0, "--num-epochs", 1)
    econml("fit", "./constant.py:Constant", "--problem", "brock_mirman", "--lr", 1e-12, *few, "--out", "run")
    found = simulate(Run(Path("run")), periods=120, paths=4000)
    alpha, rho, sigma = 0.36, 0.9, 0.02
    # log k' = const + alpha log k + z: with z an AR(1), an AR(2) with these roots, whose variance is known
    var = sigma**2 * (1 + alpha * rho) / ((1 - alpha * rho) * (1 - alpha**2) * (1 - rho**2))
    log_k = np.log(found.series["k"][-1].astype(np.float64))
    assert log_k.mean() == pytest.approx(np.log(BrockMirman().kbar), abs=4 * np.sqrt(var / 4000))
    assert log_k.std() == pytest.approx(np.sqrt(var), rel=0.05)
    assert found.series["z"][-1].std() == pytest.approx(sigma / np.sqrt(1 - rho**2), rel=0.05)
    # the exact policy under the same shocks is the same path
    assert np.allclose(found.series["k"], found.truth["k"], rtol=1e-4)
    t = np.arange(41)
    z = np.where(t > 0, sigma * rho ** (t - 1.0), 0.0)
    k = sigma * np.where(t > 1, (rho ** (t - 1.0) - alpha ** (t - 1.0)) / (rho - alpha), 0.0)
    assert np.allclose(found.response["z"], z, atol=1e-7)
    log_response = np.log1p(found.response["k"].astype(np.float64) / BrockMirman().kbar)
    assert np.allclose(log_response, k, atol=2e-6) and np.allclose(
        found.true_response["k"], found.response["k"], atol=1e-6
    )


def test_a_model_without_shocks_has_one_path(econml, made):
    done = econml("simulate", made / "sequence", "--periods", 7, "--out", "s.tsv")
    found = pd.read_csv("s.tsv", sep="\t")
    assert list(found) == ["path", "period", "p", "y"] and len(found) == 7
    assert "no shocks and one start: one path in place of 1,000" in done.stderr
    assert "period 0" in done.stdout and "period 6" in done.stdout
    truth = simulate(Run(made / "sequence"), periods=7).truth["p"][:, 0]
    assert truth[0] == pytest.approx(0.894737, rel=1e-5)


def test_a_truth_that_the_steps_do_not_read_is_not_drawn_as_one():
    class Other(BrockMirman):
        def _output(self, model, x):
            return model(x), x[:, :1], x[:, 1:]

    assert at_truth(BrockMirman(), lambda x: x[:, :1]) is not None
    assert at_truth(Other(), lambda x: x[:, :1]) is None


def test_json_is_one_document_with_the_summary_and_the_response(econml, made, simulated):
    done = econml("simulate", made / "stochastic", *FLAGS, "--json")
    found = json.loads(done.stdout)
    values = simulated.series["k"].astype(np.float64)
    assert found["paths"] == 20 and found["series"]["k"]["last"]["q95"] == pytest.approx(np.quantile(values[-1], 0.95))
    assert found["series"]["k"]["all"]["sd"] == pytest.approx(values.std())
    assert (
        found["impulse"] == "z"
        and len(found["response"]["k"]) == 9
        and found["response"]["z"][1] == pytest.approx(0.02)
    )
    relative = found["relative_response"]["z"]
    assert (
        relative["unit"] == "per cent" and relative["values"][1] == pytest.approx(2.0) and len(relative["exact"]) == 9
    )


@pytest.mark.slow
def test_the_fan_shows_bands_median_truth_and_the_response(econml, made, simulated):
    done = econml("simulate", made / "stochastic", *FLAGS, "--plot", "fan.svg", "--impulse", "z")
    assert done.code == 0 and "drawn in fan.svg" in done.stderr and "<svg" in Path("fan.svg").read_text()
    found = simulated
    axes = fan.figure(found).axes
    assert len(axes) == 2 * len(found.series)
    median, exact = axes[0].get_lines()
    assert np.allclose(median.get_ydata(), np.median(found.series["k"], axis=1))
    assert np.allclose(exact.get_ydata(), np.median(found.truth["k"], axis=1))
    assert len(axes[0].collections) == 2
    _, response, exact = axes[1].get_lines()
    alpha, rho, sigma, t = 0.36, 0.9, 0.02, np.arange(9.0)  # of the exact policy log k is known in closed form
    k = sigma * np.where(t > 1, (rho ** (t - 1) - alpha ** (t - 1)) / (rho - alpha), 0.0)
    assert np.allclose(exact.get_ydata(), 100 * np.expm1(k), atol=1e-3) and 100 * k.max() > 2
    assert np.array_equal(response.get_ydata(), found.relative["k"].values)
    assert axes[1].get_ylabel() == "% from\nsteady state" and axes[0].get_title("left") == "capital k"
    z = found.relative["z"]  # a logarithm: 100 times the difference
    assert z.unit == "per cent" and z.steady and np.allclose(z.values, 100 * found.response["z"], atol=1e-4)
    assert np.allclose(found.relative["savings_rate"].exact, 0, atol=1e-4)


def test_values_that_are_not_finite_are_told_of_and_neither_stop_the_table_nor_the_figure(made, simulated):
    from dataclasses import replace

    from econml_cli.evaluation.simulation.simulated import _warnings

    k = np.where(np.arange(9)[:, None] > 7, np.inf, simulated.series["k"])
    found = replace(simulated, series={**simulated.series, "k": k})
    assert _warnings(Run(made / "stochastic"), found.series)[-1].startswith("20 of 900 values are not finite")
    assert "inf" in found.render() and len(fan.figure(replace(found, truth={})).axes) == 10


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("linear",), "Problem linear cannot be simulated"),
        (("stochastic", "--impulse", "zz"), "has no such shock; its shocks are z."),
        (("sequence", "--impulse", "z"), "no shock has a name in it"),
        (("stochastic", "--out", "s.ods"), "must end in one of"),
        (("stochastic", "--plot", "s.jpg"), "must end in .png"),
        (("stochastic", "--out", "-", "--json"), "both write to stdout"),
        (("stochastic", "--paths", 10**8, "--periods", 10**5), "free here; ask for fewer"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(econml, made, options, said):
    done = econml("simulate", made / options[0], *options[1:])
    assert done.code == 2 and said in done.stderr and done.stderr.count("\n") == 1 and done.stdout == ""
