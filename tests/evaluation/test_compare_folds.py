"""Cross-validations on the same folds, compared fold by fold."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import econml_cli
from econml_cli.config.fit_config import build
from econml_cli.evaluation.comparing.folds import compare_folds
from econml_cli.evaluation.cross_validation import cross_validation
from econml_cli.training.cross_validate import fit_folds


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two cross-validations on the same folds, and one on others, of a table in which z matters."""
    here = tmp_path_factory.mktemp("folds")
    rng, n = np.random.default_rng(0), 60
    frame = pd.DataFrame({"x": rng.normal(size=n), "z": rng.normal(size=n)})
    frame.assign(y=frame["x"] + frame["z"] + rng.normal(size=n)).to_csv(here / "t.csv", index=False)
    for name, more in {"small": {}, "large": {"features": "x,z"}, "seed": {"split_seed": 1}}.items():
        table = {"data": str(here / "t.csv"), "target": "y", "features": "x", "folds": 4, "val_fraction": 0.0, **more}
        cross_validation(fit_folds(build("linear", "tabular", [("test", table)]), here / name), bootstrap=0)
    return here


@pytest.mark.slow
def test_differences_are_those_of_folds_with_the_corrected_variance(made):
    found = compare_folds([made / "small", made / "large"])
    one, two = (
        [
            json.loads((made / name / "cross_validation.json").read_text())["results"]["fold"][k]["test_loss"]
            for k in range(4)
        ]
        for name in ("small", "large")
    )
    apart = np.array(two) - np.array(one)
    error = np.sqrt((1 / 4 + 1 / 3) * apart.var(ddof=1))  # Nadeau and Bengio: 15 test rows, 45 training rows
    loss = found.columns[1].against["test_loss"]
    assert loss.mean.value == pytest.approx(apart.mean()) and loss.mean.standard_error == pytest.approx(error)
    assert loss.p_value == pytest.approx(2 * stats.t.sf(abs(apart.mean() / error), 3))
    low, high = stats.t.interval(0.95, 3, apart.mean(), error)
    assert (loss.mean.low, loss.mean.high) == pytest.approx((low, high))
    assert set(found.columns[1].against) == {"test_loss", "test_rmse", "test_r2"} and found.columns[0].against is None
    back = compare_folds([made / "small", made / "large"], baseline="large").columns[0].against["test_loss"]
    assert back.mean.value == pytest.approx(-loss.mean.value)


def test_the_command_shows_and_writes_it(made, econml):
    ran = econml("eval", "compare", made / "small", made / "large", "--stars")
    assert ran.code == 0 and "(2) large less (1) small, fold by fold" in ran.stdout and "Nadeau" in ran.stderr
    assert econml("eval", "compare", made / "small", made / "large", "--out", "t.tex").code == 0
    assert r"\toprule" in Path("t.tex").read_text()
    told = list(
        csv.DictReader(econml("eval", "compare", made / "small", made / "large", "--format", "csv").stdout.splitlines())
    )
    assert [row["metric"] for row in told] == ["test_loss", "test_rmse", "test_r2"] and told[0]["folds"] == "4"


def test_the_figure_has_each_fold_and_the_interval_of_the_mean(made, econml):
    found = compare_folds([made / "small", made / "large"])
    paired, drawn = found.columns[1].against["test_loss"], found.plot()
    losses, differences = drawn.axes
    names = [label.get_text() for label in losses.get_yticklabels()]
    assert names == ["fold 1", "fold 2", "fold 3", "fold 4", "mean"]
    by_fold = [line.get_xdata() for line in losses.lines if len(line.get_xdata()) == 4]
    assert [list(values) for values in by_fold] == [list(one.by_fold["test_loss"]) for one in found.columns]
    ends = [list(line.get_xdata()) for line in differences.lines]
    assert [paired.mean.low, paired.mean.high] in ends and list(paired.by_fold) in ends
    assert [text.get_text() for text in differences.texts] == [f"p = {paired.p_value:.3f}".replace("0.", ".", 1)]
    ran = econml("eval", "compare", made / "small", made / "large", "--plot", "f.pdf", "--figure-width", "single")
    assert ran.code == 0 and "drawn in f.pdf" in ran.stderr and Path("f.pdf").read_bytes().startswith(b"%PDF")


def test_from_python_they_are_compared_as_by_the_command(made):
    small, large = (econml_cli.load_cross_validation(made / name, bootstrap=0) for name in ("small", "large"))
    found = econml_cli.compare(small, large, baseline="large")
    assert found.to_dict() == compare_folds([made / "small", made / "large"], baseline="large").to_dict()
    with pytest.raises(econml_cli.ConfigError, match=r"leave out dm\."):
        econml_cli.compare(small, large, dm=True)
    with pytest.raises(econml_cli.ConfigError, match="compare these alone"):
        econml_cli.compare(small, made / "large" / "fold1")
    with pytest.raises(econml_cli.ConfigError, match=r"econml_cli\.load_cross_validation\("):
        econml_cli.compare(made / "small", made / "large")


def test_other_folds_and_single_runs_are_refused_in_a_sentence(made, econml):
    ran = econml("eval", "compare", made / "small", made / "seed")
    assert ran.code == 2 and "are not those of" in ran.stderr and "is in fold" in ran.stderr
    ran = econml("eval", "compare", made / "small", made / "small" / "fold1")
    assert ran.code == 2 and "name cross-validations alone" in ran.stderr
    ran = econml("eval", "compare", made / "small", made / "large", "--dm")
    assert ran.code == 2 and "--baseline, --stars, --format, --out, --plot alone" in ran.stderr
    ran = econml("eval", "compare", made / "small")
    assert ran.code == 2 and "needs two" in ran.stderr
    ran = econml("eval", made / "small", made / "large")
    assert ran.code == 2 and "`econml eval compare` compares them" in ran.stderr


def test_one_that_is_not_complete_says_how_to_go_on(made, econml, tmp_path):
    shutil.copytree(made / "small", tmp_path / "cut")
    shutil.rmtree(tmp_path / "cut" / "fold3")
    saved = json.loads((tmp_path / "cut" / "cross_validation.json").read_text())
    del saved["results"]
    (tmp_path / "cut" / "cross_validation.json").write_text(json.dumps(saved))
    ran = econml("eval", "compare", tmp_path / "cut", made / "large")
    assert ran.code == 1 and "1 fold of 4 has not ended" in ran.stderr and "--resume" in ran.stderr
