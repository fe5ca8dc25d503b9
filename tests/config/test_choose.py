"""One rule for the model, the problem and the options of a fit: the shell, Python and a sweep answer alike."""

import dataclasses
from pathlib import Path

import pytest
import yaml

from econml_cli.config import choose
from econml_cli.config.fit_config import TYPED
from econml_cli.python import api
from econml_cli.sweeps.spec import schema, trial_config
from econml_cli.sweeps.spec.target import option_of

FILES = {"linear.yaml": "problem: linear\n", "table.yaml": "data: other.csv\n", "deep.yaml": "model: deep_set\n"}


@pytest.fixture(autouse=True)
def files():
    for name, text in FILES.items():
        Path(name).write_text(text)


def in_a_shell(econml, words):
    ran = econml("fit", *words, "--print-config")
    assert ran.code == 0, ran.stderr
    return yaml.safe_load(ran.stdout)


def in_python(words):
    options = dict(word[2:].split("=", 1) for word in words if word.startswith("--"))
    models = [word for word in words if not word.startswith("--")]
    return api.resolve(*models, **options).to_dict()


def swept(words, parameters="lr: {value: 0.001}"):
    command = ", ".join(f'"{word}"' for word in ["econml", "fit", *words, "${args}"])
    return schema.parse(f"method: grid\nparameters: {{{parameters}}}\ncommand: [{command}]\n", Path("sweep.yaml"))


def in_a_sweep(words, point=None):
    return trial_config.config_of(swept(words), point or {}).to_dict()


@pytest.mark.parametrize(
    ("words", "model", "problem"),
    [
        ([], "mlp", "linear"),
        (["deep_set"], "deep_set", "symmetric"),  # what the model is for
        (["--problem=factor"], "autoencoder", "factor"),  # the problem's own model
        (["linear", "--data=wage.csv"], "linear", "tabular"),  # naming data names the problem
        (["--config=table.yaml"], "mlp", "tabular"),  # in a file, too
        (["linear", "--config=linear.yaml", "--data=wage.csv"], "linear", "tabular"),  # of the strongest layer
        (["--config=table.yaml", "--problem=tabular"], "mlp", "tabular"),
        (["--config=deep.yaml"], "deep_set", "symmetric"),
        (["mlp", "--config=deep.yaml"], "mlp", "linear"),
    ],
)
def test_shell_python_and_sweep_choose_the_same_model_and_problem(econml, words, model, problem):
    found = [in_a_shell(econml, words), in_python(words), in_a_sweep(words)]
    assert [(each["model"], each["problem"]) for each in found] == [(model, problem)] * 3
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize(
    "words", [["linear", "--features=polynomial:degree=2"], ["linear", "--phi=polynomial:degree=2"]]
)
def test_a_representation_may_be_called_features_everywhere(econml, words):
    for found in (in_a_shell(econml, words), in_python(words), in_a_sweep(words)):
        assert found["phi"] == "polynomial:degree=2" and "features" not in found


def test_a_sweep_over_features_that_are_representations_is_one_over_phi():
    degrees = "features: {values: ['polynomial:degree=2', 'polynomial:degree=3']}"
    sweep = swept(["linear"], degrees)
    assert [option_of(p) for p in sweep.space.parameters] == ["phi"]
    config = trial_config.config_of(sweep, {"features": "polynomial:degree=3"})
    assert config.representation.phi == "polynomial:degree=3"
    columns = swept(["linear", "--data=wage.csv", "--target=wage"], "features: {values: [educ, exper]}")
    assert [option_of(p) for p in columns.space.parameters] == ["features"]


@pytest.mark.parametrize(
    ("variables", "words", "problem"),
    [
        ({"PROBLEM": "friedman"}, ["mlp"], "friedman"),
        ({"PROBLEM": "friedman"}, ["mlp", "--data=wage.csv"], "tabular"),
        ({"PROBLEM": "tabular"}, ["mlp", "--config=table.yaml"], "tabular"),
        ({"DATA": "wage.csv"}, ["mlp", "--config=linear.yaml"], "tabular"),
        ({"DATA": "wage.csv"}, ["mlp", "--problem=linear"], "linear"),
        ({"CONFIG": "table.yaml"}, ["mlp"], "tabular"),
    ],
)
def test_variables_stand_between_what_is_typed_and_the_file_in_shell_and_sweep(
    econml, monkeypatch, variables, words, problem
):
    for name, value in variables.items():
        monkeypatch.setenv(f"ECONML_{name}", value)
    found = [in_a_shell(econml, words), in_a_sweep(words)]
    assert [each["problem"] for each in found] == [problem] * 2 and found[0] == found[1]
    assert in_python(["mlp"])["problem"] == "linear"  # which reads none


def test_a_sweep_that_is_continued_keeps_the_variables_that_it_was_begun_with(monkeypatch):
    monkeypatch.setenv("ECONML_PROBLEM", "friedman")
    monkeypatch.setenv("ECONML_LR", "5")  # swept, so it is not kept
    begun = trial_config.environment_of(swept(["mlp"]))
    assert begun == {"problem": "friedman"}
    monkeypatch.delenv("ECONML_PROBLEM")
    sweep = swept(["mlp"])
    assert sweep.target.problem == "linear"
    again = trial_config.under(sweep, begun)
    assert trial_config.config_of(again, {"lr": 0.001}).problem == "friedman"


def test_a_run_that_is_resumed_is_asked_before_the_environment(monkeypatch):
    monkeypatch.setenv("ECONML_PROBLEM", "friedman")
    monkeypatch.setenv("ECONML_LR", "5")
    saved = {"model": "linear", "problem": "linear", "lr": 0.25}
    choice, _ = choose.from_arguments(["--resume", "r", "--num-epochs=7"], lambda run, runs_dir: [(run, saved)])
    config = choice.config()
    assert (config.model, config.problem, config.trainer.lr, config.trainer.num_epochs) == ("linear", "linear", 0.25, 7)


def test_a_switch_of_the_command_may_be_said_with_no_in_a_sweep_as_in_a_shell(econml):
    words = ["linear", "--no-bias"]
    assert in_a_shell(econml, words)["bias"] is False and in_a_sweep(words)["bias"] is False


def test_layers_are_looked_up_option_by_option_and_defaults_come_last():
    typed, file = [(TYPED, {"lr": 0.5})], [("file.yaml", {"lr": 0.1, "num-epochs": 7, "model": "linear"})]
    choice = choose.resolve(typed, file, {"ECONML_NUM_EPOCHS": "8", "ECONML_MOMENTUM": ""})
    trainer = choice.config().trainer
    assert (choice.model, choice.problem) == ("linear", "linear")
    assert (trainer.lr, trainer.num_epochs, trainer.momentum) == (0.5, 8, 0.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        choice.model = "mlp"
