"""`econml eval` and `econml predict` from the shell: streams, formats, exit codes."""

import csv
import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from econml_cli.config.fit_config import build
from econml_cli.evaluation import evaluation_tables
from econml_cli.evaluation.comparing import rankable
from econml_cli.evaluation.estimate import Estimate, Quantity
from econml_cli.evaluation.evaluation import Evaluation
from econml_cli.output import sorting
from econml_cli.output import tables as render
from econml_cli.runs.directory import Run, create
from econml_cli.training.fit import fit
from econml_cli.training.run import provenance
from econml_cli.training.setup.setup import assemble


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with two runs, `good` and, older, `bad`."""
    directory = tmp_path_factory.mktemp("runs")
    for name, options in (("bad", {"num_epochs": 1}), ("good", {"num_epochs": 40, "lr": 0.1, "optimizer": "adam"})):
        fit(build("linear", "linear", [("test", {"N": 40, "N_test": 20, "N_val": 0, **options})]), directory / name)
    return directory


def made_up(name: str, **estimates: float) -> Evaluation:
    found = {Quantity(*key.split("_", 1)): Estimate(value) for key, value in estimates.items()}
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


def as_if_evaluated(name: str, problem: str, reported: str = "test", **options) -> Evaluation:
    """What is said of a run in `runs` that nobody has trained."""
    config = build("linear", problem, [("test", {"num_epochs": 1, **options})])
    run = create(Path("runs") / name, provenance.files(assemble(config), None), force=False)
    return dataclasses.replace(made_up(name), path=str(run.path), problem=problem, reported=reported)


@pytest.mark.slow
def test_draws_of_one_problem_are_ranked_whatever_their_seed_and_their_size():
    first = as_if_evaluated("first", "linear", N=50)
    assert rankable.notes([first, as_if_evaluated("seed", "linear", N=80, N_test=30, seed=1)]) == []
    noisy = as_if_evaluated("noisy", "linear", N=50, sigma=5.0)
    says = "noisy cannot be ranked with first by its loss: its --sigma is 5.0, not 0.0001."
    assert rankable.notes([first, noisy]) == [says]
    assert rankable.notes([first, dataclasses.replace(noisy, changed={"sigma": 5.0})]) == []


@pytest.mark.slow
def test_regressions_are_ranked_where_their_target_and_their_test_rows_are_the_same():
    frame = pd.DataFrame(np.random.default_rng(0).normal(5.0, 0.1, (60, 3)), columns=["y", "a", "b"])
    frame.to_csv("wide.csv", index=False)
    frame[["y", "a"]].to_parquet("narrow.parquet", index=False)
    frame.assign(y=frame["y"] + 1).to_csv("shifted.csv", index=False)

    def run(name, data, *, reported="test", **options):
        return as_if_evaluated(name, "tabular", reported, data=data, **options)

    wide, logs = run("wide", "wide.csv", target="y"), run("logs", "wide.csv", formula="log(y) ~ a")
    assert rankable.notes([wide, run("narrow", "narrow.parquet", target="y")]) == []
    assert rankable.notes([wide, run("shifted", "shifted.csv", target="y")])[0].startswith(
        "shifted cannot be ranked with wide by its loss: its data file is shifted.csv (sha256 "
    )
    split = run("split", "wide.csv", target="y", split_seed=1)
    assert rankable.notes([wide, split])[0].endswith(": its --split-seed is 1, not 0.")
    assert rankable.notes([wide, logs, split])[0].endswith(" (nor can 1 more): its target is log(y), not y.")
    folds = [run(f"fold{k}", "wide.csv", target="y", folds=7, fold=k) for k in (1, 7)]
    assert rankable.notes(folds) == []
    on_a_file = [dataclasses.replace(each, reported="data") for each in (wide, split)]
    assert rankable.notes(on_a_file) == []


def test_what_cannot_be_ranked_is_said_on_stderr(econml, made, monkeypatch):
    monkeypatch.setattr(rankable, "notes", lambda found: [f"{found[1].run} is of another problem."])
    done = econml("eval", made / "bad", made / "good", "--bootstrap", 0, "--json")
    assert done.stderr == "econml eval: bad is of another problem.\n"
    assert len(json.loads(done.stdout)) == 2


@pytest.mark.parametrize("arguments", [("eval", "--format"), ("export", "good", "--out", "new", "--to")])
def test_a_word_that_is_no_choice_is_answered_in_our_words(econml, arguments):
    done = econml(*arguments, "foo")
    assert done.code == 2
    assert "must be one of" in done.stderr and "got 'foo'" in done.stderr
    assert "Value error" not in done.stderr


@pytest.mark.parametrize(
    "command", ["predict", "simulate", "eval", "inspect checkpoint", "inspect model mlp", "sweep show", "sweep slurm"]
)
def test_the_help_of_a_command_that_replaces_a_file_says_so(econml, command):
    assert "replaced if it exists" in " ".join(econml(*command.split(), "--help").stdout.replace("│", " ").split())


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
    assert "60 rows written to p.csv" in done.stderr
    assert list(rows[0]) == ["x1", "x2", "y", "yhat", "split"]
    assert [row["split"] for row in rows] == ["train"] * 40 + ["test"] * 20
    mse = sum((float(row["y"]) - float(row["yhat"])) ** 2 for row in rows[40:]) / 20
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
    done = econml("eval", "rsik", "good", "--runs-dir", made)
    assert done.code == 1 and "Did you mean 'risk'?" in done.stderr


def test_columns_that_do_not_fit_are_left_out_and_counted():
    several = [made_up("a", test_loss=1.5, train_loss=1.0), made_up("b", test_loss=0.5, train_loss=2.0)]
    out = evaluation_tables.render(several, "table", several=True, width=30)
    header, *lines, more = out.splitlines()
    assert header == "  run  test_loss  train_loss"
    assert lines == ["  a        1.500       1.000", "  b       0.5000       2.000"]
    assert more == "  (7 more columns in a wider terminal, or with --format csv)"


def test_missing_values_come_last_whichever_way_it_is_sorted():
    several = [made_up("a", train_loss=1.0), made_up("b", test_loss=2.0), made_up("c", test_loss=1.0)]
    assert [e.run for e in evaluation_tables.ordered(several, None)] == ["c", "b", "a"]
    for descending in ("-test_loss", "test_loss:desc", "-test-loss"):
        assert [e.run for e in evaluation_tables.ordered(several, descending)] == ["b", "c", "a"]


def test_a_column_may_have_a_colon_and_text_among_its_numbers():
    rows = [{"coef_a:b": "x"}, {"coef_a:b": 2}, {}, {"coef_a:b": 1.5}]
    assert sorting.order(rows, "coef_a:b") == [3, 1, 0, 2]
    assert sorting.order(rows, "coef_a:b:desc") == sorting.order(rows, "-coef_a:b") == [0, 1, 3, 2]


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


def test_latex_has_arrows_and_no_row_begins_with_an_argument_of_the_one_above():
    rows = tuple((name, "1.2e-05") for name in ("female: 0 -> 1", "x < 3 | y > 2", "[0, 1)", "*"))
    said = render.latex(render.Grid(("[from", "effect"), rows)).splitlines()
    assert said[2] == r"  {}[from & effect \\"
    assert said[4:8] == [
        r"  female: 0 $\to$ 1 & $1.2 \times 10^{-5}$ \\",
        r"  x $<$ 3 $|$ y $>$ 2 & $1.2 \times 10^{-5}$ \\",
        r"  {}[0, 1) & $1.2 \times 10^{-5}$ \\",
        r"  {}* & $1.2 \times 10^{-5}$ \\",
    ]


def test_markdown_shows_names_as_they_are_in_a_table_and_in_its_title():
    grid = render.Grid(("run", "test_loss"), (("a|b", "1.2e-05"), ("<script>", "[1, 2]"), ("_x_ * __y", "`")), "of *y*")
    assert render.markdown(grid).splitlines() == [
        r"**of \*y\***", "",
        "| run | test_loss |", "| :--- | ---: |",
        r"| a\|b | 1.2e-05 |", r"| \<script> | [1, 2] |", r"| \_x\_ \* \_\_y | \` |",
    ]  # fmt: skip
