"""The data of a fit without its model: those that the fit had, and the model is not made."""

import jax
import numpy as np
import pytest

from econml_cli.config.fit_config import build
from econml_cli.errors import ConfigError
from econml_cli.training.precision import precision
from econml_cli.training.setup import setup as setups

SMALL = {"N": 40, "N_test": 20, "N_val": 20}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "problem", "options"),
    [
        ("mlp", "linear", {"width": 4, **SMALL}),
        ("deep_set", "symmetric", {"rho_width": 4}),
        ("autoencoder", "factor", {}),
        ("mlp", "brock_mirman", {}),
    ],
)
def test_samples_that_are_drawn_behind_the_weights_are_those_of_the_fit(model, problem, options):
    config = build(model, problem, [("test", options)])
    with precision(config.trainer.precision):
        fitted, alone = setups.assemble(config), setups.sampled(config)
    assert not hasattr(alone, "model")
    for split in ("train", "val", "test"):
        for ours, theirs in zip(*map(jax.tree.leaves, (getattr(alone, split), getattr(fitted, split))), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    drawn, before = setups.arrays_of(alone.problem), setups.arrays_of(fitted.problem)
    assert drawn.keys() == before.keys()
    for name, value in drawn.items():
        np.testing.assert_array_equal(value, before[name])
        assert not isinstance(value, jax.core.Tracer)


def test_an_evaluation_is_no_training_and_needs_no_memory_for_one(monkeypatch):
    monkeypatch.setattr(setups, "available_memory", lambda: 100)
    config = build("mlp", "linear", [("test", {"width": 4, **SMALL})])
    with precision(config.trainer.precision):
        assert setups.sampled(config).n_train == 40
        with pytest.raises(ConfigError, match="need"):
            setups.assemble(config)


def test_the_samples_of_a_simulated_problem_are_one_program(caplog):
    config = build("mlp", "linear", [("test", {"width": 4, **SMALL})])
    with precision(config.trainer.precision), jax.log_compiles():
        setups.sampled(config)
    said = [record.getMessage() for record in caplog.records]
    assert sum(message.startswith("Compiling jit(draw") for message in said) == 1
