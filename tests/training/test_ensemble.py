"""Ensembles: several seeds as one run, what is said of them, and intervals around predictions."""

import json
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from flax import nnx

from econml_cli.commands.fit_text import as_text
from econml_cli.config.fit_config import build
from econml_cli.errors import CheckpointError, ConfigError
from econml_cli.evaluation.conformal import radius_of
from econml_cli.evaluation.evaluate import evaluate
from econml_cli.evaluation.prediction_intervals import Asked
from econml_cli.evaluation.predictions import predict, predict_own
from econml_cli.evaluation.samples import own_samples, predicted
from econml_cli.runs.directory import Run
from econml_cli.storage import checkpoint
from econml_cli.tracking.rows import Rows
from econml_cli.training.fit import fit, resume
from econml_cli.training.loop.ensemble import Ensemble, together
from econml_cli.training.loop.over_members import words_over_members
from econml_cli.training.loop.trainer import Chunk
from econml_cli.training.precision import precision
from econml_cli.training.run.summary import summary
from econml_cli.training.setup.setup import Workshop
from econml_cli.training.step.carry import DIVERGED, RUNNING
from tests.support.fits import load_model

SMALL = {"width": "8", "num_epochs": 15, "lr": 1e-2, "batch_size": 16, "N": 60, "N_test": 50, "N_val": 40, "sigma": 0.1}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 2))
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": x @ [1.0, 2.0] + 0.1 * rng.normal(size=120)})
    path = tmp_path_factory.mktemp("data") / "table.csv"
    frame.to_csv(path, index=False)
    return path


def of_table(table: Path, **options):
    given = {"data": str(table), "target": "y", "width": "8", "lr": 1e-2, "batch_size": 16, "num_epochs": 15}
    return build("mlp", "tabular", [("test", {**given, **options})])


@pytest.fixture(scope="module")
def three(table, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fit(of_table(table, members=3), tmp_path_factory.mktemp("runs") / "three").run


@pytest.fixture(scope="module")
def lost(three, tmp_path_factory: pytest.TempPathFactory):
    """The same run with members that are marked as diverged."""

    def make(*members: int) -> Run:
        run = Run(Path(shutil.copytree(three.path, tmp_path_factory.mktemp("runs") / "lost")))
        step, sections = checkpoint.load(run.checkpoints)
        sections["position"]["status"] = np.where(np.isin(range(3), members), DIVERGED, RUNNING).astype(np.int32)
        shutil.rmtree(run.checkpoints)
        writer = checkpoint.CheckpointWriter(run.checkpoints, keep=1)
        writer.save(step, sections)
        writer.close()
        return run

    return make


def leaves(run: Run) -> dict[str, np.ndarray]:
    return checkpoint.load(run.checkpoints)[1]["model"]


@pytest.mark.slow
def test_a_member_is_the_fit_of_its_seed_on_the_same_rows(table, three, tmp_path):
    stacked = leaves(three)
    for k in range(3):
        alone = leaves(fit(of_table(table, seed=42 + k), tmp_path / f"seed{k}").run)
        for name, value in alone.items():
            np.testing.assert_allclose(stacked[name][k], value, atol=2e-6, err_msg=name)


@pytest.mark.slow
def test_the_first_member_of_a_simulated_problem_is_the_fit_without_members(tmp_path):
    ensemble = fit(build("mlp", "linear", [("test", {**SMALL, "members": 3})]), tmp_path / "three")
    alone = fit(build("mlp", "linear", [("test", SMALL)]), tmp_path / "one")
    for name, value in leaves(alone.run).items():
        np.testing.assert_allclose(leaves(ensemble.run)[name][0], value, atol=2e-6, err_msg=name)
    same = ("fingerprint", "theta")
    data = [run.manifest()["data"] for run in (ensemble.run, alone.run)]
    assert [data[0][key] for key in same] == [data[1][key] for key in same]


@pytest.mark.slow
def test_members_of_float64_are_float64(table, tmp_path):
    run = fit(of_table(table, members=2, precision="float64"), tmp_path / "run").run
    assert {value.dtype for value in leaves(run).values()} == {np.dtype("float64")}


@pytest.mark.slow
def test_a_resumed_ensemble_is_the_same_bit_for_bit(table, three, tmp_path):
    asked = iter([None, None, 15])
    config = of_table(table, members=3, checkpoint_every=3)
    stopped = fit(config, tmp_path / "run", stop_signal=lambda: next(asked))
    assert stopped.stop_reason == "interrupted" and 0 < stopped.summary["epochs"] < 15
    resumed = resume(stopped.run)
    assert resumed.summary["state_sha256"] == three.summary()["state_sha256"]
    assert resumed.run.metrics() == three.metrics()


@pytest.mark.slow
def test_members_that_stopped_early_keep_their_own_best_weights(table, tmp_path):
    found = fit(of_table(table, members=3, patience=3, num_epochs=300), tmp_path / "run")
    assert found.stop_reason == "early_stopping"
    best = checkpoint.load(found.run.checkpoints)[1]["position"]["best_epoch"]
    assert len(set(best.tolist())) > 1  # each has an epoch of its own
    for k in range(3):
        alone = fit(of_table(table, seed=42 + k, patience=3, num_epochs=300), tmp_path / f"seed{k}")
        assert int(best[k]) == alone.summary["best_epoch"]
        assert as_text(alone).splitlines()[0].endswith(f", best at {best[k]}")
        member = evaluate(found.run.of_member(k), bootstrap=0).estimates["val_loss"].value
        assert member == pytest.approx(alone.summary["val_loss"], rel=1e-4)


@pytest.mark.slow
def test_the_report_of_members_that_stopped_early_names_no_best_epoch(econml, table):
    words = ["--data", table, "--target", "y", "--width", 8, "--lr", 0.1, "--num-epochs", 300, "--patience", 3]
    ran = econml("fit", "mlp", *words, "--batch-size", 16, "--members", 3, "--name", "early")
    assert ran.code == 0, ran.stderr
    assert "stopped early after" in ran.stdout and ran.stdout.splitlines()[0].endswith(" epochs")


def test_eval_tells_mean_sd_and_extremes_of_what_the_members_have(three):
    each = [evaluate(three.of_member(k), bootstrap=0).estimates for k in range(3)]
    found = evaluate(three)
    assert (found.members, found.diverged) == (3, 0)
    for name in ("train_loss", "val_loss", "test_loss", "test_rmse", "test_r2"):
        values = [member[name].value for member in each]
        estimate = found.estimates[name]
        assert estimate.value == pytest.approx(np.mean(values), rel=1e-6)
        assert estimate.sd == pytest.approx(np.std(values, ddof=1), rel=1e-5)
        assert (estimate.min, estimate.max) == (min(values), max(values))
    assert found.estimates["test_loss"].low < found.estimates["test_loss"].value < found.estimates["test_loss"].high
    said = found.to_dict()
    assert said["members"] == 3 and set(said["test_loss"]) - {"caveat"} == {"value", "low", "high", "sd", "min", "max"}


def test_the_summary_of_the_fit_has_the_same_numbers(three):
    found, told = evaluate(three, bootstrap=0).estimates, three.summary()
    for split in ("train", "val", "test"):
        estimate = found[f"{split}_loss"]
        assert told[f"{split}_loss"] == pytest.approx(estimate.value, rel=1e-5)
        assert told[f"{split}_loss_sd"] == pytest.approx(estimate.sd, rel=1e-4)


def test_the_averaged_prediction_is_no_worse_than_the_members_are_on_average(three):
    found = evaluate(three).estimates
    assert found["averaged_test_rmse"].value ** 2 < found["test_loss"].value  # Jensen: squared error is convex
    with precision("float32"):
        samples = own_samples(three)
        batch = samples.parts["test"]
        models = [load_model(three.of_member(k))[0] for k in range(3)]
        mean = np.mean([predicted(samples.problem, model, batch.x, "float32") for model in models], axis=0)
        error = np.asarray(samples.problem.observed(batch)) - mean
    assert found["averaged_test_rmse"].value == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-5)


@pytest.mark.slow
def test_a_member_that_diverges_is_counted_and_left_out(tmp_path):
    config = build("mlp", "linear", [("test", {**SMALL, "members": 3})])
    with precision("float32"):
        setups = Workshop().ensemble(config)
        weights = nnx.state(setups[1].model, nnx.Param)
        nnx.update(setups[1].model, jax.tree.map(lambda leaf: jnp.full_like(leaf, jnp.nan), weights))
        trainer = Ensemble(setups)
        rows = [row for chunk in trainer.run() for row in chunk.rows]
        told = summary(trainer.setup, trainer.program, trainer.carry, {}, pruned=False, interrupted=False)
    assert (told["members"], told["diverged"], told["stop_reason"], told["epochs"]) == (3, 1, "max_epochs", 15)
    assert np.isfinite(told["test_loss"]) and {row["members"] for row in rows} == {2}


def test_the_row_of_an_epoch_leaves_out_the_member_that_diverged_in_it():
    losses = {"train_loss": np.float32([1.0, 3e37]), "lr": np.float32([0.1, 0.2])}
    good = {"train_loss": np.float32([2.0, 4.0]), "lr": np.float32([0.1, 0.2])}
    rows = together({0: Chunk(Rows(1, losses), 1, DIVERGED, 0.0), 1: Chunk(Rows(1, good), 2, RUNNING, 0.0)}).rows
    assert [row["members"] for row in rows] == [2, 1]
    assert (rows[0]["train_loss"], rows[1]["train_loss"], rows[1]["train_loss_max"]) == (1.5, 4.0, 4.0)
    alone = together({0: Chunk(Rows(1, losses), 1, DIVERGED, 0.0)}).rows
    assert alone[1]["members"] == 0 and np.isnan(alone[1]["train_loss"]) and alone[1]["lr"] == 0.2


@pytest.mark.slow
def test_a_diverged_member_is_not_presented_as_a_sound_fit(econml, lost, monkeypatch):
    run = lost(1)
    monkeypatch.setenv("ECONML_RUNS_DIR", str(run.path.parent))
    said = "member 1 of lost diverged: these are its weights of epoch 15."
    found = json.loads(econml("eval", "lost", "--member", 1, "--json").stdout)
    assert (found["status"], found["notes"]) == ("diverged", [said])
    sound = json.loads(econml("eval", "lost", "--member", 0, "--json").stdout)
    assert sound["status"] == "max_epochs" and not any("diverged" in note for note in sound["notes"])
    assert said in econml("predict", "lost", "--member", 1, "--out", "-").stderr
    assert said in econml("export", "lost", "--member", 1, "--to", "numpy", "--out", "exported").stderr
    shown = json.loads(econml("inspect", "checkpoint", "lost", "--member", 1, "--json").stdout)
    assert shown["summary"]["status"] == "diverged"


@pytest.mark.slow
def test_predictions_say_which_members_they_are_of(econml, lost, monkeypatch):
    two, one = lost(0), lost(0, 2)
    monkeypatch.setenv("ECONML_RUNS_DIR", str(two.path.parent))
    for more in ([], ["--conformal"]):
        said = econml("predict", "lost", *more, "--out", "-").stderr
        assert "1 of 3 members diverged and is left out" in said
        assert ("across seeds, of 2 of 3 members;" in said) == (not more)
    monkeypatch.setenv("ECONML_RUNS_DIR", str(one.path.parent))
    ran = econml("predict", "lost", "--out", "-")
    assert "only one of 3 members has not diverged: no spread across seeds" in ran.stderr and "lo, hi" not in ran.stderr
    assert ran.stdout.splitlines()[0] == "a,b,y,yhat,split"
    ran = econml("predict", "lost", "--interval", 90, "--out", "-")
    assert ran.code == 2 and "only one of the 3 members of lost has not diverged: no spread" in ran.stderr
    assert "across 1 seed " in econml("eval", "lost").stdout


@pytest.mark.slow
def test_an_ensemble_of_which_all_members_diverge_has_diverged(econml):
    ran = econml(
        "fit", "mlp", "--members", 2, "--optimizer", "sgd", "--lr", "1e6", "--num-epochs", 30, "--name", "wild"
    )
    assert ran.code == 3
    assert "2 members of mlp on linear: DIVERGED" in ran.stdout
    ran = econml("eval", "wild")
    assert ran.code == 1 and "All 2 members of wild diverged" in ran.stderr


def test_verdicts_say_how_many_members_passed():
    good, bad = {"verdict_stability": "passed"}, {"verdict_stability": "FAILED", "failed": "stability (...)"}
    assert words_over_members([good, good]) == {"verdict_stability": "passed"}
    assert words_over_members([good, bad, good]) == {"verdict_stability": "2 of 3"}
    assert words_over_members([bad, bad]) == {
        "verdict_stability": "FAILED",
        "failed": "stability (in none of 2 members)",
    }


@pytest.mark.slow
def test_an_economic_model_reports_the_share_that_passed(econml, isolated):
    options = ["--problem", "brock_mirman", "--members", 2, "--num-epochs", 400]
    told = json.loads(econml("fit", *options, "--name", "growth", "--json").stdout)
    assert told["verdict_stability"] in ("passed", "1 of 2", "FAILED")
    found = json.loads(econml("eval", "growth", "--json").stdout)
    assert found["verdict_stability"] == told["verdict_stability"]
    assert found["policy_error_mean"]["value"] == pytest.approx(told["policy_error_mean"], rel=1e-4)
    ran = econml("predict", "growth", "--conformal", "--out", "-")
    assert ran.code == 2 and "needs residuals, and problem brock_mirman has no observed outcome" in ran.stderr


def test_predictions_are_the_mean_across_members_with_their_spread(table, three):
    frame = predict(three, str(table))
    each = np.column_stack([predict(three.of_member(k), str(table))["yhat"] for k in range(3)]).astype(np.float64)
    assert list(frame.columns) == ["a", "b", "y", "yhat", "sd", "lo", "hi"]
    np.testing.assert_allclose(frame["yhat"], each.mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(frame["sd"], each.std(axis=1, ddof=1), rtol=1e-6)
    np.testing.assert_allclose(frame[["lo", "hi"]], np.quantile(each, [0.025, 0.975], axis=1).T, rtol=1e-6)
    half = predict(three, str(table), asked=Asked(50))
    np.testing.assert_allclose(half[["lo", "hi"]], np.quantile(each, [0.25, 0.75], axis=1).T, rtol=1e-6)


def test_the_conformal_radius_covers_a_new_score_with_the_probability_that_theory_gives():
    rng = np.random.default_rng(1)
    for n, level, place in ((49, 90, 45), (99, 95, 95), (30, 95, 30)):
        scores = rng.exponential(size=(20_000, n + 1))
        radius = np.array([radius_of(row[:n, None], level)[0] for row in scores])
        covered = np.mean(scores[:, n] <= radius)
        exact = place / (n + 1)  # exchangeability: the rank of the new score is uniform
        assert exact >= level / 100
        assert covered == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 20_000))


@pytest.fixture(scope="module")
def many_draws(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """An ensemble with large validation and test samples."""
    options = {**SMALL, "sigma": 0.5, "N_val": 999, "N_test": 4000, "members": 2}
    return fit(build("mlp", "linear", [("test", options)]), tmp_path_factory.mktemp("runs") / "many").run


@pytest.mark.slow
@pytest.mark.parametrize("level", [90, 95])
def test_conformal_intervals_cover_new_draws_of_a_simulated_problem(level, many_draws):
    frame = predict_own(many_draws, asked=Asked(level, conformal=True))
    test = frame[frame["split"] == "test"]
    covered = np.mean((test["lo"] <= test["y"]) & (test["y"] <= test["hi"]))
    # given the validation split, coverage is Beta((n + 1) level, (n + 1)(1 - level)); on top comes the test draw
    share = level / 100
    error = np.sqrt(share * (1 - share) * (1 / 1000 + 1 / 4000))
    assert covered == pytest.approx(share, abs=4 * error)
    assert np.allclose(test["hi"] - test["yhat"], test["yhat"] - test["lo"])


def test_a_validation_split_that_is_too_small_for_the_level_is_an_error():
    with pytest.raises(ConfigError, match="needs 19 validation rows, and there are 18"):
        radius_of(np.arange(18.0)[:, None], 95)
    assert radius_of(np.arange(19.0)[:, None], 95) == 18


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["inspect", "checkpoint", "three"], "choose one: --member 0 to --member 2"),
        (["eval", "three", "--member", 3], "has the members 0 to 2"),
        (["export", "three", "--to", "safetensors", "--out", "x"], "choose one: --member 0"),
        (["predict", "three", "--out", "-", "--embed", "--interval", 90], "leave out --interval and --conformal"),
        (["fit", "mlp", "--members", 2, "--retries", 2], "leave one out"),
    ],
)
def test_what_an_ensemble_cannot_be_asked_is_said(words, said, econml, three, monkeypatch):
    monkeypatch.setenv("ECONML_RUNS_DIR", str(three.path.parent))
    ran = econml(*words)
    assert ran.code == 2 and said in ran.stderr, ran.stderr


def test_one_fit_has_no_members_and_no_spread(econml):
    assert econml("fit", "linear", "--num-epochs", 2, "--name", "one", "--quiet").code == 0
    assert "one is one model, not an ensemble" in econml("eval", "one", "--member", 0).stderr
    assert "without a spread across seeds" in econml("predict", "one", "--out", "-", "--interval", 90).stderr


def test_a_member_can_be_shown_exported_and_resumed_with_the_others(econml, three, monkeypatch):
    monkeypatch.setenv("ECONML_RUNS_DIR", str(three.path.parent))
    shown = econml("inspect", "checkpoint", "three", "--member", 1, "--view", "summary")
    assert shown.code == 0 and "1 of 3" in shown.stdout
    done = econml("export", "three", "--member", 1, "--to", "safetensors", "--out", "exported")
    assert done.code == 0, done.stderr


def test_a_damaged_config_with_another_number_of_members_is_an_error(three, tmp_path):
    broken = Run(Path(shutil.copytree(three.path, tmp_path / "broken")))
    text = (broken.path / "config.yaml").read_text().replace("members: 3", "members: 4")
    (broken.path / "config.yaml").write_text(text)
    with pytest.raises(CheckpointError, match="4 members that its config says"):
        evaluate(broken)


@pytest.mark.slow
def test_many_members_are_trained_in_several_stacks_and_stay_the_fits_of_their_seeds(table, tmp_path, monkeypatch):
    from econml_cli.training.loop import ensemble

    monkeypatch.setattr(ensemble, "parts", lambda members: 2)
    config = of_table(table, members=6, checkpoint_every=5)
    whole = fit(config, tmp_path / "whole")
    alone = leaves(fit(of_table(table, seed=42 + 4), tmp_path / "seed4").run)
    for name, value in alone.items():
        np.testing.assert_allclose(leaves(whole.run)[name][4], value, atol=2e-6, err_msg=name)
    assert [row["members"] for row in whole.run.metrics()] == [6] * 15
    asked = iter([None, None, 15])
    stopped = fit(config, tmp_path / "part", stop_signal=lambda: next(asked))
    assert stopped.stop_reason == "interrupted"
    assert resume(stopped.run).summary["state_sha256"] == whole.summary["state_sha256"]


def test_stacks_are_of_one_size_and_as_many_as_there_are_cores_for(monkeypatch):
    import os

    from econml_cli.training.loop.ensemble import parts

    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(4), raising=False)
    assert [parts(members) for members in (2, 8, 15, 16, 17, 24, 32, 33, 64)] == [1, 1, 1, 2, 1, 3, 4, 3, 4]
