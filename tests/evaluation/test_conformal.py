"""Conformal intervals around quantiles: against the definition, and how often they cover where quantiles are wrong.

Those of numbers and of mean and standard deviation: tests/training/test_ensemble.py, tests/problems/test_normal.py.
"""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from econml_cli.errors import ConfigError
from econml_cli.evaluation.conformal import Conformal, radius_of, scores_of
from econml_cli.evaluation.opened import open_run
from econml_cli.evaluation.prediction_intervals import Asked, level_of
from econml_cli.evaluation.predictions import predict, predict_own
from econml_cli.evaluation.wilson import wilson
from econml_cli.problems import losses
from tests.support.fits import fitted

QUANTILES = losses.get("quantile:.1,.5,.9")


def spread(rng, n):
    """x, and y whose spread grows with it."""
    x = rng.uniform(0, 1, n)
    return x, x + (0.2 + 2 * x) * rng.standard_t(4, n)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A table with groups and weights, its path, and a linear fit of three quantiles with half of it for validation."""
    here, rng = tmp_path_factory.mktemp("conformal"), np.random.default_rng(3)
    x, y = spread(rng, 600)
    frame = pd.DataFrame({"x": x, "y": y, "firm": np.arange(600) // 6, "w": rng.uniform(1, 2, 600)})
    frame.to_csv(here / "t.csv", index=False)
    options = {"data": str(here / "t.csv"), "formula": "y ~ x", "loss": "quantile", "quantiles": ".1,.5,.9"}
    options |= {"val_fraction": 0.4, "test_fraction": 0.3}
    return here, options, fitted(here / "q", **options)


def test_the_score_is_how_far_an_outcome_is_outside_of_the_outermost_quantiles():
    yhat = np.array([[0.0, 1.0, 2.0], [0.0, 1.0, 2.0], [0.0, 1.0, 2.0]])
    assert scores_of(QUANTILES, yhat, np.array([-3.0, 1.5, 2.25])).tolist() == [[3.0], [-0.5], [0.25]]


def test_ends_that_a_negative_radius_would_cross_meet_between_the_quantiles():
    low, high = Conformal(np.array([-1.0]), 9, QUANTILES).ends(np.array([[0.0, 1.0, 4.0], [0.0, 0.5, 1.0]]))
    assert low.tolist() == [[1.0], [0.5]] and high.tolist() == [[3.0], [0.5]]


def test_the_level_is_what_the_quantiles_enclose_unless_one_is_asked_for():
    conformal = Asked(conformal=True)
    assert level_of(conformal, QUANTILES) == pytest.approx(80)
    assert level_of(Asked(90.0, conformal=True), QUANTILES) == level_of(Asked(90.0), QUANTILES) == 90
    assert level_of(Asked(), QUANTILES) == level_of(None, QUANTILES) == 95
    assert level_of(conformal, losses.get("mse")) == 95


@pytest.mark.parametrize("scale", [0.3, 1.0, 3.0])
def test_wrong_quantiles_are_made_to_cover_as_theory_says(scale):
    """n 99 at 80 %: the rank of a new score is uniform, so that 80 of 100 are covered, whatever the quantiles are."""
    rng, n, reps = np.random.default_rng(5), 99, 4000
    x, y = spread(rng, reps * (n + 1))
    wide = scale * stats.norm.ppf(0.9) * (0.2 + 2 * x)
    yhat = np.column_stack([x - wide, x, x + wide])
    scores = scores_of(QUANTILES, yhat, y).reshape(reps, n + 1, 1)
    radii = np.array([radius_of(one[:n], 80) for one in scores])
    last = slice(n, None, n + 1)
    ends = [Conformal(r, n, QUANTILES).ends(yhat[last][i : i + 1]) for i, r in enumerate(radii)]
    covered = np.mean([low[0, 0] <= at <= high[0, 0] for (low, high), at in zip(ends, y[last], strict=True)])
    assert covered == pytest.approx(0.8, abs=4 * math.sqrt(0.16 / reps))


def test_predict_widens_the_outermost_quantiles_by_the_radius_of_the_validation_rows(made, econml):
    here, _, run = made
    ran = econml("predict", run.path, "--conformal", "--out", "p.csv")
    assert ran.code == 0
    assert "lo, hi: 80 % by split conformal prediction, around the quantiles 0.1 and 0.9, from the val" in ran.stderr
    found = pd.read_csv("p.csv")
    assert list(found.columns)[4:] == ["yhat_q10", "yhat_q50", "yhat_q90", "lo", "hi", "split"]
    val, test = (found[found["split"] == split] for split in ("val", "test"))
    scores = np.sort(np.maximum(val["yhat_q10"] - val["y"], val["y"] - val["yhat_q90"]))
    radius = scores[math.ceil((len(val) + 1) * 0.8) - 1]
    np.testing.assert_allclose(found["lo"], found["yhat_q10"] - radius, rtol=1e-6)
    np.testing.assert_allclose(found["hi"], found["yhat_q90"] + radius, rtol=1e-6)
    inside = ((test["lo"] <= test["y"]) & (test["y"] <= test["hi"])).mean()
    low, high = wilson(inside, math.sqrt(inside * (1 - inside) / (len(test) - 1)), len(test))
    told = f"they hold {inside:.1%} of the {len(test)} outcomes of the test split"
    assert f"{told} (95 % interval: {low:.1%} to {high:.1%})" in ran.stderr
    assert inside == pytest.approx(0.8, abs=0.12)
    wider = predict(run, str(here / "t.csv"), asked=_asked(95))
    assert (wider["lo"] < found["lo"]).all() and (wider["hi"] > found["hi"]).all()


def _asked(level):
    from econml_cli.evaluation.prediction_intervals import Asked

    return Asked(level, conformal=True)


def test_intervals_across_members_alone_are_not_what_one_fit_has(made, econml):
    ran = econml("predict", made[2].path, "--interval", 80, "--out", "p.csv")
    assert ran.code == 2 and "add --conformal" in ran.stderr


def test_whole_groups_count_and_rows_with_weights_are_refused(made, tmp_path):
    _, options, _ = made
    grouped = fitted(tmp_path / "g", **options, group="firm")
    found = predict_own(grouped, asked=_asked(80))
    with open_run(grouped) as opened:
        samples = opened.own_samples()
        groups, y = samples.problem.groups["val"], np.asarray(samples.problem.observed(samples.parts["val"]))
    val = found[found["split"] == "val"]
    yhat = val[["yhat_q10", "yhat_q50", "yhat_q90"]].to_numpy()
    np.testing.assert_allclose(np.sort(val["y"]), np.sort(y[:, 0]), rtol=1e-6)
    radius = radius_of(scores_of(QUANTILES, yhat, val["y"].to_numpy()), 80, val["firm"].to_numpy())
    assert len(np.unique(groups)) == val["firm"].nunique()
    np.testing.assert_allclose(found["hi"] - found["yhat_q90"], radius[0], rtol=1e-5)
    weighted = fitted(tmp_path / "w", **options, weights="w")
    with pytest.raises(ConfigError, match="--conformal weighs all rows alike"):
        predict_own(weighted, asked=_asked(80))


@pytest.mark.slow
def test_members_of_an_ensemble_are_averaged_first(made, tmp_path):
    here, options, _ = made
    run = fitted(tmp_path / "net", "mlp", **options, width=4, num_epochs=20, members=2)
    found = predict(run, str(here / "t.csv"), asked=_asked(80))
    each = [predict(run.of_member(k), str(here / "t.csv"))["yhat_q10"] for k in range(2)]
    np.testing.assert_allclose(found["yhat_q10"], np.mean(each, axis=0), rtol=1e-5)
    assert np.ptp(found["yhat_q10"] - found["lo"]) < 1e-5 and not any("sd" in str(name) for name in found.columns)
