"""What is said of a network that follows its training rows too closely."""

import numpy as np
import pandas as pd
import pytest

from econml_cli.evaluation.evaluate import evaluate
from econml_cli.runs import caveats
from tests.support.fits import fitted


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """60 rows of a line and noise in six dimensions: a network of 8 units follows the noise."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 6)), columns=list("abcdef"))
    frame["y"] = frame["a"] + rng.normal(size=60)
    path = tmp_path_factory.mktemp("overfitting") / "t.csv"
    frame.to_csv(path, index=False)
    return frame, str(path)


def test_a_network_that_overfits_is_said_to_and_by_how_much(data, tmp_path):
    _, path = data
    run = fitted(tmp_path / "net", "mlp", data=path, target="y", width=(8,), num_epochs=400, lr=0.03)
    summary = run.summary()
    rows = [row["val_loss"] for row in run.metrics()]
    lowest, epoch, last = summary["val_rose"]
    assert lowest == pytest.approx(min(rows)) and rows[int(epoch) - 1] == pytest.approx(lowest)
    assert last == pytest.approx(rows[-1]) and last > 1.05 * lowest
    assert summary["unregularised"] == [summary["num_params"], 36]
    ols = fitted(tmp_path / "ols", data=path, target="y")
    assert summary["linear_val_loss"] == pytest.approx(ols.summary()["val_loss"], rel=1e-6)
    more = summary["val_loss"] / ols.summary()["val_loss"] - 1
    said = caveats.sentences(summary)
    assert any(f"({more:.0%} more)" in one for one in said) and any("--patience 50 stops" in one for one in said)
    assert set(said) <= set(evaluate(run, bootstrap=0).notes)


def test_nothing_is_said_of_a_fit_that_is_held_back_nor_of_a_linear_one(data, tmp_path):
    _, path = data
    held = fitted(tmp_path / "held", "mlp", data=path, target="y", width=(8,), num_epochs=400, lr=0.03, patience=20)
    assert not {"val_rose", "unregularised"} & set(held.summary())
    line = fitted(tmp_path / "line", data=path, target="y", solver="gradient", num_epochs=400, lr=0.03)
    assert not {"val_rose", "unregularised", "linear_val_loss"} & set(line.summary())
