"""The table of losses: one row says all; a loss and a metric from outside; losses that least squares does not solve."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import econml_cli
from econml_cli.config.fit_config import build
from econml_cli.errors import ConfigError
from econml_cli.options import own_code
from econml_cli.problems import losses, metrics
from econml_cli.problems.base import Batch
from econml_cli.problems.means import mean
from econml_cli.runs.directory import Run
from econml_cli.training.fit import check
from econml_cli.training.setup.setup import assemble
from econml_cli.training.setup.squared_error import is_squared_error
from tests.support import running

ROWS = 200
MINE = """
import jax.numpy as jnp
from econml_cli.problems.losses import Loss
from econml_cli.problems.metrics import mean

def absolute(output, y):
    return jnp.abs(output - y)[:, 0]

def _pinball(output, y):
    return jnp.maximum(0.9 * (y - output), 0.1 * (output - y))[:, 0]

def _below(y, yhat):
    return mean("below", (y <= yhat)[:, 0])

def _counts(values, target):
    return f"needs counts, but '{target}' goes down to {values.min():g}" if values.min() < 0 else None

q90 = Loss("q90", _pinball, power=1, metrics=("regression", _below), shown=("below",))
poisson = Loss(
    "poisson", lambda output, y: (jnp.exp(output) - y * output)[:, 0],
    inverse_link=jnp.exp, standardises=False, admits=_counts,
)
unknown = Loss("unknown", absolute, metrics=("rmsd",))
"""
FIT = ("--data", "t.csv", "--features", "x", "--optimizer", "lbfgs", "--precision", "float64", "--num-epochs", "200")


def write():
    """A table of y = x + e with a skewed e, counts and classes, and the losses."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=ROWS)
    y, count = x + rng.exponential(size=ROWS), rng.poisson(np.exp(0.5 + 0.4 * x))
    lines = [f"{a!r},{b!r},{c},{'ab'[a > 0]}" for a, b, c in zip(x.tolist(), y.tolist(), count.tolist(), strict=True)]
    Path("t.csv").write_text("x,y,count,class\n" + "\n".join(lines) + "\n")
    Path("mine.py").write_text(MINE)


@pytest.fixture(scope="module")
def quantile(tmp_path_factory):
    """A run of the loss q90, in a directory with its data and file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("quantile"))
        write()
        fit = ("fit", "linear", "--target", "y", "--loss", "./mine.py:q90", *FIT, "--out", "r", "--quiet")
        assert running.here(*fit) == 0
        yield Path.cwd()


# ---------------------------------------------------------------- the table


def test_no_other_file_compares_the_name_of_a_task_or_a_loss():
    words = {*losses.LOSSES, *(row.task for row in losses.LOSSES.values())}
    found = []
    for path in Path(econml_cli.__file__).parent.rglob("*.py"):
        if path.name == "losses.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if _asks(node, words):
                found.append(f"{path.name}:{node.lineno}")
    assert found == []


def _asks(node, words):
    """Whether a piece of code compares a task or a loss by name, or looks something up by it."""
    if isinstance(node, ast.Dict):
        return len(words & {key.value for key in node.keys if isinstance(key, ast.Constant)}) > 1
    if not isinstance(node, ast.Compare):
        return False
    texts = {part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)}
    sides = [node.left, *node.comparators]
    tasks = [side for side in sides if isinstance(side, ast.Attribute) and side.attr == "task"]
    # two runs may have another task: that asks for no name
    return bool(words & texts) or (bool(tasks) and len(tasks) < len(sides))


@pytest.mark.parametrize(
    "code", ['problem.task == "x"', "task in ('binary', 'multiclass')", "p.task is None", "{'mse': 1, 'binary': 2}[a]"]
)
def test_what_the_source_is_searched_for_is_found(code):
    assert any(_asks(node, {"mse", "binary", "multiclass"}) for node in ast.walk(ast.parse(code)))


def test_the_table_is_read_without_anything_heavy():
    code = "import econml_cli.problems.losses, sys; print({'jax', 'numpy', 'optax'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


@pytest.mark.parametrize(
    ("name", "value", "prediction"),
    [
        ("mse", [2.5, 0.0], [1.0, 3.0]),
        ("binary", [np.log1p(np.exp(1.0)), np.log1p(np.exp(-3.0))], [1 / (1 + np.exp(-1)), 1 / (1 + np.exp(-3))]),
    ],
)
def test_a_row_says_loss_and_prediction(name, value, prediction):
    row, output = losses.LOSSES[name], jnp.array([[1.0], [3.0]])
    y = jnp.array([[1.0 + 2.5**0.5], [3.0]]) if row.has_residuals else jnp.array([[0.0], [1.0]])
    np.testing.assert_allclose(row.per_row(output, y), value, rtol=1e-6)
    np.testing.assert_allclose(row.inverse_link(output)[:, 0], prediction, rtol=1e-6)


def test_a_problem_says_its_loss_by_task_or_by_row():
    class Problem:
        task = "binary"

    assert losses.of(Problem()) is losses.LOSSES["binary"]
    Problem.task = None
    assert losses.of(Problem()) is losses.EQUATIONS and not losses.EQUATIONS.observed
    Problem.loss_row = losses.LOSSES["multiclass"]
    assert losses.of(Problem()).classifies
    with pytest.raises(ConfigError, match=r"task is regression, .*'regresion'.* Did you mean 'regression'"):
        losses.of_task("regresion")


# ---------------------------------------------------------------- from outside


@pytest.mark.slow
def test_a_loss_of_a_file_is_fitted_and_measured_by_its_own_metric(quantile, econml, monkeypatch):
    monkeypatch.chdir(quantile)
    found = json.loads(econml("--source", "mine.py", "eval", "r", "--json").stdout)
    assert econml("predict", "r", "--out", "p.csv").code == 0
    import pandas as pd

    for split, rows in pd.read_csv("p.csv").groupby("split"):
        error = (rows.y - rows.yhat).to_numpy()
        loss = np.maximum(0.9 * error, -0.1 * error).mean()  # in units of y, to the first power
        assert _value(found[f"{split}_loss"]) == pytest.approx(loss, rel=1e-6)
        assert _value(found[f"{split}_below"]) == pytest.approx((error <= 0).mean())
    assert _value(found["train_below"]) == pytest.approx(0.9, abs=0.03)  # what the minimum of a pinball loss is
    assert found["task"] == "regression" and "test_rmse" in found
    assert list(found["test_below"]) == ["value", "low", "high"]


def _value(estimate):
    return estimate["value"] if isinstance(estimate, dict) else estimate


def test_a_run_keeps_the_file_of_its_loss_and_finds_it_again(quantile, econml, monkeypatch, tmp_path):
    run = Run(quantile / "r")
    assert run.manifest()["own_code"]["loss"]["path"] == str(quantile / "mine.py")
    assert (quantile / "r/source/mine.py").read_text() == MINE
    monkeypatch.chdir(tmp_path)  # from elsewhere by its absolute path
    assert run.config().problem_options.loss == run.preprocessing()["loss"] == f"{quantile}/mine.py:q90"
    before = json.loads((quantile / "r/summary.json").read_text())["state_sha256"]
    assert econml("--source", quantile / "mine.py", "fit", "--resume", quantile / "r").code == 0
    assert json.loads((quantile / "r/summary.json").read_text())["state_sha256"] == before


def test_the_loss_of_a_run_that_somebody_sent_is_not_run(quantile, econml, monkeypatch, tmp_path):
    monkeypatch.chdir(quantile)
    monkeypatch.setenv("HOME", str(tmp_path / "another"))
    monkeypatch.delenv(own_code.VARIABLE, raising=False)
    for command in (("eval", "r"), ("predict", "r", "--data", "t.csv", "--out", str(tmp_path / "p.csv"))):
        ran = econml(*command)
        assert ran.code == 1 or ran.code == 2, ran
        assert "code that you have not named yourself" in ran.stderr and "--source" in ran.stderr
    assert econml("--source", "mine.py", "eval", "r", "--bootstrap", "0").code == 0


def test_a_function_of_output_and_y_is_a_loss(econml):
    write()
    kinked = ("--lr", "0.05", "--schedule", "cosine", "--num-epochs", "400", "--precision", "float64")  # not for lbfgs
    told = ("--data", "t.csv", "--features", "x", "--target", "y", "--loss", "./mine.py:absolute")
    ran = econml("fit", "linear", *told, *kinked, "--out", "r", "--json")
    assert ran.code == 0, ran.stderr
    assert econml("predict", "r", "--out", "p.csv").code == 0
    import pandas as pd

    rows = pd.read_csv("p.csv").query("split == 'train'")
    error, sd = (rows.y - rows.yhat).abs().mean(), rows.y.std(ddof=0)
    assert json.loads(ran.stdout)["train_loss"] == pytest.approx(error / sd, rel=1e-6)  # of the standardised target
    assert (rows.y < rows.yhat).mean() == pytest.approx(0.5, abs=0.02)


@pytest.mark.slow
def test_a_loss_with_a_link_and_a_target_as_it_is_equals_a_poisson_regression(econml):
    from statsmodels.discrete.discrete_model import Poisson

    write()
    fit = ("fit", "linear", "--loss", "./mine.py:poisson", *FIT, "--num-epochs", "500")
    assert econml(*fit, "--target", "count", "--out", "r").code == 0
    assert econml("predict", "r", "--out", "p.csv").code == 0
    import pandas as pd

    rows = pd.read_csv("p.csv").query("split == 'train'")
    x = np.column_stack([np.ones(len(rows)), rows.x])
    np.testing.assert_allclose(rows.yhat, Poisson(rows["count"], x).fit(disp=0).predict(x), rtol=1e-3)
    ran = econml(*fit, "--target", "y")
    assert ran.code == 1 and "--loss ./mine.py:poisson needs counts, but 'y' goes down to -" in ran.stderr


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        ("msee", ["--loss must be one of mse, binary", "./FILE.py:NAME", "Did you mean 'mse'?"]),
        ("./mine.py:q09", ["mine.py has no loss q09", "absolute", "Did you mean 'q90'?"]),
        ("./none.py:q90", ["There is no file ./none.py"]),
        ("./mine.py:unknown", ["measured by 'rmsd'", "regression"]),
        ("binary", ["--loss binary needs a target with two values, but 'y' has 200", "multiclass"]),
    ],
)
def test_what_is_wrong_with_a_loss_is_said_in_one_sentence(econml, loss, words):
    write()
    ran = econml("fit", "linear", "--target", "y", "--loss", loss, *FIT, "--num-epochs", "1", "--out", "r")
    if ran.code == 0:
        ran = econml("eval", "r")
    assert ran.code in (1, 2) and ran.stderr.count("\n") == 1
    for word in words:
        assert word in ran.stderr


def test_the_help_has_the_names_of_the_table(econml):
    said = " ".join(econml("fit", "linear", "--data", "t.csv", "--help").stdout.replace("│", " ").split())
    assert "mse, binary, multiclass, reconstruction" in said and "./FILE.py:NAME" in said


# ---------------------------------------------------------------- least squares

PINBALL = """
import jax
import jax.numpy as jnp
from econml_cli.problems.base import Batch

class Quantile:
    simulated, task, din, dout, loss_scale = True, "regression", 2, 1, 1.0

    def sample(self, rngs, split, n=None):
        x = jax.random.normal(rngs(), (n or 60, 2))
        return Batch(x, x[:, :1] + jnp.exp(jax.random.normal(rngs(), (n or 60, 1))))

    def loss(self, model, batch):
        error = batch.y - model(batch.x)
        return jnp.maximum(0.9 * error, -0.1 * error)[:, 0]

    def predict(self, model, x):
        return model(x)

    def observed(self, batch):
        return batch.y

    def verdicts(self, model, batch):
        return {}

    def describe(self):
        return {"features": ["a", "b"]}
"""


@pytest.mark.parametrize(
    ("model", "remedy"),
    [
        (("linear", "--solver", "lstsq"), "--solver gradient"),
        (("polynomial",), "--solver gradient"),
        (("random_features",), "choose another model"),
        (("kernel",), "choose another model"),
    ],
)
def test_a_pinball_loss_is_not_solved_by_least_squares(econml, model, remedy):
    Path("pinball.py").write_text(PINBALL)
    ran = econml("fit", *model, "--problem", "./pinball.py:Quantile")
    assert ran.code == 2 and ran.stderr.count("\n") == 1 and remedy in ran.stderr
    assert "the loss of problem ./pinball.py:Quantile is not squared error" in ran.stderr
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("per_row", "squared"),
    [
        (jnp.square, True),
        (lambda e: 0.5 * jnp.square(e), True),
        (jnp.abs, False),
        (lambda e: jnp.where(e > 0, 3.0, 1.0) * jnp.square(e), False),  # an expectile
        (lambda e: jnp.where(jnp.abs(e) < 2, jnp.square(e), 4 * jnp.abs(e) - 4), False),  # Huber's
    ],
)
@pytest.mark.parametrize("model", ["polynomial", "linear"])
def test_a_loss_that_is_a_method_is_tried(per_row, squared, model):
    setup = assemble(build(model, "linear", [("test", {"N": 20, "solver": "lstsq"})]))
    vars(setup.problem)["loss"] = lambda model, batch: per_row(model(batch.x) - batch.y)[:, 0]
    assert is_squared_error(setup) is squared
    if squared:
        check(setup)
    else:
        with pytest.raises(ConfigError, match="not squared error"):
            check(setup)


# ---------------------------------------------------------------- weights


def test_a_batch_is_still_a_pair():
    x, y = Batch(jnp.zeros((2, 1)), jnp.ones((2, 1)))
    assert float(y.sum()) == 2 and x.shape == (2, 1) and Batch(x, y).w is None
    assert len(jax.tree.leaves(Batch(x, y))) == 2 and len(jax.tree.leaves(Batch(x, y, y))) == 3


def test_the_mean_is_that_of_numpy():
    values, w = np.arange(6.0).reshape(3, 2), np.array([1.0, 2.0, 5.0])
    np.testing.assert_allclose(mean(values, w), np.average(values, axis=0, weights=w))
    np.testing.assert_allclose(mean(jnp.asarray(values)), values.mean(axis=0))


def test_metrics_are_of_weighted_means():
    rng = np.random.default_rng(0)
    y, yhat, w = rng.normal(size=(50, 1)), rng.normal(size=(50, 1)), rng.integers(1, 4, 50)
    row, loss = losses.LOSSES["mse"], rng.random(50)
    found = metrics.moments(row, loss, y, yhat, w).values()
    again = metrics.moments(row, np.repeat(loss, w), np.repeat(y, w, axis=0), np.repeat(yhat, w, axis=0)).values()
    assert found == pytest.approx(again)


WEIGHTED = """
import jax
import jax.numpy as jnp
from econml_cli.problems import losses
from econml_cli.problems.base import Batch

class Weighted:
    simulated, task, din, dout, loss_scale = True, "regression", 1, 1, 1.0
    loss, predict, observed = losses.loss, losses.predict, losses.observed

    def sample(self, rngs, split, n=None):
        x = jax.random.normal(rngs(), (n or 50, 1))
        return Batch(x, x**2 + x, 3 * jnp.exp(x[:, 0]))

    def verdicts(self, model, batch):
        return {}

    def describe(self):
        return {"features": ["x"]}
"""


@pytest.mark.slow
def test_weights_are_heeded_in_training_and_in_what_is_reported(econml):
    Path("weighted.py").write_text(WEIGHTED)
    fit = ("fit", "linear", "--problem", "./weighted.py:Weighted", "--precision", "float64")
    ran = econml(*fit, "--optimizer", "lbfgs", "--out", "r", "--json")
    assert ran.code == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert econml("predict", "r", "--out", "p.csv").code == 0
    import pandas as pd

    rows = pd.read_csv("p.csv").query("split == 'train'")
    x, w = np.column_stack([np.ones(len(rows)), rows.x]), np.exp(rows.x)
    beta = np.linalg.solve(x.T @ (x * w.to_numpy()[:, None]), x.T @ (w * rows.y))
    np.testing.assert_allclose(rows.yhat, x @ beta, rtol=1e-4)
    loss = np.average((rows.y - x @ beta) ** 2, weights=w)
    assert found["train_loss"] == pytest.approx(loss, rel=1e-6)
    assert _value(json.loads(econml("eval", "r", "--json").stdout)["train_loss"]) == pytest.approx(loss, rel=1e-6)
    # an epoch of batches reports the weighted mean at the weights that it began with
    small = econml(*fit, "--batch-size", "16", "--num-epochs", "1", "--lr", "0.0000001", "--out", "s", "--json")
    first = json.loads(Path("s/metrics.jsonl").read_text().splitlines()[0])["train_loss"]
    assert first == pytest.approx(json.loads(small.stdout)["train_loss"], rel=1e-4)


@pytest.mark.parametrize("arguments", [("kernel",), ("linear", "--optimizer", "lm")])
def test_what_cannot_weigh_is_refused(econml, arguments):
    Path("weighted.py").write_text(WEIGHTED)
    ran = econml("fit", *arguments, "--problem", "./weighted.py:Weighted")
    assert ran.code == 2 and "weights" in ran.stderr


@pytest.mark.slow
def test_least_squares_is_weighted(econml):
    Path("weighted.py").write_text(WEIGHTED)
    fit = ("fit", "linear", "--problem", "./weighted.py:Weighted", "--precision", "float64", "--json")
    solved = json.loads(econml(*fit, "--solver", "lstsq", "--out", "r").stdout)
    trained = json.loads(econml(*fit, "--optimizer", "lbfgs", "--out", "s").stdout)
    assert solved["train_loss"] == pytest.approx(trained["train_loss"], rel=1e-8)


def test_weights_are_one_an_observation(econml):
    Path("weighted.py").write_text(WEIGHTED.replace("x[:, 0]", "x"))
    ran = econml("fit", "linear", "--problem", "./weighted.py:Weighted")
    assert "has weights w[50, 1], expected [50]" in ran.stderr
