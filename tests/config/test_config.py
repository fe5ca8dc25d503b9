"""Options: one reader of values for flags, YAML and the environment."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from econml_cli.config import fit_config
from econml_cli.config.fit_config import TrainerOptions
from econml_cli.errors import ConfigError
from econml_cli.models.registry import MODELS
from econml_cli.options.fields import as_text, coerce, options_of
from econml_cli.problems.registry import PROBLEMS
from econml_cli.problems.tabular_options import TabularOptions

TRAINER = {opt.name: opt for opt in options_of(TrainerOptions)}
TABULAR = {opt.name: opt for opt in options_of(TabularOptions)}


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("lr", "1e-4", 1e-4),
        ("lr", 1, 1.0),
        ("num_epochs", "300", 300),
        ("num_epochs", 300.0, 300),
        ("num_epochs", "3e2", 300),
        ("seed", 2**32 - 1, 2**32 - 1),
        ("optimizer", "sgd", "sgd"),
    ],
)
def test_a_value_is_read_as_the_type_of_its_option(name, raw, value):
    read = coerce(TRAINER[name], raw)
    assert read == value and type(read) is type(value)


@pytest.mark.parametrize("raw", ["True", "true", "yes", "1", True])
def test_every_spelling_of_true_is_true(raw):
    opt = {o.name: o for o in options_of(MODELS["linear"].options)}["bias"]
    assert coerce(opt, raw) is True


@pytest.mark.parametrize(
    ("name", "raw", "says"),
    [
        ("lr", "0", "> 0, got '0'"),
        ("lr", "nan", "a number"),
        ("lr", "inf", "a number"),
        ("lr", True, "a number"),
        ("lr", None, "a number"),
        ("num_epochs", "2.5", "an integer"),
        ("num_epochs", "ten", "an integer"),
        ("seed", str(2**32), "<"),
        ("optimizer", "adma", "Did you mean 'adam'"),
    ],
)
def test_a_bad_value_is_answered_with_the_bound_and_the_value(name, raw, says):
    with pytest.raises(ValueError, match="must be") as caught:
        coerce(TRAINER[name], raw)
    assert says in str(caught.value)


def test_a_list_of_numbers_is_read_from_one_number_or_several_and_written_back():
    width = {o.name: o for o in options_of(MODELS["mlp"].options)}["width"]
    for raw, value, text in [
        ("64", (64,), 64),
        (64, (64,), 64),
        ("128, 64", (128, 64), "128,64"),
        ([8, "4"], (8, 4), "8,4"),
    ]:
        assert coerce(width, raw) == value and as_text(value) == text and coerce(width, as_text(value)) == value
    for raw in ("", "64,,x", "0,64", "1.5", True, None):
        with pytest.raises(ValueError, match="must be an integer >= 1"):
            coerce(width, raw)


def test_none_is_a_word_where_it_is_one_of_the_choices():
    regularizer = {o.name: o for o in options_of(MODELS["autoencoder"].options)}["regularizer"]
    assert coerce(regularizer, "none") == "none"


@pytest.mark.parametrize(("typed", "loss"), [("squared", "mse"), ("logit", "binary"), ("multinomial", "multiclass")])
def test_losses_are_read_by_the_names_that_economists_type(typed, loss):
    configs = [
        fit_config.build("linear", "tabular", [("flags", {"data": "d.csv", "target": "y", "loss": name})])
        for name in (typed, loss)
    ]
    assert configs[0] == configs[1] and configs[0].problem_options.loss == loss  # and solved alike


def test_lists_are_read_from_commas_and_from_yaml_lists():
    assert coerce(TABULAR["features"], "educ, exper ,tenure") == ("educ", "exper", "tenure")
    assert coerce(TABULAR["features"], ["educ", "exper"]) == ("educ", "exper")


def test_every_problem_of_a_config_is_listed_at_once():
    with pytest.raises(ConfigError) as caught:
        fit_config.build("mlp", "linear", [("file.yaml", {"lr": -1, "widht": 3, "num_epochs": "x"})])
    text = str(caught.value)
    assert "--lr" in text and "--num-epochs" in text and "'widht'" in text and "'width'" in text
    assert "file.yaml" in text


def test_an_earlier_layer_beats_a_later_one():
    built = fit_config.build("mlp", "linear", [("a", {"lr": 0.5}), ("b", {"lr": 0.1, "width": 7})])
    assert (built.trainer.lr, built.model_options.width) == (0.5, (7,))


@given(
    lr=st.floats(1e-12, 1e12),
    sigma=st.floats(0, 1e6),
    width=st.integers(1, 10**6),
    optimizer=st.sampled_from(["adam", "adamw", "sgd"]),
)
def test_a_config_survives_its_yaml(lr, sigma, width, optimizer):
    built = fit_config.build(
        "mlp", "linear", [("x", {"lr": lr, "sigma": sigma, "width": width, "optimizer": optimizer})]
    )
    values = yaml.safe_load(built.to_yaml())
    model, problem = values.pop("model"), values.pop("problem")
    assert fit_config.build(model, problem, [("yaml", values)]) == built


@pytest.mark.parametrize(
    "text", ["lr: [", "- 1\n- 2\n", "lr:\n  nested: 1\n", "!!python/object/apply:os.system ['true']"]
)
def test_a_config_file_that_is_not_a_flat_mapping_is_refused(text, isolated):
    (isolated / "c.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"c\.yaml"):
        fit_config.read_yaml(Path("c.yaml"))


def test_no_two_parts_of_a_fit_share_the_name_of_an_option():
    for model in MODELS.values():
        for problem in PROBLEMS.values():
            parts = (model.options, problem.options, TrainerOptions, fit_config.TrackingOptions, fit_config.RunOptions)
            names = [opt.name for part in parts for opt in options_of(part)]
            assert len(names) == len(set(names))


def test_every_option_has_a_help_line_and_a_default_within_its_bounds():
    for cls in [e.options for e in (*MODELS.values(), *PROBLEMS.values())] + [TrainerOptions, fit_config.RunOptions]:
        for opt in options_of(cls):
            assert len(opt.help) > 10, opt.name
            if opt.default is not None:
                assert coerce(opt, opt.default) == opt.default, opt.name
