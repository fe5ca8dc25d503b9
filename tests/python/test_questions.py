"""Every question of `econml eval`, cross-validations, sweeps and reports from Python: the answers of the commands."""

import json
import typing
from pathlib import Path

import pandas as pd
import pytest

import econml_cli
from econml_cli.config import fit_config
from econml_cli.models.table import MODELS
from econml_cli.problems.table import PROBLEMS
from econml_cli.python import api, fit_options
from tests.support.wages import wages


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Runs of one table: `ols`, and `few`, which lacks a column; of the lecture's problem `line`."""
    here = tmp_path_factory.mktemp("questions")
    common = {"data": wages(), "target": "wage", "solver": "lstsq"}
    ols = econml_cli.fit("linear", out=here / "ols", **common)
    few = econml_cli.fit("linear", out=here / "few", features="educ", **common)
    line = econml_cli.fit("linear", out=here / "line", solver="lstsq", N=40, N_val=20, N_test=20)
    return ols, few, line


def shown(result, part=None):
    """What a command prints with --json, or a part of it."""
    assert result.code == 0, result.stderr
    found = json.loads(result.stdout)
    return found if part is None else found[part]


@pytest.mark.slow
def test_effects_and_partial_dependence_are_those_of_the_command(made, econml):
    ols, *_ = made
    found = ols.effects(bootstrap=40, vcov="HC1")
    asked = econml("eval", "effects", ols.path, "--bootstrap=40", "--vcov=HC1", "--json")
    assert found.to_dict() == shown(asked, "effects")
    part = ols.partial_dependence("educ", bootstrap=40)
    asked = econml("eval", "partial-dependence", ols.path, "--column=educ", "--bootstrap=40", "--json")
    assert shown(asked, "partial_dependence") in (part.to_dict(), [part.to_dict()])
    assert part.plot().axes
    shuffled = ols.permutation_importance("educ", bootstrap=40)
    asked = econml("eval", "importance", ols.path, "--columns=educ", "--bootstrap=40", "--json")
    assert shuffled.to_dict() == shown(asked, "importance")
    there = ols.effects(wages(20), bootstrap=0)
    assert (there.n, there.effects[0].estimate.value) == (20, pytest.approx(found.effects[0].estimate.value))


@pytest.mark.slow
def test_risk_and_learning_curve_are_those_of_the_command(made, econml):
    *_, line = made
    asked = econml("eval", "risk", line.path, "--draws=100", "--json")
    assert line.risk(draws=100).to_dict() == shown(asked, "decomposition")
    curve = line.learning_curve([20, 40], replications=2, draws=100)
    asked = ("--samples=20,40", "--replications=2", "--draws=100", "--json")
    assert curve.to_dict() == shown(econml("eval", "learning-curve", line.path, *asked), "learning_curve")
    with pytest.raises(econml_cli.ConfigError, match="samples") as raised:
        line.learning_curve([0])
    assert "--" not in str(raised.value)


def test_a_comparison_and_its_table_for_a_paper_are_those_of_the_command(made, econml):
    ols, few, _ = made
    found = econml_cli.compare(ols, few.path, bootstrap=40)
    command = ("eval", "compare", ols.path, few.path, "--bootstrap=40")
    assert found.to_dict() == shown(econml(*command, "--json"))
    typed = econml(*command, "--paper", "--rows=educ=Schooling", "--label=tab:w", "--format=latex")
    assert econml_cli.paper_table(found, rows={"educ": "Schooling"}, label="tab:w") == typed.stdout.rstrip("\n")
    assert "educ" in econml_cli.paper_table(found, "markdown", rows=["educ"])
    with pytest.raises(econml_cli.ConfigError, match=r"^label bad label must be letters"):
        econml_cli.paper_table(found, label="bad label")
    with pytest.raises(econml_cli.ConfigError, match=r"econml_cli.compare\(ols, mlp\)"):
        econml_cli.compare()


@pytest.mark.slow
def test_a_report_is_that_of_the_command(made, econml):
    ols, *_ = made
    written = econml_cli.write_report(ols, out="python.html", bootstrap=40)
    assert (written.out, written.pdf, written.failed) == (Path("python.html"), None, ())
    econml("report", ols.path, "--out=shell.html", "--bootstrap=40")
    assert Path("python.html").read_text() == Path("shell.html").read_text()
    Path("mine.html").write_text("mine")
    with pytest.raises(econml_cli.RunError, match="force=True"):
        econml_cli.write_report(ols, out="mine.html")


@pytest.mark.slow
def test_a_cross_validation_is_that_of_the_command_and_can_be_opened_again(econml):
    found = econml_cli.cross_validate("linear", data=wages(), target="wage", folds=3, name="folds", bootstrap=40)
    kept = next(Path("runs/data").iterdir())
    typed = econml("fit", "linear", f"--data={kept}", "--target=wage", "--folds=3", "--out=runs/typed", "--json")
    there = shown(typed)
    assert found.over["test_loss"].value == pytest.approx(there["test_loss"]["value"], rel=1e-12)
    again = econml_cli.load_cross_validation("folds", bootstrap=40)
    assert again.to_dict() == found.to_dict()
    assert json.loads(Path("runs/folds/cross_validation.json").read_text())["command"].startswith(
        "econml_cli.cross_validate('linear', data='DataFrame', folds=3"
    )
    with pytest.raises(econml_cli.RunError, match="no cross-validation 'nothing'"):
        econml_cli.load_cross_validation("nothing")
    with pytest.raises(econml_cli.ConfigError, match="folds=2 or more"):
        econml_cli.cross_validate("linear", data=wages(), target="wage", folds=0)
    with pytest.raises(econml_cli.ConfigError, match="leave out test_fraction"):
        econml_cli.cross_validate("linear", data=wages(), target="wage", test_fraction=0.1)


def test_a_fold_that_diverges_is_warned_of():
    with pytest.warns(econml_cli.FitWarning, match=r"non-finite in fold 1.*smaller lr") as told:
        econml_cli.cross_validate("linear", data=wages(), target="wage", folds=2, solver="gradient", optimizer="sgd",
                                  lr=1e30, num_epochs=30, bootstrap=0)  # fmt: skip
    assert Path(told[0].filename) == Path(__file__)


def test_a_sweep_is_read_again_with_what_matters():
    document = {
        "name": "again", "method": "grid", "metric": {"name": "val_loss"},
        "parameters": {"lr": {"values": [1e-3, 1e-2]}, "N": {"value": 20}, "num_epochs": {"value": 2},
                       "solver": {"value": "gradient"}},
        "command": ["econml", "fit", "linear", "--problem=linear", "${args}"],
    }  # fmt: skip
    trials = econml_cli.sweep(document, jobs=1)
    pd.testing.assert_frame_equal(econml_cli.load_sweep("again"), trials)
    assert econml_cli.load_sweep("again").attrs == trials.attrs
    matters = econml_cli.importance("runs/again")
    assert list(matters.name) == ["lr"] and matters.trials[0] == 2 and matters.attrs["trials"] == 2
    with pytest.raises(econml_cli.RunError):
        econml_cli.load_sweep("nothing")


def test_every_option_of_every_fit_has_a_type_that_an_editor_finds():
    offered = {name for problem in PROBLEMS for name in fit_config.offered("mlp", problem)}
    offered |= {name for model in MODELS for name in fit_config.offered(model, "linear")}
    typed = typing.get_type_hints(fit_options.FitOptions)
    assert set(typed) == offered - {"data"}
    assert typed["precision"] == typing.Literal["float32", "float64", "bfloat16"]
    assert typing.get_args(fit_options.ModelName) == tuple(MODELS)
    first, other = typing.get_overloads(api.fit)
    assert "FitOptions" in first.__annotations__["options"]
    assert other.__annotations__["options"] is typing.Any
