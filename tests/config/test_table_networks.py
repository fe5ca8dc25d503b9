"""How networks are trained on a table where nobody says: on tables alone, and not where somebody says how."""

from dataclasses import replace

import pytest

from econml_cli.config import fit_config
from econml_cli.options.trainer import TrainerOptions
from econml_cli.problems.registry import PROBLEMS
from econml_cli.problems.table_networks import NETWORKS, PLAIN
from econml_cli.sweeps.spec import target
from econml_cli.training.step.optimizers import hyperparameters

TABLE = {"data": "t.csv", "target": "y"}


def built(model="mlp", problem="tabular", **options):
    return fit_config.build(model, problem, [("typed", {**(TABLE if problem == "tabular" else {}), **options})])


def of_recipe(model, config):
    """The options of the recipe as a config has them."""
    flat = config.to_dict()
    return {name: flat[name] for name in NETWORKS[model]}


@pytest.mark.parametrize("model", sorted(NETWORKS))
def test_a_network_on_a_table_stops_by_its_validation_rows(model):
    config = built(model)
    assert config.trainer.patience > 0 and of_recipe(model, config) == dict(NETWORKS[model])


def test_a_resnet_takes_shorter_steps():
    assert built("resnet").trainer.lr == 3e-4 and built("mlp").trainer.lr == 1e-3


@pytest.mark.parametrize(
    "said", [{"patience": 0}, {"patience": "0"}, {"num_epochs": 2000}, {"optimizer": "adam"}, {"val_fraction": 0}]
)
def test_it_is_trained_as_before_where_somebody_says_how_long_or_how(said):
    config = built(**said)
    assert config.trainer == TrainerOptions()
    declared = fit_config.build("mlp", "linear", [])
    assert config.model_options == declared.model_options


@pytest.mark.parametrize(("name", "value"), [("stop_loss", 0.1), ("num_epochs", 20)])
def test_who_says_when_training_ends_has_what_0_1_had(name, value):
    assert name in PLAIN and built(**{name: value}).trainer == replace(TrainerOptions(), **{name: value})


@pytest.mark.parametrize(
    "said", [{"lr": 0.5, "width": "8"}, {"patience": 60}, {"patience": "60"}, {"dropout": 0, "batch_size": 32}]
)
def test_any_other_option_takes_the_place_of_its_own_default_alone(said):
    found = built(**said).to_dict()
    others = {name: value for name, value in NETWORKS["mlp"].items() if name not in said}
    assert others.items() <= found.items()
    assert {name: float(value) for name, value in said.items()}.items() <= found.items()


def test_weight_decay_falls_with_the_rows_unless_it_is_said():
    options = built().trainer
    assert options.weight_decay_rows is not None
    rows = options.weight_decay_rows
    most = options.weight_decay
    assert [options.decay_of(n) for n in (1, rows, 4 * rows)] == [most, most, most / 4]
    said = built(weight_decay=0.3).trainer
    assert said.weight_decay_rows is None and said.decay_of(10**6) == 0.3
    again = fit_config.build("mlp", "tabular", [("config.yaml", built().to_dict())]).trainer
    assert again.weight_decay_rows == rows
    both = built(weight_decay=0.3, weight_decay_rows=50).trainer
    assert both.decay_of(100) == pytest.approx(0.15)


def test_a_fit_is_given_the_decay_of_its_rows():
    options = replace(TrainerOptions(), weight_decay=0.8, weight_decay_rows=100)
    assert float(hyperparameters(options, 400)["weight_decay"]) == pytest.approx(0.2)
    assert float(hyperparameters(replace(options, weight_decay_rows=None), 400)["weight_decay"]) == pytest.approx(0.8)


@pytest.mark.parametrize("problem", sorted(set(PROBLEMS) - {"tabular"}))
def test_no_other_problem_has_these_defaults(problem):
    entry = PROBLEMS[problem]
    patience = entry.recipe.get("patience", 0)
    if problem != "investment":
        assert patience == 0
    assert entry.suiting("mlp", entry.options(), {}) == {}
    assert (
        fit_config.build("mlp", problem, [("typed", {"expr": "x"} if problem == "function" else {})]).trainer.patience
        == patience
    )


def test_linear_models_and_what_is_solved_are_as_they_were():
    assert built("linear").model_options.solver == "exact" and built("linear").trainer.patience == 0
    assert built("linear", lr=0.1).trainer == replace(TrainerOptions(), lr=0.1)
    for model in ("polynomial", "kernel", "random_features"):
        assert built(model).trainer == TrainerOptions()


def test_a_saved_config_is_read_as_it_was_written():
    for config in (built(), built(patience=0), built(num_epochs=30)):
        assert fit_config.build("mlp", "tabular", [("config.yaml", config.to_dict())]) == config


def test_the_help_says_them_and_what_brings_plain_training_back(econml):
    for words in (("mlp",), ("resnet", "--data", "t.csv")):
        shown = " ".join(econml("fit", *words, "--help").stdout.replace("│", " ").split())
        assert f"--patience {NETWORKS['mlp']['patience']}" in shown and "--patience 0 plain training" in shown
    assert "plain training" not in econml("fit", "mlp", "--problem", "growth", "--help").stdout
    assert "plain training" not in econml("fit", "linear", "--help").stdout


def test_a_sweep_knows_that_its_fits_keep_their_best_epoch():
    aim = target.find(["mlp", "--data=t.csv", "--target=y"], {}, {})
    assert aim.settled("patience", "the sweep") == NETWORKS["mlp"]["patience"]
    assert aim.settled("patience", "the sweep", ["lr"]) == NETWORKS["mlp"]["patience"]
    assert aim.settled("patience", "the sweep", ["num_epochs"]) == 0
