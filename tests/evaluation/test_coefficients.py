"""Coefficients of linear models with their standard errors: those of statsmodels, wherever they are shown."""

import json

import numpy as np
import pandas as pd
import pytest

from econml_cli.errors import ConfigError, DataError
from econml_cli.evaluation.coefficients import Coefficients
from econml_cli.evaluation.comparing.compare import compare
from econml_cli.evaluation.evaluate import evaluate
from econml_cli.evaluation.marginal.effects import effects
from econml_cli.evaluation.opened import open_run
from econml_cli.evaluation.predictions import predict_own
from tests.support.fits import fitted

sm = pytest.importorskip("statsmodels.api")
WHOLE = {"val_fraction": 0.0, "test_fraction": 0.0}
KINDS = {"iid": {}, "HC1": {"cov_type": "HC1"}, "HC3": {"cov_type": "HC3"}}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A table with groups and unequal variances, and two runs of it: least squares and a logit, with --group."""
    here = tmp_path_factory.mktemp("coefficients")
    rng = np.random.default_rng(0)
    g, x, u = rng.integers(0, 12, 150), rng.normal(size=150), rng.normal(size=12)
    y = 1000 + 2 * x + u[g] + x**2 * rng.normal(size=150)
    frame = pd.DataFrame({"y": y, "x": x, "d": (rng.random(150) < 0.4).astype(int), "g": g})
    frame["w"] = (frame["y"] > frame["y"].median()).astype(int)
    path = here / "t.csv"
    frame.to_csv(path, index=False)
    common = {"data": str(path), "group": "g", **WHOLE}
    ols = fitted(here / "ols", formula="y ~ x + d", **common)
    logit = fitted(here / "logit", formula="w ~ x + d", **common)
    return frame, ols, logit


def theirs(frame, target, kind):
    x = sm.add_constant(frame[["x", "d"]].astype(float))
    options = KINDS.get(kind, {"cov_type": "cluster", "cov_kwds": {"groups": frame["g"]}})
    return (
        sm.OLS(frame["y"], x).fit(**options)
        if target == "y"
        else sm.Logit(frame["w"], x).fit(disp=0, tol=1e-12, **options)
    )


@pytest.mark.parametrize("kind", ["iid", "HC1", "HC3", "cluster"])
def test_standard_errors_of_least_squares_are_those_of_statsmodels(made, kind):
    frame, ols, _ = made
    found = evaluate(ols, bootstrap=0, vcov=kind).linear
    expected = theirs(frame, "y", kind)
    np.testing.assert_allclose(list(found.values.values()), expected.params, rtol=1e-10)
    np.testing.assert_allclose(list(found.errors.values()), expected.bse, rtol=1e-8)
    if kind == "iid":
        np.testing.assert_allclose(
            [found.p_value(name) for name in found.values], expected.pvalues, rtol=1e-6, atol=1e-200
        )


@pytest.mark.parametrize("target", ["y", "w"])
def test_errors_are_clustered_by_any_column_after_the_fit(made, tmp_path, target):
    frame, ols, _ = made
    alone = fitted(tmp_path / "r", data=ols.config().problem_options.data, formula=f"{target} ~ x + d", **WHOLE)
    found = evaluate(alone, bootstrap=0, vcov="cluster:g").linear
    assert found.vcov == "cluster:g"
    np.testing.assert_allclose(list(found.errors.values()), theirs(frame, target, "cluster").bse, rtol=1e-6)
    with pytest.raises(DataError, match=r"2 values.*3 clusters.*HC1"):
        evaluate(alone, bootstrap=0, vcov="cluster:d")
    with pytest.raises(DataError, match="no column 'firm'"):
        evaluate(alone, bootstrap=0, vcov="cluster:firm")
    with pytest.raises(ConfigError, match="cluster:COLUMN"):
        evaluate(alone, bootstrap=0, vcov="robust")


@pytest.mark.slow
def test_clusters_are_of_the_training_rows(made, tmp_path):
    frame, ols, _ = made
    run = fitted(tmp_path / "r", data=ols.config().problem_options.data, formula="y ~ x + d", test_fraction=0.3)
    found = evaluate(run, bootstrap=0, vcov="cluster:g").linear
    with open_run(run) as opened:
        frame = frame.iloc[opened.own_samples().problem.file_rows["train"]]
    np.testing.assert_allclose(list(found.errors.values()), theirs(frame, "y", "cluster").bse, rtol=1e-8)


@pytest.mark.parametrize("kind", ["iid", "HC1", "cluster"])
def test_standard_errors_of_a_logit_are_those_of_statsmodels(made, kind):
    frame, _, logit = made
    found = evaluate(logit, bootstrap=0, vcov=kind).linear
    expected = theirs(frame, "w", kind)
    np.testing.assert_allclose(list(found.values.values()), expected.params, rtol=1e-7)
    np.testing.assert_allclose(list(found.errors.values()), expected.bse, rtol=1e-6)


def test_groups_of_the_fit_are_clusters_unless_something_else_is_said(made):
    _, ols, logit = made
    assert evaluate(ols, bootstrap=0).to_dict()["vcov"] == "cluster:g"
    with pytest.raises(ConfigError, match="HC3 is of least squares"):
        evaluate(logit, bootstrap=0, vcov="HC3")


def test_every_table_has_them(made, econml):
    _, ols, _ = made
    error = evaluate(ols, bootstrap=0, vcov="HC1").linear.errors["x"]
    shown = econml("eval", ols.path, "--vcov", "HC1", "--bootstrap", 0).stdout
    assert "s.e. (HC1)" in shown and f"{error:.4g}" in shown
    row = evaluate(ols, bootstrap=0, vcov="HC1").rows()[0]
    assert row["se_x"] == error
    for form in ("table", "latex", "markdown"):
        said = econml("eval", "compare", ols.path, "--vcov", "HC1", "--bootstrap", 0, "--format", form).stdout
        assert f"({error:.4g})" in said and "HC1" in said
    assert compare([ols], bootstrap=0).columns[0].evaluation.linear.vcov == "cluster:g"


def test_the_effect_of_a_linear_model_has_the_standard_error_of_its_coefficient(made):
    frame, ols, logit = made
    found = effects(ols, vcov="iid", beside=False)
    assert found.vcov == "iid"
    x = next(e for e in found.effects if e.column == "x").estimate
    expected = theirs(frame, "y", "iid")
    assert (x.value, x.standard_error) == (pytest.approx(expected.params["x"]), pytest.approx(expected.bse["x"]))
    margins = theirs(frame, "w", "iid").get_margeff().summary_frame()
    own = next(e for e in effects(logit, vcov="iid", beside=False).effects if e.column == "x").estimate
    assert own.value == pytest.approx(margins.loc["x", "dy/dx"], rel=1e-6)
    assert own.standard_error == pytest.approx(margins.loc["x", "Std. Err."], rel=1e-5)


def test_on_new_rows_standard_errors_are_those_of_the_rows_of_the_fit(made, tmp_path):
    frame, ols, logit = made
    rows = frame[:40]
    rows.to_csv(tmp_path / "new.csv", index=False)
    new = str(tmp_path / "new.csv")
    assert evaluate(ols, data=new, bootstrap=0).linear == evaluate(ols, bootstrap=0).linear
    x = next(e for e in effects(ols, data=new, vcov="iid", beside=False).effects if e.column == "x").estimate
    assert x.standard_error == pytest.approx(theirs(frame, "y", "iid").bse["x"])
    own = next(e for e in effects(logit, data=new, vcov="iid", beside=False).effects if e.column == "x").estimate
    fit = theirs(frame, "w", "iid")
    z = sm.add_constant(rows[["x", "d"]].astype(float)).to_numpy()
    p = 1 / (1 + np.exp(-z @ fit.params.to_numpy()))
    slope = fit.params["x"] * (p * (1 - p) * (1 - 2 * p)) @ z / len(z) + np.mean(p * (1 - p)) * np.array([0.0, 1, 0])
    assert own.value == pytest.approx(fit.params["x"] * np.mean(p * (1 - p)), rel=1e-6)
    assert own.standard_error == pytest.approx(np.sqrt(slope @ fit.cov_params().to_numpy() @ slope), rel=1e-5)


def test_without_the_rows_of_the_fit_an_effect_has_no_standard_error_in_place_of_one_of_zero(made, tmp_path, econml):
    frame, _, _ = made
    data = tmp_path / "gone.csv"
    frame.to_csv(data, index=False)
    run = fitted(tmp_path / "run", data=str(data), formula="y ~ x + d", **WHOLE)
    data.rename(tmp_path / "new.csv")
    ran = econml("eval", "effects", run.path, "--data", tmp_path / "new.csv")
    assert ran.code == 0 and "s.e." not in ran.stdout and "no standard errors: " in " ".join(ran.stderr.split())
    assert "data file of the fit is not there" in " ".join(
        econml("eval", run.path, "--data", tmp_path / "new.csv").stdout.split()
    )


def test_effects_on_a_count_have_the_standard_errors_of_the_poisson_regression(made, tmp_path):
    frame, _, _ = made
    counts = frame.assign(n=np.random.default_rng(5).poisson(np.exp(0.4 * frame["x"] + 0.3 * frame["d"])))
    counts.to_csv(tmp_path / "n.csv", index=False)
    run = fitted(tmp_path / "n", data=str(tmp_path / "n.csv"), formula="n ~ x + d", loss="poisson", **WHOLE)
    own = next(e for e in effects(run, vcov="iid", beside=False).effects if e.column == "x").estimate
    margins = sm.Poisson(counts["n"], sm.add_constant(counts[["x", "d"]].astype(float))).fit(disp=0, tol=1e-12)
    expected = margins.get_margeff().summary_frame().loc["x"]
    assert (own.value, own.standard_error) == pytest.approx((expected["dy/dx"], expected["Std. Err."]), rel=1e-6)


@pytest.mark.slow
def test_three_classes_that_a_column_separates_have_no_estimate(choices, tmp_path):
    frame, _ = choices
    frame.assign(c=np.digitize(frame["x"], [40, 60])).astype({"c": str}).to_csv(tmp_path / "s.csv", index=False)
    run = fitted(tmp_path / "s", data=str(tmp_path / "s.csv"), formula="c ~ x + d", loss="multiclass", **WHOLE)
    assert "x" in run.summary()["separated"]
    found = evaluate(run, bootstrap=0)
    assert np.isnan(found.coefficients["1: x"]) and any("separate the classes" in note for note in found.notes)
    moved = [e.estimate.value for e in effects(run, bootstrap=0, beside=False).effects if e.column == "x"]
    assert len(moved) == 3 and np.isnan(moved).all()


def test_what_is_not_identified_is_said_in_place_of_a_number(made, econml, tmp_path):
    frame, _, _ = made
    path = tmp_path / "c.csv"
    frame.assign(e=1 - frame["d"]).to_csv(path, index=False)
    run = fitted(tmp_path / "c", data=str(path), formula="y ~ x + d + e", **WHOLE)
    found = evaluate(run, bootstrap=0)
    assert np.isnan([found.coefficients[name] for name in ("d", "e", "Intercept")]).all()
    shorter = sm.OLS(frame["y"], sm.add_constant(frame[["x", "d"]])).fit()
    assert found.coefficients["x"] == pytest.approx(shorter.params["x"])
    assert found.linear.errors["x"] == pytest.approx(shorter.bse["x"])
    assert json.loads(json.dumps(found.to_dict()))["coefficients"]["d"] is None
    assert "not identified" in econml("eval", run.path, "--bootstrap", 0).stdout
    assert any("not identified: d, e, Intercept" in note for note in found.notes)
    told = effects(run, beside=False)
    assert np.isnan(next(e for e in told.effects if e.column == "d").estimate.value)
    assert any("not identified: d, e" in note for note in told.notes)


def test_where_training_stopped_is_not_printed_as_an_estimate(made, econml, tmp_path):
    _, ols, _ = made
    run = fitted(tmp_path / "g", data=ols.config().problem_options.data, formula="y ~ x + d", num_epochs=20, **WHOLE)
    shown = econml("eval", run.path, "--bootstrap", 0)
    assert "Not converged: no estimates" in shown.stdout and "s.e." not in shown.stdout
    assert "not converged: coefficients are up to" in shown.stderr
    assert "standard_errors" not in evaluate(run, bootstrap=0).to_dict()
    assert any("not converged" in note for note in effects(run, beside=False).notes)
    assert any("not converged" in note for note in compare([run], bootstrap=0).notes)


def test_float32_has_the_metrics_of_float64_of_a_target_with_a_large_mean(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=100)
    pd.DataFrame({"y": 1e6 + x + 0.06 * rng.normal(size=100), "x": x}).to_csv(tmp_path / "m.csv", index=False)
    run = fitted(tmp_path / "m", data=str(tmp_path / "m.csv"), target="y", precision="float32", **WHOLE)
    found = evaluate(run, bootstrap=0).estimates
    assert found["train_rmse"].value ** 2 == pytest.approx(found["train_loss"].value, rel=1e-5)
    assert found["train_loss"].value == pytest.approx(0.0036, rel=0.3)


def test_predictions_of_a_log_say_so_and_go_back_to_the_level_by_smearing(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    frame = pd.DataFrame({"wage": np.exp(1 + 0.5 * x + rng.standard_t(8, 300) / 2), "x": x})
    frame.to_csv(tmp_path / "w.csv", index=False)
    run = fitted(tmp_path / "w", data=str(tmp_path / "w.csv"), formula="log(wage) ~ x", **WHOLE)
    logs, told = predict_own(run), predict_own(run, retransform=True)
    assert list(logs.columns) == ["wage", "x", "yhat_log_wage", "split"]
    fit = sm.OLS(np.log(frame["wage"]), sm.add_constant(frame["x"])).fit()
    np.testing.assert_allclose(logs["yhat_log_wage"], fit.fittedvalues, rtol=1e-10)
    np.testing.assert_allclose(told["yhat"], np.exp(fit.fittedvalues) * np.exp(fit.resid).mean(), rtol=1e-10)
    level = fitted(tmp_path / "l", data=str(tmp_path / "w.csv"), formula="wage ~ x", **WHOLE)
    assert "yhat" in predict_own(level)
    with pytest.raises(ConfigError, match="target that is a log"):
        predict_own(level, retransform=True)


@pytest.fixture(scope="module")
def choices(tmp_path_factory):
    """A table with three classes and groups, and a run of it."""
    here = tmp_path_factory.mktemp("choices")
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(50, 20, 300), "d": rng.integers(0, 2, 300), "g": rng.integers(0, 15, 300)})
    index = np.column_stack([np.zeros(300), frame["x"] / 20 - 2, 1 - frame["d"]])
    frame["c"] = np.array(["bus", "car", "walk"])[np.argmax(index + rng.gumbel(size=(300, 3)), axis=1)]
    frame.to_csv(here / "c.csv", index=False)
    return frame, fitted(here / "run", data=str(here / "c.csv"), formula="c ~ x + d", group="g", **WHOLE)


@pytest.mark.parametrize("kind", ["iid", "HC1", "cluster", "cluster:g"])
def test_coefficients_of_classes_and_their_standard_errors_are_those_of_statsmodels(choices, kind):
    frame, run = choices
    found = evaluate(run, bootstrap=0, vcov=kind).linear
    options = {
        "iid": {},
        "HC1": {"cov_type": "HC0"},
        "cluster": {"cov_type": "cluster", "cov_kwds": {"groups": frame["g"]}},
    }
    model = sm.MNLogit(frame["c"].astype("category").cat.codes, sm.add_constant(frame[["x", "d"]].astype(float)))
    theirs = model.fit(disp=0, tol=1e-12, method="newton", **options[kind.partition(":")[0]])
    assert list(found.values) == [f"{c}: {name}" for c in ("car", "walk") for name in ("Intercept", "x", "d")]
    np.testing.assert_allclose(list(found.values.values()), np.asarray(theirs.params).T.ravel(), rtol=1e-6)
    np.testing.assert_allclose(list(found.errors.values()), np.asarray(theirs.bse).T.ravel(), rtol=1e-6)


@pytest.mark.parametrize("kind", ["iid", "cluster"])
def test_effects_on_the_probability_of_classes_have_the_standard_errors_of_the_coefficients(choices, kind):
    frame, run = choices
    found = effects(run, bootstrap=50, beside=False, vcov=kind)
    model = sm.MNLogit(frame["c"].astype("category").cat.codes, sm.add_constant(frame[["x", "d"]].astype(float)))
    options = {"cov_type": "cluster", "cov_kwds": {"groups": frame["g"]}} if kind == "cluster" else {}
    theirs = model.fit(disp=0, tol=1e-12, method="newton", **options).get_margeff(dummy=True)
    own = [[(e.estimate.value, e.estimate.standard_error) for e in found.effects if e.column == c] for c in ("x", "d")]
    np.testing.assert_allclose(np.array(own)[..., 0], theirs.margeff, rtol=1e-5)
    np.testing.assert_allclose(np.array(own)[..., 1], theirs.margeff_se, rtol=1e-5)
    named = "cluster:g" if kind == "cluster" else kind
    assert found.vcov == named and f"; {named} s.e.)" in found.render("table")


@pytest.mark.slow
def test_coefficients_of_classes_stand_in_every_table(choices, econml):
    _, run = choices
    of = evaluate(run, bootstrap=0).linear
    error = of.errors["walk: d"]
    shown = econml("eval", run.path, "--bootstrap", 0).stdout
    assert "s.e. (cluster:g)" in shown and f"{error:.4g}" in shown
    assert "in the units of the data: log odds of walk against bus" in shown  # a table for each class
    for form in ("table", "latex"):
        shown = econml("eval", "compare", run.path, "--bootstrap", 0, "--format", form).stdout
        assert f"({error:.4g})" in shown
        lines = [line.strip(" &\\") for line in shown.splitlines()]
        places = [i for i, line in enumerate(lines) if line.startswith("log odds of")]
        assert len(places) == 2 and all(lines[i + 1].split()[0] == "x" for i in places)
    shown = econml("eval", "compare", run.path, "--bootstrap", 0, "--paper", "--format", "latex").stdout
    assert "log odds of walk against bus" in shown and "walk: x" not in shown
    chosen = ("--rows", "walk: d=Has a car,car: x", "--format", "csv")
    assert econml("eval", "compare", run.path, "--bootstrap", 0, *chosen).code == 0
    shown = econml("eval", "compare", run.path, "--bootstrap", 0, *chosen[:2]).stdout
    assert "Has a car" in shown and "car: x" in shown and "log odds" not in shown
    with pytest.raises(ConfigError, match="HC3 is of least squares"):
        evaluate(run, bootstrap=0, vcov="HC3")


@pytest.mark.parametrize("kind", ["iid", "HC1", "cluster:g"])
def test_a_weighted_logit_of_classes_has_the_errors_of_the_rows_that_it_stands_for(choices, kind, tmp_path):
    frame, _ = choices
    frame = frame.assign(w=np.arange(len(frame)) % 4)
    again = frame.loc[np.repeat(frame.index, frame["w"])]
    frame.to_csv(tmp_path / "w.csv", index=False)
    options = {"data": str(tmp_path / "w.csv"), "formula": "c ~ x + d", "weights": "w", **WHOLE}
    run = fitted(tmp_path / "run", weight_kind="frequency", **options)
    found = evaluate(run, bootstrap=0, vcov=kind).linear
    robust = {"HC1": {"cov_type": "HC0"}, "cluster:g": {"cov_type": "cluster", "cov_kwds": {"groups": again["g"]}}}
    model = sm.MNLogit(again["c"].astype("category").cat.codes, sm.add_constant(again[["x", "d"]].astype(float)))
    theirs = model.fit(disp=0, tol=1e-12, method="newton", **robust.get(kind, {}))
    np.testing.assert_allclose(list(found.values.values()), np.asarray(theirs.params).T.ravel(), rtol=1e-6)
    np.testing.assert_allclose(list(found.errors.values()), np.asarray(theirs.bse).T.ravel(), rtol=1e-6)


def test_names_of_classes_that_begin_alike_are_told_apart():
    found = Coefficients({"a: x": 1.0, "a: b: x": 2.0}, equations={"a": "of a", "a: b": "of a: b"})
    assert found.parts() == [("of a", {"a: x": "x"}), ("of a: b", {"a: b: x": "x"})]
