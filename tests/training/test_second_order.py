"""Second-order training: lbfgs and lm find what is known, end by themselves, and refuse what means nothing to them."""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import yaml
from flax import nnx
from jax.flatten_util import ravel_pytree

from econml_cli.config.fit_config import TYPED, build
from econml_cli.errors import ConfigError
from econml_cli.models.registry import MODELS
from econml_cli.options.trainer import SECOND_ORDER
from econml_cli.problems.known import residual
from econml_cli.training.fit import fit, resume
from econml_cli.training.loop.stack import Stack
from econml_cli.training.loop.trainer import Trainer
from econml_cli.training.precision import precision
from econml_cli.training.run.summary import losses
from econml_cli.training.setup.second_order_checks import check, memory
from econml_cli.training.setup.setup import Workshop, assemble
from econml_cli.training.step import least_squares
from econml_cli.training.step.carry import CONVERGED, DIVERGED
from econml_cli.training.step.least_squares import stacked
from econml_cli.training.step.programs import Programs
from econml_cli.training.step.second_order import SHARE, WAIT

#: as many epochs as are needed; fits of all tests, most of which stop before, then share one program
SMALL = {"N": 40, "N_test": 10, "N_val": 20, "width": 2, "activation": "tanh", "sigma": 0.5, "num_epochs": 3000}


def config(optimizer, model="mlp", problem="linear", **options):
    small = {k: v for k, v in SMALL.items() if model == "mlp" or k not in ("width", "activation")}
    given = {"optimizer": optimizer} | (small if problem == "linear" else {}) | options
    return build(model, problem, [("test", given)])


def trained(config, until=None):
    """(trainer at its end, train losses)."""
    with precision(config.trainer.precision):
        trainer = Trainer(assemble(config))
        rows = [chunk.rows for chunk in trainer.run(until=until)]
    return trainer, np.concatenate([row.columns["train_loss"] for row in rows])


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["lbfgs", "lm"])
def test_a_linear_model_ends_at_ordinary_least_squares(optimizer):
    with precision("float64"):
        options = {"M": 4, "N": 60, "precision": "float64", "num_epochs": 100}
        trainer, found = trained(config(optimizer, "linear", **options))
        train = trainer.setup.train
        x = np.column_stack([np.ones(len(train.x)), train.x])
        ols, rss, *_ = np.linalg.lstsq(x, np.asarray(train.y)[:, 0], rcond=None)
        layer = nnx.state(trainer.fitted(), nnx.Param)
        leaves = {leaf.shape: np.asarray(leaf).ravel() for leaf in jax.tree.leaves(layer)}
        np.testing.assert_allclose(leaves[4, 1], ols[1:], rtol=1e-7)
        np.testing.assert_allclose(leaves[1,], ols[:1], rtol=1e-6)
        assert found[-1] == pytest.approx(rss[0] / len(x), rel=1e-10)
        assert int(trainer.carry.status) == CONVERGED and int(trainer.carry.epoch) < 100


@pytest.mark.slow
def test_the_savings_rate_of_brock_and_mirman_is_found_to_1e6_in_35_steps():
    with precision("float64"):
        trainer, found = trained(config("lm", problem="brock_mirman", precision="float64"), until=35)
        assert losses(trainer.fitted(), trainer.setup, trainer.program)["policy_error_mean"] < 1e-6
        assert len(found) == 35 and np.all(np.diff(found) <= 0) and found[-1] < 1e-11


@pytest.mark.slow
@pytest.mark.parametrize(
    ("problem", "together"),
    [*((problem, least_squares.TOGETHER) for problem in ("linear", "brock_mirman", "factor")), ("brock_mirman", 5)],
)
def test_the_jacobian_made_row_by_row_is_the_jacobian(problem, together, monkeypatch):
    monkeypatch.setattr(least_squares, "TOGETHER", together)  # 12 observations of one equation: blocks of 5, 5 and 2
    options = {"linear": {"width": 8}, "factor": {"N": 30, "N_test": 4}}.get(problem, {"N": 12, "width": 4})
    with precision("float64"):
        setup = assemble(config("adam", {"factor": "autoencoder"}.get(problem, "mlp"), problem, **options))
        graphdef, params, other = nnx.split(setup.model, nnx.Param, ...)

        def of(params, batch):
            return residual(setup.problem, nnx.merge(graphdef, params, other), batch)

        theta, unravel = ravel_pytree(params)
        function = stacked(of, unravel, setup.train)
        tangent = jnp.asarray(np.random.default_rng(0).normal(size=theta.size), theta.dtype)
        plain = lambda theta: of(unravel(theta), setup.train).ravel()  # noqa: E731
        ours, theirs = (jax.jit(lambda p, t, f=f: jax.jvp(f, (p,), (t,))[1])(theta, tangent) for f in (function, plain))
        np.testing.assert_allclose(ours * np.sqrt(len(ours)), theirs, rtol=1e-4, atol=1e-5 * float(jnp.max(theirs)))
        mean = jnp.mean(nnx.jit(lambda model: setup.problem.loss(model, setup.train))(setup.model))
        assert float(jnp.sum(jax.jit(function)(theta) ** 2)) == pytest.approx(float(mean), rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["lbfgs", "lm"])
def test_a_resumed_fit_is_the_same_fit_bit_for_bit(optimizer, tmp_path):
    some = config(optimizer, checkpoint_every=60)
    whole = fit(some, tmp_path / "whole")
    asked = iter([None, None, 15])
    cut = fit(some, tmp_path / "cut", stop_signal=lambda: next(asked))
    assert cut.stop_reason == "interrupted" and 0 < cut.summary["epochs"] < whole.summary["epochs"]
    resumed = resume(cut.run)
    assert resumed.summary["state_sha256"] == whole.summary["state_sha256"]
    one, other = ((tmp_path / name / "metrics.jsonl").read_text().splitlines() for name in ("whole", "cut"))
    assert one == other and len(one) == whole.summary["epochs"]


@pytest.mark.slow
def test_a_fit_that_has_converged_stays_so_when_it_is_resumed(econml):
    flags = ["--optimizer", "lm", "--N", "40", "--sigma", "0.5", "--quiet", "--out", "run"]
    assert econml("fit", "linear", *flags).code == 0
    rows = Path("run/metrics.jsonl").read_text().splitlines()
    assert '"converged"' in Path("run/summary.json").read_text() and len(rows) < 50
    assert econml("fit", "--resume", "run", "--num-epochs", "500", "--quiet").code == 0
    assert Path("run/metrics.jsonl").read_text().splitlines() == rows


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["lbfgs", "lm"])
def test_two_seeds_side_by_side_have_what_each_has_alone(optimizer):
    with precision("float64"):
        programs, workshop = Programs(), Workshop()
        setups = [workshop.assemble(config(optimizer, seed=seed, precision="float64")) for seed in (1, 2)]
        stack = Stack(setups, programs)
        for _ in stack.run(until=12):
            pass
        for member, setup in enumerate(setups):
            trainer = Trainer(setup, programs)
            for _ in trainer.run(until=12):
                pass
            mine, alone = stack.carry(member), trainer.carry
            assert (int(mine.epoch), int(mine.status)) == (int(alone.epoch), int(alone.status))
            for a, b in zip(jax.tree.leaves(mine.params), jax.tree.leaves(alone.params), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6 * float(np.max(np.abs(b))))


@pytest.mark.slow
@pytest.mark.parametrize("number", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", ["lbfgs", "lm"])
def test_a_fit_ends_by_itself_where_nothing_improves(optimizer, number):
    with precision(number):
        trainer, found = trained(config(optimizer, precision=number))
        assert int(trainer.carry.status) == CONVERGED
        lowest, waited = np.inf, []
        for loss in found:
            better = loss < lowest * (1 - SHARE)
            lowest, waited = (loss, [*waited, 0]) if better else (lowest, [*waited, waited[-1] + 1])
        assert waited.index(WAIT) == len(found) - 1 < 2999  # then, and not before
        assert found[-1] < 0.25  # the noise has a variance of 0.25, and the network has fitted some of it


@pytest.mark.slow
def test_a_fit_of_exact_data_ends_at_the_rounding_of_its_numbers():
    trainer, found = trained(config("lm", "linear", sigma=0.0))
    assert int(trainer.carry.status) == CONVERGED and found[-1] < 1e-12


@pytest.mark.parametrize("optimizer", ["lbfgs", "lm"])
def test_a_loss_that_is_not_finite_is_diverged_and_undone(optimizer):
    with precision("float32"):
        trainer = Trainer(assemble(config(optimizer)))
        broken = jax.tree.map(lambda leaf: leaf.at[0].set(jnp.nan), trainer.carry.params)
        trainer.carry = dataclasses.replace(trainer.carry, params=broken)
        (chunk,) = trainer.run()
    assert chunk.status == DIVERGED and chunk.epoch == 0 and len(chunk.rows) == 1


@pytest.mark.parametrize("optimizer", ["lbfgs", "lm"])
@pytest.mark.parametrize(
    ("option", "value"),
    [("lr", 1e-2), ("momentum", 0.5), ("schedule", "cosine"), ("grad_clip", 1), ("weight_decay", 1)],
)
def test_what_means_nothing_is_refused_and_not_ignored(optimizer, option, value):
    with pytest.raises(ConfigError, match=f"--{option.replace('_', '-')} means nothing to --optimizer {optimizer}"):
        config(optimizer, **{option: value})
    with pytest.raises(ConfigError, match=r"means nothing .*\(my\.yaml\)"):
        build("mlp", "linear", [("flags", {"optimizer": optimizer}), ("my.yaml", {option: value})])


def test_an_optimizer_brings_its_own_defaults_which_the_user_beats_and_the_recipe_does_not():
    recipe = build("mlp", "brock_mirman", [("flags", {"optimizer": "adam"})]).trainer
    assert (recipe.schedule, recipe.lr) == ("cosine", 1e-2)
    mine = build("mlp", "brock_mirman", [("flags", {"optimizer": "lm"})])
    assert (mine.trainer.schedule, mine.trainer.num_epochs, mine.trainer.batch_size) == ("constant", 28, 0)
    assert mine.model_options.width == (32,)  # the rest of the recipe stands
    assert build("mlp", "linear", [("flags", {"optimizer": "lm", "num_epochs": 7})]).trainer.num_epochs == 7
    # a run's config.yaml repeats the run
    assert build("mlp", "brock_mirman", [("config.yaml", yaml.safe_load(mine.to_yaml()))]) == mine


def test_what_a_file_says_of_another_optimizer_is_not_meant_for_this_one():
    adam = build("mlp", "brock_mirman", [("test", {"num_epochs": 7, "width": 9})]).to_dict()
    mine = build("mlp", "brock_mirman", [(TYPED, {"optimizer": "lm"}), ("config.yaml", adam)])
    trainer = mine.trainer
    assert (trainer.num_epochs, trainer.schedule, trainer.lr) == (SECOND_ORDER["lm"]["num_epochs"], "constant", 1)
    assert mine.model_options.width == (9,)
    with pytest.raises(ConfigError, match=r"--schedule means nothing to --optimizer lm.*\(config.yaml\)"):
        build("mlp", "brock_mirman", [("config.yaml", {**adam, "optimizer": "lm"})])


@pytest.mark.slow
def test_the_gradient_of_a_fit_by_lm_is_shown_without_a_step(econml):
    options = ("--N", 40, "--width", 4, "--activation", "tanh", "--optimizer", "lm", "--num-epochs", 6)
    assert econml("fit", "mlp", *options, "--out", "r").code == 0
    ran = econml("inspect", "checkpoint", "r", "--view", "grad")
    assert ran.code == 0, ran.stderr
    assert "searches for steps" in ran.stdout and "lr |g|/|w|" not in ran.stdout


def test_a_recipe_that_names_the_optimizer_is_made_for_it(monkeypatch):
    row = dataclasses.replace(MODELS["mlp"], recipe={"optimizer": "lm", "num_epochs": 9, "lr": 0.1})
    monkeypatch.setitem(MODELS, "mlp", row)
    found = build("mlp", "linear", []).trainer
    assert (found.optimizer, found.num_epochs, found.batch_size, found.lr) == ("lm", 9, 0, 1.0)
    assert build("mlp", "linear", [("flags", {"optimizer": "adam"})]).trainer.lr == 0.1


@pytest.mark.parametrize(
    ("optimizer", "options", "says"),
    [
        ("lm", {"batch_size": 32}, "needs all 40 observations at every step; leave out --batch-size 32"),
        ("lbfgs", {"batch_size": 32}, "needs all 40 observations"),
        ("lm", {"dropout": 0.5}, "dropout draws another"),
        ("lbfgs", {"dropout": 0.5}, "dropout draws another"),
        ("lm", {"problem": "xor"}, "problem xor has another loss; use --optimizer lbfgs"),
        ("lm", {"model": "random_features", "solver": "gradient", "ridge": 0.1}, "adds a penalty"),
    ],
)
def test_a_fit_that_the_method_cannot_make_is_refused(optimizer, options, says):
    with pytest.raises(ConfigError, match=says):
        check(assemble(config(optimizer, **options)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("optimizer", "options"),
    [
        ("lm", {"batch_size": 500}),
        ("lbfgs", {"problem": "xor"}),
        ("lbfgs", {"model": "random_features", "solver": "gradient", "ridge": 0.1}),
        ("lm", {"model": "autoencoder", "problem": "factor"}),
        ("adam", {"dropout": 0.5, "batch_size": 32}),
    ],
)
def test_what_the_method_can_make_is_not_refused(optimizer, options):
    check(assemble(config(optimizer, **options)))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"residual": lambda model, batch: jnp.cumsum(model(batch.x) - batch.y, axis=0)}, "the loss of problem linear"),
        (
            {
                "residual": lambda model, batch: model(batch.x) - jnp.mean(batch.y),
                "loss": lambda model, batch: jnp.square(model(batch.x) - jnp.mean(batch.y))[:, 0],
            },
            "depend on one observation each",
        ),
    ],
)
def test_residuals_that_lm_cannot_use_are_found_out(change, says):
    setup = assemble(config("lm"))
    vars(setup.problem).update(change)
    with pytest.raises(ConfigError, match=says):
        check(setup)


@pytest.mark.slow
def test_a_jacobian_that_does_not_fit_into_memory_is_refused(monkeypatch):
    monkeypatch.setattr("econml_cli.training.setup.second_order_checks.available_memory", lambda: 1000)
    assert memory(40, 9, 4) > 1000
    with pytest.raises(ConfigError, match="derivatives of 40 residuals by 9 parameters"):
        check(assemble(config("lm", depth=1)))
