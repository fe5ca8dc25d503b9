"""Predictions beside the columns of a file, which come back as they are."""

import datetime
import gzip
import io
from pathlib import Path
from unittest import mock

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.io.stata import StataReader
from pyarrow import parquet

from econml_cli.data import beside, records
from econml_cli.data.asked import Asked
from econml_cli.data.schema import Schema
from tests.support import running
from tests.support.fits import fitted

CASES = Path(__file__).parent / "cases"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """y of x and married, with columns that are not used."""
    return fitted(tmp_path_factory.mktemp("beside") / "r", data=str(CASES / "clean.csv"), target="y", solver="lstsq")


ODD = (
    b"\xef\xbb\xbfid,code,country,price,x,z,married,note\r\n"
    b'007,9007199254740993,NA,1.10,0.0,0.0,yes,"a ""b"", c"\r\n'
    b'008,9007199254740995,None,2.50,1.0,1.0,no,"two\r\nlines"\r\n'
    b"\r\n"
    b"009,123456789012345678901234567890,,1e3,1.0,1.0, yes ,5'\""
)


def test_every_field_of_a_csv_comes_back_byte_for_byte(run, econml):
    Path("new.csv").write_bytes(ODD)
    assert econml("predict", run.path, "--data", "new.csv", "--out", "out.csv").code == 0
    written = Path("out.csv").read_bytes()
    lines = written.split(b"\r\n")
    assert lines[0] == ODD.split(b"\r\n")[0] + b",yhat"
    without = b"\r\n".join(line if not line or line.endswith(b'"two') else line.rpartition(b",")[0] for line in lines)
    assert without == ODD
    again = pd.read_csv("out.csv", dtype=str, keep_default_na=False)
    assert list(again.code) == ["9007199254740993", "9007199254740995", "123456789012345678901234567890"]
    assert again.yhat.astype(float).notna().all() and again.price[0] == "1.10"
    assert econml("predict", run.path, "--data", "new.csv", "--out", "-").stdout.encode() in (
        written, written.replace(b"\r\n", b"\n")
    )  # fmt: skip
    Path("new.csv.gz").write_bytes(gzip.compress(ODD))
    econml("predict", run.path, "--data", "new.csv.gz", "--out", "out.csv.gz")
    assert gzip.decompress(Path("out.csv.gz").read_bytes()) == written


def test_parquet_keeps_its_schema(run, econml):
    frame = pd.read_csv(CASES / "clean.csv").head(20)
    table = pa.Table.from_pandas(frame).append_column("d", pa.array(range(20), pa.decimal128(5, 0)))
    table = table.append_column("big", pa.array([2**60 + i if i else None for i in range(20)], pa.int64()))
    table = table.append_column("nested", pa.array([[i] for i in range(20)]))
    parquet.write_table(table, "new.parquet")
    assert econml("predict", run.path, "--data", "new.parquet", "--out", "out.parquet").code == 0
    again = parquet.read_table("out.parquet")
    assert again.select(table.column_names).equals(table) and again.column_names == [*table.column_names, "yhat"]
    assert again.schema.metadata == table.schema.metadata


@pytest.mark.parametrize(
    ("name", "reason"),
    [("new_unseen.csv", "married is 'widowed', not in the fit"), ("new_missing.csv", "x is missing")],
)
def test_a_row_that_cannot_be_predicted_says_why_and_the_others_are(run, econml, name, reason):
    ran = econml("predict", run.path, "--data", CASES / name, "--out", "out.csv")
    assert ran.code == 0 and "1 row has no prediction" in ran.stderr
    rows, whole = pd.read_csv("out.csv", keep_default_na=False), pd.read_csv(CASES / name, dtype=str)
    odd = 2 if "unseen" in name else 1
    assert len(rows) == len(whole) == 3
    assert list(rows.reason) == [reason if i == odd else "" for i in range(3)]
    assert [yhat == "" for yhat in rows.yhat] == [i == odd for i in range(3)]
    ran = econml("predict", run.path, "--data", CASES / name, "--out", "strict.csv", "--strict")
    assert ran.code != 0 and not Path("strict.csv").exists()
    ran = econml("predict", run.path, "--data", CASES / name, "--out", "dropped.csv", "--missing", "drop")
    assert (ran.code == 0) == ("missing" in name)
    if ran.code == 0:
        assert len(pd.read_csv("dropped.csv")) == 2


def test_text_where_the_fit_had_numbers_is_a_reason_of_its_row(run, econml):
    Path("new.csv").write_text("x,z,married\n1,2,yes\nmuch,2,no\n")
    econml("predict", run.path, "--data", "new.csv", "--out", "out.csv")
    assert list(pd.read_csv("out.csv", keep_default_na=False).reason) == ["", "x is 'much'"]


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00", exclude_categories=["Cs"]), max_size=6)
COLUMNS = st.lists(
    st.one_of(
        st.lists(WORDS, min_size=3, max_size=3),
        st.lists(st.floats(), min_size=3, max_size=3),
        st.lists(st.integers(-(2**63), 2**63 - 1) | st.none(), min_size=3, max_size=3),
        st.lists(st.booleans() | st.none(), min_size=3, max_size=3),
        st.lists(st.datetimes(pd.Timestamp("1900-01-01"), pd.Timestamp("2200-01-01")), min_size=3, max_size=3),
    ),
    min_size=1,
    max_size=4,
)


@given(columns=COLUMNS, mark=st.sampled_from([",", ";", "\t"]), quoting=st.sampled_from([0, 1]))
def test_any_csv_that_pandas_can_write_is_kept_to_the_byte(columns, mark, quoting):
    frame = pd.DataFrame({f"c{i}": pd.Series(values, dtype=object) for i, values in enumerate(columns)}).assign(x=1.0)
    path, out = Path("any.csv"), Path("any-out.csv")
    frame.to_csv(path, index=False, sep=mark, quoting=quoting)
    beside.write(path, out, pd.DataFrame({"yhat": [1.0, np.nan, 3.0]}), None, mark)
    before, after = path.read_bytes(), out.read_bytes()
    own = b"".join(r + e for r, e in records.of_bytes(before, mark.encode()))
    assert own == before
    with mock.patch.object(records, "BLOCK", 7):  # a record stands across blocks
        blocks = list(records.of_file(io.BytesIO(before), mark.encode()))
    assert blocks == list(records.of_bytes(before, mark.encode()))
    wider = [r for r, _ in records.of_bytes(after, mark.encode())]
    kept = [r for r, _ in records.of_bytes(before, mark.encode())]
    assert [r.rpartition(mark.encode())[0] for r in wider] == kept and len(kept) == 4
    texts = beside.frame(path, Schema((), Asked(delimiter=mark)))
    assert len(texts) == 3


@given(columns=COLUMNS)
def test_any_parquet_file_that_pandas_can_write_keeps_its_columns(columns):
    frame = pd.DataFrame({f"c{i}": values for i, values in enumerate(columns)})
    path, out = Path("any.parquet"), Path("any-out.parquet")
    frame.to_parquet(path)
    beside.write(path, out, pd.DataFrame({"yhat": [1.0, np.nan, 3.0]}), None, None)
    before, after = parquet.read_table(path), parquet.read_table(out)
    assert after.drop_columns(["yhat"]).schema.equals(before.schema, check_metadata=True)
    pd.testing.assert_frame_equal(after.drop_columns(["yhat"]).to_pandas(), before.to_pandas())


@given(columns=st.lists(st.lists(st.integers(-100, 100) | st.floats(-1e30, 1e30), min_size=3, max_size=3), min_size=1))
def test_any_numbers_that_pandas_writes_for_stata_are_read_as_they_are(columns):
    frame = pd.DataFrame({f"c{i}": values for i, values in enumerate(columns)})
    frame.to_stata("any.dta", write_index=False)
    pd.testing.assert_frame_equal(beside.frame(Path("any.dta"), None), pd.read_stata("any.dta"), check_dtype=False)


def predictable(columns):
    """Any columns beside those that the run reads."""
    frame = pd.DataFrame({f"c{i}": values for i, values in enumerate(columns)})
    return frame.assign(x=[0.0, 1.0, 2.0], z=[1.0, 0.5, -1.0], married=["yes", "no", "yes"])


@pytest.mark.slow
@settings(max_examples=15)
@given(columns=COLUMNS, out=st.sampled_from(["any-out.csv", "any-out.csv.gz", "any-out.tsv"]))
def test_any_csv_that_pandas_can_write_comes_back_from_predict_to_the_byte(run, columns, out):
    path = Path(out.replace("-out", ""))
    predictable(columns).to_csv(path, index=False, sep="\t" if "tsv" in out else ",")
    assert running.here("predict", run.path, "--data", path, "--out", out) == 0
    mark = b"\t" if "tsv" in out else b","
    before, after = (gzip.decompress(p.read_bytes()) if "gz" in out else p.read_bytes() for p in (path, Path(out)))
    kept = [record.rpartition(mark)[0] + end for record, end in records.of_bytes(after, mark)]
    assert b"".join(kept) == before
    assert pd.read_csv(out, sep=mark.decode()).yhat.notna().all()


@pytest.mark.slow
@settings(max_examples=10)
@given(columns=COLUMNS)
def test_any_parquet_file_that_pandas_can_write_comes_back_from_predict(run, columns):
    predictable(columns).to_parquet("any.parquet")
    assert running.here("predict", run.path, "--data", "any.parquet", "--out", "any-out.parquet") == 0
    before, after = parquet.read_table("any.parquet"), parquet.read_table("any-out.parquet")
    assert after.drop_columns(["yhat"]).schema.equals(before.schema, check_metadata=True)
    pd.testing.assert_frame_equal(after.drop_columns(["yhat"]).to_pandas(), before.to_pandas())
    assert after["yhat"].null_count == 0


STATA = st.lists(
    st.one_of(
        st.lists(st.integers(-100, 100), min_size=3, max_size=3),
        st.lists(st.floats(-1e30, 1e30, allow_subnormal=False) | st.just(np.nan), min_size=3, max_size=3),
        st.lists(st.text("abcé ", max_size=5), min_size=3, max_size=3),
        st.lists(st.sampled_from(["no", "yes"]), min_size=3, max_size=3).map(pd.Categorical),
        st.lists(st.datetimes(pd.Timestamp("1970-01-01"), pd.Timestamp("2200-01-01")), min_size=3, max_size=3),
    ),
    min_size=1,
    max_size=4,
)


def stata_says(path):
    """What pandas reads of a .dta: its table, and labels, formats and types of its variables."""
    with StataReader(path, convert_categoricals=False) as reader:
        frame = reader.read()
        about = zip(reader._varlist, reader._fmtlist, reader._typlist, reader._lbllist, strict=True)
        return frame, reader.variable_labels(), list(about), reader.value_labels(), reader.data_label


def same_in_stata(before, after, added):
    """Whether a .dta has the variables of another one unchanged, then those that were added."""
    (own, labels, about, values, title), (found, *rest) = stata_says(before), stata_says(after)
    assert list(found) == [*own, *added] and rest[1][: len(about)] == about
    pd.testing.assert_frame_equal(found[list(own)], own)
    assert {name: rest[0][name] for name in own} == labels and rest[2:] == [values, title]


@given(columns=STATA, release=st.sampled_from([114, 117, 118, 119]), order=st.sampled_from("<>"))
def test_any_file_that_pandas_writes_for_stata_keeps_its_variables(columns, release, order):
    frame = pd.DataFrame({f"c{i}": values for i, values in enumerate(columns)})
    labels = {"c0": "the first"}
    more = {"convert_strl": list(frame.select_dtypes("str"))} if release > 114 else {}
    frame.to_stata("any.dta", write_index=False, version=release, byteorder=order, variable_labels=labels,
                   data_label="of 2001", **more)  # fmt: skip
    added = pd.DataFrame({"yhat": [1.0, np.nan, -3.0], "p_New York": [1, 2, 3], "reason": ["", "é is missing", None]})
    beside.write(Path("any.dta"), Path("any-out.dta"), added, None, None)
    same_in_stata("any.dta", "any-out.dta", ["yhat", "p_New_York", "reason"])
    found = pd.read_stata("any-out.dta")
    assert list(found.reason) == ["", "é is missing", ""] and found["p_New_York"].tolist() == [1, 2, 3]
    np.testing.assert_array_equal(found.yhat, added.yhat)
    beside.write(Path("any.dta"), Path("any-out.dta"), added.iloc[:2], np.array([True, False, True]), None)
    left, whole = pd.read_stata("any-out.dta", convert_categoricals=False), stata_says("any.dta")[0]
    pd.testing.assert_frame_equal(left[list(whole)], whole.iloc[[0, 2]].reset_index(drop=True))


@pytest.mark.slow
@settings(max_examples=10)
@given(columns=STATA)
def test_any_file_that_pandas_writes_for_stata_comes_back_from_predict(run, columns):
    predictable(columns).to_stata("any.dta", write_index=False)
    assert running.here("predict", run.path, "--data", "any.dta", "--out", "any-out.dta") == 0
    same_in_stata("any.dta", "any-out.dta", ["yhat"])
    assert pd.read_stata("any-out.dta").yhat.notna().all()


def test_codes_for_missing_of_stata_stay_what_they_are(run, econml):
    pyreadstat = pytest.importorskip("pyreadstat")
    rows = pd.DataFrame(
        {"x": [1.0, 2.0, 3.0], "z": [1.0, "a", 3.0], "married": ["yes", "no", "yes"], "income": [1, "r", 2]}
    )
    pyreadstat.write_dta(rows, "c.dta", missing_user_values={"z": ["a"], "income": ["r"]})
    ran = econml("predict", run.path, "--data", "c.dta", "--out", "o.dta")
    assert ran.code == 0 and "1 row has no prediction" in ran.stderr
    found, about = pyreadstat.read_dta("o.dta", user_missing=True)
    assert list(found.z) == [1.0, "a", 3.0] and list(found.income) == [1.0, "r", 2.0]
    assert about.missing_user_values == {"z": ["a"], "income": ["r"]} and list(found.reason) == ["", "z is missing", ""]


def test_a_sheet_of_excel_keeps_its_cells_and_the_other_sheets(run, econml):
    book = openpyxl.Workbook()
    book.active.title = "notes"
    sheet = book.create_sheet("rows")
    rows = [[], ["id", "x", "z", "married", "when"], ["007", 1, 2, "yes", datetime.date(2001, 2, 3)],
            ["008", None, 2, "no", None], ["009", 3, 4.5, "no", datetime.date(2001, 2, 4)]]  # fmt: skip
    for row in rows:
        sheet.append(row)
    sheet["E3"].number_format, sheet["B3"].font = "dd/mm/yyyy", openpyxl.styles.Font(bold=True)
    book["notes"]["A1"] = "of 2001"
    book.save("r.xlsx")
    ran = econml("predict", run.path, "--data", "r.xlsx", "--sheet", "rows", "--out", "o.xlsx")
    assert ran.code == 0, ran.stderr
    found = openpyxl.load_workbook("o.xlsx")
    assert found.sheetnames == ["notes", "rows"] and found["notes"]["A1"].value == "of 2001"
    cells = [[cell.value for cell in row] for row in found["rows"].iter_rows()]
    before = openpyxl.load_workbook("r.xlsx")["rows"]
    assert [row[:5] for row in cells] == [[cell.value for cell in row] for row in before.iter_rows()]
    assert cells[1][5:] == ["yhat", "reason"] and cells[3][5:] == [None, "x is missing"]
    assert found["rows"]["E3"].number_format == "dd/mm/yyyy" and found["rows"]["B3"].font.bold
    csv = pd.DataFrame(rows[2:], columns=rows[1])
    csv.to_csv("r.csv", index=False)
    econml("predict", run.path, "--data", "r.csv", "--out", "o.csv")
    # openpyxl writes 16 digits of a number
    assert [cells[2][5], cells[4][5]] == pytest.approx(pd.read_csv("o.csv").yhat.dropna().tolist(), rel=1e-15)
    econml("predict", run.path, "--data", "r.xlsx", "--sheet", "rows", "--out", "o.xlsx", "--missing", "drop")
    assert [row[0].value for row in openpyxl.load_workbook("o.xlsx")["rows"].iter_rows(min_row=3)] == ["007", "009"]


def test_a_file_of_spss_keeps_labels_formats_and_codes_for_missing(run, econml):
    pyreadstat = pytest.importorskip("pyreadstat")
    rows = pd.DataFrame({"x": [1.0, -9, 3.0], "z": [1.0, 2.0, 3.0], "married": ["yes", "no", "yes"]})
    rows["when"] = pd.to_datetime(["2001-02-03"] * 3)
    pyreadstat.write_sav(rows, "r.sav", missing_ranges={"x": [-9]}, column_labels={"z": "years"},
                         variable_value_labels={"z": {1.0: "one"}}, variable_format={"z": "F5.1"})  # fmt: skip
    assert econml("predict", run.path, "--data", "r.sav", "--out", "o.sav").code == 0
    before, own = pyreadstat.read_sav("r.sav", user_missing=True)
    found, about = pyreadstat.read_sav("o.sav", user_missing=True)
    pd.testing.assert_frame_equal(found[list(before)], before)
    assert list(found)[4:] == ["yhat", "reason"] and list(found.reason) == ["", "x is missing", ""]
    for what in ("missing_ranges", "variable_value_labels"):
        assert getattr(about, what) == getattr(own, what)
    assert about.column_names_to_labels["z"] == "years" and about.original_variable_types["z"] == "F5.1"


@pytest.mark.parametrize("out", ["o.dta", "o.xlsx", "o.sav", "o.feather"])
def test_a_csv_can_be_written_in_another_format(run, econml, out):
    frame = pd.DataFrame({
        "x": [1.0, 2.0, 3.0], "z": [1.0, 0.5, -1.0], "married": ["yes", "no", "yes"],
        "id": [2**60 + 1, 2**60 + 2, 2**60 + 3], "2 words": ["=1+1", "b", ""], "ok": [True, False, True],
        "when": pd.to_datetime(["2001-01-01", "2001-01-02", None]),
    })  # fmt: skip
    frame.to_csv("t.csv", index=False)
    assert econml("predict", run.path, "--data", "t.csv", "--out", out).code == 0
    econml("predict", run.path, "--data", "t.csv", "--out", "o.csv")
    read = {"dta": pd.read_stata, "xlsx": pd.read_excel, "sav": pd.read_spss, "feather": pd.read_feather}
    found = read[out.partition(".")[2]](out)
    assert list(found.iloc[:, 0]) == [1, 2, 3] and list(found.married) == ["yes", "no", "yes"]
    assert [int(i) for i in found.id] == list(frame.id)
    assert found.iloc[:, 4].fillna("").tolist() == ["=1+1", "b", ""]  # a text, no formula
    assert [str(day)[:10] for day in found.when[:2]] == ["2001-01-01", "2001-01-02"] and found.when.isna()[2]
    np.testing.assert_allclose(found.yhat, pd.read_csv("o.csv").yhat, rtol=1e-12)


def test_the_marks_at_the_beginning_of_a_file_are_no_part_of_its_first_name(run, econml):
    Path("m.csv").write_bytes(b'\xef\xbb\xbf"a,\nb",x,z,married\n1,0.5,1,yes\n')
    assert econml("predict", run.path, "--data", "m.csv", "--out", "o.csv").code == 0
    written = Path("o.csv").read_bytes()
    assert written.startswith(b'\xef\xbb\xbf"a,\nb",x,z,married,yhat\n1,0.5,1,yes,')


def test_a_number_that_no_computer_squares_is_the_reason_of_its_row(run, econml):
    Path("new.csv").write_text("x,z,married\n1,2,yes\n1e200,2,no\n1,-1e151,no\n")
    assert econml("predict", run.path, "--data", "new.csv", "--out", "out.csv").code == 0
    rows = pd.read_csv("out.csv", keep_default_na=False)
    assert list(rows.reason) == ["", *(f"{name} is beyond 1e+150 in absolute value" for name in ("x", "z"))]
    ran = econml("predict", run.path, "--data", "new.csv", "--out", "strict.csv", "--strict")
    assert ran.code == 1 and "new.csv: column 'x' is 1e+200 in row 3 of the file" in ran.stderr
