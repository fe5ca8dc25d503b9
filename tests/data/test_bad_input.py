"""Input that cannot be used: one sentence with file, column, row as the file counts it, value, and what to type."""

from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from flax import nnx

from econml_cli.data import rows
from econml_cli.data.read import read_table
from econml_cli.errors import DataError
from econml_cli.problems.tabular import Tabular

N = 40
FORMATS = ("csv", "parquet", "dta", "xlsx")


def good():
    r = np.random.default_rng(1)
    return pd.DataFrame({
        "y": r.normal(size=N).round(3) + 5, "x": r.normal(size=N).round(3), "g": ["a", "b"] * (N // 2),
        "w": 1.0, "firm": [i // 4 for i in range(N)], "year": [2000 + i % 4 for i in range(N)],
        "d": [f"{1 + i % 28:02d}.{1 + i // 28:02d}.2001" for i in range(N)],
    })  # fmt: skip


def written(frame, kind):
    """The name of a file that has a table; text stands in a column of numbers as the format allows."""
    name = f"bad.{kind}"
    mixed = {column: str for column in frame if frame[column].map(type).nunique() > 1 and kind in ("parquet", "dta")}
    frame = frame.astype(mixed)
    if kind == "csv":
        frame.to_csv(name, index=False)
    elif kind == "xlsx":
        frame.to_excel(name, index=False)
    elif kind == "parquet":
        frame.to_parquet(name)
    else:
        frame.to_stata(name, write_index=False)
    return name


def changed(column, row, value):
    frame = good()
    frame[column] = frame[column].astype(object)
    frame.loc[row, column] = value
    plain = pd.Series([type(v) for v in frame[column]]).isin([float, int]).all()
    return frame.astype({column: float}) if plain else frame


def fitted_to(name, **options):
    return Tabular(data=name, rngs=nnx.Rngs(0), **options)


#: what is wrong, how it is fitted, what the sentence has besides the file and the row 8 (or 7 of a file with types)
WRONG = {
    "text among numbers": (("x", "n.r."), {"formula": "y ~ x", "numeric": ("x",)},
                           ["'x'", "'n.r.'", "--na-values n.r."]),
    "the same, not said": (("x", "n.r."), {"formula": "y ~ x"}, ["'x'", "'n.r.'", "--na-values n.r."]),
    "a log of 0": (("y", 0), {"formula": "log(y) ~ x"}, ["log(y) is infinite", "where y is 0", "change the formula"]),
    "a log of -1": (("y", -1), {"formula": "log(y) ~ x"}, ["log(y) is not a number", "where y is -1"]),
    "a number too large": (("x", 1e200), {"formula": "y ~ x"}, ["'x' is 1e+200", "other units"]),
    "a gap": (("x", np.nan), {"formula": "y ~ x"}, ["x (1)", "--missing drop", "--missing indicate"]),
    "a gap in time": (("year", np.nan), {"formula": "y ~ x", "time": "year"}, ["year (1)", "--missing drop"]),
    "a day that is none": (("d", "31.02.2001"), {"formula": "y ~ x + month(d)", "dates": ("d=%d.%m.%Y",)},
                           ["'d'", "'31.02.2001'", "--dates"]),
    "a negative count": (("y", -1), {"formula": "y ~ x", "loss": "poisson"}, ["'y' is negative", "-1", "--loss"]),
    "a negative weight": (("w", -2), {"formula": "y ~ x", "weights": "w"}, ["'w' is negative", "-2", "name another"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("what", WRONG)
def test_a_sentence_says_where_and_what(what, kind):
    (column, value), options, words = WRONG[what]
    name = written(changed(column, 6, value), kind)
    before = Path(name).read_bytes()
    with pytest.raises(DataError) as raised:
        fitted_to(name, **options)
    said = str(raised.value)
    row = 8 if kind in ("csv", "xlsx") else 7
    assert name in said and f"row {row}" in said and said.count(". ") == 0, said
    assert all(word in said for word in words), said
    assert Path(name).read_bytes() == before


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(("column", "value", "says"), [
    ("x", "n.r.", "'x' holds text (row {}: 'n.r.') where a number is needed"),
    ("g", "c", "'g' has the level 'c' in row {}"),
])  # fmt: skip
def test_so_does_a_new_file(column, value, says, kind):
    good().to_csv("fit.csv", index=False)
    found = fitted_to("fit.csv", formula="y ~ x + g")
    name = written(changed(column, 6, value), kind)
    with pytest.raises(DataError) as raised:
        found.encode(name, need_target=True)
    row = 8 if kind in ("csv", "xlsx") else 7
    assert says.split("{}")[0] + str(row) in str(raised.value) and value in str(raised.value)


@pytest.mark.parametrize("column", ["y", "w"])
def test_gaps_of_a_target_or_of_weights_are_not_to_be_filled(column):
    name = written(changed(column, 6, np.nan), "csv")
    with pytest.raises(DataError, match=rf"{column} \(1\), .*: --missing drop\.$"):
        fitted_to(name, formula="y ~ x", weights="w")


def test_two_rows_of_one_time_are_named():
    with pytest.raises(
        DataError, match=r"bad.csv: column 'year' has 2003 of firm 1 twice: .* rows 8 and 9 of the file"
    ):
        fitted_to(written(changed("year", 6, 2003).astype({"year": int}), "csv"), formula="y ~ lag(x)",
                  panel=("firm", "year"), missing="drop")  # fmt: skip


def test_rows_without_a_time_are_left_out_where_rows_with_gaps_are():
    name = written(changed("year", 6, np.nan), "csv")
    found = fitted_to(name, formula="y ~ x", time="year", missing="drop")
    assert found.describe()["rows_dropped"] == 1 and 6 not in np.concatenate([*found.file_rows.values()])
    years = good().year.to_numpy()
    assert years[found.file_rows["train"]].max() <= years[found.file_rows["test"]].min()


def test_blank_lines_and_rows_above_a_header_count_as_a_person_counts_them():
    Path("t.csv").write_text('\ny,x\n\n1,2\n"2","a\nb"\n\n3,no\n' + "4,5\n5,7\n" * 20)
    assert [rows.number(i, "t.csv") for i in range(4)] == [4, 5, 7, 8]
    with pytest.raises(DataError, match=r"'x' is no number \(--numeric\) in row 5 of t.csv"):
        fitted_to("t.csv", formula="y ~ x", numeric=("x",))
    book = openpyxl.Workbook()
    for row in [[], [], ["y", "x"], [1, 2], [2, "no"], *[[i, i % 7] for i in range(30)]]:
        book.active.append(row)
    book.save("t.xlsx")
    with pytest.raises(DataError, match=r"'x' is no number \(--numeric\) in row 5 of t.xlsx: 'no'"):
        fitted_to("t.xlsx", formula="y ~ x", numeric=("x",))


@pytest.mark.parametrize(("line", "says"), [
    ("1,2,3", r"t.csv is not a table: it has rows with more values.*3 for 2 \(row 5: '1,2,3'\); name every column"),
    ("1", r"rows with fewer values.*1 for 2 \(row 5: '1'\); write a separator"),
    ('"1,2', r"a quote that opens in row 5 is never closed"),
])  # fmt: skip
def test_a_line_that_is_no_row_is_named(line, says):
    Path("t.csv").write_text("y,x\n1,2\n2,3\n3,4\n" + line + "\n" + "4,5\n" * 9)
    with pytest.raises(DataError, match=says):
        read_table("t.csv")


@pytest.mark.parametrize(("name", "says"), [
    ("t.parquet", "cannot be read as Parquet"), ("t.dta", "cannot be read as Stata"),
    ("t.xlsx", "cannot be read as Excel"), ("t.csv", "is not UTF-8"),
])  # fmt: skip
def test_nothing_is_written_where_a_file_is_cut_short(name, says, econml):
    from tests.support.fits import fitted

    good().to_csv("fit.csv", index=False)
    fitted(Path("r"), data="fit.csv", formula="y ~ x", model="linear")
    whole = {"parquet": good().to_parquet, "dta": lambda path: good().to_stata(path, write_index=False)}
    whole |= {"xlsx": lambda path: good().to_excel(path, index=False)}
    if name == "t.csv":
        Path(name).write_bytes(b"y,x\n1,caf\xe9\n")
    else:
        whole[name[2:]](name)
        Path(name).write_bytes(Path(name).read_bytes()[:1000])
    before = sorted(Path().iterdir())
    ran = econml("predict", "r", "--data", name, "--out", f"out.{name[2:]}")
    assert ran.code == 1 and says in ran.stderr and sorted(Path().iterdir()) == before
