"""--class-weights: weights of classes in the loss are sample weights by hand; metrics are those of unweighted rows."""

import numpy as np
import pandas as pd
import pytest

from econml_cli.data import class_weights
from econml_cli.errors import ConfigError
from econml_cli.evaluation.comparing.compare import compare
from econml_cli.evaluation.evaluate import evaluate
from econml_cli.evaluation.predictions import predict
from tests.support.fits import fitted

WHOLE = {"val_fraction": 0.0, "test_fraction": 0.0}
HAND = {"rare": 3.5, "some": 1.0, "usual": 0.5}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A table with classes of which some are rare, its path, and a logit of two of them with balanced weights."""
    here = tmp_path_factory.mktemp("classes")
    rng, n = np.random.default_rng(2), 160
    frame = pd.DataFrame({"x": rng.normal(size=n), "z": rng.normal(size=n)})
    index = np.column_stack([frame["x"] - 2, 0.5 * frame["z"] - 0.5, np.full(n, 0.7)])
    frame["c"] = np.array(list(HAND))[np.argmax(index + rng.gumbel(size=(n, 3)), axis=1)]
    frame["two"] = np.where(frame["c"] == "rare", "yes", "no")
    counts = frame["two"].value_counts()
    frame["balanced"] = frame["two"].map(n / (2 * counts))
    frame["hand"] = 10 * frame["c"].map(HAND)  # in any unit
    frame.to_csv(here / "t.csv", index=False)
    options = {"data": str(here / "t.csv"), "formula": "two ~ x + z", **WHOLE}
    return frame, str(here / "t.csv"), fitted(here / "run", class_weights=("balanced",), **options)


def same(one, other):
    """Coefficients and standard errors of two evaluations."""
    assert one.linear.vcov == other.linear.vcov == "HC1"
    np.testing.assert_allclose(list(one.linear.values.values()), list(other.linear.values.values()), rtol=1e-8)
    np.testing.assert_allclose(list(one.linear.errors.values()), list(other.linear.errors.values()), rtol=1e-8)


@pytest.mark.slow
def test_balanced_weights_are_sample_weights_by_hand_and_metrics_are_unweighted(made, tmp_path):
    frame, path, run = made
    options = {"data": path, "weights": "balanced", "weight_kind": "sampling", **WHOLE}
    by_hand = fitted(tmp_path / "hand", formula="two ~ x + z", **options)
    found = evaluate(run, bootstrap=0)
    same(found, evaluate(by_hand, bootstrap=0))
    p, yes = np.asarray(predict(run, path)["p"]), (frame["two"] == "yes").to_numpy()
    log_loss = -np.mean(np.log(np.where(yes, p, 1 - p)))
    for name in ("train_loss", "train_log_loss"):
        assert found.estimates[name].value == pytest.approx(log_loss, rel=1e-9)
    assert found.estimates["train_accuracy"].value == pytest.approx(np.mean((p >= 0.5) == yes))
    weighted = run.summary()["train_loss"]
    assert weighted == pytest.approx(-np.mean(frame["balanced"] * np.log(np.where(yes, p, 1 - p))), rel=1e-6)
    assert any("class weights in the loss that training minimised: no = " in note for note in found.notes)
    assert any("class weights" in line for line in compare([run], bootstrap=0).render().split("\n"))
    with pytest.raises(ConfigError, match=r"--class-weights\); use --vcov HC1"):
        evaluate(run, bootstrap=0, vcov="iid")


def test_weights_by_class_of_several_classes_are_those_of_rows(made, tmp_path):
    _, path, _ = made
    typed = tuple(f"{name}={weight}" for name, weight in HAND.items() if weight != 1)
    one = fitted(tmp_path / "one", data=path, formula="c ~ x + z", class_weights=typed, **WHOLE)
    options = {"data": path, "formula": "c ~ x + z", "weights": "hand", "weight_kind": "sampling", **WHOLE}
    same(evaluate(one, bootstrap=0), evaluate(fitted(tmp_path / "two", **options), bootstrap=0))


@pytest.mark.slow
def test_training_goes_where_newton_ends(made, tmp_path):
    _, path, run = made
    options = {"data": path, "formula": "two ~ x + z", "solver": "gradient", "optimizer": "lbfgs", "num_epochs": 40}
    trained = fitted(tmp_path / "run", class_weights=("balanced",), precision="float64", **options, **WHOLE)
    found, solved = (evaluate(one, bootstrap=0).linear for one in (trained, run))
    np.testing.assert_allclose(list(found.values.values()), list(solved.values.values()), rtol=1e-4)
    assert found.converged and run.summary().get("solution_distance") is None


def test_balanced_weights_heed_those_of_rows_and_have_mean_one():
    codes, w = np.array([0, 0, 0, 1]), np.array([1.0, 1.0, 2.0, 2.0])
    found = class_weights.read(["balanced"], ["a", "b"], codes, w)
    assert found["b"] / found["a"] == pytest.approx(2) and np.average([found["a"]] * 3 + [found["b"]], weights=w) == 1
    assert class_weights.read(["1=3"], [1.0, 2.0], codes, None) == pytest.approx({"1": 1.2, "2": 0.4})


@pytest.mark.parametrize(
    ("target", "asked", "said"),
    [
        ("x", "balanced", "is of classes, and the loss of 'x' is squared error"),
        ("two", "yess=2", "names no class 'yess'. Did you mean 'yes'"),
        ("two", "yes=-1", "a number above 0, such as yes=5"),
        ("two", "often", "expected balanced, or a class and a number"),
        ("two", "yes=2,yes=3", "names 'yes' twice"),
    ],
)
def test_what_is_no_weight_of_a_class_is_refused_in_a_sentence(made, econml, target, asked, said):
    formula = f"{target} ~ z"
    ran = econml("fit", "linear", "--data", made[1], "--formula", formula, "--class-weights", asked, "--out", "r")
    assert ran.code == 2 and said in ran.stderr and "Traceback" not in ran.stderr, ran.stderr
