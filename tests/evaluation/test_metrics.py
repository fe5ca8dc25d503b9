"""Metrics against hand-computed values and independent formulas; the bootstrap against theory and brute force."""

import warnings

import numpy as np
import pytest

from econml_cli.evaluation import bootstrap, intervals
from econml_cli.problems import losses, metrics


def values(task, y, yhat, loss=None):
    n = len(y)
    loss = np.zeros(n) if loss is None else np.asarray(loss)
    return metrics.moments(losses.of_task(task), loss, np.asarray(y), np.asarray(yhat), of_yhat=False).values()


def test_regression_metrics_equal_hand_computed_ones():
    found = values("regression", [[1.0], [2.0], [3.0], [6.0]], [[1.0], [1.0], [5.0], [6.0]], loss=[0, 1, 4, 0])
    assert found == pytest.approx({"loss": 1.25, "rmse": 1.25**0.5, "mae": 0.75, "r2": 1 - 5 / 14})


def test_r2_keeps_its_digits_when_the_target_is_far_from_zero():
    rng = np.random.default_rng(0)
    y, e = rng.standard_normal((1000, 1)), 0.1 * rng.standard_normal((1000, 1))
    far = values("regression", y + 1e8, y + e + 1e8)["r2"]
    assert far == pytest.approx(values("regression", y, y + e)["r2"], abs=1e-6)


def test_r2_of_a_constant_target_is_not_defined():
    assert np.isnan(values("regression", [[2.0], [2.0]], [[1.0], [2.0]])["r2"])


def test_binary_metrics_equal_hand_computed_ones():
    found = values("binary", [[1.0], [0.0], [0.0], [0.0]], [[0.8], [0.6], [0.1], [0.2]])
    assert found["accuracy"] == 0.75
    assert found["base_rate"] == 0.75
    assert found["log_loss"] == pytest.approx(-np.log([0.8, 0.4, 0.9, 0.8]).mean())
    assert found["auc"] == 1.0


def test_auc_counts_ties_as_one_half():
    positive, score = np.array([True, True, False, False]), np.array([0.5, 0.7, 0.5, 0.7])
    # pairs (.5,.5) 1/2, (.5,.7) 0, (.7,.5) 1, (.7,.7) 1/2
    assert metrics.auc(positive, score) == 0.5
    assert metrics.auc(positive, np.array([0.5, 0.7, 0.5, 0.6])) == pytest.approx(2.5 / 4)
    assert metrics.auc(positive, np.zeros(4)) == 0.5


def test_auc_equals_the_mann_whitney_statistic():
    from scipy.stats import mannwhitneyu

    rng = np.random.default_rng(1)
    positive, score = rng.random(300) < 0.3, rng.integers(0, 20, 300) / 20
    u = mannwhitneyu(score[positive], score[~positive]).statistic
    assert metrics.auc(positive, score) == pytest.approx(u / (positive.sum() * (~positive).sum()))


def test_auc_of_one_class_is_not_defined_and_does_not_warn():
    found = values("binary", [[1.0], [1.0]], [[0.8], [0.6]])
    assert np.isnan(found["auc"])
    assert found["accuracy"] == 1.0


def test_a_probability_that_rounds_to_zero_has_a_finite_log_loss():
    never, always = np.array([[0.0]], np.float32), np.array([[1.0]], np.float32)
    assert values("binary", [[1.0]], never)["log_loss"] == pytest.approx(-np.log(np.finfo(np.float32).tiny))
    assert values("binary", [[0.0]], always)["log_loss"] == pytest.approx(-np.log(2.0**-25))


def test_the_log_loss_of_probabilities_that_round_to_one_is_that_of_the_log_odds():
    from econml_cli.problems.losses import LOSSES

    odds = np.array([[-40.0], [50.0], [-700.0], [3.0]], np.float32)
    y, loss = np.array([[0], [1], [1], [1]]), np.log1p(np.exp(-np.array([40.0, 50.0, 3.0])))
    loss = np.r_[loss[:2], 700.0, loss[2]]
    for dtype in (np.float32, np.float64):
        p = (1 / (1 + np.exp(-odds.astype(np.float64)))).astype(dtype)
        found = metrics.moments(LOSSES["binary"], loss, y, p).values()
        assert found["log_loss"] == found["loss"] == pytest.approx(loss.mean())
        two = metrics.moments(LOSSES["binary"], loss[:2], y[:2], p[:2]).values()
        assert two["log_loss"] == pytest.approx(np.exp(-40.0) / 2, rel=1e-4)
    averaged = metrics.moments(LOSSES["binary"], loss[3:], y[3:], np.full((1, 1), 0.5), of_yhat=False).values()
    assert averaged["log_loss"] == pytest.approx(np.log(2))


def test_a_probability_below_eps_keeps_its_own_log_loss():
    p = np.array([[1e-12, 1 - 1e-12]], np.float32)
    assert values("multiclass", [0], p)["log_loss"] == pytest.approx(-np.log(1e-12))


def test_multiclass_metrics_equal_independent_formulas():
    rng = np.random.default_rng(2)
    p = rng.dirichlet(np.ones(3), 200)
    y = np.array([rng.choice(3, p=row) for row in p])
    found = values("multiclass", y, p)
    assert found["accuracy"] == (p.argmax(1) == y).mean()
    assert found["base_rate"] == np.bincount(y).max() / 200
    assert found["log_loss"] == pytest.approx(-np.log(p[np.arange(200), y]).mean())
    assert found["auc"] == pytest.approx(np.mean([metrics.auc(y == c, p[:, c]) for c in range(3)]))


def test_a_class_that_does_not_occur_is_left_out_of_the_mean_auc():
    p = np.array([[0.6, 0.3, 0.1], [0.5, 0.4, 0.1], [0.2, 0.7, 0.1]])
    assert values("multiclass", np.array([0, 0, 1]), p)["auc"] == 1.0


def test_only_the_loss_is_reported_where_nothing_is_observed():
    assert metrics.moments(losses.EQUATIONS, np.array([1.0, 3.0]), None, None).values() == {"loss": 2.0}


def test_the_bootstrap_interval_of_a_mean_covers_it_95_times_in_100():
    rng, covered = np.random.default_rng(3), 0
    for i in range(300):
        sample = metrics.mean("x", rng.exponential(size=100))
        low, high, _ = intervals.intervals(sample, replications=400, seed=i)["x"]
        covered += low <= 1 <= high
    assert 0.89 <= covered / 300 <= 0.98


def test_the_bootstrap_repeats_with_its_seed_and_not_with_another(monkeypatch):
    sample = metrics.mean("x", np.random.default_rng(4).standard_normal(50))
    first = intervals.intervals(sample, replications=100, seed=0)
    assert first == intervals.intervals(sample, replications=100, seed=0)
    assert first != intervals.intervals(sample, replications=100, seed=1)
    monkeypatch.setattr(bootstrap, "BLOCK", 130)  # the size of the blocks must not matter
    assert first["x"][:2] == pytest.approx(intervals.intervals(sample, replications=100, seed=0)["x"][:2], rel=1e-12)


def test_the_interval_of_the_base_rate_holds_the_base_rate():
    y = np.arange(120) % 3
    p = np.full((120, 3), 1 / 3)
    low, high, _ = intervals.intervals(metrics.multiclass(y, p), replications=1000, seed=0)["base_rate"]
    assert low < 1 / 3 < high and (low + high) / 2 == pytest.approx(1 / 3, abs=0.01)


def test_no_replications_give_no_intervals():
    assert intervals.intervals(metrics.mean("x", np.ones(3)), replications=0, seed=0) == {}


def test_a_reconstruction_of_one_row_has_no_r2_and_no_interval_and_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = metrics.moments(losses.LOSSES["reconstruction"], np.ones(1), np.ones((1, 3)), np.zeros((1, 3)))
        assert np.isnan(found.values()["r2"])
        around = intervals.intervals(found, replications=50, seed=0)
    assert np.isnan(around["loss"][:2]).all() and np.isnan(around["r2"][:2]).all()


def test_one_group_has_no_bootstrap_interval():
    found = intervals.intervals(metrics.mean("loss", np.arange(9)), replications=50, seed=0, groups=np.zeros(9, int))
    assert np.isnan(found["loss"][:2]).all()


def test_groups_of_a_large_sample_give_the_interval_of_its_observations(monkeypatch):
    monkeypatch.setattr(bootstrap, "MAX_UNITS", 1000)
    x = np.random.default_rng(5).exponential(size=10_007)
    means = bootstrap.resampled_means(bootstrap.units_of(x[:, None], None), 2000, seed=0)[:, 0]
    assert means.mean() == pytest.approx(x.mean(), abs=4 * x.std() / np.sqrt(10_007 * 2000))
    assert means.std() == pytest.approx(x.std() / np.sqrt(10_007), rel=0.08)


def test_the_auc_interval_is_that_of_ranking_every_bootstrap_sample_again():
    rng = np.random.default_rng(6)
    y = rng.random(400) < 0.4
    p = 1 / (1 + np.exp(-(rng.standard_normal(400) + y)))
    found = metrics.moments(losses.LOSSES["binary"], np.zeros(400), y[:, None], p[:, None])
    low, high, _ = intervals.intervals(found, replications=2000, seed=0)["auc"]
    brute = [metrics.auc(y[i], p[i]) for i in (rng.integers(0, 400, 400) for _ in range(2000))]
    expected_low, expected_high = np.quantile(brute, [0.025, 0.975])
    assert (low, high) == pytest.approx((expected_low, expected_high), abs=0.1 * (expected_high - expected_low))


def test_the_r2_interval_is_that_of_recomputing_it():
    rng = np.random.default_rng(7)
    y = 5 + rng.standard_normal((200, 1))
    yhat = y + 0.7 * rng.standard_normal((200, 1))
    low, high, _ = intervals.intervals(metrics.regression(y, yhat), replications=300, seed=0)["r2"]

    def log_share(y, yhat):
        """-log(1 - r2), and its standard error by the delta method for a ratio of means."""
        a, b = (y - yhat) ** 2, (y - y.mean()) ** 2
        moved = a / a.mean() - b / b.mean()
        return -np.log(a.mean() / b.mean()), moved.std() / np.sqrt(199)

    value, error = log_share(y[:, 0], yhat[:, 0])
    (counts,) = bootstrap.blocks_of_counts(200, 300, 0)
    drawn = [log_share(*(np.repeat(v[:, 0], row.astype(int)) for v in (y, yhat))) for row in counts]
    t = [(each - value) / spread for each, spread in drawn]
    expected = [1 - np.exp(-(value - np.quantile(t, end) * error)) for end in (0.99, 0.025)]
    assert (low, high) == pytest.approx(expected, rel=1e-4)
