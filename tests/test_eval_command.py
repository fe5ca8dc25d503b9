"""`econml eval` and `econml predict` from the shell: streams, formats, exit codes."""

import csv
import io
import json
from pathlib import Path

import pytest

from econml_cli.config import build
from econml_cli.evaluation import Estimate, Evaluation
from econml_cli.evaluation.layout import render, tables
from econml_cli.runs import Run
from econml_cli.training.fit import fit


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with two runs, `good` and, older, `bad`."""
    directory = tmp_path_factory.mktemp("runs")
    for name, options in (("bad", {"num_epochs": 1}), ("good", {"num_epochs": 40, "lr": 0.1, "optimizer": "adam"})):
        fit(build("linear", "linear", [("test", {"N": 50, "N_test": 20, "N_val": 0, **options})]), directory / name)
    return directory


def made_up(name: str, **estimates: float) -> Evaluation:
    found = {key: Estimate(value) for key, value in estimates.items()}
    return Evaluation(
        name, f"runs/{name}", "mlp", "linear", "regression", "max_epochs", 3, "test", {"train": 5, "val": 0, "test": 2},
        found, {}, None, 0, 0, (),
    )  # fmt: skip


def test_the_newest_run_is_evaluated_by_default(econml, made):
    done = econml("eval", "--runs-dir", made)
    assert done.code == 0
    assert done.stdout.startswith("good: linear on linear, epoch 40\n")
    assert done.stderr == ""


def test_the_runs_directory_comes_from_the_environment(econml, made, monkeypatch):
    monkeypatch.setenv("ECONML_RUNS_DIR", str(made))
    assert json.loads(econml("eval", "bad", "--json").stdout)["run"] == "bad"


def test_json_is_one_document_an_object_for_one_run_and_a_list_for_several(econml, made):
    assert json.loads(econml("eval", made / "good", "--json").stdout)["n_test"] == 20
    several = json.loads(econml("eval", made / "bad", made / "good", "--format", "json").stdout)
    assert [found["run"] for found in several] == ["good", "bad"]


def test_several_runs_are_sorted_by_test_loss_or_by_a_column(econml, made):
    def order(*options):
        out = econml("eval", made / "bad", made / "good", "--format", "csv", *options).stdout
        return [row["run"] for row in csv.DictReader(io.StringIO(out))]

    assert order() == ["good", "bad"]
    assert order("--sort=-test_loss") == ["bad", "good"]
    assert order("--sort", "epoch") == ["bad", "good"]


def test_an_unknown_column_is_answered_with_the_nearest(econml, made):
    done = econml("eval", made / "bad", made / "good", "--sort", "tst_loss")
    assert done.code == 2
    assert "Did you mean 'test_loss'?" in done.stderr
    assert done.stdout == ""


def test_a_table_in_a_pipe_keeps_every_column(econml, made):
    header, *lines = econml("eval", made / "bad", made / "good", "--draws", 10).stdout.splitlines()
    for column in ("run", "test_loss", "95 % interval", "test_r2", "theta_error", "population_risk", "n_test"):
        assert column in header
    assert len(lines) == 2
    assert "\x1b" not in header


def test_a_broken_run_is_named_and_the_others_are_shown(econml, made, tmp_path):
    import shutil

    broken = Path(shutil.copytree(made / "good", tmp_path / "broken"))
    shutil.rmtree(broken / "checkpoints")
    done = econml("eval", made / "good", broken, "--json")
    assert done.code == 1
    assert [found["run"] for found in json.loads(done.stdout)] == ["good"]
    assert "1 of 2 runs could not be evaluated" in done.stderr


def test_predictions_of_a_simulated_problem_stand_beside_its_draws(econml, made):
    done = econml("eval", made / "good", "--predictions", "p.csv")
    rows = list(csv.DictReader(Path("p.csv").read_text().splitlines()))
    assert done.code == 0
    assert "70 rows written to p.csv" in done.stderr
    assert list(rows[0]) == ["x1", "x2", "y", "yhat", "split"]
    assert [row["split"] for row in rows] == ["train"] * 50 + ["test"] * 20
    mse = sum((float(row["y"]) - float(row["yhat"])) ** 2 for row in rows[50:]) / 20
    assert mse == pytest.approx(Run(made / "good").summary()["test_loss"], rel=1e-3)
    assert sorted(p.name for p in Path().iterdir()) == ["p.csv"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["eval", "good", "bad", "--predictions", "p.csv"], "--predictions writes one file"),
        (["eval", "good", "--predictions", "p.xls"], "must end in one of .csv"),
        (["eval", "good", "--predictions", "nowhere/p.csv"], "nowhere is not a directory"),
        (["eval", "good", "--data", "x.csv"], "reads no file"),
        (["eval", "good", "--draws", "1"], "at least 2"),
        (["predict", "good", "--data", "x.csv", "--out", "x.csv"], "is the file that is read"),
        (["predict", "good", "--data", "x.csv", "--out", "-"], "reads no file"),
    ],
)
def test_what_was_typed_wrong_is_one_sentence_and_exit_code_2(econml, made, arguments, message):
    done = econml(*arguments, "--runs-dir", made)
    assert done.code == 2
    assert message in done.stderr
    assert done.stdout == ""
    assert not list(Path().iterdir())


def test_a_run_that_is_not_there_is_exit_code_1(econml, made):
    done = econml("eval", "godo", "--runs-dir", made)
    assert done.code == 1
    assert "Did you mean 'good'?" in done.stderr


def test_columns_that_do_not_fit_are_left_out_and_counted():
    several = [made_up("a", test_loss=1.5, train_loss=1.0), made_up("b", test_loss=0.5, train_loss=2.0)]
    out = tables.render(several, "table", several=True, width=30)
    header, *lines, more = out.splitlines()
    assert header == "  run  test_loss  train_loss"
    assert lines == ["  a        1.500       1.000", "  b       0.5000       2.000"]
    assert more == "  (7 more columns in a wider terminal, or with --format csv)"


def test_missing_values_come_last_whichever_way_it_is_sorted():
    several = [made_up("a", train_loss=1.0), made_up("b", test_loss=2.0), made_up("c", test_loss=1.0)]
    assert [e.run for e in tables.ordered(several, None)] == ["c", "b", "a"]
    assert [e.run for e in tables.ordered(several, "-test_loss")] == ["b", "c", "a"]


def test_latex_escapes_names_and_writes_powers_of_ten():
    grid = render.Grid(("run", "test_loss"), (("a_b-2 & 50%", "-1.500e-04"), ("c", "[-0.5, 2]")))
    assert render.latex(grid).splitlines() == [
        r"\begin{tabular}{lr}",
        r"  \toprule",
        r"  run & test\_loss \\",
        r"  \midrule",
        r"  a\_b-2 \& 50\% & $-1.500 \times 10^{-4}$ \\",
        r"  c & [$-$0.5, 2] \\",
        r"  \bottomrule",
        r"\end{tabular}",
    ]


def test_markdown_escapes_pipes():
    grid = render.Grid(("run", "test_loss"), (("a|b", "1"),))
    assert render.markdown(grid).splitlines() == ["| run | test_loss |", "| :--- | ---: |", "| a\\|b | 1 |"]
