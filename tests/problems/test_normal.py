"""--loss gaussian: mean and standard deviation; where they are linear, equal to another maximum likelihood."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from econml_cli.evaluation.evaluate import evaluate
from econml_cli.evaluation.marginal.effects import effects
from econml_cli.evaluation.predictions import predict, predict_own
from econml_cli.export.write import export
from econml_cli.problems import losses, metrics, per_row
from econml_cli.runs.directory import Run
from tests.support.export_twins import load_code, relative
from tests.support.fits import fitted

WHOLE = {"val_fraction": 0.0, "test_fraction": 0.0, "split_seed": 0}
NAMES = ["Intercept", "x", "z"]


def table(n=90):
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"x": rng.normal(size=n), "z": rng.uniform(0, 3, n), "w": rng.integers(1, 4, n)})
    frame["y"] = 100 + 20 * frame["x"] - 10 * frame["z"] + rng.normal(size=n) * np.exp(1.5 + 0.4 * frame["x"])
    return frame


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A table, its path, and the linear model of mean and log variance."""
    here = tmp_path_factory.mktemp("normal")
    frame, path = table(), str(here / "t.csv")
    frame.to_csv(path, index=False)
    return frame, path, fitted(here / "linear", data=path, formula="y ~ x + z", loss="gaussian", **WHOLE)


def negative_log_likelihood(parameters, design, y):
    index = design @ parameters.reshape(2, -1).T
    return -stats.norm.logpdf(y, index[:, 0], np.exp(index[:, 1] / 2)).sum()


def maximum_likelihood(frame):
    """Mean and log variance by scipy's optimisers, and the inverse of a Hessian by differences."""
    design, y = np.column_stack([np.ones(len(frame)), frame[["x", "z"]]]), frame["y"].to_numpy()
    start = np.r_[np.linalg.lstsq(design, y, rcond=None)[0], math.log(y.var()), 0, 0]
    found = optimize.minimize(negative_log_likelihood, start, (design, y), method="BFGS", tol=1e-9).x

    def slope(at):
        index = design @ at.reshape(2, -1).T
        residual, precision = y - index[:, 0], np.exp(-index[:, 1])
        return np.r_[-design.T @ (residual * precision), 0.5 * design.T @ (1 - residual**2 * precision)]

    found = optimize.root(slope, found, tol=1e-13).x
    hessian = np.column_stack([(slope(found + h) - slope(found - h)) / 2e-5 for h in 1e-5 * np.eye(6)])
    return found, np.sqrt(np.diag(np.linalg.inv(hessian))), negative_log_likelihood(found, design, y) / len(y)


def test_linear_is_the_maximum_likelihood_of_scipy(made):
    frame, _, run = made
    theirs, errors, loss = maximum_likelihood(frame)
    found = evaluate(run, bootstrap=0)
    assert list(found.linear.values) == [f"{of}: {name}" for of in ("mean", "log variance") for name in NAMES]
    np.testing.assert_allclose(list(found.linear.values.values()), theirs, rtol=1e-6)
    np.testing.assert_allclose(list(found.linear.errors.values()), errors, rtol=1e-6)
    assert found.estimates["train_loss"].value == pytest.approx(loss, rel=1e-6)  # in the units of the target


def test_robust_errors_are_those_of_the_scores(made):
    frame, _, run = made
    theirs, _, _ = maximum_likelihood(frame)
    design = np.column_stack([np.ones(len(frame)), frame[["x", "z"]]])
    index = design @ theirs.reshape(2, -1).T
    residual, precision = frame["y"].to_numpy() - index[:, 0], np.exp(-index[:, 1])
    scores = np.hstack([design * (residual * precision)[:, None], design * (residual**2 * precision - 1)[:, None] / 2])
    cross, square = design.T @ (design * (residual * precision)[:, None]), residual**2 * precision / 2
    bread = np.linalg.inv(
        np.block([[design.T @ (design * precision[:, None]), cross], [cross, design.T @ (design * square[:, None])]])
    )
    expected = np.sqrt(np.diag(bread @ scores.T @ scores @ bread))
    np.testing.assert_allclose(list(evaluate(run, bootstrap=0, vcov="HC1").linear.errors.values()), expected, rtol=1e-6)


def test_frequencies_are_the_rows_repeated_and_the_loss_has_the_units_of_the_target(made, tmp_path):
    frame, path, _ = made
    options = {"formula": "y ~ x + z", "loss": "gaussian", **WHOLE}
    counted = evaluate(fitted(tmp_path / "w", data=path, weights="w", weight_kind="frequency", **options), bootstrap=0)
    again = frame.loc[np.repeat(frame.index, frame["w"])].assign(y=lambda rows: 1000 * rows["y"])
    again.to_csv(tmp_path / "t.csv", index=False)
    repeated = evaluate(fitted(tmp_path / "r", data=str(tmp_path / "t.csv"), **options), bootstrap=0)
    units = np.r_[1e3 * np.ones(3), np.ones(3)]
    values = np.array(list(counted.linear.values.values())) + np.r_[0, 0, 0, 2 * math.log(1000), 0, 0]
    np.testing.assert_allclose(values * units, list(repeated.linear.values.values()), rtol=1e-6)
    errors = np.array(list(counted.linear.errors.values()))
    np.testing.assert_allclose(errors * units, list(repeated.linear.errors.values()), rtol=1e-6)
    shift = repeated.estimates["train_loss"].value - counted.estimates["train_loss"].value
    assert shift == pytest.approx(math.log(1000), rel=1e-9)


def test_predictions_are_mean_and_standard_deviation_with_their_interval_and_metrics_say_their_coverage(made, econml):
    frame, path, run = made
    theirs, _, _ = maximum_likelihood(frame)
    index = np.column_stack([np.ones(len(frame)), frame[["x", "z"]]]) @ theirs.reshape(2, -1).T
    mean, sd = index[:, 0], np.exp(index[:, 1] / 2)
    ran = econml("predict", run.path, "--data", path, "--interval", 80, "--out", "p.csv")
    assert ran.code == 0 and "80 % of an outcome by the normal distribution" in ran.stderr
    found = pd.read_csv("p.csv")
    np.testing.assert_allclose(found[["yhat", "sd"]], np.column_stack([mean, sd]), rtol=1e-6)
    ends = np.column_stack(stats.norm.interval(0.8, mean, sd))
    np.testing.assert_allclose(found[["lo", "hi"]], ends, rtol=1e-6)
    assert {"lo", "hi"}.isdisjoint(predict(run, path))
    measured, u = evaluate(run, bootstrap=0).estimates, stats.norm.cdf(frame["y"], mean, sd)
    low, high = stats.norm.interval(0.9, mean, sd)
    assert measured["train_between_90"].value == pytest.approx(np.mean((frame["y"] > low) & (frame["y"] < high)))
    assert measured["train_pit_sd"].value == pytest.approx(u.std(), rel=1e-5)
    shares = np.array([np.mean(u <= p) for p in np.arange(1, 10) / 10])
    assert measured["train_calibration_error"].value == pytest.approx(np.mean(np.abs(shares - np.arange(1, 10) / 10)))
    assert measured["train_rmse"].value == pytest.approx(np.sqrt(np.mean((frame["y"] - mean) ** 2)), rel=1e-6)
    refused = econml("predict", run.path, "--data", path, "--conformal", "--out", "q.csv")
    assert refused.code == 2 and "learns from the validation split" in refused.stderr


@pytest.mark.slow
def test_conformal_intervals_are_scaled_by_the_standard_deviation_and_cover_where_that_is_wrong(tmp_path, econml):
    rng, n = np.random.default_rng(8), 1500
    frame = pd.DataFrame({"x": rng.uniform(-1, 1, n)})
    frame["y"] = 3 + frame["x"] + np.exp(frame["x"]) * rng.standard_t(3, n)  # no normal distribution: long tails
    frame.head(500).to_csv(tmp_path / "t.csv", index=False)
    frame.tail(1000).to_csv(tmp_path / "new.csv", index=False)
    run = fitted(tmp_path / "r", data=str(tmp_path / "t.csv"), formula="y ~ x", loss="gaussian", val_fraction=0.5)
    new = str(tmp_path / "new.csv")
    ran = econml("predict", run.path, "--data", new, "--conformal", "--interval", 80, "--out", "p.csv")
    assert ran.code == 0 and "conformal prediction, in predicted standard deviations" in ran.stderr
    found, own = pd.read_csv("p.csv"), predict_own(run)
    own = own[own["split"] == "val"]
    scores = np.sort(np.abs(own["y"] - own["yhat"]) / own["sd"])
    radius = scores[math.ceil((len(own) + 1) * 0.8) - 1]
    np.testing.assert_allclose((found["hi"] - found["lo"]) / 2, radius * found["sd"], rtol=1e-5)
    np.testing.assert_allclose((found["hi"] + found["lo"]) / 2, found["yhat"], rtol=1e-5)
    inside = (found["lo"] <= found["y"]) & (found["y"] <= found["hi"])
    assert inside.mean() == pytest.approx(0.8, abs=0.07)
    for half in (found["x"] < 0, found["x"] >= 0):  # of both sizes of errors: about as often
        assert inside[half].mean() == pytest.approx(0.8, abs=0.1)


def test_a_right_distribution_is_calibrated_and_one_that_is_too_narrow_is_told():
    rng = np.random.default_rng(0)
    mean, sd = rng.normal(size=20_000), rng.uniform(0.5, 2, 20_000)
    y = rng.normal(mean, sd)[:, None]
    right = metrics.normal(y, np.column_stack([mean, sd])).values()
    assert right["between_95"] == pytest.approx(0.95, abs=0.006) and right["calibration_error"] < 0.01
    assert right["pit_sd"] == pytest.approx(12**-0.5, abs=0.004)
    narrow = metrics.normal(y, np.column_stack([mean, sd / 2])).values()
    assert narrow["between_95"] == pytest.approx(stats.norm.cdf(0.98) * 2 - 1, abs=0.01)
    assert narrow["pit_sd"] > 0.35 and narrow["calibration_error"] > 0.05


def test_effects_on_the_mean_have_its_standard_errors_and_ols_beside_them(made):
    _, _, run = made
    pytest.importorskip("statsmodels")
    found, of = effects(run), evaluate(run, bootstrap=0).linear
    mean = {effect.column: effect for effect in found.effects if effect.output == "y"}
    assert mean["x"].estimate.value == pytest.approx(of.values["mean: x"], rel=1e-6)
    assert mean["x"].estimate.standard_error == pytest.approx(of.errors["mean: x"], rel=1e-6)
    assert mean["x"].beside.standard_error > 0 and found.beside == "OLS"
    spread = [effect for effect in found.effects if effect.output == "sd of y"]
    assert all(e.estimate.standard_error is None and e.beside is None for e in spread)
    gradient = of.values["log variance: x"] / 2 * predict(run, made[1])["sd"].mean()
    assert spread[0].estimate.value == pytest.approx(gradient, rel=1e-5)


def test_the_likelihood_of_rows_that_are_fitted_exactly_is_bounded(tmp_path):
    frame = table(30).assign(y=lambda rows: 3 + 2 * rows["x"])
    frame.to_csv(tmp_path / "t.csv", index=False)
    run = fitted(tmp_path / "r", data=str(tmp_path / "t.csv"), formula="y ~ x", loss="gaussian", **WHOLE)
    least = math.sqrt(per_row.LEAST_VARIANCE) * frame["y"].std(ddof=0)
    sd = predict(run, str(tmp_path / "t.csv"))["sd"]
    np.testing.assert_allclose(sd, least, rtol=0.05)
    assert evaluate(run, bootstrap=0).estimates["train_loss"].value == pytest.approx(
        math.log(least) + math.log(2 * math.pi) / 2, abs=0.1
    )


@pytest.mark.slow
def test_members_of_an_ensemble_are_a_mixture(made, tmp_path):
    _, path, _ = made
    options = {"data": path, "formula": "y ~ x + z", "loss": "gaussian", "width": 4, "num_epochs": 20, "members": 2}
    run = fitted(tmp_path / "net", "mlp", **options, **WHOLE)
    each = [predict(run.of_member(k), path) for k in range(2)]
    means, sds = (np.stack([one[name] for one in each]) for name in ("yhat", "sd"))
    found = predict(run, path)
    np.testing.assert_allclose(found["yhat"], means.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found["sd"], np.sqrt((sds**2).mean(axis=0) + means.var(axis=0)), rtol=1e-5)
    np.testing.assert_allclose(found["hi"] - found["yhat"], stats.norm.ppf(0.975) * found["sd"], rtol=1e-5)
    assert evaluate(run, bootstrap=50).estimates["averaged_train_between_95"].value > 0.8


def test_an_export_gives_mean_and_standard_deviation(made, tmp_path):  # to PyTorch: tests/export/test_torch.py
    frame, path, run = made
    export(run, "numpy", tmp_path / "out")
    found = np.asarray(load_code(tmp_path / "out").predict(frame[["x", "z"]].to_numpy()))
    assert relative(found, predict(run, path)[["yhat", "sd"]].to_numpy()) < 1e-6
    about = json.loads((tmp_path / "out" / "model.json").read_text())
    assert about["outputs"]["names"] == ["yhat", "sd"] and about["outputs"]["transform"] == "mean_sd"


@pytest.mark.slow
def test_a_negative_loss_that_stays_is_no_rise(tmp_path):
    """y of a standard deviation of .01 has a negative loss: shares of it mean nothing."""
    frame = table(60).assign(y=lambda rows: rows["y"] / 1e4)
    frame.to_csv(tmp_path / "t.csv", index=False)
    run = fitted(
        tmp_path / "net", "mlp", data=str(tmp_path / "t.csv"), formula="y ~ x + z", loss="gaussian", width=4,
        num_epochs=40, batch_size=0, lr=1e-4, patience=0, precision="float64", val_fraction=0.3, test_fraction=0.0,
    )  # fmt: skip
    summary = Run(run.path).summary()
    assert summary["val_loss"] < -1 and "val_rose" not in summary and abs(summary["loss_fall"]) < 0.01


def test_the_row_says_what_it_is():
    row = losses.get("gaussian")
    assert row.solvable and row.by_newton and row.is_normal and not row.has_residuals
