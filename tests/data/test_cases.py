"""Small files as people have them, one fault of reading each, with the numbers that are right."""

import datetime
import json
import re
from decimal import Decimal
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyreadstat
import pytest
from flax import nnx
from matplotlib.dates import ConciseDateFormatter, num2date
from matplotlib.figure import Figure
from pyarrow import parquet

from econml_cli.config.fit_config import read_yaml
from econml_cli.data import files
from econml_cli.data.read import read_table
from econml_cli.errors import DataError
from econml_cli.evaluation.drawing import figures
from econml_cli.evaluation.drawing.panels import date_axis
from econml_cli.problems.tabular import Tabular
from tests.support.fits import fitted

CASES = Path(__file__).parent / "cases"
WHOLE = {"val_fraction": 0.0, "test_fraction": 0.0}


def problem(name, **options):
    """A problem of a case, all of whose rows are for training."""
    return Tabular(data=str(CASES / name), rngs=nnx.Rngs(0), **(WHOLE | options))


def ols(problem):
    """Least squares in the units of the file: {"Intercept": ..., design column: ...}."""
    batch = problem.sample(None, "train")
    x = np.asarray(batch.x, np.float64)
    design = np.column_stack([np.ones(len(x)), x])
    beta = np.linalg.lstsq(design, np.asarray(batch.y)[:, 0], rcond=None)[0]
    return problem.unstandardise(beta[1:], beta[0])


def by_hand(y, *columns):
    """Least squares of columns that were made by hand, with a constant."""
    return np.linalg.lstsq(np.column_stack([np.ones(len(y)), *columns]), np.asarray(y), rcond=None)[0]


# -- rows are dropped before anything is asked of them


def test_a_year_whose_outcome_is_missing_everywhere_goes_with_its_rows():
    found = problem("level_only_missing.csv", formula="y ~ x + C(year)", missing="drop")
    rows = pd.read_csv(CASES / "level_only_missing.csv").dropna()
    assert len(found.sample(None, "train").x) == len(rows) == 80
    assert found.describe()["levels"] == {"C(year)": ["2001", "2002"]}
    np.testing.assert_allclose([*ols(found).values()], by_hand(rows.y, rows.x, rows.year == 2002), rtol=1e-9)


def test_the_log_of_a_row_that_goes_anyway_is_not_asked_for():
    rows = pd.read_csv(CASES / "zero_wage_missing.csv")
    assert rows[rows.wage == 0].educ.isna().all() and (rows.wage == 0).any()
    kept = rows.dropna()
    for formula, y, x in (("log(wage) ~ educ", np.log(kept.wage), kept.educ), ("educ ~ log(wage)", kept.educ, None)):
        found = problem("zero_wage_missing.csv", formula=formula, missing="drop")
        np.testing.assert_allclose([*ols(found).values()], by_hand(y, np.log(kept.wage) if x is None else x), rtol=1e-9)


def test_a_class_of_rows_that_go_anyway_is_none():
    frame = pd.DataFrame({"y": ["a", "b"] * 20 + ["c"], "x": [*np.arange(40.0), np.nan]})
    frame.to_csv("t.csv", index=False)
    found = Tabular(data="t.csv", target="y", missing="drop", rngs=nnx.Rngs(0), **WHOLE)
    assert (found.task, found.classes, len(found.sample(None, "train").x)) == ("binary", ["a", "b"], 40)
    _, batch = found.encode("t.csv", need_target=True)
    assert len(batch.x) == 40


# -- what a column is


def test_a_mark_for_missing_is_no_level_of_numbers():
    with pytest.raises(DataError, match=r"kids \(30\)"):
        problem("dots_few.csv", formula="y ~ kids")
    found = problem("dots_few.csv", formula="y ~ kids", missing="drop")
    assert len(found.sample(None, "train").x) == 170
    assert ols(found)["kids"] == pytest.approx(2.002, abs=5e-4)
    assert problem("dot_few.csv", formula="y ~ grade", missing="drop").features.names == ["grade"]
    found = problem("dot_target.csv", target="employed", missing="drop")
    assert (found.task, found.classes) == ("binary", [0, 1])
    found = problem("dots_few.csv", formula="y ~ kids", na_values=("..", "5"), missing="drop")
    assert len(found.sample(None, "train").x) < 170


def test_a_word_that_could_mean_missing_is_a_word_in_a_column_of_words():
    for name in ("iso_na.csv", "iso_na.parquet"):
        found = problem(name, formula="y ~ x + iso2")
        assert found.describe()["levels"] == {"iso2": ["BW", "NA", "ZA", "ZM"]}
        assert "--na-values NA" in found.schema.notes()[0]
        with pytest.raises(DataError, match=r"iso2 \(66\)"):
            problem(name, formula="y ~ x + iso2", na_values=("NA",))
    assert problem("answer_none.csv", target="y").describe()["levels"] == {"ins": ["A lot", "None", "Some"]}


def test_row_numbers_without_a_name_are_no_feature():
    found = problem("unnamed.csv", target="y")
    assert found.features.names == ["x"]
    assert found.schema["Unnamed: 0"].kind == "identifier"
    assert problem("unnamed.csv", formula="y ~ `Unnamed: 0`").features.names == ["`Unnamed: 0`"]
    assert problem("trailing.csv", target="y").features.names == ["x"]


def test_text_that_names_rows_is_left_out_and_refused_where_it_is_asked_for():
    frame = pd.DataFrame({"y": np.arange(60.0) % 7, "x": np.arange(60.0) ** 2, "name": [f"n{i}" for i in range(60)]})
    frame.to_csv("t.csv", index=False)
    own = {"data": "t.csv", "rngs": nnx.Rngs(0), **WHOLE}
    found = Tabular(target="y", **own)
    assert found.features.names == ["x"] and "60 different values" in found.schema.left_out["name"]
    assert Tabular(formula="y ~ .", **own).features.names == ["x"]
    with pytest.raises(DataError, match=r"'name' names rows .* --categorical name"):
        Tabular(formula="y ~ x + name", **own)
    assert len(Tabular(formula="y ~ x + name", categorical=("name",), **own).features.names) == 60


@pytest.mark.parametrize(
    ("name", "formula", "right"),
    [
        ("labels_zero.dta", "y ~ kids + age", {"kids": -0.0159, "age": 0.0487}),
        ("labels_topcode.dta", "y ~ age", None),
        ("labels_duplicate.dta", "y ~ age + edu", None),
    ],
)
def test_a_label_does_not_make_a_number_a_category(name, formula, right):
    found = ols(problem(name, formula=formula))
    rows = pd.read_stata(CASES / name, convert_categoricals=False)
    names = [name for name in found if name != "Intercept"]
    np.testing.assert_allclose([*found.values()], by_hand(rows.y, *(rows[name] for name in names)), rtol=1e-9)
    if right is not None:
        assert {name: found[name] for name in right} == pytest.approx(right, abs=5e-5)


def test_a_variable_with_a_label_for_each_value_is_a_category_whose_codes_can_be_had():
    found = problem("labels_full.dta", formula="y ~ edu")
    assert found.describe()["levels"]["edu"] == ["none", "primary", "lower sec", "upper sec", "ba", "ma"]
    codes = ols(problem("labels_full.dta", formula="y ~ edu", numeric=("edu",)))
    rows = pd.read_stata(CASES / "labels_full.dta", convert_categoricals=False)
    assert codes["edu"] == pytest.approx(by_hand(rows.y, rows.edu)[1])
    levels = problem("labels_duplicate.dta", formula="y ~ region").describe()["levels"]["region"]
    assert levels == ["East", "Other (2)", "Other (3)"]


def test_extended_missing_codes_and_dates_of_stata():
    days = pd.to_datetime(["2001-01-01", "2001-04-01"] * 20)
    frame = pd.DataFrame({"y": [1.0, 2.0, np.nan, 4.0] * 10, "x": np.arange(40) % 7, "when": days})
    frame.to_stata("t.dta", write_index=False, convert_dates={"when": "tq"})
    found = Tabular(data="t.dta", formula="y ~ x", missing="drop", rngs=nnx.Rngs(0), **WHOLE)
    assert len(found.sample(None, "train").x) == 30 and found.schema["y"].missing == {"": 10}
    with pytest.raises(DataError, match=r"'when' holds dates.*quarter\(when\)"):
        Tabular(data="t.dta", target="y", missing="drop", rngs=nnx.Rngs(0), **WHOLE)


@pytest.mark.parametrize(
    ("name", "column", "first"),
    [("currency.csv", "income", 35668), ("percent.csv", "share", 23.0), ("thousands_few.csv", "rent", 1000)],
)
def test_numbers_as_people_write_them_are_numbers_with_a_note(name, column, first):
    found = problem(name, target="y")
    assert column in found.features.names and not found.describe()["levels"]
    written = pd.read_csv(CASES / name, dtype=str)
    clean = written.map(lambda text: float(text.replace("$", "").replace(",", "").replace("%", "")))
    features = [clean[name] for name in found.features.names]
    assert clean[column][0] == first
    np.testing.assert_allclose([*ols(found).values()], by_hand(clean.y, *features), rtol=1e-7)
    assert any("is read as" in note for note in found.schema.notes())


def test_decimal_commas_are_refused_with_the_options_that_read_them():
    with pytest.raises(DataError, match="--delimiter ';'"):
        problem("euro.csv", target="y")
    with pytest.raises(DataError, match="read them with --decimal ,"):
        problem("euro.csv", target="y", delimiter=";")
    found = problem("euro.csv", target="y", delimiter=";", decimal=",")
    rows = pd.read_csv(CASES / "euro.csv", sep=";", decimal=",")
    np.testing.assert_allclose([*ols(found).values()], by_hand(rows.y, rows.x, rows.z), atol=1e-12)


def test_spaces_around_a_level_or_a_name_are_no_part_of_it():
    found = problem("spaces.csv", target="y")
    assert found.features.names == ["x", "z", "married[T.yes]"]
    rows, batch = found.encode(str(CASES / "spaces_new.csv"), need_target=False)
    assert len(rows) == len(batch.x) == 2


def test_the_levels_of_the_fit_say_how_a_later_file_is_read():
    found = problem("code_fit.csv", target="y")
    assert found.describe()["levels"] == {"code": ["01", "02", "10", "1A"]}
    again = Tabular.restore(found.preprocessing())
    rows, batch = again.encode(str(CASES / "code_new.csv"), need_target=False)
    assert list(rows.code) == ["01", "02", "10"]
    expected = np.eye(3)[[0, 1]]
    dummies = np.asarray(batch.x)[:, 1:] * found.features.scale[1:] + found.features.mean[1:]
    np.testing.assert_allclose(dummies, [[0, 0, 0], *expected], atol=1e-12)


def test_groups_are_told_apart_to_the_last_digit():
    base = 1_600_000_000_000_000_000
    for ids in ([base + i // 2 for i in range(40)], [10 * base**2 + i // 2 for i in range(40)]):
        texts = [str(i) for i in ids]
        texts[7] = ""
        frame = pd.DataFrame({"y": np.arange(40.0) % 7, "x": np.arange(40.0) ** 2, "id": texts})
        frame.to_csv("t.csv", index=False)
        found = Tabular(data="t.csv", formula="y ~ x", group="id", missing="drop", rngs=nnx.Rngs(0), test_fraction=0.3)
        assert sum(len(set(g)) for g in found.groups.values()) == 20


def test_an_index_of_pandas_is_a_column_where_it_has_a_name():
    found = problem("panel_index.parquet", formula="y ~ x + C(country)")
    assert len(found.features.names) == 6
    pd.DataFrame({"y": [1.0, 2.0, 4.0] * 9, "x": [1.0, 5.0, 2.0] * 9}, index=range(5, 32)).to_parquet("t.parquet")
    assert Tabular(data="t.parquet", target="y", rngs=nnx.Rngs(0), **WHOLE).features.names == ["x"]


def test_the_types_of_parquet():
    found = problem("types.parquet", target="y", missing="drop")
    assert set(found.features.names) == {"b[T.True]", "i", "g[T.hi]"}
    frame = pd.DataFrame({"y": [1.0, 2.0], "l": [[1], [2]]})
    frame.to_parquet("t.parquet")
    with pytest.raises(DataError, match=r"'l' of t.parquet cannot be used: type"):
        Tabular(data="t.parquet", target="y", rngs=nnx.Rngs(0), **WHOLE)


def test_every_type_of_parquet_that_holds_numbers_words_or_times_is_read():
    n = 24
    k = np.arange(n)
    table = pa.table({
        "y": pa.array(np.sqrt(k)), "decimal": pa.array([Decimal(f"{i % 5}.25") for i in k], pa.decimal128(6, 2)),
        "int": pa.array([None if i == 3 else int(i % 7) for i in k], pa.int64()), "small": pa.array(k % 3, pa.uint8()),
        "half": pa.array((k % 4).astype(np.float16)), "flag": pa.array([bool(i % 2) for i in k]),
        "dictionary": pa.array(["lo" if i % 3 else "hi" for i in k]).dictionary_encode(),
        "large": pa.array(["a" if i % 5 else "b" for i in k], pa.large_string()),
        "when": pa.array(pd.date_range("2001-01-01", periods=n, freq="MS"), pa.timestamp("ns")),
        "day": pa.array([datetime.date(2001, 1 + i % 12, 1) for i in k], pa.date32()),
    })  # fmt: skip
    parquet.write_table(table, "t.parquet")
    formula = "y ~ decimal + int + small + half + flag + dictionary + large + month(when)"
    found = Tabular(data="t.parquet", formula=formula, missing="drop", rngs=nnx.Rngs(0), **WHOLE)
    x = np.asarray(found.sample(None, "train").x) * found.features.scale + found.features.mean
    kept = k != 3
    right = [0.25 + k % 5, k % 7, k % 3, k % 4, k % 2, k % 3 != 0, k % 5 == 0, 1 + k % 12]
    np.testing.assert_allclose(x, np.column_stack(right)[kept], rtol=1e-12, atol=1e-12)
    kinds = {c.name: c.kind for c in read_table("t.parquet").schema.columns}
    others = {"flag": "boolean", "dictionary": "category", "large": "category", "when": "date", "day": "date"}
    assert kinds == dict.fromkeys(["y", "decimal", "int", "small", "half"], "number") | others


def test_formats_of_dates_and_codes_for_missing_of_stata():
    n = 48
    starts = {"td": "D", "tm": "MS", "tq": "QS", "ty": "YS"}
    rows = pd.DataFrame({"y": np.sqrt(np.arange(n))}).assign(
        **{way: pd.date_range("1990-01-01", periods=n, freq=step) for way, step in starts.items()}
    )
    rows.to_stata("t.dta", write_index=False, convert_dates={way: way for way in starts})
    schema = read_table("t.dta").schema
    assert [schema[way].kind for way in starts] == ["date"] * 4 and schema["ty"].high == "2037-01-01"
    formula = "y ~ day(td) + month(tm) + C(quarter(tq)) + year(ty)"
    found = Tabular(data="t.dta", formula=formula, rngs=nnx.Rngs(0), **WHOLE)
    x = np.asarray(found.sample(None, "train").x) * found.features.scale + found.features.mean
    quarters = [rows.tq.dt.quarter == i for i in (2, 3, 4)]
    right = [rows.td.dt.day, rows.tm.dt.month, *quarters, rows.ty.dt.year]
    np.testing.assert_allclose(x, np.column_stack(right), rtol=1e-12, atol=1e-12)
    coded = pd.DataFrame({"y": np.arange(30.0) % 7, "x": [1.0, "a", 3.0, "b", 5.0, 6.0] * 5})
    pyreadstat.write_dta(coded, "c.dta", missing_user_values={"x": ["a", "b"]})
    found = Tabular(data="c.dta", formula="y ~ x", missing="drop", rngs=nnx.Rngs(0), **WHOLE)
    kept = ~coded.x.isin(["a", "b"])
    assert sum(found.schema["x"].missing.values()) == 10 and found.describe()["rows_dropped"] == 10
    np.testing.assert_allclose([*ols(found).values()], by_hand(coded.y[kept], coded.x[kept].astype(float)), rtol=1e-9)


def test_dates_are_refused_as_a_feature_and_order_the_rows_as_time():
    with pytest.raises(DataError, match=r"'q' holds dates.*year\(q\)"):
        problem("quarters.csv", target="y")
    with pytest.raises(DataError, match=r"cannot be told apart; say which: --dates '?when="):
        problem("dates_text.csv", formula="y ~ when")
    found = Tabular(data=str(CASES / "dates_text.csv"), formula="y ~ x", time="when", dates=("when=%d/%m/%Y",),
                    rngs=nnx.Rngs(0))  # fmt: skip
    assert found.file_rows["test"].tolist() == list(range(120, 150))


@pytest.mark.parametrize("time", [(), ("year",)])
@pytest.mark.parametrize("function", ["lag", "lead", "diff"])
def test_a_lag_never_crosses_units(function, time):
    found = problem("panel.csv", formula=f"y ~ {function}(x)", panel=("country", *time), missing="drop")
    rows = pd.read_csv(CASES / "panel.csv")
    by_unit = rows.groupby("country").x
    x = {"lag": by_unit.shift(1), "lead": by_unit.shift(-1), "diff": by_unit.diff()}[function]
    kept = x.notna()
    assert len(found.sample(None, "train").x) == int(kept.sum()) == 114
    np.testing.assert_allclose([*ols(found).values()], by_hand(rows.y[kept], x[kept]), rtol=1e-9)
    _, batch = found.encode(str(CASES / "panel.csv"), need_target=False)
    np.testing.assert_array_equal(batch.x, found.sample(None, "train").x)


def test_a_lag_by_time_respects_gaps_and_the_order_of_the_rows():
    whole = pd.read_csv(CASES / "panel.csv")
    whole["before"] = whole.groupby("country").x.shift(1)
    rows = whole.drop(index=[5, 30, 31]).sample(frac=1, random_state=0)
    rows.drop(columns="before").to_csv("t.csv", index=False)
    found = Tabular(data="t.csv", formula="y ~ lag(x)", panel=("country", "year"), missing="drop", rngs=nnx.Rngs(0),
                    **WHOLE)  # fmt: skip
    there = {(c, t) for c, t in zip(rows.country, rows.year, strict=True)}
    kept = np.array([(c, t - 1) in there for c, t in zip(rows.country, rows.year, strict=True)])
    np.testing.assert_allclose([*ols(found).values()], by_hand(rows.y[kept], rows.before[kept]), rtol=1e-9)
    by_group = Tabular(data="t.csv", formula="y ~ lag(x)", group="country", missing="drop", rngs=nnx.Rngs(0), **WHOLE)
    assert len(by_group.sample(None, "train").x) == len(rows) - 6
    pd.concat([rows, rows.head(1)]).to_csv("t.csv", index=False)
    with pytest.raises(DataError, match="twice: lag"):
        Tabular(data="t.csv", formula="y ~ lag(x)", panel=("country", "year"), missing="drop", rngs=nnx.Rngs(0))


def test_parts_of_dates_in_a_formula():
    formula = "y ~ x + year(q) + C(quarter(q)) + trend(q)"
    found = problem("quarters.csv", formula=formula)
    assert found.features.names[2:5] == ["C(quarter(q))[T.2]", "C(quarter(q))[T.3]", "C(quarter(q))[T.4]"]
    rows = pd.read_csv(CASES / "quarters.csv")
    q = pd.PeriodIndex(rows.q, freq="Q")
    x = np.asarray(found.sample(None, "train").x) * found.features.scale + found.features.mean
    np.testing.assert_allclose(x[:, 1], q.year, rtol=1e-12)
    np.testing.assert_allclose(x[:, 2:5], np.column_stack([q.quarter == i for i in (2, 3, 4)]), atol=1e-12)
    days = (q.to_timestamp() - pd.Timestamp("2000-01-01")).days
    np.testing.assert_allclose(x[:, 5], days / 365.2425, rtol=1e-9)
    lagged = Tabular(data=str(CASES / "quarters.csv"), formula="y ~ month(q)", time="q", rngs=nnx.Rngs(0))
    assert lagged.file_rows["train"].max() < lagged.file_rows["test"].min()


def test_more_design_columns_than_training_rows_are_said_with_the_culprit(tmp_path, econml):
    frame = pd.DataFrame({"y": np.arange(30.0) ** 0.5, "x": np.arange(30.0), "firm": [f"f{i // 2}" for i in range(30)]})
    frame.to_csv("t.csv")
    ran = econml("fit", "linear", "--data", "t.csv", "--formula", "y ~ x + firm", "--out", "r", "--val-fraction", "0.3",
                 "--test-fraction", "0.3")  # fmt: skip
    assert (
        "15 design columns for 12 training rows" in ran.stdout + ran.stderr
        and "come from firm" in ran.stdout + ran.stderr
    )
    ran = econml("fit", "linear", "--data", "t.csv", "--target", "y", "--drop-columns", "firm", "--out", "s")
    assert "'Unnamed: 0' is left out of the features" in ran.stdout + ran.stderr


def test_the_reference_level_can_be_named_and_all_constants_are_at_once():
    ways = ('C(country, Treatment("CCC"))', 'C(country, base="CCC")', "C(country, Treatment(reference='CCC'))",
            "C(country, base=CCC)", "C(country, Treatment(CCC))")  # fmt: skip
    for text in ways:
        found = problem("panel.csv", formula=f"y ~ x + {text}")
        assert found.features.names[1] == "C(country, base='CCC')[T.AAA]"
    rows = pd.read_csv(CASES / "panel.csv")
    dummies = [rows.country == c for c in ("AAA", "BBB", "DDD", "EEE", "FFF")]
    np.testing.assert_allclose([*ols(found).values()], by_hand(rows.y, rows.x, *dummies), rtol=1e-8)
    with pytest.raises(DataError, match="has no level 'ZZZ' to be the base"):
        problem("panel.csv", formula='y ~ C(country, base="ZZZ")')
    rows.assign(a=1, b=2.0, c="same").to_csv("t.csv", index=False)
    with pytest.raises(DataError, match="Features 'a', 'b', 'c' are the same in all rows used"):
        Tabular(data="t.csv", formula="y ~ x + a + b + c", rngs=nnx.Rngs(0), **WHOLE)


def test_a_key_that_stands_twice_in_a_config_is_refused_with_both_lines(econml):
    ran = econml("fit", "mlp", "--config", CASES / "dupkeys.yaml")
    assert ran.code == 2 and "at line 2 ('lr' stands twice, first at line 1" in ran.stderr


def test_names_of_columns_in_a_config_are_what_was_written(econml):
    Path("yamlnames.csv").write_bytes((CASES / "yamlnames.csv").read_bytes())
    ran = econml("fit", "linear", "--config", CASES / "yn.yaml", "--out", "r")
    assert ran.code == 0, ran.stderr
    assert "target: 'no'" in Path("r/config.yaml").read_text()
    again = econml("fit", "linear", "--config", "r/config.yaml", "--print-config")
    assert again.stdout == Path("r/config.yaml").read_text()
    Path("list.yaml").write_text("features: [010, 1:30, yes, null, 'x']\ngroup: null\n")
    read = read_yaml(Path("list.yaml"))
    assert read == {"features": ["010", "1:30", "yes", "null", "x"], "group": None}


def test_inspect_data_shows_what_a_fit_would_read(econml):
    ran = econml("inspect", "data", CASES / "unnamed.csv")
    assert ran.code == 0 and "left out of automatic features: Unnamed: 0" in ran.stdout, ran.stderr
    shown = json.loads(econml("inspect", "data", CASES / "labels_full.dta", "--numeric", "edu", "--json").stdout)
    kinds = {column["name"]: column["kind"] for column in shown["columns"]}
    assert (kinds["edu"], kinds["sat"], shown["rows"]) == ("number", "category", 300)
    ran = econml("inspect", "data", CASES / "dots_few.csv", "--numeric", "kidz")
    assert ran.code != 0 and "--numeric names. Did you mean 'kids'" in ran.stderr


# -- a constant, dates with times, notes, rows


@pytest.mark.slow
def test_a_constant_is_fitted_by_any_model_and_its_standard_error_is_that_of_a_mean(econml):
    rows = pd.read_csv(CASES / "clean.csv")
    own = ("--data", CASES / "clean.csv", "--formula", "y ~ 1", "--val-fraction", "0", "--test-fraction", "0")
    assert econml("fit", "linear", *own, "--out", "r", "--precision", "float64").code == 0
    found = json.loads(econml("eval", "r", "--json", "--bootstrap", "0").stdout)
    assert found["coefficients"] == {"Intercept": pytest.approx(rows.y.mean(), rel=1e-12)}
    assert found["standard_errors"]["Intercept"] == pytest.approx(rows.y.std() / len(rows) ** 0.5, rel=1e-9)
    assert econml("predict", "r", "--data", CASES / "clean.csv", "--out", "out.csv").code == 0
    out = pd.read_csv("out.csv")
    assert list(out) == [*rows, "yhat"] and np.allclose(out.yhat, rows.y.mean(), rtol=1e-12)
    ran = econml("eval", "effects", "r")
    assert ran.code == 2 and "fits a constant" in ran.stderr
    assert econml("export", "r", "--to", "numpy", "--out", "e").code == 0
    assert econml("report", "r", "--out", "r.html").code == 0
    assert econml("fit", "mlp", *own, "--out", "m", "--width", "4", "--num-epochs", "20").code == 0
    assert econml("predict", "m", "--data", CASES / "clean.csv", "--out", "out.csv").code == 0
    assert pd.read_csv("out.csv").yhat.nunique() == 1
    ran = econml("fit", "linear", "--data", CASES / "clean.csv", "--formula", "y ~ 0", "--out", "z")
    assert ran.code == 2 and "neither a feature nor a constant" in ran.stderr


@pytest.mark.parametrize("fitted_to", ["t.csv", "t.parquet"])
def test_times_are_those_of_the_clocks_of_a_place_in_every_format(fitted_to):
    n = 40
    frame = pd.DataFrame({"y": np.arange(n) ** 0.5, "x": np.arange(n) % 7})
    frame["stamp"] = pd.date_range("2020-01-01 08:30", periods=n, freq="h")
    frame["local"] = pd.date_range("2020-03-20", periods=n, freq="D", tz="Europe/Berlin")
    frame.to_csv("t.csv", index=False)
    frame.to_parquet("t.parquet")
    found = Tabular(data=fitted_to, formula="y ~ x + trend(stamp) + day(local)", rngs=nnx.Rngs(0), **WHOLE)
    assert found.schema["stamp"].kind == found.schema["local"].kind == "date"
    x = np.asarray(found.sample(None, "train").x) * found.features.scale + found.features.mean
    np.testing.assert_allclose(x[:, 2], frame.local.dt.day, rtol=1e-12)  # not the day of UTC
    hours = (frame.stamp - pd.Timestamp("2000-01-01")) / pd.Timedelta(days=365.2425)
    np.testing.assert_allclose(x[:, 1], hours, rtol=1e-12)
    for other in ("t.csv", "t.parquet"):
        _, batch = found.encode(other, need_target=False)
        np.testing.assert_array_equal(batch.x, found.sample(None, "train").x)


def test_what_is_odd_in_a_column_of_words_is_said():
    found = problem("spaces_val.csv", target="y")
    assert found.schema.notes() == [
        "column 'married': spaces around a value are no part of it: 'yes ' is read as 'yes'."
    ]
    assert found.describe()["levels"] == {"married": ["no", "yes"]}
    note = read_table(str(CASES / "total.csv")).schema.notes()[0]
    assert "numbers but for 'Total' (row 10 of " in note and note.endswith("--na-values Total.")
    with pytest.raises(DataError, match=r"Target 'y' is numbers but for 'Total' \(row 10 of .*total.csv\); if that is"):
        problem("total.csv", target="y")
    found = problem("total.csv", target="y", na_values=("Total",), missing="drop")
    assert (found.task, len(found.sample(None, "train").x)) == ("regression", 8)
    with pytest.raises(DataError, match=r"begins with a comment \('# source: agency'\); remove that line"):
        problem("comment.csv", target="y")
    found = problem("bigint.csv", formula="y ~ x", group="t")  # beyond 2^53
    assert len(set(found.groups["train"])) == pd.read_csv(CASES / "bigint.csv").t.nunique()


@pytest.mark.parametrize("name", ["t.parquet", "t.feather", "t.dta", "t.csv"])
def test_only_the_columns_that_are_needed_are_read(name, monkeypatch):
    frame = pd.DataFrame({"y": np.arange(9.0), "a": np.arange(9.0) ** 2, "b": ["x", "y", "z"] * 3, "c": 1.0})
    write = {"parquet": frame.to_parquet, "feather": frame.to_feather}
    write |= {"csv": partial(frame.to_csv, index=False), "dta": partial(frame.to_stata, write_index=False)}
    write[name[2:]](name)
    read, real = [], files.read

    def kept(*args, **kwargs):
        read.append(real(*args, **kwargs))
        return read[-1]

    monkeypatch.setattr(files, "read", kept)
    assert Tabular(data=name, formula="y ~ a", rngs=nnx.Rngs(0), **WHOLE).features.names == ["a"]
    columns = read[0].columns
    assert list(getattr(columns, "column_names", None) or columns.columns) == ["y", "a"]
    assert read[0].names == ("y", "a", "b", "c")


@pytest.mark.parametrize(("name", "row"), [("t.csv", 7), ("t.parquet", 6), ("t.xlsx", 7)])
def test_rows_are_counted_as_the_file_does(name, row):
    frame = pd.DataFrame({"y": np.arange(30) ** 0.5, "x": np.arange(30) % 7 + 1.0, "g": ["a", "b"] * 15})
    frame.to_csv("fit.csv", index=False)
    frame.loc[5, "x"] = 0
    frame.loc[5, "g"] = "c"
    write = {"csv": frame.to_csv, "xlsx": frame.to_excel, "parquet": frame.to_parquet}[name.partition(".")[2]]
    write(name, index=False)
    with pytest.raises(DataError, match=rf"log\(x\) is infinite in row {row} of the file"):
        Tabular(data=name, formula="y ~ log(x)", rngs=nnx.Rngs(0), **WHOLE)
    found = Tabular(data="fit.csv", formula="y ~ g", rngs=nnx.Rngs(0), **WHOLE)
    with pytest.raises(DataError, match=rf"level 'c' in row {row} of the file"):
        found.encode(name, need_target=True)
    weighed = frame.assign(w=np.where(np.arange(30) == 5, -1, 1))
    write = {"csv": weighed.to_csv, "xlsx": weighed.to_excel, "parquet": weighed.to_parquet}[name.partition(".")[2]]
    write(name, index=False)
    with pytest.raises(DataError, match=rf"is negative in 1 row \(row {row} of the file: -1\)"):
        Tabular(data=name, formula="y ~ g", weights="w", rngs=nnx.Rngs(0), **WHOLE)


@pytest.mark.slow
def test_the_schema_is_shown_before_and_after_a_fit(econml):
    own = ("fit", "linear", "--data", CASES / "labels_full.dta", "--formula", "y ~ edu + age")
    ran = econml(*own, "--dry-run")
    assert "Columns of the data" in ran.stdout and "edu     feature  category" in ran.stdout, ran.stdout
    told = json.loads(econml(*own, "--dry-run", "--json").stdout)["schema"]
    assert {c["name"]: c["role"] for c in told["columns"]} == {"y": "target", "edu": "feature", "age": "feature"}
    assert econml(*own, "--out", "r").code == 0
    assert "edu     feature  category" in econml("eval", "r", "--columns", "--bootstrap", "0").stdout
    assert json.loads(econml("eval", "r", "--json", "--bootstrap", "0").stdout)["schema"] == told
    assert econml("report", "r", "--out", "r.html").code == 0
    assert "every value has a label" in Path("r.html").read_text()


def test_dates_are_on_the_axes_of_figures(econml):
    run = fitted(Path("r"), data=str(CASES / "quarters.csv"), formula="y ~ trend(q)", time="q", model="linear")
    fit, residuals = figures.figure(run).axes[:2]
    for axis in (fit, residuals):
        assert axis.get_xlabel() == "q"
        low, high = (num2date(value).year for value in axis.get_xlim())
        assert 2008 <= low <= high <= 2014  # of the test split, the latest rows
        assert isinstance(axis.xaxis.get_major_formatter(), ConciseDateFormatter)
    again = figures.figure(run, data=str(CASES / "quarters.csv")).axes[1]
    assert num2date(again.get_xlim()[0]).year <= 2001
    ran = econml("eval", "effects", "r")
    assert ran.code == 2 and "no feature besides dates" in ran.stderr


@pytest.mark.slow
def test_eval_and_report_say_what_was_read_in_a_few_lines(econml):
    rows = pd.read_csv(CASES / "panel.csv")
    rows["name"] = [f"n{i}" for i in range(len(rows))]
    rows.loc[[3, 4], "x"] = np.nan
    rows.to_csv("t.csv")
    fitted(Path("r"), data="t.csv", model="linear", formula="y ~ x + C(year) + .", missing="drop",
           group="country", drop_columns=("name",))  # fmt: skip
    lines = [
        "Data: t.csv", "  target      y (number)", "  numbers     x, year", "  categories  C(year) (20 levels)",
        "  group       country",
        "  left out    Unnamed: 0 (it has no name in the file: row numbers or names that a program wrote); "
        "name (--drop-columns)",
        "  rows        118 of 120; 2 with missing values left out",
    ]  # fmt: skip
    assert "\n".join(["", *lines, ""]) in econml("eval", "r", "--bootstrap", "0").stdout
    assert "\n".join(lines) in econml("fit", "--config", "r/config.yaml", "--dry-run").stdout
    shown = econml("eval", "r", "--data", "t.csv", "--format", "markdown", "--bootstrap", "0").stdout
    assert "118 of 120" in shown and "Unnamed: 0" in shown
    assert econml("report", "r", "--out", "r.html", "--bootstrap", "0").code == 0
    assert "118 of 120; 2 with missing values left out" in Path("r.html").read_text()
    found = json.loads(econml("eval", "r", "--json", "--bootstrap", "0").stdout)
    assert "data" not in found and {c["name"] for c in found["schema"]["columns"]} >= {"name", "Unnamed: 0", "country"}
    other = fitted(Path("s"), data="t.csv", model="linear", formula="y ~ x", missing="drop", time="year")
    assert other.preprocessing()["schema"]["unread"] == ["Unnamed: 0", "country", "name"]
    shown = econml("eval", "s", "--bootstrap", "0", "--columns").stdout
    assert "  time      year\n  not used  Unnamed: 0, country, name\n" in shown
    assert "\nnot used: Unnamed: 0, country, name" in shown and re.search("year +time +number +2000 to 2019", shown)


def test_any_span_of_dates_has_an_axis(recwarn):
    for days in (3, 20, 80, 400, 900, 1_000, 2_000, 5_000, 30_000):
        axis = Figure().subplots()
        date_axis(axis)
        axis.plot(pd.date_range("2001-01-01", periods=2, freq=f"{days}D"), [0, 1])
        assert 2 <= len(axis.get_xticks()) <= 10
    assert not [warning for warning in recwarn if "AutoDateLocator" in str(warning.message)]
