"""What a large table would feel: columns that nobody uses are not read, and what is computed in place is ours alone."""

import gc
import weakref
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from econml_cli.data import columns, design, files, read, row_groups, separated, terms, text_numbers
from econml_cli.data.asked import Asked
from econml_cli.data.formula import parse
from econml_cli.data.read import read_table
from econml_cli.data.split import split_rows
from econml_cli.errors import DataError
from econml_cli.problems.tabular import Tabular


def frame_of(n: int = 50) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {"a": rng.normal(size=n), "a.b": np.arange(n), "c": rng.integers(0, 2, n), "y": rng.normal(size=n)}
    )


def test_columns_that_are_not_needed_stay_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path, asked = tmp_path / "t.parquet", []
    frame_of().to_parquet(path)
    read = parquet.ParquetFile.read_row_group

    def recorded(self, group, columns=None, **more):
        asked.append(columns)
        return read(self, group, columns=columns, **more)

    monkeypatch.setattr(parquet.ParquetFile, "read_row_group", recorded)
    table = read_table(str(path), needed=lambda names: ["y", "a"])
    assert asked == [["y", "a"]]
    assert set(table.frame) == {"a", "y"}
    assert table.names == ("a", "a.b", "c", "y")
    np.testing.assert_array_equal(table.frame["a"], frame_of()["a"])


def test_a_dot_in_the_name_of_a_column_is_a_part_of_it(tmp_path: Path):
    path = tmp_path / "t.parquet"
    frame_of().to_parquet(path)
    table = read_table(str(path), needed=lambda names: ["a.b"])
    assert list(table.frame["a.b"]) == list(range(50))


def test_the_design_is_standardised_and_the_table_stays_as_it_was():
    frame, every = frame_of(), np.ones(50, dtype=bool)
    read = parse("y ~ a", [])
    learnt = design.learn(read, frame, every, every)
    x = design.apply(read, learnt, frame)
    assert x[:, 0] == pytest.approx((frame["a"] - frame["a"].mean()) / frame["a"].std(ddof=0))
    pd.testing.assert_frame_equal(frame, frame_of())


def test_zeros_and_ones_are_asked_of_the_rows_that_are_used():
    late = pd.DataFrame({"x": [0.0, 1.0] * 600 + [2.0], "z": [0, 1] * 600 + [1], "one": 1.0})
    assert columns.zeros_and_ones(late, ["x", "z", "one", "absent"]) == ["z"]
    assert columns.zeros_and_ones(late, ["x", "z"], np.arange(1201) < 1200) == ["x", "z"]


def moments_at_once(x: np.ndarray, w: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    mean = np.average(x, axis=0, weights=w)
    return mean, np.sqrt(np.average(np.square(x - mean), axis=0, weights=w))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("formula", ["y ~ a", "y ~ a + c*C(k) + I(a*b)", "y ~ k:a + b"])
def test_moments_block_by_block_are_those_of_the_whole_design_to_the_last_digit(
    formula: str, weighted: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(terms, "NUMBERS", 64)
    monkeypatch.setattr(terms, "LEAST", 7)
    rng, n = np.random.default_rng(1), 500
    numbers = {"a": rng.normal(size=n) * 1e3, "b": rng.normal(size=n).astype(np.float32), "c": rng.integers(0, 9, n)}
    frame = pd.DataFrame(numbers | {"k": rng.choice(list("pqr"), n), "y": rng.normal(size=n)})
    train, w = rng.random(n) < 0.7, rng.integers(0, 3, n).astype(float) if weighted else None
    every, asked = np.ones(n, dtype=bool), parse(formula, [])
    learnt = design.learn(asked, frame, every, train, weights=w)
    whole = np.ascontiguousarray(terms.Terms(asked, frame, learnt.levels, learnt.learnt).at(slice(0, n)))
    rows = train if w is None else train & (w > 0)
    mean, sd = moments_at_once(whole[rows], None if w is None else w[rows])
    assert learnt.mean == mean.tolist()
    assert learnt.scale == sd.tolist()
    x, some = design.apply(asked, learnt, frame), np.flatnonzero(train)
    np.testing.assert_array_equal(x, (whole - mean) / sd)
    np.testing.assert_array_equal(design.Encoder(asked, learnt, frame).at(some), x[some])
    np.testing.assert_array_equal(design.Encoder(asked, learnt, frame).at(slice(20, 90)), x[20:90])


def test_a_number_that_is_too_large_is_refused_in_any_block(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(terms, "NUMBERS", 8)
    monkeypatch.setattr(terms, "LEAST", 8)
    frame, every, asked = frame_of(), np.ones(50, dtype=bool), parse("y ~ a + c", [])
    learnt = design.learn(asked, frame, every, every)
    frame.loc[43, "a"] = -1e200
    with pytest.raises(DataError, match=r"Feature 'a' has values of up to 1e\+200"):
        design.learn(asked, frame, every, every)
    with pytest.raises(DataError, match=r"Feature 'a' has values of up to 1e\+200"):
        design.apply(asked, learnt, frame)
    used = np.arange(50) != 43
    assert np.isfinite(design.apply(asked, learnt, frame, used)[used]).all()
    found = design.too_large(asked, learnt, frame)
    assert [(name, list(np.flatnonzero(rows))) for name, rows in found.items()] == [("a", [43])]


@pytest.mark.parametrize("statistics", [True, False])
def test_a_file_in_row_groups_is_read_as_it_is(tmp_path: Path, statistics: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(row_groups, "NUMBERS", 40)
    rng, n = np.random.default_rng(2), 95
    frame = pd.DataFrame(
        {
            "f": rng.normal(size=n).astype(np.float32), "gap": np.where(rng.random(n) < 0.2, np.nan, 1.5),
            "i": rng.integers(-5, 5, n), "u": rng.integers(0, 200, n).astype(np.uint8), "t": rng.choice(["x", "yy"], n),
            "b": rng.random(n) < 0.5, "cat": pd.Categorical(rng.choice(["m", "n"], n)),
            "whole": pd.array([None, 3] * 47 + [4], dtype="Int64"),
        }
    )  # fmt: skip
    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.set_column(1, "gap", pa.array(frame["gap"], from_pandas=True))
    parquet.write_table(table, tmp_path / "t.parquet", row_group_size=30, write_statistics=statistics)
    names = ["whole", "t", "f", "gap", "u", "cat", "i", "b"]
    found = row_groups.read(tmp_path / "t.parquet", names)
    assert found.column_names == names
    assert all(column.num_chunks == 1 for column in found.columns)
    for name in names:
        assert found.column(name).to_pylist() == table.column(name).to_pylist()
    empty = tmp_path / "empty.parquet"
    parquet.write_table(table.slice(0, 0), empty)
    assert len(row_groups.read(empty, ["f"])) == 0


def test_the_table_is_gone_once_the_samples_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    frame_of(200).to_parquet(tmp_path / "t.parquet")
    tables = []

    def remembered(*arguments, **named):
        table = read_table(*arguments, **named)
        tables.append(weakref.ref(table.frame))
        return table

    monkeypatch.setattr(read, "read_table", remembered)
    gc.collect()
    gc.disable()
    try:
        problem = Tabular(rngs=None, data=str(tmp_path / "t.parquet"), formula="y ~ log(a*a) + c")
        assert tables[0]() is None
    finally:
        gc.enable()
    assert problem.sample(None, "train").x.shape == (120, 2)


def test_the_order_of_a_split_is_that_of_64_bits():
    for n, val, test in ((1, 0.0, 0.0), (7, 0.0, 0.3), (1000, 0.2, 0.25)):
        order = np.random.default_rng(5).permutation(n)
        t, v = round(test * n), round(val * n)
        parts = split_rows(n, val, test, 5)
        assert set(parts["test"]) == set(order[:t])
        assert set(parts["val"]) == set(order[t : t + v])
        assert len(parts["train"]) == n - t - v


def test_different_values_are_counted_as_far_as_classes_go():
    frame = pd.DataFrame({"two": [1.0, 2.0, np.nan] * 700, "late": [0] * 2099 + [7], "text": ["u", "v", None] * 700})
    frame["many"] = np.arange(2100.0)
    assert [columns.different(frame[name]) for name in ("two", "late", "text")] == [2, 2, 2]
    assert columns.different(frame["late"], np.arange(2100) < 2000) == 1
    assert columns.different(frame["many"]) > 2


def test_more_levels_than_dummies_are_made_of_are_pointed_to_embeddings_and_absorption():
    column = pd.Series([f"firm {i}" for i in range(1200)])
    with pytest.raises(DataError, match=r"1,200 levels .*--embed firm:8.*y ~ x \| firm"):
        columns.levels(column, "firm")


MIXED = """n,whole,late,gap,word,hex,long,nan,none,neg,quoted
1,5,1,,a,1,12345678901234567890,1,,-1,"3"
2.5,6,2,1.5,b,2,2,2,,+2,"4"
3,7,3,,a,0x10,3,nan,,-3.5e2,"5"
4,8,x,2,b,4,4,4,,0,"6"
5,9,5,3,a,5,5,5,,1,"7"
"""


@pytest.mark.parametrize("asked", [Asked(), Asked(categorical=("whole",)), Asked(decimal=","), Asked(na_values=("3",))])
def test_numbers_of_a_large_file_of_text_are_read_at_once_as_if_they_had_been_text(
    tmp_path: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "t.csv"
    path.write_text(MIXED)
    before = read_table(str(path), asked)
    again = read_table(str(path), known=before.schema)
    monkeypatch.setattr(text_numbers, "LARGE", 0)
    blocks = separated._blocks

    def by_the_row(*arguments):
        for batch in blocks(*arguments):
            for i in range(len(batch)):
                yield batch.slice(i, 1)

    for cut in (blocks, by_the_row):
        monkeypatch.setattr(separated, "_blocks", cut)
        found, known = read_table(str(path), asked), read_table(str(path), known=before.schema)
        assert found.schema == before.schema
        for old, new in ((before, found), (again, known)):
            pd.testing.assert_frame_equal(old.frame, new.frame)
            assert old.wrong == new.wrong
    plain = files.read(path, None, asked, lambda name: True).columns
    kinds = {name: str(plain.schema.field(name).type) for name in plain.column_names}
    numbers = {"n": "double", "whole": "int64", "gap": "double", "neg": "double", "quoted": "int64"}
    assert kinds == dict.fromkeys(kinds, "string") | numbers
