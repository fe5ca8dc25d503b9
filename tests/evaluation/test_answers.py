"""`econml eval` with a question of its own: what is printed in each form, and what is refused."""

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from econml_cli.errors import RunError
from econml_cli.output.tables import Grid, escape_latex, latex
from tests.support.fits import fitted


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of least squares, with a constant and without."""
    runs = tmp_path_factory.mktemp("made") / "runs"
    for name, bias in (("ols", True), ("through-0", False)):
        fitted(runs / name, solver="lstsq", N=60, M=3, sigma=0.5, bias=bias)
    return runs


def test_no_text_of_a_column_is_a_command_of_latex():
    assert escape_latex("\\input{evil} $x$ 5% a&b #1 a_b ~ ^") == (
        r"\textbackslash{}input\{evil\} \$x\$ 5\% a\&b \#1 a\_b \textasciitilde{} \textasciicircum{}"
    )


def test_a_title_of_several_lines_is_one_comment_in_latex():
    text = latex(Grid(("a", "b"), (("x", "1"),), title="one\n\\input{evil}"))
    assert text.splitlines()[0] == r"% one \input{evil}" and text.splitlines()[1].startswith(r"\begin{tabular}")


@pytest.fixture
def ols(made):
    """The two, in runs/."""
    shutil.copytree(made, "runs")


@pytest.mark.slow
def test_a_question_is_answered_in_place_of_the_evaluation(econml, ols):
    ran = econml("eval", "risk", "ols", "--draws", 500)
    assert ran.code == 0, ran.stderr
    assert "population risk" in ran.stdout and "500 fresh draws" in ran.stdout
    assert "rmse" not in ran.stdout


@pytest.mark.slow
def test_flags_of_0_1_that_ask_for_what_is_a_command_now_are_answered_and_said_to_be_one(econml, ols):
    ran = econml("eval", "ols", "through-0", "--compare", "--draws", 500, "--bootstrap", 0)
    assert ran.stderr.count("econml eval compare ols through-0") == 1 and ran.code == 0, ran.stderr
    assert ran.stdout == econml("eval", "compare", "ols", "through-0", "--draws", 500, "--bootstrap", 0).stdout


@pytest.mark.slow
def test_several_questions_make_one_json_document(econml, ols):
    ran = econml("eval", "ols", "--decompose", "--draws", 500, "--effects", "--pdp", "x1", "--pdp", "x3", "--json")
    assert ran.code == 0, ran.stderr
    assert ran.stderr.startswith(
        "econml eval: --decompose is `econml eval risk ols`, --effects is `econml eval effects ols`, --pdp is "
        "`econml eval partial-dependence ols --column x1 --column x3` now.\n"
    )
    found = json.loads(ran.stdout)
    assert list(found) == ["decomposition", "effects", "partial_dependence"]
    assert [part["column"] for part in found["partial_dependence"]] == ["x1", "x3"]
    assert found["decomposition"]["draws"] == 500
    slopes = {row["column"]: row["effect"]["value"] for row in found["effects"]["effects"]}
    theta = json.loads(Path("runs/ols/manifest.json").read_text())["data"]["theta"]
    assert [slopes[f"x{i + 1}"] for i in range(3)] == pytest.approx(theta, abs=0.3)


@pytest.mark.slow
def test_one_question_makes_a_csv_file_with_all_digits(econml, ols):
    ran = econml(
        "eval", "learning-curve", "ols", "--samples", "20,40", "--replications", 3, "--draws", 200, "--format", "csv"
    )
    assert ran.code == 0, ran.stderr
    rows = list(csv.DictReader(io.StringIO(ran.stdout)))
    assert [row["n"] for row in rows] == ["20", "40"]
    assert float(rows[1]["population_risk"]) > 0.25


@pytest.mark.slow
def test_the_curve_and_the_partial_dependence_are_drawn(econml, ols, isolated):
    ran = econml(
        "eval",
        "learning-curve",
        "ols",
        "--samples",
        "20,40",
        "--replications",
        3,
        "--draws",
        200,
        "--plot",
        "curve.png",
    )
    assert ran.code == 0 and "drawn in curve.png" in ran.stderr
    assert econml("eval", "partial-dependence", "ols", "--column", "x1", "--plot", "x1.svg").code == 0
    assert (isolated / "curve.png").stat().st_size > 5000 and (isolated / "x1.svg").stat().st_size > 5000


@pytest.mark.slow
def test_runs_are_compared_as_columns(econml, ols):
    ran = econml("eval", "compare", "ols", "through-0", "--draws", 500, "--format", "latex")
    assert ran.code == 0, ran.stderr
    assert "(1) & (2)" in ran.stdout and "through-0" in ran.stdout and r"\toprule" in ran.stdout
    told = json.loads(econml("eval", "compare", "ols", "through-0", "--baseline", "through-0", "--json").stdout)
    assert told["baseline"] == "through-0"


def test_a_figure_that_fails_leaves_the_answer(econml, ols, monkeypatch):
    def fails(figure, path):
        raise RunError("no room on the disk")

    monkeypatch.setattr("econml_cli.output.figure_files.save", fails)
    ran = econml("eval", "partial-dependence", "ols", "--column", "x1", "--plot", "x1.svg")
    assert ran.code == 1 and "no room on the disk" in ran.stderr and "Partial dependence of y on x1" in ran.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--bootstrap", 39], "a 95 % interval needs 40 replications or more"),
        (["--replications", 5], "--replications is the number of data sets of --samples"),
        (["--samples", "many"], "must be numbers of observations"),
        (["--stars"], "--stars belongs to --compare"),
        (["--horizon", 2], "--horizon belongs to --compare"),
        (["--compare", "--effects"], "--compare makes a table of its own"),
        (["ols", "--decompose"], "--decompose looks at one run, but 2 are named"),
        (["--decompose", "--effects", "--format", "csv"], "--format csv writes one table"),
        (["--effects", "--plot", "e.png"], "--plot draws one thing"),
        (["--effects", "--den-haan-marcet"], "ask --effects by itself"),
        (["--samples", "20", "--step", 1], "leave --step out"),
        (["--decompose", "--draws", 0], "leave --draws 0 out"),
    ],
)
def test_options_that_do_not_go_together_are_refused(words, said, econml, ols):
    ran = econml("eval", "ols", *words)
    assert ran.code == 2 and said in ran.stderr, ran.stderr


def test_a_file_is_no_population(econml, isolated):
    (isolated / "t.csv").write_text("x,y\n" + "\n".join(f"{i % 9},{i % 5}" for i in range(50)) + "\n")
    assert econml("fit", "linear", "--data", "t.csv", "--target", "y", "--solver", "lstsq", "--name", "t").code == 0
    ran = econml("eval", "t", "--decompose", "--data", "t.csv")
    assert ran.code == 2 and "leave --data and --with out" in ran.stderr
    for words in (["--decompose", "--draws", 77], ["--samples", 10, "--draws", 77], ["--decompose", "--draw-seed", 3]):
        ran = econml("eval", "t", *words)
        assert ran.code == 2 and f"{words[-2]} needs a problem that can be simulated" in ran.stderr, ran.stderr
