"""How many seeds of an ensemble have passed all verdicts."""

import pytest

from econml_cli.evaluation import success
from econml_cli.training.loop.over_members import seeds_passed
from econml_cli.training.run.summary import over_members

GOOD = {"test_loss": 1.0, "verdict_loss": "passed", "verdict_truth": "passed"}
BAD = {"test_loss": 2.0, "verdict_loss": "passed", "verdict_truth": "FAILED", "failed": "truth (too far)"}


def test_the_interval_is_wilsons():
    statsmodels = pytest.importorskip("statsmodels.stats.proportion")
    for good, n in ((19, 20), (20, 20), (0, 5), (3, 7), (97, 100)):
        assert success.interval(good, n) == pytest.approx(statsmodels.proportion_confint(good, n, method="wilson"))


def test_a_seed_counts_where_all_of_its_verdicts_passed_and_one_that_diverged_does_not():
    assert seeds_passed([GOOD, GOOD, BAD]) == {"seeds_passed": 2} and seeds_passed([{"test_loss": 1.0}]) == {}
    summary = {"members": 20, **over_members([GOOD] * 19)}  # the twentieth diverged
    assert success.said(summary) == "19 of 20 seeds passed all verdicts (Wilson 76 to 99 %)"
    assert success.said({"members": 20}) is None and success.said({"seeds_passed": 1}) is None


@pytest.mark.slow
def test_fit_and_eval_say_it(econml):
    small = ("--width", "4", "--N", "20", "--N-val", "0", "--N-test", "20", "--num-epochs", "3", "--members", "2")
    ran = econml("fit", "--problem", "brock_mirman", *small, "--name", "two")
    said = "0 of 2 seeds passed all verdicts (Wilson 0 to 66 %)"
    assert ran.code == 5 and said in ran.stdout
    assert said in econml("eval", "two", "--bootstrap", "0").stderr
