"""econml replicate: studies are read and checked, their figures compared, and what is outside is exit code 5."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from econml_cli.causal.options import Specification
from econml_cli.config import choose
from econml_cli.errors import ConfigError
from econml_cli.replication import replicate, studies

TEXT = """
title: One & two
source: a paper
steps:
  one: {command: fit mlp --lr 1e-3, quick: fit mlp --num-epochs 5}
  two: {command: fit linear, quick: skip}
figures:
  - {what: error, step: one, key: test_loss, published: 2.0e-3, at_most: 2, where: Table 1}
  - {what: level, step: one, key: mu_0, published: 0.7, apart: 0.01}
  - {what: rate, step: two, key: seeds_passed / members, published: 0.97, at_least: 0.9}
  - {what: loss, step: two, key: train_loss, published: 3.0e-4, within: 0.005}
"""


def figure(rule: str, size: float, published: float = 2.0) -> studies.Figure:
    return studies.Figure("x", "one", "a", published, rule, size, "")


@pytest.mark.parametrize(
    ("rule", "size", "inside", "outside"),
    [
        ("within", 0.1, (1.81, 2.19), (1.79, 2.21)),
        ("apart", 0.1, (1.91, 2.09), (1.89, 2.11)),
        ("factor", 1.5, (1.34, 2.99), (1.33, 3.01, -2.0)),
        ("at_most", 1.5, (0.0, 2.99), (3.01,)),
        ("at_least", 0.9, (1.81, 5.0), (1.79,)),
    ],
)
def test_a_number_is_within_or_outside_of_what_is_allowed(rule, size, inside, outside):
    assert all(figure(rule, size).holds(value) for value in inside)
    assert not any(figure(rule, size).holds(value) for value in (*outside, math.nan))


def test_a_key_may_be_a_ratio_and_what_is_missing_is_no_number():
    one = studies.Figure("x", "one", "seeds_passed / members", 0.9, "apart", 0.1, "")
    assert one.ours({"seeds_passed": 19, "members": 20}) == 0.95
    assert math.isnan(one.ours({"members": 20})) and math.isnan(one.ours({"seeds_passed": 1, "members": 0}))
    assert math.isnan(figure("apart", 0.1).ours({"a": "FAILED"}))


def test_every_study_of_the_package_is_read_and_its_commands_are_some_that_there_are():
    known = {"double_descent", "kernels", "latent", "lecture", "pension", "symmetry", "taming", "transversality"}
    assert known <= set(studies.names())
    for name in studies.names():
        study = studies.study(name)
        assert study.figures and study.asked(quick=True)
        for step in study.steps:
            for words in (step.command, step.quick):
                if words and words[0] == "estimate":
                    said = {
                        flag.removeprefix("--"): value for flag, value in zip(words[2::2], words[3::2], strict=True)
                    }
                    Specification.from_dict({"model": words[1], **said}, name)
                elif words:
                    assert words[0] == "fit"
                    assert "--seed" not in words or not step.seeds
                    choose.from_arguments(list(words[1:]))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("title: One & two\n", "", "does not say its title"),
        ("command: fit linear", "command: sweep run x", "step two: its command is one of econml, `fit ...` or"),
        ("fit linear, quick: skip", "fit linear, seeds: many", "step two: seeds is a number up to 1000"),
        ("fit linear, quick: skip", "fit linear --seed 1, seeds: 3", "of a fit without --seed"),
        ("fit linear, quick: skip", "estimate plr, seeds: 3", "of a fit without --seed"),
        ("at_most: 2, ", "", "figure 'error': says one of within, apart, factor, at_most, at_least"),
        ("step: one, key: mu_0", "step: three, key: mu_0", "figure 'level': its step is one of one, two"),
        ("published: 0.7", "published: much", "figure 'level': needs a key, and numbers"),
    ],
)
def test_a_study_that_is_not_understood_is_refused(old, new, said):
    assert old in TEXT
    with pytest.raises(ConfigError, match=said):
        studies.read("mine", TEXT.replace(old, new))


def runner(summaries: Mapping[str, Mapping[str, Any]], asked: list[Sequence[str]]) -> replicate.Runner:
    def run(words: Sequence[str]) -> Mapping[str, Any]:
        asked.append(words)
        return summaries[words[1]]

    return run


GOOD = {"mlp": {"test_loss": 3e-3, "mu_0": 0.705}, "linear": {"seeds_passed": 9, "members": 10, "train_loss": 3.001e-4}}


def test_figures_are_compared_and_written(tmp_path):
    asked: list[Sequence[str]] = []
    made = replicate.replicate(studies.read("mine", TEXT), tmp_path / "out", run=runner(GOOD, asked))
    assert [one.verdict for one in made.compared] == ["within"] * 4 and not made.outside and not made.left_out
    assert asked[0] == ["fit", "mlp", "--lr", "1e-3", "--out", str(tmp_path / "out/one"), "--force", "--json"]
    page = (tmp_path / "out/README.md").read_text()
    assert "# One & two" in page and "| error | 0.002 | 0.003 | at most 0.004 | within | Table 1 |" in page
    found = json.loads((tmp_path / "out/replication.json").read_text())
    assert found["figures"][2]["ours"] == 0.9 and found["figures"][2]["verdict"] == "within"
    bad = {**GOOD, "mlp": {"test_loss": 5e-3}}
    made = replicate.replicate(studies.read("mine", TEXT), tmp_path / "out", run=runner(bad, asked))
    assert [one.figure.what for one in made.outside] == ["error", "level"]  # a number that is not there is outside


def test_an_estimate_has_a_directory_by_its_name_and_its_numbers_are_parts_of_parts(tmp_path):
    text = TEXT.replace("fit linear, quick: skip", "estimate plr --data d.csv").replace(
        "key: train_loss, published: 3.0e-4", "key: estimate.value, published: 9"
    )
    asked: list[Sequence[str]] = []
    given = {"mlp": GOOD["mlp"], "plr": {"estimate": {"value": 9.04, "standard_error": 1.3}, "seeds_passed": {}}}
    made = replicate.replicate(studies.read("mine", text), tmp_path, run=runner(given, asked))
    options = ["--runs-dir", str(tmp_path), "--name", "two", "--force", "--json"]
    assert asked[1] == ["estimate", "plr", "--data", "d.csv", *options]
    assert made.compared[3].ours == 9.04 and made.compared[3].verdict == "within"
    assert math.isnan(made.compared[2].ours)


def test_quick_runs_the_quick_commands_and_says_what_it_leaves_out(tmp_path):
    asked: list[Sequence[str]] = []
    made = replicate.replicate(studies.read("mine", TEXT), tmp_path, quick=True, run=runner(GOOD, asked))
    assert [list(words[:4]) for words in asked] == [["fit", "mlp", "--num-epochs", "5"]]
    assert [figure.what for figure in made.left_out] == ["rate", "loss"]
    assert "Left out by `--quick`: rate; loss." in (tmp_path / "README.md").read_text()


def test_of_several_seeds_ours_is_the_median_and_how_many_passed(tmp_path):
    found = [
        {"test_loss": 1.0, "failed": "loss"},
        {"test_loss": 5.0, "mu_0": 2.0},
        {"test_loss": 3.0, "mu_0": math.nan},
    ]
    told = replicate.over_seeds([*found, {}])
    assert told == {"test_loss": 3.0, "mu_0": 2.0, "seeds": 4, "seeds_passed": 2}


@pytest.mark.slow
def test_a_step_of_several_seeds_is_a_sweep_whose_runs_stay(tmp_path):
    """Least squares, in this process: its median over the seeds is that of the runs."""
    from econml_cli.python.sweeping import sweep

    asked: list[Sequence[str]] = []

    def run(words: Sequence[str]) -> Mapping[str, Any]:
        asked.append(words)
        trials = sweep(words[2], out=words[4], jobs=1)
        return {"trials": [{"run": run} for run in trials["run"]]}

    text = TEXT.replace("fit linear, quick: skip", "'fit linear --solver lstsq --N 20 --sigma 1', seeds: 3")
    one = {**GOOD["mlp"], "test_loss": 0.0}

    def either(words: Sequence[str]) -> Mapping[str, Any]:
        return run(words) if words[0] == "sweep" else one

    made = replicate.replicate(studies.read("mine", text), tmp_path, run=either)
    losses = [json.loads(file.read_text())["train_loss"] for file in (tmp_path / "two").glob("*/summary.json")]
    assert len(losses) == 3 and asked[0][:2] == ["sweep", "run"]
    assert made.compared[3].ours == sorted(losses)[1]
    page = (tmp_path / "README.md").read_text()
    assert "fit linear --solver lstsq --N 20 --sigma 1    # at the seeds 0 to 2" in page
    replicate.replicate(studies.read("mine", text), tmp_path, run=either)
    assert len(asked) == 2  # what was there is replaced, not refused


def test_the_command_lists_compares_and_ends_with_5_where_a_figure_is_outside(econml, monkeypatch):
    listed = econml("replicate")
    assert listed.code == 0 and "kernels" in listed.stdout and "lecture" in listed.stdout
    names = [one["name"] for one in json.loads(econml("replicate", "--json").stdout)["studies"]]
    assert names == list(studies.names())
    price = {"mu_0": 0.699497563627, "policy_error_mean": 1.5458e-4}
    growth = {"matern12": 1.76e-3, "matern32": 5.87e-4, "matern52": 1.38e-4}

    def ran(words):
        kernels = [word for word in words if word in growth]
        return {"policy_error_max": growth[kernels[0]]} if kernels else price

    monkeypatch.setattr(replicate, "in_a_process", ran)
    done = econml("replicate", "kernels")
    assert done.code == 0 and "price at t = 0" in done.stdout and "OUTSIDE" not in done.stdout
    assert Path("replications/kernels/README.md").exists()
    again = econml("replicate", "kernels")
    assert again.code == 1 and "add --force" in again.stderr
    price["mu_0"] = 0.6995
    done = econml("replicate", "kernels", "--force", "--json")
    assert done.code == 5 and "outside of what is allowed: price at t = 0" in done.stderr
    assert [one["verdict"] for one in json.loads(done.stdout)["figures"]] == ["OUTSIDE", *4 * ["within"]]
    assert econml("replicate", "kernel").code == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["taming", "transversality", "double_descent", "pension"])
def test_a_quick_study_is_within_what_is_allowed(name, tmp_path):
    made = replicate.replicate(studies.study(name), tmp_path, quick=True)
    assert not made.outside, made.grid().text()


@pytest.mark.slow
def test_the_price_without_a_bubble_is_the_published_one_to_eight_digits_and_growth_to_all_that_are(tmp_path):
    made = replicate.replicate(studies.study("kernels"), tmp_path)
    assert not made.outside and made.compared[0].ours == pytest.approx(0.699497563627038, abs=1e-9)
