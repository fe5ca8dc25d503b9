"""Columns as separated text, beside what pandas writes."""

import io

import numpy as np
import pandas as pd
import pytest

from econml_cli.data import separated_out

COLUMNS = {
    "x, in euros": np.array([0.1, 1e-7, np.nan, -np.inf, 3.0], np.float32),
    "y": np.array([0.1, 1e-7, np.nan, 1e300, 123456789.125]),
    "count": np.array([0, -1, 2, 3, 2**40]),
    "fits": np.array([True, False, True, True, False]),
    "label": np.array(["a,b", 'say "so"', "", "two\nlines", "é;\t"], object),
    "split": np.full(5, "train"),
}


@pytest.mark.parametrize("mark", [",", "\t"])
@pytest.mark.parametrize("names", [list(COLUMNS), ["y"], ["label"]], ids=["all", "numbers", "texts"])
def test_it_is_what_pandas_writes_to_the_byte(mark, names, monkeypatch):
    monkeypatch.setattr(separated_out, "ROWS", 2)
    columns, file = {name: COLUMNS[name] for name in names}, io.StringIO(newline="")
    separated_out.write(columns, file, mark, "\n")
    assert file.getvalue() == pd.DataFrame(columns).to_csv(index=False, sep=mark, lineterminator="\n")


def test_without_rows_there_is_a_header():
    file = io.StringIO(newline="")
    separated_out.write({"x": np.zeros(0), "y": np.zeros(0)}, file, end="\n")
    assert file.getvalue() == "x,y\n"
