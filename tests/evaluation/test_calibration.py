"""`econml eval calibration`: the number, what chance alone gives, and the figure."""

import json
from pathlib import Path

import numpy as np
import pytest

from econml_cli.errors import ConfigError
from econml_cli.evaluation.calibration import calibration, measured
from tests.support.fits import fitted


def test_right_probabilities_have_the_error_of_chance_and_wrong_ones_more():
    rng = np.random.default_rng(0)
    p = rng.uniform(0.05, 0.95, 2000)
    values = [measured(p, (rng.random(2000) < p).astype(float), seed=i)["p_value"] for i in range(60)]
    assert 0.3 < np.mean(values) < 0.7 and np.mean(np.array(values) < 0.1) < 0.25  # uniform under the null
    right = measured(p, (rng.random(2000) < p).astype(float))
    assert abs(right["error"] - right["by_chance"]) < 0.02
    wrong = measured(p, (rng.random(2000) < p**2).astype(float))
    expected = np.mean(p - p**2)  # above the truth everywhere, so that the distance is the mean gap
    assert wrong["error"] == pytest.approx(expected, abs=0.03) and wrong["p_value"] < 0.01


def test_bins_hold_equal_numbers_equal_probabilities_one_bin_and_wilsons_intervals():
    p = np.linspace(0.01, 0.99, 200)
    y = (np.arange(200) % 2).astype(float)
    bins = measured(p, y)["bins"]
    assert [one.n for one in bins] == [20] * 10 and bins[0].observed == 0.5
    # Wilson (1927) of 10 of 20
    assert bins[0].interval == pytest.approx((0.2993, 0.7007), abs=5e-4)
    (only,) = measured(np.full(200, 0.3), y)["bins"]
    assert only.n == 200 and only.predicted == pytest.approx(0.3)
    assert len(measured(p[:15], y[:15])["bins"]) == 1  # of few rows fewer bins
    found = measured(p, y)
    assert found["brier"] == pytest.approx(np.mean((p - y) ** 2))
    assert found["error"] == pytest.approx(np.mean([abs(b.predicted - b.observed) for b in bins]))


@pytest.mark.slow
def test_a_classifier_is_told_of_and_drawn_and_others_are_refused(econml, isolated, tmp_path):
    run = fitted(tmp_path / "a", "mlp", "xor", num_epochs=2, width=4)
    done = econml("eval", "calibration", run.path, "--plot", "c.svg", "--json")
    found = json.loads(done.stdout)["calibration"]
    assert found["n"] == sum(one["n"] for one in found["bins"]) and 0 < found["p_value"] <= 1
    assert found["error"] == pytest.approx(
        sum(abs(b["predicted"] - b["observed"]["value"]) * b["n"] for b in found["bins"]) / found["n"]
    )
    assert "drawn in c.svg" in done.stderr and Path("c.svg").stat().st_size > 5000
    (axis,) = calibration(run).plot().axes
    (bars,) = axis.containers
    assert len(bars[0].get_xdata()) == len(found["bins"]) and axis.get_ylabel() == "observed share"
    line = fitted(tmp_path / "b", "linear", "linear", N=40, N_test=20, N_val=0, num_epochs=2)
    with pytest.raises(ConfigError, match="predicts a number"):
        calibration(line)


def test_one_bin_is_refused(econml):
    refused = econml("eval", "calibration", "any", "--bins", 1)
    assert refused.code == 2 and "--bins" in refused.stderr and "2" in refused.stderr
    with pytest.raises(ConfigError, match="bins must be at least 2, got 1"):
        calibration(None, bins=1)
