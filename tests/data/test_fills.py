"""`--missing indicate`: gaps of features are filled from the training rows alone, beside columns that say so."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from flax import nnx

from econml_cli.errors import DataError
from econml_cli.problems.tabular import Tabular
from tests.support.fits import fitted


def table():
    """y of x, a label g and a date, with gaps in all but y and z; the gaps of y are in rows of their own."""
    draws, n = np.random.default_rng(4), 120
    x, z, g = draws.normal(size=n), draws.normal(size=n), draws.choice(["a", "b", "b", "c"], n)
    frame = pd.DataFrame({"y": 1 + 2 * x - z + (g == "c"), "x": x, "z": z, "g": g})
    frame["when"] = pd.date_range("2001-01-01", periods=n, freq="MS").strftime("%Y-%m-%d")
    for i, name in enumerate(("x", "g", "when"), start=1):
        frame.loc[draws.random(n) < 0.1 * i, name] = None
    frame.loc[[3, 50], "y"] = np.nan
    return frame


def problem(**options):
    return Tabular(data="t.csv", missing="indicate", rngs=nnx.Rngs(0), **options)


def test_gaps_are_filled_with_what_the_training_rows_have_and_the_model_is_told():
    frame = table()
    frame.to_csv("t.csv", index=False)
    found = problem(formula="y ~ x + z + g + trend(when)")
    train = frame.iloc[found.file_rows["train"]]
    saved = json.loads(json.dumps(found.preprocessing()))
    middle = sorted(train.when.dropna())[(train.when.notna().sum() - 1) // 2]
    fills = {"x": pytest.approx(train.x.mean()), "g": train.g.mode()[0], "when": f"{middle}T00:00:00"}
    assert saved["fills"] == fills and train.x.mean() != pytest.approx(frame.x.mean(), rel=1e-3)
    assert found.features.names[-3:] == ["x[missing]", "g[missing]", "when[missing]"]
    assert sum(map(len, found.file_rows.values())) == len(frame) - 2  # only the rows without a target go
    filled = frame.fillna({"x": train.x.mean(), "g": train.g.mode()[0]})
    for split, rows in found.file_rows.items():
        x = np.asarray(found.sample(None, split).x) * found.features.scale + found.features.mean
        right = np.column_stack([filled.x, filled.z, filled.g == "b", filled.g == "c"])[rows]
        np.testing.assert_allclose(x[:, :4], right, atol=1e-12)
        gaps = frame[["x", "g", "when"]].isna().to_numpy()[rows]
        np.testing.assert_allclose(x[:, 5:], gaps, atol=1e-12)
    again = Tabular.restore(saved)
    _, batch = again.encode("t.csv", need_target=True)
    order = np.argsort(np.concatenate([*found.file_rows.values()]))
    own = np.concatenate([found.sample(None, split).x for split in found.file_rows])[order]
    np.testing.assert_array_equal(batch.x, own)


def test_what_shifts_are_made_of_is_not_filled_and_its_rows_go():
    frame = table()
    frame.to_csv("t.csv", index=False)
    found = problem(formula="y ~ x + lag(z) + lag(x)")
    before = frame.x.shift(1)
    kept = frame.y.notna() & frame.x.notna() & before.notna()
    assert sum(map(len, found.file_rows.values())) == kept.sum()
    assert found.features.names == ["x", "lag(z)", "lag(x)"] and "fills" not in found.preprocessing()


def test_a_column_without_a_value_in_training_cannot_be_filled():
    frame = table()
    frame.to_csv("t.csv", index=False)
    train = problem(formula="y ~ z").file_rows["train"]
    frame.loc[train, "x"] = np.nan
    frame.to_csv("t.csv", index=False)
    with pytest.raises(DataError, match="'x' has no value in any training row"):
        problem(formula="y ~ x + z")


def test_weights_are_those_of_the_mean_and_the_mode():
    frame = table().assign(w=np.where(table().g == "c", 9, 1))
    frame.to_csv("t.csv", index=False)
    found = problem(formula="y ~ x + g", weights="w")
    train = frame.iloc[found.file_rows["train"]].dropna(subset="x")
    right = np.average(train.x, weights=train.w)
    assert found.preprocessing()["fills"] == {"x": pytest.approx(right), "g": "c"}


@pytest.mark.slow
def test_predictions_evaluation_and_an_export_fill_as_the_fit_did(econml):
    frame = table()
    frame.to_csv("t.csv", index=False)
    own = {"formula": "y ~ x + z + g", "missing": "indicate"}
    run = fitted(Path("r"), data="t.csv", model="linear", **own)
    frame.head(40).to_csv("new.csv", index=False)
    ran = econml("predict", "r", "--data", "new.csv", "--out", "out.csv")
    assert ran.code == 0, ran.stderr
    yhat = pd.read_csv("out.csv").yhat
    again = Tabular.restore(run.preprocessing())
    named = json.loads(econml("eval", "r", "--json").stdout)
    slopes = named["coefficients"]
    rows = frame.head(40)
    fills = run.preprocessing()["fills"]
    filled = rows.fillna(fills)
    by_hand = slopes["Intercept"] + slopes["x"] * filled.x + slopes["z"] * filled.z
    by_hand += slopes["x[missing]"] * rows.x.isna() + slopes["g[missing]"] * rows.g.isna()
    by_hand += sum(slopes[f"g[T.{level}]"] * (filled.g == level) for level in ("b", "c"))
    np.testing.assert_allclose(yhat, by_hand, rtol=1e-9)
    assert named["schema"]["columns"][1]["missing"] == {"": int(frame.x.isna().sum())}
    assert again.features.names[-2:] == ["x[missing]", "g[missing]"]
    # a column that was never missing in the fit, and text in place of a number
    Path("odd.csv").write_text("x,z,g\n1,,a\nmuch,1,a\n,1,\n1,1e200,a\n")
    assert econml("predict", "r", "--data", "odd.csv", "--out", "odd-out.csv").code == 0
    reasons = pd.read_csv("odd-out.csv", keep_default_na=False).reason
    assert list(reasons) == ["z is missing", "x is 'much'", "", "z is beyond 1e+150 in absolute value"]
    assert econml("eval", "r", "--data", "new.csv", "--json").code == 0
    assert econml("export", "r", "--to", "numpy", "--out", "e").code == 0
    assert "gaps of x, g are filled with its `fills`" in Path("e/README.md").read_text()
    told = json.loads(Path("e/model.json").read_text())["inputs"]["names"]
    assert told[-2:] == ["x[missing]", "g[missing]"]
    assert json.loads(Path("e/preprocessing.json").read_text())["fills"] == fills
