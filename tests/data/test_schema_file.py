"""schema.yaml: written by `inspect data --out`, changed by hand, and what a fit and every later reading goes by."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from flax import nnx

from econml_cli.data import schema_file
from econml_cli.data.asked import Asked
from econml_cli.data.read import read_table
from econml_cli.errors import ConfigError, DataError
from econml_cli.problems.tabular import Tabular
from tests.support.fits import fitted

CASES = Path(__file__).parent / "cases"
WHOLE = {"val_fraction": 0.0, "test_fraction": 0.0, "rngs": nnx.Rngs(0)}


def frame():
    """Columns that a program cannot know the meaning of."""
    n = 60
    return pd.DataFrame({
        "y": np.arange(n) ** 0.5, "no": np.arange(n) % 5, "income": [-9 if i % 6 == 0 else i**2 for i in range(n)],
        "region code": np.arange(n) % 3, "firm": [f"f{i % 25}" for i in range(n)],
        "when": [f"{1 + i % 12:02d}/{1 + i % 9:02d}/2001" for i in range(n)], "flag": [i % 2 == 0 for i in range(n)],
    })  # fmt: skip


@pytest.mark.parametrize("case", ["unnamed.csv", "labels_full.dta", "types.parquet", "spaces.csv", "dot_few.csv"])
def test_a_schema_that_nobody_changes_changes_nothing(case, econml):
    assert econml("inspect", "data", CASES / case, "--out", "s.yaml").code == 0
    before = read_table(str(CASES / case))
    after = read_table(str(CASES / case), schema_file.read("s.yaml"))
    assert [(c.name, c.kind, c.levels, c.low) for c in after.schema.columns] == [
        (c.name, c.kind, c.levels, c.low) for c in before.schema.columns
    ]
    kept = [c.name for c in before.schema.columns if c.kind not in ("empty", "other")]
    pd.testing.assert_frame_equal(after.frame[kept], before.frame[kept], check_dtype=False)
    assert econml("inspect", "data", CASES / case, "--out", "s.yaml").code == 2  # it is not replaced unasked


def test_what_is_changed_by_hand_governs_the_fit_and_what_comes_after(econml):
    frame().to_csv("t.csv", index=False)
    assert econml("inspect", "data", "t.csv", "--out", "s.yaml").code == 0
    text = Path("s.yaml").read_text()
    assert '"region code": {kind: number}' in text and "no: {kind: number}" in text
    assert "when: {kind: drop}" in text  # day and month cannot be told apart, as the comment says
    for old, new in (
        ("income: {kind: number}", "income: {kind: number, missing: [-9]}"),
        ('"region code": {kind: number}', '"region code": category'),
        ("no: {kind: number}", "no: {kind: identifier}"),
        ("when: {kind: drop}", "when: {kind: date, format: '%d/%m/%Y'}"),
        ("flag: {kind: boolean}", "flag: drop"),
    ):
        assert old in text
        text = text.replace(old, new)
    Path("s.yaml").write_text(text)
    own = {"formula": "y ~ income + `region code` + month(when)", "missing": "drop", "schema": "s.yaml"}
    run = fitted(Path("r"), data="t.csv", model="linear", **own)
    saved = run.preprocessing()
    kinds = {c["name"]: c["kind"] for c in saved["schema"]["columns"]}
    assert kinds == {"y": "number", "income": "number", "region code": "category", "when": "date"}
    assert saved["features"]["levels"] == {"`region code`": ["0", "1", "2"]}
    again = Tabular(data="t.csv", formula=own["formula"], missing="drop", schema="s.yaml", **WHOLE)
    assert len(again.sample(None, "train").x) == 50
    assert Tabular(data="t.csv", target="y", features=("income",), schema="s.yaml", missing="drop", **WHOLE).schema[
        "income"
    ].missing == {"-9": 10}
    # an option that is typed overrules it; a column that is dropped is not there
    numbers = Tabular(data="t.csv", formula="y ~ `region code`", schema="s.yaml", numeric=("region code",), **WHOLE)
    assert numbers.features.names == ["`region code`"]
    with pytest.raises(DataError, match="no column 'flag'"):
        Tabular(data="t.csv", formula="y ~ flag", schema="s.yaml", **WHOLE)
    every = Tabular(data="t.csv", formula="y ~ .", schema="s.yaml", drop_columns=("when",), missing="drop", **WHOLE)
    assert every.features.names[0] == "income" and {"no", "flag", "when"} <= set(every.schema.left_out)
    # what the file says by now, or that it is gone, does not matter to the run
    Path("s.yaml").unlink()
    found = json.loads(econml("eval", "r", "--json", "--bootstrap", "0").stdout)
    assert found["n_train"] + found["n_val"] + found["n_test"] == 50
    shown = econml("eval", "r", "--columns", "--bootstrap", "0").stdout
    assert "Columns of the data" in shown and "feature  category" in shown
    ran = econml("predict", "r", "--data", "t.csv", "--out", "out.csv")
    assert ran.code == 0 and "10 rows have no prediction" in ran.stderr
    other = Tabular(data="t.csv", formula="y ~ income", missing="drop", schema="r/preprocessing.json", **WHOLE)
    assert len(other.sample(None, "train").x) == 50


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("columns: {x: {kind: nubmer}}", r"'x' is of kind 'nubmer'.*Did you mean 'number'"),
        ("columns: {x: {knd: number}}", r"says of column 'x' 'knd'.*Did you mean 'kind'"),
        ("columns: {x: {kind: number, format: '%Y'}}", "has a format, which only dates have"),
        ("columns: {x: [1]}", "says nothing of column 'x'"),
        ("colums: {}", "says 'colums'"),
        ("x: {kind: number", "is not valid YAML at line"),
        ("columns:\n  x: number\n  x: category", r"at line 3 .*'x' stands twice, first at line 2"),
        ("- 1", "has no `columns:`"),
        ("columns: {x: {missing: {a: 1}}}", "is no list of marks"),
    ],
)
def test_what_a_schema_cannot_say_is_refused(text, says):
    Path("s.yaml").write_text(text)
    with pytest.raises(ConfigError, match=says):
        schema_file.read("s.yaml")


def test_a_schema_is_of_the_columns_that_the_file_has():
    frame().to_csv("t.csv", index=False)
    for text, says in (
        ("columns: {incom: number}", r"no column 'incom', which --numeric names. Did you mean 'income'"),
        ("columns: {incom: {missing: [-9]}}", r"no column 'incom', which --schema names"),
        ("columns: {no: boolean}", "Column 'no' of t.csv is a number, not true and false"),
    ):
        Path("s.yaml").write_text(text)
        with pytest.raises(DataError, match=says):
            read_table("t.csv", schema_file.read("s.yaml"))


def test_words_of_yaml_are_what_was_written():
    Path("s.yaml").write_text("na_values: [no, 010, null, 1:30]\ndelimiter: ;\ncolumns:\n  yes: number\n  2001: date\n")
    found = schema_file.read("s.yaml")
    assert found == Asked(numeric=("yes",), dates=("2001",), na_values=("no", "010", "null", "1:30"), delimiter=";")


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.dta"])
def test_a_number_that_means_missing_is_missing_however_it_is_written(name):
    rows = frame()[["y", "income"]].assign(income=frame().income.astype(float))
    {"csv": rows.to_csv, "parquet": rows.to_parquet}.get(name[2:], lambda *a, **k: None)(name, index=False)
    if name.endswith(".dta"):
        rows.to_stata(name, write_index=False)
    found = read_table(name, Asked(na_values=("-9",)))
    assert int(found.frame.income.isna().sum()) == sum(found.schema["income"].missing.values()) == 10
    assert found.schema["income"].low == 1
