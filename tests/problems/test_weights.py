"""Weights of the rows of a table: statsmodels' WLS and GLM, and what the file says with its rows repeated."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st

from econml_cli.errors import ConfigError
from econml_cli.evaluation.comparing.compare import compare
from econml_cli.evaluation.marginal.effects import effects
from econml_cli.evaluation.opened import open_run
from econml_cli.problems import losses, metrics
from econml_cli.problems.tabular import Tabular
from econml_cli.runs.directory import Run

sm = pytest.importorskip("statsmodels.api")
WHOLE = ("--val-fraction", 0, "--test-fraction", 0, "--out", "r", "--force")
NAMES = ["x", "z"]


def table(n=80, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.normal(size=n), "z": rng.uniform(0, 3, n), "w": rng.integers(0, 4, n)})
    frame["y"] = 1 + 2 * frame["x"] - frame["z"] + rng.normal(size=n) * (1 + frame["z"])
    frame["d"] = (frame["y"] > 0).astype(int)
    frame["id"] = np.arange(n) // 5
    frame["h"] = rng.uniform(0.2, 5, n)
    frame.to_csv("t.csv", index=False)
    frame.loc[np.repeat(frame.index, frame["w"])].to_csv("repeated.csv", index=False)
    return frame


def told(econml, target="y", vcov=None, data="t.csv", more=()):
    """What eval says of a linear model of the whole table."""
    ran = econml("fit", "linear", "--data", data, "--formula", f"{target} ~ x + z", *more, *WHOLE)
    assert ran.code == 0, ran.stderr
    ran = econml("eval", "r", "--json", *(() if vcov is None else ("--vcov", vcov)))
    assert ran.code == 0, ran.stderr
    return json.loads(ran.stdout)


def same(found, theirs, rtol=1e-9):
    np.testing.assert_allclose(list(found["coefficients"].values()), theirs.params, rtol=rtol)
    np.testing.assert_allclose(list(found["standard_errors"].values()), theirs.bse, rtol=rtol)


@pytest.mark.parametrize("vcov", ["iid", "HC1", "HC3", "cluster"])
def test_precision_weights_are_wls_with_its_standard_errors(econml, vcov):
    frame = table()
    how = {"iid": {}, "cluster": {"cov_type": "cluster", "cov_kwds": {"groups": frame["id"]}}}
    theirs = sm.WLS(frame["y"], sm.add_constant(frame[NAMES]), frame["h"]).fit(**how.get(vcov, {"cov_type": vcov}))
    group = ("--group", "id") if vcov == "cluster" else ()
    found = told(econml, vcov=vcov, more=("--weights", "h", *group))
    same(found, theirs)
    residual = frame["y"] - theirs.fittedvalues
    assert found["train_loss"]["value"] == pytest.approx(np.average(residual**2, weights=frame["h"]), rel=1e-9)


def test_sampling_weights_have_robust_errors_whatever_their_unit(econml):
    frame = table()
    theirs = sm.WLS(frame["y"], sm.add_constant(frame[NAMES]), frame["h"]).fit(cov_type="HC1")
    found = told(econml, more=("--weights", "h", "--weight-kind", "sampling"))
    same(found, theirs)
    assert found["vcov"] == "HC1"
    frame["h"] *= 1000
    frame.to_csv("t.csv", index=False)
    same(told(econml, more=("--weights", "h", "--weight-kind", "sampling")), theirs)
    assert "--vcov HC1" in econml("eval", "r", "--vcov", "iid").stderr


@pytest.mark.slow
@pytest.mark.parametrize(("target", "vcov"), [("y", "iid"), ("y", "HC1"), ("y", "HC3"), ("d", "iid"), ("d", "HC1")])
def test_frequencies_are_the_rows_repeated_in_every_number(econml, target, vcov):
    table()
    found = told(econml, target, vcov, more=("--weights", "w", "--weight-kind", "frequency"))
    again = told(econml, target, vcov, data="repeated.csv")
    for name in ("coefficients", "standard_errors"):
        np.testing.assert_allclose(list(found[name].values()), list(again[name].values()), rtol=1e-7)
    there = [name for name in again if name.startswith("train_")]
    assert len(there) > 3 and there == [name for name in found if name.startswith("train_")]
    for name in there:
        assert found[name] == pytest.approx(again[name], rel=1e-6), name


@pytest.mark.slow
def test_effects_on_another_file_heed_its_weights_and_say_where_it_has_none(econml):
    frame = table()
    options = ("--formula", "y ~ x * z", "--weights", "h", *WHOLE)
    assert econml("fit", "linear", "--data", "t.csv", *options).code == 0
    frame.drop(columns="h").to_csv("bare.csv", index=False)
    with open_run(Run(Path("r"))) as own, open_run(Run(Path("r")), data="t.csv") as other:
        values = [[one.estimate.value for one in effects(run, beside=False).effects] for run in (own, other)]
    np.testing.assert_allclose(*values, rtol=1e-12)
    with open_run(Run(Path("r")), data="bare.csv") as opened:
        bare = effects(opened, beside=False)
    assert any("no column 'h', the weights of r" in note for note in bare.notes)
    assert abs(bare.effects[0].estimate.value - values[0][0]) > 1e-6


@pytest.mark.parametrize(
    ("target", "column", "kind"),
    [("y", "h", "precision"), ("y", "h", "sampling"), ("y", "w", "frequency"), ("d", "w", "frequency")],
)
def test_weighted_least_squares_or_a_weighted_logit_stands_beside_the_effects(econml, target, column, kind):
    frame = table()
    told(econml, target, more=("--weights", column, "--weight-kind", kind))
    found = effects(Run(Path("r")), bootstrap=0)
    assert found.beside == ("OLS" if target == "y" else "logit")
    for effect in found.effects:  # the linear model is the same one
        assert effect.beside.value == pytest.approx(effect.estimate.value, rel=1e-6)
        assert effect.beside.standard_error == pytest.approx(effect.estimate.standard_error, rel=1e-5)
    if kind in ("precision", "sampling"):
        options = {"cov_type": "HC1"} if kind == "sampling" else {}
        theirs = sm.WLS(frame["y"], sm.add_constant(frame[NAMES]), frame["h"]).fit(**options)
        beside = [effect.beside for effect in found.effects]
        np.testing.assert_allclose([one.value for one in beside], theirs.params[NAMES], rtol=1e-9)
        np.testing.assert_allclose([one.standard_error for one in beside], theirs.bse[NAMES], rtol=1e-9)


@pytest.mark.slow
def test_frequencies_are_the_rows_repeated_in_a_comparison_and_in_effects(econml):
    table()
    found = []
    for data, more in (("t.csv", ("--weights", "w", "--weight-kind", "frequency")), ("repeated.csv", ())):
        for name, model in (("a", "linear"), ("b", "polynomial")):
            ran = econml(
                "fit", model, "--data", data, "--formula", "y ~ x + z", "--precision", "float64", *more,
                "--val-fraction", 0, "--test-fraction", 0, "--out", name, "--force",
            )  # fmt: skip
            assert ran.code == 0, ran.stderr
        against = compare([Run(Path("a")), Run(Path("b"))], bootstrap=99).columns[1].against
        slope = effects(Run(Path("b")), bootstrap=99, beside=False).effects[0].estimate
        found += [
            [against.value, against.standard_error, against.p_value, against.n, slope.value, slope.standard_error]
        ]
    assert found[0] == pytest.approx(found[1], rel=1e-6)
    assert econml("eval", "compare", "a", "b", "--dm").code == 0  # of the repeated rows, which have no weights
    assert econml("fit", "linear", "--data", "t.csv", "--formula", "y ~ x", "--weights", "w", *WHOLE).code == 0
    refused = econml("eval", "compare", "r", "r", "--dm")
    assert refused.code == 2 and "--dm" in refused.stderr


def test_a_logit_with_precision_weights_is_the_glm_with_variance_weights(econml):
    frame = table()
    family = sm.families.Binomial()
    model = sm.GLM(frame["d"], sm.add_constant(frame[NAMES]), family=family, var_weights=frame["h"])
    same(told(econml, "d", "iid", more=("--weights", "h")), model.fit(tol=1e-14), rtol=1e-6)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), kind=st.sampled_from(["y", "d"]))
def test_standardisation_loss_and_metrics_are_those_of_repeated_rows(tmp_path_factory, monkeypatch, seed, kind):
    monkeypatch.chdir(tmp_path_factory.mktemp("w"))
    frame = table(30, seed)
    given = {"formula": f"{kind} ~ x + z", "val_fraction": 0, "test_fraction": 0}
    one = Tabular(rngs=nnx.Rngs(0), data="t.csv", weights="w", weight_kind="frequency", **given)
    two = Tabular(rngs=nnx.Rngs(0), data="repeated.csv", **given)
    np.testing.assert_allclose(one.features.mean, two.features.mean, rtol=1e-10)
    np.testing.assert_allclose(one.features.scale, two.features.scale, rtol=1e-10)
    assert (one.target_mean, one.target_scale) == pytest.approx((two.target_mean, two.target_scale), rel=1e-10)
    measured = []
    for problem in (one, two):
        batch = problem.sample(None, "train")
        yhat = np.asarray(problem.own_units(problem.loss_row.inverse_link(batch.x[:, :1] * 0.7)))
        y = np.asarray(problem.observed(batch))
        found = metrics.moments(losses.of(problem), np.square(yhat - y)[:, 0], y, yhat, batch.w)
        measured.append(found.values())
    assert measured[0] == pytest.approx(measured[1], rel=1e-6, nan_ok=True)
    assert frame["w"].sum() == len(pd.read_csv("repeated.csv"))


def test_training_goes_to_weighted_least_squares(econml):
    frame = table()
    ran = econml(
        "fit", "linear", "--data", "t.csv", "--formula", "y ~ x + z", "--weights", "h", "--optimizer", "lbfgs",
        "--precision", "float64", "--num-epochs", 60, *WHOLE,
    )  # fmt: skip
    assert ran.code == 0, ran.stderr
    theirs = sm.WLS(frame["y"], sm.add_constant(frame[NAMES]), frame["h"]).fit()
    same(json.loads(econml("eval", "r", "--json").stdout), theirs, rtol=1e-5)


def test_a_polynomial_is_solved_with_weights_and_a_kernel_refuses_them(econml):
    frame = table()
    options = ("--data", "t.csv", "--formula", "y ~ x", "--weights", "h", "--precision", "float64", *WHOLE)
    assert econml("fit", "polynomial", "--degree", 2, *options).code == 0
    theirs = sm.WLS(frame["y"], np.vander(frame["x"], 3), frame["h"]).fit()
    loss = json.loads(econml("eval", "r", "--json").stdout)["train_loss"]["value"]
    assert loss == pytest.approx(np.average(theirs.resid**2, weights=frame["h"]), rel=1e-9)
    refused = econml("fit", "kernel", *options)
    assert refused.code == 2 and "weights" in refused.stderr


def test_new_rows_are_weighed_by_their_own_column_and_predicted_without_it(econml):
    frame = table()
    told(econml, more=("--weights", "h"))
    found = json.loads(econml("eval", "r", "--json", "--data", "t.csv").stdout)
    assert found["data_loss"]["value"] == pytest.approx(
        json.loads(econml("eval", "r", "--json").stdout)["train_loss"]["value"]
    )
    frame.drop(columns="h").to_csv("without.csv", index=False)
    assert econml("predict", "r", "--data", "without.csv", "--out", "p.csv").code == 0
    missing = econml("eval", "r", "--data", "without.csv")
    assert missing.code != 0 and "no column 'h'" in missing.stderr


def test_a_weight_that_is_missing_by_the_schema_leaves_its_row_out(econml):
    frame = table()
    frame.assign(h=[".", *frame["h"].tolist()[1:]]).to_csv("t.csv", index=False)
    there = frame[1:]
    theirs = sm.WLS(there["y"], sm.add_constant(there[NAMES]), there["h"]).fit()
    same(told(econml, more=("--weights", "h", "--missing", "drop")), theirs)
    found = json.loads(econml("eval", "r", "--json", "--data", "t.csv").stdout)
    assert found["data_loss"]["value"] == pytest.approx(np.average(theirs.resid**2, weights=there["h"]), rel=1e-9)
    schema = json.loads(Path("r", "preprocessing.json").read_text())["schema"]
    assert {c["name"]: c["role"] for c in schema["columns"]} == {
        "y": "target",
        "x": "feature",
        "z": "feature",
        "h": "weights",
    }


@pytest.mark.slow
def test_a_cross_validation_is_weighted(econml):
    frame = table()
    ran = econml(
        "fit", "linear", "--data", "t.csv", "--formula", "y ~ x + z", "--weights", "h", "--folds", 3,
        "--val-fraction", 0, "--out", "cv", "--json",
    )  # fmt: skip
    assert ran.code == 0, ran.stderr
    rows = pd.read_csv("cv/predictions.csv")
    error = np.average((rows["target"] - rows["yhat"]) ** 2, weights=frame["h"])
    assert json.loads(ran.stdout)["pooled"]["rmse"]["value"] == pytest.approx(np.sqrt(error), rel=1e-6)


def test_what_takes_rows_for_equal_is_refused(econml):
    table()
    fit = ("fit", "linear", "--data", "t.csv", "--formula", "y ~ x", "--weights", "h", "--out", "r")
    assert econml(*fit).code == 0
    for command in (("predict", "r", "--conformal", "--out", "p.csv"), ("eval", "risk", "r")):
        ran = econml(*command)
        assert ran.code == 2 and "--weights" in ran.stderr


@pytest.mark.parametrize(
    ("values", "kind", "said"),
    [
        ([-1.0, 2.0], "precision", "is negative in 1 row"),
        ([0.0, 0.0], "precision", "is 0 in every row"),
        ([1.5, 2.0], "frequency", "not a whole number"),
        ([np.nan, 2.0], "sampling", "missing values"),
        ([np.inf, 2.0], "sampling", "infinite"),
        (["n.r.", 2.5], "sampling", "Column of weights 'h' is numbers but for 'n.r.' (row 2 of t.csv)"),
    ],
)
def test_bad_weights_are_refused_in_a_sentence(econml, values, kind, said):
    frame = table()
    frame["h"] = [values[0]] + [values[1]] * (len(frame) - 1)
    frame.to_csv("t.csv", index=False)
    ran = econml("fit", "linear", "--data", "t.csv", "--target", "y", "--weights", "h", "--weight-kind", kind, *WHOLE)
    assert ran.code == 1 and said in ran.stderr, ran.stderr
    assert ran.stderr.count("\n") <= 3


def test_options_that_contradict_each_other_are_refused():
    table()
    with pytest.raises(ConfigError, match="--weights COLUMN"):
        Tabular(rngs=nnx.Rngs(0), data="t.csv", target="y", weight_kind="frequency")
    with pytest.raises(ConfigError, match="cannot be both"):
        Tabular(rngs=nnx.Rngs(0), data="t.csv", target="y", features=("x", "h"), weights="h")
