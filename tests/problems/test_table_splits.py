"""How the rows of a table are parted: classes in their shares, series in time, and what is said of the others."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from flax import nnx

from econml_cli.data.series import along, autocorrelation
from econml_cli.data.split import split_in_time, split_rows
from econml_cli.errors import ConfigError
from econml_cli.problems.tabular import Tabular


@pytest.mark.parametrize("seed", range(4))
def test_each_split_has_each_class_in_its_share(seed):
    strata = np.random.default_rng(seed).permutation(np.repeat([0, 1, 2], [70, 20, 10]))
    parts = split_rows(100, 0.2, 0.3, seed, strata=strata)
    assert {split: np.bincount(strata[rows]).tolist() for split, rows in parts.items()} == {
        "train": [35, 10, 5], "val": [14, 4, 2], "test": [21, 6, 3],
    }  # fmt: skip


def test_no_fold_is_without_a_rare_class():
    strata = np.random.default_rng(0).permutation(np.repeat([0, 1], [45, 5]))
    parts = [split_rows(50, 0.2, 0.2, 3, None, 5, fold, strata=strata) for fold in range(1, 6)]
    assert [np.bincount(strata[part["test"]]).tolist() for part in parts] == [[9, 1]] * 5
    assert [np.bincount(strata[part["val"]]).tolist() for part in parts] == [[9, 1]] * 5
    assert sorted(np.concatenate([part["test"] for part in parts])) == list(range(50))


def test_in_time_the_latest_rows_are_tested_and_no_time_is_parted():
    time = np.array([3, 1, 2, 2, 5, 4, 4, 1, 6, 7])
    parts = split_in_time(time, 0.2, 0.2)
    assert {split: sorted(time[rows]) for split, rows in parts.items()} == {
        "train": [1, 1, 2, 2, 3], "val": [4, 4, 5], "test": [6, 7],
    }  # fmt: skip
    with pytest.raises(ConfigError, match="too few different values"):
        split_in_time(np.array([1, 1, 2, 2]), 0.2, 0.2)


def test_the_autocorrelation_of_a_walk_and_of_noise():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=500)
    assert autocorrelation(np.cumsum(noise)) > 0.9 and abs(autocorrelation(noise)) < 0.15
    assert autocorrelation(np.ones(5)) == 0


def test_times_that_are_text_are_told_to_go_in_the_order_of_the_alphabet(isolated):
    pd.DataFrame({"y": [0.5, 2.0] * 20, "x": np.arange(40.0), "t": [f"week {i}" for i in range(40)]}).to_csv(
        "t.csv", index=False
    )
    found = Tabular(rngs=None, data="t.csv", target="y", features=("x",), time="t")
    assert [note for note in found.notes() if note.startswith("column 't': its times are text, and go in the order")]
    assert Tabular(rngs=None, data="t.csv", target="y", features=("x",), time="x").notes() == []


def table(**columns):
    pd.DataFrame(columns).to_csv("t.csv", index=False)
    return "t.csv"


def shuffled(n, seed=0, **columns):
    """A table of columns [n] in another order."""
    return pd.DataFrame(columns).sample(frac=1, random_state=seed).reset_index(drop=True)


@pytest.mark.parametrize("time", ["number", "year", "some missing", "dates", "hours"])
def test_a_walk_whose_rows_are_shuffled_is_a_series_along_its_column_of_time(time):
    n, rng = 120, np.random.default_rng(0)
    t = {
        "number": np.arange(n),
        "year": 1900.0 + np.arange(n) / 4,
        "some missing": np.delete(np.arange(n + 6), [3, 40, 41, 80, 90, 99]),
        "hours": pd.to_datetime("2001-01-31 00:30") + pd.to_timedelta(np.arange(n), unit="h"),
        "dates": pd.to_datetime("2001-01-31") + pd.to_timedelta(np.sort(rng.choice(3000, n, replace=False)), unit="D"),
    }[time]
    frame = shuffled(n, y=np.cumsum(rng.normal(size=n)), x=rng.normal(size=n), t=t, one_of_many=rng.integers(0, 9, n))
    name, r = along(frame["y"].to_numpy(), frame, ["x", "one_of_many", "t"])
    assert name == "t" and r > 0.9 and abs(autocorrelation(frame["y"])) < 0.3


def test_only_what_may_be_time_orders_rows():
    n, rng = 200, np.random.default_rng(1)
    x = rng.normal(size=n)
    frame = shuffled(n, x=x, firm=rng.integers(0, 100_000, n), ties=np.arange(n) // 2, yes=x > 0, id=rng.permutation(n))
    y = 5 * frame["x"].to_numpy() + 0.1 * rng.normal(size=n)
    assert along(y, frame, ["x", "firm", "ties", "yes"]) is None  # though y is smooth along x
    grid = pd.DataFrame({"dose": np.arange(n) / 20})
    assert along(np.exp(grid["dose"].to_numpy()), grid, ["dose"]) is None  # an experiment's
    name, r = along(y, frame, list(frame))
    assert name == "id" and abs(r) < 0.3
    assert along(y[:19], frame[:19].assign(id=range(19)), ["id"]) is None  # too few to tell


def test_classes_of_a_table_are_spread_unless_asked_otherwise():
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat(["a", "b"], [90, 10]))
    path = table(y=y, x=rng.normal(size=100))
    shares = {
        how: [
            float(np.mean(y[rows] == "b"))
            for rows in Tabular(data=path, target="y", **how_, rngs=nnx.Rngs(0)).file_rows.values()
        ]
        for how, how_ in (("default", {}), ("off", {"stratify": False}))
    }
    assert shares["default"] == [pytest.approx(0.1, abs=1e-9)] * 3 and shares["off"] != shares["default"]


@pytest.mark.slow
def test_a_series_that_is_parted_at_random_is_warned_of_and_parted_in_time_when_its_column_is_named(econml):
    rng = np.random.default_rng(0)
    table(y=np.cumsum(rng.normal(size=200)), t=np.arange(200), x=rng.normal(size=200))
    ran = econml("fit", "linear", "--data", "t.csv", "--formula", "y ~ x", "--out", "r")
    assert ran.code == 0 and "the rows look like a series" in ran.stdout
    assert json.loads(Path("r/summary.json").read_text())["series_autocorrelation"] > 0.9
    assert "the rows look like a series" in econml("eval", "r").stderr
    pd.read_csv("t.csv").sample(frac=1, random_state=3).to_csv("u.csv", index=False)
    ran = econml("fit", "linear", "--data", "u.csv", "--target", "y", "--out", "u")
    assert ran.code == 0 and "the rows sorted by t look like a series" in " ".join(ran.stdout.split())
    assert json.loads(Path("u/summary.json").read_text())["series_along"] == "t"
    assert "if t is time, say --time t" in " ".join(econml("eval", "u").stderr.split())
    ran = econml("fit", "linear", "--data", "t.csv", "--target", "y", "--time", "t", "--out", "s")
    assert ran.code == 0 and "look like a series" not in ran.stdout
    config = {"data": "t.csv", "target": "y", "time": "t"}
    problem = Tabular(**config, rngs=nnx.Rngs(0))
    assert problem.file_rows["test"].tolist() == list(range(160, 200)) and problem.din == 1
    refused = econml("fit", "linear", "--data", "t.csv", "--target", "y", "--time", "t", "--group", "x")
    assert refused.code == 2 and "leave one of them out" in refused.stderr
    pd.read_csv("t.csv")[["y", "t"]].to_csv("bare.csv", index=False)
    alone = econml("fit", "linear", "--data", "bare.csv", "--target", "y", "--time", "t")
    assert alone.code == 1 and "no column besides 'y' and 't' that could be a feature" in alone.stderr
    assert "--formula 'y ~ lag(y)'" in alone.stderr


def test_rows_dropped_for_missing_values_are_said(econml):
    rng = np.random.default_rng(0)
    x = rng.normal(size=60)
    table(y=2 * x + rng.normal(size=60), x=np.where(np.arange(60) % 6 == 0, np.nan, x))
    ran = econml("fit", "linear", "--data", "t.csv", "--target", "y", "--missing", "drop", "--out", "r")
    said = "50 of 60 rows used; 10 with missing values dropped"
    assert ran.code == 0 and said in ran.stdout
    assert said in econml("eval", "r").stderr


def test_a_loss_below_zero_does_not_end_a_fit_unless_it_is_asked_to(econml):
    Path("mine.py").write_text("def gain(output, y):\n    return (output - y)[:, 0] ** 2 - 5\n")
    rng = np.random.default_rng(0)
    table(y=rng.normal(size=40), x=rng.normal(size=40))
    common = (
        "fit",
        "linear",
        "--data",
        "t.csv",
        "--target",
        "y",
        "--loss",
        "./mine.py:gain",
        "--num-epochs",
        4,
        "--json",
    )
    assert json.loads(econml(*common, "--out", "a").stdout)["epochs"] == 4
    assert json.loads(econml(*common, "--out", "b", "--stop-loss", -1).stdout)["epochs"] == 1
