"""Runs and a sweep that econml 0.1.0 made (tests/data/made_by_0.1) open, evaluate and go on."""

import json
import platform
import shutil

import numpy as np
import pandas as pd
import pytest

from econml_cli.runs.directory import Run
from tests.support import ROOT

MADE = ROOT / "tests" / "data" / "made_by_0.1"


@pytest.fixture
def made(isolated):
    """The working directory, which holds copies of what 0.1.0 made there."""
    shutil.copytree(MADE, isolated, dirs_exist_ok=True)
    killed = isolated / "swept" / "0002" / "manifest.json"  # by a process of this machine that is no more
    killed.write_text(killed.read_text().replace('"elsewhere"', json.dumps(platform.node())))
    return isolated


@pytest.mark.parametrize("name", ["network", "table"])
def test_a_run_is_evaluated_to_the_losses_that_it_ended_with(econml, made, name):
    found, ended = json.loads(econml("eval", name, "--json").stdout), Run(made / name).summary()
    assert found["train_loss"] == pytest.approx(ended["train_loss"], rel=1e-5)
    assert found["test_loss"]["value"] == pytest.approx(ended["test_loss"], rel=1e-5)
    if name == "table":
        slopes = found["coefficients"]
        assert list(slopes) == ["Intercept", "x", "g[T.b]", "g[T.c]"] and slopes["x"] == pytest.approx(2, abs=0.1)


def test_the_state_of_a_run_is_inspected(econml, made):
    told = json.loads(econml("inspect", "checkpoint", "network", "--json").stdout)["summary"]
    assert told["steps"] == [3, 6] and told["losses"]["test_loss"] == Run(made / "network").summary()["test_loss"]


@pytest.mark.slow
def test_a_run_goes_on_from_its_last_epoch(econml, made):
    before = Run(made / "network").metrics()
    assert econml("fit", "--resume", "network", "--num-epochs", "9").code == 0
    after = Run(made / "network").metrics()
    assert after[: len(before)] == before and [row["epoch"] for row in after] == list(range(1, 10))


def test_a_sweep_that_was_killed_is_shown_and_goes_on(econml, made):
    ended = [Run(made / f"swept/000{n}").summary()["state_sha256"] for n in (0, 1)]
    assert econml("sweep", "show", "swept").code == 0
    told = econml("sweep", "run", "sweep.yaml", "--out", "swept")
    assert told.code == 0 and "4 of 4 trials complete" in told.stdout
    assert [Run(made / f"swept/000{n}").summary()["state_sha256"] for n in (0, 1)] == ended
    assert [row["epoch"] for row in Run(made / "swept/0002").metrics()] == list(range(1, 401))


def test_a_table_is_predicted_by_what_0_1_learnt_of_it(econml, made):
    slopes = json.loads(econml("eval", "table", "--json").stdout)["coefficients"]
    assert "schema" not in Run(made / "table").preprocessing()
    assert econml("predict", "table", "--data", "table.csv", "--out", "out.csv").code == 0
    out, rows = (pd.read_csv(name) for name in ("out.csv", "table.csv"))
    pd.testing.assert_frame_equal(out[list(rows)], rows)
    by_hand = slopes["Intercept"] + slopes["x"] * rows.x
    by_hand += sum(slopes[f"g[T.{level}]"] * (rows.g == level) for level in ("b", "c"))
    np.testing.assert_allclose(out.yhat, by_hand, rtol=1e-5)
    (made / "odd.csv").write_text("x,g\n1,a\n,b\n2,z\nmuch,a\n")
    assert econml("predict", "table", "--data", "odd.csv", "--out", "odd-out.csv").code == 1  # all of x is text
    (made / "odd.csv").write_text("x,g\n1,a\n,b\n2,z\n")
    assert econml("predict", "table", "--data", "odd.csv", "--out", "odd-out.csv").code == 0
    reasons = pd.read_csv("odd-out.csv", keep_default_na=False).reason
    assert list(reasons) == ["", "x is missing", "g is 'z', not in the fit"]
