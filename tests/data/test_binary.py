"""Sheets of Excel, and files of SAS and SPSS."""

import builtins
import datetime
import importlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from flax import nnx

from econml_cli.data.asked import Asked
from econml_cli.data.files import column_names
from econml_cli.data.read import read_table
from econml_cli.errors import DataError
from econml_cli.problems.tabular import Tabular
from tests.support.fits import fitted

WHOLE = {"val_fraction": 0.0, "test_fraction": 0.0}


def frame():
    n = 30
    return pd.DataFrame({
        "y": np.arange(n) ** 0.5 + 0.1, "x": np.arange(n) % 7, "g": ["a", "b", "NA"] * 10,
        "when": [datetime.datetime(2001, 1 + i % 12, 1) for i in range(n)], "flag": [i % 2 == 0 for i in range(n)],
    })  # fmt: skip


def test_a_sheet_is_read_by_the_rules_of_a_csv():
    rows = frame()
    rows.to_excel("t.xlsx", index=False)
    rows.to_csv("t.csv", index=False)
    found, plain = read_table("t.xlsx"), read_table("t.csv")
    pd.testing.assert_frame_equal(found.frame, plain.frame)
    assert [(c.name, c.kind) for c in found.schema.columns] == [(c.name, c.kind) for c in plain.schema.columns]
    assert column_names("t.xlsx") == list(rows)
    marked = rows.astype({"x": object})
    marked.loc[[0, 5], "x"] = ".."
    marked.to_excel("m.xlsx", index=False)
    assert read_table("m.xlsx").schema["x"].missing == {"..": 2}


def test_of_several_sheets_one_is_named():
    with pd.ExcelWriter("two.xlsx") as book:
        frame().to_excel(book, index=False, sheet_name="all rows")
        frame().head(4).to_excel(book, index=False, sheet_name="few")
        pd.DataFrame().to_excel(book, index=False, sheet_name="nothing")
    with pytest.raises(DataError, match=r"has the sheets all rows, few; say which: --sheet 'all rows'"):
        read_table("two.xlsx")
    assert [len(read_table("two.xlsx", Asked(sheet=name)).frame) for name in ("few", "2", "1")] == [4, 4, 30]
    with pytest.raises(
        DataError, match=r"no sheet 'fwe'; it has 'all rows', 'few', 'nothing': say which.*Did you mean 'few'"
    ):
        read_table("two.xlsx", Asked(sheet="fwe"))
    with pytest.raises(DataError, match="is empty"):
        read_table("two.xlsx", Asked(sheet="nothing"))


def test_a_fit_to_a_sheet_predicts_the_same_sheet(econml):
    with pd.ExcelWriter("two.xlsx") as book:
        frame().head(4).to_excel(book, index=False, sheet_name="few")
        frame().to_excel(book, index=False, sheet_name="all rows")
    run = fitted(Path("r"), data="two.xlsx", sheet="all rows", formula="y ~ x + g + month(when)", model="linear")
    assert run.preprocessing()["features"]["levels"] == {"g": ["NA", "a", "b"]}
    ran = econml("predict", "r", "--data", "two.xlsx", "--out", "out.csv")
    assert ran.code == 0, ran.stderr
    out = pd.read_csv("out.csv", keep_default_na=False)
    assert len(out) == 30 and list(out.g) == ["a", "b", "NA"] * 10 and out.yhat.notna().all()


def test_files_of_spss_and_sas():
    import pyreadstat

    rows = frame().drop(columns="flag").assign(edu=np.arange(30) % 3, part=np.arange(30) % 5)
    rows.loc[2, "x"] = np.nan
    labels = {"edu": {0: "none", 1: "some", 2: "much"}, "part": {0: "zero"}}
    pyreadstat.write_sav(rows, "t.sav", variable_value_labels=labels)
    found = read_table("t.sav")
    kinds = {c.name: c.kind for c in found.schema.columns}
    expected = {"y": "number", "x": "number", "g": "category", "when": "date", "edu": "category", "part": "number"}
    assert kinds == expected and found.schema["edu"].levels == ("none", "some", "much")
    assert int(found.frame.x.isna().sum()) == 1 and found.frame.when[13] == pd.Timestamp("2001-02-01")
    codes = Tabular(data="t.sav", formula="y ~ edu", numeric=("edu",), rngs=nnx.Rngs(0), **WHOLE)
    assert codes.features.names == ["edu"]
    pyreadstat.write_xport(rows.drop(columns="when"), "t.xpt")
    again = read_table("t.xpt", needed=lambda names: ["y", "part"])
    np.testing.assert_array_equal(again.frame.y, rows.y)
    assert list(again.frame) == ["y", "part"] and again.names == ("y", "x", "g", "edu", "part")
    assert column_names("t.xpt") == [*column_names("t.sav")[:3], "edu", "part"]


@pytest.mark.parametrize("name", ["t.xlsx", "t.sav", "t.xpt", "t.sas7bdat", "t.por"])
def test_a_damaged_file_is_said_to_be_one(name):
    Path(name).write_bytes(b"not at all" * 100)
    with pytest.raises(DataError, match=r"t\.\w+ cannot be read as (Excel|SPSS|SAS)"):
        read_table(name)


@pytest.mark.parametrize(("name", "extra"), [("t.xlsx", "excel"), ("t.sav", "sas")])
def test_without_the_package_the_message_says_how_to_get_it(name, extra, monkeypatch):
    Path(name).write_bytes(b"x")
    real = importlib.import_module

    def absent(wanted, *args):
        if wanted in ("openpyxl", "pyreadstat"):
            raise builtins.ImportError(wanted)
        return real(wanted, *args)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(DataError, match=rf'pip install "econml-cli\[{extra}\]"'):
        read_table(name)


def test_a_new_book_has_the_sheet_of_the_fit_or_another_is_named(econml):
    frame().to_excel("fit.xlsx", index=False, sheet_name="2001")
    with pd.ExcelWriter("new.xlsx") as book:
        frame().head(4).to_excel(book, index=False, sheet_name="2002")
        frame().head(6).to_excel(book, index=False, sheet_name="2003")
    frame().head(4).to_excel("one.xlsx", index=False, sheet_name="2002")
    frame().to_csv("new.csv", index=False)
    run = fitted(Path("r"), data="fit.xlsx", formula="y ~ x + g", model="linear")
    assert run.preprocessing()["schema"]["asked"] == {"sheet": "'2001'"}
    for command in (("predict", "r", "--out", "out.csv"), ("eval", "r"), ("eval", "effects", "r")):
        for name, there in (("new.xlsx", "'2002', '2003'"), ("one.xlsx", "'2002'")):
            ran = econml(*command, "--data", name)
            assert ran.code == 1 and f"{name} has no sheet '2001'; it has {there}: say which with --sheet" in ran.stderr
    assert econml("predict", "r", "--data", "new.xlsx", "--sheet", "2003", "--out", "out.csv").code == 0
    assert len(pd.read_csv("out.csv")) == 6
    assert json.loads(econml("eval", "r", "--data", "new.xlsx", "--sheet", "2", "--json").stdout)["n_data"] == 6
    assert econml("predict", "r", "--data", "new.csv", "--out", "out.csv").code == 0
    for wrong, why in ((("--data", "new.csv"), "is of Excel files, and new.csv is none"), ((), "name that file")):
        ran = econml("predict", "r", *wrong, "--sheet", "2003", "--out", "out.csv")
        assert ran.code == 2 and why in ran.stderr


def test_that_nothing_writes_a_format_is_said_before_anything_is_done(econml, monkeypatch):
    rows = frame()
    rows.to_csv("t.csv", index=False)
    fitted(Path("r"), data="t.csv", formula="y ~ x + g", model="linear")
    real = importlib.import_module

    def without(name, *args):
        if name in ("openpyxl", "pyreadstat"):
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(importlib, "import_module", without)
    for out, package, extra in (("o.xlsx", "openpyxl", "excel"), ("o.sav", "pyreadstat", "sas")):
        ran = econml("predict", "r", "--data", "t.csv", "--out", out)
        said = f'{out} needs the package {package}: pip install "econml-cli[{extra}]"'
        assert ran.code == 1 and said in ran.stderr and not Path(out).exists()
