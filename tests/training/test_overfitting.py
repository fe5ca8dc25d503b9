"""What is said of a network that follows its training rows too closely."""

import numpy as np
import pandas as pd
import pytest

from econml_cli.evaluation.evaluate import evaluate
from econml_cli.runs import caveats
from econml_cli.runs.directory import Run
from econml_cli.training.fit import fit, resume
from tests.support.fits import config, fitted


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """60 rows of a line and noise in six dimensions: a network of 8 units follows the noise."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 6)), columns=list("abcdef"))
    frame["y"] = frame["a"] + rng.normal(size=60)
    frame["two"] = np.where(frame["y"] > 0, "yes", "no")
    frame["three"] = np.array(["low", "middle", "high"])[np.digitize(frame["y"], [-0.6, 0.6])]
    path = tmp_path_factory.mktemp("overfitting") / "t.csv"
    frame.to_csv(path, index=False)
    return frame, str(path)


@pytest.mark.slow
def test_a_network_that_overfits_is_said_to_and_by_how_much(data, tmp_path):
    of = {"data": data[1], "target": "y", "features": tuple("abcdef")}
    run = fitted(tmp_path / "net", "mlp", width=(8,), num_epochs=400, lr=0.03, **of)
    summary = run.summary()
    rows = [row["val_loss"] for row in run.metrics()]
    lowest, epoch, last = summary["val_rose"]
    assert lowest == pytest.approx(min(rows)) and rows[int(epoch) - 1] == pytest.approx(lowest)
    assert last == pytest.approx(rows[-1]) and last > 1.05 * lowest
    assert summary["unregularised"] == [summary["num_params"], 36]
    ols = fitted(tmp_path / "ols", **of)
    assert summary["linear_val_loss"] == pytest.approx(ols.summary()["val_loss"], rel=1e-6)
    more = summary["val_loss"] / ols.summary()["val_loss"] - 1
    said = caveats.sentences(summary)
    assert any(f"({more:.0%} more)" in one for one in said) and any("--patience 50 stops" in one for one in said)
    assert set(said) <= set(evaluate(run, bootstrap=0).notes)


@pytest.mark.slow
def test_nothing_is_said_of_a_fit_that_is_held_back_nor_of_a_linear_one(data, tmp_path):
    _, path = data
    own = {"data": path, "target": "y", "features": tuple("abcdef"), "num_epochs": 400, "lr": 0.03}
    held = fitted(tmp_path / "held", "mlp", width=(8,), patience=20, **own)
    assert not {"val_rose", "unregularised"} & set(held.summary())
    line = fitted(tmp_path / "line", solver="gradient", **own)
    assert not {"val_rose", "unregularised", "linear_val_loss"} & set(line.summary())


@pytest.mark.slow
@pytest.mark.parametrize("target", ["two", "three"])
def test_a_logit_that_predicts_better_is_told_by_its_own_loss(data, target, tmp_path):
    of = {"data": data[1], "target": target, "features": tuple("abcdef")}
    run = fitted(tmp_path / "net", "mlp", width=(8,), num_epochs=400, lr=0.03, **of)
    logit = fitted(tmp_path / "logit", **of).summary()["val_loss"]
    summary = run.summary()
    assert summary["linear_val_loss"] == pytest.approx(logit, rel=1e-5)
    more = f"({summary['val_loss'] / logit - 1:.0%} more)"
    assert any("a linear model predicts better" in said and more in said for said in evaluate(run, bootstrap=0).notes)


@pytest.mark.slow
def test_by_default_a_network_on_a_table_ends_where_its_validation_loss_was_least_and_can_be_resumed(data, tmp_path):
    of = config("mlp", "tabular", data=data[1], target="y", features=tuple("abcdef"), width=(8,), lr=0.03)
    asked = iter([None, 2, 2])
    whole = fit(of, tmp_path / "whole").run
    fit(of, tmp_path / "part", stop_signal=lambda: next(asked))
    part = resume(Run(tmp_path / "part")).run
    summary, losses = whole.summary(), [row["val_loss"] for row in whole.metrics()]
    assert summary["stop_reason"] == "early_stopping" and summary["epochs"] < of.trainer.num_epochs
    assert summary["best_epoch"] == 1 + int(np.argmin(losses)) == summary["epochs"] - of.trainer.patience
    assert summary["val_loss"] == pytest.approx(min(losses), rel=1e-5)
    assert not {"val_rose", "unregularised"} & set(summary)
    assert part.summary()["state_sha256"] == summary["state_sha256"]
