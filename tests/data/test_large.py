"""What a large table would feel: columns that nobody uses are not read, and what is computed in place is ours alone."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet

from econml_cli.data import columns, design
from econml_cli.data.formula import parse
from econml_cli.data.read import read_table


def frame_of(n: int = 50) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {"a": rng.normal(size=n), "a.b": np.arange(n), "c": rng.integers(0, 2, n), "y": rng.normal(size=n)}
    )


def test_columns_that_are_not_needed_stay_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path, asked = tmp_path / "t.parquet", []
    frame_of().to_parquet(path)
    read = parquet.ParquetFile.read

    def recorded(self, names=None, **more):
        asked.append(names)
        return read(self, names, **more)

    monkeypatch.setattr(parquet.ParquetFile, "read", recorded)
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
