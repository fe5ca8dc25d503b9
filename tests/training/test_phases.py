"""--optimizer adam+lm: where one method ends and the other begins, and that nothing else changes."""

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from econml_cli.config.fit_config import TYPED, build
from econml_cli.errors import ConfigError
from econml_cli.runs.directory import Run
from econml_cli.training.fit import fit, resume
from econml_cli.training.loop.ensemble import Ensemble
from econml_cli.training.loop.trainer import Trainer
from econml_cli.training.precision import precision
from econml_cli.training.setup.second_order_checks import check
from econml_cli.training.setup.setup import Workshop, assemble
from tests.support.fits import config

SMALL = {"width": "4", "N": 20, "N_val": 0, "N_test": 10, "schedule": "cosine", "lr": 1e-2, "precision": "float64"}
BOTH = {**SMALL, "optimizer": "adam+lm", "num_epochs": 20, "polish_epochs": 8}


def trained(**options: Any) -> tuple[Trainer, dict[str, np.ndarray]]:
    """(trainer at its end, its columns)."""
    with precision("float64"):
        trainer = Trainer(assemble(config("mlp", "brock_mirman", **options)))
        rows = [chunk.rows.columns for chunk in trainer.run()]
    return trainer, {name: np.concatenate([row[name] for row in rows]) for name in ("train_loss", "lr")}


@pytest.mark.parametrize("batch_size", [pytest.param(0, marks=pytest.mark.slow), 8])
def test_the_first_epochs_are_those_of_adam_and_the_last_those_of_lm_from_there(batch_size):
    """Adam's are those of a fit of twelve epochs, whose schedule ends there; lm takes whole samples."""
    _, both = trained(**BOTH, batch_size=batch_size)
    adam, alone = trained(**{**SMALL, "num_epochs": 12, "batch_size": batch_size})
    np.testing.assert_allclose(both["train_loss"][:12], alone["train_loss"], rtol=1e-9)
    np.testing.assert_allclose(both["lr"][:12], alone["lr"], rtol=1e-9)
    assert np.all(both["lr"][12:] == 1.0) and len(both["lr"]) == 20
    polish = both["train_loss"][12:]
    with precision("float64"):
        where = float(np.mean(np.asarray(adam.setup.problem.loss(adam.fitted(), adam.setup.train))))
    assert polish[0] == pytest.approx(where, rel=1e-9)  # the loss before its first step
    assert np.all(np.diff(polish) <= 0) and polish[-1] < 1e-2 * polish[0]


@pytest.mark.slow
@pytest.mark.parametrize("cut", [6, 15])
def test_a_resumed_fit_is_the_same_fit_bit_for_bit_before_and_after_the_switch(tmp_path, cut):
    of = config("mlp", "brock_mirman", **BOTH, batch_size=8, checkpoint_every=1)
    whole = fit(of, tmp_path / "whole")
    epochs = iter(range(99))  # chunks end at each epoch, where a signal ends the fit
    part = fit(of, tmp_path / "part", stop_signal=lambda: 15 if next(epochs) >= cut else None)
    assert part.stop_reason == "interrupted" and 0 < part.summary["epochs"] < 20
    resumed = resume(Run(tmp_path / "part"))
    assert resumed.summary["state_sha256"] == whole.summary["state_sha256"]
    one, other = ((tmp_path / name / "metrics.jsonl").read_text() for name in ("whole", "part"))
    assert one == other


@pytest.mark.slow
def test_members_have_what_each_has_alone():
    with precision("float64"):
        ensemble = Ensemble(Workshop().ensemble(config("mlp", "brock_mirman", members=2, **BOTH, batch_size=8)))
        list(ensemble.run())
        whole = jax.device_get(ensemble.carry)
    alone, _ = trained(**BOTH, batch_size=8)
    assert np.all(whole.epoch == 20)
    for mine, other in zip(jax.tree.leaves(whole.params), jax.tree.leaves(alone.carry.params), strict=True):
        np.testing.assert_allclose(mine[0], other, rtol=1e-5, atol=1e-7)


def test_it_computes_in_float64_where_nothing_else_is_said():
    def of(*layers: tuple[str, dict[str, Any]]) -> str:
        return build("mlp", "brock_mirman", list(layers)).trainer.precision

    typed = (TYPED, {"optimizer": "adam+lm"})
    assert of((TYPED, {"optimizer": "adam"})) == "float32" and of(typed) == "float64"
    assert of((TYPED, {"optimizer": "adam+lm", "precision": "float32"})) == "float32"
    assert of(typed, ("run", {"optimizer": "adam", "precision": "float32"})) == "float64"
    assert of(("run", {"optimizer": "adam+lm", "precision": "float32"})) == "float32"
    adam = build("mlp", "brock_mirman", [typed]).trainer
    assert (adam.num_epochs, adam.lr, adam.schedule) == (3000, 0.01, "cosine")  # the recipe's


@pytest.mark.slow
def test_inspect_and_a_dry_run_speak_of_it(econml):
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in BOTH.items()]
    told = econml("fit", "mlp", "--problem", "brock_mirman", *flags, "--dry-run", "--json")
    assert told.code == 0 and json.loads(told.stdout)["steps"] == 20
    done = econml(
        "fit", "mlp", "--problem", "brock_mirman", *flags, "--quiet", "--out", "run", "--accept-failed", "all"
    )
    assert done.code == 0 and Path("run/config.yaml").read_text().count("adam+lm") == 1
    assert econml("inspect", "checkpoint", "run", "--view", "grad").code == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"optimizer": "adam", "polish_epochs": 5}, "--polish-epochs are those of lm after adam"),
        ({**BOTH, "num_epochs": 8}, "--num-epochs 8 are those of both phases .* and lm makes the last 8"),
        ({**BOTH, "patience": 3, "N_val": 8}, "--patience would end --optimizer adam.lm before lm begins"),
        ({**BOTH, "dropout": 0.1}, "--optimizer adam.lm needs the same loss every time"),
    ],
)
def test_phases_that_cannot_be_are_refused(options, said):
    with precision("float64"), pytest.raises(ConfigError, match=said):
        check(assemble(config("mlp", "brock_mirman", **{"width": "4", "N": 20, **options})))


def test_it_needs_squared_residuals():
    with precision("float64"), pytest.raises(ConfigError, match=r"--optimizer adam\+lm minimises"):
        check(assemble(config("mlp", "xor", optimizer="adam+lm", width="4")))
