"""Permutation importance: what algebra says of a linear model, groups, and what is refused."""

import json

import numpy as np
import pandas as pd
import pytest

from econml_cli.errors import ConfigError
from econml_cli.evaluation.evaluate import evaluate
from econml_cli.evaluation.marginal.importance import importance
from econml_cli.evaluation.predictions import predict
from tests.support.fits import fitted


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    here = tmp_path_factory.mktemp("importance")
    rng, n = np.random.default_rng(0), 150
    frame = pd.DataFrame({"x": rng.normal(size=n), "noise": rng.normal(size=n), "k": rng.choice(["a", "b"], n)})
    frame["twin"] = frame["x"] + 0.05 * rng.normal(size=n)
    frame["y"] = 3 * frame["x"] + (frame["k"] == "b") + rng.normal(size=n)
    frame.to_csv(here / "t.csv", index=False)
    options = {"formula": "y ~ x + I(x**2) + noise + k", "val_fraction": 0.0, "test_fraction": 0.0}
    return frame, str(here / "t.csv"), fitted(here / "run", data=str(here / "t.csv"), **options)


def test_shuffling_is_what_a_hand_does_and_what_algebra_expects(made):
    frame, path, run = made
    found = importance(run, permutations=40, bootstrap=200)
    assert [one.columns for one in found.found] == [("x",), ("k",), ("noise",)] and found.split == "train"
    loss = evaluate(run, bootstrap=0).estimates["train_loss"].value
    assert found.loss == pytest.approx(loss, rel=1e-9)
    values = evaluate(run, bootstrap=0).linear.values
    square = next(b for name, b in values.items() if name.startswith("I("))
    terms = values["x"] * frame["x"] + square * frame["x"] ** 2  # all that the formula makes of x moves
    rise = found.found[0].rise
    assert rise.value == pytest.approx(2 * terms.var(ddof=0), rel=0.1)  # residuals of least squares are orthogonal
    assert rise.low < rise.value < rise.high and rise.standard_error > 0
    assert abs(found.found[2].rise.value) < 0.05 * rise.value
    one = importance(run, columns=["x"], permutations=1, seed=5, bootstrap=0)
    order = np.random.default_rng([5, 0]).permutation(len(frame))
    frame.assign(x=frame["x"].to_numpy()[order]).to_csv(path.replace("t.csv", "moved.csv"), index=False)
    by_hand = np.mean((frame["y"] - predict(run, path.replace("t.csv", "moved.csv"))["yhat"]) ** 2) - loss
    assert one.found[0].rise.value == pytest.approx(by_hand, rel=1e-9)


@pytest.mark.slow
def test_columns_that_stand_in_for_each_other_are_shuffled_together(made, tmp_path, econml):
    _, path, _ = made
    options = {"target": "y", "features": "x,twin", "width": 8, "num_epochs": 60, "lr": 0.02}
    run = fitted(tmp_path / "net", "mlp", data=path, **options)
    ran = econml("eval", "importance", run.path, "--columns", "x,twin,x+twin", "--bootstrap", 100, "--json")
    assert ran.code == 0, ran.stderr
    found = json.loads(ran.stdout)["importance"]
    rises = {tuple(one["columns"]): one["rise"]["value"] for one in found["importance"]}
    assert found["split"] == "test" and rises[("x", "twin")] == max(rises.values())
    shown = econml("eval", "importance", run.path, "--columns", "x+twin", "--bootstrap", 100)
    assert "Permutation importance (30 rows of test" in shown.stdout and "x + twin" in shown.stdout


def test_what_the_model_does_not_read_is_refused(made):
    with pytest.raises(ConfigError, match=r"reads no column 'nois'\. Did you mean 'noise'"):
        importance(made[2], columns=["x+nois"])
    with pytest.raises(ConfigError, match=r"^--columns names x \+ k twice\.$"):
        importance(made[2], columns=["k+x", "x+k"])
