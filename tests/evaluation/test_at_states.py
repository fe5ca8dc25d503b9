"""`econml predict --states`: policy, series and residuals at chosen states."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from econml_cli.evaluation.at_states import predict_at, state_names
from econml_cli.evaluation.counterfactual import changed_samples
from econml_cli.problems.economies.brock_mirman import BrockMirman
from econml_cli.problems.economies.cake_eating import CakeEating
from econml_cli.problems.economies.olg import OLG
from econml_cli.runs.directory import Run
from econml_cli.training.precision import precision
from tests.support.fits import fitted, load_model

SMALL = {"N": 32, "N_test": 32, "N_val": 8, "num_epochs": 3, "width": "4"}


@pytest.fixture(scope="module")
def savings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fitted(tmp_path_factory.mktemp("runs") / "savings", "mlp", "brock_mirman", **SMALL).path


@pytest.mark.slow
def test_a_grid_has_policy_series_truth_and_residuals_of_the_model(econml, savings):
    ran = econml("predict", savings, "--states", "grid:k=.1:.3:5,z=-.01:.01:3", "--out", "grid.csv")
    assert ran.code == 0 and "15 rows written" in ran.stderr
    found = pd.read_csv("grid.csv")
    assert list(found["k"].unique()) == pytest.approx([0.1, 0.15, 0.2, 0.25, 0.3]) and len(found) == 15
    model, problem = load_model(Run(savings))[0], BrockMirman()
    x = problem.observe({"k": jnp.asarray(found["k"], float), "z": jnp.asarray(found["z"], float)})
    np.testing.assert_allclose(found["savings_rate"], problem.predict(model, x)[:, 0], rtol=1e-5)
    np.testing.assert_allclose(found["residual"], problem.euler(model, x), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(found["log10_euler"], np.log10(np.abs(found["residual"])), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found["c"] + found["savings_rate"] * found["y"], found["y"], rtol=1e-5)
    assert np.allclose(found["savings_rate_exact"], 0.36 * 0.96)


def test_in_another_economy_the_policy_reads_states_in_the_units_of_its_fit(savings):
    run, model = Run(savings), load_model(Run(savings))[0]
    state = {"k": jnp.array([0.15, 0.25]), "z": jnp.array([0.0, 0.01])}
    with precision("float32"):
        other = changed_samples(run, model, {"alpha": "0.5"}).problem
        own = changed_samples(run, model, {"alpha": "0.36"}).problem
    assert other.kbar != pytest.approx(own.kbar, rel=0.1) and own.units == pytest.approx(own.kbar)
    np.testing.assert_allclose(model(other.observe(state)), model(own.observe(state)), rtol=1e-6)


def test_states_of_a_file(savings, tmp_path):
    pd.DataFrame({"z": [0.0, 0.01], "k": [0.2, 0.3], "other": ["a", "b"]}).to_csv(tmp_path / "s.csv", index=False)
    found, grid = predict_at(Run(savings), str(tmp_path / "s.csv")), predict_at(Run(savings), "grid:k=.2,z=0")
    assert list(found["k"]) == [0.2, 0.3] and "other" not in found
    assert found["savings_rate"][0] == pytest.approx(grid["savings_rate"][0], rel=1e-6)


def test_states_are_named_as_the_economy_names_them():
    assert state_names(BrockMirman()) == (["k", "z"], True)
    assert state_names(CakeEating()) == (["log_a_scaled"], False)
    names, _ = state_names(OLG())
    assert len(names) >= 2


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ("grid:k=.1:2", "LOW:HIGH:COUNT"),
        ("grid:k=nan,z=0", "must be a number"),
        ("grid:k=.1:2:0,z=0", "must be a number"),
        ("grid:k=.1:2:5", "lacks z"),
        ("grid:capital=1,z=0", "they are k, z"),
        ("grid:k=1:2:100000,z=0:1:100000", "more than"),
        ("grid:k=1,z=0,k=2", "'k=2' must be NAME=VALUE or NAME=LOW:HIGH:COUNT, each once"),
        ("none.csv", "none.csv"),
        ("gap.csv", "column 'k' has rows without a number"),
        ("text.csv", "column 'z' has rows without a number"),
        ("empty.csv", "empty.csv has a header but no rows"),
    ],
)
def test_states_that_are_none_are_refused(econml, savings, states, said):
    for name, rows in (("gap", "1,0\n,0\n"), ("text", "1,low\n"), ("empty", "")):
        Path(f"{name}.csv").write_text(f"k,z\n{rows}")
    ran = econml("predict", savings, "--states", states, "--out", "-")
    assert ran.code in (1, 2) and said in ran.stderr and "Traceback" not in ran.stderr


def test_other_questions_and_other_problems_are_refused(econml, savings, tmp_path):
    ran = econml("predict", savings, "--states", "grid:k=1,z=0", "--embed", "--out", "-")
    assert ran.code == 2 and "leave out --embed" in ran.stderr
    line = fitted(tmp_path / "line", "linear", "linear", N=20, N_test=5, N_val=0, num_epochs=1).path
    assert "has no equations" in econml("predict", line, "--states", "grid:x=1", "--out", "-").stderr
    pd.DataFrame({"k": [1.0]}).to_csv("k.csv", index=False)
    assert "no column 'z'" in econml("predict", savings, "--states", "k.csv", "--out", "-").stderr
