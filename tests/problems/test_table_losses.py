"""Losses of tables beside squared error: linear models equal statsmodels', and what a loss refuses."""

import json

import numpy as np
import pandas as pd
import pytest

from econml_cli.errors import ConfigError
from econml_cli.evaluation import robust_regression
from econml_cli.problems import losses, metrics

sm = pytest.importorskip("statsmodels.api")
WHOLE = ("--val-fraction", 0, "--test-fraction", 0, "--out", "r", "--force")
NAMES = ["x", "z"]


@pytest.fixture
def frame():
    rng = np.random.default_rng(4)
    n = 120
    found = pd.DataFrame({"x": rng.normal(size=n), "z": rng.uniform(0, 3, n), "e": rng.uniform(0.5, 30, n)})
    mean = np.exp(0.3 + 0.5 * found["x"] - 0.4 * found["z"])
    found["count"] = rng.poisson(mean * found["e"])
    found["long"] = rng.gamma(2, mean / 2)
    found["y"] = 3 + found["x"] - found["z"] + rng.standard_t(2, n)
    found["w"] = rng.integers(1, 4, n)
    found["log_e"] = np.log(found["e"])
    found.to_csv("t.csv", index=False)
    return found


def design(frame):
    return sm.add_constant(frame[NAMES])


def told(econml, target, *options, vcov=()):
    ran = econml("fit", "linear", "--data", "t.csv", "--formula", f"{target} ~ x + z", *options, *WHOLE)
    assert ran.code == 0, ran.stderr
    ran = econml("eval", "r", "--json", "--bootstrap", 50, *vcov)
    assert ran.code == 0, ran.stderr
    return json.loads(ran.stdout)


def same(found, theirs, rtol=1e-6):
    np.testing.assert_allclose(list(found["coefficients"].values()), theirs.params, rtol=rtol)
    np.testing.assert_allclose(list(found["standard_errors"].values()), theirs.bse, rtol=rtol)


@pytest.mark.slow
@pytest.mark.parametrize("robust", [False, True])
def test_poisson_is_the_glm_of_statsmodels(econml, frame, robust):
    model = sm.GLM(frame["count"], design(frame), family=sm.families.Poisson())
    theirs = model.fit(tol=1e-14, cov_type="HC0" if robust else "nonrobust")
    found = told(econml, "count", "--loss", "poisson", vcov=("--vcov", "HC1") if robust else ())
    same(found, theirs)
    assert found["train_loss"]["value"] == pytest.approx(theirs.deviance / len(frame) / 2, rel=1e-8)
    assert found["train_d2"]["value"] == pytest.approx(1 - theirs.deviance / theirs.null_deviance, rel=1e-6)


@pytest.mark.parametrize("option", [("--exposure", "e"), ("--offset", "log_e")])
def test_counts_over_an_exposure_are_rates(econml, frame, option):
    theirs = sm.GLM(frame["count"], design(frame), family=sm.families.Poisson(), exposure=frame["e"]).fit(tol=1e-14)
    same(told(econml, "count", "--loss", "poisson", *option), theirs)
    shown = {line.split()[0]: line.split()[1:] for line in econml("eval", "r").stdout.splitlines() if line.strip()}
    assert shown[option[0].removeprefix("--")] == [option[1]] and "weights" not in shown
    over = "e" if option[1] == "e" else "exp(log_e)"
    assert f"in the units of the data: log of count over {over}\n" in econml("eval", "r", "--bootstrap", 0).stdout
    assert econml("predict", "r", "--data", "t.csv", "--out", "p.csv").code == 0
    predicted = pd.read_csv("p.csv")["yhat"]
    np.testing.assert_allclose(predicted, theirs.fittedvalues / frame["e"], rtol=1e-6)


def test_poisson_with_frequencies_is_that_of_repeated_rows(econml, frame):
    again = frame.loc[np.repeat(frame.index, frame["w"])]
    theirs = sm.GLM(again["count"], design(again), family=sm.families.Poisson()).fit(tol=1e-14)
    same(told(econml, "count", "--loss", "poisson", "--weights", "w", "--weight-kind", "frequency"), theirs)


def test_gamma_is_the_glm_with_a_log_link(econml, frame):
    family = sm.families.Gamma(sm.families.links.Log())
    theirs = sm.GLM(frame["long"], design(frame), family=family).fit(tol=1e-14)
    found = told(econml, "long", "--loss", "gamma")
    same(found, theirs)
    assert found["train_d2"]["value"] == pytest.approx(1 - theirs.deviance / theirs.null_deviance, rel=1e-6)


@pytest.mark.parametrize("level", [0.1, 0.5])
def test_a_quantile_is_that_of_quantreg(econml, frame, level):
    from statsmodels.regression.quantile_regression import QuantReg

    theirs = QuantReg(frame["y"], design(frame)).fit(q=level, max_iter=20000, p_tol=1e-12)
    found = told(econml, "y", "--loss", "quantile", "--quantiles", level)
    ours = np.array(list(found["coefficients"].values()))
    error = frame["y"] - design(frame) @ ours
    loss = np.mean(np.maximum(level * error, (level - 1) * error))
    assert found["train_loss"]["value"] == pytest.approx(loss, rel=1e-9)
    other = frame["y"] - theirs.fittedvalues
    assert loss <= np.mean(np.maximum(level * other, (level - 1) * other)) + 1e-12
    np.testing.assert_allclose(ours, theirs.params, rtol=1e-5, atol=1e-6)  # theirs reweights, and stops near a vertex
    assert np.sum(np.abs(error) < 1e-8) == 3  # through as many observations as it has coefficients
    theirs = QuantReg(frame["y"], design(frame)).fit(q=level, vcov="iid", max_iter=20000, p_tol=1e-12)
    np.testing.assert_allclose(list(found["standard_errors"].values()), theirs.bse, rtol=1e-4)


@pytest.mark.parametrize("groups", [None, np.arange(20_000)])
def test_sandwiches_of_huber_and_of_the_median_are_those_of_known_densities(groups):
    """y = z'b + s(z) e, e standard normal: what the sandwiches estimate is then known."""
    from scipy.stats import norm

    rng, n = np.random.default_rng(0), 20_000
    z = np.column_stack([np.ones(n), rng.uniform(0, 2, n)])
    sd = 0.5 + z[:, 1]
    e = sd * rng.normal(size=n)
    kind = "HC1" if groups is None else "cluster"
    density = norm.pdf(0) / sd
    bread = np.linalg.inv((z * density[:, None]).T @ z)
    expected = 0.25 * bread @ (z.T @ z) @ bread
    found = robust_regression.of_quantile(z, e, e, 0.5, kind, groups)
    np.testing.assert_allclose(np.sqrt(np.diag(found)), np.sqrt(np.diag(expected)), rtol=0.05)
    c = 1.5 / sd
    inside, mass = 2 * norm.cdf(c) - 1, 2 * (1 - norm.cdf(c))
    squares = sd**2 * (inside - 2 * c * norm.pdf(c)) + 1.5**2 * mass
    bread = np.linalg.inv((z * inside[:, None]).T @ z)
    expected = bread @ ((z * squares[:, None]).T @ z) @ bread
    found = robust_regression.of_huber(z, e, 1.5, kind, groups)
    np.testing.assert_allclose(np.sqrt(np.diag(found)), np.sqrt(np.diag(expected)), rtol=0.03)


def test_several_quantiles_do_not_cross_and_say_their_coverage(econml, frame):
    found = told(econml, "y", "--loss", "quantile", "--quantiles", ".1,.5,.9")
    assert found["train_below_q10"]["value"] == pytest.approx(0.1, abs=0.03)
    assert found["train_below_q90"]["value"] == pytest.approx(0.9, abs=0.03)
    assert found["train_between"]["value"] == pytest.approx(0.8, abs=0.05)
    assert econml("predict", "r", "--data", "t.csv", "--out", "p.csv").code == 0
    predicted = pd.read_csv("p.csv")
    columns = ["yhat_q10", "yhat_q50", "yhat_q90"]
    assert set(columns) <= set(predicted) and (np.diff(predicted[columns], axis=1) >= 0).all()
    from statsmodels.regression.quantile_regression import QuantReg

    for level, name in ((0.1, "q10"), (0.5, "q50"), (0.9, "q90")):
        theirs = QuantReg(frame["y"], design(frame)).fit(q=level, vcov="iid", max_iter=20000, p_tol=1e-12)
        ours = [found["coefficients"][f"{name}: {column}"] for column in ("Intercept", "x", "z")]
        np.testing.assert_allclose(ours, theirs.params, rtol=1e-5, atol=1e-6)
        errors = [found["standard_errors"][f"{name}: {column}"] for column in ("Intercept", "x", "z")]
        np.testing.assert_allclose(errors, theirs.bse, rtol=1e-4)
    assert "in the units of the data: q90 of y" in econml("eval", "r", "--bootstrap", 0).stdout
    effects = json.loads(econml("eval", "effects", "r", "--json", "--bootstrap", 0).stdout)["effects"]["effects"]
    slope = next(e["effect"] for e in effects if e["column"] == "x" and e["output"] == "q90 of y")
    assert slope["value"] == pytest.approx(found["coefficients"]["q90: x"], rel=1e-6)
    assert slope["standard_error"] == pytest.approx(found["standard_errors"]["q90: x"], rel=1e-6)


@pytest.mark.slow
def test_a_network_learns_quantiles_that_do_not_cross(econml, frame):
    ran = econml(
        "fit", "mlp", "--width", 4, "--num-epochs", 20, "--data", "t.csv", "--formula", "y ~ x + z",
        "--loss", "quantile", "--quantiles", ".25,.75", *WHOLE,
    )  # fmt: skip
    assert ran.code == 0, ran.stderr
    assert econml("predict", "r", "--data", "t.csv", "--out", "p.csv").code == 0
    predicted = pd.read_csv("p.csv")
    assert (predicted["yhat_q75"] >= predicted["yhat_q25"]).all()


def test_weighted_quantiles_are_those_of_repeated_rows(econml, frame):
    one = told(econml, "y", "--loss", "quantile", "--weights", "w", "--weight-kind", "frequency")
    frame.loc[np.repeat(frame.index, frame["w"])].to_csv("t.csv", index=False)
    two = told(econml, "y", "--loss", "quantile")
    assert one["train_loss"]["value"] == pytest.approx(two["train_loss"]["value"], rel=1e-9)
    assert one["coefficients"] == pytest.approx(two["coefficients"], rel=1e-6)
    assert one["standard_errors"] == pytest.approx(two["standard_errors"], rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("delta", [1.345, 0.3])
def test_huber_is_the_robust_regression_of_that_scale(econml, frame, delta):
    found = told(econml, "y", "--loss", "huber", "--delta", delta)
    own = delta * frame["y"].std(ddof=0)
    model = sm.RLM(frame["y"], design(frame), M=sm.robust.norms.HuberT(1.345))
    theirs = model.fit(start_scale=own / 1.345, update_scale=False, tol=1e-13, maxiter=2000, conv="coefs")
    np.testing.assert_allclose(list(found["coefficients"].values()), theirs.params, rtol=1e-6)
    np.testing.assert_allclose(list(found["standard_errors"].values()), theirs.bse, rtol=1e-6)  # H1


def test_what_is_no_count_is_fitted_by_pseudo_likelihood_with_robust_errors_and_said(econml, frame):
    found = told(econml, "long", "--loss", "poisson")
    theirs = sm.GLM(frame["long"], design(frame), family=sm.families.Poisson()).fit(cov_type="HC0", tol=1e-13)
    np.testing.assert_allclose(list(found["coefficients"].values()), theirs.params, rtol=1e-6)
    np.testing.assert_allclose(list(found["standard_errors"].values()), theirs.bse, rtol=1e-6)
    assert found["vcov"] == "HC1" and any("PPML" in note for note in found["notes"])


def test_a_run_remembers_the_numbers_of_its_loss(econml, frame):
    told(econml, "y", "--loss", "quantile", "--quantiles", ".2")
    found = json.loads(econml("eval", "r", "--json", "--data", "t.csv").stdout)
    assert found["data_below_q20"]["value"] == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize(
    ("target", "options", "said"),
    [
        ("y", ("--loss", "poisson"), "needs counts, and 'y' is negative"),
        ("count", ("--loss", "gamma"), "needs positive numbers"),
        ("y", ("--loss", "quantile", "--quantiles", "1.2"), "strictly between 0 and 1"),
        ("y", ("--loss", "quantile", "--quantiles", ".9,.1"), "each larger"),
        ("y", ("--loss", "gauss"), "Did you mean 'gaussian'"),
        ("y", ("--quantiles", ".9"), "--quantiles is of --loss quantile"),
        ("y", ("--exposure", "e"), "add --loss poisson"),
        ("count", ("--loss", "poisson", "--exposure", "x"), "exposure 'x' is negative"),
    ],
)
def test_what_a_loss_cannot_take_is_refused_in_a_sentence(econml, frame, target, options, said):
    ran = econml("fit", "linear", "--data", "t.csv", "--formula", f"{target} ~ z", *options, *WHOLE)
    assert ran.code in (1, 2) and said in ran.stderr, ran.stderr
    assert "Traceback" not in ran.stderr


def test_huber_refuses_what_is_no_size():
    with pytest.raises(ConfigError, match="above 0"):
        losses.get("huber:-1")
    with pytest.raises(ConfigError, match="numbers must follow"):
        losses.get("quantile:a")


def test_deviances_are_those_of_their_definition():
    rng = np.random.default_rng(0)
    y, mu = rng.poisson(3, 50).astype(float), rng.uniform(1, 5, 50)
    import jax

    with jax.enable_x64(True):
        for name, family in (("poisson", sm.families.Poisson()), ("gamma", sm.families.Gamma())):
            values = y if name == "poisson" else y + 1
            row = losses.LOSSES[name]
            found = np.asarray(row.per_row(np.log(mu)[:, None], values[:, None]))
            assert 2 * found.sum() == pytest.approx(family.deviance(values, mu), rel=1e-10)
            measured = metrics.moments(row, found, values[:, None], mu[:, None]).values()
            null = family.deviance(values, np.full(50, values.mean()))
            assert measured["d2"] == pytest.approx(1 - 2 * found.sum() / null, rel=1e-9)
