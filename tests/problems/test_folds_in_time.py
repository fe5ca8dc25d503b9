"""Splits and folds in time: later rows are tested, a gap is heeded, and nothing of the test period reaches the fit."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from flax import nnx
from hypothesis import given
from hypothesis import strategies as st

from econml_cli.data.folds_in_time import folds_in_time
from econml_cli.data.split import split_in_time
from econml_cli.errors import ConfigError
from econml_cli.problems.tabular import Tabular


@given(
    time=st.lists(st.integers(0, 12), min_size=30, max_size=80),
    folds=st.integers(2, 4),
    gap=st.integers(0, 2),
    rolling=st.booleans(),
    val=st.sampled_from([0.0, 0.2]),
)
def test_a_fold_trains_on_what_is_earlier_by_more_than_the_gap(time, folds, gap, rolling, val):
    time = np.array(time)
    order, tested, widths = {value: i for i, value in enumerate(np.unique(time))}, [], []
    for fold in range(1, folds + 1):
        try:
            parts = folds_in_time(time, folds, fold, val, gap, rolling)
        except ConfigError as refused:
            assert any(word in str(refused) for word in ("no period to train on", "different values"))
            return
        at = {split: np.array([order[value] for value in time[rows]]) for split, rows in parts.items()}
        last = max(at["train"].max(), at["val"].max(initial=0))
        assert last + gap < at["test"].min() and len(at["train"])
        assert len(at["val"]) == 0 or at["train"].max() < at["val"].min()
        tested += parts["test"].tolist()
        widths.append(last - at["train"].min())
    later = time[sorted(tested)]
    assert len(set(tested)) == len(tested) and set(np.flatnonzero(time >= later.min())) == set(tested)
    assert widths == sorted(widths) and (not rolling or len(set(widths)) == 1)


def test_blocks_have_as_many_rows_and_windows_their_length():
    parts = [folds_in_time(np.arange(60)[::-1], 5, fold, gap=2, rolling=True) for fold in range(1, 6)]
    assert [len(part["test"]) for part in parts] == [10] * 5
    assert [len(part["train"]) for part in parts] == [8] * 5
    parts = [folds_in_time(np.arange(60), 5, fold, gap=2) for fold in range(1, 6)]
    assert [(part["train"].min(), part["train"].max()) for part in parts] == [
        (0, 10 * fold - 3) for fold in range(1, 6)
    ]
    whole = split_in_time(np.arange(20), 0.2, 0.2, gap=3)
    assert [rows.tolist() for rows in whole.values()] == [list(range(9)), list(range(9, 13)), list(range(16, 20))]


def series(n=60):
    """y that is x and noise, in periods; `future` is noise until period 40, and then y itself."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"t": np.arange(n), "x": rng.normal(size=n), "kind": rng.choice(["a", "b"], n)})
    frame["y"] = frame["x"] + rng.normal(size=n)
    frame["future"] = np.where(frame["t"] < 40, rng.normal(size=n), frame["y"])
    return frame


WINDOWS = [
    {"test_fraction": 1 / 3},
    {"test_fraction": 0.3, "gap": 2},
    {"folds": 2, "fold": 2},
    {"folds": 2, "fold": 2, "gap": 3, "window": "rolling"},
]


@pytest.mark.parametrize("options", WINDOWS)
def test_nothing_of_the_test_period_or_of_the_gap_reaches_the_fit(options, tmp_path):
    """Means, scales, fills, knots, training and validation rows are the same to the bit, whatever stands in rows that
    are tested or left out."""
    frame = series().assign(gaps=lambda rows: np.where(rows["t"] % 7 == 3, np.nan, rows["x"] ** 2))
    frame.to_csv(tmp_path / "one.csv", index=False)
    formula = "y ~ x + bs(future, 4) + poly(t, 2) + gaps + kind"
    of = {"formula": formula, "time": "t", "missing": "indicate", "val_fraction": 0.1, **options}
    one = Tabular(data=str(tmp_path / "one.csv"), rngs=nnx.Rngs(0), **of)
    used = np.concatenate([one.file_rows["train"], one.file_rows["val"]])
    others = ~np.isin(np.arange(len(frame)), used)
    rng = np.random.default_rng(0)
    for name in ("x", "y", "future", "gaps"):
        frame.loc[others, name] = 1000 * rng.normal(size=int(others.sum()))
    frame.to_csv(tmp_path / "two.csv", index=False)
    two = Tabular(data=str(tmp_path / "two.csv"), rngs=nnx.Rngs(0), **of)
    learnt = [problem.preprocessing() for problem in (one, two)]
    for part in ("features", "target"):
        assert learnt[0][part] == learnt[1][part]
    for split in ("train", "val"):
        a, b = one.sample(None, split), two.sample(None, split)
        assert np.array_equal(a.x, b.x) and np.array_equal(a.y, b.y) and len(a.x)


def test_a_planted_column_of_the_future_does_not_help_in_the_test_period(tmp_path):
    frame = series()
    frame.loc[frame["t"] < 40, "future"] *= 0.5
    frame.to_csv(tmp_path / "t.csv", index=False)
    of = {"data": str(tmp_path / "t.csv"), "val_fraction": 0.0, "test_fraction": 1 / 3}

    def rmse(formula, leaks=False, **more):
        """That of the test rows, by least squares on the training rows, or where it `leaks` also on these."""
        problem = Tabular(formula=formula, rngs=nnx.Rngs(0), **of, **more)
        train, test = (problem.sample(None, split) for split in ("train", "test"))
        designs = [np.column_stack([np.ones(len(part.x)), part.x]) for part in (train, test)]
        used = (0, 1) if leaks else (0,)
        outcomes = np.vstack([(train.y, test.y)[i] for i in used])
        w = np.linalg.lstsq(np.vstack([designs[i] for i in used]), outcomes, rcond=None)[0]
        return float(np.sqrt(np.mean((test.y - designs[1] @ w) ** 2)) * problem.target_scale)

    for more in ({"time": "t"}, {"time": "t", "folds": 2, "fold": 2}, {"time": "t", "gap": 2}):
        assert rmse("y ~ x + future", **more) > 0.95 * rmse("y ~ x", **more)
    assert rmse("y ~ x + future", True, time="t") < 0.9 * rmse("y ~ x", True, time="t")  # it would, if a row leaked


def test_lags_and_leads_stay_within_units(tmp_path):
    """The first row of a unit has no lag, and its last no lead, whatever unit stands beside it in the file."""
    frame = pd.DataFrame({"firm": np.repeat(["a", "b", "c"], 8), "year": np.tile(np.arange(8), 3)})
    frame["x"] = np.arange(24.0) ** 2
    frame["y"] = frame["x"] + frame["year"]
    frame.to_csv(tmp_path / "t.csv", index=False)
    of = {"panel": ("firm", "year"), "time": "year", "missing": "drop", "val_fraction": 0.0, "test_fraction": 0.2}
    problem = Tabular(data=str(tmp_path / "t.csv"), formula="y ~ lag(x)", rngs=nnx.Rngs(0), **of)
    train, encoding = problem.sample(None, "train"), problem.features
    lagged = np.asarray(train.x)[:, 0] * encoding.scale[0] + encoding.mean[0]
    rows = problem.file_rows["train"]
    assert set(frame["year"][rows]) == {1, 2, 3, 4, 5}
    np.testing.assert_allclose(lagged, frame["x"].to_numpy()[rows - 1])


def test_the_command_cross_validates_in_time(econml):
    series().to_csv("t.csv", index=False)
    of = ("fit", "linear", "--data", "t.csv", "--formula", "y ~ x", "--val-fraction", 0)
    ran = econml(*of, "--time", "t", "--folds", 3, "--gap", 1, "--window", "rolling", "--out", "cv", "--json")
    assert ran.code == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert [(fold["n_train"], fold["n_test"]) for fold in told["fold"]] == [(14, 15)] * 3
    predicted = pd.read_csv("cv/predictions.csv")
    assert predicted["fold"].isna().sum() == 15 and predicted["fold"].dropna().is_monotonic_increasing
    about = json.loads(Path("cv/fold1/manifest.json").read_text())["data"]
    assert about["rows_dropped"] == 0 and about["rows_outside"] == 31
    for more, said in (
        (("--gap", 2), "--gap 2 is of a split in time"),
        (("--window", "rolling", "--folds", 3), "add --time COLUMN and --folds K"),
        (("--time", "t", "--folds", 70), "needs 71 different values of --time, and there are 60"),
        (("--time", "t", "--folds", 3, "--gap", 15), "leaves no period to train on before fold 1"),
    ):
        refused = econml(*of, *more, "--out", "x")
        assert refused.code in (1, 2) and said in refused.stderr, refused.stderr
