"""A run that is open for questions: what it reads, how often, and that it says what a closed one says."""

import re
from pathlib import Path

import numpy as np
import pytest

import econml_cli
from econml_cli.errors import ConfigError
from econml_cli.evaluation.evaluate import evaluate
from econml_cli.evaluation.marginal.effects import effects
from econml_cli.evaluation.opened import open_run
from econml_cli.runs.directory import Run
from tests.support.fits import fitted
from tests.support.reads import counted

ONCE = {"config.yaml": 1, "manifest.json": 1, "checkpoint": 1, "data": 1}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Two runs on one file."""
    folder, rng = tmp_path_factory.mktemp("opened"), np.random.default_rng(0)
    rows = ["a,b,y", *(f"{a:.4f},{b:.4f},{a - b + 0.1 * e:.4f}" for a, b, e in rng.normal(size=(60, 3)))]
    (folder / "data.csv").write_text("\n".join(rows) + "\n")
    options = {"data": str(folder / "data.csv"), "target": "y", "test_fraction": 0.3, "num_epochs": 5}
    return [fitted(folder / name, lr=lr, **options) for name, lr in (("A", 0.1), ("B", 0.2))]


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fitted(tmp_path_factory.mktemp("ensemble") / "three", "mlp", width=4, members=3, num_epochs=20)


@pytest.mark.slow
def test_a_report_reads_a_run_once(econml, runs):
    with counted() as found:
        ran = econml("report", runs[0].path, "--out", "report.html", "--bootstrap", 40)
    assert ran.code == 0, ran.stderr
    # the samples do not keep the columns of the file, which effects move
    assert {name: found[name] for name in ONCE} == ONCE | {"data": 2}


def test_a_comparison_reads_each_run_once(econml, runs):
    with counted() as found:
        ran = econml("eval", "compare", runs[0].path, runs[1].path, "--bootstrap", 40)
    assert ran.code == 0, ran.stderr
    assert {name: found[name] for name in ONCE} == dict.fromkeys(ONCE, 2)


def test_several_questions_to_one_run_read_it_once(econml, runs):
    with counted() as found:
        ran = econml("eval", runs[0].path, "--effects", "--pdp", "a", "--pdp", "b", "--bootstrap", 40)
    assert ran.code == 0, ran.stderr
    assert [found[name] for name in ("config.yaml", "manifest.json", "checkpoint")] == [1, 1, 1]
    assert found["data"] == 2  # the splits, and the whole table, whose columns are moved


def test_an_evaluation_with_its_rows_and_its_figure_reads_a_run_once(econml, runs):
    with counted() as found:
        ran = econml("eval", runs[0].path, "--predictions", "rows.csv", "--plot", "fit.png", "--bootstrap", 40)
    assert ran.code == 0, ran.stderr
    # the data twice: the splits, and the whole file, whose rows are predicted
    assert {name: found[name] for name in ONCE} == ONCE | {"data": 2}


@pytest.mark.parametrize(
    ("question", "tables"),
    [
        ("effects", 2),
        ("partial-dependence --column a", 2),
        ("risk", 1),
        pytest.param("learning-curve --samples 8 --replications 2", 1, marks=pytest.mark.slow),
    ],
)
def test_each_question_reads_a_run_once(econml, runs, question, tables):
    with counted() as found:
        ran = econml("eval", *question.split(), runs[0].path)
    assert ran.code == 0, ran.stderr
    once = {"config.yaml": 1, "manifest.json": 1}
    assert {name: found[name] for name in once} == once
    assert found["checkpoint"] <= 1 and found["data"] <= tables


def test_nothing_is_read_before_it_is_asked_for(runs):
    with counted() as found, open_run(runs[0]) as opened:
        assert dict(found) == {"config.yaml": 1}  # for its precision
        opened.loaded()
        opened.loaded()
    assert (found["checkpoint"], found["data"]) == (1, 0)


def test_an_opened_run_is_worth_what_a_closed_one_is(runs):
    with open_run(runs[0]) as opened:
        first = effects(opened, bootstrap=40, beside=False).to_dict()
        assert evaluate(opened, bootstrap=40).to_dict() == evaluate(runs[0], bootstrap=40).to_dict()
    assert first == effects(runs[0], bootstrap=40, beside=False).to_dict()


def test_a_question_changes_only_what_it_asks_for(runs):
    with open_run(runs[0], data=runs[0].config().problem_options.data) as opened:
        assert evaluate(opened, bootstrap=0).reported == "data"
        assert evaluate(opened, bootstrap=0, step=5).reported == "data"
    with open_run(runs[0]) as opened:
        evaluate(opened, data=runs[0].config().problem_options.data, bootstrap=0)
        assert evaluate(opened, bootstrap=0).reported == "test"


@pytest.mark.slow
def test_a_changed_problem_is_told_by_a_run_that_is_open_with_it():
    run = fitted(Path("ols"), solver="lstsq", N=40, M=3)
    with open_run(run, changes={"N": "50"}) as opened:
        found = evaluate(opened, bootstrap=0)
    assert (found.n["train"], found.changed) == (50, {"N": 50})


@pytest.mark.slow
def test_members_come_from_one_checkpoint_and_are_those_of_their_own(ensemble):
    with counted() as found, open_run(ensemble) as opened:
        members = opened.members()
        second = opened.of_member(1)
        kernel = np.asarray(second.loaded().model.linear1.kernel[...])
    assert (found["checkpoint"], members.total, second.members().total) == (1, 3, 1)
    assert np.array_equal(kernel, np.asarray(members.models[1].linear1.kernel[...]))
    assert not np.array_equal(kernel, np.asarray(members.models[0].linear1.kernel[...]))
    with open_run(ensemble, member=1) as alone:
        assert np.array_equal(kernel, np.asarray(alone.loaded().model.linear1.kernel[...]))


def test_an_ensemble_has_no_one_model_and_no_fourth_member(ensemble):
    with open_run(ensemble) as opened, pytest.raises(ConfigError, match="choose one: --member 0 to --member 2"):
        opened.loaded()
    with pytest.raises(ConfigError, match="has the members 0 to 2"), open_run(ensemble, member=3):
        pass


def test_only_an_opened_run_calls_the_loader_of_checkpoints():
    """Outside training and storage: whatever else read a checkpoint would read it once more."""
    root = Path(econml_cli.__file__).parent
    loads = re.compile(
        r"\bcheckpoint\.load\(|\bcheckpoint import .*\bload\b|\brestore\.fitted\(|restore import .*\bfitted\b"
    )
    found = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if path.relative_to(root).parts[0] not in ("training", "storage") and loads.search(path.read_text())
    }
    assert found == {"evaluation/opened.py"}
