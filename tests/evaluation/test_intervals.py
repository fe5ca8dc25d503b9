"""Intervals: each against an independent formula, how often they cover, and the words where they rest on little."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from econml_cli.errors import ConfigError
from econml_cli.evaluation import bootstrap
from econml_cli.evaluation.comparing.accuracy_tests import diebold_mariano, in_series, paired_bootstrap
from econml_cli.evaluation.comparing.compare import compare
from econml_cli.evaluation.comparing.series_flips import cosines, signs
from econml_cli.evaluation.comparing.sign_flips import Flips
from econml_cli.evaluation.conformal import radius_of
from econml_cli.evaluation.estimate import Estimate
from econml_cli.evaluation.evaluate import evaluate
from econml_cli.evaluation.evaluation import interval_of
from econml_cli.evaluation.intervals import intervals, of_units, told
from econml_cli.evaluation.marginal.averages import averages
from econml_cli.evaluation.marginal.effects import effects
from econml_cli.evaluation.wilson import auc_from_one, wilson
from econml_cli.problems import metrics
from tests.support.fits import fitted


def test_the_interval_of_a_loss_is_the_studentised_bootstrap_of_its_log():
    x = np.random.default_rng(0).exponential(size=60)
    low, high, caveat = intervals(metrics.mean("loss", x), replications=500, seed=3)["loss"]
    (counts,) = bootstrap.blocks_of_counts(60, 500, 3)
    samples = [np.repeat(x, row.astype(int)) for row in counts]
    t = [np.log(s.mean() / x.mean()) * s.mean() / (s.std() / np.sqrt(59)) for s in samples]
    error = x.std() / np.sqrt(59) / x.mean()
    assert low == pytest.approx(x.mean() * np.exp(-np.quantile(t, 0.975) * error), rel=1e-6)
    assert high == pytest.approx(x.mean() * np.exp(-np.quantile(t, 0.0075) * error), rel=1e-6)  # 3 / 10 of 2.5 %
    assert caveat == ""


def test_the_interval_of_a_root_mean_square_is_the_root_of_that_of_the_mean_square():
    rng = np.random.default_rng(1)
    y, e = rng.normal(size=(50, 1)), rng.normal(size=(50, 1))
    around = intervals(metrics.regression(y, y + e), replications=300, seed=0)["rmse"]
    square = intervals(metrics.mean("mse", e**2), replications=300, seed=0)["mse"]
    assert np.square(around[:2]) == pytest.approx(square[:2], rel=1e-4)


@pytest.mark.parametrize("errors", ["normal", "t5"])
def test_the_interval_of_a_loss_covers_in_small_samples(errors):
    rng, covered = np.random.default_rng(2), 0
    for i in range(300):
        e = rng.normal(size=50) if errors == "normal" else rng.standard_t(5, size=50)
        low, high, _ = intervals(metrics.mean("loss", e**2), replications=299, seed=i)["loss"]
        covered += low <= (1 if errors == "normal" else 5 / 3) <= high
    assert covered / 300 > 0.91  # percentiles: .93 and .83


def test_few_groups_have_students_quantiles_and_the_loss_covers():
    rng, covered, groups = np.random.default_rng(3), 0, np.repeat(np.arange(10), 10)
    for i in range(300):
        loss = np.square(rng.normal(size=10)[groups] + rng.normal(size=100))
        found = intervals(metrics.mean("loss", loss), replications=50, seed=i, groups=groups)["loss"]
        covered += found.low <= 2 <= found.high
    assert covered / 300 > 0.91  # percentiles: .80
    assert intervals(metrics.mean("loss", loss), replications=60, seed=9, groups=groups)["loss"] == found


def test_a_loss_that_can_be_negative_has_an_interval_around_it():
    x = np.random.default_rng(4).normal(size=80)
    low, high, _ = intervals(metrics.mean("loss", x), replications=1000, seed=0)["loss"]
    assert low + high == pytest.approx(2 * x.mean())
    assert high - low == pytest.approx(2 * stats.t.ppf(0.975, 79) * x.std(ddof=1) / np.sqrt(80), rel=0.08)


def test_the_interval_of_a_share_is_wilsons():
    y = np.arange(40) % 2
    right = np.arange(40) >= 3
    p = np.where(right == (y == 1), 0.9, 0.1)
    found = intervals(metrics.binary(y[:, None], p[:, None]), replications=100, seed=0)["accuracy"]
    theirs = stats.binomtest(37, 40).proportion_ci(method="wilson")
    assert found[:2] == pytest.approx((theirs.low, theirs.high), rel=1e-6)
    none = stats.binomtest(40, 40).proportion_ci(method="wilson")
    assert wilson(1.0, 0.0, 40) == pytest.approx((none.low, none.high))


def test_groups_make_the_interval_of_a_share_that_of_as_many_observations_as_they_are_worth():
    right = np.repeat(np.random.default_rng(5).random(40) < 0.7, 10)  # ten copies of forty
    y, groups = np.ones((400, 1)), np.repeat(np.arange(40), 10)
    of = metrics.binary(y, np.where(right, 0.9, 0.1)[:, None])
    found = intervals(of, replications=100, seed=0, groups=groups)["accuracy"]
    alone = stats.binomtest(int(right[::10].sum()), 40).proportion_ci(method="wilson")
    assert found[:2] == pytest.approx((alone.low, alone.high), abs=0.005)


def test_the_interval_of_an_auc_is_delongs_on_the_logit_scale():
    rng = np.random.default_rng(6)
    y = np.arange(120) < 30
    score = rng.normal(size=120) + y
    p = stats.norm.cdf(score)
    low, high, _ = intervals(metrics.binary(y[:, None], p[:, None]), replications=100, seed=0)["auc"]
    above = (score[y][:, None] > score[~y]).astype(float)
    area = above.mean()
    variance = above.mean(axis=1).var() / 30 + above.mean(axis=0).var() / 90
    half = stats.t.ppf(0.975, 29) * np.sqrt(variance * 30 / 29 * 120 / 119) / (area * (1 - area))
    assert (low, high) == pytest.approx(tuple(1 / (1 + (1 / area - 1) * np.exp([half, -half]))), rel=1e-6)


def test_separated_classes_have_no_interval_of_no_width_and_say_so():
    y = np.arange(60) < 5
    found = intervals(metrics.binary(y[:, None], np.where(y, 0.9, 0.1)[:, None]), replications=100, seed=0)["auc"]
    assert found.high == 1 and 0.5 < found.low < 0.9 and found.caveat == "separated: 5 positives"
    assert found.low == pytest.approx(auc_from_one(5, 55)[0])
    few = intervals(metrics.binary(y[:, None], np.linspace(0.4, 0.6, 60)[:, None]), replications=100, seed=0)["auc"]
    assert few.low == 0 or few.caveat in ("only 5 positives", "separated: 5 positives")


def test_few_groups_and_a_lone_observation_in_the_tail_are_said():
    x = np.random.default_rng(7).exponential(size=40)
    groups = np.repeat(np.arange(5), 8)
    assert intervals(metrics.mean("loss", x), replications=50, seed=0, groups=groups)["loss"].caveat == "only 5 groups"
    x[3] = 100
    found = intervals(metrics.mean("loss", x), replications=50, seed=0)["loss"]
    assert found.caveat == "interval too short: 1 observation in the tail"


def test_an_interval_from_so_few_clusters_that_it_says_nothing_is_a_word():
    x = np.random.default_rng(7).exponential(size=40)
    two = intervals(metrics.mean("loss", x), replications=50, seed=0, groups=np.arange(40) % 2)["loss"]
    assert np.isnan([two.low, two.high]).all() and two.caveat == "too few clusters: 2"
    x[:10] *= 20
    three = intervals(metrics.mean("loss", x), replications=50, seed=0, groups=np.arange(40) // 10 // 2 + 1)
    assert three["loss"].caveat == "too few clusters: 2"
    four = intervals(metrics.mean("loss", x), replications=50, seed=0, groups=np.arange(40) // 10)["loss"]
    assert four.caveat == "too few clusters: 4" and interval_of(Estimate(1.0).within(*four)) == four.caveat
    r2 = intervals(metrics.regression(x, x + np.arange(40) % 2), replications=50, seed=0, groups=np.arange(40) % 2)
    assert r2["r2"].caveat == "too few clusters: 2"


def test_diebold_and_mariano_say_where_students_distribution_is_not_theirs():
    rng = np.random.default_rng(1)
    assert diebold_mariano(rng.normal(size=20)).caveat is None
    assert "too often: 20 skewed" in diebold_mariano(rng.exponential(size=20) ** 1.5 - 1).caveat
    assert "too seldom" in diebold_mariano(np.r_[rng.normal(size=198), 40, -40]).caveat


def test_the_test_of_a_series_compares_halls_statistic_with_its_values_under_signs():
    d, n, h = np.random.default_rng(2).exponential(size=30) - 0.7, 30, 4
    basis = np.array([np.cos(np.pi * j * (np.arange(n) + 0.5) / n) for j in (1, 2, 3)]) * np.sqrt(2 / n)
    assert len(cosines(n, h)) == 3  # 6 sqrt(.05 / 15) 30 / pi = 3.3
    drawn = signs(np.random.default_rng(0), 99, n, h)

    def halls(x):
        sd, e = np.sqrt(np.mean((basis @ x) ** 2)), x - x.mean()
        g = sum(e[t : t + h].sum() ** 3 for t in range(n - h + 1)) / (n * h) / sd**3
        w, g = x.mean() / sd, np.clip(g, -3, 3)
        return abs(w + g * w**2 / 3 + g**2 * w**3 / 27 + g / (6 * n))

    found = in_series(d, horizon=h, replications=99, seed=0)
    assert found.p_value == pytest.approx((1 + sum(halls(s * d) >= halls(d) for s in drawn)) / 100)
    ends = [in_series(d - end, horizon=h, replications=99, seed=0).p_value for end in (found.low, found.high)]
    inside = [in_series(d - x, horizon=h, replications=99, seed=0).p_value for x in (found.low + 0.1, found.high - 0.1)]
    assert max(ends) <= 0.06 < min(inside)
    theirs = diebold_mariano(d, horizon=h)
    assert (found.classical_p_value, found.statistic) == (theirs.p_value, theirs.statistic)


def test_signs_are_alike_within_blocks_of_the_horizon_and_those_of_short_series_are_not():
    drawn = signs(np.random.default_rng(0), 200, 60, 3)
    changes = np.flatnonzero(drawn[0, 1:] != drawn[0, :-1]) + 1
    assert len(changes) and len({int(c) % 3 for c in changes}) == 1
    apart = np.mean(
        signs(np.random.default_rng(0), 200, 20, 3)[:, 1:] != signs(np.random.default_rng(0), 200, 20, 3)[:, :-1]
    )
    assert apart == pytest.approx(0.5, abs=0.03) and np.mean(drawn[:, 1:] != drawn[:, :-1]) == pytest.approx(
        1 / 6, abs=0.03
    )


def test_one_period_ahead_the_test_of_a_series_is_the_paired_one():
    d = np.random.default_rng(3).exponential(size=25) - 0.8
    found, paired = in_series(d, replications=199, seed=4), paired_bootstrap(d, replications=199, seed=4)
    assert (found.p_value, found.low, found.high) == (paired.p_value, paired.low, paired.high)
    assert found.classical_p_value == pytest.approx(stats.ttest_1samp(d, 0).pvalue) and found.caveat is None
    alone = in_series(d, replications=0, seed=4)
    assert alone.classical_p_value is None and alone.p_value == found.classical_p_value and "too often" in alone.caveat


@pytest.mark.parametrize("horizon", [2, 4])
def test_the_test_of_a_series_has_its_size_from_twenty_periods(horizon):
    rng, p = np.random.default_rng(5), np.empty((500, 2))
    for i in range(500):
        d = np.convolve(rng.exponential(size=19 + horizon) - 1, np.ones(horizon), mode="valid")
        found = in_series(d, horizon=horizon, replications=99, seed=i, interval=False)
        p[i] = found.p_value, found.classical_p_value
    ours, theirs = np.mean(p <= 0.05, axis=0)
    assert 0.03 < ours < 0.085 < theirs  # of 500 samples: .05 to within three standard errors


def test_what_a_series_is_too_short_for_is_said():
    d = np.random.default_rng(6).normal(size=19)
    assert in_series(d, horizon=4, replications=99, seed=0).caveat == "size not known: 19 periods for horizon 4"
    assert "no 95 % interval: 5 obs" in in_series(d[:5], replications=99, seed=0).caveat
    assert "too often: 19 periods" in in_series(d, horizon=2, replications=0, seed=0).caveat


def test_an_exact_model_has_an_interval_of_no_width():
    found = intervals(metrics.regression(np.arange(40.0), np.arange(40.0)), replications=50, seed=0)
    assert found["rmse"][:2] == (0, 0) and found["r2"][:2] == (1, 1)


def test_means_have_students_intervals_by_group():
    x = np.random.default_rng(8).normal(size=(60, 2))
    groups = np.repeat(np.arange(12), 5)
    error, low, high = of_units(bootstrap.units_of(x, groups), replications=4000, seed=0)
    of_groups = x.reshape(12, 5, 2).mean(axis=1).std(axis=0, ddof=1) / np.sqrt(12)
    assert error == pytest.approx(of_groups, rel=0.05)
    assert (high - low) / 2 == pytest.approx(stats.t.ppf(0.975, 11) * error)


# -- paired tests


def test_the_p_value_of_the_paired_test_is_that_of_all_signs():
    d = np.random.default_rng(9).exponential(size=10) - 0.6
    every = np.vstack([d, np.array(list(itertools.product((-1, 1), repeat=10))) * d])
    w, g = every.mean(axis=1) / every.std(axis=1), stats.skew(every, axis=1)
    halls = np.abs(w + g * w**2 / 3 + g**2 * w**3 / 27 + g / 60)
    exact = np.mean(halls[1:] >= halls[0] - 1e-12)
    assert paired_bootstrap(d, replications=20_000, seed=0).p_value == pytest.approx(exact, abs=0.01)


def test_the_interval_of_the_paired_test_has_the_values_that_it_does_not_reject():
    d = np.random.default_rng(10).exponential(size=30)
    found = paired_bootstrap(d, replications=999, seed=0)
    inside, outside = (
        [paired_bootstrap(d - end, replications=999, seed=0).p_value for end in (found.low + s, found.high - s)]
        for s in (1e-9, -1e-9)
    )
    assert min(inside) > 0.05 >= max(outside)


@pytest.mark.parametrize("draw", [lambda rng: rng.standard_t(5, size=20), lambda rng: rng.chisquare(4, size=20) - 4])
def test_paired_tests_have_their_size_from_twenty_observations(draw):
    rng = np.random.default_rng(11)
    rejected = [Flips(draw(rng), np.ones(20), 199, i).p_value(0.0) <= 0.05 for i in range(1000)]
    assert 0.03 < np.mean(rejected) < 0.065  # percentiles: .08; signs of the mean itself, of skewed differences: .072


def test_differences_that_are_all_alike_are_their_own_interval():
    found = paired_bootstrap(np.full(20, 0.3), replications=999, seed=0)
    assert (found.low, found.high) == (pytest.approx(0.3), pytest.approx(0.3)) and found.p_value < 0.01
    assert paired_bootstrap(np.zeros(20), replications=999, seed=0).p_value == 1


def test_five_groups_reject_nothing_at_five_percent_and_that_is_said():
    found = paired_bootstrap(np.ones(50), replications=999, seed=0, groups=np.repeat(np.arange(5), 10))
    assert found.low is None and found.p_value > 0.05 and found.caveat == "no 95 % interval: 5 groups"


# -- weights


def test_weights_count_as_often_as_rows_of_one_group_that_are_repeated():
    rng = np.random.default_rng(12)
    d, w = rng.normal(0.2, 1, size=12), rng.integers(0, 4, size=12)
    rows = np.repeat(np.arange(12), w)
    theirs = paired_bootstrap(d[rows], replications=199, seed=0, groups=rows)
    mine = paired_bootstrap(d, replications=199, seed=0, w=w)
    assert (mine.value, mine.p_value) == (pytest.approx(np.average(d, weights=w)), theirs.p_value)
    assert (mine.low, mine.high, mine.standard_error) == pytest.approx((theirs.low, theirs.high, theirs.standard_error))
    columns = rng.normal(size=(12, 2))
    (one,) = averages(columns[:, :1], np.zeros((1, 1)), replications=50, seed=0, w=w)
    (other,) = averages(columns[rows, :1], np.zeros((1, 1)), replications=50, seed=0, groups=rows)
    assert (one.value, one.standard_error, one.low) == pytest.approx((other.value, other.standard_error, other.low))


# -- groups of the run


@pytest.fixture(scope="module")
def grouped(tmp_path_factory):
    """Two runs with --group on rows that stand there ten times each, and the file."""
    here = tmp_path_factory.mktemp("groups")
    rng = np.random.default_rng(12)
    x = rng.normal(size=40)
    frame = pd.DataFrame({"y": x + rng.normal(size=40), "x": x, "z": rng.normal(size=40), "firm": np.arange(40)})
    path = here / "t.csv"
    pd.concat([frame] * 10).to_csv(path, index=False)
    common = {"data": str(path), "group": "firm", "val_fraction": 0.3}
    return path, [fitted(here / name, formula=f"y ~ {name}", **common) for name in ("x", "z")]


@pytest.mark.slow
def test_new_data_have_the_groups_of_the_run(grouped, tmp_path):
    path, runs = grouped
    alone = tmp_path / "alone.csv"
    pd.read_csv(path)[:40].to_csv(alone, index=False)
    bare = tmp_path / "bare.csv"
    pd.read_csv(path).drop(columns="firm").to_csv(bare, index=False)
    length = {}
    for name, file in (("tenfold", path), ("once", alone), ("bare", bare)):
        loss = evaluate(runs[0], data=str(file)).estimates["data_loss"]
        tested = compare(runs, data=str(file)).columns[1].against
        effect = effects(runs[0], data=str(file), beside=False)
        length[name] = (loss.high - loss.low, tested.high - tested.low)
        told = " ".join(effect.notes)
        assert ("no column 'firm'" in told) == (name == "bare")
    assert length["tenfold"] == pytest.approx(length["once"], rel=1e-4)
    assert length["bare"][0] < length["once"][0] / 2 and length["bare"][1] < length["once"][1] / 2


def test_the_table_itself_says_of_how_few_groups_an_interval_is(grouped, tmp_path, econml):
    path, runs = grouped
    few = tmp_path / "few.csv"
    pd.read_csv(path).query("firm < 4").to_csv(few, index=False)
    assert "(only 4 groups)" in econml("eval", runs[0].path, "--data", few).stdout
    found = json.loads(econml("eval", runs[0].path, "--data", few, "--json").stdout)
    assert found["data_loss"]["caveat"] == "only 4 groups"
    shown = econml("eval", "compare", *(run.path for run in runs), "--data", few).stdout
    said = " ".join(shown.split())
    assert "]!" in shown and "(1) data loss: only 4 groups" in said
    assert f"Intervals and tests draw whole groups: 4 of 'firm' with {len(pd.read_csv(few))} observations." in said


# -- conformal prediction by group


def test_groups_of_one_give_the_radius_of_rows():
    scores = np.random.default_rng(13).random((59, 2))
    assert (radius_of(scores, 90, np.arange(59)) == radius_of(scores, 90)).all()


def test_the_radius_of_groups_covers_a_row_of_a_new_group():
    rng, covered = np.random.default_rng(14), 0
    for _ in range(2000):
        sizes = rng.integers(1, 8, size=20)
        groups = np.repeat(np.arange(20), sizes)
        effect = rng.normal(size=21)
        scores = np.abs(effect[groups] + rng.normal(size=len(groups)))[:, None]
        covered += abs(effect[20] + rng.normal()) <= radius_of(scores, 90, groups)[0]
    assert 0.88 < covered / 2000 < 0.97


def test_too_few_groups_are_refused():
    with pytest.raises(ConfigError, match="needs 19 groups in the validation split"):
        radius_of(np.ones((100, 1)), 95, np.repeat(np.arange(10), 10))


def test_a_note_names_the_methods_that_are_used():
    assert told(["loss", "rmse"], 1000) == "studentised bootstrap of 1,000 replications"
    assert told(["loss", "auc", "accuracy"], 40) == (
        "DeLong's for AUC, Wilson's for accuracy, the studentised bootstrap of 40 replications for all else"
    )
