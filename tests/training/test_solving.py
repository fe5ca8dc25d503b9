"""Models that are linear in their parameters, solved exactly: one epoch, a condition number, and no other loss."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.support import running

SMALL = ("--N", "60", "--sigma", ".1", "--solver", "lstsq")


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    """A solved run, to be read."""
    path = tmp_path_factory.mktemp("runs") / "r"
    assert running.here("fit", "linear", *SMALL, "--out", path, "--quiet") == 0
    return path


def summary(path):
    return json.loads((Path(path) / "summary.json").read_text())


def design(econml, run):
    """(x with a constant, y, the model's predictions) of the training rows of a run."""
    assert econml("predict", run, "--out", "p.csv").code == 0
    import pandas as pd

    frame = pd.read_csv("p.csv").query("split == 'train'")
    x = np.column_stack([np.ones(len(frame)), frame.filter(regex=r"^x\d+$")])
    return x, frame["y"].to_numpy(), frame["yhat"].to_numpy()


@pytest.mark.slow
def test_a_linear_model_solved_is_ordinary_least_squares(econml):
    ran = econml("fit", "linear", *SMALL, "--out", "r", "--precision", "float64")
    assert ran.code == 0 and "solved exactly" in ran.stdout and "condition number" in ran.stdout
    x, y, yhat = design(econml, "r")
    beta = np.linalg.lstsq(x, y, rcond=None)[0]
    np.testing.assert_allclose(yhat, x @ beta, rtol=1e-10)
    found = summary("r")
    assert found["stop_reason"] == "solved" and found["epochs"] == 1
    assert found["train_loss"] == pytest.approx(np.mean((y - x @ beta) ** 2), rel=1e-10)
    assert found["condition_number"] == pytest.approx(np.linalg.cond(x), rel=1e-6)


def test_its_one_epoch_is_in_the_metrics_and_in_the_checkpoint(solved):
    rows = [json.loads(line) for line in (solved / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1] and rows[0]["val_loss"] == pytest.approx(summary(solved)["val_loss"])
    assert [p.name for p in (solved / "checkpoints").iterdir()] == ["1"]


def test_a_solved_run_that_is_resumed_stays_as_it_is(econml, solved):
    shutil.copytree(solved, "r")
    before, lines = summary("r")["state_sha256"], Path("r/metrics.jsonl").read_text()
    assert econml("fit", "--resume", "r").code == 0
    assert summary("r")["state_sha256"] == before and Path("r/metrics.jsonl").read_text() == lines


def test_eval_of_a_solved_run_has_nothing_to_warn_of(econml, solved):
    ran = econml("eval", solved)
    assert ran.code == 0 and ran.stderr == ""


def test_least_squares_is_refused_where_the_loss_is_cross_entropy(econml):
    Path("t.csv").write_text("y,x\n" + "".join(f"{i % 2},{i}\n" for i in range(40)))
    ran = econml("fit", "linear", "--data", "t.csv", "--target", "y", "--solver", "lstsq")
    assert ran.code == 2 and "cross-entropy" in ran.stderr and "--solver gradient" in ran.stderr


def test_a_dry_run_of_a_solved_model_has_no_steps(econml):
    report = json.loads(econml("fit", "linear", *SMALL, "--dry-run", "--json").stdout)
    assert report["steps"] == 0 and report["num_params"] == 3


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["serial", "vmap"])
def test_a_sweep_over_degrees_compares_solved_fits(econml, engine):
    Path("s.yaml").write_text(
        "method: grid\nmetric: {name: val_loss, goal: minimize}\nparameters:\n  degree: {values: [1, 3, 9]}\n"
        "command: [econml, fit, polynomial, --problem=function, '--expr=x^3', --low=-1, --N=40, '${args}']\n"
    )
    ran = econml("sweep", "run", "s.yaml", "--engine", engine, "--json")
    assert ran.code == 0, ran.stderr
    trials = json.loads(ran.stdout)["trials"]
    losses = {trial["params"]["degree"]: trial["value"] for trial in trials}
    assert len(losses) == 3 and losses[3] < losses[1]


@pytest.mark.slow
def test_a_table_reconstructed_without_a_target(econml):
    rng = np.random.default_rng(0)
    factor = rng.normal(size=200)
    columns = np.column_stack([factor * scale + 0.1 * rng.normal(size=200) for scale in (1, 50, -3)])
    Path("t.csv").write_text("a,b,c\n" + "".join(",".join(map(repr, map(float, row))) + "\n" for row in columns))
    ran = econml(
        "fit", "autoencoder", "--data", "t.csv", "--linear", "--latent", "1", "--lr", ".02", "--num-epochs", "400",
        "--out", "r",
    )  # fmt: skip
    assert ran.code == 0, ran.stderr
    shown = json.loads(econml("eval", "r", "--json").stdout)
    assert shown["task"] == "reconstruction" and shown["test_r2"]["value"] > 0.95
    assert econml("predict", "r", "--data", "t.csv", "--out", "p.csv").code == 0
    assert econml("predict", "r", "--data", "t.csv", "--embed", "--out", "z.csv").code == 0
    import pandas as pd

    predicted, z = pd.read_csv("p.csv"), pd.read_csv("z.csv")
    assert list(predicted.columns) == ["a", "b", "c", "a_hat", "b_hat", "c_hat"]
    assert np.corrcoef(predicted["b"], predicted["b_hat"])[0, 1] > 0.98
    assert list(z.columns) == ["a", "b", "c", "z_1"] and abs(np.corrcoef(z["z_1"], factor)[0, 1]) > 0.98


def test_another_model_still_asks_for_the_target(econml):
    Path("t.csv").write_text("a,b\n1,2\n3,4\n")
    ran = econml("fit", "mlp", "--data", "t.csv")
    assert ran.code == 2 and "--target" in ran.stderr
